"""Accuracy."""

from __future__ import annotations

import numpy as np

from finetune.metrics.confusion import check_range
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array, Measure


class Accuracy(Measure):
    """Share of rows whose prediction equals the reference, in [0, 1].

    Multi-label targets: subset accuracy, the share of rows in which every one of the L labels is right. Choices: the
    share of rows in which the right option is chosen; as rows differ in their number of options, give no `num_labels`.

    Example:
        >>> Accuracy().measure([0, 1, 1, 0], [0, 1, 0, 0])
        {'accuracy': 0.75}
    """

    facts = FACTS["accuracy"]

    def _measure(self, predictions: Array, references: Array, num_labels: int | None, /) -> dict[str, float]:
        check_range(predictions, references, 2 if references.ndim == 2 else num_labels)
        return {"accuracy": float(self._row_scores(predictions, references)["accuracy"].mean())}

    def _row_scores(self, predictions: Array, references: Array, /) -> dict[str, Array]:
        right = predictions == references
        return {"accuracy": (right.all(axis=1) if right.ndim == 2 else right).astype(np.float64)}
