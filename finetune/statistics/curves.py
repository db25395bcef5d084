"""Trade-offs of a score: ROC and precision-recall curves, accuracy against coverage; of arrays alone, exact with ties.

Scores are (n,) float, higher for what is likelier positive (or right); `positive` is (n,) bool. Rows with equal scores
cannot be told apart by any threshold: they make one point together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import DataError, EmptyDataError

Array = NDArray[Any]


@dataclass(frozen=True)
class Counts:
    """What answering "positive" from each score on yields, from the highest score to the lowest.

    Attributes:
        thresholds: (m,) the different scores, descending.
        true: (m,) positive rows with at least that score.
        false: (m,) other rows with at least that score.
        positives: All positive rows.
        negatives: All others.
    """

    thresholds: Array
    true: Array
    false: Array
    positives: float
    negatives: float


class Ranking:
    """Rows in the order of their scores, sorted once; `counts` then takes any resample of them.

    Args:
        scores: (n,) finite.
        positive: (n,) bool.

    Raises:
        DataError: The shapes differ, or a score is not finite (EmptyDataError: no rows).
    """

    def __init__(self, scores: ArrayLike, positive: ArrayLike) -> None:
        values, true = np.asarray(scores, dtype=np.float64), np.asarray(positive).astype(bool)
        if values.ndim != 1 or values.shape != true.shape or not np.isfinite(values).all():
            raise DataError(f"Scores {values.shape}, positives {true.shape}.", "Give one finite score per row.")
        if not len(values):
            raise EmptyDataError("There are no rows to draw a curve of.", "Check the split.")
        self.order = np.argsort(-values, kind="stable")
        self._positive = true[self.order].astype(np.float64)
        ordered = values[self.order]
        self._ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
        self._thresholds = ordered[self._ends]

    def counts(self, rows: Array | None = None) -> Counts:
        """Of all rows, or of a resample given as row indices (n',) that may repeat."""
        weights = np.ones(len(self.order)) if rows is None else np.bincount(rows, minlength=len(self.order))[self.order]
        true = np.cumsum(weights * self._positive)[self._ends]
        false = np.cumsum(weights * (1 - self._positive))[self._ends]
        return Counts(self._thresholds, true, false, float(true[-1]), float(false[-1]))


def roc_area(counts: Counts) -> float:
    """Area under the ROC curve by trapezoids (ties count half), in [0, 1]; NaN without positives or negatives."""
    if not counts.positives or not counts.negatives:
        return math.nan
    true, false = np.append(0, counts.true), np.append(0, counts.false)
    area = (np.diff(false) * (true[1:] + true[:-1])).sum() / 2
    return float(area / (counts.positives * counts.negatives))


def average_precision(counts: Counts) -> float:
    """Σ (recall_i - recall_{i-1}) precision_i over thresholds, in (0, 1]; NaN without positives.

    The sum of steps, as scikit-learn has it: straight lines between points of this curve promise too much (Davis and
    Goadrich 2006).

    Example:
        >>> round(average_precision(Ranking([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).counts()), 4)
        0.8333
    """
    if not counts.positives:
        return math.nan
    given = counts.true + counts.false
    gained = np.diff(np.append(0, counts.true))
    precision = np.divide(counts.true, given, out=np.zeros_like(given), where=given > 0)
    return float((gained * precision).sum() / counts.positives)


def roc_points(counts: Counts, most: int = 200) -> list[tuple[float, float]]:
    """False positive rate and true positive rate, from (0, 0) to (1, 1), at most about `most` points."""
    if not counts.positives or not counts.negatives:
        return []
    x, y = np.append(0, counts.false / counts.negatives), np.append(0, counts.true / counts.positives)
    return thin(x, y, most)


def precision_recall_points(counts: Counts, most: int = 200) -> list[tuple[float, float]]:
    """Recall and precision from the highest threshold to the lowest, at most about `most` points."""
    if not counts.positives:
        return []
    given = counts.true + counts.false
    return thin(counts.true / counts.positives, counts.true / given, most)


def thin(x: Array, y: Array, most: int) -> list[tuple[float, float]]:
    """Points of a curve, evenly spaced along it where there are more than `most`; the first and the last stay."""
    if len(x) > most:
        length = np.append(0, np.cumsum(np.hypot(np.diff(x), np.diff(y))))
        wanted = np.linspace(0, length[-1], most)
        kept = np.unique(np.clip(np.searchsorted(length, wanted), 0, len(x) - 1))
        kept = np.unique(np.concatenate([[0], kept, [len(x) - 1]]))
        x, y = x[kept], y[kept]
    return [(round(float(a), 5), round(float(b), 5)) for a, b in zip(x, y, strict=True)]


def risk_coverage(confidence: ArrayLike, right: ArrayLike) -> tuple[Array, Array]:
    """Share of rows that are answered, and the share of wrong ones among these, row by row from the surest: both (n,).

    Among equally sure rows the wrong ones are spread evenly, which is what any order of them gives on average.
    """
    ranking = Ranking(confidence, right)
    counts = ranking.counts()
    sizes = np.diff(np.append(0, counts.true + counts.false)).astype(int)
    wrong = np.diff(np.append(0, counts.false)) / sizes
    answered = np.arange(1, len(ranking.order) + 1)
    return answered / len(answered), np.cumsum(np.repeat(wrong, sizes)) / answered


def risk_coverage_area(confidence: ArrayLike, right: ArrayLike) -> float:
    """AURC: mean risk over all coverages (Geifman et al. 2019), in [0, 1]; lower is better.

    Example:
        >>> round(risk_coverage_area([0.9, 0.8, 0.7], [1, 1, 0]), 4)
        0.1111
    """
    return float(risk_coverage(confidence, right)[1].mean())


def threshold_of_coverage(confidence: ArrayLike, coverage: float) -> float:
    """The highest threshold from which on at least that share of rows is answered.

    Args:
        confidence: (n,).
        coverage: In (0, 1]; at 1 the threshold is the least confidence.
    """
    values = np.sort(np.asarray(confidence, dtype=np.float64))[::-1]
    if not len(values):
        raise EmptyDataError("There are no rows to choose a threshold on.", "Check the split.")
    return float(values[min(len(values), max(1, math.ceil(coverage * len(values) - 1e-9))) - 1])
