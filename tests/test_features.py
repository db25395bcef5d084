"""Columns as features: typed cells, templates that reach nothing but the row, parts of times."""

from __future__ import annotations

import calendar
import math
import string
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.data.features import FeatureReader
from finetune.errors import ColumnError, RecipeError, UsageError
from finetune.labels import RowError
from finetune.recipe.features import FeaturesSection
from finetune.text.timestamps import PARTS, WEEKDAYS, iso_text, parse_timestamp, time_parts, weekday_name

NAMES = ("title", "unit price", "price", "kind", "ordered", "a.b", "note: long", "Size [cm]", "rich!r")
SECTION: dict[str, Any] = {"numeric": ("price", "unit price"), "categorical": ("kind",), "time": ("ordered",)}
ROW = {
    "title": "Tea", "unit price": "12.5", "price": "3", "kind": " green ", "ordered": "2025-03-01 14:05", "a.b": "dots",
    "note: long": "colon", "Size [cm]": "9", "rich!r": "mark",
}  # fmt: skip


def reader(template: str | None = None, **more: Any) -> FeatureReader:
    return FeatureReader(FeaturesSection(template=template, **(SECTION | more))).check(NAMES)


def text(template: str, **cells: Any) -> str:
    made = reader(template)
    return made.render(made.read(ROW | cells))


# -- templates


@pytest.mark.parametrize(
    ("template", "wanted"),
    {
        "{title}: {price}": "Tea: 3",
        "{unit price} each": "12.5 each",
        "{unit price:.2f}|{price:>6.1f}|{price:d}|{price:03d}": "12.50|   3.0|3|003",
        "{{{title}}} {{literal}}": "{Tea} {literal}",
        "{kind}": "green",
        "{a.b}": "dots",
        "{note: long}": "colon",
        "{note: long:>7}": "  colon",
        "{Size [cm]:.1f} cm": "9.0 cm",
        "{rich!r}": "mark",
        "{ordered}": "2025-03-01T14:05:00",
        "{ordered:%d/%m/%Y}": "01/03/2025",
        "{ordered.weekday} {ordered.day_of_week} {ordered.hour:02d}": "Saturday 5 14",
        "{ordered.is_weekend}{ordered.is_month_start}{ordered.is_month_end}{ordered.is_year_start}": "1100",
        "{title:>5}|{title:.2}": "  Tea|Te",
    }.items(),
)
def test_a_row_becomes_a_text(template: str, wanted: str) -> None:
    assert text(template) == wanted


@pytest.mark.parametrize(
    ("template", "error", "quoted"),
    [
        ("{title.__class__}", RecipeError, "title.__class__"),
        ("{title.__class__.__mro__[1]}", RecipeError, "title.__class__"),
        ("{title[0]}", RecipeError, "title[0]"),
        ("{ordered[year]}", RecipeError, "ordered[year]"),
        ("{title!r}", RecipeError, "title!r"),
        ("{price!s:>5}", RecipeError, "price!s"),
        ("{title.upper}", RecipeError, "title.upper"),
        ("{title:{price}}", RecipeError, "{title:{price}}"),
        ("a lonely } brace", RecipeError, "a lonely }"),
        ("an open {title", RecipeError, "{title"),
        ("{}", RecipeError, "character 1"),
        ("{:.2f}", RecipeError, "{:.2f}"),
        ("no field", RecipeError, "no field"),
        ("{price:%Y}", RecipeError, "{price:%Y}"),
        ("{price:>99999999999}", RecipeError, "'>99999999999'"),
        ("{price:.999999999f}", RecipeError, "'.999999999f'"),
        ("{price:n}", RecipeError, "'n'"),
        ("{ordered.weekdy}", RecipeError, "'weekdy'"),
        ("{title.month}", RecipeError, "which is no time"),
        ("{prise}", ColumnError, "'prise'"),
    ],
)
def test_what_a_template_may_not_do(template: str, error: type[Exception], quoted: str) -> None:
    with pytest.raises(error, match=r"features\.template") as caught:
        reader(template)
    assert quoted in str(caught.value)
    assert not isinstance(caught.value, ColumnError) or error is ColumnError


def test_mistakes_name_the_nearest() -> None:
    with pytest.raises(RecipeError) as part:
        reader("{ordered.weekdy}")
    assert "'weekday'" in part.value.remedy
    with pytest.raises(ColumnError) as column:
        reader("{prise}")
    assert "'price'" in column.value.remedy
    with pytest.raises(ColumnError, match=r"features\.categorical names 'kinds'") as feature:
        reader(categorical=("kinds",))
    assert "'kind'" in feature.value.remedy


