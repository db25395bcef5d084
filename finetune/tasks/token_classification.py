"""Token classification: named entities, parts of speech, any tag per word; of long documents too, by stride."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from finetune.errors import LabelError, UsageError
from finetune.labels import RowError
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
from finetune.words import MostFrequentTag, WordFeatures, find_words, split_words

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource

OUTSIDE = "O"
_PREFIXED = re.compile(r"[BIESLU]-.+")
Span = dict[str, Any]


class TokenClassificationOptions(TaskOptions):
    """Settings of token classification."""

    stride: int = Field(default=64, ge=0)
    """Tokens that two windows of a long document share (at most half of what a window holds)."""
    label_pieces: Literal["first", "all"] = "first"
    """Which pieces of a word the loss looks at; answers always come from the first."""
    new_head: bool = False
    """Replace the head of a model that was trained for other tags."""


@dataclass(frozen=True)
class Tags:
    """What is learned of the target.

    Attributes:
        names: Tags in the order of their ids.
        scheme: How they mark entities (`IOB1`, `IOB2`, `BIOES`), or `none` where every word has a tag of its own.
    """

    names: tuple[str, ...]
    scheme: str


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
        Column("text", "text", required=False),
    )  # fmt: skip

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
        present = [value for value in values if value is not None and len(value)]
        if not present:
            raise LabelError("No row has tags.", "Name the column of the tags under data.columns, as {tags: ner_tags}.")
        if isinstance(present[0][0], Mapping):
            types = sorted({str(span["label"]) for value in present for span in value})
            names = [OUTSIDE, *(f"{prefix}-{name}" for name in types for prefix in "BI")]
            return type(self)(self.options, Tags(tuple(names), "IOB2"))
        seen = {tag for value in present for tag in value}
        named = list(hints.names or sorted(map(str, seen), key=lambda tag: (tag != OUTSIDE, tag)))
        rows = [[self._name(tag, named) for tag in value] for value in present]
        return type(self)(self.options, Tags(tuple(named), _scheme(named, rows)))

    @staticmethod
    def _name(tag: Any, names: Sequence[str]) -> str:
        return names[int(tag)] if isinstance(tag, int | np.integer) and 0 <= tag < len(names) else str(tag)

    def parse_target(self, value: Any) -> list[Any]:
        """Tag ids of the words; or, for a text with spans, the spans, which `check_row` turns into tags."""
        if value is None:
            raise RowError("missing target")
        if len(value) and isinstance(value[0], Mapping):
            return [dict(span) for span in value]
        return [self._id(tag) for tag in value]

    def _id(self, tag: Any) -> int:
        name = self._name(tag, self.tags.names)
        if name not in self._ids:
            raise RowError(f"unknown tag {name!r}")
        return self._ids[name]

    @property
    def _ids(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.tags.names)}

    def check_row(self, row: dict[str, Any]) -> None:
        """Words and tags of equal number; a text is split into words, and its spans become their tags."""
        if isinstance(row["tokens"], str):
            row["text"] = row["tokens"]
            self._tag_text(row)
        elif "text" not in row or row["text"] is None:
            row["text"] = " ".join(row["tokens"])
        if not len(row["tokens"]):
            raise RowError("empty tokens")
        if len(row["tokens"]) != len(row["tags"]):
            raise RowError(f"{len(row['tokens'])} words but {len(row['tags'])} tags")

    def _tag_text(self, row: dict[str, Any]) -> None:
        text, spans = row["text"], sorted(row["tags"], key=lambda span: (span["start"], span["end"]))
        if spans and not isinstance(spans[0], Mapping):
            raise RowError("tags of words beside a text that is not split into words")
        for span in spans:
            if not 0 <= span["start"] < span["end"] <= len(text):
                raise RowError(f"a span from {span['start']} to {span['end']} in a text of {len(text)} characters")
        if any(left["end"] > right["start"] for left, right in pairwise(spans)):
            raise RowError("overlapping spans, which one tag per word cannot hold")
        # Words end where spans do, so that each span is some words, whole.
        words = split_words(text, [place for span in spans for place in (span["start"], span["end"])])
        tags = [OUTSIDE] * len(words)
        for span in spans:
            inside = [i for i, (start, end) in enumerate(words) if span["start"] <= start and end <= span["end"]]
            for i in inside:
                tags[i] = f"{'B' if i == inside[0] else 'I'}-{span['label']}"
        row["tokens"] = [text[start:end] for start, end in words]
        row["tags"] = [self._id(tag) for tag in tags]

    def check_training_rows(self, targets: Sequence[Any]) -> None:
        used = Counter(tag for tags in targets for tag in tags)
        if len(used) < 2:
            only = self.tags.names[next(iter(used))] if used else None
            raise LabelError(
                f"All words of the {len(targets)} training rows have the tag {only!r}; there is nothing to tell apart.",
                "Check the column of the tags and the slice of the training split.",
            )

    def strata(self, targets: Sequence[Any]) -> np.ndarray | None:
        counts = np.bincount([tag for tags in targets for tag in tags], minlength=len(self.tags.names))
        return np.array([min(tags, key=lambda tag: counts[tag]) for tags in targets])  # by the row's rarest tag

    def summarize(self, targets: Sequence[Any]) -> dict[str, float]:
        if self.tags.scheme == "none":
            return dict(Counter(name for tags in targets for name in self.describe_target(tags)).most_common())
        found = Counter(entity.type for tags in targets for entity in entities(self.describe_target(tags)))
        return dict(found.most_common())

    # -- the model

    def load(self, source: ModelSource) -> tuple[Any, Any]:
        names = self.tags.names
        settings = {"num_labels": len(names), "id2label": dict(enumerate(names)), "label2id": self._ids}
        model, processor = load_pretrained(self.auto_class, source, settings, replace_head=self.options.new_head)
        if not getattr(processor, "is_fast", False):
            raise UsageError(
                f"The tokenizer of {source.name} cannot say which word a token belongs to.", "Choose another model."
            )
        if getattr(processor, "add_prefix_space", None) is False:
            # Byte-level tokenizers tell "a" from " a": every word has to begin as words in a text do.
            processor = type(processor).from_pretrained(source.path, revision=source.revision, add_prefix_space=True)
        return model, processor

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        filled = [(index, row) for index, row in enumerate(rows) if len(row["tokens"])]
        if not filled:
            return []
        words = [[str(word) for word in row["tokens"]] for _, row in filled]
        whole = processor(words, is_split_into_words=True, truncation=False, verbose=False)
        features: list[dict[str, Any]] = []
        for place, (index, row) in enumerate(filled):
            pieces = whole.encodings[place].word_ids
            windows = [({key: whole[key][place] for key in whole}, pieces, _first_pieces(pieces))]
            if max_length is not None and len(pieces) > max_length:
                windows = self._windows(words[place], pieces, processor, max_length)
            for window, of_words, first in windows:
                about = {"row": index, "first": first}
                features.append(window | {"length": len(pieces), "truncated": False, "about": about})
                if row.get("tags") is not None:
                    features[-1]["labels"] = self._labels(of_words, first, row["tags"])
        return features

    def _windows(
        self, words: list[str], pieces: Sequence[int | None], processor: Any, max_length: int
    ) -> list[tuple[dict[str, Any], Sequence[int | None], dict[int, int]]]:
        """Overlapping parts of a long row: inputs, the word of each token, and the words that begin there with their
        first token."""
        room = max_length - processor.num_special_tokens_to_add()
        if room < 1:
            raise UsageError(f"max_length {max_length} leaves no token for the text.", "Raise model.max_length.")
        stride = min(self.options.stride, room // 2)
        encoded = processor(
            words, is_split_into_words=True, truncation=True, max_length=max_length, stride=stride,
            return_overflowing_tokens=True, verbose=False,
        )  # fmt: skip
        keys = [key for key in encoded if key != "overflow_to_sample_mapping"]
        begun = _first_pieces([word for word in pieces if word is not None])  # in the whole row
        windows = []
        for place, encoding in enumerate(encoded.encodings):
            of_words = encoding.word_ids
            own = [token for token, word in enumerate(of_words) if word is not None]
            start = place * (room - stride)
            first = {of_words[t]: t for number, t in enumerate(own) if begun[of_words[t]] == start + number}
            windows.append(({key: encoded[key][place] for key in keys}, of_words, first))
        return windows

    def _labels(self, words: Sequence[int | None], first: Mapping[int, int], tags: Sequence[int]) -> list[int]:
        if self.options.label_pieces == "all":
            return [-100 if word is None else tags[word] for word in words]
        labels = [-100] * len(words)
        for word, token in first.items():
            labels[token] = tags[word]
        return labels

    def collator(self, processor: Any) -> Collator:
        from transformers import DataCollatorForTokenClassification

        collate: Collator = DataCollatorForTokenClassification(processor)
        return collate

    def loss(self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None) -> torch.Tensor:
        from torch.nn import functional

        logits = outputs["logits"].float()
        total = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum")
        return total / (num_items_in_batch if num_items_in_batch is not None else self.count_items(labels).clamp(min=1))

    # -- answers

    def decode(
        self, outputs: Sequence[Mapping[str, np.ndarray]], features: Sequence[Mapping[str, Any]], rows: Sequence[Row]
    ) -> list[Prediction]:
        logits = [np.full((len(row["tokens"]), len(self.tags.names)), -np.inf) for row in rows]
        best = [np.full(len(row["tokens"]), -1) for row in rows]
        for kept, feature in zip(outputs, features, strict=True):
            about, end = feature["about"], len(feature["input_ids"])
            for word, token in about["first"].items():
                # Where windows overlap, the one in which the word has the most on either side sees it best.
                margin = min(token, end - 1 - token)
                if margin > best[about["row"]][word]:
                    best[about["row"]][word] = margin
                    logits[about["row"]][word] = kept["logits"][token]
        return [self._answer(row, values) for row, values in zip(rows, logits, strict=True)]

    def _answer(self, row: Row, logits: np.ndarray) -> Prediction:
        # A word of which the tokenizer leaves nothing (a lone control character) has no tag: it is outside.
        unseen = np.isinf(logits[:, 0])
        logits = np.where(unseen[:, None], 0.0, logits)
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        probabilities = exponents / exponents.sum(axis=1, keepdims=True)
        chosen = np.where(unseen, self._ids.get(OUTSIDE, 0), probabilities.argmax(axis=1))
        sure = probabilities[np.arange(len(chosen)), chosen]
        tags = [self.tags.names[i] for i in chosen]
        return {"prediction": self._spans(row, tags, sure), "tags": tags}

    def _spans(self, row: Row, tags: Sequence[str], sure: np.ndarray) -> list[Span]:
        text = row.get("text") or " ".join(row["tokens"])
        places = find_words(text, row["tokens"])
        return [
            {"start": places[first][0], "end": places[last - 1][1], "label": label,
             "text": text[places[first][0] : places[last - 1][1]], "score": float(sure[first:last].mean())}
            for label, first, last in self._entities(tags)
        ]  # fmt: skip

    def _entities(self, tags: Sequence[str]) -> list[tuple[str, int, int]]:
        """Type, first word and word after the last of every entity, or of every word where tags are no entities."""
        if self.tags.scheme == "none":
            return [(tag, i, i + 1) for i, tag in enumerate(tags)]
        return [(entity.type, entity.start, entity.end) for entity in entities(tags)]

    def rows_from(self, inputs: Sequence[Any]) -> list[Row]:
        return [self._row_from(value) for value in inputs]

    @staticmethod
    def _row_from(value: Any) -> Row:
        if isinstance(value, Mapping):
            value = value.get("text") if value.get("tokens") is None else value["tokens"]
        if isinstance(value, str):
            return {"tokens": [value[start:end] for start, end in split_words(value)], "text": value}
        if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
            return {"tokens": list(value), "text": " ".join(value)}
        raise UsageError(
            f"Cannot tag {type(value).__name__} {str(value)[:60]!r}.",
            "Give a text, a list of words, {'text': …} or {'tokens': […]}.",
        )

    # -- scores

    @property
    def kind(self) -> str:
        return "tags"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("token_accuracy",) if self.tags.scheme == "none" else ("seqeval", "token_accuracy")

    @property
    def baselines(self) -> tuple[str, ...]:
        return ("most-frequent-tag", "word-features")

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
            scores[tag] = self._validated(self._baseline(tagger), validation)
        tagger.unknown = max(scores, key=lambda tag: scores[tag])
        unknown = self.tags.names[tagger.unknown]
        return self._baseline(tagger), f"{len(tagger.known):,} words; {unknown!r} for others (by validation rows)"

    def _validated(self, baseline: Baseline, validation: Sequence[Row]) -> float:
        from finetune.metrics import load_metric

        arrays = self.arrays(baseline(validation), self.references(validation))
        scores = load_metric(self.metrics[0]).measure(arrays["predictions"], arrays["references"])
        return float(next(iter(scores.values())))

    def _word_features(self, train: Sequence[Row], validation: Sequence[Row]) -> tuple[Baseline, str]:
        rows, tags = zip(*((row["tokens"], row["tags"]) for row in train), strict=True)
        return self._baseline(WordFeatures(rows, tags)), "word, shape, prefixes, suffixes, two neighbours on each side"

    def _baseline(self, tagger: Callable[[Sequence[str]], list[int]]) -> Baseline:
        def predict(rows: Sequence[Row]) -> list[Prediction]:
            tags = [self.describe_target(tagger(row["tokens"])) for row in rows]
            return [
                {"prediction": self._spans(row, names, np.ones(len(names))), "tags": names}
                for row, names in zip(rows, tags, strict=True)
            ]

        return predict

    def arrays(self, predictions: Sequence[Prediction], references: Sequence[Any]) -> dict[str, np.ndarray]:
        return {
            "predictions": object_array([list(p["tags"]) for p in predictions]),
            "references": object_array([self.describe_target(tags) for tags in references]),
        }

    def perfect(self, references: Sequence[Any]) -> list[Prediction]:
        return [{"prediction": [], "tags": self.describe_target(tags)} for tags in references]

    def details(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        if self.tags.scheme != "none":
            return entity_tables(arrays["predictions"].tolist(), arrays["references"].tolist())
        sides = (arrays["predictions"], arrays["references"])
        given, wanted = (np.array([self._ids[tag] for tags in side for tag in tags]) for side in sides)
        return label_tables(given, wanted, self.tags.names)

    def mistake(self, row: Row, answer: Prediction, reference: Any) -> Mistake | None:
        if list(answer["tags"]) == list(reference):
            return None
        given, wanted = self._said(row, answer["tags"]), self._said(row, reference)
        wrong = set(given) ^ set(wanted)
        return Mistake(
            len(wrong), "; ".join(w for w in given if w in wrong) or "(none)",
            "; ".join(w for w in wanted if w in wrong) or "(none)",
        )  # fmt: skip

    def _said(self, row: Row, tags: Sequence[str]) -> list[str]:
        spans = self._spans(row, tags, np.ones(len(tags)))
        return [f"{span['text']} → {span['label']}" for span in spans]

    def text_of(self, row: Row) -> str:
        return row["tokens"] if isinstance(row["tokens"], str) else " ".join(map(str, row["tokens"]))

    def describe_target(self, value: Any) -> list[str]:
        return [self.tags.names[i] for i in value]

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
            name: [{"tokens": words, "tags": named} for words in told] for name, named in tags.items()
        }
        variants["spans"] = [{"text": " ".join(words), "spans": _example_spans(words)} for words in told]
        variants["long"] = [{"tokens": (words * 20)[:90], "tags": (tags["IOB2"] * 20)[:90]} for words in told[::2]]
        texts = [" ".join(words) for words in told]
        return {
            name: Example(rows, {"stride": 8}, lambda folder: tiny_text_encoder(folder, texts))
            for name, rows in variants.items()
        }

    def state(self) -> dict[str, Any]:
        return {"names": list(self.tags.names), "scheme": self.tags.scheme}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options, Tags(tuple(state["names"]), state["scheme"]))


def _example_spans(words: Sequence[str]) -> list[Span]:
    name, text = " ".join(words[:2]), " ".join(words)
    return [{"start": 0, "end": len(name), "label": "PER"},
            {"start": len(text) - len(words[-1]), "end": len(text), "label": "LOC"}]  # fmt: skip


def _scheme(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """How the tags mark entities, from their prefixes, and from whether an entity may begin with I."""
    inner = [name for name in names if name != OUTSIDE]
    if OUTSIDE not in names or not inner or not all(_PREFIXED.fullmatch(name) for name in inner):
        return "none"
    if {name[0] for name in inner} & set("ESLU"):
        return "BIOES"
    for tags in rows:
        for before, tag in pairwise([OUTSIDE, *tags]):
            if tag.startswith("I-") and before[1:] != tag[1:]:
                return "IOB1"
    return "IOB2"


def _first_pieces(words: Sequence[int | None]) -> dict[int, int]:
    """Word -> the first token that belongs to it."""
    return {word: token for token, word in reversed(list(enumerate(words))) if word is not None}
