"""What chance does to a calibration error: how large it would be of right probabilities, and its interval."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from finetune.statistics.calibration import bin_of, cells_of
from finetune.statistics.resampling import Array
from finetune.statistics.shares import share_interval

LIKENESS = (1.0, 0.75, 0.5, 0.25, 0.1)
"""How much rows of a cluster may go together: what is tried."""
RARE = 0.05
"""Share of draws below which a correlation as small as the one seen speaks against a value of `LIKENESS`."""


def gap_noise(gaps: Array, resampled: Array, units: int) -> Array:
    """(draws, cells) by how much the gaps of bins are off by chance, as resamples of rows or clusters show it.

    A bootstrap distribution is narrower than the truth by √((units - 1)/units), which is put right here. NaN for one
    unit, from which no spread can be known.

    Args:
        gaps: (cells,) of each bin n_b/n (accuracy - confidence); the sum of their sizes is the error.
        resampled: (draws, cells) the same of bootstrap resamples.
        units: Number of rows, or of clusters where whole clusters were drawn.
    """
    return (resampled - gaps) * (math.sqrt(units / (units - 1)) if units > 1 else math.nan)


def null_errors(
    confidence: Array, bins: int = 15, *, draws: int = 1000, seed: int = 0, places: Array | None = None,
    alike: float = 0.0,
) -> Array:  # fmt: skip
    """(draws,) expected calibration errors (`width`) of as many rows whose probabilities are exactly right.

    Outcomes are drawn with the stated probabilities (Bröcker and Smith 2007, "consistency resampling"); an error that
    is no larger than most of these is no evidence of miscalibration. Where rows depend on each other, a row takes the
    chance of its cluster with probability √`alike` and one of its own otherwise: two rows of a cluster go together
    with probability `alike`, and each comes true as often as stated. This is approximate.

    Args:
        confidence: (n, c) in [0, 1].
        bins: How many.
        draws: How many.
        seed: Of the draws.
        places: (n,) number of each row's cluster, from 0; None where rows are independent.
        alike: From 0 to 1, see `likeness`.
    """
    cells, size = cells_of(bin_of(confidence, bins)[0], bins)
    generator, flat = np.random.default_rng(seed), confidence.ravel()
    errors = np.empty(draws)
    for draw in range(draws):
        gaps = np.bincount(cells, _outcomes(generator, confidence, places, alike).ravel() - flat, size)
        errors[draw] = np.abs(gaps).sum() / len(flat)
    return errors


def _outcomes(generator: np.random.Generator, confidence: Array, places: Array | None, alike: float) -> Array:
    """(n, c) bool, drawn with the stated probabilities as `null_errors` describes it."""
    chance = generator.random(confidence.shape)
    if places is not None:
        shared = generator.random((int(places.max()) + 1, confidence.shape[1]))[places]
        chance = np.where(generator.random(confidence.shape) < math.sqrt(alike), shared, chance)
    return np.asarray(chance < confidence)


def likeness(confidence: Array, outcome: Array, places: Array, *, draws: int = 200, seed: int = 0) -> float:
    """How much rows of a cluster may go together, from 0 (not at all) to 1 (copies), were the probabilities right.

    Seen is the correlation of outcome - confidence of two rows of a cluster, all pairs and columns together. Few
    clusters, or few wrong answers, tell little of it: the largest of `LIKENESS` comes back with which a correlation as
    small as the one seen is not rare, or else the correlation itself. Wrong probabilities make it larger, which speaks
    against an alarm.

    Args:
        confidence: (n, c) in [0, 1].
        outcome: (n, c) of 0 and 1.
        places: (n,) number of each row's cluster, from 0.
        draws: For each value that is tried.
        seed: Of the draws.
    """
    possible = _of_pairs(np.sqrt(confidence * (1 - confidence)), places)
    if possible <= 0:
        return 1.0
    seen = _of_pairs(outcome - confidence, places)
    for value in LIKENESS:
        generator = np.random.default_rng(seed)
        drawn = [_of_pairs(_outcomes(generator, confidence, places, value) - confidence, places) for _ in range(draws)]
        if np.mean(np.array(drawn) <= seen) >= RARE:
            return value
    return float(np.clip(seen / possible, 0, 1))


def _of_pairs(values: Array, places: Array) -> float:
    """Σ of the products of the values (n, c) of two rows of a cluster."""
    sums = [np.bincount(places, column) for column in values.T]
    return float(sum((one**2).sum() for one in sums) - (values**2).sum())


def error_interval(gaps: Array, noise: Array, confidence: float = 0.95) -> tuple[float, float]:
    """Ends of an interval of the expected calibration error.

    Percentiles of resampled errors would not do: a sum of sizes only grows with noise, so that they lie above the value
    and the value above the truth. Instead a test is inverted: were the true gaps λ times those that were seen, with the
    noise that resampling shows, how often would the error come out as large (as small) as it did? The interval holds
    the errors λ Σ|gap| for which neither happens in fewer than (1 - confidence)/2 of the cases; 0 where an error of
    this size is what noise makes of right probabilities.

    Args:
        gaps: (cells,) of each bin n_b/n (accuracy - confidence); the sum of their sizes is the error.
        noise: (draws, cells) of `gap_noise`; NaN gives NaN.
        confidence: Nominal coverage, in (0, 1).
    """
    value, tail = float(np.abs(gaps).sum()), (1 - confidence) / 2
    if np.isnan(noise).any():
        return math.nan, math.nan

    def errors(factor: float) -> Array:
        return np.asarray(np.abs(factor * gaps + noise).sum(axis=1))

    def as_large(factor: float) -> bool:
        return bool((errors(factor) >= value).mean() >= tail)

    def as_small(factor: float) -> bool:
        return bool((errors(factor) <= value).mean() >= tail)

    if value == 0:
        return 0.0, 0.0
    low = 0.0 if as_large(0.0) else value * _border(as_large, 1.0, 0.0)
    beyond = next((factor for factor in (2.0, 4.0, 8.0, 16.0) if not as_small(factor)), 32.0)
    return min(low, value), float(np.clip(value * _border(as_small, 1.0, beyond), value, 1))


def _border(holds: Callable[[float], bool], inside: float, outside: float, steps: int = 14) -> float:
    """Where it stops to hold between a place where it does and one where it does not, by bisection."""
    for _ in range(steps):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside


def least_upper_end(
    confidence: Array, outcome: Array, level: float = 0.95, *, groups: ArrayLike | None = None
) -> float:
    """Below what the upper end of a calibration error's interval must not lie: the error that all rows in one bin hide.

    The error is never smaller than |mean confidence - share that comes true|. Where few answers are wrong, bins without
    a wrong one show no noise and resampling misses this; the interval of the share does not.

    Args:
        confidence: (n,) in [0, 1].
        outcome: (n,) of 0 and 1.
        level: Nominal coverage, in (0, 1).
        groups: (n,) cluster of each row; NaN comes back for a single one.
    """
    share, mean = share_interval(outcome, level, groups=groups), float(confidence.mean())
    return max(abs(mean - share.low), abs(mean - share.high))
