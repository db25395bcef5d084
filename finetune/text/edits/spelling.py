"""Texts as people type them and machines read them: slips of the finger, confused shapes, other capitals."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

from finetune.text.edits.edit import Edit
from finetune.text.edits.negation import is_negation, unless_negated
from finetune.text.edits.words import Word, find_words, how_many, some, splice

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    """Letter -> the letters beside it on a QWERTY keyboard; each row stands half a key right of the one above."""
    at = {letter: (2 * column + row, row) for row, line in enumerate(_ROWS) for column, letter in enumerate(line)}
    return {
        letter: "".join(
            other
            for other, (x, y) in at.items()
            if other != letter and abs(y - at[letter][1]) <= 1 and abs(x - at[letter][0]) <= 2 - abs(y - at[letter][1])
        )
        for letter in at
    }


NEIGHBOURS = _neighbours()
_KEYS = frozenset(NEIGHBOURS) | frozenset(letter.upper() for letter in NEIGHBOURS)
CONFUSED = {
    "0": "O", "O": "0", "o": "0", "1": "l", "l": "1", "I": "l", "i": "l", "5": "S", "S": "5", "8": "B", "B": "8",
    "2": "Z", "Z": "2", "6": "b", "g": "9", "q": "9", "m": "rn", "rn": "m", "w": "vv", "vv": "w", "d": "cl", "cl": "d",
    "h": "b", "e": "c", "c": "e", "u": "ii", "nn": "m", "f": "t",
}  # fmt: skip
"""What optical character recognition takes for one another; a digit never becomes another digit."""


def _open_words(text: str) -> list[Word]:
    """Words in which a letter may change: misspelt, a negation is lost, and an address leads nowhere."""
    return [word for word in find_words(text) if not word.fixed and not is_negation(word.text)]


def _letters(text: str) -> int:
    return sum(not character.isspace() for character in text)


@dataclass(frozen=True)
class Keyboard(Edit):
    """Letters replaced by one beside it on the keyboard. The strength counts characters; digits stay."""

    conservative: ClassVar[bool] = True
    inside_words: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        places = [i for word in _open_words(text) for i in range(word.start, word.end) if text[i] in _KEYS]
        chosen = some(places, how_many(self.strength, _letters(text), rng, whole=whole), rng)
        return unless_negated(text, splice(text, ((i, i + 1, self._slip(text[i], rng)) for i in chosen)))

    @staticmethod
    def _slip(letter: str, rng: random.Random) -> str:
        new = rng.choice(NEIGHBOURS[letter.lower()])
        return new.upper() if letter.isupper() else new


@dataclass(frozen=True)
class Typos(Edit):
    """What fast typing does: a letter beside the wanted one, two in the wrong order, one left out, one typed twice.

    Which of the four is drawn for every place. The strength counts characters; digits and first letters stay.
    """

    conservative: ClassVar[bool] = True
    inside_words: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        places = [
            i for word in _open_words(text) for i in range(word.start + 1, word.end - 1)
            if text[i] in _KEYS and text[i + 1] in _KEYS
        ]  # fmt: skip
        changes: dict[int, tuple[int, int, str]] = {}
        wanted = how_many(self.strength, _letters(text), rng, whole=whole)
        for i in some(places, len(places), rng):
            if len(changes) == wanted:
                break
            if not {i - 1, i, i + 1} & changes.keys():  # two slips in one place could undo each other
                changes[i] = self._slip(text, i, rng)
        return unless_negated(text, splice(text, changes.values()))

    @staticmethod
    def _slip(text: str, i: int, rng: random.Random) -> tuple[int, int, str]:
        near = rng.choice(NEIGHBOURS[text[i].lower()])
        ways = [
            (i, i + 1, near.upper() if text[i].isupper() else near),
            (i, i + 2, text[i + 1] + text[i]),
            (i, i + 1, ""),
            (i, i + 1, text[i] * 2),
        ]
        return rng.choice(ways)


@dataclass(frozen=True)
class Ocr(Edit):
    """Characters read as ones of a similar shape. The strength counts characters."""

    conservative: ClassVar[bool] = True
    inside_words: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        places = {
            i: shape
            for word in _open_words(text)
            for size in (1, 2)  # a pair wins over its first letter
            for i in range(word.start, word.end - size + 1)
            if (shape := text[i : i + size]) in CONFUSED
        }
        wanted = how_many(self.strength, _letters(text), rng, whole=whole)
        changes: dict[int, tuple[int, int, str]] = {}
        for i in some(list(places), len(places), rng):
            if len(changes) == wanted:
                break
            if not {i - 1, i, i + 1} & changes.keys():
                changes[i] = (i, i + len(places[i]), CONFUSED[places[i]])
        return unless_negated(text, splice(text, changes.values()))


@dataclass(frozen=True)
class Case(Edit):
    """Words in small letters, in capitals, or capitalised."""

    conservative: ClassVar[bool] = True
    inside_words: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        words = find_words(text)
        ways = {place: self._ways(word.text) for place, word in enumerate(words) if not word.fixed}
        able = [place for place, others in ways.items() if others]
        chosen = some(able, how_many(self.strength, len(words), rng, whole=whole), rng)
        return splice(text, ((words[i].start, words[i].end, rng.choice(ways[i])) for i in chosen))

    @staticmethod
    def _ways(word: str) -> list[str]:
        # Capitals of some letters are two (ß), or those of another (ı): such a word would not be the same any more.
        forms = dict.fromkeys((word.lower(), word.upper(), word[:1].upper() + word[1:].lower()))
        return [form for form in forms if form != word and len(form) == len(word) and form.lower() == word.lower()]
