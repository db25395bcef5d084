"""Coefficient of determination."""

from __future__ import annotations

import math

from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class R2(Measure):
    """1 - Σ(reference - prediction)² / Σ(reference - mean reference)², at most 1; 0 is always predicting the mean.

    NaN where all references are equal (scikit-learn gives 0 or 1 there, a convention that a bootstrap would mix in).

    Example:
        >>> R2().measure([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        {'r2': 1.0}
    """

    facts = FACTS["r2"]

    def _measure(self, predictions: Array, references: Array, _num_labels: int | None, /) -> dict[str, float]:
        spread = float(((references - references.mean()) ** 2).sum())
        if references.min() == references.max() or spread == 0.0:
            return {"r2": math.nan}
        return {"r2": 1.0 - float(((references - predictions) ** 2).sum()) / spread}
