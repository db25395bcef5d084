"""Values as people write them: numbers with either decimal mark, dates (dates.py), spellings of categories.

A number or a date is read only where it can mean one thing. `1,234` is 1234 to some and 1.234 to others: no text like
it is read unless a decimal mark is stated, or other values of its column tell the mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from finetune.data.dates import AMBIGUOUS, Ambiguous, parse_date

__all__ = [
    "AMBIGUOUS", "Ambiguous", "Number", "NumberReader", "canonical_spellings", "category_key", "parse_date",
    "parse_number", "plain_number",
]  # fmt: skip

Mark = Literal[".", ","]
_LONGEST = 64
"""Characters; a longer text is no number, and no pattern has to look at it."""
_MARKS: tuple[Mark, Mark] = (".", ",")

_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u2002\u2003\u2004\u2005\u2006\u2008\u3000\t\r\n", " "),
        **dict.fromkeys("\u2019\u02bc\uff07\u066c", "'"),  # the last is the Arabic thousands separator
        "\uff0b": "+", "\uff0c": ",", "\uff0e": ".", "\uff05": "%", "\u066a": "%", "\uff08": "(", "\uff09": ")",
        "\uff04": "$", "\uffe1": "£", "\uffe5": "¥", "\uffe6": "₩",
    }
)  # fmt: skip
"""Signs that look different and mean the same. NFKC would do it too, but would also read 5² as 52."""
_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST
XAF XCD XOF XPF YER ZAR ZMW
"""
"""Currencies of ISO 4217."""
_WORDS = r"eur|Euro?|euro|usd|gbp|chf|kr\.?|Kr\.?|zł|Kč|Ft|lei|Fr\.|Rs\.?|руб\.?|лв\.?"
_UNIT = (
    rf"(?:[A-Z]{{1,2}}\$|[$¢£¤¥֏؋৲৳฿៛\u20a0-\u20cf﷼]|{_CODES.strip().replace(chr(10), ' ').replace(' ', '|')}|{_WORDS})"
)
_FRAME = re.compile(
    rf"(?P<open>\( ?)?(?P<first>[-+] ?)?(?P<lead>{_UNIT} ?)?(?P<second>[-+] ?)?(?P<bracket>\( ?)?"
    r"(?P<digits>[\d.,٫](?:[\d.,٫'_ ]*[\d.,٫])?)(?P<exponent>[eE][-+]?\d{1,3})?"
    # Prices without cents: 12,- and 12.--
    r"(?P<dashes>[.,]-{1,2})?(?P<third>(?<=\d)-)?"
    rf"(?P<share> ?[%‰])?(?P<trail> ?{_UNIT})?(?P<close> ?\))?",
    re.ASCII,
)


def _shape(mark: Mark) -> re.Pattern[str]:
    """Digits with this decimal mark, their thousands joined by one and the same other sign."""
    other = "," if mark == "." else "."
    # 0,123 is no thousands: nobody writes a zero before them.
    western = rf"(?!0+[{other}'_ ])\d{{1,3}}(?P<sign>[{other}'_ ])\d{{3}}(?:(?P=sign)\d{{3}})*"
    indian = r"|[1-9]\d?(?:,\d{2})+,\d{3}" if mark == "." else ""
    return re.compile(rf"(?P<whole>{western}{indian}|\d*)(?:[{mark}٫](?P<fraction>\d*))?", re.ASCII)


_SHAPES = {mark: _shape(mark) for mark in _MARKS}
_PLAIN = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)


class Number(NamedTuple):
    """A number that was read.

    Attributes:
        value: Exactly as written; of a share (`12%`) the number it stands for (0.12).
        unit: The currency sign or code, or `%`, that stood beside it; empty without one.
    """

    value: Decimal
    unit: str = ""


