"""How well a number tells two sets of texts apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from finetune.statistics.intervals import bootstrap


def area_under_curve(scores: np.ndarray, labels: np.ndarray) -> float:
    """The chance that a text of the first set scores higher than one of the second, ties counting half.

    Args:
        scores: (n,) float.
        labels: (n,) 1 for the first set, 0 for the second; NaN comes out where one is empty.

    Example:
        >>> area_under_curve(np.array([3.0, 1.0, 2.0]), np.array([1, 0, 0]))
        1.0
    """
    from scipy.stats import rankdata

    first = labels == 1
    n, m = int(first.sum()), int((~first).sum())
    if not n or not m:
        return math.nan
    return float((rankdata(scores)[first].sum() - n * (n + 1) / 2) / (n * m))


def separation(scores: np.ndarray, labels: np.ndarray, confidence: float) -> dict[str, Any]:
    """That area with its bootstrap interval: `value`, `low`, `high`."""
    found = bootstrap(
        lambda rows: {"area": area_under_curve(scores[rows], labels[rows])}, len(scores), confidence=confidence
    )["area"].to_dict()
    return {name: found[name] for name in ("value", "low", "high")}


def higher_by_chance(scores: np.ndarray, labels: np.ndarray) -> float:
    """One-sided p-value of the first set scoring higher only by chance (Mann and Whitney 1947)."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(scores[labels == 1], scores[labels == 0], alternative="greater").pvalue)
