"""Recall."""

from __future__ import annotations

from finetune.metrics.confusion import averages, label_counts
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Recall(Measure):
    """Share of the rows of a label that are predicted as such, TP / (TP + FN), in [0, 1].

    `recall` is the macro average over all labels, `recall_micro` pools the counts of all labels,
    `recall_weighted` weights labels by their support. A label whose denominator is 0 counts as 0, also in the
    macro average (zero_division=0).

    Example:
        >>> Recall().measure([0, 1, 1, 0], [0, 1, 0, 0], num_labels=2)["recall_micro"]
        0.75
    """

    facts = FACTS["recall"]

    def _measure(self, predictions: Array, references: Array, num_labels: int | None, /) -> dict[str, float]:
        return averages("recall", label_counts(predictions, references, num_labels))
