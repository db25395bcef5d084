"""Drawings of an audit: histograms of lengths, numbers and durations, with the limits that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from finetune.cards.plots import FIRST, SECOND, draw, finish
from finetune.cards.wording import clean, count, decimals_for, is_number, number, shorten

Values = Mapping[str, Any]
Drawing = tuple[Markup, str]
_SIZE = (4.6, 2.5)


def quantity(values: Sequence[float | None]) -> list[str]:
    """Numbers of one unit in one form: whole ones without decimals."""
    known = [value for value in values if is_number(value)]
    whole = all(float(value).is_integer() for value in known)
    digits = 0 if whole else min(4, decimals_for(known))
    return [number(value, digits) for value in values]


def length_drawings(texts: Mapping[str, Values], tokens: Values) -> list[Drawing]:
    """Characters of each text column, and tokens of the inputs beside the model's limit."""
    drawings = [
        _histogram(f"length{place}", entry["characters"], "characters", f"Characters of {shorten(name, 60)}")
        for place, (name, entry) in enumerate(texts.items())
    ]
    if tokens.get("measured"):
        limit, most = tokens.get("max_length"), (tokens.get("histogram") or {}).get("edges", [0])[-1]
        # A limit far over all lengths would press them together.
        lines = {f"limit of {limit:,} tokens": limit} if limit and limit <= 1.5 * most else {}
        drawings.append(_histogram("tokens", tokens, "tokens", "Tokens of a row's inputs", lines))
    return [drawing for drawing in drawings if drawing]


def number_drawing(place: int, name: str, numbers: Values) -> Drawing | None:
    """A column's numbers with the bounds behind which they are far from the others."""
    fences, edges = numbers["outliers"]["iqr"] or {}, (numbers.get("histogram") or {}).get("edges") or (0, 0)
    reach = 0.5 * (edges[-1] - edges[0])
    ends = (fences.get(end) for end in ("low", "high"))
    near = [at for at in ends if is_number(at) and edges[0] - reach <= at <= edges[-1] + reach]
    lines = dict(zip(("bounds (IQR)", ""), near, strict=False))
    return _histogram(f"number{place}", numbers, "value", shorten(name, 60), lines)


def seconds_drawing(place: int, name: str, seconds: Values) -> Drawing | None:
    """How long the recordings of a column are."""
    return _histogram(f"seconds{place}", seconds, "seconds", f"Length of {shorten(name, 60)}")


def _histogram(
    name: str, entry: Values, unit: str, caption: str, lines: Mapping[str, float] | None = None
) -> Drawing | None:
    found = entry.get("histogram") or {}
    counts, edges = found.get("counts") or (), found.get("edges") or ()
    if not any(counts) or entry.get("min") == entry.get("max"):  # one value is no drawing
        return None

    def paint(axes: Any) -> None:
        axes.stairs(counts, edges, fill=True, color=FIRST, alpha=0.75)
        for label, at in (lines or {}).items():
            axes.axvline(at, color=SECOND, linestyle="--", linewidth=1.6, label=label or None)
        finish(axes, unit, "rows")

    label = clean(f"Histogram, {caption}: {_in_words(entry)}")
    return draw(name, label, paint, _SIZE), f"{caption}. {_outside(found)}".strip()


def _in_words(entry: Values) -> str:
    low, middle, high = quantity([entry.get("min"), entry["quantiles"].get("p50"), entry.get("max")])
    return f"from {low} to {high}, median {middle}"


def _outside(found: Values) -> str:
    ends = [f"{count(found[end])} {end}" for end in ("below", "above") if found.get(end)]
    return f"It spans the middle 99%; not drawn: {' and '.join(ends)}." if ends else ""
