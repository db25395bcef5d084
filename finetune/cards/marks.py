"""Dots with whiskers: where estimates and their intervals lie in a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune.cards.wording import is_number

UNIT = (0.0, 1.0)
_SHAPES = 4
"""Baselines take turns with this many outlines."""


@dataclass(frozen=True)
class Mark:
    """A dot with its whisker, placed in percent of the drawing's width.

    Attributes:
        shape: 0 is the model's filled dot; baselines have outlines 1 to 4.
        low: Left end of the whisker.
        value: The dot.
        high: Right end.
    """

    shape: int
    low: float
    value: float
    high: float


def mark(entry: dict[str, Any], domain: tuple[float, float], shape: int = 0) -> Mark | None:
    """Where an estimate with its interval lies in `domain`; None where it has no value."""
    value = entry.get("value", entry.get("difference"))
    if not is_number(value):
        return None
    low, high = (entry[end] if is_number(entry.get(end)) else value for end in ("low", "high"))
    return Mark(shape, *(_percent(x, domain) for x in (low, value, high)))


def _percent(value: float, domain: tuple[float, float]) -> float:
    low, high = domain
    return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2) if high > low else 50.0


def domain_of(entries: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """0 to 1 where everything lies in it, else from 0 (or the lowest end) to the highest end."""
    keys = ("value", "low", "high", "difference")
    ends = [entry[key] for entry in entries for key in keys if is_number(entry.get(key))]
    if not ends or (min(ends) >= 0 and max(ends) <= 1):
        return UNIT
    return min(0.0, *ends), max(0.0, *ends)


def shape_of(index: int) -> int:
    """The outline of the system at this place; the model stands first."""
    return 0 if index == 0 else (index - 1) % _SHAPES + 1


def symmetric_domain(contrasts: list[dict[str, Any]]) -> tuple[float, float]:
    """Zero in the middle, wide enough for all."""
    low, high = domain_of(contrasts)
    ends = [c[key] for c in contrasts for key in ("difference", "low", "high") if is_number(c.get(key))]
    widest = max((abs(e) for e in ends), default=max(abs(low), abs(high))) or 1.0
    return -widest * 1.1, widest * 1.1
