"""Confidence intervals: the bootstrap over rows for any statistic, Wilson's interval for a share.

The resamples are a function of the number of rows and the seed alone, so that every system scored on the same rows sees
the same resamples, and differences between systems are paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import DataError, EmptyDataError, UsageError, did_you_mean

Array = NDArray[Any]
Statistic = Callable[[Array], Mapping[str, float]]
Method = Literal["percentile", "bca"]

JACKKNIFE_ROWS = 2000  # above this many rows the n evaluations of BCa's jackknife cost more than the resamples
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval.

    Args:
        value: The statistic of all rows, in its own unit.
        low: Lower end, same unit; NaN where the value or too many resamples are undefined.
        high: Upper end.
        confidence: Nominal coverage, in (0, 1).
        method: What was computed in the end: `percentile`, `bca` or `wilson`.
        resamples: Number of bootstrap resamples drawn; 0 for a closed formula.
        undefined: How many of them gave NaN and were set aside.
    """

    value: float
    low: float
    high: float
    confidence: float
    method: str
    resamples: int
    undefined: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; NaN and infinity as None, which JSON can hold."""
        return finite(asdict(self))


def bootstrap(  # three positional, the rest by name
    statistic: Statistic,
    n: int,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    method: Method = "percentile",
    groups: ArrayLike | None = None,
) -> dict[str, Interval]:
    """Bootstrap confidence intervals of all values that a statistic yields.

    Resamples of n rows are drawn with replacement. `percentile` takes the (1 ± confidence)/2 quantiles of the resampled
    values; `bca` corrects them for bias and skewness (Efron 1987, "Better bootstrap confidence intervals", acceleration
    by the jackknife). BCa falls back to percentile, which `method` then says, where n (or the number of groups) exceeds
    2000, all resamples lie on one side of the value, or the jackknife is constant or undefined.

    Resamples in which a value is NaN are set aside and counted; where fewer than half are left, both ends are NaN.

    Args:
        statistic: From row indices (n',) int64 to values by name, always the same names, NaN where undefined; e.g.
            `lambda rows: metric.measure(predictions[rows], references[rows], num_labels=3)`.
        n: Number of rows, at least 1.
        resamples: Number of resamples, at least 1; 1000 gives the ends of a 95% interval to about 4% of its length.
        seed: Of the resamples; the same n, seed and groups give the same resamples.
        confidence: Nominal coverage, in (0, 1).
        method: `percentile` or `bca`.
        groups: (n,) cluster of each row, where rows depend on each other (one template, one author): whole groups are
            then drawn, as many as there are. Rows treated as independent would make the interval too short.

    Returns:
        One `Interval` per name.

    Raises:
        UsageError: An argument is out of range.
        EmptyDataError: n is 0.
        DataError: `groups` does not have n entries.

    Example:
        >>> right = np.array([1, 1, 0, 1, 1, 0, 1, 1])
        >>> bootstrap(lambda rows: {"accuracy": right[rows].mean()}, len(right))["accuracy"].value
        0.75
    """
    check(n, resamples, confidence)
    if method not in ("percentile", "bca"):
        raise UsageError(f"Unknown interval method {method!r}.", did_you_mean(method, ("percentile", "bca")))
    values = statistic(np.arange(n))
    draws = resample(statistic, n, resamples, seed, groups)
    jackknife = _leave_one_out(statistic, n, groups) if method == "bca" else {}
    intervals = {}
    for name, value in values.items():
        ends = bca(float(value), draws[name], jackknife[name], confidence) if name in jackknife else None
        low, high = ends or percentile(draws[name], confidence)
        undefined = int(np.isnan(draws[name]).sum())
        if math.isnan(value) or undefined > resamples / 2:
            low = high = math.nan
        used = "bca" if ends else "percentile"
        intervals[name] = Interval(float(value), low, high, confidence, used, resamples, undefined)
    return intervals


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


def percentile(draws: Array, confidence: float) -> tuple[float, float]:
    """The (1 ± confidence)/2 quantiles of resampled values (resamples,), NaN set aside."""
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def bca(value: float, draws: Array, jackknife: Array, confidence: float) -> tuple[float, float] | None:
    """Ends of the bias-corrected and accelerated interval; None where it is undefined.

    Args:
        value: The statistic of all rows.
        draws: (resamples,) its values on the resamples.
        jackknife: (n,) its values with one row (or group) left out.
        confidence: Nominal coverage, in (0, 1).
    """
    defined = draws[~np.isnan(draws)]
    away = jackknife.mean() - jackknife
    below = (np.mean(defined < value) + np.mean(defined <= value)) / 2 if len(defined) else 0.0
    if not 0 < below < 1 or np.isnan(away).any() or jackknife.min() == jackknife.max():
        return None
    bias = _NORMAL.inv_cdf(float(below))
    scaled = away / np.abs(away).max()
    acceleration = float((scaled**3).sum() / (6 * (scaled**2).sum() ** 1.5))
    shifted = [bias + _NORMAL.inv_cdf((1 + sign * confidence) / 2) for sign in (-1, 1)]
    if max(acceleration * z for z in shifted) >= 1:
        return None
    levels = [_NORMAL.cdf(bias + z / (1 - acceleration * z)) for z in shifted]
    low, high = np.quantile(defined, levels)
    return float(low), float(high)


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share (Wilson 1927): useful at 0 and 1 and for few rows, where the bootstrap is not.

    Args:
        successes: Rows that succeeded, in [0, n].
        n: Rows, at least 1.
        confidence: Nominal coverage, in (0, 1).

    Example:
        >>> round(wilson(0, 10).high, 4)
        0.2775
    """
    check(n, 1, confidence)
    if not 0 <= successes <= n:
        raise UsageError(f"{successes} successes in {n} rows.", f"Give a number from 0 to {n}.")
    z, share = _NORMAL.inv_cdf((1 + confidence) / 2), successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if successes == 0 else centre - half  # exactly 0 and 1 at the ends, which rounding would miss
    high = 1.0 if successes == n else centre + half
    return Interval(share, low, high, confidence, "wilson", 0)


def check(n: int, resamples: int, confidence: float) -> None:
    """Raise where the numbers that all intervals share are out of range."""
    if n < 1:
        raise EmptyDataError("There are no rows to compute an interval from.", "Check the filters and the split.")
    if resamples < 1:
        raise UsageError(f"resamples is {resamples}.", "Give at least 1; 1000 is usual.")
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence}; accepted: between 0 and 1.", "0.95 is usual.")


def finite(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` with None for NaN and infinity."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()}


def _members(n: int, groups: ArrayLike | None) -> list[Array] | None:
    """Row indices of each group, groups in sorted order; None without groups."""
    if groups is None:
        return None
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise DataError(f"groups has shape {labels.shape}; accepted: ({n},).", "Give one group per row.")
    _, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return np.split(np.argsort(inverse, kind="stable"), np.cumsum(sizes)[:-1])


def _leave_one_out(statistic: Statistic, n: int, groups: ArrayLike | None) -> dict[str, Array]:
    """The jackknife: name to (n,) values; empty where it is too large, or there is nothing left to compute from."""
    members = _members(n, groups) or np.arange(n)[:, None]
    if not 1 < len(members) <= JACKKNIFE_ROWS:
        return {}
    rows = np.arange(n)
    return _table([statistic(np.delete(rows, left_out)) for left_out in members])


def _table(values: list[Mapping[str, float]]) -> dict[str, Array]:
    """Column by column: name to (len(values),) float64."""
    return {name: np.array([row[name] for row in values], dtype=np.float64) for name in values[0]}
