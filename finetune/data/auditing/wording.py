"""Sentences of findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def finding(
    severity: str, kind: str, sentence: str, rows: Sequence[str] = (), column: str | None = None
) -> dict[str, Any]:
    """A finding as the audit keeps it."""
    return {"severity": severity, "kind": kind, "column": column, "sentence": sentence, "rows": list(rows)}


def count(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def have(number: int, noun: str = "row") -> str:
    """`1 row has`, `2 rows have`."""
    return f"{count(number, noun)} {'has' if number == 1 else 'have'}"


def percent(share: float | None) -> str:
    """`12%`, `0.3%`; `less than 0.1%` of what is more than nothing."""
    if share is None:
        return "an unknown share"
    if 0 < share < 0.001:
        return "less than 0.1%"
    return f"{100 * share:.1f}%" if share < 0.1 else f"{100 * share:.0f}%"


def sampled(part: dict[str, Any]) -> str:
    """What is said behind figures of a sample; nothing behind those of all rows."""
    of = part.get("sampled")
    return f" (of {of['rows']:,} rows looked at, of {of['of']:,})" if of else ""


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
