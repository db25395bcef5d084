"""Numbers, dates and categories as people write them: what means one thing is read, what could mean two never is."""

from __future__ import annotations

import doctest
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given as each
from hypothesis import strategies as st

from finetune.data import dates, values
from finetune.data.dates import Order
from finetune.data.values import (
    AMBIGUOUS,
    Number,
    NumberReader,
    canonical_spellings,
    category_key,
    is_plain,
    parse_date,
    parse_number,
    plain_number,
)

ORDERS: tuple[Order, ...] = ("year-first", "day-first", "month-first")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip


def test_examples_in_the_docstrings() -> None:
    for module in (values, dates):
        found = doctest.testmod(module)
        assert found.attempted >= 2
        assert found.failed == 0


# -- numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7), ("007", 7), ("-7", -7), ("+7", 7), ("0.5", 0.5), (".5", 0.5), ("12,5", 12.5), (",5", 0.5), ("5.", 5),
        ("1.234,50", 1234.5), ("1,234.50", 1234.5), ("1,234,567", 1234567), ("1.234.567", 1234567),
        ("1 234", 1234), ("1 234 567,5", 1234567.5), ("1'234.50", 1234.5), ("1’234,50", 1234.5), ("1_000_000", 1e6),
        ("1\u00a0234,5", 1234.5), ("1\u202f234", 1234), ("12,34,567", 1234567), ("1,23,456.78", 123456.78),
        ("0,123", 0.123), ("0.123", 0.123), ("1234.567", 1234.567), ("1234,567", 1234.567), ("1.2345", 1.2345),
        ("$5", 5), ("$ 1,234.50", 1234.5), ("-$5", -5), ("$-5", -5), ("5 €", 5), ("5€", 5), ("1.234,50 EUR", 1234.5),
        ("EUR 5", 5), ("CHF5.50", 5.5), ("US$5", 5), ("R$ 1.234,50", 1234.5), ("5 zł", 5), ("Rs. 5,00,000", 500000),
        ("₹12,34,567.50", 1234567.5), ("12,-", 12), ("12.-- CHF", 12), ("£(5.25)", -5.25), ("kr 5", 5),
        ("(1,234.5)", -1234.5), ("($5)", -5), ("5-", -5), ("\u22125", -5), ("–5,5", -5.5), ("- 5", -5),
        ("12%", 0.12), ("12,5 %", 0.125), ("(3%)", -0.03), ("3‰", 0.003),
        ("1e5", 100000), ("1.5E-3", 0.0015), ("1,5e3", 1500), ("1.234e3", 1234), ("-2e+2", -200),
        ("１２３", 123), ("１，２３４．５", 1234.5), ("٣", 3), ("١٢٫٥", 12.5), ("१२", 12), ("１２％", 0.12),
        ("  5  ", 5), ("0", 0), ("-0", 0),
    ],
)  # fmt: skip
def test_numbers_that_mean_one_thing(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["1,234", "1.234", "12,345", "999.000", "-1,234", "$1,234", "1,234 EUR", "(1.234)",
                                  "1,234%", "１，２３４"])  # fmt: skip
def test_thousands_or_decimals_are_never_guessed(text: str) -> None:
    assert parse_number(text) is None
    assert NumberReader().read(text) is AMBIGUOUS
    dot, comma = parse_number(text, "."), parse_number(text, ",")
    assert dot is not None
    assert comma is not None
    assert dot != comma


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "abc", "5 kg", "1.2.3", "1,2,3", "1,23,45", "1.23.456", "1,234 567", "1.234,5.6", "12 34", "5²", "½",
     "1/2", "5-6", "--5", "-(5)", "(5", "5)", "$5€", "5%%", "$5%", "nan", "inf", "1e999", "0x10", "5k",
     "1.5M", "0,123,456", "1__0", "1 '234", ".", ",", "%", "$", "e5", "1" * 65, "True", "2025-04-03", "12:30"],
)  # fmt: skip
def test_what_is_no_number(text: str) -> None:
    for mark in (None, ".", ","):
        assert parse_number(text, mark) is None  # type: ignore[arg-type]
    assert NumberReader().read(text) is None


def test_a_stated_mark_is_the_only_one() -> None:
    assert parse_number("1,234", ",") == 1.234
    assert parse_number("1,234", ".") == 1234
    assert parse_number("1,5", ".") is None
    assert parse_number("1.234,5", ".") is None
    assert parse_number("1.5", ",") is None


