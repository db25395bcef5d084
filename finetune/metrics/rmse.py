"""Root mean squared error."""

from __future__ import annotations

import math

from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Rmse(Measure):
    """Square root of the mean of (prediction - reference)², in the target's unit.

    Example:
        >>> Rmse().measure([1.0, 1.0], [1.0, 1.0])
        {'rmse': 0.0}
    """

    facts = FACTS["rmse"]

    def _measure(self, predictions: Array, references: Array, _num_labels: int | None, /) -> dict[str, float]:
        return {"rmse": math.sqrt(((predictions - references) ** 2).mean())}
