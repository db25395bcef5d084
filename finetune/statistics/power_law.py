"""How a score grows with the number of rows it was learned from: a power law that levels off, and how sure it is.

    score(n) = a - b n^(-c),  b ≥ 0, c > 0        (with + b where a lower score is better)

Errors of trained models fall about like this over wide ranges of n (Hestness et al. 2017, "Deep learning scaling is
predictable, empirically", arXiv:1712.00409). It is not a law of nature: some curves fit badly, and some fall
(Viering and Loog 2022, "The shape of learning curves", arXiv:2103.10948), so `extrapolation.py` asks first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from finetune.errors import DataError

Array = NDArray[np.float64]

EXPONENTS = np.geomspace(0.02, 3.0, 180)
"""Exponents c that are tried; neighbours differ by 3%. Those of errors in the literature lie between 0.07 and 1."""


@dataclass(frozen=True)
class Law:
    """Fitted parameters; arrays (m,) where m curves were fitted.

    Args:
        a: What the score comes to with endless rows, in its own unit.
        b: How much of that is still missing at the largest measured size, which is the unit of n; ≥ 0.
        c: How fast that falls.
        unit: Rows that count as n = 1: the largest measured size.
        sign: 1 where a higher score is better, else -1.
    """

    a: Array
    b: Array
    c: Array
    unit: float
    sign: int

    def at(self, rows: ArrayLike) -> Array:
        """Scores at numbers of rows (k,): (k, m)."""
        n = np.asarray(rows, dtype=np.float64)[:, None] / self.unit
        return np.asarray(self.a - self.sign * self.b * n**-self.c)

    def rows_for(self, score: float) -> Array:
        """(m,) rows at which the score is reached; infinite where it never is."""
        missing = self.sign * (self.a - score)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            found = self.unit * (self.b / np.where(missing > 0, missing, np.nan)) ** (1 / self.c)
        return np.where(missing > 0, found, np.inf)


def fit_law(rows: ArrayLike, scores: ArrayLike, *, sign: int = 1, best: float | None = None) -> Law:
    """The least-squares power law of each curve.

    For a given c the law is a straight line in n^(-c), so a and b have closed formulas and c is found by trying many:
    there is no start to choose and nothing that could fail to converge.

    Args:
        rows: (k,) sizes, all different, positive.
        scores: (m, k) curves, or (k,) one.
        sign: 1 where a higher score is better, else -1.
        best: The best score there can be, which a cannot exceed (for sign -1: fall below); None for no such end.

    Example:
        >>> law = fit_law([100, 200, 400, 800], [0.5, 0.6, 0.65, 0.675])
        >>> round(float(law.a[0]), 2), round(float(law.c[0]), 2)
        (0.7, 1.0)
    """
    sizes, curves = np.asarray(rows, np.float64), np.atleast_2d(np.asarray(scores, np.float64)) * sign
    if sizes.ndim != 1 or curves.shape[1] != len(sizes) or len(np.unique(sizes)) != len(sizes) or sizes.min() <= 0:
        raise DataError(
            f"{len(sizes)} sizes and scores {curves.shape}.", "Give different positive sizes, one score each."
        )
    unit = float(sizes.max())
    a, b, c = _search(sizes / unit, curves, EXPONENTS, math.inf if best is None else sign * best)
    return Law(a * sign, b, c, unit, sign)


def _search(sizes: Array, curves: Array, exponents: Array, bound: float) -> tuple[Array, Array, Array]:
    """a, b, c of each curve: those of the exponent with the smallest sum of squares; the first of equal ones."""
    least = np.full(len(curves), np.inf)
    chosen = np.zeros((3, len(curves)))
    for c in exponents:
        x = sizes**-c
        a, b = _line(x, curves, bound)
        squares = ((curves - a[:, None] + b[:, None] * x) ** 2).sum(axis=1)
        better = squares < least * (1 - 1e-9)
        least = np.where(better, squares, least)
        chosen[:, better] = np.stack([a, b, np.full(len(curves), c)])[:, better]
    return chosen[0], chosen[1], chosen[2]


def _line(x: Array, curves: Array, bound: float) -> tuple[Array, Array]:
    """Least squares of y = a - b x with b ≥ 0 and a ≤ bound."""
    centred = x - x.mean()
    b = np.maximum(0.0, -(curves @ centred) / (centred @ centred))
    a = curves.mean(axis=1) + b * x.mean()
    over = a > bound  # then the best law under the bound touches it: a line through (0, bound)
    b = np.where(over, np.maximum(0.0, ((bound - curves) @ x) / (x @ x)), b)
    return np.where(over, bound, a), b


def describe(law: Law) -> dict[str, Any]:
    """The parameters of one fitted law as plain numbers, with the unit of b."""
    return {"a": float(law.a[0]), "b": float(law.b[0]), "c": float(law.c[0]), "unit": law.unit}
