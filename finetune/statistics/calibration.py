"""Whether probabilities mean what they say: calibration errors, proper scores, reliability bins; of arrays alone.

`probabilities` are (n, k) with rows that sum to 1 where exactly one of k alternatives is true (`truth` (n,) holds its
column; NaN stands where a row has fewer alternatives), or (n, k) of k independent labels (`truth` is (n, k), 0 or 1).
A calibration error is about *statements*: `confidence` and `outcome` (n, c) are what was said and whether it came true.
For alternatives that is the likeliest one (c = 1, "top label"); for independent labels every label (c = k).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import DataError, EmptyDataError, UsageError
from finetune.statistics.shares import share_interval

Array = NDArray[Any]
Scheme = Literal["width", "mass"]

TINY = 2.0**-52
"""A probability of 0 for what came true counts as this in the likelihood, as scikit-learn's `log_loss` has it."""


@dataclass(frozen=True)
class Bin:
    """Statements of about the same probability.

    Attributes:
        low: Its lower end, in [0, 1].
        high: Its upper end.
        rows: Statements in it.
        confidence: Their mean probability; NaN in an empty bin, as all below.
        accuracy: Share of them that came true.
        accuracy_low: Lower end of the interval of that share; NaN too where all of them are of one cluster.
        accuracy_high: Upper end.
    """

    low: float
    high: float
    rows: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


def statements(probabilities: ArrayLike, truth: ArrayLike) -> tuple[Array, Array]:
    """`confidence` and `outcome`, both (n, c) float64, of what the probabilities say.

    Args:
        probabilities: (n, k) in [0, 1].
        truth: (n,) column of the true alternative, or (n, k) of 0 and 1.

    Raises:
        DataError: The shapes do not fit, or a number is no probability (EmptyDataError: no rows).

    Example:
        >>> confidence, outcome = statements([[0.9, 0.1], [0.4, 0.6]], [0, 0])
        >>> confidence.tolist(), outcome.tolist()
        ([[0.9], [0.6]], [[1.0], [0.0]])
    """
    given, true = check(probabilities, truth)
    if true.ndim == 2:
        return given, true.astype(np.float64)
    top = np.nanargmax(given, axis=1)
    return given[np.arange(len(given)), top][:, None], (top == true).astype(np.float64)[:, None]


def bin_of(confidence: Array, bins: int, scheme: Scheme = "width") -> tuple[Array, Array]:
    """The bin of each statement, (n, c) from 0, and the edges (c, bins + 1).

    Args:
        confidence: (n, c) in [0, 1].
        bins: How many, at least 1.
        scheme: `width`: (0, 1/b], (1/b, 2/b], …, 0 in the first (Guo et al. 2017). `mass`: about as many statements of
            a column in each (Nguyen and O'Connor 2015); equal probabilities stay together.
    """
    if bins < 1:
        raise UsageError(f"bins is {bins}.", "Give at least 1; 15 is usual.")
    columns = confidence.shape[1]
    if scheme == "width":
        edges = np.tile(np.linspace(0, 1, bins + 1), (columns, 1))
    else:
        edges = np.quantile(confidence, np.linspace(0, 1, bins + 1), axis=0).T
    inner = [np.searchsorted(edges[c, 1:-1], confidence[:, c], side="left") for c in range(columns)]
    return np.stack(inner, axis=1), edges


def calibration_errors(
    confidence: Array, outcome: Array, bins: int = 15, scheme: Scheme = "width"
) -> tuple[float, float]:
    """Expected and maximum calibration error (Naeini et al. 2015; Guo et al. 2017, equations 3 and 5), in [0, 1].

    ECE = Σ_b n_b/n |accuracy_b - confidence_b|, averaged over the columns (for independent labels: classwise, Kull et
    al. 2019); the maximum is over the bins that hold anything. Both are too large on few rows, where the accuracy of a
    bin is off by chance: `calibration_noise.null_errors` says by how much.

    Example:
        >>> calibration_errors(np.array([[0.9], [0.9]]), np.array([[1.0], [0.0]]))
        (0.4, 0.4)
    """
    cells, size = cells_of(bin_of(confidence, bins, scheme)[0], bins)
    gaps = np.abs(np.bincount(cells, (outcome - confidence).ravel(), size))
    rows = np.bincount(cells, minlength=size)
    return float(gaps.sum() / confidence.size), float((gaps[rows > 0] / rows[rows > 0]).max())


def cells_of(chosen: Array, bins: int) -> tuple[Array, int]:
    """(n * c,) one number per bin and column, row by row, and how many there are."""
    columns = chosen.shape[1]
    return (chosen + bins * np.arange(columns)).ravel(), bins * columns


def reliability_bins(
    confidence: Array, outcome: Array, bins: int = 15, level: float = 0.95, *, groups: ArrayLike | None = None
) -> list[Bin]:
    """What was said against what came true, in bins of equal width; statements of all columns together.

    Args:
        confidence: (n, c) in [0, 1].
        outcome: (n, c) of 0 and 1.
        bins: How many.
        level: Of the intervals: Wilson's, which take the statements as independent, see `share_interval`.
        groups: (n,) cluster of each row, where rows depend on each other.
    """
    said, true = confidence.reshape(-1, 1), outcome.ravel()
    chosen, edges = bin_of(said, bins)
    place, cluster = chosen.ravel(), None if groups is None else np.repeat(np.asarray(groups), confidence.shape[1])
    inside = [place == b for b in range(bins)]
    return [
        _bin((float(edges[0, b]), float(edges[0, b + 1])), said.ravel()[among], true[among],
             None if cluster is None else cluster[among], level)
        for b, among in enumerate(inside)
    ]  # fmt: skip


