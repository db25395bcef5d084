"""Where the model is weaker: parts of the test rows against the rest, and weak parts found by search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from finetune.cards.blocks import Block, Cell, Heading, Points, Section, Table, Text, Value, Whisker
from finetune.cards.record import Record
from finetune.cards.tables import mark
from finetune.cards.wording import (
    count,
    decimals_for,
    interval,
    is_number,
    metric_in_sentence,
    number,
    p_value,
    share,
    shorten,
    signed,
)

Values = Mapping[str, Any]
_TAGS = {"weaker": "bad", "stronger": "good"}
_NAMED = 3
"""Parts that the first sentence names."""
_WIDTH = 70
"""Characters of a part's name that are shown."""


def section(record: Record) -> Section | None:
    """The part of the report; None for runs that were not looked at in this way."""
    slices, kind = record.evaluation.slices, record.evaluation.kind
    if not slices:
        return None
    if "not_measured" in slices:
        return Section("slices", "Where it is weaker", [Text(slices["not_measured"])])
    blocks: list[Block] = [Text(_verdict(slices, kind)), *_found(slices, kind)]
    blocks.append(Heading("Every part that was looked at"))
    blocks.append(Text(_reading(slices), soft=True))
    blocks += [block for table in slices["dimensions"] for block in _dimension(table, kind, slices["measure"]["score"])]
    return Section("slices", "Where it is weaker", [*blocks, *_skipped(slices)])


# -- in a sentence


def _verdict(slices: Values, kind: str) -> str:
    weak = [(table, part) for table in slices["dimensions"] for part in table["parts"] if part["verdict"] == "weaker"]
    if not slices["tests"]:
        return "No part of the test rows is large enough to be measured by itself."
    of = f"Of {count(slices['tests'])} parts of the test rows that were held against the rest"
    if not weak:
        return f"{of}, none is shown to be weaker. {_smallest(slices)} {_searched(slices)}".strip()
    weak.sort(key=lambda pair: pair[1]["p_value_holm"])
    named = "; ".join(_named(table, part, kind) for table, part in weak[:_NAMED])
    more = f"; and {count(len(weak) - _NAMED)} more" if len(weak) > _NAMED else ""
    return f"{of}, {count(len(weak))} {'is' if len(weak) == 1 else 'are'} shown to be weaker: {named}{more}. " + (
        _searched(slices)
    )


def _named(table: Values, part: Values, kind: str) -> str:
    digits = decimals_for([part["value"], part["rest"]])
    values = f"{_score(table, kind)} {number(part['value'], digits)}, in the rest {number(part['rest'], digits)}"
    return f"{table['title']}: {shorten(part['name'], _WIDTH)} ({values})"


def _smallest(slices: Values) -> str:
    """What these rows could have shown, so that silence is not taken for equality."""
    parts = [part for table in slices["dimensions"] for part in table["parts"]]
    found = [(part["detectable"], part["rows"]) for part in parts if is_number(part.get("detectable"))]
    if not found:
        return ""
    least, most = min(found), max(found)
    digits = decimals_for([most[0]])
    return (
        "That is no proof of evenness: to be shown four times in five, a part has to differ from the rest by "
        f"{number(least[0], digits)} ({count(least[1])} rows) to {number(most[0], digits)} "
        f"({count(most[1])} rows)."
    )


def _searched(slices: Values) -> str:
    if "found" not in slices:
        return ""
    if not slices["search"]["enough"]:
        return "There are too few test rows to search for weak parts by rules."
    found = len(slices["found"])
    if not found:
        return "A search over combinations of these facts found nothing clearer than chance does."
    return f"A search over combinations of these facts found {count(found)} weak part{'s' if found > 1 else ''}."


def _score(table: Values, kind: str) -> str:
    return (
        str(table["words"]) if table["score"] in ("loss", "right_labels") else metric_in_sentence(table["score"], kind)
    )


# -- weak parts that were found


def _found(slices: Values, kind: str) -> list[Block]:
    found = slices.get("found", [])
    if not found:
        return []
    level = share(slices["confidence"], 0)
    caption = (
        "Weak parts found by search: rules of a shallow tree that are clearer than what the same search finds "
        f"among shuffled losses. Their {level} intervals are widened, so that together they hold for whatever rule the "
        "search could have come to; the differences themselves are rather too large, as it looked for large ones."
    )
    columns = ("Rows with", "Test rows", "Score", "Minus the rest", "p of the search")
    table = Table(caption, columns, [_rule(one, kind) for one in found], numbers=frozenset({1, 3, 4}))
    return [table, Heading("What to do about them"), Points([_advice(one, slices) for one in found])]


def _rule(found: Values, kind: str) -> list[Value]:
    digits = decimals_for([found["value"], found["rest"]])
    return [
        _words(found),
        count(found["rows"]),
        _whisker(found, _domain([found]), found["rest"], digits, f"{_score(found, kind)}; line: the rest"),
        Cell(signed(found["difference"], digits), _ends(found, digits)),
        p_value(found["p_value"]),
    ]


def _words(found: Values) -> str:
    """The rule; a bound stays on the line of its sign."""
    return shorten(found["rule"], 2 * _WIDTH).replace("≤ ", "≤\N{NO-BREAK SPACE}").replace("> ", ">\N{NO-BREAK SPACE}")


