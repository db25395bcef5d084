"""Shares with intervals, also where what is counted comes in rows, and rows in clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.recipe import EvaluationSection
from finetune.statistics.intervals import bootstrap, finite, wilson

Array = NDArray[Any]


def shares(
    successes: Array, trials: Array, settings: EvaluationSection, *, groups: Array | None = None
) -> list[dict[str, Any]]:
    """Shares as `{"share", "low", "high"}`.

    Where every row counts at most once and rows do not depend on each other, by Wilson; else by the bootstrap over rows
    or clusters, because words of a row (or rows of a cluster) are no independent trials.

    Args:
        successes: (n, k) per row and share.
        trials: (n, k) likewise.
        settings: Level, number of resamples.
        groups: (n,) what makes rows depend on each other.
    """
    counted, of = successes.sum(axis=0), trials.sum(axis=0)
    single = groups is None and trials.max(axis=0, initial=0) <= 1
    resampled = np.flatnonzero(~np.broadcast_to(single, of.shape) & (of > 0))
    found = [
        _entry(wilson(int(s), int(n), settings.confidence)) if n else {"share": None, "low": None, "high": None}
        for s, n in zip(counted, of, strict=True)
    ]
    for place, interval in _bootstrapped(successes[:, resampled], trials[:, resampled], settings, groups).items():
        found[resampled[place]] = _entry(interval)
    return found


def _bootstrapped(successes: Array, trials: Array, settings: EvaluationSection, groups: Array | None) -> dict[int, Any]:
    if not successes.shape[1]:
        return {}
    both = np.hstack([successes, trials]).astype(float)
    size = successes.shape[1]

    def measure(rows: Array) -> dict[str, float]:
        # How often each row was drawn, times the table: far faster than gathering the drawn rows.
        totals = np.bincount(rows, minlength=len(both)) @ both
        with np.errstate(divide="ignore", invalid="ignore"):
            return dict(zip(map(str, range(size)), (totals[:size] / totals[size:]).tolist(), strict=True))

    found = bootstrap(measure, len(both), resamples=settings.resamples, confidence=settings.confidence, groups=groups)
    return {int(name): interval for name, interval in found.items()}


def _entry(interval: Any) -> dict[str, Any]:
    return finite({"share": interval.value, "low": interval.low, "high": interval.high})
