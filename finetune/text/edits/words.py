"""Words of a text by their places, so that an edit leaves everything between them as it is."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple


class Word(NamedTuple):
    """A word of a text.

    Attributes:
        start: Its first character.
        end: After its last character.
        text: The characters between.
        fixed: Whether it is an address, a user name or a hashtag, which is not to be edited.
    """

    start: int
    end: int
    text: str
    fixed: bool


def find_words(text: str) -> list[Word]:
    """The words of a text in their order.

    A word goes on through combining marks, apostrophes and hyphens; a number through its separators. Emoji and
    punctuation belong to none. Scripts without spaces give long words, which few edits touch.

    Example:
        >>> [word.text for word in find_words("Don't panic: it's 3.50, @ada!")]
        ["Don't", 'panic', "it's", '3.50', '@ada']
    """
    found = _pattern(text.isascii()).finditer(text)
    return [Word(match.start(), match.end(), match.group(), match.lastgroup == "fixed") for match in found]


@cache
def _pattern(ascii_only: bool) -> re.Pattern[str]:
    # `\w` leaves out marks, which would part an accent from its letter; joiners stand inside of Persian words.
    letter = r"\w" if ascii_only else rf"[\w\u200c\u200d{_marks()}]"
    return re.compile(
        r"(?P<fixed>(?:https?://|www\.)\S*[\w/]|[\w.+-]+@[\w-]+\.[\w.-]*\w|[@#]\w" + letter + "*)"
        r"|\d+(?:[.,:/]\d+)+"
        rf"|\w{letter}*(?:['’\-]\w{letter}*)*"
    )


def _marks() -> str:
    """All combining marks, as the inside of a regular expression's brackets."""
    points = (*range(0x300, 0x1F000), *range(0xE0100, 0xE01F0))
    runs: list[list[int]] = []
    for point in points:
        if not unicodedata.category(chr(point)).startswith("M"):
            continue
        if runs and point == runs[-1][1] + 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in runs)


def splice(text: str, changes: Iterable[tuple[int, int, str]]) -> str:
    """A text with some places replaced.

    Args:
        text: The whole.
        changes: (start, end, new) in any order; places do not overlap.
    """
    parts, done = [], 0
    for start, end, new in sorted(changes):
        parts += [text[done:start], new]
        done = end
    return "".join([*parts, text[done:]])


def how_many(share: float, units: int, rng: random.Random, *, whole: bool) -> int:
    """How many of a text's words or characters to change.

    At least one of a whole text, max(1, share * units) as in EDA. Of a part of one, the same share on average: a row
    in many parts would otherwise be changed in each of them.

    Args:
        share: Above 0, at most 1.
        units: How many there are.
        rng: Rounds the share of a part up or down.
        whole: Whether the text is all there is.
    """
    exact = share * units
    count = max(1, int(exact)) if whole else int(exact) + (rng.random() < exact % 1)
    return min(units, count)


def some(choices: Sequence[int], count: int, rng: random.Random) -> list[int]:
    """Up to `count` different ones, in random order."""
    return rng.sample(choices, min(count, len(choices)))


def like_case(word: str, pattern: str) -> str | None:
    """A word in lower case, written as another is: small, Capitalised or ALL CAPITALS; None where that is mixed."""
    if pattern.islower():
        return word
    if pattern.isupper() and len(pattern) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if pattern[:1].isupper() and pattern[1:] == pattern[1:].lower() else None
