"""Area under the ROC curve."""

from __future__ import annotations

import math

import numpy as np

from finetune.errors import DataError
from finetune.metrics.confusion import check_range
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Auc(Measure):
    """P(score of a positive row > score of a negative row) + P(tie) / 2, in [0, 1]; 0.5 is chance level.

    From ranks (Mann and Whitney 1947; Hanley and McNeil 1982), exact with ties. Scores:

        (n,) or (n, 1)     score of label 1, references 0/1
        (n, 2)             column 1 is the score of label 1
        (n, C), C > 2      macro average of one label against the rest
        (n, L), refs (n, L)  macro average over the labels

    Labels that all rows have or no row has are left out of the average (so do labels that a bootstrap resample missed);
    where none is left, or a score is NaN, the result is NaN. `num_labels` is not read: the scores have C columns.

    Example:
        >>> Auc().measure([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
        {'auc': 0.75}
    """

    facts = FACTS["auc"]

    def _measure(self, predictions: Array, references: Array, _num_labels: int | None, /) -> dict[str, float]:
        scores, positive = _columns(predictions, references)
        if np.isnan(scores).any():
            return {"auc": math.nan}
        areas = [area(scores[:, label], positive[:, label]) for label in range(scores.shape[1])]
        defined = [value for value in areas if not math.isnan(value)]
        return {"auc": sum(defined) / len(defined) if defined else math.nan}


def area(scores: Array, positive: Array) -> float:
    """Area under the ROC curve of one label; NaN where all rows are positive or all negative.

    Args:
        scores: (n,) float, without NaN.
        positive: (n,) bool.
    """
    above, below = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(above) or not len(below):
        return math.nan
    wins = np.searchsorted(below, above, "left").sum() + np.searchsorted(below, above, "right").sum()
    return float(wins / (2 * len(above) * len(below)))


def _columns(scores: Array, references: Array) -> tuple[Array, Array]:
    """Scores and positives, both (n, labels to average)."""
    wide = scores.reshape(len(scores), -1) if scores.ndim == 1 else scores
    if wide.ndim != 2 or (references.ndim == 2 and wide.shape != references.shape):
        shapes = f"scores {scores.shape}, references {references.shape}"
        raise DataError(f"auc: the shapes do not fit: {shapes}.", "Give one column of scores per label.")
    if references.ndim == 2:
        check_range(references, references, 2)
        return wide, references == 1
    check_range(references, references, max(wide.shape[1], 2))
    if wide.shape[1] <= 2:
        return wide[:, -1:], references[:, None] == 1
    return wide, references[:, None] == np.arange(wide.shape[1])
