"""The sections of an audit's page on the values of single columns: lengths, numbers, texts, categories, media."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.artifacts import DataAudit
from finetune.cards.audit.columns import NAME, of_kind, rows_listed, sampled
from finetune.cards.audit.plots import length_drawings, number_drawing, quantity
from finetune.cards.blocks import Block, Cell, Figures, Section, Table, Text, Value
from finetune.cards.wording import NOTHING, count, number, share, shorten

Values = Mapping[str, Any]
DRAWN = 12
"""Columns that are drawn."""
_QUANTILES = ("p05", "p50", "p95")
_RULES = {"iqr": "IQR", "mad": "MAD"}


def value_sections(audit: DataAudit) -> list[Section]:
    """Lengths, numbers, texts and categories, as far as there are some."""
    found = [
        Section("lengths", "Lengths", list(_lengths(audit))),
        Section("numbers", "Numbers", list(_numbers(audit))),
        Section("texts", "Texts", list(_texts(audit))),
        Section("values", "Written values", list(_written(audit))),
    ]
    return [section for section in found if section.blocks]


def _lengths(audit: DataAudit) -> Iterator[Block]:
    texts, tokens = _texts_of(audit), audit.tokens
    if tokens.get("measured") and tokens.get("max_length"):
        yield Text(_limit_sentence(tokens))
    drawings = length_drawings(dict(list(texts.items())[:DRAWN]), tokens)
    if drawings:
        yield Figures(drawings)
    rows = [
        _length_row(f"{name}: {unit}", entry[unit]) for name, entry in texts.items() for unit in ("characters", "words")
    ]
    if tokens.get("measured"):
        rows.append(_length_row("inputs: tokens", tokens))
    if rows:
        caption = f"How long texts are. {sampled(tokens) and f'Tokens: {sampled(tokens)}'}"
        titles = ("What", "Shortest", "5%", "Median", "Mean", "95%", "99%", "Longest")
        yield Table(caption, titles, rows, frozenset(range(1, len(titles))))


def _texts_of(audit: DataAudit) -> dict[str, Any]:
    """Columns of texts, but for empty ones."""
    return {name: entry for name, entry in of_kind(audit, "texts").items() if entry["characters"]["max"]}


def _limit_sentence(tokens: Values) -> str:
    limit, longer, truncated = count(tokens["max_length"]), tokens["longer"], tokens["truncated"]
    if not longer:
        return f"Every row fits into the {limit} tokens that the model takes."
    how = (
        f"{share(truncated)} of the rows are cut there" if truncated else "they are read in windows, so nothing is cut"
    )
    how = "are cut there" if truncated == longer else how
    return f"The model takes {limit} tokens; {share(longer)} of the rows are longer and {how}."


def _length_row(name: str, entry: Values) -> list[Value]:
    points = entry["quantiles"]
    firsts, lasts = [entry["min"], points["p05"], points["p50"]], [points["p95"], points["p99"], entry["max"]]
    return [shorten(name, NAME), *map(_whole, firsts), number(entry["mean"], 1), *map(_whole, lasts)]


def _whole(value: float | None) -> str:
    return number(value, 0)


def _numbers(audit: DataAudit) -> Iterator[Block]:
    numbers = of_kind(audit, "numbers")
    found = [number_drawing(place, name, entry) for place, (name, entry) in enumerate(list(numbers.items())[:DRAWN])]
    if drawings := [drawing for drawing in found if drawing]:
        yield Figures(drawings)
    if len(numbers) > DRAWN:
        yield Text(f"Drawn: the first {DRAWN} of {count(len(numbers))} columns.", soft=True)
    if numbers:
        titles = ("Column", "Rows", "Least", "5%", "Median", "95%", "Most", "Mean", "Standard dev.", "Infinite")
        caption = "Columns of numbers, also those that are stored as text."
        yield Table(caption, titles, [_number_row(*item) for item in numbers.items()], frozenset(range(1, 10)))
        yield _outliers(numbers)


def _number_row(name: str, entry: Values) -> list[Value]:
    points = [entry["quantiles"].get(key) for key in _QUANTILES]
    values = quantity([entry["min"], *points, entry["max"]])
    moments = quantity([entry["mean"], entry["std"]])
    return [shorten(name, NAME), count(entry["count"]), *values, *moments, count(entry["infinite"])]


def _outliers(numbers: Mapping[str, Values]) -> Table:
    rows: list[list[Value]] = []
    for name, entry in numbers.items():
        for rule, found in entry["outliers"].items():
            if found:
                low, high = quantity([found["low"], found["high"]])
                rows.append(
                    [
                        shorten(name, NAME),
                        _RULES[rule],
                        low,
                        high,
                        count(found["count"]),
                        rows_listed(found["rows"]) or NOTHING,
                    ]
                )
    titles = ("Column", "Rule", "Low", "High", "Rows outside", "Which")
    caption = (
        "Values far from the others, which may well be right. IQR: 1.5 interquartile ranges outside of the quartiles "
        "(Tukey 1977); MAD: 3.5 scaled median absolute deviations from the median (Iglewicz and Hoaglin 1993)."
    )
    return Table(caption, titles, rows, frozenset({2, 3, 4}))


def _texts(audit: DataAudit) -> Iterator[Block]:
    texts = _texts_of(audit)
    if not texts:
        return
    classes = list(dict.fromkeys(name for entry in texts.values() for name in entry["classes"]))
    rows = [[shorten(n, NAME), *(share(e["classes"].get(c)) for c in classes)] for n, e in texts.items()]
    caption = "What texts are made of: the share of all characters."
    yield Table(caption, ("Column", *classes), rows, frozenset(range(1, len(classes) + 1)))
    titles = ("Column", "What", "Rows", "Which")
    odd = [row for name, entry in texts.items() for row in _odd(name, entry)]
    yield Table("Texts that are worth a look.", titles, odd, frozenset({2})) if odd else Text("No text stands out.")


def _odd(name: str, entry: Values) -> Iterator[list[Value]]:
    lengths, classes = entry["outliers"]["length"], entry["outliers"]["classes"]
    bounds = f"shorter than {count(max(0, lengths['low'] or 0))} or longer than {count(lengths['high'])} characters"
    for what, found in (
        ("empty", {"count": entry["empty"], "rows": []}),
        ("decoded wrongly (such as Ã© for é)", entry["damaged"]),
        (bounds, lengths),
        ("made of other characters than most", classes),
    ):
        if found["count"]:
            yield [shorten(name, NAME), what, count(found["count"]), rows_listed(found["rows"]) or NOTHING]


def _written(audit: DataAudit) -> Iterator[Block]:
    found = (
        ("Formats of numbers and dates that are stored as text.",
         ("Column", "Read as", "Format", "Values", "Example"), _formats(audit), {3}),
        ("Values that differ in case, blanks, punctuation or accents only.",
         ("Column", "Stands for all", "Written"), _spellings(audit), set[int]()),
        ("Texts that may stand for a missing value.", ("Column", "Text", "Rows"), _placeholders(audit), {2}),
    )  # fmt: skip
    for caption, titles, rows, numbers in found:
        if rows:
            yield Table(caption, titles, rows, frozenset(numbers), wide=False)
    for name, entry in of_kind(audit, "categories").items():
        if entry["top"]:
            yield _top(name, entry, audit.column(name)["distinct"])


def _formats(audit: DataAudit) -> list[list[Value]]:
    return [
        [shorten(name, NAME), _read_as(entry) if place == 0 else "", found["format"], count(found["count"]),
         shorten(found["example"], NAME)]
        for name, entry in of_kind(audit, "stored").items()
        for place, found in enumerate(entry["formats"])
        if len(entry["formats"]) > 1 or entry["ambiguous"] or entry["parseable"] < 1
    ]  # fmt: skip


def _read_as(entry: Values) -> Cell:
    known = {"time": "dates", "number": "numbers"}
    doubts = [f"{share(entry['ambiguous'])} in more than one way"] if entry["ambiguous"] else []
    doubts += [f"{share(1 - entry['parseable'])} cannot be read"] if entry["parseable"] < 1 else []
    return Cell(known[entry["as"]], "; ".join(doubts))


def _spellings(audit: DataAudit) -> list[list[Value]]:
    return [
        [shorten(name, NAME), shorten(group["stands_for"], NAME),
         ", ".join(f"“{shorten(e['value'], 40)}” {count(e['count'])}" for e in group["values"][:10])]
        for name, entry in of_kind(audit, "categories").items()
        for group in entry["spellings"]
    ]  # fmt: skip


def _placeholders(audit: DataAudit) -> list[list[Value]]:
    return [
        [shorten(column["name"], NAME), f"“{shorten(text, 40)}”", count(rows)]
        for column in audit.columns
        for text, rows in column["placeholders"].items()
    ]


def _top(name: str, entry: Values, distinct: Values | None) -> Table:
    rows: list[list[Value]] = [
        [shorten(e["value"], 80), count(e["count"]), Cell(share(e["share"]), width=e["share"])] for e in entry["top"]
    ]
    about = "" if entry["exact"] else " Counts are those of the values that were kept, and may be too small."
    title = f"The most frequent values of {shorten(name, NAME)}"
    return Table(f"{title}.{about}", ("Value", "Rows", "Share"), rows, frozenset({1}), folded=title, wide=False,
                 total=distinct["count"] if distinct else None)  # fmt: skip
