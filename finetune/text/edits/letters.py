"""Texts in another case, and in letters that look like their own or belong to another script."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from typing import ClassVar

from finetune.text.edits.edit import Edit
from finetune.text.edits.negation import is_negation
from finetune.text.edits.words import find_words, how_many, some, splice

_LATIN = "aceijopsxyABCEHIJKMOPSTXY"
_CYRILLIC = "асеіјорѕхуАВСЕНІЈКМОРЅТХУ"
LOOKALIKES = dict(zip(_LATIN, _CYRILLIC, strict=True))
"""Latin letter -> a Cyrillic one that looks the same: what gets past filters, and slips in on mixed keyboards."""
FULL_WIDTH = {chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F) if chr(code).isalpha()}
"""Latin letter -> its wide form, as East Asian keyboards write it."""
_MARKS = ("\u0300", "\u0301", "\u0302", "\u0308")
"""Grave, acute, circumflex, diaeresis."""


def _accented() -> dict[str, tuple[str, ...]]:
    """Latin letter -> the same with a mark, where that is one character."""
    made = {letter: [unicodedata.normalize("NFC", letter + mark) for mark in _MARKS] for letter in FULL_WIDTH}
    return {letter: fit for letter, forms in made.items() if (fit := tuple(f for f in forms if len(f) == 1))}


ACCENTED = _accented()
_SCRIPTS: tuple[dict[str, tuple[str, ...]], ...] = (
    {letter: (other,) for letter, other in LOOKALIKES.items()},
    {letter: (other,) for letter, other in FULL_WIDTH.items()},
    ACCENTED,
)


@dataclass(frozen=True)
class Lowercase(Edit):
    """Everything in small letters; addresses, user names and hashtags too, since readers do not tell them apart.

    The strength is not looked at.
    """

    conservative: ClassVar[bool] = True
    inside_words: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        return text.lower()


@dataclass(frozen=True)
class Uppercase(Edit):
    """Everything in capitals. Letters that have none of their own (ß) stay. The strength is not looked at."""

    conservative: ClassVar[bool] = True
    inside_words: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        return "".join(letter.upper() if len(letter.upper()) == 1 else letter for letter in text)


@dataclass(frozen=True)
class OtherScript(Edit):
    """Latin letters replaced by lookalikes of another script, by wide forms, or by ones with a mark.

    Which of the three is drawn for every text. Readers hardly notice; a tokenizer may know none of them. The strength
    counts characters. Negations and addresses stay.
    """

    conservative: ClassVar[bool] = True
    inside_words: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        table = rng.choice(_SCRIPTS)
        words = [word for word in find_words(text) if not word.fixed and not is_negation(word.text)]
        places = [i for word in words for i in range(word.start, word.end) if text[i] in table]
        letters = sum(not character.isspace() for character in text)
        chosen = some(places, how_many(self.strength, letters, rng, whole=whole), rng)
        return splice(text, ((i, i + 1, rng.choice(table[text[i]])) for i in chosen))