@dataclass(frozen=True)
class NumberReader:
    """Reads the numbers of one column.

    Attributes:
        decimal: The decimal mark of values that could be read with either; None where nothing tells it.
        stated: Whether the mark was stated; then no value is read with the other one.

    Example:
        >>> reader = NumberReader.fit(["1.234,50", "1,234"])
        >>> reader.decimal, reader.read("1,234").value
        (',', Decimal('1.234'))
        >>> NumberReader.fit(["1,234", "7"]).read("1,234")
        <Ambiguous.AMBIGUOUS: 'ambiguous'>
    """

    decimal: Mark | None = None
    stated: bool = False

    @classmethod
    def fit(cls, texts: Iterable[str]) -> NumberReader:
        """Learn the mark from the values that can be read with one only; None where they disagree or none can tell."""
        told: set[Mark] = set()
        for text in texts:
            found = told_mark(text)
            if found is not None:
                told.add(found)
            if len(told) == 2:
                return cls()
        return cls(told.pop() if told else None)

    def read(self, text: str) -> Number | Ambiguous | None:
        """The number; AMBIGUOUS where the mark is not known and matters, None where the text is no number."""
        if self.stated and self.decimal is not None:
            return _readings(text).get(self.decimal)
        found = _readings(text)
        values = list(found.values())
        if len({number.value for number in values}) > 1:
            return found[self.decimal] if self.decimal else AMBIGUOUS
        return values[0] if values else None


def parse_number(text: str, decimal: Mark | None = None) -> float | None:
    """The number that a text is, or None where it is none, or could be two.

    Read are thousands joined by a comma, dot, blank, apostrophe or underscore, also in the Indian way (`12,34,567`);
    a currency sign or code on one side (dropped); a sign on either side, or parentheses around a negative amount;
    scientific notation; digits of any script. A share is the number it stands for: `12%` is 0.12, `3‰` is 0.003.

    Args:
        text: The value as written.
        decimal: The decimal mark of the column; None reads only what can be read in one way.

    Returns:
        A finite number. For what `None` hides, see `NumberReader.read`.

    Example:
        >>> parse_number("1.234,50 EUR"), parse_number("(1,234.5)"), parse_number("1,234"), parse_number("1,234", ",")
        (1234.5, -1234.5, None, 1.234)
    """
    found = NumberReader(decimal, stated=decimal is not None).read(text)
    return float(found.value) if isinstance(found, Number) else None


def told_mark(text: str) -> Mark | None:
    """The decimal mark of a number that can be read with one only; None where either does, or neither."""
    found = _readings(text)
    return next(iter(found)) if len(found) == 1 else None


def plain_number(value: Decimal) -> str:
    """A number with digits and a dot only, which can be read in one way only.

    Zeros behind the last digit go, except one where the text would look like thousands: 1.234 is written `1.2340`.

    Example:
        >>> plain_number(Decimal("1234.50")), plain_number(Decimal("1.234")), plain_number(Decimal("1e30"))
        ('1234.5', '1.2340', '1e30')
    """
    if not value:
        return "0"
    sign, digits, power = value.as_tuple()
    assert isinstance(power, int)  # only numbers that are finite are read
    text = "".join(map(str, digits)).lstrip("0")
    text, power = text.rstrip("0"), power + len(text) - len(text.rstrip("0"))
    minus = "-" if sign else ""
    if power > 20 or power < -30:
        return f"{minus}{text}e{power}"
    if power >= 0:
        return f"{minus}{text}{'0' * power}"
    text = text.zfill(1 - power)
    whole, fraction = text[:power], text[power:]
    return f"{minus}{whole}.{fraction}{'0' if len(fraction) == 3 and len(whole) <= 3 and whole != '0' else ''}"


def is_plain(text: str) -> bool:
    """Whether a text is a number that every program reads alike once the mark is known to be a dot."""
    return _PLAIN.fullmatch(text) is not None


