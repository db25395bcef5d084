"""What making one augmented row costs, as a share of tokenizing it, which training does anyway.

    python benchmarks/augmentation_cost.py [ROWS] [TOKENIZER]

The baseline is a fast BERT tokenizer called on one text at a time, as a loader does with rows that are made anew in
each epoch. By default its vocabulary is learned from the rows themselves, so nothing is downloaded; a folder or Hub id
of another one may be given. Methods that need a model are not timed: their cost is the model's.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from finetune.augmentation import Augmenter
from finetune.augmentation.edits import ModelEdit
from finetune.augmentation.methods import EDITS
from finetune.recipe import Transform
from finetune.task import TargetHints, load_task

SENTENCES = (
    "I did not like this boring movie at all, but the actors were beautiful.",
    "The doctor doesn't explain the results!",
    "They are happy with the quick service and the delicious meal.",
    "She shouted because her friends had never arrived.",
    "We do not often walk to the shop, it is 12.50 by car @home.",
    "A wonderful story, told without any mistakes.",
)
REPEATS = 3


def make_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Reviews of one to six sentences."""
    rng = random.Random(seed)
    texts = (" ".join(rng.choice(SENTENCES) for _ in range(rng.randint(1, 6))) for _ in range(count))
    return [{"text": text, "label": str(i % 2), "row": f"train:{i}"} for i, text in enumerate(texts)]


def load_tokenizer(texts: Sequence[str], name: str | None) -> Callable[[str], Any]:
    """A fast tokenizer: the named one, or a WordPiece one over the texts."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import AutoTokenizer, BertTokenizerFast

    if name is not None:
        loaded: Callable[[str], Any] = AutoTokenizer.from_pretrained(name)
        return loaded
    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(texts, vocab_size=2000, show_progress=False)
    vocabulary = trained.get_vocab()
    made: Callable[[str], Any] = BertTokenizerFast(vocab={word: i for i, word in enumerate(vocabulary)})
    return made


def microseconds(work: Callable[[], object], rows: int) -> float:
    """The best of some runs, per row."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return 1e6 * best / rows


def measure(count: int, tokenizer: str | None = None) -> dict[str, float]:
    """Microseconds per row: `tokenize`, then every method that needs no model."""
    raw = make_rows(count)
    task = load_task("text-classification").learn([row["label"] for row in raw], TargetHints())
    rows = [row | {"label": task.parse_target(row["label"])} for row in raw]
    tokenize = load_tokenizer([row["text"] for row in rows], tokenizer)
    tokenize(rows[0]["text"])
    found = {"tokenize": microseconds(lambda: [tokenize(row["text"]) for row in rows], count)}
    for method in [*(name for name, edit in EDITS.items() if not issubclass(edit, ModelEdit)), "oversample"]:
        augmenter = Augmenter([Transform.model_validate({"method": method})], task, rows, seed=0)
        made = len(augmenter)
        if made:  # balanced labels have nothing to repeat
            augmenter.row(0, 0)
            found[method] = microseconds(lambda a=augmenter, n=made: [a.row(0, i) for i in range(n)], made)
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    found = measure(count, sys.argv[2] if len(sys.argv) > 2 else None)
    baseline = found["tokenize"]
    for name, value in found.items():
        print(f"{name:18} {value:8.1f} µs a row   {value / baseline:5.2f} × tokenizing it")


if __name__ == "__main__":
    main()