def test_a_mark_is_learned_from_values_that_tell_it() -> None:
    assert NumberReader.fit(["1,234", "0.5"]).decimal == "."
    assert NumberReader.fit(["1,234", "12,5", "junk", ""]).decimal == ","
    assert NumberReader.fit(["1,234", "1,234,567"]).decimal == "."
    for texts in (["1,234", "1.234"], ["0.5", "0,5"], ["7", "x"], []):
        assert NumberReader.fit(texts).decimal is None
    disagreeing = NumberReader.fit(["0.5", "12,5", "1,234"])
    assert disagreeing.read("1,234") is AMBIGUOUS
    assert disagreeing.read("12,5") == Number(Decimal("12.5"))


def test_units_are_told() -> None:
    for text, unit in (("5 EUR", "EUR"), ("US$ 5", "US$"), ("12%", "%"), ("7", "")):
        found = NumberReader().read(text)
        assert isinstance(found, Number)
        assert found.unit == unit


def grouped(digits: str, sign: str, *, indian: bool) -> str:
    head, tail = digits[:-3], digits[-3:]
    size = 2 if indian else 3
    parts = [head[max(0, end - size) : end] for end in range(len(head), 0, -size)][::-1]
    return sign.join([*parts, tail])


@st.composite
def written_numbers(draw: st.DrawFn) -> tuple[str, str, Decimal]:
    """A text, the mark that it is written with, and what it says."""
    mark = draw(st.sampled_from(".,"))
    whole = str(draw(st.integers(0, 10**12)))
    fraction = draw(st.text("0123456789", max_size=6))
    other = "," if mark == "." else "."
    sign = draw(st.sampled_from(["", other, " ", "'", "_", "\u00a0", "\u202f", "’"]))
    indian = mark == "." and sign == "," and draw(st.booleans())
    text = grouped(whole, sign, indian=indian) + (mark + fraction if fraction else "")
    negative = draw(st.booleans())
    frame = draw(
        st.sampled_from(["-{}", "({})", "{}-", "\u2212{}", "-$ {}"] if negative else ["{}", "+{}", "{} EUR", "€{}"])
    )
    return frame.format(text), mark, Decimal(f"{'-' if negative else ''}{whole}.{fraction or 0}")


@each(written_numbers())
def test_written_numbers_are_read_back_and_never_as_another(case: tuple[str, str, Decimal]) -> None:
    text, mark, number = case
    stated = NumberReader(mark, stated=True).read(text)  # type: ignore[arg-type]
    assert isinstance(stated, Number)
    assert stated.value == number
    alone = NumberReader().read(text)
    assert alone is AMBIGUOUS or (isinstance(alone, Number) and alone.value == number)
    learned = NumberReader.fit([f"0{mark}5", text]).read(text)
    assert isinstance(learned, Number)
    assert learned.value == number


