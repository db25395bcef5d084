"""Entities in sequences of tags: PER, LOC … marked by the prefixes of IOB1, IOB2 or BIOES (IOBES, BILOU).

B begin   I inside   E or L end   S or U single   O outside; a tag is `O`, `B-PER`, or `B` (its type is then "_")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from finetune.errors import DataError, UsageError, did_you_mean
from finetune.metrics.confusion import Counts, ratios

Scheme = Literal["IOB1", "IOB2", "BIOES"]


class Entity(NamedTuple):
    """A named span of words.

    Args:
        type: What the tags say after the prefix, such as `PER`.
        start: Index of its first word.
        end: Index after its last word.
    """

    type: str
    start: int
    end: int


class _Tag(NamedTuple):
    prefix: str
    type: str


class _Rules(NamedTuple):
    """Which prefixes there are, and, for two neighbouring tags, whether an entity opens at the second, and whether one
    that ends before the second counts."""

    prefixes: str
    opens: Callable[[_Tag, _Tag], bool]
    counts: Callable[[_Tag, _Tag], bool]


_OUTSIDE = _Tag("O", "_")
_SYNONYMS = {"L": "E", "U": "S"}  # of BILOU


def _opens_in_iob1(previous: _Tag, tag: _Tag) -> bool:
    """B only parts two entities of a type, so it opens none elsewhere; the I after such a stray B does."""
    if tag.prefix == "B":
        return previous.prefix != "O" and previous.type == tag.type
    return tag.prefix == "I" and (previous.prefix != "I" or previous.type != tag.type)


def _counts_in_iob1(last: _Tag, after: _Tag) -> bool:
    """seqeval drops an entity of one B where a B of another type follows; kept, so that strict scores are the same."""
    return last.prefix + after.prefix != "BB" or last.type == after.type


_RULES: dict[str | None, _Rules] = {
    None: _Rules("OBIES", lambda _, tag: tag.prefix != "O", lambda last, after: True),
    "IOB1": _Rules("OBI", _opens_in_iob1, _counts_in_iob1),
    "IOB2": _Rules("OBI", lambda _, tag: tag.prefix == "B", lambda last, after: True),
    "BIOES": _Rules("OBIES", lambda _, tag: tag.prefix in "BS", lambda last, after: last.prefix in "ES"),
}


def entities(tags: Sequence[str], scheme: Scheme | None = None) -> list[Entity]:
    """The entities in the tags of one row.

    Without a scheme, the lenient reading of the conlleval script (Tjong Kim Sang and De Meulder 2003) and of seqeval's
    default mode: a word continues the entity of the word before if both have one type, it has I or E, and the one
    before has B or I; every other tag but O opens an entity. seqeval's default mode does not know BILOU; here L is E
    and U is S.

    Args:
        tags: One per word.
        scheme: `IOB1`, `IOB2` or `BIOES` keeps only what is well formed in it, as seqeval's strict mode does.

    Raises:
        DataError: A tag with a prefix that the scheme does not have.
        UsageError: There is no such scheme.

    Example:
        >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
        [Entity(type='PER', start=0, end=2), Entity(type='LOC', start=3, end=4)]
        >>> entities(["B-PER", "I-PER", "O", "I-LOC"], "IOB2")
        [Entity(type='PER', start=0, end=2)]
    """
    if (rules := _RULES.get(scheme)) is None:
        raise UsageError(f"There is no scheme {scheme!r}.", did_you_mean(str(scheme), filter(None, _RULES)))
    found: list[Entity] = []
    start, previous = None, _OUTSIDE
    for index, tag in enumerate([*(_parse(tag, rules.prefixes) for tag in tags), _OUTSIDE]):
        if start is not None and not _continues(previous, tag):
            if rules.counts(previous, tag):
                found.append(Entity(previous.type, start, index))
            start = None
        if start is None and rules.opens(previous, tag):
            start = index
        previous = tag
    return found


def entity_counts(prediction: Sequence[str], reference: Sequence[str], row: int) -> tuple[list[Entity], ...]:
    """The entities of one row that are right, those predicted, and those of the reference.

    Raises:
        DataError: The two are not equally long, or a tag has an unknown prefix; names the row.
    """
    check_words(prediction, reference, row)
    try:
        given, wanted = entities(prediction), entities(reference)
    except DataError as error:
        raise DataError(f"Row {row}: {error.cause}", error.remedy) from error
    right = set(wanted)
    return [entity for entity in given if entity in right], given, wanted


def check_words(prediction: Sequence[str], reference: Sequence[str], row: int) -> None:
    """Refuse a row with other than one predicted tag per word.

    Raises:
        DataError: Names the row.
    """
    if isinstance(prediction, str) or isinstance(reference, str):
        raise DataError(f"Row {row} holds a text where a list of tags is expected.", "Give one tag per word.")
    if len(prediction) != len(reference):
        cause = f"Row {row} has {len(prediction)} predicted tags for {len(reference)} words."
        raise DataError(cause, "Give one tag per word.")


def entity_tables(predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Precision, recall, F1 and support of every type of entity, in the lenient reading.

    Args:
        predictions: Per row a list of tags, one per word.
        references: Likewise.

    Returns:
        `per_label`: `{label, precision, recall, f1, support}` per type, sorted by name; ratios in [0, 1], 0 where the
        denominator is 0; support in entities of the references.

    Raises:
        DataError: A row's lists are not equally long, or a tag has an unknown prefix; names the row.

    Example:
        >>> entity_tables([["B-PER", "O"]], [["B-PER", "B-LOC"]])["per_label"][1]
        {'label': 'PER', 'precision': 1.0, 'recall': 1.0, 'f1': 1.0, 'support': 1}
    """
    totals: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    for row, (given, wanted) in enumerate(zip(predictions, references, strict=True)):
        for total, found in zip(totals, entity_counts(given, wanted, row), strict=True):
            total.update(entity.type for entity in found)
    names = sorted(totals[1] | totals[2])
    counts = Counts(*(np.array([total[name] for name in names], np.int64) for total in totals))
    columns = {**ratios(counts), "support": counts.support}
    rows = [
        {"label": name} | {key: column[i].item() for key, column in columns.items()} for i, name in enumerate(names)
    ]
    return {"per_label": rows}


def _continues(previous: _Tag, tag: _Tag) -> bool:
    return tag.type == previous.type and tag.prefix in "IE" and previous.prefix in "BI"


def _parse(tag: str, prefixes: str) -> _Tag:
    prefix, _, kind = tag.partition("-")
    prefix = _SYNONYMS.get(prefix, prefix)
    if len(prefix) != 1 or prefix not in prefixes or (prefix == "O" and kind):
        known = ", ".join("O" if letter == "O" else f"{letter}-TYPE" for letter in prefixes)
        raise DataError(f"The tag {tag!r} marks no entity; known: {known}.", "Use accuracy per word for other tags.")
    return _Tag(prefix, kind or "_")
