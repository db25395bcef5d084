"""Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks"), from probabilities alone.

Logits are not needed: log-probabilities differ from them by a constant per row, which the softmax takes out again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import UsageError
from finetune.statistics.calibration import check, negative_log_likelihood

Array = NDArray[Any]

LEAST, MOST = 0.02, 50.0
"""Temperatures between which one is searched. A best one at an end is none: the likelihood has no optimum there."""
_SMALLEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Temperature:
    """What was fitted.

    Attributes:
        value: What log-probabilities are divided by: above 1 makes them less sure, below 1 surer; 1 where none fits.
        before: Mean negative log-likelihood of the rows that it was fitted to, in nats, at temperature 1.
        after: The same at `value`.
        rows: How many rows that is.
        reason: Why there is none; empty where there is.
    """

    value: float
    before: float
    after: float
    rows: int
    reason: str = ""


def scale(probabilities: ArrayLike, temperature: float, *, exclusive: bool) -> Array:
    """Probabilities with their log-odds divided by the temperature: (n, k) float64. NaN stays NaN.

    Each row is computed by itself, so that it does not depend on which others stand beside it.

    Args:
        probabilities: (n, k) in [0, 1].
        temperature: Above 0; 1 returns them as they are.
        exclusive: Whether a row's probabilities sum to 1 (p^(1/T), renormalised) or stand by themselves
            (sigmoid(logit(p) / T)).

    Raises:
        UsageError: The temperature is not a number above 0.

    Example:
        >>> scale([[0.8, 0.2]], 2.0, exclusive=True).round(3).tolist()
        [[0.667, 0.333]]
    """
    given = np.asarray(probabilities, dtype=np.float64)
    if not (math.isfinite(temperature) and temperature > 0):
        raise UsageError(f"The temperature is {temperature}.", "Give a number above 0.")
    if temperature == 1:
        return given
    if exclusive:
        logs = np.log(np.maximum(given, _SMALLEST)) / temperature
        powers = np.exp(logs - np.nanmax(logs, axis=1, keepdims=True))
        return np.asarray(powers / np.nansum(powers, axis=1, keepdims=True))
    least = np.clip(given, _SMALLEST, 1 - 2.0**-53)
    odds = (np.log(least) - np.log1p(-least)) / temperature
    return np.asarray(1 / (1 + np.exp(-odds)))


def fit_temperature(probabilities: ArrayLike, truth: ArrayLike) -> Temperature:
    """The temperature that makes the true answers likeliest.

    The negative log-likelihood is convex in 1/T; its minimum is found by Brent's method over log T. Where it has none
    (every likeliest answer is right, so that surer is always better; or guessing would do as well), the value is 1 and
    `reason` says so: a temperature at the end of the range would be an artefact of the range.

    Args:
        probabilities: (n, k); see `finetune.statistics.calibration`.
        truth: (n,) columns of the true alternative, or (n, k) of 0 and 1.

    Raises:
        DataError: The shapes do not fit (EmptyDataError: no rows).

    Example:
        >>> fit = fit_temperature([[0.99, 0.01]] * 10, [0] * 8 + [1] * 2)
        >>> scale([[0.99, 0.01]], fit.value, exclusive=True).round(2).tolist()
        [[0.8, 0.2]]
    """
    from scipy.optimize import minimize_scalar

    given, true = check(probabilities, truth)

    def cost(log_temperature: float) -> float:
        return negative_log_likelihood(scale(given, math.exp(log_temperature), exclusive=true.ndim == 1), true)

    before = negative_log_likelihood(given, true)
    found = minimize_scalar(cost, bounds=(math.log(LEAST), math.log(MOST)), method="bounded", options={"xatol": 1e-6})
    value, after = math.exp(float(found.x)), float(found.fun)
    if not LEAST * 1.01 < value < MOST / 1.01 or after < 1e-6:
        return Temperature(1.0, before, before, len(given), _no_optimum(given, true))
    if after >= before:  # the best is 1 itself, up to the tolerance of the search
        return Temperature(1.0, before, before, len(given))
    return Temperature(value, before, after, len(given))


def _no_optimum(given: Array, true: Array) -> str:
    if true.ndim == 1:
        right = np.nanargmax(given, axis=1) == true
        if right.all():
            return "every likeliest answer is right, so no wrong one says how sure is too sure"
    elif ((given >= 0.5) == (true == 1)).all():
        return "every label is on its right side of 0.5, so no wrong one says how sure is too sure"
    return "the likelihood has no optimum: the probabilities tell no more (or hardly less) than they could"