@each(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_plain_numbers_are_exact_and_mean_one_thing(number: Decimal) -> None:
    text = plain_number(number)
    assert is_plain(text)
    assert Decimal(text) == number
    assert float(text) == float(number)
    if len(text) <= 64:
        found = NumberReader().read(text)
        assert isinstance(found, Number)
        assert found.value == number


@each(st.text(max_size=20) | st.text("0123456789.,-+ '()%$€eE", max_size=20))
def test_any_text_is_a_number_or_none(text: str) -> None:
    found = NumberReader().read(text)
    assert found is None or found is AMBIGUOUS or found.value.is_finite()


# -- dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-04-03", date(2025, 4, 3)), ("2025/4/3", date(2025, 4, 3)), ("2025.04.03", date(2025, 4, 3)),
        ("20250403", date(2025, 4, 3)), ("13/04/2025", date(2025, 4, 13)), ("04/13/2025", date(2025, 4, 13)),
        ("13.4.2025", date(2025, 4, 13)), ("13. 4. 2025", date(2025, 4, 13)), ("03/03/2025", date(2025, 3, 3)),
        ("3 Apr 2025", date(2025, 4, 3)), ("April 3, 2025", date(2025, 4, 3)), ("apr. 3rd 2025", date(2025, 4, 3)),
        ("3rd of April 2025", date(2025, 4, 3)), ("03-APR-2025", date(2025, 4, 3)), ("Apr-03-2025", date(2025, 4, 3)),
        ("2025 Apr 3", date(2025, 4, 3)), ("Sept 3, 2025", date(2025, 9, 3)), ("3 May 2025", date(2025, 5, 3)),
        ("Thursday, April 3, 2025", date(2025, 4, 3)), ("Thu 03/04/2025", date(2025, 4, 3)),
        ("Tue 03/04/2025", date(2025, 3, 4)), ("2025年4月3日", date(2025, 4, 3)), ("２０２５-04-03", date(2025, 4, 3)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2025-04-03T12:30:00", datetime(2025, 4, 3, 12, 30)), ("2025-04-03 12:30", datetime(2025, 4, 3, 12, 30)),
        ("2025-04-03T12:30:00Z", datetime(2025, 4, 3, 12, 30, tzinfo=UTC)), ("20250403T123005Z",
         datetime(2025, 4, 3, 12, 30, 5, tzinfo=UTC)), ("2025-04-03T12:30:00.250+02:00",
         datetime(2025, 4, 3, 12, 30, 0, 250000, timezone(timedelta(hours=2)))),
        ("2025-04-03 12:30:00 -0530", datetime(2025, 4, 3, 12, 30, tzinfo=timezone(-timedelta(hours=5, minutes=30)))),
        ("13/04/2025 3:05 PM", datetime(2025, 4, 13, 15, 5)), ("13/04/2025, 12:05 a.m.", datetime(2025, 4, 13, 0, 5)),
        ("Apr 3, 2025 at 12:30 pm", datetime(2025, 4, 3, 12, 30)), ("Thu, 3 Apr 2025 12:30:00 GMT",
         datetime(2025, 4, 3, 12, 30, tzinfo=UTC)), ("Thu Apr  3 12:30:00 2025", datetime(2025, 4, 3, 12, 30)),
        ("Thu Apr 03 12:30:00 +0000 2025", datetime(2025, 4, 3, 12, 30, tzinfo=UTC)),
        ("03/Apr/2025:12:30:45 +0200", datetime(2025, 4, 3, 12, 30, 45, tzinfo=timezone(timedelta(hours=2)))),
        ("2025-04-03 12:30:00.1234560", datetime(2025, 4, 3, 12, 30, 0, 123456)),
    ],
)  # fmt: skip
def test_dates_that_mean_one_day(text: str, expected: date) -> None:
    found = parse_date(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("text", ["03/04/25", "03/04/2025", "3.4.2025", "03-04-2025 12:30", "13/04/25", "31.12.99",
                                  "3 Apr 25", "25-Apr-03", "Apr 3, '25"])  # fmt: skip
def test_ambiguous_dates_are_never_guessed(text: str) -> None:
    assert parse_date(text) is AMBIGUOUS


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1712102400", "1712102400000", "45000", "2025", "April 2025", "2025-04", "04/2025", "2025-W14-4",
     "2025-093", "2025-13-01", "2025-02-29", "31/02/2025", "32/01/2025", "2025/13/04", "03/04-2025", "Fri 2025-04-03",
     "2025-04-03 25:00", "2025-04-03 12:60", "2025-04-03 24:00", "2025-04-03 13:00 pm", "2025-04-03 12:30 EST",
     "2025-04-03 12:30:00 +0261", "2025-04-03 12:30:00.1234567", "12:30", "yesterday", "3 avril 2025", "1.5", "0/0/0",
     "2025-04-03 junk",
     "3 Apr", "Apr 2025 3 x", "3" * 70],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    for order in (None, *ORDERS):
        assert parse_date(text, order) is None


def test_a_stated_order_decides_and_excludes_the_others() -> None:
    assert parse_date("03/04/2025", "day-first") == date(2025, 4, 3)
    assert parse_date("03/04/2025", "month-first") == date(2025, 3, 4)
    assert parse_date("03/04/2025", "year-first") is None
    assert parse_date("13/04/2025", "month-first") is None
    assert parse_date("03/04/05", "year-first") == date(2003, 4, 5)
    for order in ORDERS:
        assert parse_date("2025-04-03", order) == date(2025, 4, 3)
        assert parse_date("3 April 2025", order) == date(2025, 4, 3)


@pytest.mark.parametrize(("year", "full"), [("69", 1969), ("99", 1999), ("00", 2000), ("25", 2025), ("68", 2068)])
def test_years_of_two_digits_need_an_order(year: str, full: int) -> None:
    assert parse_date(f"13.04.{year}", "day-first") == date(full, 4, 13)
    assert parse_date(f"3-Apr-{year}", "day-first") == date(full, 4, 3)
    assert parse_date(f"{year}-Apr-03", "year-first") == date(full, 4, 3)
    assert parse_date(f"13.04.{year}") is AMBIGUOUS


