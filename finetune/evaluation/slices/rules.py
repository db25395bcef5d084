"""Short rules over conditions, and the tree that proposes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finetune.evaluation.slices.dimensions import Condition

DEPTH = 3
"""Most conditions of a rule."""
CONDITION_COSTS = 0.5
"""Standard errors by which a rule has to be clearer for each of its conditions: noise always finds one more."""
Path = tuple[tuple[int, bool], ...]
"""From the root of a tree: index of a condition, and whether it holds."""


@dataclass(frozen=True)
class Rule:
    """Conditions that all have to hold or fail.

    Attributes:
        terms: Condition, and whether it has to hold.
    """

    terms: tuple[tuple[Condition, bool], ...]

    @property
    def mask(self) -> np.ndarray:
        """(n,) bool, the rows that it is about."""
        return np.asarray(np.logical_and.reduce([c.mask if holds else ~c.mask for c, holds in self.terms]))

    @property
    def words(self) -> list[str]:
        """The conditions that say something beyond the others."""
        kept = {id(c): (c, holds) for c, holds in self.terms}
        for condition, holds in self.terms:
            others = [term for key, term in kept.items() if key != id(condition)]
            if any(_implies(term, (condition, holds)) for term in others):
                del kept[id(condition)]
        return [c.yes if holds else c.no for c, holds in kept.values()]

    def __str__(self) -> str:
        return " and ".join(self.words)


def _implies(term: tuple[Condition, bool], other: tuple[Condition, bool]) -> bool:
    """Whether the first makes the second superfluous: they are about one thing, and no row has only the first."""
    (first, holds), (second, wanted) = term, other
    if first.subject != second.subject:
        return False
    return not bool(((first.mask == holds) & (second.mask != wanted)).any())


class Tree:
    """A regression tree on conditions, whose nodes are rules.

    Nodes at every depth are looked at, as a leaf below the true rule would be one that noise has made smaller.

    Args:
        conditions: What rules may be made of, at least one.
        rows: (m,) indices of the rows that are learned from.
        min_rows: Rows of them that a rule has to be about, and leave out.
    """

    def __init__(self, conditions: Sequence[Condition], rows: np.ndarray, min_rows: int) -> None:
        self.conditions, self.rows, self.min_rows = conditions, rows, min_rows
        self._holds = np.stack([condition.mask[rows] for condition in conditions], axis=1).astype(np.float32)

    def grow(self, losses: np.ndarray) -> list[tuple[float, Rule]]:
        """Rules with how clear they are; the clearest first, and none that shares a path with a clearer one.

        That is how far their mean loss lies above that of all rows, in standard errors, less `CONDITION_COSTS` for each
        condition.

        Args:
            losses: (m,) float, of the rows.
        """
        kept: list[tuple[float, Path]] = []
        for clear, path in sorted(self._nodes(losses), key=lambda node: -node[0]):
            if clear > 0 and all(path[: len(k)] != k and k[: len(path)] != path for _, k in kept):
                kept.append((clear, path))
        return [(clear, Rule(tuple((self.conditions[i], yes) for i, yes in path))) for clear, path in kept]

    def clearest(self, losses: np.ndarray) -> float:
        """How clear the clearest rule is; 0 where no rows are worse."""
        return max(0.0, max((clear for clear, _ in self._nodes(losses)), default=0.0))

    def _nodes(self, losses: np.ndarray) -> Iterator[tuple[float, Path]]:
        from sklearn.tree import DecisionTreeRegressor

        tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=self.min_rows, random_state=0)
        return _walk(tree.fit(self._holds, losses).tree_, len(losses))


def _walk(tree: Any, total: int) -> Iterator[tuple[float, Path]]:
    """Every node but the root: how clear it is, and its path."""
    sizes, means, features = tree.n_node_samples, tree.value[:, 0, 0], tree.feature
    left, right, spread = tree.children_left, tree.children_right, float(tree.impurity[0])
    stack: list[tuple[int, Path]] = [(0, ())]
    while stack:
        node, path = stack.pop()
        if path and spread > 0:
            size = int(sizes[node])
            error = math.sqrt(spread * (total - size) / (total * size))  # of a mean drawn without replacement
            yield (float(means[node]) - float(means[0])) / error - CONDITION_COSTS * len(path), path
        if (feature := int(features[node])) >= 0:
            stack.append((int(left[node]), (*path, (feature, False))))
            stack.append((int(right[node]), (*path, (feature, True))))
