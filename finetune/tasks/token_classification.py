"""Token classification: named entities, parts of speech, any tag per word; of long documents too, by stride."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from finetune.errors import LabelError, UsageError
from finetune.labels import RowError, row_errors
from finetune.metrics.confusion import label_tables
from finetune.metrics.entities import entities, entity_tables
from finetune.models import Collator, load_pretrained, tiny_text_encoder
from finetune.task import (
    Baseline,
    Column,
    Example,
    FitBaseline,
    Mistake,
    Prediction,
    Row,
    TargetHints,
    Task,
    TaskOptions,
    object_array,
)
from finetune.text.rewriting import collect_mentions, rewrite_each, rewrite_outside, swap_mention
from finetune.text.tags import OUTSIDE, Tags, entity_spans, learn_tags, tag_words
from finetune.text.windows import read_windows
from finetune.text.words import MostFrequentTag, WordFeatures, encodable, read_words, split_words, text_of_words
from finetune.views import Field as InputField
from finetune.views import Marked, View

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource

SAMPLE = "Ada Lovelace wrote to Charles Babbage from London"
"""What `usage` asks."""


class TokenClassificationOptions(TaskOptions):
    """Settings of token classification."""

    stride: int = Field(default=64, ge=0)
    """Tokens that two windows of a long document share (at most half of what a window holds)."""
    label_pieces: Literal["first", "all"] = "first"
    """Which pieces of a word the loss looks at; answers always come from the first."""
    new_head: bool = False
    """Replace the head of a model that was trained for other tags."""


class TokenClassification(Task):
    """A tag for every word: entities (IOB1, IOB2, BIOES), parts of speech, or spans of a text."""

    name = "token-classification"
    auto_class = "AutoModelForTokenClassification"
    Options = TokenClassificationOptions
    options: TokenClassificationOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("tokens", "tokens", aliases=("tokens", "words", "text", "sentence")),
        Column("tags", "target", aliases=("tags", "ner_tags", "pos_tags", "upos", "ner", "pos", "labels", "entities",
                                          "spans", "label")),
        Column("text", "text", required=False, nullable=True),
    )  # fmt: skip
    kind = "tags"
    baselines = ("most-frequent-tag", "word-features")

    def __init__(self, options: TaskOptions | None = None, tags: Tags | None = None) -> None:
        super().__init__(options)
        self._tags = tags

    @property
    def tags(self) -> Tags:
        """What `learn` found."""
        if self._tags is None:
            raise UsageError("The task does not know its tags yet.", "Call learn() with training targets first.")
        return self._tags

    # -- what is to be learned

    def learn(self, values: Sequence[Any], hints: TargetHints) -> Self:
        return type(self)(self.options, learn_tags(values, hints.names, hints.separator))

    def parse_target(self, value: Any) -> list[Any]:
        """Tag ids of the words; or, for a text with spans, the spans, which `check_row` turns into tags."""
        return self.tags.parse(value)

    def check_row(self, row: dict[str, Any]) -> None:
        """Words and tags of equal number; a text is split into words, and its spans become their tags."""
        with row_errors():
            words = read_words(row["tokens"])
        if self.tags.spans:
            if not isinstance(words, str):
                raise RowError("a list of words beside spans of a text; map the column of the text to tokens")
            row["text"], (words, tags) = words, tag_words(words, row["tags"])
            row["tags"] = self.tags.parse(tags)
        elif isinstance(words, str):  # a tag per word, so the words are what white space parts
            words = words.split()
        if not words:
            raise RowError("empty tokens")
        if len(words) != len(row["tags"]):
            raise RowError(f"{len(words)} words but {len(row['tags'])} tags")
        row["tokens"] = words
        if "text" in row:
            with row_errors():
                row["text"] = text_of_words(words, row["text"])

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        used = Counter(tag for tags in targets for tag in tags)
        if len(used) < 2:
            only = self.tags.names[next(iter(used))] if used else None
            raise LabelError(
                f"All words of the {len(targets)} training rows have the tag {only!r}; there is nothing to tell apart.",
                "Check the column of the tags and the slice of the training split.",
            )

    @property
    def offsets_into(self) -> tuple[str, ...]:
        return ("tokens",) if self.tags.spans else ()

    def rewrite(self, row: Row, edit: Callable[[str], str], *, conservative: bool) -> Row | None:
        """Words outside of entities in runs; where every word has a tag of its own, conservatively and word by word."""
        words, tags = list(row["tokens"]), self.describe_target(row["tags"])
        if self.tags.scheme == "none":
            return self._with_words(row, rewrite_each(words, edit), tags) if conservative else None
        words, tags = rewrite_outside(words, tags, edit)
        return self._with_words(row, words, tags) if words else None

    def own_transforms(self, rows: Sequence[Row]) -> Mapping[str, Callable[[Row, random.Random], Row | None]]:
        """`entity_swap`: another entity of the same type in the place of one."""
        if self.tags.scheme == "none":
            return {}
        known = collect_mentions([(row["tokens"], self.describe_target(row["tags"])) for row in rows])

        def swap(row: Row, rng: random.Random) -> Row | None:
            swapped = swap_mention(row["tokens"], self.describe_target(row["tags"]), known, rng)
            return swapped and self._with_words(row, *swapped)

        return {"entity_swap": swap}

    def _with_words(self, row: Row, words: list[str], tags: list[str]) -> Row:
        changed = {**row, "tokens": words, "tags": [self.tags.ids[tag] for tag in tags]}
        return changed | {"text": text_of_words(words)} if "text" in row else changed

    def strata(self, targets: Sequence[Any]) -> np.ndarray | None:
        counts = np.bincount([tag for tags in targets for tag in tags], minlength=len(self.tags.names))
        return np.array([min(tags, key=lambda tag: counts[tag]) for tags in targets])  # by the row's rarest tag

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        found = (entity.type for tags in targets for entity in self.tags.entities(self.describe_target(tags)))
        return dict(Counter(found).most_common())

    # -- the model

    def load(self, source: ModelSource) -> tuple[Any, Any]:
        names = self.tags.names
        settings = {"num_labels": len(names), "id2label": dict(enumerate(names)), "label2id": self.tags.ids}
        model, processor = load_pretrained(self.auto_class, source, settings, replace_head=self.options.new_head)
        if not getattr(processor, "is_fast", False):
            raise UsageError(
                f"The tokenizer of {source.name} cannot say which word a token belongs to.", "Choose another model."
            )
        processor.padding_side = "right"  # the places of words in a window are counted from the left
        return model, processor

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        # Byte-level tokenizers tell "a" from " a": every word begins as words in a text do. To others it is the same.
        words = [[f" {encodable(str(word))}" for word in row["tokens"]] for row in rows]
        features = []
        for window in read_windows(words, processor, max_length, self.options.stride):
            about = {"row": window.row, "first": window.answered}
            features.append({**window.inputs, "length": window.length, "truncated": False, "about": about})
            if rows[window.row].get("tags") is not None:
                features[-1]["labels"] = window.labels(rows[window.row]["tags"], self.options.label_pieces)
        return features

    def collator(self, processor: Any) -> Collator:
        from transformers import DataCollatorForTokenClassification

        collate: Collator = DataCollatorForTokenClassification(processor)
        return collate

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        import torch
        from torch.nn import functional

        logits = outputs["logits"].float()
        total = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum")
        items = torch.as_tensor(self.count_items(labels) if num_items_in_batch is None else num_items_in_batch)
        return total / items.clamp(min=1)  # a window may hold the middle of a very long word, and nothing to learn from

    # -- answers

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        logits = [np.full((len(row["tokens"]), len(self.tags.names)), -np.inf) for row in rows]
        for kept, feature in zip(outputs, features, strict=True):
            for word, token in feature["about"]["first"].items():
                logits[feature["about"]["row"]][word] = kept["logits"][token]
        return [self._decoded(row, values) for row, values in zip(rows, logits, strict=True)]

    def _decoded(self, row: Row, logits: np.ndarray) -> Prediction:
        from scipy.special import softmax

        # A word of which the tokenizer leaves nothing (a lone control character) has no tag: it is outside.
        unseen = np.isinf(logits[:, 0])
        probabilities = softmax(np.where(unseen[:, None], 0.0, logits), axis=1)
        chosen = np.where(unseen, self.tags.ids.get(OUTSIDE, 0), probabilities.argmax(axis=1))
        return self._answer(row, self.describe_target(chosen), probabilities[np.arange(len(chosen)), chosen])

    def _answer(self, row: Row, tags: list[str], scores: np.ndarray) -> Prediction:
        """Tags of words, and where in the row's text stands what they mark."""
        marked = self.tags.entities(tags)
        return {"prediction": entity_spans(marked, row["tokens"], row.get("text"), scores), "tags": tags}

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [self._row_from(value) for value in inputs]

    @staticmethod
    def _row_from(value: Any) -> Row:
        text, words = None, value
        try:
            if isinstance(value, Mapping):
                text, words = value.get("text"), value.get("tokens")
                words = text if words is None else read_words(words)
            if isinstance(words, str):
                return {"tokens": [words[start:end] for start, end in split_words(words)], "text": words}
            if isinstance(words, list | tuple) and all(isinstance(word, str) for word in words):
                return {"tokens": list(words), "text": text_of_words(words, text)}
        except ValueError as error:
            raise UsageError(f"Cannot tag {str(value)[:60]!r}: {error}.", _FORMS) from None
        raise UsageError(f"Cannot tag {type(value).__name__} {str(value)[:60]!r}.", _FORMS)

    # -- scores

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("token_accuracy",) if self.tags.scheme == "none" else ("seqeval", "token_accuracy")

    def own_baselines(self) -> Mapping[str, tuple[str, FitBaseline]]:
        return {
            "most-frequent-tag": ("Most frequent tag of a word", self._most_frequent),
            "word-features": ("Logistic regression on words and their shapes", self._word_features),
        }

    def _most_frequent(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        rows, tags = zip(*((row["tokens"], row["tags"]) for row in train), strict=True)
        tagger = MostFrequentTag(rows, tags, len(self.tags.names))
        scores = {}
        for tag in (tagger.unknown, tagger.rare):
            tagger.unknown = tag
            scores[tag] = self._score(tagger, validation)
        tagger.unknown = max(scores, key=lambda tag: scores[tag])
        unknown = self.tags.names[tagger.unknown]
        return partial(self._tag, tagger), f"{len(tagger.known):,} words; {unknown!r} for others (by validation rows)"

    def _score(self, tagger: MostFrequentTag, rows: Sequence[Row]) -> float:
        from finetune.metrics import load_metric

        arrays = self.arrays(self._tag(tagger, rows), self.references(rows))
        scores = load_metric(self.metrics[0]).measure(arrays["predictions"], arrays["references"])
        return float(next(iter(scores.values())))

    def _word_features(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        rows, tags = zip(*((row["tokens"], row["tags"]) for row in train), strict=True)
        tagger = WordFeatures(rows, tags)
        return partial(self._tag, tagger), "word, shape, prefixes, suffixes, two neighbours on each side"

    def _tag(self, tagger: Callable[[Sequence[str]], list[int]], rows: Sequence[Row]) -> list[Prediction]:
        tags = [self.describe_target(tagger(row["tokens"])) for row in rows]
        return [self._answer(row, names, np.ones(len(names))) for row, names in zip(rows, tags, strict=True)]

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        return {
            "predictions": object_array([list(p["tags"]) for p in predictions]),
            "references": object_array([self.describe_target(tags) for tags in references]),
        }

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        return [{"prediction": [], "tags": self.describe_target(tags)} for tags in references]

    def details(self, arrays: Mapping[str, np.ndarray], rows: Sequence[Row]) -> dict[str, Any]:
        if self.tags.scheme != "none":
            return entity_tables(arrays["predictions"].tolist(), arrays["references"].tolist())
        sides = (arrays["predictions"], arrays["references"])
        given, wanted = (np.array([self.tags.ids[tag] for tags in side for tag in tags]) for side in sides)
        return label_tables(given, wanted, self.tags.names)

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        given, wanted = (self._said(row, tags) for tags in (answer["tags"], reference))
        invented, missed = given.keys() - wanted.keys(), wanted.keys() - given.keys()
        if not invented and not missed:  # other tags may mark the same entities
            return None
        scores = {(s["start"], s["end"], s["label"]): s["score"] for s in answer["prediction"]}
        surest = max(invented, key=lambda key: scores[key], default=None)
        size, note = (scores[surest], f"{given[surest]}: {scores[surest]:.2f}") if surest else (0.0, "")
        return Mistake(size, _listing(given, invented), _listing(wanted, missed), note)

    def _said(self, row: Row, tags: Sequence[str]) -> dict[tuple[int, int, str], str]:
        spans = entity_spans(self.tags.entities(tags), row["tokens"], row.get("text"))
        return {(span["start"], span["end"], span["label"]): f"{span['text']} → {span['label']}" for span in spans}

    def text_of(self, row: Row) -> str:
        return row["tokens"] if isinstance(row["tokens"], str) else " ".join(map(str, row["tokens"]))

    def describe_target(self, value: Any) -> list[str]:
        return [self.tags.names[i] for i in value]

    # -- for people

    def fields(self) -> tuple[InputField, ...]:
        return (InputField("text", "text", "Text", lines=4, hint="Write or paste a text"),)

    @property
    def shows(self) -> tuple[type[View], ...]:
        return (Marked,)

    def views(self, row: Row, answer: Prediction) -> tuple[View, ...]:
        text = text_of_words(row["tokens"], row.get("text"))
        return (Marked(text, [(span["start"], span["end"], span["label"]) for span in answer["prediction"]]),)

    def usage(self, repository: str, *, adapter: bool) -> str:
        # An adapter's folder does not say which tags there are, nor does the base model.
        place, labels = json.dumps(repository), f"labels = {dict(enumerate(self.tags.names))!r}\n" if adapter else ""
        if self.tags.scheme in ("IOB1", "IOB2"):
            head = ', "ignore_mismatched_sizes": True' if self.options.new_head else ""
            more = f', model_kwargs={{"id2label": labels{head}}}' if adapter else ""
            return (
                f"from transformers import pipeline\n\n{labels}"
                f'tagger = pipeline("token-classification", model={place}, aggregation_strategy="first"{more})\n'
                f'print(tagger("{SAMPLE}"))\n'
            )
        # The pipeline joins neighbours of one tag, and does not know the tags of single words.
        head = ", ignore_mismatched_sizes=True" if self.options.new_head else ""
        more = f", id2label=labels{head}" if adapter else ""
        return (
            f"from transformers import AutoModelForTokenClassification, AutoTokenizer\n\n{labels}"
            f"tokenizer = AutoTokenizer.from_pretrained({place})\n"
            f"model = AutoModelForTokenClassification.from_pretrained({place}{more}).eval()\n"
            f'text = "{SAMPLE}"\n'
            'inputs = tokenizer(text, return_tensors="pt")\n'
            "tags = model(**inputs).logits[0].argmax(-1).tolist()\n"
            "words = dict.fromkeys(word for word in inputs.word_ids() if word is not None)\n"
            "pieces = {text[slice(*inputs.word_to_chars(word))]: inputs.word_to_tokens(word).start for word in words}\n"
            "print({word: model.config.id2label[tags[first]] for word, first in pieces.items()})\n"
        )

    # -- self-description

    @classmethod
    def examples(cls) -> dict[str, Example]:
        told = [
            [first, last, verb, "in", place]
            for first in ("ada", "grace", "alan") for last in ("king", "hill")
            for verb in ("met", "saw", "left") for place in ("paris", "london", "oslo")
        ]  # fmt: skip
        tags = {
            "IOB2": ["B-PER", "I-PER", "O", "O", "B-LOC"], "IOB1": ["I-PER", "I-PER", "O", "O", "I-LOC"],
            "BIOES": ["B-PER", "E-PER", "O", "O", "S-LOC"], "parts-of-speech": ["NOUN", "NOUN", "VERB", "ADP", "NOUN"],
        }  # fmt: skip
        variants: dict[str, list[dict[str, Any]]] = {
            name: [{"tokens": words, "tags": own} for words in told] for name, own in tags.items()
        }
        named = entities(tags["IOB2"])
        variants["spans"] = [{"text": " ".join(words), "spans": entity_spans(named, words)} for words in told]
        variants["long"] = [{"tokens": (words * 20)[:90], "tags": (tags["IOB2"] * 20)[:90]} for words in told[::2]]
        texts = [" ".join(words) for words in told]
        return {
            name: Example(rows, {"stride": 8}, lambda folder: tiny_text_encoder(folder, texts))
            for name, rows in variants.items()
        }

    def state(self) -> dict[str, Any]:
        return asdict(self.tags) | {"names": list(self.tags.names)}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options, Tags(**{**state, "names": tuple(state["names"])}))


_FORMS = "Give a text, a list of words, {'text': …} or {'tokens': […]}."


def _listing(said: Mapping[Any, str], chosen: Collection[Any]) -> str:
    """Some of what is said of a text, in its order."""
    return "; ".join(said[key] for key in sorted(chosen)) or "(none)"
