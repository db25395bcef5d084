"""Rankings against relevant items: what MRR, NDCG and recall read."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from typing import Any

from finetune.errors import DataError


def ranked_gains(ranking: Collection[Hashable], reference: Any, row: int) -> tuple[list[float], list[float]]:
    """Gains down a ranking, and those of the best ranking there is.

    Args:
        ranking: Items, best first, each once.
        reference: Mapping from item to gain (> 0: relevant), or a list or set of relevant items (gain 1), or a list of
            records `{"item", "gain"}`.
        row: For messages.

    Returns:
        The gain of each ranked item (0: not relevant), and the gains of all relevant items, largest first.

    Raises:
        DataError: No item is relevant, the ranking repeats an item, or either is not of that form; names the row.

    Example:
        >>> ranked_gains(["b", "x", "a"], {"a": 1, "b": 3, "c": 2}, 0)
        ([3.0, 0.0, 1.0], [3.0, 2.0, 1.0])
    """
    if isinstance(ranking, str) or isinstance(reference, str):
        raise DataError(f"Row {row} holds a text where a list of items is expected.", "Give lists of items.")
    items = list(ranking)
    if len(set(items)) < len(items):
        raise DataError(f"Row {row}: the ranking repeats an item.", "Rank every item once.")
    gains = _relevant(reference, row)
    return [gains.get(item, 0.0) for item in items], sorted(gains.values(), reverse=True)


def _relevant(reference: Any, row: int) -> dict[Hashable, float]:
    """Relevant items and their gains."""
    if isinstance(reference, Mapping):
        pairs = list(reference.items())
    else:
        pairs = [(item["item"], item["gain"]) if isinstance(item, Mapping) else (item, 1.0) for item in reference]
    gains = {item: float(gain) for item, gain in pairs}
    if not all(map(math.isfinite, gains.values())):
        raise DataError(f"Row {row}: a gain is not a finite number.", "Give 0 to what is not relevant.")
    relevant = {item: gain for item, gain in gains.items() if gain > 0}
    if not relevant:
        raise DataError(f"Row {row}: no item is relevant, so no ranking is good.", "Drop queries without one.")
    return relevant
