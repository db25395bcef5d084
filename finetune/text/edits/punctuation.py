"""Punctuation: marks between words (AEDA), and those that people leave out or put in."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import ClassVar

from finetune.text.edits.edit import Edit
from finetune.text.edits.negation import is_negation
from finetune.text.edits.words import find_words, how_many, some, splice

MARKS = (".", ";", "?", ":", "!", ",")
_END = re.compile(r"(?<=\w)[.!?…]+(?=\s*$)")
_COMMA = re.compile(r"(?<=[^\W\d]),(?=\s)")
_JOINT = re.compile(r"(?<=[^\W\d])(?= (?:and|but|because|although)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Aeda(Edit):
    """Punctuation marks before random words; the words and their order stay.

    Akbar Karimi, Leonardo Rossi and Andrea Prati (2021), "AEDA: An Easier Data Augmentation Technique for Text
    Classification", Findings of EMNLP: from one to a third as many marks as words, each drawn from . ; ? : ! and , .
    The strength is not looked at. Texts of fewer than three words stay as they are. None stands before the first word,
    other than published: a part of a text may begin right behind an answer.
    """

    conservative: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        starts = [match.start() for match in re.finditer(r"\S+", text)]
        if len(starts) < 3:
            return text
        chosen = some(starts[1:], rng.randint(1, len(starts) // 3), rng)
        return splice(text, ((start, start, f"{rng.choice(MARKS)} ") for start in chosen))


@dataclass(frozen=True)
class Punctuation(Edit):
    """The final mark dropped, or a full stop added where there is none; commas dropped, or added before conjunctions.

    The strength counts words. A comma behind a negation stays: "No, it works" is not "No it works".
    """

    conservative: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        changes = [*self._end(text, whole), *self._commas(text)]
        words = len(find_words(text))
        chosen = some(range(len(changes)), how_many(self.strength, words, rng, whole=whole), rng)
        return splice(text, (changes[i] for i in chosen))

    @staticmethod
    def _end(text: str, whole: bool) -> list[tuple[int, int, str]]:
        if not whole:
            return []
        if match := _END.search(text):  # of an address, too: the mark behind it is none of it
            return [(match.start(), match.end(), "")]
        words, end = find_words(text), len(text.rstrip())
        return [(end, end, ".")] if words and words[-1].end == end and not words[-1].fixed else []

    @staticmethod
    def _commas(text: str) -> list[tuple[int, int, str]]:
        negative = {word.end for word in find_words(text) if is_negation(word.text)}
        dropped = [(m.start(), m.end(), "") for m in _COMMA.finditer(text) if m.start() not in negative]
        added = [(m.start(), m.start(), ",") for m in _JOINT.finditer(text) if m.start() not in negative]
        return dropped + added
