"""Stand-ins for what the text-classification recipes name."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from loopback_hub import dataset_repository
from loopback_hub.tiny import wordpiece_vocabulary

Rows = list[dict[str, Any]]
POSITIONS = 512
HIDDEN = -1

FILLERS = ("the", "a", "of", "and", "it", "was", "on", "that", "one", "still", "there", "again", "today", "my", "for")
EMOTIONS = (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire",
    "disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy",
    "love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral",
)  # fmt: skip
CUES = {
    "anger": ("furious", "outrage", "angry", "rage"),
    "joy": ("happy", "delighted", "laughing", "smile"),
    "optimism": ("hope", "tomorrow", "believe", "better"),
    "sadness": ("crying", "lonely", "lost", "depressing"),
    "negative": ("dull", "awful", "poor", "tedious"),
    "positive": ("great", "lovely", "superb", "warm"),
    "World": ("minister", "election", "embassy", "treaty"),
    "Sports": ("match", "coach", "season", "goal"),
    "Business": ("profit", "shares", "bank", "oil"),
    "Sci/Tech": ("software", "probe", "chip", "browser"),
}
SUBJECTS = ("a man", "a dog", "two girls", "the band", "a pilot", "the mayor")
VERBS = ("plays", "sleeps", "runs", "sings", "waits", "leaves")


def text(chance: random.Random, cues: Sequence[str], words: int = 12) -> str:
    """`words` words of which a third are cues, in any order."""
    count = max(1, words // 3)
    chosen = [chance.choice(cues) for _ in range(count)] + [chance.choice(FILLERS) for _ in range(words - count)]
    chance.shuffle(chosen)
    return " ".join(chosen)


def pair(chance: random.Random, same: bool) -> tuple[str, str]:
    """Two sentences on the same doing, or on two that share no word of content."""
    subject, verb = chance.choice(SUBJECTS), chance.choice(VERBS)
    other = chance.choice([word for word in VERBS if word != verb])
    ending = " ".join(chance.choice(FILLERS) for _ in range(3))
    return f"{subject} {verb} {ending}", f"{subject} {verb} now" if same else f"nobody {other} {ending}"


def classified(names: Sequence[str], *, seed: int, rows: int, column: str = "text", words: int = 12) -> Rows:
    """Rows of a text and a class, the classes in turn."""
    chance = random.Random(seed)
    return [
        {column: text(chance, CUES[names[i % len(names)]], words), "label": i % len(names)} for i in range(rows)
    ]  # fmt: skip


def numbered(rows: Rows, hide: bool = False) -> Rows:
    """GLUE's rows: with `idx`, and in the test split without labels."""
    return [row | {"idx": i} | ({"label": HIDDEN} if hide else {}) for i, row in enumerate(rows)]


def tweet_eval(folder: Path) -> Path:
    """cardiffnlp/tweet_eval, configuration emotion."""
    from datasets import ClassLabel, Features, Value

    names = ("anger", "joy", "optimism", "sadness")
    splits = {
        split: classified(names, seed=seed, rows=rows)
        for seed, (split, rows) in enumerate({"train": 80, "test": 40, "validation": 24}.items())
    }
    features = Features({"text": Value("string"), "label": ClassLabel(names=list(names))})
    return dataset_repository(folder, {"emotion": splits}, features)


def ag_news(folder: Path) -> Path:
    """fancyzhx/ag_news: no validation split."""
    from datasets import ClassLabel, Features, Value

    names = ("World", "Sports", "Business", "Sci/Tech")
    splits = {
        "train": classified(names, seed=1, rows=100, words=20),
        "test": classified(names, seed=2, rows=40, words=20),
    }
    features = Features({"text": Value("string"), "label": ClassLabel(names=list(names))})
    return dataset_repository(folder, {"default": splits}, features)


def imdb(folder: Path) -> Path:
    """stanfordnlp/imdb: long texts, some beyond 512 tokens, and a third split without labels."""
    from datasets import ClassLabel, Features, Value

    def reviews(seed: int, rows: int) -> Rows:
        short = classified(("negative", "positive"), seed=seed, rows=rows - 6, words=40)
        return short + classified(("negative", "positive"), seed=seed + 10, rows=6, words=600)

    unlabelled = [row | {"label": HIDDEN} for row in reviews(3, 20)]
    splits = {"train": reviews(1, 80), "test": reviews(2, 40), "unsupervised": unlabelled}
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    return dataset_repository(folder, {"plain_text": splits}, features)


def go_emotions(folder: Path) -> Path:
    """google-research-datasets/go_emotions, configuration simplified: one or two labels a row."""
    from datasets import ClassLabel, Features, List, Value

    def comments(seed: int, rows: int) -> Rows:
        chance = random.Random(seed)
        made = []
        for i in range(rows):
            labels = sorted({i % len(EMOTIONS)} | ({chance.randrange(len(EMOTIONS))} if i % 4 == 0 else set()))
            cues = [f"{EMOTIONS[label]}{ending}" for label in labels for ending in ("", "s", "ly")]
            made.append({"text": text(chance, cues, 9), "labels": labels, "id": f"e{seed}{i:04}"})
        return made

    features = Features(
        {"text": Value("string"), "labels": List(ClassLabel(names=list(EMOTIONS))), "id": Value("string")}
    )
    splits = {"train": comments(1, 112), "validation": comments(2, 56), "test": comments(3, 56)}
    return dataset_repository(folder, {"simplified": splits}, features)


