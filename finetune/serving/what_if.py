"""What would the model say if the text spoke of somebody else? Such texts, and two answers compared in words."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations

from finetune.lexicons.identities import Identities, Table, TermMatch, load_identities

_IN_WORDS = {
    ("gender", "male"): "men", ("gender", "female"): "women", ("religion", "none"): "no religion",
    ("disability", "sight"): "impaired sight", ("disability", "hearing"): "impaired hearing",
    ("disability", "any"): "with a disability", ("disability", "none"): "without a disability",
}  # fmt: skip
_HIDDEN = "\ue000"


@dataclass(frozen=True)
class Swap:
    """A text in which one group of people has another's place, throughout.

    Attributes:
        term: The first word that is exchanged, as the text writes it.
        group: The group of people that it stands for, in words.
        replacement: The word in its place.
        replacement_group: The group that this one stands for.
        text: The whole new text.
        others: How many more words were exchanged.
    """

    term: str
    group: str
    replacement: str
    replacement_group: str
    text: str
    others: int = 0

    @property
    def label(self) -> str:
        """One line for a list to choose from."""
        more = f", {self.others + 1} words" if self.others else ""
        return f"“{self.term}” → “{self.replacement}” ({self.group} → {self.replacement_group}{more})"


def find_swaps(text: str) -> list[Swap]:
    """Every exchange of two groups of people that the lexicon knows for a text, each as a whole text.

    An exchange goes both ways where the text speaks of both groups ("he thanked her" -> "she thanked him"), and is left
    out where a word of either has no counterpart, so that no half is left. Limits are those of `finetune.lexicons`:
    English, no names of people, and a guess where "her" may be "him" or "his".

    Args:
        text: What was asked.

    Returns:
        In the order of the text's words; empty where there is none.

    Example:
        >>> [(swap.label, swap.text) for swap in find_swaps("An actor and his dog")]
        [('“actor” → “actress” (men → women, 2 words)', 'An actress and her dog')]
    """
    identities = load_identities()
    matches = identities.find(text)
    axes = {match.axis for match in matches}
    tables = [table for table in identities.tables if table.axis in axes]
    found: dict[str, tuple[int, Swap]] = {}
    for table in tables:
        for start, swap in _swaps_by(identities, table, text, matches):
            found.setdefault(swap.text, (start, swap))  # two tables may say the same
    return [swap for _, swap in sorted(found.values(), key=lambda item: item[0])]


def _swaps_by(
    identities: Identities, table: Table, text: str, matches: Sequence[TermMatch]
) -> Iterator[tuple[int, Swap]]:
    """Swaps by one table, each with the place of the first word that is exchanged."""
    of_axis = [match for match in matches if match.axis == table.axis]
    present = [group for group in table.columns if any(match.group == group for match in of_axis)]
    for one, other in permutations(table.columns, 2):
        asked = [match for match in of_axis if match.group in (one, other)]
        # Where both are present, the exchange is the same from either side: it is listed from the first word's.
        if one not in present or asked[0].group != one:
            continue
        pair = _table_of(table, one, other)
        new = _exchanged(identities, pair, text, [match for match in of_axis if match not in asked], asked)
        if new is not None and new != text:
            yield asked[0].start, _describe(pair, text, new, asked)


def _table_of(table: Table, one: str, other: str) -> Table:
    places = [table.columns.index(group) for group in (one, other)]
    rows, adjectives = (
        tuple(tuple(row[place] for place in places) for row in part) for part in (table.rows, table.adjectives)
    )
    return Table(table.axis, (one, other), rows, adjectives)


def _exchanged(
    identities: Identities, pair: Table, text: str, kept: Sequence[TermMatch], asked: Sequence[TermMatch]
) -> str | None:
    """The text with the two groups exchanged; words for third groups stay as they are.

    The lexicon exchanges all groups of an axis by chance. With a table of two there is one way only, and words for
    others are hidden from it behind a character that no text has.
    """
    if _HIDDEN in text:
        return None
    hidden, after = "", 0
    for match in kept:
        hidden, after = hidden + text[after : match.start] + _HIDDEN, match.end
    hidden += text[after:]
    held_out = any(identities.held_out(match.term) for match in asked)
    new = replace(identities, tables=(pair,)).swap(hidden, random.Random(0), held_out=held_out)  # noqa: S311
    if new is None:
        return None
    shown = iter([text[match.start : match.end] for match in kept])
    return re.sub(_HIDDEN, lambda _: next(shown), new)


def _describe(pair: Table, text: str, new: str, asked: Sequence[TermMatch]) -> Swap:
    first = asked[0]
    place = pair.columns.index(first.group)
    known = {row[1 - place] for row in (*pair.rows, *pair.adjectives) if row[place] == first.term}
    written = _word_at(new, first.start, known) or min(known, key=len)
    group, other = (name_group(first.axis, name) for name in (first.group, pair.columns[1 - place]))
    return Swap(text[first.start : first.end], group, written, other, new, len(asked) - 1)


def _word_at(text: str, start: int, known: set[str]) -> str | None:
    """Which of the words stands there; one character aside where "a" has become "an"."""
    for word in sorted(known, key=len, reverse=True):
        for place in (start, start + 1, start - 1):
            found = text[max(0, place) : max(0, place) + len(word)]
            if found.lower() == word.lower() and not text[max(0, place) + len(word) :][:1].isalpha():
                return found
    return None


@cache
def name_group(axis: str, group: str) -> str:
    """A group of people as a sentence writes it: `male` is "men", `middle_eastern` "Middle Eastern"."""
    plain = group.replace("_", " ")
    spelled = (term.text for term in load_identities().terms if term.axis == axis and term.text.lower() == plain)
    return _IN_WORDS.get((axis, group)) or next(spelled, plain)
