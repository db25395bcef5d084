"""Recall within the first items of a ranking."""

from __future__ import annotations

from typing import Any

from finetune.metrics.additive import MeanMeasure
from finetune.metrics.facts import FACTS
from finetune.metrics.ranking import ranked_gains


class RecallAt(MeanMeasure):
    """Mean over queries of the share of relevant items that are among the first 1, 5 and 10; each in [0, 1].

    A query with no relevant item has no right ranking: it is refused with its row's number, not left out.

    A query with r relevant items has at most k / r at k.

    Example:
        >>> RecallAt().measure([["a", "x", "b"]], [["a", "b"]])
        {'recall@1': 0.5, 'recall@5': 1.0, 'recall@10': 1.0}
    """

    facts = FACTS["recall_at"]

    def _score(self, prediction: Any, reference: Any, row: int, /) -> tuple[float, ...]:
        gains, best = ranked_gains(prediction, reference, row)
        return tuple(sum(gain > 0 for gain in gains[:k]) / len(best) for k in (1, 5, 10))
