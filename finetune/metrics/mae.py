"""Mean absolute error."""

from __future__ import annotations

import numpy as np

from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Mae(Measure):
    """Mean of |prediction - reference|, in the target's unit.

    Example:
        >>> Mae().measure([1.0, 2.0], [1.0, 4.0])
        {'mae': 1.0}
    """

    facts = FACTS["mae"]

    def _measure(self, predictions: Array, references: Array, _num_labels: int | None, /) -> dict[str, float]:
        return {"mae": float(self._row_scores(predictions, references)["mae"].mean())}

    def _row_scores(self, predictions: Array, references: Array, /) -> dict[str, Array]:
        return {"mae": np.abs(predictions - references)}