def test_broken_syntax_is_found_before_the_data_is_read() -> None:
    for template in ("{title", "}", "{}", "{a{b}}", "plain"):
        with pytest.raises(RecipeError):
            FeatureReader(FeaturesSection(template=template))


def test_an_unchecked_reader_does_not_reach_into_values_either() -> None:
    unchecked = FeatureReader(FeaturesSection(template="{title.__class__} {title[0]} {title!r}"))
    assert unchecked.columns == ("title.__class__", "title[0]", "title!r")
    with pytest.raises(RowError, match="missing column"):
        unchecked.render({"title": "Tea"})


def test_a_column_with_a_dot_wins_over_the_part_of_a_time() -> None:
    section = FeaturesSection(time=("ordered",), template="{ordered.month}")
    assert FeatureReader(section).check(["ordered"]).columns == ("ordered",)
    both = FeatureReader(section).check(["ordered", "ordered.month"])
    assert both.columns == ("ordered", "ordered.month")
    assert both.render(both.read({"ordered": "2025-03-01", "ordered.month": "March"})) == "March"


def test_missing_values_have_their_own_word() -> None:
    made = reader("{title}|{price:.2f}|{kind}|{ordered.weekday}|{ordered:%Y}", missing_text="?")
    empty = made.read({**ROW, "title": "  ", "price": None, "kind": "", "ordered": math.nan})
    assert {empty[name] for name in ("title", "price", "kind", "ordered")} == {None}
    assert made.render(empty) == "?|?|?|?|?"
    assert text("{price}", price="N/A") == "unknown", "a number column cannot mean anything else by it"
    assert text("{kind}", kind="NA") == "NA", "a category can"


@pytest.mark.parametrize(
    ("template", "cells"),
    [
        ("{title:.2f}", {"title": "n/a"}),
        ("{title:d}", {"title": "3.5"}),
        ("{price:d}", {"price": "3.5"}),
        ("{title:+}", {}),
        ("{kind:=9}", {}),
    ],
)
def test_a_format_that_does_not_fit_a_value_is_the_rows_fault(template: str, cells: dict[str, str]) -> None:
    with pytest.raises(RowError, match="does not fit the format") as caught:
        text(template, **cells)
    assert cells.get("title", "n/a") not in str(caught.value), "values may be personal"


def test_a_number_in_a_text_column_takes_a_number_format() -> None:
    assert text("{title:.2f}", title="7") == "7.00"


def test_without_a_template_there_is_no_text() -> None:
    with pytest.raises(UsageError):
        reader().render({})


# -- cells


def test_values_have_one_type_per_kind() -> None:
    values = reader("{title}").read(ROW)
    assert values == {
        "price": 3.0, "unit price": 12.5, "kind": "green", "ordered": "2025-03-01T14:05:00", "title": "Tea",
    }  # fmt: skip
    assert isinstance(values["price"], float)


def test_native_types_of_a_parquet_file() -> None:
    values = reader("{title}").read({
        "price": 3, "unit price": np.float32(0.5), "kind": 2.0, "ordered": date(2025, 1, 2),
        "title": datetime(2025, 1, 2),
    })  # fmt: skip
    assert values == {
        "price": 3.0, "unit price": 0.5, "kind": "2", "ordered": "2025-01-02", "title": "2025-01-02T00:00:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "hint"),
    [
        ({"price": "1.234,50 EUR"}, "cleaning.numbers"),
        ({"price": "1_000"}, "cleaning.numbers"),
        ({"price": "inf"}, "plain number"),
        ({"price": [1]}, "plain number"),
        ({"kind": {"a": 1}}, "dict"),
        ({"title": ["a"]}, "list"),
        ({"title": b"a"}, "bytes"),
        ({"ordered": "03/04/2025"}, "cleaning.dates"),
        ({"ordered": "2025-02-30"}, "cleaning.dates"),
        ({"ordered": 1741000000}, "epoch"),
        ({"ordered": "1741000000"}, "epoch"),
        ({"ordered": "1712102400123"}, "epoch"),
        ({"ordered": 1741000000.5}, "epoch"),
    ],
)
def test_cells_of_another_kind_are_refused_by_column(cells: dict[str, Any], hint: str) -> None:
    with pytest.raises(RowError, match=hint) as caught:
        reader("{title}").read(ROW | cells)
    (name, value), *_ = cells.items()
    assert repr(name) in str(caught.value)
    assert str(value) not in str(caught.value), "values may be personal"


