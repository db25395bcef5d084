"""Spearman's rank correlation."""

from __future__ import annotations

import math

import numpy as np

from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure
from finetune.metrics.pearson import correlation


class Spearman(Measure):
    """Pearson's correlation of the ranks, ties at their mean rank, in [-1, 1]; NaN where either side is constant.

    Example:
        >>> Spearman().measure([1.0, 2.0, 30.0], [2.0, 4.0, 6.0])
        {'spearman': 1.0}
    """

    facts = FACTS["spearman"]

    def _measure(self, predictions: Array, references: Array, _num_labels: int | None, /) -> dict[str, float]:
        if np.isnan(predictions).any() or np.isnan(references).any():
            return {"spearman": math.nan}
        return {"spearman": correlation(ranks(predictions), ranks(references))}


def ranks(values: Array) -> Array:
    """Ranks from 0 of (n,) floats without NaN; equal values share the mean of their ranks."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") - 1) / 2
