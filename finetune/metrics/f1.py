"""F1."""

from __future__ import annotations

from finetune.metrics.confusion import averages, label_counts
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class F1(Measure):
    """Harmonic mean of precision and recall per label, 2 TP / (2 TP + FP + FN), in [0, 1].

    `f1` is the macro average over all labels, `f1_micro` pools the counts of all labels,
    `f1_weighted` weights labels by their support. A label whose denominator is 0 counts as 0, also in the
    macro average (zero_division=0).

    Example:
        >>> F1().measure([0, 1, 1, 0], [0, 1, 0, 0], num_labels=2)["f1_micro"]
        0.75
    """

    facts = FACTS["f1"]

    def _measure(self, predictions: Array, references: Array, num_labels: int | None, /) -> dict[str, float]:
        return averages("f1", label_counts(predictions, references, num_labels))
