"""Tags of words, in every form that data has them in; how they mark entities; and spans of a text in place of tags."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from finetune.errors import LabelError
from finetune.labels import MAX_INFERRED_LABELS, RowError
from finetune.metrics.entities import Entity, entities
from finetune.text.words import find_words, read_list, split_words

OUTSIDE = "O"
Span = dict[str, Any]
"""A part of a text: `start` and `end` (in characters, the end exclusive), `label`, and `text`, what stands there."""
_PREFIXED = re.compile(r"[BIESLU](-.+)?")


@dataclass(frozen=True)
class Tags:
    """What is learned of the tags.

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

    def parse(self, value: Any) -> list[Any]:
        """Ids of a row's tags; or, of a text with spans, the spans, which `tag_words` turns into tags.

        Raises:
            RowError: Missing, of no known form, or with a tag that is none of the names.

        Example:
            >>> Tags(("O", "B-PER")).parse("B-PER O O")
            [1, 0, 0]
        """
        found = read_tags(value, self.separator)
        if self.spans and all(isinstance(item, Mapping) for item in found):
            return found
        names = [self.name_of(tag) for tag in found]
        if unknown := [name for name in names if name not in self.ids]:
            raise RowError(f"unknown tag {unknown[0]!r}")
        return [self.ids[name] for name in names]

    def name_of(self, tag: Any) -> str:
        """The name of a tag that is given by name or by id, else the tag itself as a text."""
        text = _tag_text(tag)
        return self._by_id.get(text, text)

    @cached_property
    def _by_id(self) -> dict[str, str]:
        # Where tags are numbers and have no names, 5 is the tag "5" and never the sixth tag.
        return {} if any(name.isdecimal() for name in self.names) else {str(i): name for name, i in self.ids.items()}

    def entities(self, tags: Sequence[str]) -> list[Entity]:
        """What the tags of a row mark: entities, or every word where tags mark none."""
        return [Entity(tag, i, i + 1) for i, tag in enumerate(tags)] if self.scheme == "none" else entities(tags)


def learn_tags(values: Iterable[Any], names: Sequence[str] | None = None, separator: str | None = None) -> Tags:
    """What the tags of the training rows are.

    Args:
        values: Tags or spans of each row, in any form that `read_tags` knows; others are left out.
        names: Tags, or types of spans, in the order of their ids, where they are known.
        separator: What stands between tags that come as one text; None: white space.

    Raises:
        LabelError: No row has tags, or far too many are different.

    Example:
        >>> learn_tags(["B-PER I-PER O", ["O"]])
        Tags(names=('O', 'B-PER', 'I-PER'), scheme='IOB2', spans=False, separator=None)
    """
    rows = list(_readable(values, separator))
    if not rows:
        raise LabelError("No row has tags.", "Name the column of the tags under data.columns, as {tags: ner_tags}.")
    if isinstance(rows[0][0], Mapping):
        types = names or sorted({span["label"] for row in rows for span in row if isinstance(span, Mapping)})
        return Tags((OUTSIDE, *(f"{prefix}-{name}" for name in types for prefix in "BI")), "IOB2", spans=True)
    tags = Tags(tuple(names or _infer_names({_tag_text(tag) for row in rows for tag in row})), separator=separator)
    return replace(tags, scheme=_infer_scheme(tags.names, ([tags.name_of(tag) for tag in row] for row in rows)))


def _readable(values: Iterable[Any], separator: str | None) -> Iterator[list[Any]]:
    for value in values:
        with suppress(RowError):  # refused row by row, with its number
            if found := read_tags(value, separator):
                yield found


def _infer_names(seen: set[str]) -> list[str]:
    """Tags in an order of their own: outside first, numbers by value."""
    if len(seen) > MAX_INFERRED_LABELS:
        raise LabelError(
            f"The words have {len(seen):,} different tags, too many to be tags by inference.",
            "Check data.columns, or list them in data.labels.names.",
        )
    return sorted(seen, key=lambda tag: (tag != OUTSIDE, int(tag) if tag.isdecimal() else math.inf, tag))


