"""Rows drawn again: what a statistic does on resamples of rows or clusters, and with some of them left out.

The resamples are a function of the number of rows, the groups and the seed alone, so that every system scored on the
same rows sees the same resamples, and differences between systems are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import DataError, EmptyDataError, UsageError

Array = NDArray[Any]
Statistic = Callable[[Array], Mapping[str, float]]

JACKKNIFE_BLOCKS = 200
"""With more rows (or clusters) than this, the jackknife leaves out a block of them at a time, drawn by chance. The
acceleration that BCa needs stays the same but for a noise of about 0.6 divided by this (Efron and Narasimhan 2020, "The
automatic construction of bootstrap confidence intervals", group in the same way), and 200 evaluations are enough."""


@dataclass(frozen=True)
class Distribution:
    """A statistic on all rows, on resamples of them, and with parts of them left out.

    Attributes:
        values: On all rows, by name.
        draws: Name to (resamples,) float64, NaN where undefined.
        left_out: Name to (blocks,) float64: the jackknife. Empty where it was not asked for, or of a single row.
        units: How many things were drawn: rows, or clusters of them.
        clusters: The same where they are clusters; None where they are rows.
    """

    values: Mapping[str, float]
    draws: dict[str, Array]
    left_out: dict[str, Array] = field(default_factory=dict)
    units: int = 1
    clusters: int | None = None


def distribution(
    statistic: Statistic, n: int, *, resamples: int = 1000, seed: int = 0, groups: ArrayLike | None = None,
    jackknife: bool = True,
) -> Distribution:  # fmt: skip
    """Evaluate a statistic on all rows, on resamples and, for BCa, with parts left out.

    Args:
        statistic: From row indices (n',) int64 to values by name, always the same names, NaN where undefined.
        n: Number of rows, at least 1.
        resamples: Number of resamples, at least 1.
        seed: Of the resamples; the same n, seed and groups give the same resamples.
        groups: (n,) cluster of each row, where rows depend on each other; whole clusters are then drawn.
        jackknife: Whether to leave parts out too: at most 200 evaluations more.

    Raises:
        UsageError: `resamples` is below 1.
        EmptyDataError: n is 0.
        DataError: `groups` does not have n entries.
    """
    check(n, resamples, 0.5)
    members = _members(n, groups)
    draws = resample(statistic, n, resamples, seed, groups)
    left_out = _leave_out(statistic, n, members) if jackknife else {}
    clusters = None if members is None else len(members)
    return Distribution(statistic(np.arange(n)), draws, left_out, clusters or n, clusters)


def resample(
    statistic: Statistic, n: int, resamples: int, seed: int = 0, groups: ArrayLike | None = None
) -> dict[str, Array]:
    """Values of the statistic on each resample: name to (resamples,) float64, NaN where undefined."""
    return _table([statistic(rows) for rows in resampled_rows(n, resamples, seed, groups)])


def resampled_rows(n: int, resamples: int, seed: int = 0, groups: ArrayLike | None = None) -> Iterator[Array]:
    """Row indices of each resample, int64: (n,), or the rows of as many groups as there are, drawn with replacement."""
    generator = np.random.default_rng(seed)
    members = _members(n, groups)
    for _ in range(resamples):
        if members is None:
            yield generator.integers(0, n, size=n)
        else:
            yield np.concatenate([members[i] for i in generator.integers(0, len(members), size=len(members))])


def check(n: int, resamples: int, confidence: float) -> None:
    """Raise where the numbers that all intervals share are out of range."""
    if n < 1:
        raise EmptyDataError("There are no rows to compute an interval from.", "Check the filters and the split.")
    if resamples < 1:
        raise UsageError(f"resamples is {resamples}.", "Give at least 1; 1000 is usual.")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence}; accepted: between 0 and 1.", "0.95 is usual.")


def group_numbers(n: int, groups: ArrayLike) -> Array:
    """(n,) int64: the place of each row's group among the sorted groups.

    Raises:
        DataError: `groups` does not have n entries.
    """
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise DataError(f"groups has shape {labels.shape}; accepted: ({n},).", "Give one group per row.")
    return np.unique(labels, return_inverse=True)[1]


def _members(n: int, groups: ArrayLike | None) -> list[Array] | None:
    """Row indices of each group, groups in sorted order; None without groups."""
    if groups is None:
        return None
    places = group_numbers(n, groups)
    return np.split(np.argsort(places, kind="stable"), np.cumsum(np.bincount(places))[:-1])


def _leave_out(statistic: Statistic, n: int, members: list[Array] | None) -> dict[str, Array]:
    """The jackknife: name to (blocks,) values; empty where there would be nothing left to compute from."""
    units = n if members is None else len(members)
    if units == 1:
        return {}
    # Blocks are drawn by chance: rows that stand together are often alike.
    order = np.random.default_rng(0).permutation(units)
    found = []
    for block in np.array_split(order, min(units, JACKKNIFE_BLOCKS)):
        kept = np.ones(n, dtype=bool)
        kept[block if members is None else np.concatenate([members[i] for i in block])] = False
        found.append(statistic(np.flatnonzero(kept)))
    return _table(found)


def _table(values: list[Mapping[str, float]]) -> dict[str, Array]:
    """Column by column: name to (len(values),) float64."""
    return {name: np.array([row[name] for row in values], dtype=np.float64) for name in values[0]}
