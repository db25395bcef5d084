"""Precision, recall and F1 of entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.metrics.additive import AdditiveMeasure
from finetune.metrics.confusion import Counts, ratios
from finetune.metrics.entities import entity_counts
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array


class Seqeval(AdditiveMeasure):
    """Precision, recall and F1 of entities, each in [0, 1], pooled over all types and rows (micro average).

    An entity is right if its type and both its ends are (Tjong Kim Sang and De Meulder 2003, "Introduction to the
    CoNLL-2003 shared task"). Tags are read leniently, see `finetune.metrics.entities.entities`, as in seqeval's default
    mode. 0 where the denominator is 0.

    Example:
        >>> Seqeval().measure([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]])["entity_recall"]
        0.5
    """

    facts = FACTS["seqeval"]

    def _per_row(self, predictions: Sequence[Any], references: Sequence[Any], /) -> Array:
        pairs = enumerate(zip(predictions, references, strict=True))
        counts = (entity_counts(given, wanted, row) for row, (given, wanted) in pairs)
        return np.array([[len(found) for found in row] for row in counts], np.float64)

    def _combine(self, totals: Array, /) -> dict[str, float]:
        values = ratios(Counts(*totals))
        return {name: float(values[name.removeprefix("entity_")]) for name in self.facts.outputs}
