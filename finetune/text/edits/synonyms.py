"""Words replaced by others of the same meaning."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from finetune.lexicons.synonyms import Synonyms, load_builtin
from finetune.text.edits.edit import Edit
from finetune.text.edits.negation import guarded, is_negation
from finetune.text.edits.words import Word, find_words, how_many, like_case, some, splice

_BREAK = re.compile(r"[.!?\n]\W*$")
"""Between a word and one that begins a sentence."""


def free_words(text: str, words: Sequence[Word]) -> list[int]:
    """Places of the words that may be dropped, moved or replaced."""
    kept = guarded(text, words)
    return [i for i, word in enumerate(words) if i not in kept and not word.fixed]


def is_name(text: str, words: Sequence[Word], place: int) -> bool:
    """Whether a word is capitalised although it begins no sentence: English names are no words to replace."""
    word = words[place].text
    if not word[:1].isupper() or text.isupper():
        return False
    return place > 0 and not _BREAK.search(text[words[place - 1].end : words[place].start])


@dataclass(frozen=True)
class WithSynonyms(Edit):
    """An edit that needs other words.

    Attributes:
        synonyms: Where they come from.
    """

    synonyms: Synonyms = field(default_factory=load_builtin)

    @property
    def note(self) -> str:
        return self.synonyms.note

    def options(self, text: str, words: Sequence[Word], place: int) -> list[str]:
        """What may stand for a word, written as it is, and after the same of `a` and `an`."""
        word = words[place].text
        found = () if is_name(text, words, place) else self.synonyms.of(word.lower())
        if place and words[place - 1].text.lower() in ("a", "an"):
            found = tuple(other for other in found if (other[0] in "aeiou") == (word[0].lower() in "aeiou"))
        written = (like_case(other, word) for other in found if not is_negation(other))
        return [other for other in written if other]


@dataclass(frozen=True)
class ReplaceWords(WithSynonyms):
    """Words by synonyms; those of grammar, names, negations and what they negate excepted."""

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        words = find_words(text)
        wanted = how_many(self.strength, len(words), rng, whole=whole)
        changes: list[tuple[int, int, str]] = []
        for place in some(free := free_words(text, words), len(free), rng):
            if len(changes) == wanted:
                break
            if options := self.options(text, words, place):
                changes.append((words[place].start, words[place].end, rng.choice(options)))
        return splice(text, changes)
