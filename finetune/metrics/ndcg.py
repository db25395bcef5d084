"""Normalised discounted cumulative gain."""

from __future__ import annotations

import math
from typing import Any

from finetune.metrics.additive import MeanMeasure
from finetune.metrics.facts import FACTS
from finetune.metrics.ranking import ranked_gains


class Ndcg(MeanMeasure):
    """Mean over queries of DCG / the DCG of the best ranking, over the first 10 items; in [0, 1].

    A query with no relevant item has no right ranking: it is refused with its row's number, not left out.

    DCG = Σ gain / log2(rank + 1) (Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques").
    The best ranking has all relevant items, also those that the ranking lacks, from the largest gain down. Gains are
    linear: not 2^gain - 1.

    Example:
        >>> Ndcg().measure([["a", "b", "c"]], [{"a": 2.0, "b": 1.0}])
        {'ndcg@10': 1.0}
    """

    facts = FACTS["ndcg"]

    def _score(self, prediction: Any, reference: Any, row: int, /) -> tuple[float, ...]:
        gains, best = ranked_gains(prediction, reference, row)
        return (_discounted(gains[:10]) / _discounted(best[:10]),)


def _discounted(gains: list[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
