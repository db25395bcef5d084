"""Confidence intervals: the bootstrap for any statistic, Wilson's interval for a share."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from finetune.errors import UsageError, did_you_mean
from finetune.statistics.resampling import (
    Array,
    Distribution,
    Statistic,
    check,
    distribution,
    resample,
    resampled_rows,
)

__all__ = [
    "Correction", "Interval", "Method", "Statistic", "bootstrap", "check_method", "correction", "finite",
    "intervals_of", "percentile", "quantiles", "resample", "resampled_rows", "spread", "wilson",
]  # fmt: skip

Method = Literal["auto", "percentile", "bca"]
METHODS: tuple[Method, ...] = ("auto", "percentile", "bca")
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval.

    Args:
        value: The statistic of all rows, in its own unit.
        low: Lower end, same unit; NaN where the value or too many resamples are undefined, or there is a single row.
        high: Upper end.
        confidence: Nominal coverage, in (0, 1).
        method: What was computed in the end: `percentile`, `bca` or `wilson`.
        resamples: Number of bootstrap resamples drawn; 0 for a closed formula.
        undefined: How many of them gave NaN and were set aside.
        clusters: Number of clusters, where whole clusters were drawn; None where rows were.
    """

    value: float
    low: float
    high: float
    confidence: float
    method: str
    resamples: int
    undefined: int = 0
    clusters: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields by name; NaN and infinity as None, which JSON can hold."""
        return finite(asdict(self))


@dataclass(frozen=True)
class Correction:
    """How a bootstrap distribution departs from one that is centred and of constant width (Efron 1987).

    Args:
        bias: z₀, the normal quantile of the share of resampled values below the value of all rows.
        acceleration: a, a sixth of the skewness of the jackknife's influences.
    """

    bias: float = 0.0
    acceleration: float = 0.0


def bootstrap(  # three positional, the rest by name
    statistic: Statistic,
    n: int,
    *,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    method: Method = "auto",
    groups: ArrayLike | None = None,
) -> dict[str, Interval]:
    """Bootstrap confidence intervals of all values that a statistic yields.

    Resamples of n rows are drawn with replacement. `percentile` takes quantiles of the resampled values; `bca` corrects
    them for bias and skewness (Efron 1987, "Better bootstrap confidence intervals", acceleration by the jackknife,
    above 200 rows of blocks of them). `auto` is `bca`: by simulation it covers as often as it says for correlations,
    areas under curves and macro averages of 50 rows, where `percentile` falls short (benchmarks/interval_coverage.py).
    Either falls back to percentile, which `method` then says, where all resamples lie on one side of the value, or the
    jackknife is constant or undefined.

    Levels of the quantiles are widened for few rows or clusters, see `spread`: a bootstrap distribution is narrower
    than the truth by √((n - 1)/n), and knows its own width from n values only.

    Resamples in which a value is NaN are set aside and counted; where fewer than half are left, both ends are NaN.

    Args:
        statistic: From row indices (n',) int64 to values by name, always the same names, NaN where undefined; e.g.
            `lambda rows: metric.measure(predictions[rows], references[rows], num_labels=3)`.
        n: Number of rows, at least 1.
        resamples: Number of resamples, at least 1; 1000 gives the ends of a 95% interval to about 4% of its length.
        seed: Of the resamples; the same n, seed and groups give the same resamples.
        confidence: Nominal coverage, in (0, 1).
        method: `auto`, `percentile` or `bca`.
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
    check_method(method)
    check(n, resamples, confidence)
    wide = method != "percentile"
    found = distribution(statistic, n, resamples=resamples, seed=seed, groups=groups, jackknife=wide)
    return intervals_of(found, confidence=confidence, method=method)


def intervals_of(found: Distribution, *, confidence: float = 0.95, method: Method = "auto") -> dict[str, Interval]:
    """The intervals of a distribution, as `bootstrap` describes them: one per name."""
    return {name: _interval(found, name, confidence, method) for name in found.values}


def _interval(found: Distribution, name: str, confidence: float, method: Method) -> Interval:
    value, draws = float(found.values[name]), found.draws[name]
    undefined = int(np.isnan(draws).sum())
    fix = None if method == "percentile" else correction(value, draws, found.left_out.get(name))
    used = "bca" if fix else "percentile"
    low = high = math.nan
    if not math.isnan(value) and undefined <= len(draws) / 2:
        low, high = quantiles(draws, confidence, fix, found.units)
    return Interval(value, low, high, confidence, used, len(draws), undefined, found.clusters)


def spread(confidence: float, units: int | None = None) -> float:
    """Half the length of a normal interval in standard errors of the bootstrap, for this many rows or clusters.

    √(n/(n - 1)) t, with t the quantile of Student's distribution with n - 1 degrees of freedom: the expanded percentile
    interval of Hesterberg (2015), "What teachers should know about the bootstrap", here for BCa too. Without `units` it
    is the normal quantile. NaN for one unit, from which no width can be known.

    Example:
        >>> round(spread(0.95), 2), round(spread(0.95, 10), 2)
        (1.96, 2.38)
    """
    level = (1 + confidence) / 2
    if units is None:
        return _NORMAL.inv_cdf(level)
    if units < 2:
        return math.nan
    from scipy.special import stdtrit

    return float(math.sqrt(units / (units - 1)) * stdtrit(units - 1, level))


def quantiles(
    draws: Array, confidence: float, fix: Correction | None = None, units: int | None = None
) -> tuple[float, float]:
    """Ends of the interval from resampled values (resamples,), NaN set aside; NaN where there is nothing to go by."""
    defined, wide = draws[~np.isnan(draws)], spread(confidence, units)
    if not len(defined) or math.isnan(wide):
        return math.nan, math.nan
    lower, upper = (_level(sign * wide, fix or Correction()) for sign in (-1, 1))
    if lower is None or upper is None:  # an acceleration too strong for the formula
        lower, upper = _NORMAL.cdf(-wide), _NORMAL.cdf(wide)
    low, high = np.quantile(defined, (lower, upper))
    return float(low), float(high)


def percentile(draws: Array, confidence: float, units: int | None = None) -> tuple[float, float]:
    """The quantiles of resampled values (resamples,) that `spread` asks for, NaN set aside."""
    return quantiles(draws, confidence, None, units)


def _level(z: float, fix: Correction) -> float | None:
    """The level whose quantile is the end that a normal interval would have at z standard errors; None at a pole."""
    scale = 1 - fix.acceleration * (fix.bias + z)
    return _NORMAL.cdf(fix.bias + (fix.bias + z) / scale) if scale > 0 else None


def correction(value: float, draws: Array, left_out: Array | None) -> Correction | None:
    """Bias and acceleration of a bootstrap distribution; None where they are undefined.

    Args:
        value: The statistic of all rows.
        draws: (resamples,) its values on the resamples.
        left_out: (blocks,) its values with one row, group or block of them left out; None without a jackknife.
    """
    defined = draws[~np.isnan(draws)]
    if left_out is None or not len(defined):
        return None
    away = left_out.mean() - left_out
    below = (np.mean(defined < value) + np.mean(defined <= value)) / 2
    if not 0 < below < 1 or np.isnan(away).any() or left_out.min() == left_out.max():
        return None
    scaled = away / np.abs(away).max()
    acceleration = float((scaled**3).sum() / (6 * (scaled**2).sum() ** 1.5))
    return Correction(_NORMAL.inv_cdf(float(below)), acceleration)


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


def check_method(method: str) -> None:
    """Raise where there is no such method."""
    if method not in METHODS:
        raise UsageError(f"Unknown interval method {method!r}.", did_you_mean(method, METHODS))


def finite(fields: dict[str, Any]) -> dict[str, Any]:
    """`fields` with None for NaN and infinity."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()}
