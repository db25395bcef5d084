"""Two systems on the same rows: is one better, by how much? Many comparisons at once.

A positive difference means that the first system has the larger value (for an error: that it is the worse one).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from finetune.errors import UsageError
from finetune.statistics.intervals import Correction, Method, check_method, correction, finite, quantiles
from finetune.statistics.permutation import McNemar, SignFlip, mcnemar_exact, permutation_test
from finetune.statistics.power import minimum_detectable_effect
from finetune.statistics.resampling import Array, Distribution, Statistic, check, distribution

__all__ = [
    "Difference", "McNemar", "SignFlip", "difference_from_draws", "differences_of", "holm", "mcnemar_exact",
    "minimum_detectable_effect", "paired_difference", "permutation_test",
]  # fmt: skip

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Difference:
    """Value of the first system minus value of the second.

    Args:
        value: On all rows, in the statistic's unit; NaN (as all below) where undefined.
        low: Lower end of the confidence interval.
        high: Upper end.
        p_value: Two-sided, of no difference, in (0, 1].
        method: How interval and p-value were computed.
        confidence: Nominal coverage of the interval, in (0, 1).
        resamples: Resamples that were drawn.
        undefined: How many of them gave NaN and were set aside.
        interval: What the interval is: `percentile` or `bca`.
        standard_error: Of the difference, in the statistic's unit: the spread of the resampled differences.
        clusters: Number of clusters, where whole clusters were drawn; None where rows were.
    """

    value: float
    low: float
    high: float
    p_value: float
    method: str
    confidence: float
    resamples: int
    undefined: int = 0
    interval: str = "percentile"
    standard_error: float = math.nan
    clusters: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; NaN as None, which JSON can hold."""
        return finite(asdict(self))


def paired_difference(  # three positional, the rest by name
    statistic_a: Statistic,
    statistic_b: Statistic,
    n: int,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    method: Method = "auto",
    groups: ArrayLike | None = None,
) -> dict[str, Difference]:
    """Paired bootstrap of the difference a - b of two systems on the same rows.

    Both statistics see the same resamples, those that `intervals.bootstrap` draws for as many rows by default; the
    interval is made of the resampled differences in the same way. The p-value inverts it: it is the level at which the
    interval would just touch 0, see `difference_from_draws`.

    Args:
        statistic_a: First system: from row indices (n',) int64 to values by name.
        statistic_b: Second system; names that only one of the two yields are left out.
        n: Number of rows, at least 1.
        resamples: Number of resamples B, at least 1.
        confidence: Nominal coverage, in (0, 1).
        method: `auto` (which is `bca`), `percentile` or `bca`.
        groups: (n,) cluster of each row, where rows depend on each other; whole groups are then drawn.

    Raises:
        UsageError: An argument is out of range.
        DataError: n is 0 (EmptyDataError), or `groups` does not have n entries.

    Example:
        >>> a, b = np.array([1, 1, 1, 0]), np.array([1, 0, 1, 0])
        >>> paired_difference(lambda i: {"share": a[i].mean()}, lambda i: {"share": b[i].mean()}, 4)["share"].value
        0.25
    """
    check_method(method)
    check(n, resamples, confidence)
    first, second = (
        distribution(each, n, resamples=resamples, groups=groups, jackknife=method != "percentile")
        for each in (statistic_a, statistic_b)
    )
    return differences_of(first, second, confidence=confidence, method=method)


def differences_of(
    first: Distribution, second: Distribution, *, confidence: float = 0.95, method: Method = "auto"
) -> dict[str, Difference]:
    """The differences of two distributions that were drawn with the same rows, groups, seed and number of resamples.

    Raises:
        UsageError: The numbers of resamples, rows or clusters differ.
    """
    sizes = [(each.units, *{len(draws) for draws in each.draws.values()}) for each in (first, second)]
    if sizes[0] != sizes[1]:
        raise UsageError(f"The resamples are not the same: {sizes[0]} and {sizes[1]}.", "Draw both in the same way.")
    return {
        name: _difference(first, second, name, confidence, method) for name in first.values if name in second.values
    }


