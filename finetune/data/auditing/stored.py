"""Texts that are numbers or dates: in how many formats they are written, and which cannot be read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from finetune.data.auditing.numbers import rounded
from finetune.data.auditing.sampling import RowList
from finetune.data.auditing.values import show
from finetune.data.features import MISSING
from finetune.data.values import AMBIGUOUS, NumberReader, parse_date

FORMATS = 20
"""Formats that are listed."""
_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_DIGITS = re.compile(r"\d+")
_GROUPS = re.compile(r"0(?:([.,' _])0)(?:\1 ?0)+")
_LETTERS = re.compile(r"[^\W\d_]+")
_MONTHS = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}


def describe_stored(kind: str, rows: Sequence[str], texts: Sequence[str], reader: NumberReader) -> dict[str, Any]:
    """The entry `stored` of the audit, without `sampled`.

    Args:
        kind: `number` or `time`.
        rows: (n,) names of rows.
        texts: (n,) their texts, none of them blank; those that stand for a missing value are not looked at.
        reader: Knows the decimal mark of the column.
    """
    formats: Counter[str] = Counter()
    examples: dict[str, str | None] = {}
    ambiguous, unreadable = 0, RowList()
    read = readings(kind, reader)
    written = [(row, text) for row, text in zip(rows, texts, strict=True) if text.strip().lower() not in MISSING]
    for row, text in written:
        found = read(text)
        if found is None:
            unreadable.add_named([row])
            continue
        ambiguous += found is AMBIGUOUS
        name = number_format(text) if kind == "number" else date_format(text)
        formats[name] += 1
        examples.setdefault(name, show(text))
    total = max(1, len(written))
    return {
        "as": kind,
        "parseable": rounded(1 - unreadable.count / total),
        "ambiguous": rounded(ambiguous / total),
        "formats": [{"format": name, "count": count, "example": examples[name]}
                    for name, count in sorted(formats.items(), key=lambda item: (-item[1], item[0]))[:FORMATS]],
        "rows": unreadable.rows,
    }  # fmt: skip


def readings(kind: str, reader: NumberReader) -> Callable[[str], Any]:
    """What reads a text: to a value, AMBIGUOUS, or None where it is none of that kind."""
    if kind == "time":
        return parse_date
    plain_dots = reader.decimal != ","
    return lambda text: text if plain_dots and _PLAIN.fullmatch(text.strip()) else reader.read(text)


def number_format(text: str) -> str:
    """How a number is written: `plain`, or its signs with a 0 for each run of digits, thousands joined.

    Example:
        >>> number_format("12.5"), number_format("1.234.567,50 EUR"), number_format("12%")
        ('plain', '0.0,0 EUR', '0%')
    """
    text = " ".join(text.split())
    if _PLAIN.fullmatch(text):
        return "plain"
    return _GROUPS.sub(lambda match: f"0{match[1]}0", _DIGITS.sub("0", text)).lstrip("+-")


def date_format(text: str) -> str:
    """How a date is written: `00` for one or two digits, `0000` for four, `Mon` for a month, `Day` for a weekday.

    Example:
        >>> date_format("2025-04-03"), date_format("3/4/2025"), date_format("April 3rd, 2025")
        ('0000-00-00', '00/00/0000', 'Mon 00rd, 0000')
    """
    text = " ".join(text.split())
    digits = _DIGITS.sub(lambda match: "0" * (2 if len(match[0]) <= 2 else len(match[0])), text)
    return _LETTERS.sub(_named, digits)


def _named(match: re.Match[str]) -> str:
    word = match[0]
    if word[:3].lower() in _MONTHS:
        return "Mon"
    return "Day" if word.lower().endswith("day") or word[:3].lower() in _WEEKDAYS else word


_WEEKDAYS = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"}


def iso(value: date | str) -> str | None:
    """A date, or a text that states one, as ISO 8601; None where it states none, or several."""
    found = parse_date(value) if isinstance(value, str) else value
    return found.isoformat() if isinstance(found, date) else None