def renderings(day: date) -> dict[str, Order | None]:
    """Every form of a day, with the order that it is written in; None where it needs none."""
    name, short = MONTHS[day.month - 1], MONTHS[day.month - 1][:3]
    found: dict[str, Order | None] = dict.fromkeys((
        f"{day:%Y-%m-%d}", f"{day:%Y%m%d}", f"{day.day} {name} {day.year}", f"{day.day:02}-{short}-{day.year}",
        f"{name} {day.day}, {day.year}", f"{short}. {day.day}, {day.year}", f"{day.year}年{day.month}月{day.day}日",
        f"{day:%A}, {day.day} {short} {day.year}",
    ))  # fmt: skip
    for sign in "/.-":
        found[f"{day.year}{sign}{day.month}{sign}{day.day}"] = None
        found[f"{day.day:02}{sign}{day.month:02}{sign}{day.year}"] = "day-first"
        found[f"{day.month}{sign}{day.day}{sign}{day.year}"] = "month-first"
    return found


@each(st.dates(date(1000, 1, 1)))
def test_every_rendering_is_read_back_or_flagged(day: date) -> None:
    ambiguous = day.day <= 12 and day.day != day.month
    for text, order in renderings(day).items():
        assert parse_date(text, order) == day, text
        assert parse_date(text) == (AMBIGUOUS if order and ambiguous else day), text


@each(st.datetimes(datetime(1000, 1, 1)), st.none() | st.integers(-23 * 60, 23 * 60))
def test_times_are_read_back(moment: datetime, minutes: int | None) -> None:
    if minutes is not None:
        moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_date(moment.isoformat()) == moment
    assert parse_date(moment.isoformat(" ", "seconds")) == moment.replace(microsecond=0)
    half = datetime.combine(moment.date(), time(moment.hour, moment.minute))
    assert parse_date(f"{moment:%Y}-{moment.month}-{moment.day} {half:%I:%M %p}") == half


@each(st.dates(date(1969, 1, 1), date(2068, 12, 31)), st.sampled_from(ORDERS))
def test_short_years_are_read_back(day: date, order: Order) -> None:
    parts = {"year-first": "%y/%m/%d", "day-first": "%d/%m/%y", "month-first": "%m/%d/%y"}[order]
    text = f"{day:{parts}}"
    assert parse_date(text, order) == day
    assert parse_date(text) is AMBIGUOUS


@each(st.text(max_size=30) | st.text("0123456789/-.: TZapril,", max_size=30), st.none() | st.sampled_from(ORDERS))
def test_any_text_is_a_date_or_none(text: str, order: Order | None) -> None:
    found = parse_date(text, order)
    if isinstance(found, date):
        assert parse_date(found.isoformat(), order) == found


# -- categories


@pytest.mark.parametrize(
    ("one", "other"),
    [("Berlin", "berlin"), (" Berlin ", "BERLIN"), ("New York", "new-york"), ("U.S.A.", "usa"),
     ("São Paulo", "Sao Paulo"), ("ice cream", "icecream"), ("Müller", "Mu\u0308ller"),
     ("Straße", "STRASSE"), ("don't", "don’t"), ("A / B", "a/b")],
)  # fmt: skip
def test_spellings_of_one_category(one: str, other: str) -> None:
    assert category_key(one) == category_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("C", "C++"), ("C", "C#"), ("A", "A-"), ("A+", "A-"), ("1", "-1"), ("1.5", "15"), ("1-5", "15"), ("10 20", "1020"),
     ("R&D", "RD"), (">50K", "<50K"), ("か", "が"), ("कि", "की"), ("-", "?"), ("m²", "m2"), ("100%", "100")],
)  # fmt: skip
def test_categories_that_differ(one: str, other: str) -> None:
    assert category_key(one) != category_key(other)


@each(st.dictionaries(st.text(max_size=4), st.integers(1, 5), max_size=8))
def test_the_most_frequent_spelling_stands_for_all(counts: dict[str, int]) -> None:
    found = canonical_spellings(counts)
    assert found == canonical_spellings(dict(reversed(counts.items())))
    for spelling, count in counts.items():
        chosen = found[category_key(spelling)]
        assert counts[chosen] >= count
        assert category_key(chosen) == category_key(spelling)