def _difference(first: Distribution, second: Distribution, name: str, confidence: float, method: Method) -> Difference:
    value = float(first.values[name]) - float(second.values[name])
    draws = first.draws[name] - second.draws[name]
    fix = None
    if method != "percentile" and name in first.left_out and name in second.left_out:
        fix = correction(value, draws, first.left_out[name] - second.left_out[name])
    return difference_from_draws(value, draws, confidence, fix=fix, units=first.units, clusters=first.clusters)


def difference_from_draws(
    value: float, draws: Array, confidence: float, *, fix: Correction | None = None, units: int | None = None,
    clusters: int | None = None,
) -> Difference:  # fmt: skip
    """The interval and p-value of a difference from its bootstrap distribution.

    With B resampled differences d, the smaller tail is min(#{d ≤ 0}, #{d ≥ 0}) + 1 of B + 1; the added 1 (Davison and
    Hinkley 1997) keeps it from 0. Its normal quantile, with the corrections of the interval taken back, is the distance
    of 0 in standard errors, and p = 2 P(T ≤ that), T of Student's distribution where `units` are given. Without
    corrections and units it is twice the tail. Where no resample reaches 0, the count cannot tell how small p is: the
    tail is then that of value / standard error, at most what the count gives.

    Args:
        value: The difference on all rows.
        draws: (resamples,) its values on the resamples, NaN where undefined.
        confidence: Nominal coverage, in (0, 1).
        fix: Bias and acceleration, for a BCa interval; without it the interval is the percentile interval.
        units: Rows or clusters that were drawn, see `intervals.spread`; None where there are many, or of two samples.
        clusters: Likewise, where they are clusters.
    """
    defined = draws[~np.isnan(draws)]
    undefined = len(draws) - len(defined)
    low = high = p_value = error = math.nan
    if not math.isnan(value) and undefined <= len(draws) / 2:
        low, high = quantiles(draws, confidence, fix, units)
        error = _standard_error(defined, units)
        p_value = _p_value(value, defined, error, fix or Correction(), units)
    used = "bca" if fix else "percentile"
    return Difference(
        value, low, high, p_value, "paired-bootstrap", confidence, len(draws), undefined, used, error, clusters
    )


def _standard_error(defined: Array, units: int | None) -> float:
    """Spread of the resampled values; they vary by √((n - 1)/n) too little."""
    if units == 1 or len(defined) < 2:
        return math.nan
    return float(defined.std(ddof=1)) * (math.sqrt(units / (units - 1)) if units else 1.0)


def _p_value(value: float, defined: Array, error: float, fix: Correction, units: int | None) -> float:
    """Two-sided, as `difference_from_draws` describes it; NaN for one unit."""
    if units == 1:
        return math.nan
    below, above = int((defined <= 0).sum()), int((defined >= 0).sum())
    total, widening = len(defined) + 1, math.sqrt(units / (units - 1)) if units else 1.0
    left = _distance(min(1.0, (below + 1) / total), fix)
    right = -_distance(max(1 / total, 1 - (above + 1) / total), fix) if above + 1 < total else 0.0
    counted = min(1.0, 2 * min(_lower_tail(z / widening, units) for z in (left, right)))
    if min(below, above) > 0 or not error > 0:
        return counted
    return min(counted, max(2 * _lower_tail(-abs(value) / error, units), 5e-324))


def _distance(share: float, fix: Correction) -> float:
    """Where 0 lies in standard errors from the value, when a share of the resampled values lies below it."""
    if share >= 1:
        return 0.0
    from_bias = _NORMAL.inv_cdf(share) - fix.bias
    scale = 1 + fix.acceleration * from_bias
    return from_bias / scale - fix.bias if scale > 0 else _NORMAL.inv_cdf(share)


def _lower_tail(z: float, units: int | None) -> float:
    from scipy.special import ndtr, stdtr

    return float(ndtr(z) if units is None else stdtr(units - 1, z))


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
