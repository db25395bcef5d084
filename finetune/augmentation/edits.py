"""An edit by a model; all others are those of `finetune.text.edits`."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from finetune.text.edits.edit import Edit


@dataclass(frozen=True)
class ModelEdit(Edit):
    """An edit by a model, which takes many texts at a time."""

    @abstractmethod
    def batch(self, texts: Sequence[str], generators: Sequence[random.Random]) -> list[str]:
        """Edited texts, in order; each draws from its own generator, so that the others make no difference to it."""

    def __call__(self, text: str, rng: random.Random, *, whole: bool = True) -> str:
        return self.batch([text], [rng])[0]
