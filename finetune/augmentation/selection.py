"""Which training rows get copies in an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

MOST_REPEATS = 100
"""How often a row is repeated at most where the recipe does not say `copies`."""


class Selection(ABC):
    """A rule by which rows are chosen anew in each epoch, equally many in all of them."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Further rows per epoch."""

    @abstractmethod
    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(size,) index of the parent of each further row, and (size,) which copy of it that is, from 0."""


@dataclass(frozen=True)
class Share(Selection):
    """A share of some rows, each copied equally often.

    Attributes:
        eligible: (m,) indices of the rows to choose from.
        share: Above 0, at most 1; at least one row is chosen where there is any.
        copies: Per chosen row.
    """

    eligible: np.ndarray
    share: float
    copies: int

    @property
    def _chosen(self) -> int:
        return min(len(self.eligible), max(1, round(self.share * len(self.eligible))))

    @property
    def size(self) -> int:
        return self._chosen * self.copies

    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        everything = self._chosen == len(self.eligible)
        chosen = self.eligible if everything else generator.choice(self.eligible, self._chosen, replace=False)
        return np.tile(np.sort(chosen), self.copies), np.repeat(np.arange(self.copies), self._chosen)


@dataclass(frozen=True)
class Balance(Selection):
    """Rows of rare classes repeated until every class has as many rows as the largest one.

    Within a class the repeats are spread evenly. A row is repeated `most` times at most, so a class with fewer than
    1 / (most + 1) of the largest one's rows stays smaller.

    Attributes:
        classes: (n,) class of every training row.
        eligible: (m,) indices of the rows that may be repeated.
        share: Of what is missing; 0.5 goes half of the way.
        most: Repeats per row.
    """

    classes: np.ndarray
    eligible: np.ndarray
    share: float
    most: int

    def _wanted(self) -> list[tuple[np.ndarray, int]]:
        names, counts = np.unique(self.classes, return_counts=True)
        wanted = []
        for name, count in zip(names, counts, strict=True):
            members = self.eligible[self.classes[self.eligible] == name]
            missing = round(self.share * (counts.max() - count))
            wanted.append((members, int(min(missing, self.most * len(members)))))
        return wanted

    @property
    def size(self) -> int:
        return sum(missing for _, missing in self._wanted())

    def draw(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        parents, copies = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for members, missing in self._wanted():
            if missing:
                order = generator.permutation(members)
                parents.append(np.resize(order, missing))  # round and round
                copies.append(np.arange(missing) // len(members))
        return np.concatenate(parents), np.concatenate(copies)
