"""Numbers: moments of all, quantiles and histograms of a sample, bounds beyond which a value is far from the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.measuring import sampled
from finetune.data.auditing.sampling import RowList

Array = NDArray[Any]
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 30
MIDDLE = 0.99
"""Share of the values that a histogram spans."""
IQR_FACTOR, MAD_FACTOR = 1.5, 3.5
_MAD_OF_NORMAL = 0.6744897501960817
"""The median absolute deviation of a standard normal distribution."""


def rounded(value: Any) -> float | None:
    """Ten significant digits: sums over batches of other sizes agree in these. None for what is no number."""
    number = float(value)
    return float(f"{number:.10g}") if np.isfinite(number) else None


class Moments:
    """Count, mean, variance and range of numbers that come in batches.

    Chan, Golub and LeVeque (1979): each batch's mean and squares are merged with those before it. In long doubles, so
    that the size of the batches does not show.
    """

    def __init__(self) -> None:
        self.count = 0
        self.infinite = 0
        self.low, self.high = np.inf, -np.inf
        self._mean = self._squares = np.longdouble(0)

    def add(self, values: Array) -> None:
        """Take a batch of float64; NaN must be gone, infinite ones are counted apart."""
        finite = values[np.isfinite(values)]
        self.infinite += len(values) - len(finite)
        if not len(finite):
            return
        exact = finite.astype(np.longdouble)
        mean = exact.mean()
        squares = ((exact - mean) ** 2).sum()
        total = self.count + len(finite)
        shift = mean - self._mean
        self._squares += squares + shift**2 * self.count * len(finite) / total
        self._mean += shift * len(finite) / total
        self.count = total
        self.low, self.high = min(self.low, finite.min()), max(self.high, finite.max())

    def to_dict(self) -> dict[str, Any]:
        """`count, min, max, mean, std`; the last four are None where there is no number."""
        some = self.count > 0
        return {
            "count": self.count,
            "min": rounded(self.low) if some else None,
            "max": rounded(self.high) if some else None,
            "mean": rounded(self._mean) if some else None,
            "std": rounded(np.sqrt(self._squares / self.count)) if some else None,
        }


def quantiles(values: Array) -> dict[str, float | None]:
    """Those of `QUANTILES` by name, between neighbours in proportion."""
    found = np.quantile(values, QUANTILES) if len(values) else [np.nan] * len(QUANTILES)
    return name_quantiles(found)


def name_quantiles(values: Any) -> dict[str, float | None]:
    """Values at `QUANTILES` by their names in the audit."""
    return {f"p{round(q * 100):02d}": rounded(value) for q, value in zip(QUANTILES, values, strict=True)}


def histogram(values: Array, weights: Array | None = None) -> dict[str, Any]:
    """Equal bins over the middle 99% of the values, and how many lie beyond.

    Args:
        values: (n,) finite numbers.
        weights: (n,) how often each stands; once by default.
    """
    counts = np.ones(len(values), dtype=np.int64) if weights is None else weights
    if not len(values):
        return {"edges": [], "counts": [], "below": 0, "above": 0}
    low, high = middle(values, counts)
    bins = min(BINS, int(high - low) + 1) if np.all(values == np.round(values)) else BINS
    if low == high:
        low, high, bins = low - 0.5, high + 0.5, 1
    found, edges = np.histogram(values, bins, (low, high), weights=counts)
    return {
        "edges": [rounded(edge) for edge in edges],
        "counts": [int(count) for count in found],
        "below": int(counts[values < low].sum()),
        "above": int(counts[values > high].sum()),
    }


def middle(values: Array, counts: Array) -> tuple[float, float]:
    """The values between which `MIDDLE` of all lie."""
    order = np.argsort(values, kind="stable")
    ahead = np.cumsum(counts[order])
    ends = [(1 - MIDDLE) / 2 * ahead[-1], (1 + MIDDLE) / 2 * ahead[-1]]
    low, high = np.searchsorted(ahead, ends).clip(0, len(values) - 1)
    return float(values[order[low]]), float(values[order[high]])


def iqr_bounds(values: Array, factor: float = IQR_FACTOR) -> tuple[float, float] | None:
    """Tukey's fences (1977): quartiles -/+ factor times their distance; None where the quartiles are equal."""
    if not len(values):
        return None
    low, high = np.quantile(values, [0.25, 0.75])
    return (float(low - factor * (high - low)), float(high + factor * (high - low))) if high > low else None


def mad_bounds(values: Array, factor: float = MAD_FACTOR) -> tuple[float, float] | None:
    """Median -/+ factor times the scaled median absolute deviation (Iglewicz and Hoaglin 1993); None where it is 0."""
    if not len(values):
        return None
    median = float(np.median(values))
    spread = float(np.median(np.abs(values - median))) / _MAD_OF_NORMAL
    return (median - factor * spread, median + factor * spread) if spread > 0 else None


class Outliers:
    """Numbers beyond two bounds."""

    def __init__(self, bounds: tuple[float, float] | None) -> None:
        self.bounds = bounds
        self.beyond = RowList()

    def add(self, split: str, rows: Array, values: Array) -> None:
        """Look at a batch.

        Args:
            split: Where it comes from.
            rows: (n,) indices in the split.
            values: (n,) numbers.
        """
        if self.bounds is not None:
            self.beyond.add(split, rows[(values < self.bounds[0]) | (values > self.bounds[1])])

    def to_dict(self) -> dict[str, Any] | None:
        """`low, high, count, rows`; None where there are no bounds."""
        if self.bounds is None:
            return None
        return {"low": rounded(self.bounds[0]), "high": rounded(self.bounds[1]), **self.beyond.to_dict()}


class NumberColumn:
    """Summary of a column of numbers.

    Args:
        drawn: Numbers of the sample's rows, NaN where there is none.
        total: Rows that the sample was drawn from.
    """

    def __init__(self, drawn: Array, total: int) -> None:
        self.sampled = sampled(len(drawn), total)
        self.drawn = drawn[np.isfinite(drawn)]
        self.moments = Moments()
        self.iqr, self.mad = Outliers(iqr_bounds(self.drawn)), Outliers(mad_bounds(self.drawn))

    def add(self, split: str, rows: Array, values: Array) -> None:
        """Take a batch: (n,) indices in the split, (n,) float64 without NaN."""
        self.moments.add(values)
        self.iqr.add(split, rows, values)
        self.mad.add(split, rows, values)

    def to_dict(self) -> dict[str, Any]:
        """The entry `numbers` of the audit."""
        return {
            **self.moments.to_dict(),
            "quantiles": quantiles(self.drawn),
            "histogram": histogram(self.drawn),
            "outliers": {"iqr": self.iqr.to_dict(), "mad": self.mad.to_dict()},
            "infinite": self.moments.infinite,
            "sampled": self.sampled,
        }