def _infer_scheme(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """How the tags mark entities, from their prefixes, and from what most entities begin with."""
    inner = [name for name in names if name != OUTSIDE]
    if OUTSIDE not in names or not inner or not all(_PREFIXED.fullmatch(name) for name in inner):
        return "none"
    if {name[0] for name in inner} & set("ESLU"):
        return "BIOES"
    pairs = (pair for tags in rows for pair in pairwise([OUTSIDE, *tags]))
    first = Counter(tag[0] for before, tag in pairs if before == OUTSIDE or before[1:] != tag[1:])
    return "IOB1" if first["I"] > first["B"] else "IOB2"  # real data has some of both


def _tag_text(tag: Any) -> str:
    """A tag as a text; 3.0 is the id 3 that was read as a number."""
    return str(int(tag)) if isinstance(tag, float | np.floating) and tag == int(tag) else str(tag).strip()


def read_tags(value: Any, separator: str | None = None) -> list[Any]:
    """The tags or the spans of a row.

    Args:
        value: A list of tags (names or ids), or of spans (`{"start", "end", "label"}` or three values), a table of
            spans (`{"start": […], "end": […], "label": […]}`), a list as JSON or Python write it, or tags in one text.
        separator: What stands between tags in one text; None: white space.

    Raises:
        RowError: Missing, or of no such form.

    Example:
        >>> read_tags("O B-PER"), read_tags([[0, 3, "PER"]])
        (['O', 'B-PER'], [{'start': 0, 'end': 3, 'label': 'PER', 'text': None}])
    """
    if value is None or (isinstance(value, str) and not value) or (isinstance(value, float) and math.isnan(value)):
        raise RowError("missing target")
    if isinstance(value, str):
        listed = value.lstrip()[:1] in ("[", "{")
        value = read_list(value) if listed else [tag.strip() for tag in value.split(separator)]
    if isinstance(value, Mapping):
        lists = [value.get(key) for key in ("start", "end", "label")]
        whole = all(isinstance(part, list) and len(part) == len(lists[0] or ()) for part in lists)
        value = list(zip(*lists, strict=True)) if whole else [value]
    if not isinstance(value, list | tuple | np.ndarray):
        raise RowError(f"tags as {type(value).__name__}; known: a list of a tag per word, or of spans")
    if any(item is None or item != item for item in value):  # noqa: PLR0124 - NaN
        raise RowError("missing tag in a list of tags")
    return [_span(item) if isinstance(item, Mapping | list | tuple | np.ndarray) else item for item in value]


def _span(value: Any) -> Span:
    if not isinstance(value, Mapping):
        value = dict(zip(("start", "end", "label"), value, strict=False))
    places = [value.get(key) for key in ("start", "end")]
    if value.get("label") is None or not all(isinstance(place, int) for place in places):
        raise RowError("a span without start and end, in characters, and label")
    return {"start": places[0], "end": places[1], "label": _tag_text(value["label"]), "text": value.get("text")}


def tag_words(text: str, spans: Sequence[Any]) -> tuple[list[str], list[str]]:
    """The words of a text and, for each, what the spans make of it: `B-` and their label, `I-` and it, or `O`.

    Words end where spans do, so that each span is some words, whole.

    Args:
        text: Any text.
        spans: `start` and `end` in characters, and `label`; `text`, where it is given, is what has to stand there.

    Raises:
        RowError: A span is not inside the text, says another text, holds no word, overlaps with another, or is none.

    Example:
        >>> tag_words("Ada met Alan", [{"start": 0, "end": 3, "label": "PER"}])
        (['Ada', 'met', 'Alan'], ['B-PER', 'O', 'O'])
    """
    if not all(isinstance(span, Mapping) for span in spans):
        raise RowError("a tag per word in one row and spans of a text in others")
    ordered = sorted(spans, key=lambda span: (span["start"], span["end"]))
    for span in ordered:
        _check_span(text, span)
    if any(left["end"] > right["start"] for left, right in pairwise(ordered)):
        raise RowError("overlapping spans, which one tag per word cannot hold")
    places = split_words(text, [place for span in ordered for place in (span["start"], span["end"])])
    tags = [OUTSIDE] * len(places)
    for span in ordered:
        first, last = (bisect_left(places, (span[end],)) for end in ("start", "end"))
        if first == last:
            raise RowError(f"a span from {span['start']} to {span['end']} that holds no word")
        tags[first:last] = [f"B-{span['label']}", *[f"I-{span['label']}"] * (last - first - 1)]
    return [text[start:end] for start, end in places], tags


def _check_span(text: str, span: Mapping[str, Any]) -> None:
    start, end = span["start"], span["end"]
    if not 0 <= start < end <= len(text):
        raise RowError(f"a span from {start} to {end} in a text of {len(text)} characters")
    if span.get("text") not in (None, text[start:end]):
        raise RowError(f"a span from {start} to {end} whose text is another; places count characters, not bytes")


def entity_spans(
    marked: Sequence[Entity], words: Sequence[str], text: str | None = None, scores: np.ndarray | None = None
) -> list[Span]:
    """Where entities of words stand in a text.

    Args:
        marked: The entities.
        words: The words that they count.
        text: Where the words stand; None: the words, joined by blanks.
        scores: (number of words,); a span's `score` is the mean of those of its words.

    Raises:
        ValueError: The words do not stand in the text.

    Example:
        >>> entity_spans(entities(["O", "B-PER"]), ["met", "Ada"])
        [{'start': 4, 'end': 7, 'label': 'PER', 'text': 'Ada'}]
    """
    text = text or " ".join(words)
    places, spans = find_words(text, words), []
    for label, first, last in marked:
        start, end = places[first][0], places[last - 1][1]
        spans.append({"start": start, "end": end, "label": label, "text": text[start:end]})
        if scores is not None:
            spans[-1]["score"] = float(scores[first:last].mean())
    return spans
