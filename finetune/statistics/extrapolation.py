"""A measured learning curve: whether a power law fits it, what that predicts, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import DataError, UsageError
from finetune.statistics.intervals import percentile
from finetune.statistics.power_law import Law, fit_law

Array = NDArray[np.float64]

FEWEST = 4
"""Sizes that a fit needs: the law has three parameters, and one more tells whether it holds."""
IRREGULAR = 0.01
"""Where scores as far from the fit as these come up by chance less often than this, no law is said to hold."""
EXPLAINED = 0.5
"""Least share of the scores' variance that the fit has to explain."""


@dataclass(frozen=True)
class Curve:
    """A measured learning curve with the law that fits it.

    Args:
        rows: (k,) numbers of training rows, ascending.
        scores: (k,) mean score over seeds.
        drawn: (resamples, k) the same on resampled test rows, with what other seeds would have changed.
        noise: Standard deviation of one run's score between seeds, pooled over sizes.
        freedom: Degrees of freedom behind `noise`.
        seeds: Runs of each size.
        sign: 1 where a higher score is better, else -1.
        best: The best score there can be; None for no such end.
        confidence: Level of the intervals.
    """

    rows: Array
    scores: Array
    drawn: Array
    noise: float
    freedom: int
    seeds: int
    sign: int
    best: float | None
    confidence: float

    @cached_property
    def law(self) -> Law:
        """The law of the measured scores."""
        return fit_law(self.rows, self.scores, sign=self.sign, best=self.best)

    @cached_property
    def laws(self) -> Law:
        """The law of each resample."""
        return fit_law(self.rows, self.drawn, sign=self.sign, best=self.best)

    @cached_property
    def problem(self) -> str:
        """Why no law fits: `flat`, `falling` or `irregular`; empty where one does.

        `flat`: that the score grows from the smallest to the largest size is not shown at this level. `falling`: that
        it gets worse is. `irregular`: the scores lie farther from the law than chance puts them, or the law explains
        less than half of their variance.
        """
        low, high = percentile(self.sign * (self.drawn[:, -1] - self.drawn[:, 0]), self.confidence)
        if low <= 0:
            return "falling" if high < 0 else "flat"
        return "irregular" if self.misfit < IRREGULAR or self.explained < EXPLAINED else ""

    @cached_property
    def explained(self) -> float:
        """Share of the variance of the scores over sizes that the law explains, at most 1."""
        left = ((self.scores - self.law.at(self.rows)[:, 0]) ** 2).sum()
        return float(1 - left / max(((self.scores - self.scores.mean()) ** 2).sum(), 1e-300))

    @cached_property
    def misfit(self) -> float:
        """How often chance would put the scores at least as far from a law as they are, in (0, 1]."""
        fitted = self.law.at(self.rows)[:, 0]
        simulated = fitted + self.drawn - self.drawn.mean(axis=0)
        again = fit_law(self.rows, simulated, sign=self.sign, best=self.best)
        by_chance = ((simulated - again.at(self.rows).T) ** 2).sum(axis=1)
        found = ((self.scores - fitted) ** 2).sum()
        return float((1 + (by_chance >= found).sum()) / (1 + len(by_chance)))

    def predict(self, rows: ArrayLike, *, runs: int = 1, seed: int = 1) -> list[dict[str, float]]:
        """Scores at other numbers of rows, each with a prediction interval.

        Args:
            rows: (k,) sizes.
            runs: Over how many seeds the score that is predicted is a mean.
            seed: Of the noise of those runs.

        Returns:
            Per size `rows`, `value`, `low`, `high`: on other test rows of the same kind, and from other seeds.
        """
        sizes = np.asarray(rows, np.float64)
        drawn = self.laws.at(sizes)  # (k, resamples)
        noise = _noise(self.noise, self.freedom, drawn.shape[::-1], seed) / math.sqrt(runs)
        drawn = self.possible(drawn + noise.T)
        values = self.law.at(sizes)[:, 0]
        ends = [percentile(each, self.confidence) for each in drawn]
        return [{"rows": float(n), "value": float(value), "low": low, "high": high}
                for n, value, (low, high) in zip(sizes, values, ends, strict=True)]  # fmt: skip

    def possible(self, scores: Array) -> Array:
        """Scores of which none is better than there can be."""
        if self.best is None:
            return scores
        return np.asarray(self.sign * np.minimum(self.sign * scores, self.sign * self.best))

    def band(self, rows: ArrayLike) -> tuple[Array, Array, Array]:
        """The law at sizes (k,), and the ends of its interval: without the noise of single runs."""
        drawn = self.laws.at(rows)
        low, high = zip(*(percentile(each, self.confidence) for each in drawn), strict=True)
        return self.law.at(rows)[:, 0], np.array(low), np.array(high)

    def rows_for(self, score: float) -> dict[str, float]:
        """Rows at which the law reaches a score: `value`, `low`, `high` (infinite: not on this curve) and
        `out_of_reach`, the share of resamples in which it never does."""
        found = self.laws.rows_for(score)
        low, high = np.quantile(found, [(1 - self.confidence) / 2, (1 + self.confidence) / 2], method="inverted_cdf")
        value = float(self.law.rows_for(score)[0])
        return {"value": value, "low": float(low), "high": float(high), "out_of_reach": float(np.isinf(found).mean())}


