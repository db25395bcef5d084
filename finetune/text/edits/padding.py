"""Neutral sentences before and after a text: how a model bears long input that says nothing more."""

from __future__ import annotations

import random
from dataclasses import dataclass

from finetune.text.edits.edit import Edit

SENTENCES = (
    "This was written down on an ordinary day of the week.",
    "The text before and after this line belongs to the same file.",
    "It was copied here from another page in the same form.",
    "There are several lines of this kind in the list.",
    "The date and the place are given at the end of the page.",
    "Somebody typed it in and saved it in the usual folder.",
    "The next part follows in the same order as before.",
    "Each entry has a number, and the numbers are in order.",
    "The page has a header, a middle part and a footer.",
    "What stands above is followed by what stands below.",
    "It is one of many entries that were kept over the years.",
    "The letters are of the same size on all of the pages.",
)
"""They name no feeling, person, place or subject."""
MOST_WORDS = 500
"""How many words a strength of 1 adds."""


@dataclass(frozen=True)
class Padding(Edit):
    """English sentences that say nothing, before and after a text; the strength is a share of 500 words.

    Not conservative: what two texts have in common, or how likely one is, changes with what stands around them. Of
    parts of a text only the first gets sentences before it and the last some after it, which `before` and `after` say.

    Attributes:
        before: Whether sentences are put in front.
        after: Whether sentences are put at the end.
    """

    before: bool = True
    after: bool = True

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        half = max(1, round(self.strength * MOST_WORDS / 2))
        front, back = (_some_words(half, rng) for _ in range(2))
        first = f"{front} " if self.before else ""
        return f"{first}{text}{_joint(text) + back if self.after else ''}"


def _some_words(count: int, rng: random.Random) -> str:
    """Whole sentences of at least so many words, each anew in another order."""
    chosen: list[str] = []
    while sum(len(sentence.split()) for sentence in chosen) < count:
        chosen += rng.sample(SENTENCES, len(SENTENCES))
    words = 0
    for number, sentence in enumerate(chosen, start=1):
        words += len(sentence.split())
        if words >= count:
            return " ".join(chosen[:number])
    return " ".join(chosen)


def _joint(text: str) -> str:
    """What parts a text from the sentences behind it: a full stop where it ends in a letter or a digit."""
    return ". " if text.rstrip()[-1:].isalnum() else " "
