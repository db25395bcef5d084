"""Phone numbers, told from dates, prices, addresses and plain numbers by their form and what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator

Place = tuple[int, int]
"""Characters from the first to after the last."""

_FORMS = (
    r"\+ ?(?:[ ().\-/]{0,2}\d){7,15}",  # international
    r"00[1-9](?=\d*[ ().\-/])(?:[ ().\-/]{0,2}\d){7,13}",
    r"(?:1[ .-])?\([2-9]\d\d\)[ -]?\d{3}[ .-]\d{4}",  # North America
    r"(?:1[ .-])?[2-9]\d\d[.-]\d{3}[.-]\d{4}",
    r"(?:1 )?[2-9]\d\d [2-9]\d\d[ -]\d{4}",
    r"\(0\d{1,4}\)(?:[ ./-]{0,3}\d){5,9}",  # area code in brackets
    r"\([1-9]\d{1,4}\) ?9?\d{3,4}[ -]\d{3,5}",
    r"0[1-9]\d{0,4} ?[ /.-] ?\d(?:[ .-]?\d){4,9}",  # with the 0 of calls inside of a country
    r"[6-9]\d{4}[ -]\d{5}",  # India
    r"[679]\d\d(?: \d\d){3}",  # Spain
)
_END = r"(?!\w|[.,:-]\d)"
_FORM = re.compile(rf"(?<![\w+.,/:-])(?:{'|'.join(_FORMS)}){_END}", re.ASCII)
_CALLED = re.compile(
    r"\b(?:tel(?:ephone|efon|éfono)?|phone|mobile|cell|fax|whatsapp|call|handy)(?: (?:me|us|at|on|number|no|is))*"
    rf"[.:]{{0,2}} ?(?P<number>\(?\d(?:[ ().\-/]{{0,2}}\d){{6,14}}){_END}",
    re.IGNORECASE | re.ASCII,
)
# Dates, dotted numbers, social security numbers (those that were never given out too).
_OTHER = re.compile(
    r"\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?!\d)|\d{4}([./-])\d{1,2}\2\d{1,2}(?!\d)|\d{1,3}(?:\.\d{1,3}){3,}$"
    r"|\d{3}-\d{2}-\d{4}$"
)
_MORE = re.compile(r"\d[ -]$")
"""A longer number goes before: the groups with a 0 are not the first."""
_AMOUNT = re.compile(r"\s?(?:[€$£¥₹%]|EUR\b|USD\b|GBP\b)")


def find_phones(text: str) -> Iterator[Place]:
    """Phone numbers of 7 to 15 digits (as many as ITU-T E.164 allows): with a +, in a national form, or behind a word
    such as "phone"."""
    places = [match.span() for match in _FORM.finditer(text)] + [m.span("number") for m in _CALLED.finditer(text)]
    after = 0
    for start, end in sorted(places):
        if start >= after and _is_phone(text, start, end):
            yield start, end
            after = end


def _is_phone(text: str, start: int, end: int) -> bool:
    written = text[start:end]
    if not 7 <= sum(map(str.isdigit, written)) <= 15 or _OTHER.match(written):
        return False
    before = text[max(0, start - 2) : start]
    if written.startswith("0") and _MORE.search(before):
        return False
    return not before.rstrip().endswith(("€", "$", "£", "¥", "₹", "#", "=")) and not _AMOUNT.match(text, end)