def fit_curve(
    rows: ArrayLike, each: ArrayLike, drawn: ArrayLike, *, sign: int = 1, best: float | None = None,
    confidence: float = 0.95, seed: int = 0,
) -> Curve:  # fmt: skip
    """Fit the law to runs of several sizes, with what other test rows and other seeds would have changed.

    What other test rows change comes from resamples, the same ones for all runs, so that what all runs have in common
    moves the curve as a whole. A few seeds cannot be resampled: two of them say too little about a third. Their spread
    is pooled over sizes instead, together with the distances from the law, and normal noise of that size is added to
    each resample; how well it is known (a chi-square of its degrees of freedom) is drawn along.

    Args:
        rows: (k,) numbers of training rows, ascending.
        each: (seeds, k) score of each run on all test rows.
        drawn: (resamples, seeds, k) its scores on resamples of the test rows, the same in all runs.
        sign: 1 where a higher score is better, else -1.
        best: The best score there can be; None for no such end.
        confidence: Level of the intervals, in (0, 1).
        seed: Of the noise.

    Raises:
        UsageError: Fewer sizes than a fit needs.
        DataError: The shapes do not fit, or a score is undefined.
    """
    sizes, scores, resampled = (np.asarray(values, np.float64) for values in (rows, each, drawn))
    _check(sizes, scores, resampled)
    seeds, k = scores.shape
    means = scores.mean(axis=0)
    law = fit_law(sizes, means, sign=sign, best=best)
    squares = ((scores - means) ** 2).sum() + seeds * ((means - law.at(sizes)[:, 0]) ** 2).sum()
    freedom = k * (seeds - 1) + k - 3
    noise = math.sqrt(squares / freedom)
    defined = resampled[~np.isnan(resampled).any(axis=(1, 2))].mean(axis=1)
    moved = defined + _noise(noise, freedom, defined.shape, seed) / math.sqrt(seeds)
    return Curve(sizes, means, moved, noise, freedom, seeds, sign, best, confidence)


def _noise(deviation: float, freedom: int, shape: tuple[int, ...], seed: int) -> Array:
    """(resamples, k) normal noise whose deviation differs between resamples as far as it is not known."""
    generator = np.random.default_rng([seed, 271])
    scale = deviation * np.sqrt(freedom / generator.chisquare(freedom, size=(shape[0], 1)))
    return np.asarray(generator.standard_normal(shape) * scale)


def _check(sizes: Array, scores: Array, resampled: Array) -> None:
    if len(sizes) < FEWEST:
        raise UsageError(
            f"There are {len(sizes)} sizes; a power law has three parameters.", f"Measure at least {FEWEST} sizes."
        )
    if scores.ndim != 2 or scores.shape[1] != len(sizes) or resampled.shape[1:] != scores.shape:
        raise DataError(
            f"The shapes do not fit: {sizes.shape}, {scores.shape}, {resampled.shape}.",
            "Give (k,), (seeds, k) and (resamples, seeds, k).",
        )
    if np.isnan(scores).any() or np.isnan(resampled).any(axis=(1, 2)).mean() > 0.5:
        raise DataError("A score is undefined at some size.", "Choose a score that every run has, or larger shares.")
    if (np.diff(sizes) <= 0).any():
        raise DataError(f"The sizes {sizes.tolist()} do not grow.", "Give them in ascending order, each once.")
