"""Mean reciprocal rank."""

from __future__ import annotations

from typing import Any

from finetune.metrics.additive import MeanMeasure
from finetune.metrics.facts import FACTS
from finetune.metrics.ranking import ranked_gains


class Mrr(MeanMeasure):
    """Mean over queries of 1 / rank of the first relevant item, 0 where none is among the first 10; in [0, 1].

    A query with no relevant item has no right ranking: it is refused with its row's number, not left out.

    Voorhees 1999, "The TREC-8 question answering track report".

    Example:
        >>> Mrr().measure([["a", "b"], ["a", "b"]], [["a"], ["b"]])
        {'mrr@10': 0.75}
    """

    facts = FACTS["mrr"]

    def _score(self, prediction: Any, reference: Any, row: int, /) -> tuple[float, ...]:
        gains, _ = ranked_gains(prediction, reference, row)
        return (next((1 / rank for rank, gain in enumerate(gains[:10], 1) if gain), 0.0),)
