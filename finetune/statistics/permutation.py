"""Paired tests that count: exact McNemar of right and wrong, sign flips of differences per row."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from finetune.errors import DataError, EmptyDataError
from finetune.statistics.resampling import Array, check, group_numbers

_WORK = 20_000_000
"""Signs that a test flips at most: with many rows fewer patterns do, as they are only drawn to count a share."""


@dataclass(frozen=True)
class McNemar:
    """Rows on which two systems disagree.

    Args:
        b: Rows that only the first system has right.
        c: Rows that only the second system has right.
        p_value: Exact, two-sided, of b and c being equally likely, in (0, 1].
    """

    b: int
    c: int
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class SignFlip:
    """What flipping signs found.

    Args:
        value: Mean difference, first minus second.
        p_value: Two-sided, of the signs being arbitrary, in (0, 1].
        method: `sign-flip-exact` where all patterns were counted, `sign-flip` where some were drawn.
        resamples: Patterns that were counted.
        clusters: Number of clusters, where they were flipped whole.
    """

    value: float
    p_value: float
    method: str
    resamples: int
    clusters: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def mcnemar_exact(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Exact McNemar test: p = min(1, 2 P(X ≤ min(b, c))), X ~ Binomial(b + c, 1/2); 1 where the two never disagree.

    Exact, because with few disagreements the chi-square form is too sure: b=1, c=9 gives .0215, not .0114. Rows have
    to be independent of each other.

    Args:
        correct_a: (n,) bool, whether the first system has the row right.
        correct_b: (n,) bool, the same rows.

    Example:
        >>> mcnemar_exact([1] + 9 * [0], [0] + 9 * [1]).b
        1
    """
    from scipy.special import bdtr

    first, second = (array.astype(bool) for array in _pair(correct_a, correct_b))
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    return McNemar(b, c, min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0)


def permutation_test(
    scores_a: ArrayLike, scores_b: ArrayLike, *, resamples: int = 10_000, seed: int = 0,
    groups: ArrayLike | None = None,
) -> SignFlip:  # fmt: skip
    """Paired sign-flip test of the mean difference a - b of a score per row (Fisher 1935, Pitman 1937).

    Under no difference the sign of each row's difference (with groups: of each group's sum of them) is arbitrary. p is
    the share of sign patterns whose mean difference is at least as large in size: of all patterns where they are at
    most `resamples`, else of random ones, as (k + 1)/(B + 1). What has no difference is left out of the patterns; it
    changes nothing. With more than 2,000 differences fewer patterns are drawn, at least 1,000.

    Args:
        scores_a: (n,) float, score or error of the first system in each row, without NaN.
        scores_b: (n,) float, the second's, same rows.
        resamples: Number of random patterns B.
        seed: Of the random patterns.
        groups: (n,) cluster of each row, where rows depend on each other.

    Raises:
        DataError: Shapes differ, a score is NaN, or `groups` does not have n entries (EmptyDataError: no rows).

    Example:
        >>> permutation_test([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]).p_value
        0.25
    """
    first, second = (array.astype(np.float64) for array in _pair(scores_a, scores_b))
    check(len(first), resamples, 0.5)
    differences = first - second
    if np.isnan(differences).any():
        raise DataError("The scores hold NaN.", "Leave out the rows without a prediction, in both systems.")
    places = None if groups is None else group_numbers(len(first), groups)
    sums = differences if places is None else np.bincount(places, weights=differences)
    # Equal scores may leave an ulp in a group's sum, which is no difference.
    moved = sums[np.abs(sums) > 1e-12 * max(1e-300, float(np.abs(differences).max()))]
    p_value, method, total = _count_patterns(moved, resamples, seed)
    clusters = None if places is None else len(sums)
    return SignFlip(float(differences.mean()), p_value, method, total, clusters)


def _count_patterns(moved: Array, resamples: int, seed: int) -> tuple[float, str, int]:
    exact = len(moved) < 63 and 2 ** len(moved) <= resamples
    total = 2 ** len(moved) if exact else min(resamples, max(1000, _WORK // len(moved)))
    threshold = abs(float(moved.sum())) * (1 - 1e-12)  # the same sum in another order may be an ulp smaller
    extreme = sum(int((np.abs(sums) >= threshold).sum()) for sums in _flipped_sums(moved, total, exact, seed))
    if exact:
        return extreme / total, "sign-flip-exact", total
    return (extreme + 1) / (total + 1), "sign-flip", total


def _flipped_sums(differences: Array, total: int, exact: bool, seed: int) -> list[Array]:
    """Sums (in blocks, to bound memory) of the differences under `total` sign patterns: all of them, or random ones."""
    generator, m = np.random.default_rng(seed), len(differences)
    block = max(1, 2**20 // max(m, 1))
    sums = []
    for start in range(0, total, block):
        size = min(block, total - start)
        bits: Array
        if exact:
            bits = np.arange(start, start + size)[:, None] >> np.arange(m) & 1
        else:
            drawn = generator.integers(0, 256, size=(size, (m + 7) // 8), dtype=np.uint8)
            bits = np.unpackbits(drawn, axis=1, count=m)
        sums.append(differences.sum() - 2.0 * (bits @ differences))
    return sums


def _pair(left: ArrayLike, right: ArrayLike) -> tuple[Array, Array]:
    """Both as arrays (n,), n at least 1, of the same length."""
    a, b = np.asarray(left), np.asarray(right)
    if a.ndim != 1 or a.shape != b.shape:
        raise DataError(f"The shapes differ: {a.shape} and {b.shape}.", "Give one value per row, for the same rows.")
    if not len(a):
        raise EmptyDataError("There are no rows to compare.", "Check the filters and the split.")
    return a, b