def _advice(found: Values, slices: Values) -> str:
    part = found["rows"] / slices["rows"]
    gap = number(abs(found["difference"]), decimals_for([found["difference"]]))
    return (
        f"Rows with {_words(found)} ({share(part, 0)} of the test rows): read some of them with "
        "their labels. Are they harder, cut short, or labelled by another rule? If not, collect more training rows of "
        f"this kind and train again. Until then {_meanwhile(found)} that its score is worse by about {gap} there."
    )


def _meanwhile(found: Values) -> str:
    """Which rows have a label is not known when the model is used."""
    return (
        "say beside the model"
        if found.get("of_target")
        else "let a person look at such inputs, or say beside the model"
    )


# -- tables


def _dimension(table: Values, kind: str, headline: str) -> list[Block]:
    """A table and what to know when reading it; folded where no part stands out."""
    measured = [part for part in table["parts"] if is_number(part.get("value"))]
    columns = (table["title"], "Test rows", "Score", "Minus the rest", "p, corrected", "Would be shown", "Verdict")
    domain, digits = _domain(measured, table.get("all")), decimals_for([part["value"] for part in measured])
    rows = [_row(part, domain, table.get("all"), digits) for part in table["parts"]]
    better = "; lower is better" if table["direction"] == "lower" else ""
    caption = f"{table['title']}: {_score(table, kind)}{better}."
    if table["why"]:
        caption += f" Not {metric_in_sentence(headline, kind)}: {table['why']}."
    if table["remark"] and measured:
        caption += f" {table['remark']}"
    return [Table(caption, columns, rows, numbers=frozenset({1, 3, 4, 5}), folded=_folded(table, measured, digits))]


def _folded(table: Values, measured: Sequence[Values], digits: int) -> str:
    if not measured:
        return f"{table['title']}: no part has enough rows"
    if any(part["verdict"] in _TAGS for part in measured):
        return ""
    values = sorted(part["value"] for part in measured)
    ends = (
        number(values[0], digits)
        if len(values) == 1
        else f"{number(values[0], digits)} to {number(values[-1], digits)}"
    )
    parts = f"{count(len(measured))} part{'s' if len(measured) > 1 else ''}"
    return f"{table['title']}: {parts}, {ends}, none shown to differ from the rest"


def _row(part: Values, domain: tuple[float, float], everywhere: float | None, digits: int) -> list[Value]:
    head: list[Value] = [shorten(part["name"], _WIDTH), count(part["rows"])]
    tag = Cell(part["verdict"], tag=_TAGS.get(part["verdict"], "plain"))
    if not is_number(part.get("value")):
        return [*head, "–", "–", "–", "–", tag]
    return [
        *head,
        _whisker(part, domain, everywhere, digits, "line: all test rows"),
        Cell(signed(part["difference"], digits), _ends(part, digits)),
        p_value(part["p_value_holm"]),
        f"± {number(part['detectable'], digits)}" if is_number(part["detectable"]) else "–",
        tag,
    ]


def _ends(part: Values, digits: int) -> str:
    return interval(part["difference_low"], part["difference_high"], digits, sign=True)


def _whisker(
    part: Values, domain: tuple[float, float], line: float | None, digits: int, about: str
) -> Cell:  # fmt: skip
    found = mark(dict(part), domain)
    low, high = domain
    at = round(100 * (line - low) / (high - low), 2) if is_number(line) and high > low else None
    ends = (number(low, digits), number(high, digits))
    label = f"{number(part['value'], digits)}, interval {interval(part['low'], part['high'], digits)}; {about}"
    return Cell(number(part["value"], digits), interval(part["low"], part["high"], digits),
                whisker=Whisker((found,) if found else (), label, at, ends))  # fmt: skip


def _domain(parts: Sequence[Values], everywhere: float | None = None) -> tuple[float, float]:
    """From the lowest end to the highest, a little wider; not beyond 0 and 1 where nothing is."""
    keys = ("value", "low", "high", "rest")
    ends = [part[key] for part in parts for key in keys if is_number(part.get(key))]
    ends += [everywhere] if is_number(everywhere) else []
    if not ends:
        return 0.0, 1.0
    low, high = min(ends), max(ends)
    pad = 0.08 * (high - low) or 0.05
    inside = low >= 0 and high <= 1
    return (max(0.0, low - pad), min(1.0, high + pad)) if inside else (low - pad, high + pad)


# -- how to read it


def _reading(slices: Values) -> str:
    level = share(slices["confidence"], 0)
    unit = "clusters of rows" if slices["clusters"] else "rows"
    how = "losses of whole clusters change places" if slices["clusters"] else "losses are shuffled over the rows"
    return (
        f"Each part is held against all other rows: its score minus theirs, with a {level} interval (bootstrap over "
        f"{unit}). The p-value is of the {slices['loss']} being the same inside and outside ({how}), corrected by "
        f"Holm's method for all {count(slices['tests'])} parts together. A part is called weaker or stronger where the "
        "corrected test and the interval agree; “not shown” means that these rows cannot tell, not that there is no "
        "difference. “Would be shown” is the difference that these rows show four times in five after the correction. "
        f"Parts with fewer than {count(slices['min_rows'])} rows are not measured. A part may be weaker because its "
        "rows are harder."
    )


def _skipped(slices: Values) -> list[Block]:
    if not slices["skipped"]:
        return []
    sentences = [f"{shorten(one['title'], _WIDTH)}: {one['reason']}." for one in slices["skipped"]]
    return [Heading("Not looked at"), Points(sentences)]
