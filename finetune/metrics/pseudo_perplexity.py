"""Pseudo-perplexity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.errors import DataError
from finetune.metrics.additive import AdditiveMeasure
from finetune.metrics.facts import FACTS
from finetune.metrics.measure import Array


class PseudoPerplexity(AdditiveMeasure):
    """exp(Σ negative log-likelihood / Σ tokens), at least 1; lower is better, NaN where there are no tokens.

    Predictions are (n, 2): per row the sum of -ln P(token | all other tokens), in nats, and the number of tokens
    (Salazar et al. 2020, "Masked Language Model Scoring"). References are not read: the text is its own.

    Example:
        >>> round(PseudoPerplexity().measure([[0.0, 1.0], [math.log(4.0), 1.0]])["pseudo_perplexity"], 12)
        2.0
    """

    facts = FACTS["pseudo_perplexity"]

    def _per_row(self, predictions: Sequence[Any], _references: Sequence[Any], /) -> Array:
        for row, pair in enumerate(predictions):
            if np.shape(pair) != (2,) or pair[1] < 0:
                cause = f"Row {row} of the predictions is {pair!r}."
                raise DataError(cause, "Give the negative log-likelihood in nats and the number of tokens.")
        return np.array(predictions, np.float64)

    def _combine(self, totals: Array, /) -> dict[str, float]:
        nats, tokens = totals.tolist()
        with np.errstate(over="ignore"):  # a hopeless model's is infinite
            return {"pseudo_perplexity": float(np.exp(nats / tokens)) if tokens else math.nan}
