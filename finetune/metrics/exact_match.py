"""Exact match of answers."""

from __future__ import annotations

from typing import Any

from finetune.metrics.additive import MeanMeasure
from finetune.metrics.answers import normalized_pair
from finetune.metrics.facts import FACTS


class ExactMatch(MeanMeasure):
    """Share of rows whose answer equals one of the right ones, both normalised, in [0, 1].

    The rules of SQuAD (Rajpurkar et al. 2016 and 2018; its scripts give per cent), see `finetune.metrics.answers`. An
    empty answer is right where the references are [], any other is wrong there.

    Example:
        >>> ExactMatch().measure(["the Nile", "in 1969"], [["Nile", "River Nile"], ["1969"]])
        {'exact_match': 0.5}
    """

    facts = FACTS["exact_match"]

    def _score(self, prediction: Any, reference: Any, row: int, /) -> tuple[float, ...]:
        given, wanted = normalized_pair(prediction, reference, row)
        return (float(given in wanted),)
