"""What an edit is: a text goes in, another one comes out, and the label is still right."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Edit(ABC):
    """One way to change a text. All that it draws comes from the generator it is given.

    Attributes:
        strength: Share of the words (or characters) that are changed, above 0 and at most 1.
    """

    strength: float = 0.1

    conservative: ClassVar[bool] = False
    """Whether every word stays in its place and readable, so that also pairs and numbers keep their target."""
    inside_words: ClassVar[bool] = False
    """Whether it can do something to a word alone; others need a text."""
    kinds: ClassVar[frozenset[str]] = frozenset({"text", "texts", "tokens", "messages"})
    """Kinds of columns that it acts on."""

    @property
    def note(self) -> str:
        """What else a record of the run should name, such as a lexicon; empty where there is nothing."""
        return ""

    @abstractmethod
    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        """The edited text; the same one where there is nothing to change.

        Args:
            text: Any text, or a part of one.
            rng: The only source of chance.
            whole: Whether it is all there is. A part may begin or end inside of a word, and its end is no full stop.
        """
