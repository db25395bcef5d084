"""Confusion matrix."""

from __future__ import annotations

from finetune.metrics.confusion import label_matrix
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class ConfusionMatrix(Measure):
    """Rows by reference (outer list) and prediction (inner list), each `num_labels` long; counts of rows.

    Example:
        >>> ConfusionMatrix().measure([0, 1, 1, 0], [0, 1, 0, 0], num_labels=2)
        {'confusion_matrix': [[2, 1], [0, 1]]}
    """

    facts = FACTS["confusion_matrix"]

    def _measure(self, predictions: Array, references: Array, num_labels: int | None, /) -> dict[str, list[list[int]]]:
        return {"confusion_matrix": label_matrix(predictions, references, num_labels).tolist()}
