"""Ways to part the test rows: what each is called, its parts, and the conditions that rules may be made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

QUARTILES = (0.25, 0.5, 0.75)
"""Where numbers are cut into the ranges of a table."""
_DECILES = tuple(np.linspace(0.1, 0.9, 9).tolist())
"""Where rules may cut them."""
MOST_VALUES = 20
"""Values of a column that are parts of their own; rarer ones are taken together."""
Sign = Literal["≤", "="]


@dataclass(frozen=True)
class Part:
    """Some of the rows.

    Attributes:
        name: What they have in common.
        mask: (n,) bool, which they are.
    """

    name: str
    mask: np.ndarray


@dataclass(frozen=True)
class Condition:
    """What a rule may ask of a row.

    Attributes:
        subject: What it is about; conditions on one subject can make one another superfluous.
        sign: `≤` for a bound of a number; `=` for a value.
        mask: (n,) bool, where it holds.
        yes: It holds, in words.
        no: It does not, in words.
    """

    subject: str
    sign: Sign
    mask: np.ndarray
    yes: str
    no: str


@dataclass(frozen=True)
class Dimension:
    """One way to part the rows; parts may overlap, as rows with several labels do.

    Attributes:
        name: Key, such as `words` or the name of a column with its prefix.
        title: For a reader.
        parts: At least one.
        conditions: For rules; none where rules must not use it.
        of_target: Whether it parts rows by the right answer or the given one, which changes what scores mean there.
        remark: What to know when reading its scores; may be empty.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    conditions: tuple[Condition, ...] = ()
    of_target: bool = False
    remark: str = ""


@dataclass(frozen=True)
class Skipped:
    """Something that rows were not parted by.

    Attributes:
        title: What.
        reason: Why not.
    """

    title: str
    reason: str


Found = Dimension | Skipped | None
"""None: nothing that a reader would miss, such as one value in all rows."""


def ranges(
    name: str, title: str, subject: str, values: np.ndarray, *, show: Callable[[float], str] | None = None
) -> Dimension | None:
    """Numbers in quarters of the rows; None where they hardly vary.

    Args:
        name: Key of the dimension.
        title: Its title.
        subject: What rules call the number.
        values: (n,) float64, NaN where missing, which is a part of its own.
        show: A bound in words. Default: whole numbers as such, others with three digits.
    """
    there = values[~np.isnan(values)]
    if len(np.unique(there)) < 2:
        return None
    whole = bool((there == np.round(there)).all())
    show = show or (lambda bound: f"{bound:,.0f}" if whole else f"{bound:.3g}")
    parts = _quarters(values, _cuts(there, QUARTILES, whole=whole), show)
    missing = np.isnan(values)
    also = f" or no {subject}" if missing.any() else ""
    rules = [
        Condition(subject, "≤", values <= cut, f"{subject} ≤ {show(cut)}", f"{subject} > {show(cut)}{also}")
        for cut in _cuts(there, _DECILES, whole=whole)
    ]
    if missing.any():
        parts.append(Part("missing", missing))
        rules.append(Condition(subject, "=", missing, f"no {subject}", f"some {subject}"))
    return Dimension(name, title, tuple(parts), tuple(rules))


def _cuts(values: np.ndarray, shares: Sequence[float], *, whole: bool) -> list[float]:
    """Bounds with rows on both sides, as short as they are shown: rules have to be what they read like."""
    found = np.quantile(values, shares, method="lower")
    rounded = found if whole else np.array([float(f"{value:.3g}") for value in found])
    return [float(cut) for cut in np.unique(rounded) if values.min() <= cut < values.max()]


def _quarters(values: np.ndarray, cuts: Sequence[float], show: Callable[[float], str]) -> list[Part]:
    """Ranges from the least to the greatest value in them."""
    bounds = [-np.inf, *cuts, np.inf]
    parts = []
    for low, high in pairwise(bounds):
        mask = (values > low) & (values <= high)
        inside = values[mask]
        if not len(inside):
            continue
        ends = [show(float(end)) for end in (inside.min(), inside.max())]
        parts.append(Part(ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}", mask))
    return parts


def categories(name: str, title: str, subject: str, values: Sequence[str | None], *, min_rows: int) -> Found:
    """Values that repeat, the most frequent first; rarer ones together, missing ones as a part.

    Args:
        name: Key of the dimension.
        title: Its title.
        subject: What rules call it.
        values: (n,) texts, None where missing.
        min_rows: Rows that a part needs to be measured.
    """
    array = np.array(["" if value is None else f"={value}" for value in values], dtype=object)
    seen, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    if len(seen) < 2:
        return None
    if counts.max() < min_rows:
        return Skipped(title, f"none of its {len(seen):,} values has {min_rows} rows")
    if len(seen) > max(MOST_VALUES, len(array) // 2):
        return Skipped(title, f"it has {len(seen):,} values in {len(array):,} rows")
    order = np.argsort(-counts, kind="stable")
    kept, others = order[:MOST_VALUES], order[MOST_VALUES:]
    parts = [Part(seen[i][1:] or "missing", inverse == i) for i in kept]
    if len(others):
        parts.append(Part(f"{len(others):,} rarer values", np.isin(inverse, others)))
    rules = [
        Condition(subject, "=", part.mask, f"{subject} = {part.name}", f"{subject} ≠ {part.name}")
        for part in parts if part.mask.sum() >= min_rows
    ]  # fmt: skip
    return Dimension(name, title, tuple(parts), tuple(rules))