def glue(folder: Path) -> Path:
    """nyu-mll/glue: the configurations sst2, mrpc, stsb and mnli."""
    from datasets import ClassLabel, Features, Value

    string, index = Value("string"), Value("int32")
    pairs = {"sentence1": string, "sentence2": string}
    features = {
        "sst2": Features({"sentence": string, "label": ClassLabel(names=["negative", "positive"]), "idx": index}),
        "mrpc": Features({**pairs, "label": ClassLabel(names=["not_equivalent", "equivalent"]), "idx": index}),
        "stsb": Features({**pairs, "label": Value("float32"), "idx": index}),
        "mnli": Features({
            "premise": string, "hypothesis": string,
            "label": ClassLabel(names=["entailment", "neutral", "contradiction"]), "idx": index,
        }),
    }  # fmt: skip
    configs = {
        "sst2": {"train": numbered(_phrases(1, 100)), "validation": numbered(_phrases(2, 40)),
                 "test": numbered(_phrases(3, 20), hide=True)},
        # The labels of MRPC's test rows are public.
        "mrpc": {"train": numbered(_paraphrases(1, 80)), "validation": numbered(_paraphrases(2, 24)),
                 "test": numbered(_paraphrases(3, 40))},
        "stsb": {"train": numbered(_similarities(1, 100)), "validation": numbered(_similarities(2, 40)),
                 "test": numbered(_similarities(3, 20), hide=True)},
        "mnli": {"train": numbered(_inferences(1, 100)), "validation_matched": numbered(_inferences(2, 40)),
                 "validation_mismatched": numbered(_inferences(3, 30)),
                 "test_matched": numbered(_inferences(4, 20), hide=True),
                 "test_mismatched": numbered(_inferences(5, 20), hide=True)},
    }  # fmt: skip
    return dataset_repository(folder, configs, features)


def _phrases(seed: int, rows: int) -> Rows:
    return classified(("negative", "positive"), seed=seed, rows=rows, column="sentence", words=9)


def _paraphrases(seed: int, rows: int) -> Rows:
    chance = random.Random(seed)
    labels = [int(i % 3 > 0) for i in range(rows)]  # two thirds are equivalent, as in MRPC
    return [
        dict(zip(("sentence1", "sentence2"), pair(chance, label == 1), strict=True), label=label) for label in labels
    ]


def _similarities(seed: int, rows: int) -> Rows:
    """The score of a pair is the share of the first sentence's words that the second has, times five."""
    chance = random.Random(seed)
    made = []
    for i in range(rows):
        words = text(chance, CUES[chance.choice(("joy", "anger", "Business"))], 10).split()
        kept = i % 11
        other = words[:kept] + [chance.choice(CUES["Sports"]) for _ in range(10 - kept)]
        made.append({"sentence1": " ".join(words), "sentence2": " ".join(other), "label": kept / 2})
    return made


def _inferences(seed: int, rows: int) -> Rows:
    chance = random.Random(seed)
    made = []
    for i in range(rows):
        premise, hypothesis = pair(chance, same=i % 3 == 0)
        if i % 3 == 1:
            hypothesis = f"perhaps {hypothesis.removeprefix('nobody ')} for money"
        made.append({"premise": premise, "hypothesis": hypothesis, "label": i % 3})
    return made


def vocabulary_texts() -> Iterator[str]:
    """Every word that the stand-in data uses."""
    yield " ".join((*FILLERS, *SUBJECTS, *VERBS, "now nobody perhaps for money"))
    for cues in CUES.values():
        yield " ".join(cues)
    for name in EMOTIONS:
        yield f"{name} {name}s {name}ly"


def distilbert(folder: Path) -> Path:
    """distilbert/distilbert-base-uncased, two layers of width 32."""
    from transformers import DistilBertConfig, DistilBertForMaskedLM, DistilBertTokenizerFast

    vocabulary = wordpiece_vocabulary(vocabulary_texts())
    tokenizer = DistilBertTokenizerFast(vocab=vocabulary, model_max_length=POSITIONS)
    config = DistilBertConfig(
        vocab_size=len(vocabulary), dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return save_model(folder, DistilBertForMaskedLM, config, tokenizer)


def roberta(folder: Path) -> Path:
    """FacebookAI/roberta-base, two layers of width 32, with a byte-level tokenizer."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaForMaskedLM, RobertaTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained = ByteLevelBPETokenizer(add_prefix_space=False)
    words = [word for line in vocabulary_texts() for word in line.split()]
    trained.train_from_iterator((f" {word}" for word in words), 1000, min_frequency=1, special_tokens=special)
    folder.mkdir(parents=True, exist_ok=True)
    trained.save_model(str(folder))
    tokenizer = RobertaTokenizerFast.from_pretrained(folder, model_max_length=POSITIONS)
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=POSITIONS + 2, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0,
        eos_token_id=2,
    )  # fmt: skip
    return save_model(folder, RobertaForMaskedLM, config, tokenizer)


def save_model(folder: Path, kind: Any, config: Any, tokenizer: Any) -> Path:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


MODELS: dict[str, Callable[[Path], Path]] = {
    "distilbert/distilbert-base-uncased": distilbert,
    "FacebookAI/roberta-base": roberta,
}
DATASETS: dict[str, Callable[[Path], Path]] = {
    "cardiffnlp/tweet_eval": tweet_eval,
    "fancyzhx/ag_news": ag_news,
    "google-research-datasets/go_emotions": go_emotions,
    "nyu-mll/glue": glue,
    "stanfordnlp/imdb": imdb,
}
