"""Two systems on the same rows: is one better, and how small a difference could these rows have shown?

A positive difference means that the first system has the larger value (for an error: that it is the worse one).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import DataError, EmptyDataError, UsageError
from finetune.statistics.intervals import Statistic, check, finite, percentile, resample

Array = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """Value of the first system minus value of the second.

    Args:
        value: On all rows, in the statistic's unit; NaN (as all below) where undefined, or not given by the method.
        low: Lower end of the confidence interval.
        high: Upper end.
        p_value: Two-sided, of no difference, in (0, 1].
        method: How interval and p-value were computed.
        confidence: Nominal coverage of the interval, in (0, 1); NaN without an interval.
        resamples: Resamples, sign flips or, where exact, all outcomes that were counted.
        undefined: How many of them gave NaN and were set aside.
    """

    value: float
    low: float
    high: float
    p_value: float
    method: str
    confidence: float
    resamples: int
    undefined: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; NaN as None, which JSON can hold."""
        return finite(asdict(self))


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


def paired_difference(  # three positional, the rest by name
    statistic_a: Statistic,
    statistic_b: Statistic,
    n: int,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
) -> dict[str, Difference]:
    """Paired bootstrap of the difference a - b of two systems on the same rows.

    Both statistics see the same resamples, those that `intervals.bootstrap` draws for the same n and seed; the interval
    is the percentile interval of the resampled differences d. The p-value inverts it (the level at which the interval
    would just touch 0): 2 min(#{d ≤ 0} + 1, #{d ≥ 0} + 1) / (B + 1), at most 1. The added 1 (Davison and Hinkley 1997)
    keeps it from 0: with B resamples it is at least 2/(B + 1).

    Args:
        statistic_a: First system: from row indices (n',) int64 to values by name.
        statistic_b: Second system; names that only one of the two yields are left out.
        n: Number of rows, at least 1.
        resamples: Number of resamples B, at least 1.
        seed: Of the resamples.
        confidence: Nominal coverage, in (0, 1).
        groups: (n,) cluster of each row, where rows depend on each other; whole groups are then drawn.

    Raises:
        UsageError: An argument is out of range.
        DataError: n is 0 (EmptyDataError), or `groups` does not have n entries.

    Example:
        >>> a, b = np.array([1, 1, 1, 0]), np.array([1, 0, 1, 0])
        >>> paired_difference(lambda i: {"share": a[i].mean()}, lambda i: {"share": b[i].mean()}, 4)["share"].value
        0.25
    """
    check(n, resamples, confidence)
    rows = np.arange(n)
    values_a, values_b = statistic_a(rows), statistic_b(rows)
    draws_a, draws_b = (resample(each, n, resamples, seed, groups) for each in (statistic_a, statistic_b))
    return {
        name: difference_from_draws(float(values_a[name] - values_b[name]), draws_a[name] - draws_b[name], confidence)
        for name in values_a
        if name in values_b
    }


def difference_from_draws(value: float, draws: Array, confidence: float) -> Difference:
    """The interval and p-value of a difference from its bootstrap distribution, as `paired_difference` describes them.

    Args:
        value: The difference on all rows.
        draws: (resamples,) its values on the resamples, NaN where undefined.
        confidence: Nominal coverage, in (0, 1).
    """
    defined = draws[~np.isnan(draws)]
    undefined = len(draws) - len(defined)
    low = high = p_value = math.nan
    if not math.isnan(value) and undefined <= len(draws) / 2:
        low, high = percentile(defined, confidence)
        tail = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
        p_value = min(1.0, 2 * (tail + 1) / (len(defined) + 1))
    return Difference(value, low, high, p_value, "paired-bootstrap", confidence, len(draws), undefined)


