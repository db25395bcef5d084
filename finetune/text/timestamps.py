"""Dates and times in ISO 8601: their one written form, and the parts of them that say something by themselves.

Parts are those of the clock on the wall where the time was written: an offset such as +02:00 is kept, never converted.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime
from typing import Any

PARTS = (
    "year", "quarter", "month", "day", "day_of_week", "day_of_year", "hour", "minute", "is_weekend", "is_month_start",
    "is_month_end", "is_year_start", "is_year_end",
)  # fmt: skip
"""What `time_parts` gives; `day_of_week` counts from 0 for Monday (as ISO 8601 and Python do)."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""In English, whatever the machine's locale is: the same row must give the same text everywhere."""
_ISO = re.compile(r"(?:\d{8}|\d{4}-\d{2}-\d{2}|\d{4}-?W\d{2}(?:-?\d)?)(?:[T ].+)?", re.ASCII)


def parse_timestamp(text: str) -> datetime:
    """A date (midnight) or a date with a time.

    Raises:
        ValueError: Not ISO 8601. Python itself would also read some long epoch numbers as dates; those are refused.
    """
    if not _ISO.fullmatch(text):
        raise ValueError("not an ISO 8601 date or time")
    return datetime.fromisoformat(text)


def iso_text(value: Any) -> str:
    """A date, a datetime or an ISO 8601 text in one form: `2025-04-03`, or `2025-04-03T14:30:00` where it has a time.

    Raises:
        ValueError: As `parse_timestamp`; numbers are refused, since an epoch in seconds and one in milliseconds cannot
            be told apart.
    """
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, int | float):
        raise ValueError("a number")
    text = str(value).strip()
    moment = parse_timestamp(text)
    return moment.isoformat() if "T" in text or " " in text else moment.date().isoformat()


def time_parts(text: str) -> dict[str, float]:
    """The parts of an ISO 8601 date or time as numbers; flags are 0 or 1, and a date without a time has hour 0.

    Raises:
        ValueError: As `parse_timestamp`.

    Example:
        >>> time_parts("2025-03-31")["is_month_end"]
        1.0
    """
    moment = parse_timestamp(text)
    month, day, weekday = moment.month, moment.day, moment.weekday()
    last = day == calendar.monthrange(moment.year, month)[1]
    values = (
        moment.year, (month + 2) // 3, month, day, weekday, moment.timetuple().tm_yday, moment.hour, moment.minute,
        weekday >= 5, day == 1, last, day == 1 and month == 1, last and month == 12,
    )  # fmt: skip
    return dict(zip(PARTS, map(float, values), strict=True))


def weekday_name(text: str) -> str:
    """The English name of the day of the week.

    Raises:
        ValueError: As `parse_timestamp`.
    """
    return WEEKDAYS[parse_timestamp(text).weekday()]
