"""Whether a part of the audit could be measured, and on how many rows."""

from __future__ import annotations

from typing import Any

UNPREPARED = "The data could not be prepared, so it is not known what the target of its rows is."


def unmeasured(reason: str) -> dict[str, Any]:
    """A part of the audit that could not be measured, and why."""
    return {"measured": False, "reason": reason}


def sampled(rows: int, total: int) -> dict[str, int] | None:
    """`{"rows", "of"}`; None where nothing was left out."""
    return None if rows >= total else {"rows": rows, "of": total}
