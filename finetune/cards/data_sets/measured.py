"""The figures of `stats.json` as tables and sentences for the page of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from finetune.cards.data_sets import contents
from finetune.cards.data_sets.paragraphs import UNKNOWN, Values, lines, missing, reason, sampled
from finetune.cards.markdown import Markdown, code, escape, table
from finetune.cards.wording import NOTHING, count, number, share, shorten

_MAX_LABELS = 30


@dataclass(frozen=True)
class Part:
    """A heading and what stands under it."""

    title: str
    paragraphs: list[Markdown] = field(default_factory=list)


def parts(entry: Values) -> list[Part]:
    """What was measured with one recipe, heading by heading; a part that could not be measured says why."""
    makers: dict[str, Callable[[Values], list[Markdown]]] = {
        "Rows": _rows,
        "Columns": _columns,
        "Target": _target,
        "Duplicates": _duplicates,
        "Leakage": _leakage,
        "Lengths": contents.lengths,
        "Languages": contents.languages,
        "Personal data": contents.personal,
        "Label issues": contents.label_errors,
        "Identity terms": contents.identity,
        "Cleaning": _cleaning,
    }
    return [Part(title, _marked([p for p in make(entry) if p])) for title, make in makers.items()]


def _marked(paragraphs: list[Markdown]) -> list[Markdown]:
    """What was measured says so; what was not says so already."""
    return paragraphs if paragraphs[0].startswith(UNKNOWN) else [Markdown("*measured*"), *paragraphs]


def _rows(entry: Values) -> list[Markdown]:
    raw, prepared = entry["rows"].get("raw") or {}, entry["rows"].get("prepared") or {}
    tables = []
    if raw:
        tables.append(table(("Split of the data", "Rows"), [(name, count(n)) for name, n in raw.items()]))
    if prepared:
        tables.append(table(("Split of the recipe", "Rows"), [(name, count(n)) for name, n in prepared.items()]))
    read = entry["read"] or {}
    lost = [f"Malformed lines: {count(read['malformed'])}" if read.get("malformed") else ""]
    for split, reasons in (read.get("dropped") or {}).items():
        lost += [f"Dropped from {escape(split)}: {count(n)} ({escape(reason)})" for reason, n in reasons.items()]
    return [*tables, lines(*lost)]


def _columns(entry: Values) -> list[Markdown]:
    rows = [
        (code(column["name"]), column["type"], column["kind"], ", ".join(column["roles"]) or NOTHING,
         _missing_of(column), _distinct(column))
        for column in entry["columns"]
    ]  # fmt: skip
    return [table(("Column", "Stored as", "Kind", "Role", "Missing", "Distinct"), rows, numbers=False)]


def _missing_of(column: Values) -> str:
    found = [
        f"{split} {count(m['count'])} ({share(m['share'])})" for split, m in column["missing"].items() if m["count"]
    ]
    found += [f"{count(n)} written as {word}" for word, n in (column.get("placeholders") or {}).items()]
    return ", ".join(found) or "none"


def _distinct(column: Values) -> str:
    found = column["distinct"]
    if found is None:
        return NOTHING
    return ("" if found["exact"] else "at least ") + count(found["count"])


def _target(entry: Values) -> list[Markdown]:
    target = entry["target"]
    if (absent := missing(target)) is not None:
        return absent
    if "counts" not in target:
        rows = [(split, *_spread(n)) for split, n in target["numbers"].items()]
        return [table(("Split", "Rows", "Smallest", "Mean", "Median", "Largest"), rows)]
    labels = list(dict.fromkeys(label for found in target["counts"].values() for label in found))
    splits = list(target["counts"])
    rows = [
        (shorten(label, 80), *(count(target["counts"][split].get(label, 0)) for split in splits))
        for label in labels[:_MAX_LABELS]
    ]
    left = f"{len(labels) - _MAX_LABELS} more labels are in stats.json." if len(labels) > _MAX_LABELS else ""
    balance = (
        f"{count(target['classes'])} classes; entropy {number(target['entropy'])} bits, "
        f"{share(target['normalized_entropy'])} of the most it could be; "
        f"smallest class to largest {number(target['imbalance'])}."
    )
    return [table(("Label", *splits), rows), lines(left, balance)]


def _spread(found: Values) -> tuple[str, ...]:
    median = (found.get("quantiles") or {}).get("p50")
    return count(found["count"]), *(number(value) for value in (found["min"], found["mean"], median, found["max"]))


def _duplicates(entry: Values) -> list[Markdown]:
    rows, notes = [], []
    for kind, part in entry["duplicates"].items():
        if not part.get("measured"):
            notes.append(f"{kind.capitalize()}: {UNKNOWN} (not measured: {escape(reason(part))})")
            continue
        notes.append(f"{kind.capitalize()}: {sampled(part).lower()}" if sampled(part) else "")
        for split, found in part["splits"].items():
            rows.append((f"{kind}, {split}", count(found["duplicates"]), share(found["share"]),
                         count(found.get("conflicting"))))  # fmt: skip
    header = ("Kind and split", "Rows beyond the first", "Share", "Groups with different targets")
    return [table(header, rows) if rows else Markdown(), lines(*notes)]


def _leakage(entry: Values) -> list[Markdown]:
    rows, notes = [], []
    for kind, part in entry["leakage"].items():
        if not part.get("measured"):
            notes.append(f"{kind.capitalize()}: {UNKNOWN} (not measured: {escape(reason(part))})")
            continue
        notes.append(f"{kind.capitalize()}: {sampled(part).lower()}" if sampled(part) else "")
        for pair in part["pairs"]:
            rows.append((f"{kind}: {pair['split']} in {pair['against']}", count(pair["rows"]), share(pair["share"])))
    header = ("Rows that stand in another split too", "Rows", "Share")
    return [table(header, rows) if rows else Markdown(), lines(*notes, *_of_the_target(entry["target_leakage"]))]


def _of_the_target(part: Values) -> list[str]:
    if not part.get("measured"):
        return [f"Columns that tell the target: {UNKNOWN} (not measured: {escape(reason(part))})"]
    leaking = [code(column["column"]) for column in part["columns"] if column["leaks"]]
    order = part.get("order") or {}
    return [
        f"Columns that tell the target by themselves: {', '.join(leaking) or 'none'}.",
        "The order of the rows tells the target." if order.get("leaks") else "",
    ]


def _cleaning(entry: Values) -> list[Markdown]:
    if not entry["cleaning"]:
        return [Markdown("The recipe cleans nothing.")]
    header = ("Step", "Split", "Column", "Rows before", "Rows after", "Changed", "Flagged")
    return [table(header, _steps(entry["cleaning"]))]


def _steps(steps: Iterable[Values]) -> list[tuple[Any, ...]]:
    names, numbers = ("step", "split"), ("before", "after", "changed", "flagged")
    return [
        (*(step[key] or NOTHING for key in names), code(step["column"]) if step["column"] else NOTHING,
         *(count(step[key]) for key in numbers))
        for step in steps
    ]  # fmt: skip
