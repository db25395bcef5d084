"""Behaviour that the recipe expects, and the cases in which the model does not show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from finetune.cards.blocks import Block, Cell, Points, Section, Table, Text, Value, Whisker
from finetune.cards.record import Record
from finetune.cards.tables import mark
from finetune.cards.wording import NOTHING, count, is_number, number, share, shorten, signed

Values = Mapping[str, Any]
_KINDS = {"minimum_functionality": "right answer", "invariance": "invariance", "direction": "direction"}
_TAGS = {"no failure found": "good", "fails": "bad"}
_LONGEST = 240
"""Characters of a case that are shown."""


def section(record: Record) -> Section | None:
    """The part of the report; None for runs whose recipe states no checks."""
    found = record.evaluation.checks
    if not found:
        return None
    level = share(record.evaluation.confidence, 0)
    expected = Points([f"{name}: {entry['statement']}." for name, entry in found.items()])
    blocks: list[Block] = [Text(_verdict(found)), expected, _table(found, level)]
    blocks += [_failures(name, entry, record) for name, entry in found.items() if entry["worst"]]
    return Section("checks", "Behaviour that was checked", blocks, nav="Checks")


def _verdict(found: Values) -> str:
    failing = [(name, e) for name, e in found.items() if e["verdict"] == "fails"]
    held = [e for e in found.values() if e["verdict"] == "no failure found"]
    parts = []
    if failing:
        named = "; ".join(f"{name}, {count(e['failures'])} of {count(e['cases'])} cases" for name, e in failing)
        parts.append(f"{count(len(failing))} of {count(len(found))} checks fail: {named}.")
    if held:
        most = max(e["rate"]["high"] for e in held)
        which = "No check fails" if not failing and len(held) == len(found) else f"{count(len(held))} without a failure"
        parts.append(f"{which}; by these cases a rate of failure of up to {share(most)} cannot be ruled out.")
    if left := len(found) - len(failing) - len(held):
        parts.append(f"{count(left)} could not be measured.")
    return " ".join(parts)


def _table(found: Values, level: str) -> Table:
    columns = ("Check", "Cases", "Failures", "", "Verdict")
    caption = (
        f"Stated in the recipe (after CheckList, Ribeiro et al. 2020). Whiskers: {level} intervals of the rate of "
        "failure, from 0% to 100%. They take cases for independent; those of one template are alike, so they are "
        "rather too short."
    )
    return Table(caption, columns, [_row(name, e) for name, e in found.items()], numbers=frozenset({1, 2}))


def _row(name: str, entry: Values) -> list[Value]:
    of = f"of {count(entry['possible'])}" if entry["possible"] > entry["cases"] else ""
    first: list[Value] = [Cell(name, soft=_KINDS[entry["kind"]]), Cell(count(entry["cases"]), soft=of)]
    if "rate" not in entry:
        return [*first, NOTHING, "", Cell("not measured", soft=entry.get("reason", ""), tag="plain")]
    rate = entry["rate"]
    dot = mark(rate, (0.0, 1.0))
    soft = f"{share(rate['value'])} [{share(rate['low'])}, {share(rate['high'])}]"
    whisker = Cell(whisker=Whisker((dot,) if dot else (), f"{name}: {share(rate['value'])} failures"))
    verdict = Cell(entry["verdict"], tag=_TAGS.get(entry["verdict"], "plain"))
    return [*first, Cell(count(entry["failures"]), soft=soft), whisker, verdict]


def _failures(name: str, entry: Values, record: Record) -> Table:
    changed = entry["kind"] != "minimum_functionality"
    texts = _texts(entry["worst"], record)
    columns = ("Input", "Changed to", "Answer", "Then", "Moved by") if changed else ("Input", "Answer")
    rows = [_case(case, texts, changed=changed) for case in entry["worst"]]
    caption = f"{name}: {'failing cases' if entry['failures'] <= len(rows) else 'the worst failing cases'}."
    return Table(caption, columns, rows, numbers=frozenset({4}), total=entry["failures"])


def _texts(cases: Sequence[Values], record: Record) -> dict[str, str]:
    """The texts of the test rows among the cases, from the table of predictions."""
    wanted = {case["row"] for case in cases if "row" in case}
    if not wanted:
        return {}
    table, task = record.evaluation.predictions, record.evaluation.load_task()
    places = [i for i, row in enumerate(table["row"]) if str(row) in wanted]
    rows = {str(table["row"][i]): {name: values[i] for name, values in table.items()} for i in places}
    return {name: task.text_of(row) for name, row in rows.items()}


def _case(case: Values, texts: Mapping[str, str], *, changed: bool) -> list[Value]:
    row = case.get("row")
    shown = case["text"] if row is None else texts.get(row, "")
    first = Cell(shorten(shown, _LONGEST), soft="" if row is None else f"row {row}")
    answer = Cell(_said(case.get("before")), soft=_value(case))
    if not changed:
        return [first, answer]
    then = shorten(case.get("changed") or "by the same change", _LONGEST)
    return [first, then, answer, _said(case.get("after")), signed(case.get("moved"))]


def _said(answer: Any) -> str:
    if answer is None:
        return NOTHING
    if is_number(answer):
        return number(answer)
    return shorten(", ".join(map(str, answer)) if isinstance(answer, list | tuple) else answer, 80)


def _value(case: Values) -> str:
    value = case.get("value")
    return "" if not is_number(value) or is_number(case.get("before")) else number(value)
