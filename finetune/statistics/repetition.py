"""Scores of several runs that differ by their seed alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.errors import UsageError

Array = NDArray[Any]


def spread(each: Sequence[float], confidence: float) -> dict[str, Any]:
    """Mean and spread over seeds, with Student's interval of the mean.

    The interval is mean ± t s/√k with k - 1 degrees of freedom. It says where the mean of endlessly many seeds lies on
    these very test rows; other test rows are not in it.

    Args:
        each: (k,) score of each seed, NaN where undefined.
        confidence: Nominal coverage, in (0, 1).

    Returns:
        `mean`, `std` (divided by k - 1), `min`, `max`, `mean_low`, `mean_high`; None where undefined.

    Example:
        >>> spread([0.5, 0.6], 0.95)["mean_high"]
        1.185...
    """
    from scipy.stats import t

    names = ("mean", "std", "min", "max", "mean_low", "mean_high")
    values = np.asarray(each, np.float64)
    if not len(values) or np.isnan(values).any():
        return dict.fromkeys(names)
    mean, low, high = float(values.mean()), float(values.min()), float(values.max())
    if len(values) == 1:
        return dict(zip(names, (mean, None, low, high, None, None), strict=True))
    deviation = float(values.std(ddof=1))
    half = float(t.ppf((1 + confidence) / 2, len(values) - 1)) * deviation / math.sqrt(len(values))
    return dict(zip(names, (mean, deviation, low, high, mean - half, mean + half), strict=True))


def mean_draws(draws: Array, seed: int = 0) -> Array:
    """The mean over seeds on each resample of the rows, with what other seeds would have changed.

    A bootstrap in two steps: seeds are drawn with replacement within each resample of the rows. Drawn from k seeds, the
    mean varies by a factor (k - 1)/k less than it should, which matters when k is 3; so what the draw of seeds moves is
    stretched by √(k/(k - 1)). Runs that err on different rows look more spread than their seeds are; the interval is
    then rather too long than too short.

    Args:
        draws: (k, resamples) scores of each seed on resamples of the rows, the same ones for all seeds.
        seed: Of the draw of seeds.

    Returns:
        (resamples,) means, NaN where a score is.

    Raises:
        UsageError: There are fewer than two seeds.
    """
    k, resamples = draws.shape
    if k < 2:
        raise UsageError("There is one seed, and its spread cannot be drawn.", "Give the scores of two or more seeds.")
    chosen = np.random.default_rng(seed).integers(k, size=(k, resamples))
    means = draws.mean(axis=0)
    moved = np.take_along_axis(draws, chosen, axis=0).mean(axis=0) - means
    return np.asarray(means + math.sqrt(k / (k - 1)) * moved)
