"""Token classification: named entities, parts of speech, any tag per word; of long documents too, by stride."""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from finetune.errors import LabelError, UsageError
from finetune.labels import MAX_INFERRED_LABELS, RowError
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
from finetune.words import OUTSIDE, MostFrequentTag, WordFeatures, encodable, find_words, split_words, tag_words

if TYPE_CHECKING:
    import torch

    from finetune.sources import ModelSource

_PREFIXED = re.compile(r"[BIESLU](-.+)?")
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
        spans: Whether the data has spans of a text in place of a tag per word.
        separator: What stands between tags that come as one text; None: white space.
    """

    names: tuple[str, ...]
    scheme: str = "none"
    spans: bool = False
    separator: str | None = None

    @cached_property
    def ids(self) -> dict[str, int]:
        """Tag -> id."""
        return {name: i for i, name in enumerate(self.names)}

    def name_of(self, tag: Any) -> str:
        """The name of a tag that is given by name or by id, else the tag itself as a text."""
        text = _tag_text(tag)
        return self._by_id.get(text, text)

    @cached_property
    def _by_id(self) -> dict[str, str]:
        # Where tags are numbers and have no names, 5 is the tag "5" and never the sixth tag.
        return {} if any(name.isdecimal() for name in self.names) else {str(i): name for name, i in self.ids.items()}


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
        present = list(_readable(values, hints.separator))
        if not present:
            raise LabelError("No row has tags.", "Name the column of the tags under data.columns, as {tags: ner_tags}.")
        if isinstance(present[0][0], Mapping):
            return type(self)(self.options, _learn_spans(present, hints))
        names = hints.names or _inferred({_tag_text(tag) for value in present for tag in value})
        tags = Tags(tuple(names), separator=hints.separator)
        scheme = _scheme(names, ([tags.name_of(tag) for tag in value] for value in present))
        return type(self)(self.options, Tags(tags.names, scheme, separator=hints.separator))

    def parse_target(self, value: Any) -> list[Any]:
        """Tag ids of the words; or, for a text with spans, the spans, which `check_row` turns into tags."""
        found = _items(value, self.tags.separator)
        as_spans = self.tags.spans and all(isinstance(item, Mapping) for item in found)
        return found if as_spans else [self._id(tag) for tag in found]

    def _id(self, tag: Any) -> int:
        name = self.tags.name_of(tag)
        if name not in self.tags.ids:
            raise RowError(f"unknown tag {name!r}")
        return self.tags.ids[name]

    def check_row(self, row: dict[str, Any]) -> None:
        """Words and tags of equal number; a text is split into words, and its spans become their tags."""
        words = _words(row["tokens"])
        if self.tags.spans:
            if not isinstance(words, str):
                raise RowError("a list of words beside spans of a text; map the column of the text to tokens")
            row["text"], (words, tags) = words, _tagged(words, row["tags"])
            row["tags"] = [self._id(tag) for tag in tags]
        elif isinstance(words, str):  # a tag per word, so the words are what white space parts
            words = words.split()
        if not words:
            raise RowError("empty tokens")
        if len(words) != len(row["tags"]):
            raise RowError(f"{len(words)} words but {len(row['tags'])} tags")
        row["tokens"] = words
        if "text" in row:
            row["text"] = _text_of_words(words, row["text"])

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
        settings = {"num_labels": len(names), "id2label": dict(enumerate(names)), "label2id": self.tags.ids}
        model, processor = load_pretrained(self.auto_class, source, settings, replace_head=self.options.new_head)
        if not getattr(processor, "is_fast", False):
            raise UsageError(
                f"The tokenizer of {source.name} cannot say which word a token belongs to.", "Choose another model."
            )
        # Windows, and the places of words in them, are counted from the left.
        processor.padding_side = processor.truncation_side = "right"
        return model, processor

    def encode(self, rows: Sequence[Row], processor: Any, max_length: int | None) -> list[dict[str, Any]]:
        # Byte-level tokenizers tell "a" from " a": every word begins as words in a text do. To others it is the same.
        words = [[f" {encodable(str(word))}" for word in row["tokens"]] for row in rows]
        filled = [index for index, row in enumerate(words) if row]
        if not filled:
            return []
        whole = processor([words[i] for i in filled], is_split_into_words=True, truncation=False, verbose=False)
        features: list[dict[str, Any]] = []
        for place, index in enumerate(filled):
            windows = [_Window({key: whole[key][place] for key in whole}, whole.encodings[place].word_ids, 0)]
            length = len(windows[0].words)
            begins = _first_tokens([word for word in windows[0].words if word is not None])  # among those of words
            if max_length is not None and length > max_length:
                windows = self._windows(words[index], processor, max_length)
            answers = _share_out(windows, begins)
            for window, first in zip(windows, answers, strict=True):
                about = {"row": index, "first": first}
                features.append(window.inputs | {"length": length, "truncated": False, "about": about})
                if rows[index].get("tags") is not None:
                    features[-1]["labels"] = self._labels(window, begins, rows[index]["tags"])
        return features

    def _windows(self, words: list[str], processor: Any, max_length: int) -> list[_Window]:
        """Overlapping parts of a long row."""
        room = max_length - processor.num_special_tokens_to_add()
        if room < 1:
            raise UsageError(f"max_length {max_length} leaves no token for the text.", "Raise model.max_length.")
        stride = min(self.options.stride, room // 2)
        encoded = processor(
            words, is_split_into_words=True, truncation=True, max_length=max_length, stride=stride,
            return_overflowing_tokens=True, verbose=False,
        )  # fmt: skip
        keys = [key for key in encoded if key != "overflow_to_sample_mapping"]
        return [
            _Window({key: encoded[key][place] for key in keys}, encoding.word_ids, place * (room - stride))
            for place, encoding in enumerate(encoded.encodings)
        ]

    def _labels(self, window: _Window, begins: Mapping[int, int], tags: Sequence[int]) -> list[int]:
        if self.options.label_pieces == "all":
            return [-100 if word is None else tags[word] for word in window.words]
        labels = [-100] * len(window.words)
        for word, token, _ in window.begun(begins):
            labels[token] = tags[word]
        return labels

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
        return [self._answer(row, values) for row, values in zip(rows, logits, strict=True)]

    def _answer(self, row: Row, logits: np.ndarray) -> Prediction:
        # A word of which the tokenizer leaves nothing (a lone control character) has no tag: it is outside.
        unseen = np.isinf(logits[:, 0])
        logits = np.where(unseen[:, None], 0.0, logits)
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        probabilities = exponents / exponents.sum(axis=1, keepdims=True)
        chosen = np.where(unseen, self.tags.ids.get(OUTSIDE, 0), probabilities.argmax(axis=1))
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
        text, words = (value.get("text"), value.get("tokens")) if isinstance(value, Mapping) else (None, value)
        try:
            words = text if words is None else _words(words) if isinstance(value, Mapping) else words
            if isinstance(words, str):
                return {"tokens": [words[start:end] for start, end in split_words(words)], "text": words}
            if isinstance(words, list | tuple) and all(isinstance(word, str) for word in words):
                return {"tokens": list(words), "text": _text_of_words(words, text)}
        except RowError as error:
            raise UsageError(f"Cannot tag {str(value)[:60]!r}: {error}.", _FORMS) from None
        raise UsageError(f"Cannot tag {type(value).__name__} {str(value)[:60]!r}.", _FORMS)

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
        spans = self._spans(row, tags, np.ones(len(tags)))
        return {(span["start"], span["end"], span["label"]): f"{span['text']} → {span['label']}" for span in spans}

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
        return asdict(self.tags) | {"names": list(self.tags.names)}

    def with_state(self, state: Mapping[str, Any]) -> Self:
        return type(self)(self.options, Tags(**{**state, "names": tuple(state["names"])}))


def _example_spans(words: Sequence[str]) -> list[Span]:
    name, text = " ".join(words[:2]), " ".join(words)
    return [{"start": 0, "end": len(name), "label": "PER"},
            {"start": len(text) - len(words[-1]), "end": len(text), "label": "LOC"}]  # fmt: skip


@dataclass(frozen=True)
class _Window:
    """A row, or a part of one, as the model sees it.

    Attributes:
        inputs: What the model takes.
        words: The word that each token belongs to; None for special tokens.
        start: How many tokens of the row's words come before it.
    """

    inputs: dict[str, Any]
    words: Sequence[int | None]
    start: int

    def begun(self, begins: Mapping[int, int]) -> Iterator[tuple[int, int, float]]:
        """Words that begin here, the token that they begin with, and how many tokens the nearer end is away; the end
        of the row is none, as nothing is hidden behind it.

        Args:
            begins: Word -> its first token among those of all words of the row.
        """
        own = [(token, word) for token, word in enumerate(self.words) if word is not None]
        ends = not own or own[-1][1] == max(begins)
        for number, (token, word) in enumerate(own):
            if begins[word] == self.start + number:
                yield word, token, min(number, math.inf if ends else len(own) - 1 - number)


def _share_out(windows: Sequence[_Window], begins: Mapping[int, int]) -> list[dict[int, int]]:
    """For each window the words that it answers with their first tokens: every word is answered by the window in which
    it stands furthest from an end."""
    best: dict[int, tuple[float, int, int]] = {}
    for place, window in enumerate(windows):
        for word, token, margin in window.begun(begins):
            if word not in best or margin > best[word][0]:
                best[word] = (margin, place, token)
    shared: list[dict[int, int]] = [{} for _ in windows]
    for word, (_, place, token) in best.items():
        shared[place][word] = token
    return shared


def _first_tokens(words: Sequence[int]) -> dict[int, int]:
    """Word -> the first token that belongs to it."""
    return {word: token for token, word in reversed(list(enumerate(words)))}


_FORMS = "Give a text, a list of words, {'text': …} or {'tokens': […]}."


def _tagged(text: str, spans: Sequence[Any]) -> tuple[list[str], list[str]]:
    if not all(isinstance(span, Mapping) for span in spans):
        raise RowError("a tag per word in one row and spans of a text in others")
    try:
        return tag_words(text, spans)
    except ValueError as error:
        raise RowError(str(error)) from None


def _text_of_words(words: Sequence[str], text: Any) -> str:
    """The text in which words stand; their own, joined, where there is no other.

    Raises:
        RowError: They do not stand in it.
    """
    whole = " ".join(words) if text is None else str(text)
    try:
        find_words(whole, words)
    except ValueError as error:
        raise RowError(str(error)) from None
    return whole


def _listing(said: Mapping[Any, str], chosen: Collection[Any]) -> str:
    """Some of what is said of a text, in its order."""
    return "; ".join(said[key] for key in sorted(chosen)) or "(none)"


def _words(value: Any) -> str | list[str]:
    """Words, or a text that is not split into words.

    Raises:
        RowError: Neither of both.
    """
    if isinstance(value, str):
        listed = _listed(value) if value.lstrip().startswith("[") else None
        return listed if isinstance(listed, list) and all(isinstance(word, str) for word in listed) else value
    if not isinstance(value, list | tuple | np.ndarray):
        raise RowError(f"words as {type(value).__name__}; known: a list of words, or a text")
    if any(word is None for word in value):
        raise RowError("missing word in a list of words")
    return [str(word) for word in value]


def _items(value: Any, separator: str | None) -> list[Any]:
    """The tags or the spans of a row, in whichever of their forms; numbers may be ids of tags.

    Raises:
        RowError: Missing, or of no such form.
    """
    if value is None or (isinstance(value, str) and not value) or (isinstance(value, float) and math.isnan(value)):
        raise RowError("missing target")
    if isinstance(value, str):
        value = _listed(value) if value.lstrip()[:1] in ("[", "{") else [tag.strip() for tag in value.split(separator)]
    if isinstance(value, Mapping):  # the columns of a table of spans
        lists = [value.get(key) for key in ("start", "end", "label")]
        whole = all(isinstance(part, list) and len(part) == len(lists[0] or ()) for part in lists)
        value = list(zip(*lists, strict=True)) if whole else [value]
    if not isinstance(value, list | tuple | np.ndarray):
        raise RowError(f"tags as {type(value).__name__}; known: a list of a tag per word, or of spans")
    if any(item is None or item != item for item in value):  # noqa: PLR0124 - NaN
        raise RowError("missing tag in a list of tags")
    return [_span(item) if isinstance(item, Mapping | list | tuple | np.ndarray) else item for item in value]


def _listed(text: str) -> Any:
    """What a cell of a text file holds: a list, as JSON or Python write it, or else the text."""
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return read(text)
    return text


def _span(value: Any) -> Span:
    if not isinstance(value, Mapping):
        value = dict(zip(("start", "end", "label"), value, strict=False))
    places = [value.get(key) for key in ("start", "end")]
    if value.get("label") is None or not all(isinstance(place, int) for place in places):
        raise RowError("a span without start and end, in characters, and label")
    return {"start": places[0], "end": places[1], "label": str(value["label"]), "text": value.get("text")}


def _readable(values: Sequence[Any], separator: str | None) -> Iterator[list[Any]]:
    """The target of each row that has one."""
    for value in values:
        with suppress(RowError):
            if found := _items(value, separator):
                yield found


def _learn_spans(rows: Sequence[Sequence[Any]], hints: TargetHints) -> Tags:
    types = hints.names or sorted({span["label"] for row in rows for span in row if isinstance(span, Mapping)})
    return Tags((OUTSIDE, *(f"{prefix}-{name}" for name in types for prefix in "BI")), "IOB2", spans=True)


def _inferred(seen: set[str]) -> list[str]:
    """Tags in an order of their own: outside first, numbers by value."""
    if len(seen) > MAX_INFERRED_LABELS:
        raise LabelError(
            f"The words have {len(seen):,} different tags, too many to be tags by inference.",
            "Check data.columns, or list them in data.labels.names.",
        )
    return sorted(seen, key=lambda tag: (tag != OUTSIDE, int(tag) if tag.isdecimal() else math.inf, tag))


def _tag_text(tag: Any) -> str:
    """A tag as a text; 3.0 is the id 3 that was read as a number."""
    return str(int(tag)) if isinstance(tag, float | np.floating) and tag == int(tag) else str(tag).strip()


def _scheme(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """How the tags mark entities, from their prefixes, and from what most entities begin with."""
    inner = [name for name in names if name != OUTSIDE]
    if OUTSIDE not in names or not inner or not all(_PREFIXED.fullmatch(name) for name in inner):
        return "none"
    if {name[0] for name in inner} & set("ESLU"):
        return "BIOES"
    pairs = (pair for tags in rows for pair in pairwise([OUTSIDE, *tags]))
    first = Counter(tag[0] for before, tag in pairs if before == OUTSIDE or before[1:] != tag[1:])
    return "IOB1" if first["I"] > first["B"] else "IOB2"  # real data has some of both