def _readings(text: str) -> dict[Mark, Number]:
    """The number for each decimal mark with which the text is one."""
    if len(text) > _LONGEST:
        return {}
    frame = _FRAME.fullmatch(" ".join(_western(text).split()))
    if frame is None or not _fits(frame):
        return {}
    readings = ((mark, _read(frame, mark)) for mark in _MARKS)
    return {mark: number for mark, number in readings if number is not None}


def _western(text: str) -> str:
    """The text with one form of every sign, and digits of all scripts as 0 to 9."""
    text = text.translate(_SAME)
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def _fits(frame: re.Match[str]) -> bool:
    """Whether there is one sign, one unit and a closing for each opening at most."""
    signs = sum(frame[name] is not None for name in ("open", "first", "second", "bracket", "third"))
    opened = frame["open"] is not None or frame["bracket"] is not None
    units = sum(frame[name] is not None for name in ("lead", "share", "trail"))
    return signs <= 1 and units <= 1 and opened == (frame["close"] is not None)


def _read(frame: re.Match[str], mark: Mark) -> Number | None:
    shape = _SHAPES[mark].fullmatch(frame["digits"])
    if shape is None or not (shape["whole"] or shape["fraction"]):
        return None
    whole, fraction, exponent = shape["whole"], shape["fraction"] or "", frame["exponent"]
    if exponent and not whole.isdecimal() and whole:  # thousands and a power of ten are never written together
        return None
    unit = (frame["lead"] or frame["share"] or frame["trail"] or "").strip()
    power = int(exponent[1:] if exponent else 0) - {"%": 2, "‰": 3}.get(unit, 0)
    negative = frame["open"] or frame["bracket"] or frame["third"] or "-" in f"{frame['first']}{frame['second']}"
    digits = "".join(sign for sign in whole if sign.isdecimal())
    value = Decimal(f"{'-' if negative else ''}{digits or '0'}.{fraction}e{power}")
    return Number(value, unit) if abs(value) < Decimal("1e308") else None


# -- spellings of categories

_ACCENTS = re.compile("[\u0300-\u036f]")
"""Marks on Latin, Greek and Cyrillic letters. Those of other scripts are vowels or make other letters."""
_JOINTS = re.compile(r"(?<!\d)[\s.,;:'’‘`´\"“”!?()\[\]{}/\\_…·-]+|[\s.,;:'’‘`´\"“”!?()\[\]{}/\\_…·-]+(?!\d)")
_SIGN_AT_THE_END = re.compile(r"(?<=\w)-+$|^-+(?=\w)")


def category_key(text: str) -> str:
    """What is equal for two spellings that differ in case, accents, punctuation or blanks only.

    Signs that carry a meaning stay: `C#`, `C++`, `R&D`, the minus of `A-` and `-1`, and what stands between two digits,
    so that `1.5` is not `15`.

    Example:
        >>> category_key(" U.S.A. ") == category_key("usa"), category_key("Sao-Paulo") == category_key("São Paulo")
        (True, True)
        >>> len({category_key(name) for name in ("C", "C#", "C++", "A-", "A", "1.5", "15", "1-5")})
        8
    """
    folded = _ACCENTS.sub("", unicodedata.normalize("NFD", text.strip())).casefold()
    # An ending minus is a grade or a charge, not punctuation; a private character keeps it from being removed.
    kept = _SIGN_AT_THE_END.sub("\ue000", folded)
    return _JOINTS.sub("", kept).replace("\ue000", "-") or folded


def canonical_spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """Key -> its most frequent spelling; of equally frequent ones the first in code point order.

    Args:
        counts: Spelling -> how often it stands in the training rows.

    Example:
        >>> canonical_spellings({"Berlin": 3, "berlin ": 5, "Bonn": 1})
        {'bonn': 'Bonn', 'berlin': 'berlin '}
    """
    # Rare ones first, so that the last to be written is the most frequent.
    ascending = sorted(sorted(counts, reverse=True), key=lambda spelling: counts[spelling])
    return {category_key(spelling): spelling for spelling in ascending}
