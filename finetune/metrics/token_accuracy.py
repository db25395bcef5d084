"""Accuracy per word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.metrics.additive import AdditiveMeasure
from finetune.metrics.entities import check_words
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array


class TokenAccuracy(AdditiveMeasure):
    """Share of words with the right tag, over the words of all rows, in [0, 1]; NaN where there are no words.

    `O` is a tag as any other, so text with few entities scores high without finding one.

    Example:
        >>> TokenAccuracy().measure([["B-PER", "O"], ["O", "O"]], [["B-PER", "O"], ["O", "B-LOC"]])
        {'token_accuracy': 0.75}
    """

    facts = FACTS["token_accuracy"]

    def _per_row(self, predictions: Sequence[Any], references: Sequence[Any], /) -> Array:
        pairs = enumerate(zip(predictions, references, strict=True))
        return np.array([_counts(given, wanted, row) for row, (given, wanted) in pairs], np.float64)

    def _combine(self, totals: Array, /) -> dict[str, float]:
        right, words = totals.tolist()
        return {"token_accuracy": right / words if words else math.nan}


def _counts(prediction: Sequence[str], reference: Sequence[str], row: int) -> tuple[int, int]:
    check_words(prediction, reference, row)
    return sum(given == wanted for given, wanted in zip(prediction, reference, strict=True)), len(reference)
