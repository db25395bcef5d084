"""Easy data augmentation: synonyms, insertion, swap and deletion of words.

Jason Wei and Kai Zou (2019), "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
Tasks", EMNLP. Two departures. Negations and the words behind them stay: the paper's operations turn "not good" into
"good" and keep the label. And deletion takes a fixed number of words, where the paper draws for each: the strength
is then a bound.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from finetune.augmentation.edits import Edit
from finetune.augmentation.negation import guarded, is_negation
from finetune.augmentation.words import Word, find_words, how_many, like_case, some, splice
from finetune.lexicons.synonyms import Synonyms, load_builtin

_CLOSES = re.compile(r"\s|$|[.,;:!?)\]}'\"’”…]+(?:\s|$)")
"""What may close up to the word before; anything else would make one word of two, or another address."""
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
class _WithSynonyms(Edit):
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
class ReplaceWords(_WithSynonyms):
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


@dataclass(frozen=True)
class InsertWords(_WithSynonyms):
    """Synonyms of words of the text, each before a random word."""

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        words = find_words(text)
        free = free_words(text, words)
        # Between a negation and what it negates, or before its first word, nothing comes.
        doors = [place for place in free if place > 0 and text[words[place].start - 1].isspace()]
        wanted = how_many(self.strength, len(words), rng, whole=whole)
        new: list[str] = []
        for place in some(free, len(free), rng):
            if len(new) < min(wanted, len(doors)) and (options := self.options(text, words, place)):
                new.append(rng.choice(options))
        places = some(doors, len(new), rng)
        return splice(text, ((words[p].start, words[p].start, f"{word} ") for p, word in zip(places, new, strict=True)))


@dataclass(frozen=True)
class SwapWords(Edit):
    """Pairs of words change places."""

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        words = find_words(text)
        order = list(range(len(words)))
        free = free_words(text, words)
        for _ in range(how_many(self.strength, len(words), rng, whole=whole) if len(free) > 1 else 0):
            first, second = rng.sample(free, 2)
            order[first], order[second] = order[second], order[first]
        return splice(text, ((word.start, word.end, words[at].text) for word, at in zip(words, order, strict=True)))


@dataclass(frozen=True)
class DeleteWords(Edit):
    """Words go, with the blanks before them; line breaks and at least one word stay."""

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        words = find_words(text)
        wanted = min(how_many(self.strength, len(words), rng, whole=whole), len(words) - 1)
        for place in sorted(some(free_words(text, words), max(0, wanted), rng), reverse=True):
            before, behind = text[: words[place].start], text[words[place].end :]
            if not before or before[-1] == "\n":
                behind = behind.lstrip(" \t")
            text = (before.rstrip(" \t") if _CLOSES.match(behind) else before) + behind
        return text


@dataclass(frozen=True)
class Eda(Edit):
    """One of the four operations, drawn for every text among those that can change it.

    Attributes:
        synonyms: For replacing and inserting.
    """

    synonyms: Synonyms = field(default_factory=load_builtin)

    @property
    def note(self) -> str:
        return self.synonyms.note

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        operations: list[Edit] = [
            ReplaceWords(self.strength, self.synonyms), InsertWords(self.strength, self.synonyms),
            SwapWords(self.strength), DeleteWords(self.strength),
        ]  # fmt: skip
        rng.shuffle(operations)
        edited = (operation(text, rng, whole=whole) for operation in operations)
        return next((new for new in edited if new != text), text)
