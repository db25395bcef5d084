"""Pearson's correlation."""

from __future__ import annotations

import math

import numpy as np

from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Pearson(Measure):
    """Linear correlation between predictions and references, in [-1, 1]; NaN where either side is constant.

    Example:
        >>> Pearson().measure([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
        {'pearson': 1.0}
    """

    facts = FACTS["pearson"]

    def _measure(self, predictions: Array, references: Array, _num_labels: int | None, /) -> dict[str, float]:
        return {"pearson": correlation(predictions, references)}


def correlation(left: Array, right: Array) -> float:
    """Pearson's r of two (n,) arrays; NaN where either is constant or holds NaN or infinity."""
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return math.nan
    if left.min() == left.max() or right.min() == right.max():
        return math.nan
    a, b = _centred(left), _centred(right)
    r = float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))  # one root, so that equal arrays give exactly 1
    return max(-1.0, min(1.0, r))  # rounding may leave the interval by an ulp


def _centred(values: Array) -> Array:
    """`values` less their mean, scaled to largest 1, so that squares neither overflow nor vanish."""
    centred: Array = values - values.mean()
    scaled: Array = centred / np.abs(centred).max()
    return scaled
