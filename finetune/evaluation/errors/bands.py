"""How often answers are wrong by how sure the model is of them; and right answers that were close."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.evaluation.errors.judged import Judged
from finetune.evaluation.errors.shares import shares
from finetune.recipe import EvaluationSection

Array = NDArray[Any]
EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""Where bands of confidence begin and end; narrow near 1, where a confident model gives most of its answers."""
CLOSE = 15
"""Right answers near the border that are listed."""


def confidence_bands(judged: Judged, settings: EvaluationSection) -> dict[str, Any]:
    """`{"unit", "bands": [{"from", "to", "count", "wrong", "share", "low", "high"}]}`; {} without probabilities."""
    found = judged.decisions
    if found is None:
        return {}
    band = np.clip(np.searchsorted(EDGES, found.confidence, side="right") - 1, 0, len(EDGES) - 2)
    trials = np.zeros((len(judged.wrong), len(EDGES) - 1), dtype=np.int64)
    wrong = np.zeros_like(trials)
    np.add.at(trials, (found.row, band), 1)
    np.add.at(wrong, (found.row, band), found.wrong)
    measured = shares(wrong, trials, settings, groups=judged.scored.clusters)
    return {
        "unit": found.unit,
        "bands": [
            {"from": EDGES[i], "to": EDGES[i + 1], "count": int(trials[:, i].sum()), "wrong": int(wrong[:, i].sum()),
             **measured[i]}
            for i in range(len(EDGES) - 1) if trials[:, i].any()
        ],
    }  # fmt: skip


def close_calls(judged: Judged) -> list[dict[str, Any]]:
    """Right rows that were nearest to another answer: places with their `margin`, the smallest first.

    The margin is by how much the answer's probability exceeds that of the next likely one; with several labels per row
    the least distance of a probability from one half; elsewhere what is known of the answer's own probability.
    """
    margins = _margins(judged)
    rows = np.flatnonzero(~judged.wrong & np.isfinite(margins))
    chosen = rows[np.argsort(margins[rows], kind="stable")][:CLOSE]
    return [place | {"margin": float(margins[place["index"]])} for place in judged.places(chosen)]


def _margins(judged: Judged) -> Array:
    """(n,) float64, NaN where nothing is known."""
    scored, found = judged.scored, judged.decisions
    scores = scored.arrays.get("scores")
    margins = np.full(len(judged.wrong), np.nan)
    if found is None:
        return margins
    if scores is None or scores.ndim != 2 or scores.shape[1] < 2:
        np.fmin.at(margins, found.row, found.confidence)
        return margins
    if found.unit == "labels":
        return np.asarray(np.nanmin(np.abs(scores - 0.5), axis=1))
    two = -np.sort(-np.nan_to_num(scores), axis=1)[:, :2]
    return np.asarray(two[:, 0] - two[:, 1])