def _bin(ends: tuple[float, float], said: Array, true: Array, cluster: Array | None, level: float) -> Bin:
    if not len(said):
        return Bin(*ends, 0, math.nan, math.nan, math.nan, math.nan)
    share = share_interval(true, level, groups=cluster)
    return Bin(*ends, len(said), float(said.mean()), share.value, share.low, share.high)


def brier_rows(probabilities: ArrayLike, truth: ArrayLike) -> Array:
    """(n,) squared errors of the probabilities; their mean is the Brier score (Brier 1950).

    Alternatives: Σ_k (p_k - y_k)², halved where there are two (then it is (p - y)² of either), in [0, 2] or [0, 1].
    Independent labels: the mean over the labels, in [0, 1]. Lower is better.
    """
    given, true = check(probabilities, truth)
    if true.ndim == 2:
        return np.asarray(((given - true) ** 2).mean(axis=1))
    squared = (np.nan_to_num(given) - np.eye(given.shape[1])[true]) ** 2
    return np.asarray(squared.sum(axis=1) / (2 if given.shape[1] == 2 else 1))


def likelihood_rows(probabilities: ArrayLike, truth: ArrayLike) -> Array:
    """(n,) negative log-likelihoods in nats (mean over independent labels); probabilities are kept from 0 by `TINY`."""
    given, true = check(probabilities, truth)
    if true.ndim == 2:
        right = np.where(true == 1, given, 1 - given)
        return np.asarray(-np.log(np.clip(right, TINY, 1 - TINY)).mean(axis=1))
    return np.asarray(-np.log(np.clip(given[np.arange(len(given)), true], TINY, 1 - TINY)))


def brier_score(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Mean of `brier_rows`.

    Example:
        >>> round(brier_score([[0.9, 0.1], [0.4, 0.6]], [0, 0]), 3)
        0.185
    """
    return float(brier_rows(probabilities, truth).mean())


def negative_log_likelihood(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """Mean of `likelihood_rows`, in nats per row."""
    return float(likelihood_rows(probabilities, truth).mean())


def brier_skill(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """1 - Brier score / Brier score of always stating the shares of these rows: 1 is perfect, 0 no better than that.

    NaN where the shares are perfect themselves (one class only), or rows have different numbers of alternatives.
    """
    given, true = check(probabilities, truth)
    if np.isnan(given).any():
        return math.nan
    shares = true.mean(axis=0) if true.ndim == 2 else np.bincount(true, minlength=given.shape[1]) / len(true)
    reference = brier_score(np.tile(shares, (len(given), 1)), true)
    return 1 - brier_score(given, true) / reference if reference > 0 else math.nan


def brier_parts(confidence: Array, outcome: Array, bins: int = 15) -> dict[str, float]:
    """Murphy's (1973) parts of the Brier score of statements: reliability (0 is best), resolution, uncertainty.

    The score is reliability - resolution + uncertainty, up to how much probabilities differ within a bin (`within`,
    which completes the sum; Stephenson et al. 2008).
    """
    said, true = confidence.ravel(), outcome.ravel()
    place = bin_of(said[:, None], bins)[0].ravel()
    rows = np.bincount(place, minlength=bins)
    full = rows > 0
    share = rows[full] / len(said)
    mean_said, mean_true = (np.bincount(place, v, bins)[full] / rows[full] for v in (said, true))
    base = true.mean()
    parts = {
        "reliability": float((share * (mean_said - mean_true) ** 2).sum()),
        "resolution": float((share * (mean_true - base) ** 2).sum()),
        "uncertainty": float(base * (1 - base)),
    }
    whole = float(((said - true) ** 2).mean())
    return parts | {"within": whole - parts["reliability"] + parts["resolution"] - parts["uncertainty"]}


def check(probabilities: ArrayLike, truth: ArrayLike) -> tuple[Array, Array]:
    """Both as arrays of shapes that fit: float64 (n, k), and int (n,) or (n, k).

    Raises:
        DataError: They do not fit, or hold what is no probability (EmptyDataError: no rows).
    """
    given, true = np.asarray(probabilities, dtype=np.float64), np.asarray(truth)
    if given.ndim != 2 or true.shape not in (given.shape, given.shape[:1]):
        raise DataError(
            f"Probabilities of shape {given.shape} and truth of shape {true.shape}.",
            "Give (n, k) probabilities, and (n,) columns or (n, k) zeros and ones.",
        )
    if not len(given):
        raise EmptyDataError("There are no rows whose probabilities could be looked at.", "Check the split.")
    known = given[~np.isnan(given)]
    if not len(known) or known.min() < 0 or known.max() > 1 + 1e-6:
        raise DataError("Some numbers are no probabilities.", "Give numbers from 0 to 1.")
    true = true.astype(np.int64)
    if true.ndim == 1 and (true.min() < 0 or true.max() >= given.shape[1]):
        raise DataError(f"truth names column {int(true.max())} of {given.shape[1]}.", "Count the columns from 0.")
    if true.ndim == 1 and np.isnan(given[np.arange(len(given)), true]).any():
        raise DataError("A row's true alternative has no probability.", "Give one for every alternative of the row.")
    return np.minimum(given, 1.0), true
