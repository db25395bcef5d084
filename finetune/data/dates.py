"""Dates and times as people write them, read only where they can mean one day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import Enum
from typing import Final, Literal

Order = Literal["year-first", "day-first", "month-first"]
_LONGEST = 64
"""Characters; a longer text is no date, and no pattern has to look at it."""
_PIVOT = 69
"""Two-digit years from here on belong to the 1900s, those below to the 2000s, as in POSIX (strptime, %y)."""


class Ambiguous(Enum):
    """That a value can be read in more than one way."""

    AMBIGUOUS = "ambiguous"


AMBIGUOUS: Final = Ambiguous.AMBIGUOUS

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH_NUMBERS = {name[:length]: number for number, name in enumerate(_MONTHS, 1) for length in (3, len(name))}
_MONTH_NUMBERS["sept"] = 9
_DAY_NUMBERS = {short: number for number, name in enumerate(_DAYS) for short in (name, name[:3], name[:4], name[:5])}

_WEEKDAY = re.compile(r"(?P<name>[a-z]{3,9})\b\.?,? ?(?P<rest>.*)")
_ZONE = r"(?P<zone>z|utc|gmt|(?:utc|gmt)?[-+\u2212]\d{2}(?::?\d{2})?)"
_TIME = re.compile(
    r"(?P<date>.*?\d)(?:t| at |,? |:)(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    rf"(?: ?(?P<half>[ap])\.?m\.?)?(?: ?{_ZONE})?"
)
_COMPACT_TIME = re.compile(
    r"(?P<date>\d{8})t(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?(?P<part>\d{0})(?P<half>[ap]{0})"
    rf"{_ZONE}?"
)
_YEAR_LAST = re.compile(
    r"(?P<day>[a-z]{3,9}\.? \d{1,2}) (?P<time>\d{1,2}:\d{2}:\d{2}(?: [-+]\d{4}| utc| gmt)?) (?P<year>\d{4})"
)
_NUMERIC = re.compile(r"(\d{1,4})(/|-|\.|\. | )(\d{1,2})\2(\d{1,4})")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_CHARACTERS = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]")
_NAMED = (
    re.compile(
        r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?: of)?[ ./-]*(?P<month>[a-z]{3,9})\.?[ ,./-]*(?P<year>'?\d{2}|\d{4})"
    ),
    re.compile(r"(?P<month>[a-z]{3,9})\.?[ ./-]*(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:, ?| |-|/)(?P<year>'?\d{2}|\d{4})"),
    re.compile(r"(?P<year>\d{2}|\d{4})[ ,./-]*(?P<month>[a-z]{3,9})\.?[ ./-]*(?P<day>\d{1,2})(?:st|nd|rd|th)?"),
)
Day = date | Literal["short"]
"""A reading; `short` is one whose century nobody states."""


def parse_date(text: str, order: Order | None = None) -> date | datetime | Ambiguous | None:
    """The date, or the date and time, that a text states.

    Read are ISO 8601 (`2025-04-03`, `20250403`, with a time), numbers apart by `/`, `-`, `.` or a blank, English month
    names (`3 Apr 2025`, `April 3rd, 2025`), `2025年4月3日`, RFC 5322 and `ctime` forms. A weekday beside the date must
    agree with it, and settles which of two readings is meant. Times may have seconds with up to six digits behind the
    mark, `am`/`pm`, and a zone as an offset, `Z`, `UTC` or `GMT`; zones by other names mean several things, and are not
    read. Seconds since 1970, weeks, days of the year and months without a day are not read either.

    Args:
        text: The value as written.
        order: What stands first where all is numbers. A text of another order is not read, except one that starts with
            the year in four digits, which can mean one thing only. None reads only what every order reads alike.
            Two-digit years are read only with an order (69 to 99: 1969 to 1999, 00 to 68: 2000 to 2068).

    Returns:
        A `date`, a `datetime` where there is a time (with its offset where there is one); AMBIGUOUS where there are
        several readings; None where there is none.

    Example:
        >>> parse_date("13/04/2025"), parse_date("03/04/2025"), parse_date("03/04/2025", "day-first")
        (datetime.date(2025, 4, 13), <Ambiguous.AMBIGUOUS: 'ambiguous'>, datetime.date(2025, 4, 3))
        >>> parse_date("Thu, 03/04/2025")
        datetime.date(2025, 4, 3)
    """
    if len(text) > _LONGEST or not any(sign.isdecimal() for sign in text):
        return None
    rest = " ".join(text.lower().split())
    weekday, rest = _weekday(rest)
    day, clock = _parts(rest)
    at = _time(clock) if clock else None
    if clock and at is None:
        return None
    days = {found for found in _days(day, order) if weekday is None or found == "short" or found.weekday() == weekday}
    if not days:
        return None
    found = days.pop()
    if days or found == "short":
        return AMBIGUOUS
    return found if at is None else datetime.combine(found, at)


def _weekday(text: str) -> tuple[int | None, str]:
    found = _WEEKDAY.fullmatch(text)
    if found is None or found["name"] not in _DAY_NUMBERS:
        return None, text
    return _DAY_NUMBERS[found["name"]], found["rest"]


def _parts(text: str) -> tuple[str, re.Match[str] | None]:
    """The date, and the match of the time where there is one."""
    late = _YEAR_LAST.fullmatch(text)
    if late:
        text = f"{late['day']} {late['year']} {late['time']}"
    found = _TIME.fullmatch(text) or _COMPACT_TIME.fullmatch(text)
    return (found["date"], found) if found else (text, None)


def _time(found: re.Match[str]) -> time | None:
    """The time of day; None where it is none (25:00), or says more than microseconds can hold."""
    hour, part = int(found["hour"]), (found["part"] or "").rstrip("0")
    if len(part) > 6 or (found["half"] and not 1 <= hour <= 12):
        return None
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] == "p" else 0)
    try:
        return time(
            hour, int(found["minute"]), int(found["second"] or 0), int(part.ljust(6, "0")), _zone(found["zone"])
        )
    except ValueError:
        return None


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    digits = re.sub(r"\D", "", text)
    if not digits:
        return UTC
    if int(digits[2:] or 0) > 59:
        raise ValueError("an offset's minutes are at most 59")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(offset if "+" in text else -offset)


def _days(text: str, order: Order | None) -> Iterator[Day]:
    """Every reading of a date without its time."""
    for pattern in (_COMPACT, _CHARACTERS):
        if found := pattern.fullmatch(text):
            yield from _day(found[1], found[2], found[3], order)
    if found := _NUMERIC.fullmatch(text):
        yield from _numeric(found[1], found[3], found[4], order)
    for place, pattern in enumerate(_NAMED):
        found = pattern.fullmatch(text)
        month = _MONTH_NUMBERS.get(found["month"]) if found else None
        if found and month and _year_stands_right(found["year"], order, first=place == 2):
            yield from _day(found["year"].lstrip("'"), str(month), found["day"], order)


def _year_stands_right(year: str, order: Order | None, *, first: bool) -> bool:
    """Whether a year of two digits stands where the order has it; with four it stands anywhere."""
    return len(year) == 4 or order is None or (order == "year-first") == first


def _numeric(a: str, b: str, c: str, order: Order | None) -> Iterator[Day]:
    if len(a) == 4 and len(c) <= 2:
        yield from _day(a, b, c, order)
    if len(a) <= 2 and len(c) in (2, 4):
        if order in (None, "day-first"):
            yield from _day(c, b, a, order)
        if order in (None, "month-first"):
            yield from _day(c, a, b, order)
    if len(a) == 2 and len(c) <= 2 and order in (None, "year-first"):
        yield from _day(a, b, c, order)


def _day(year: str, month: str, day: str, order: Order | None) -> Iterator[Day]:
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= _PIVOT else 2000
    try:
        found = date(number, int(month), int(day))
    except ValueError:
        return
    yield "short" if len(year) == 2 and order is None else found