def mcnemar_exact(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Exact McNemar test: p = min(1, 2 P(X ≤ min(b, c))), X ~ Binomial(b + c, 1/2); 1 where the two never disagree.

    Exact, because with few disagreements the chi-square form is too sure: b=1, c=9 gives .0215, not .0114.

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


def permutation_test(errors_a: ArrayLike, errors_b: ArrayLike, *, resamples: int = 10_000, seed: int = 0) -> Difference:
    """Paired sign-flip test of the mean difference a - b, for errors of regression (Fisher 1935, Pitman 1937).

    Under no difference the sign of each row's difference is arbitrary. p is the share of sign patterns whose mean
    difference is at least as large in size: of all patterns where they are at most `resamples`, else of random ones, as
    (k + 1)/(B + 1). Rows without a difference are left out of the patterns; they change nothing.

    Args:
        errors_a: (n,) float, error of the first system in each row (absolute or squared), without NaN.
        errors_b: (n,) float, the second's, same rows.
        resamples: Number of random patterns B.
        seed: Of the random patterns.

    Returns:
        The mean difference and its p-value; there is no interval.

    Example:
        >>> permutation_test([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]).p_value
        0.25
    """
    first, second = (array.astype(np.float64) for array in _pair(errors_a, errors_b))
    check(len(first), resamples, 0.5)
    differences = first - second
    if np.isnan(differences).any():
        raise DataError("The errors hold NaN.", "Leave out the rows without a prediction, in both systems.")
    value, moved = float(differences.mean()), differences[differences != 0]
    exact = 2 ** len(moved) <= resamples
    total = 2 ** len(moved) if exact else resamples
    threshold = abs(float(moved.sum())) * (1 - 1e-12)  # the same sum in another order may be an ulp smaller
    extreme = sum(int((np.abs(sums) >= threshold).sum()) for sums in _flipped_sums(moved, total, exact, seed))
    p_value = extreme / total if exact else (extreme + 1) / (total + 1)
    method = "sign-flip-exact" if exact else "sign-flip"
    return Difference(value, math.nan, math.nan, p_value, method, math.nan, total)


def _flipped_sums(differences: Array, total: int, exact: bool, seed: int) -> list[Array]:
    """Sums (in blocks, to bound memory) of the differences under `total` sign patterns: all of them, or random ones."""
    generator, m = np.random.default_rng(seed), len(differences)
    block = max(1, 2**20 // max(m, 1))
    sums = []
    for start in range(0, total, block):
        size = min(block, total - start)
        patterns = np.arange(start, start + size)[:, None] >> np.arange(m) & 1 if exact else None
        bits = patterns if patterns is not None else generator.integers(0, 2, size=(size, m), dtype=np.int8)
        sums.append((1.0 - 2.0 * bits) @ differences)
    return sums


def minimum_detectable_effect(n: int, disagreement: float, *, significance: float = 0.05, power: float = 0.80) -> float:
    """Smallest difference in accuracy that a paired comparison on n rows shows with the given power.

    Connor (1987): n = (z_α √ψ + z_β √(ψ - δ²))² / δ² rows are needed for a difference δ between systems that disagree
    in correctness on a share ψ of rows, two-sided; solved for δ:

        δ = √ψ (z_α √n + z_β √(n - z_α² + z_β²)) / (n + z_β²)

    Args:
        n: Rows, at least 1.
        disagreement: ψ = (b + c)/n, share of rows that exactly one of the systems has right, in [0, 1].
        significance: Two-sided level α, in (0, 1).
        power: Wanted power 1 - β, in (0.5, 1).

    Returns:
        δ in [0, ψ], a share of rows; NaN where no difference is detectable, because δ would exceed ψ.

    Example:
        >>> round(minimum_detectable_effect(1000, 0.2), 4)
        0.0396
    """
    if n < 1 or not 0 <= disagreement <= 1 or not 0 < significance < 1 or not 0.5 < power < 1:
        received = f"n={n}, disagreement={disagreement}, significance={significance}, power={power}"
        raise UsageError(f"Out of range: {received}.", "Accepted: n ≥ 1, shares in [0, 1], power in (0.5, 1).")
    z_a, z_b = NormalDist().inv_cdf(1 - significance / 2), NormalDist().inv_cdf(power)
    inner = n - z_a**2 + z_b**2
    if inner < 0:
        return math.nan
    effect = math.sqrt(disagreement) * (z_a * math.sqrt(n) + z_b * math.sqrt(inner)) / (n + z_b**2)
    return effect if effect <= disagreement else math.nan


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979): adjusted p-values, in the order given; reject where below the level.

    The i-th smallest of m becomes max over j ≤ i of (m - j + 1) p_(j), at most 1. NaN stays NaN and is not counted.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def _pair(left: ArrayLike, right: ArrayLike) -> tuple[Array, Array]:
    """Both as arrays (n,), n at least 1, of the same length."""
    a, b = np.asarray(left), np.asarray(right)
    if a.ndim != 1 or a.shape != b.shape:
        raise DataError(f"The shapes differ: {a.shape} and {b.shape}.", "Give one value per row, for the same rows.")
    if not len(a):
        raise EmptyDataError("There are no rows to compare.", "Check the filters and the split.")
    return a, b
