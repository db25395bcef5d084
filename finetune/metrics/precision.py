"""Precision."""

from __future__ import annotations

from finetune.metrics.confusion import averages, label_counts
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Precision(Measure):
    """Share of the rows predicted as a label that have it, TP / (TP + FP), in [0, 1].

    `precision` is the macro average over all labels, `precision_micro` pools the counts of all labels,
    `precision_weighted` weights labels by their support. A label whose denominator is 0 counts as 0, also in the
    macro average (zero_division=0).

    Example:
        >>> Precision().measure([0, 1, 1, 0], [0, 1, 0, 0], num_labels=2)["precision_micro"]
        0.75
    """

    facts = FACTS["precision"]

    def _measure(self, predictions: Array, references: Array, num_labels: int | None, /) -> dict[str, float]:
        return averages("precision", label_counts(predictions, references, num_labels))
