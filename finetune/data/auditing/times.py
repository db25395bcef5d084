"""Dates and times: their range and where the middle of them lies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from finetune.data.auditing.numbers import QUANTILES
from finetune.data.values import parse_date


def describe_times(values: Sequence[Any]) -> dict[str, Any]:
    """`min, max, quantiles` of dates, times or texts that are some, as ISO 8601; nulls where none can be read.

    Quantiles are values that stand in the data, the nearest below.
    """
    found = sorted(filter(None, map(as_moment, values)), key=lambda moment: moment[0])
    if not found:
        return {"min": None, "max": None, "quantiles": dict.fromkeys(_names())}
    places = (np.array(QUANTILES) * (len(found) - 1)).astype(int)
    return {
        "min": found[0][1],
        "max": found[-1][1],
        "quantiles": {name: found[place][1] for name, place in zip(_names(), places, strict=True)},
    }


def as_moment(value: Any) -> tuple[float, str] | None:
    """Seconds since 1970 (a time without a zone is taken as UTC) and the ISO 8601 text; None where neither is there."""
    read = parse_date(value) if isinstance(value, str) else value
    if not isinstance(read, date):  # none, or ambiguous
        return None
    moment = read if isinstance(read, datetime) else datetime(read.year, read.month, read.day)
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return seconds, read.isoformat()


def _names() -> list[str]:
    return [f"p{round(q * 100):02d}" for q in QUANTILES]