def test_a_row_without_a_column_is_not_a_row_with_a_missing_value() -> None:
    with pytest.raises(RowError, match="missing column 'kind'"):
        reader().read({name: cell for name, cell in ROW.items() if name != "kind"})


def test_canonical_columns_keep_features_and_texts_apart() -> None:
    made = reader("{title} {price}")
    values = made.read(ROW)
    stored = made.store(values)
    assert set(stored) == {"feature:price", "feature:unit price", "feature:kind", "feature:ordered", "template:title"}
    assert made.stored({"row": "train:0", "text": "…", **stored}) == values
    assert made.render(made.stored(stored)) == "Tea 3"


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.datetimes(), st.binary(),
    st.lists(st.integers()), st.sampled_from(["12.5", "n/a", "2025-03-01", "1e400", "٣", "2025-03-01T10:00+02:00"]),
)  # fmt: skip
SPECS = st.one_of(
    st.text(string.printable.replace("{", "").replace("}", ""), max_size=8),
    st.sampled_from(["", ".2f", "d", "x", "%", "e", "s", ">20", "%A %B", ",.1f", "+", "=5", "999", ".99e", "b", "g"]),
)


@given(st.sampled_from(["title", "price", "kind", "ordered", "ordered.weekday", "ordered.month"]), SPECS,
       st.lists(CELLS, min_size=len(NAMES), max_size=len(NAMES)))  # fmt: skip
def test_a_checked_template_gives_a_text_or_a_row_error(field: str, spec: str, cells: list[Any]) -> None:
    try:
        made = reader(f"{{{field}:{spec}}} {{title}}")
    except RecipeError:
        return
    given_cells = dict(zip(NAMES, cells, strict=True))
    with suppress(RowError):
        assert isinstance(made.render(made.read(given_cells)), str)
    with suppress(RowError):
        assert isinstance(made.render(given_cells), str)  # whatever cleaning may have made of them


@given(st.text(max_size=40), st.text(max_size=5))
def test_any_text_is_a_template_or_refused(template: str, value: str) -> None:
    try:
        made = FeatureReader(FeaturesSection(template=template))
    except RecipeError:
        return
    with suppress(RowError):
        assert isinstance(made.render(dict.fromkeys(made.columns, value)), str)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_without_loss(number: float) -> None:
    made = FeatureReader(FeaturesSection(numeric=("n",), template="{n}")).check(["n"])
    written = made.render(made.read({"n": str(number)}))
    assert float(written) == number
    assert not written.endswith(".0") or abs(number) >= 1e16


# -- times


@given(st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_parts_are_those_of_datetime(moment: datetime) -> None:
    parts = time_parts(moment.isoformat())
    assert tuple(parts) == PARTS
    assert all(isinstance(value, float) for value in parts.values())
    for name in ("year", "month", "day", "hour", "minute"):
        assert parts[name] == getattr(moment, name)
    assert parts["day_of_week"] == moment.weekday()
    assert weekday_name(moment.isoformat()) == WEEKDAYS[moment.weekday()]
    assert parts["day_of_year"] == moment.timetuple().tm_yday
    assert parts["quarter"] == (moment.month - 1) // 3 + 1
    assert parts["is_weekend"] == (moment.isoweekday() in (6, 7))
    assert parts["is_month_start"] == (moment.day == 1)
    last = moment.day == calendar.monthrange(moment.year, moment.month)[1]
    assert parts["is_month_end"] == last
    assert parts["is_year_start"] == ((moment.month, moment.day) == (1, 1))
    assert parts["is_year_end"] == ((moment.month, moment.day) == (12, 31))


@given(st.one_of(st.dates(), st.datetimes(), st.datetimes(timezones=st.just(UTC))))
def test_the_written_form_is_read_back(moment: date) -> None:
    written = iso_text(moment)
    assert iso_text(written) == written
    assert (len(written) == 10) == (type(moment) is date)
    wanted = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)
    assert parse_timestamp(written) == wanted


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    {"20250403": "2025-04-03", " 2025-04-03 ": "2025-04-03", "2025-W14-4": "2025-04-03",
     "2025-04-03 10:00": "2025-04-03T10:00:00", "2025-04-03T10:00Z": "2025-04-03T10:00:00+00:00"}.items(),
)  # fmt: skip
def test_ways_to_write_a_time(given_text: str, wanted: str) -> None:
    assert iso_text(given_text) == wanted


@given(st.text())
def test_no_text_breaks_the_reading_of_times(written: str) -> None:
    with suppress(ValueError):
        assert iso_text(iso_text(written)) == iso_text(written)
