"""Mean squared error."""

from __future__ import annotations

from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Mse(Measure):
    """Mean of (prediction - reference)², in the square of the target's unit.

    Example:
        >>> Mse().measure([1.0, 2.0], [1.0, 4.0])
        {'mse': 2.0}
    """

    facts = FACTS["mse"]

    def _measure(self, predictions: Array, references: Array, _num_labels: int | None, /) -> dict[str, float]:
        return {"mse": float(self._row_scores(predictions, references)["mse"].mean())}

    def _row_scores(self, predictions: Array, references: Array, /) -> dict[str, Array]:
        return {"mse": (predictions - references) ** 2}
