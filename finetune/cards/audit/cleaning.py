"""The section of an audit's page on what cleaning changed, dropped and left as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from finetune.artifacts import DataReport
from finetune.cards.audit.columns import NAME
from finetune.cards.blocks import Block, Cell, Heading, Points, Section, Table, Text, Value
from finetune.cards.word_changes import word_changes
from finetune.cards.wording import NOTHING, count, public, share, shorten

Values = Mapping[str, Any]
_EXAMPLES = 60


def cleaning_sections(report: DataReport | None) -> list[Section]:
    """One; none where the data could not be prepared."""
    return [Section("cleaning", "What was changed and dropped", list(_blocks(report)), "Cleaning")] if report else []


def _blocks(report: DataReport) -> Iterator[Block]:
    if report.cleaning:
        titles = ("Step", "Split", "Column", "Rows before", "Rows after", "Values changed", "Left as they were", "How")
        caption = "The steps of cleaning, in their order. What is learned is learned from the training rows alone."
        yield Table(caption, titles, [_step(entry) for entry in report.cleaning], frozenset({3, 4, 5}), limit=100)
        yield from _examples(report)
    else:
        yield Text("The recipe asks for no cleaning, so every value is as it was read.")
    if sentences := report.sentences():
        yield Heading("What was inferred, decided and dropped")
        yield Points([public(shorten(sentence, 500)) for sentence in sentences[:100]])


def _step(entry: Values) -> list[Value]:
    before, after = entry["before"], entry["after"]
    lost = f"{share((after - before) / before)}".replace("-", "\N{MINUS SIGN}") if after != before and before else ""
    column = shorten(entry["column"], NAME) if entry["column"] else "whole rows"
    return [
        entry["step"].replace("_", " "), entry["split"], column, count(before), Cell(count(after), lost),
        count(entry["changed"]), _flagged(entry["flagged"]), shorten(entry["detail"] or NOTHING, 300),
    ]  # fmt: skip


def _flagged(flagged: Values) -> Value:
    if not flagged.get("count"):
        return NOTHING
    reasons = ", ".join(f"{shorten(reason, 60)} {count(rows)}" for reason, rows in flagged["reasons"].items())
    some = ", ".join(f"“{shorten(value, 40)}”" for value in flagged["values"])
    return Cell(reasons, f"such as {some}" if some else "")


def _examples(report: DataReport) -> Iterator[Block]:
    rows = [_example(entry, example) for entry in report.cleaning for example in entry["examples"]]
    if rows:
        title = f"Examples before and after ({count(min(len(rows), _EXAMPLES))})"
        caption = (
            "Up to five of each step and split: what is gone is struck out, what is new underlined. Personal data is "
            "replaced by its kind."
        )
        yield Table(caption, ("Step", "Row", "Before", "After"), rows, folded=title, limit=_EXAMPLES)


def _example(entry: Values, example: Values) -> list[Value]:
    row = example["row"] if isinstance(example["row"], str) else f"{entry['split']}:{example['row']}"
    step = f"{entry['step']} {shorten(entry['column'] or '', NAME)}".replace("_", " ").strip()
    return [step, row, *_versions(entry["step"], example["before"], example["after"])]


def _versions(step: str, before: Any, after: Any) -> tuple[Value, Value]:
    """A value before and after; a row that went has no second version."""
    if before is None:
        return Cell("", "not shown" if step == "personal" else "none"), Cell("", "none") if after is None else str(
            after
        )
    if after is None:
        return str(before), Cell("row dropped", tag="plain")
    left, right = word_changes(str(before), str(after))
    return Cell(str(before), pieces=left), Cell(str(after), pieces=right)
