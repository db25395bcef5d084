"""Numbers that carry a check or a structure of their own: payment cards, bank accounts, social security numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

Place = tuple[int, int]
"""Characters from the first to after the last."""

_CARD = re.compile(
    r"(?<![\w+-])(?<!\d[.,])"  # no part of a word, of a range, of a fraction
    r"(?:\d{12,19}|\d{4}([ -])\d{4}\1\d{4}(?:\1\d{1,4}){0,2}|\d{4}([ -])\d{6}\2\d{4,5})(?!\w|-\d)",
    re.ASCII,
)
_ISSUERS = (
    (re.compile(r"4"), {13, 16, 19}),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),  # Mastercard
    (re.compile(r"3[47]"), {15}),  # American Express
    (re.compile(r"6011|64[4-9]|65|62|352[89]|35[3-8]|220[0-4]"), {16, 17, 18, 19}),  # Discover, UnionPay, JCB, Mir
    (re.compile(r"30[0-5]|3095|3[689]"), {14, 16, 19}),  # Diners Club
    (re.compile(r"5018|5020|5038|5893|6304|6759|676[1-3]"), set(range(12, 20))),  # Maestro
)
_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?=[ -]?[A-Z0-9])", re.IGNORECASE)
_COUNTRIES = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_LENGTHS = {country: length for length, countries in _COUNTRIES.items() for country in countries.split()}
"""Characters of an account number by country, from the registry of ISO 13616."""
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}([ -])(?!00)\d{2}\1(?!0000)\d{4}(?!\w|-\d)", re.ASCII)
"""Areas 000, 666 and 900-999, group 00 and serial 0000 were never given out."""
_PRINTED = {"078051120", "219099999"}
"""Printed in advertisements, and void since."""


def find_credit_cards(text: str) -> Iterator[Place]:
    """Numbers with the first digits and the length of an issuer that pass the Luhn check (ISO/IEC 7812-1)."""
    for match in _CARD.finditer(text):
        start, end = match.span()
        while end > start and not _is_card(text[start:end]):
            # The date until which it is valid, or a code, may follow: try without the last group.
            end = max(text.rfind(" ", start, end), text.rfind("-", start, end))
        if end > start:
            yield start, end


def _is_card(written: str) -> bool:
    digits = re.sub(r"\D", "", written)
    if not any(len(digits) in lengths and first.match(digits) for first, lengths in _ISSUERS):
        return False
    # Every second digit from the right counts twice, and of what has two digits then both count.
    values = (int(digit) * (1 + number % 2) for number, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in values) % 10 == 0


def find_ibans(text: str) -> Iterator[Place]:
    """Account numbers of the length that their country has, with a right check sum (ISO 13616: the rest of 97 is 1)."""
    for match in _IBAN.finditer(text):
        length = _LENGTHS.get(match[0][:2].upper())
        rest = _account(length).match(text, match.end()) if length else None
        if rest and _is_iban(match[0] + rest[0]):
            yield match.start(), rest.end()


@cache
def _account(length: int) -> re.Pattern[str]:
    return re.compile(rf"(?:[ -]?[A-Za-z0-9]){{{length - 4}}}(?![^\W_])")


def _is_iban(written: str) -> bool:
    """The first four characters go last, and letters count from A = 10."""
    plain = re.sub(r"[ -]", "", written)
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def find_ssns(text: str) -> Iterator[Place]:
    """Social security numbers of the United States, with hyphens or blanks."""
    return (match.span() for match in _SSN.finditer(text) if re.sub(r"\D", "", match[0]) not in _PRINTED)
