"""Matthews correlation coefficient."""

from __future__ import annotations

import math

from finetune.metrics.confusion import label_counts
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Mcc(Measure):
    """Matthews correlation between predicted and true labels, in [-1, 1]; 0 is chance level.

    Two or more labels, from the counts TP, P, S per label and n rows (Gorodkin 2004, the R_K statistic):
    (n ΣTP - ΣP·S) / sqrt((n² - ΣP²)(n² - ΣS²)). 0 where either side holds a single label, as in scikit-learn.

    Example:
        >>> Mcc().measure([0, 1, 1, 0], [0, 1, 1, 0])
        {'mcc': 1.0}
    """

    facts = FACTS["mcc"]

    def _measure(self, predictions: Array, references: Array, num_labels: int | None, /) -> dict[str, float]:
        counts, n = label_counts(predictions, references, num_labels), len(references)
        together = n * int(counts.hits.sum()) - int(counts.predicted @ counts.support)
        given = n * n - int(counts.predicted @ counts.predicted)
        wanted = n * n - int(counts.support @ counts.support)
        return {"mcc": together / math.sqrt(given * wanted) if given and wanted else 0.0}
