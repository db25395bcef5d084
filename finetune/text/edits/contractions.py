"""English contractions written out, and what is written out contracted."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from finetune.text.edits.edit import Edit
from finetune.text.edits.words import find_words, how_many, some, splice

_VERBS = ["do", "does", "did", "is", "are", "was", "were", "has", "have", "had", "could", "would", "should"]
_NEGATED = {f"{verb}n't": f"{verb} not" for verb in _VERBS} | {
    "can't": "cannot", "won't": "will not", "shan't": "shall not", "mustn't": "must not",
}  # fmt: skip
_BOTH = {"i'm": "i am"} | {
    f"{who}'{short}": f"{who} {verb}"
    for short, verb, subjects in (
        ("re", "are", ("you", "we", "they")),
        ("ll", "will", ("i", "you", "he", "she", "it", "we", "they")),
    )
    for who in subjects
}
_OPENED_ONLY = {f"{who}'ve": f"{who} have" for who in ("i", "you", "we", "they")}
"""The way back is no English where `have` is the only verb: "I've a dog"."""
_OPENED = {**_NEGATED, **_BOTH, **_OPENED_ONLY}
_CLOSED = {long: short for short, long in (_NEGATED | _BOTH).items()} | {"can not": "can't"}
_SUBJECT = re.compile(r"\s+(?:i|you|he|she|it|we|they|there|this|that|these|those|the|my|your)\b", re.IGNORECASE)
_WORD_FOLLOWS = re.compile(r"[ \t]+\w")


@dataclass(frozen=True)
class Contractions(Edit):
    """`don't` and `do not`, `I'm` and `I am`, `they'll` and `they will`, in both directions.

    Left alone is what has two readings ('s and 'd), questions ("don't you" is not "do not you"), and verbs at the end
    of a clause ("who they are" has no short form). The strength counts words.
    """

    conservative: ClassVar[bool] = True
    inside_words: ClassVar[bool] = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        changes = list(_changes(text))
        wanted = how_many(self.strength, len(find_words(text)), rng, whole=whole)
        return splice(text, (changes[i] for i in some(range(len(changes)), wanted, rng)))


def _changes(text: str) -> Iterator[tuple[int, int, str]]:
    apostrophe = "’" if "’" in text else "'"
    for match in _pattern().finditer(text):
        old = match.group()
        key = " ".join(old.lower().replace("’", "'").split())
        if key in _OPENED:
            if not (key in _NEGATED and _SUBJECT.match(text, match.end())):
                yield match.start(), match.end(), _written_as(_OPENED[key], old)
        elif key in _NEGATED.values() or key == "can not" or _WORD_FOLLOWS.match(text, match.end()):
            yield match.start(), match.end(), _written_as(_CLOSED[key], old).replace("'", apostrophe)


@cache
def _pattern() -> re.Pattern[str]:
    forms = sorted((*_OPENED, *_CLOSED), key=len, reverse=True)
    listed = "|".join(re.escape(form).replace("'", "['’]").replace(r"\ ", "[ \t]") for form in forms)
    return re.compile(rf"(?<![\w'’-])(?:{listed})(?![\w'’-])", re.IGNORECASE)


def _written_as(new: str, old: str) -> str:
    """In capitals where the old form was, with a capital where it had one; `I` always is one."""
    letters = [character for character in old if character.isalpha()]
    if len(letters) > 1 and all(character.isupper() for character in letters):
        return new.upper()
    return new[:1].upper() + new[1:] if letters[0].isupper() else new
