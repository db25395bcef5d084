"""The sections of an audit's page on the columns together: what they are, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from finetune.artifacts import DataAudit
from finetune.cards.audit.plots import quantity
from finetune.cards.blocks import Block, Cell, Section, Spark, Table, Text, Value
from finetune.cards.wording import NOTHING, count, share, shorten

Values = Mapping[str, Any]
NAME = 60
"""Characters of a column's name that are shown."""


def rows_listed(rows: Sequence[str], limit: int = 8) -> str:
    """The first rows of a list that may itself be cut."""
    return ", ".join(str(row) for row in rows[:limit]) + (" …" if len(rows) > limit else "")


def sampled(part: Values) -> str:
    """A sentence on how many rows were looked at; empty where all were."""
    found = part.get("sampled")
    return f"On {count(found['rows'])} of {count(found['of'])} rows, drawn evenly." if found else ""


def of_kind(audit: DataAudit, part: str) -> dict[str, Any]:
    """Column -> its entry of a kind, such as `numbers`.

    Left out are columns without one or whose part failed, and those of personal data: even the least of its numbers is
    a value.
    """
    return {
        column["name"]: column[part]
        for column in audit.columns
        if column.get(part) and column[part].get("measured", True) and not column["personal"]
    }


def column_sections(audit: DataAudit) -> list[Section]:
    """The table of columns, and what is missing in them."""
    overview = Section("columns", "Columns", [_overview(audit)])
    return [overview, Section("missing", "Missing values", list(_missing(audit)))]


def _overview(audit: DataAudit) -> Table:
    rows = [_column(column) for column in audit.columns]
    titles = ("Column", "Stored as", "What it is", "Role", "Missing", "Distinct", "Values")
    caption = "Every column of the data as it was read. Histograms span the middle 99% of the values."
    return Table(caption, titles, rows, frozenset({4, 5}), limit=200)


def _column(column: Values) -> list[Value]:
    worst = max((entry["share"] or 0 for entry in column["missing"].values()), default=0)
    missing = sum(entry["count"] for entry in column["missing"].values())
    roles = ", ".join(column["roles"])
    known_as = f"as {column['canonical']}" if column["canonical"] and column["canonical"] != column["name"] else ""
    return [
        shorten(column["name"], NAME), shorten(column["type"], NAME), column["kind"],
        Cell(roles, known_as) if roles or known_as else NOTHING,
        Cell(count(missing), share(worst) if missing else "", worst if missing else None),
        _distinct(column["distinct"]), _glance(column),
    ]  # fmt: skip


def _distinct(found: Values | None) -> str:
    return f"{'' if found['exact'] else 'at least '}{count(found['count'])}" if found else NOTHING


def _glance(column: Values) -> Value:
    """A column's values at one look."""
    if column["personal"]:
        return Cell("personal data", "no values are shown", tag="warn")
    if column["constant"]:
        empty = all(entry["share"] == 1 for entry in column["missing"].values())
        return Cell("no value in any row" if empty else "the same in every row", tag="plain")
    for part, look in (("numbers", _glance_numbers), ("times", _glance_times), ("texts", _glance_texts),
                       ("categories", _glance_categories)):  # fmt: skip
        if column[part]:
            return look(column[part])
    return NOTHING


def _glance_numbers(numbers: Values) -> Cell:
    low, middle, high = quantity([numbers["min"], numbers["quantiles"]["p50"], numbers["max"]])
    label = f"Histogram: {low} to {high}, median {middle}"
    spark = Spark.of((numbers["histogram"] or {}).get("counts", ()), label)
    return Cell(f"{low} to {high}", f"median {middle}", spark=spark)


def _glance_times(times: Values) -> Cell:
    return Cell(f"{times['min']} to {times['max']}")


def _glance_texts(texts: Values) -> Cell:
    entry = texts["characters"]
    low, middle, high = quantity([entry["min"], entry["quantiles"]["p50"], entry["max"]])
    label = f"Histogram of characters: {low} to {high}, median {middle}"
    spark = Spark.of((entry["histogram"] or {}).get("counts", ()), label)
    return Cell(f"{low} to {high} characters", f"median {middle}", spark=spark)


def _glance_categories(categories: Values) -> Cell:
    top = categories["top"]
    return Cell(", ".join(f"{shorten(e['value'], 30)} {share(e['share'], 0)}" for e in top[:3]), " …" * (len(top) > 3))


def _missing(audit: DataAudit) -> Iterator[Block]:
    splits = list(dict.fromkeys(split for column in audit.columns for split in column["missing"]))
    lacking = [c for c in audit.columns if any(entry["count"] for entry in c["missing"].values())]
    if not lacking:
        yield Text("No value is missing in any column.")
        return
    rows = [[shorten(c["name"], NAME), *(_lack(c["missing"].get(split)) for split in splits)] for c in lacking]
    caption = "Rows without a value: null, not a number, or blank."
    yield Table(caption, ("Column", *splits), rows, frozenset(range(1, len(splits) + 1)), wide=False)
    if len(lacking) < len(audit.columns):
        yield Text(
            f"The other {count(len(audit.columns) - len(lacking))} columns have a value in every row.", soft=True
        )


def _lack(entry: Values | None) -> Value:
    return Cell(count(entry["count"]), share(entry["share"]), entry["share"]) if entry else NOTHING


def head_section(audit: DataAudit) -> Section:
    """The first rows; names stand on the left, since a table of many columns is wider than any screen."""
    rows = [
        [shorten(column["name"], NAME), *(_shown(row["values"].get(column["name"])) for row in audit.head)]
        for column in audit.columns
    ]
    caption = "The first rows as they were read, a column on each line. Personal data is replaced by its kind."
    return Section(
        "head", "First rows", [Table(caption, ("Column", *(row["row"] for row in audit.head)), rows, limit=200)]
    )


def _shown(value: object) -> Value:
    return Cell("", "missing") if value is None else shorten(value, 200)
