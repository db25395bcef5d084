"""What `finetune data`, `finetune ablate` and folds show in a terminal: findings first, then figures, on one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finetune.cards.study_page import fold_sentence
from finetune.cards.wording import NOTHING, clean, count, metric_title, shorten
from finetune.cli.audit_figures import figures, glance
from finetune.cli.console import new_console, number, signed

if TYPE_CHECKING:
    from finetune.artifacts import DataAudit, DataReport

Values = Mapping[str, Any]
_MARKS = {"problem": ("✗ problem", "bold red"), "warning": ("! warning", "yellow"), "note": ("· note", "dim")}
_MOST = {"problem": 10, "warning": 8, "note": 3}
_LONGEST = {"problem": 1000, "warning": 180, "note": 180}
"""Characters of a finding: a refusal has to say its remedy."""
"""Findings of a severity that are shown; the page has all."""
_COLUMNS, _STEPS = 15, 12


def show_audit(audit: DataAudit, report: DataReport | None) -> None:
    """Findings, columns, figures and cleaning steps on standard output; counts of personal data, never values.

    Args:
        audit: What was found.
        report: How the data was prepared; None where it could not be.
    """
    console = new_console()
    _show_findings(console, audit)
    console.print(_columns(audit))
    if len(audit.columns) > _COLUMNS:
        console.print(f"  and {count(len(audit.columns) - _COLUMNS)} more columns", style="dim")
    _show_pairs(console, list(figures(audit)))
    console.print()
    if report is not None and report.cleaning:
        console.print(_steps(report))


def _show_findings(console: Any, audit: DataAudit) -> None:
    from rich.text import Text

    for severity, (mark, style) in _MARKS.items():
        found = [finding for finding in audit.findings if finding["severity"] == severity]
        shown = [shorten(finding["sentence"], _LONGEST[severity]) for finding in found[: _MOST[severity]]]
        pairs = [(Text(mark, style=style), sentence) for sentence in shown]
        if (more := len(found) - len(pairs)) > 0:
            pairs.append((Text(""), f"and {count(more)} more {severity}{'s' * (more > 1)}, on the page"))
        _show_pairs(console, pairs)
    if not audit.findings:
        console.print("✓ Nothing was found that speaks against learning from this data.", style="green")
    console.print()


def _show_pairs(console: Any, pairs: Sequence[tuple[Any, str]]) -> None:
    """Names on the left, and texts beside them, whose further lines stand below their first."""
    from rich.table import Table
    from rich.text import Text

    if not pairs:
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, min_width=10)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(name, Text(clean(value)))
    console.print(grid)


def _table(title: str, columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]]) -> Any:
    """A table that cuts its last column where the terminal is too narrow.

    Args:
        title: Above it.
        columns: Of each its title and whether it holds numbers.
        rows: Plain texts: nothing in them is taken for markup or for the terminal's own signs.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    lines = [[Text(" ".join(clean(cell).split())) for cell in row] for row in rows]
    for place, (name, numeric) in enumerate(columns):
        widest = max((line[place].cell_len for line in lines), default=0)
        least = None if place == len(columns) - 1 else max(widest, len(name))
        table.add_column(
            name, justify="right" if numeric else "left", overflow="ellipsis", no_wrap=True, min_width=least
        )
    for line in lines:
        table.add_row(*line)
    return table


def _cut(text: str, limit: int = 22) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _columns(audit: DataAudit) -> Any:
    raw = audit.rows.get("raw") or {}
    title = f"{count(sum(raw.values()))} rows, {count(len(audit.columns))} columns"
    titles = [("column", False), ("kind", False), ("role", False), ("missing", True), ("distinct", True)]
    return _table(title, [*titles, ("values", False)], [_column(column) for column in audit.columns[:_COLUMNS]])


def _column(column: Values) -> list[str]:
    missing = sum(entry["count"] for entry in column["missing"].values())
    found = column["distinct"]
    distinct = f"{'' if found['exact'] else '≥ '}{count(found['count'])}" if found else NOTHING
    roles = ", ".join(column["roles"]) or NOTHING
    return [_cut(column["name"]), column["kind"], _cut(roles), count(missing), distinct, glance(column)]


def _steps(report: DataReport) -> Any:
    """A row for each step and column, its splits together; those that did nothing are counted."""
    together: dict[tuple[str, str], list[int]] = {}
    for entry in report.cleaning:
        sums = together.setdefault((entry["step"], entry["column"] or "whole rows"), [0, 0, 0, 0])
        found = entry["before"], entry["after"], entry["changed"], entry["flagged"].get("count", 0)
        sums[:] = [a + b for a, b in zip(sums, found, strict=True)]
    acted = [(key, sums) for key, sums in together.items() if sums[0] != sums[1] or sums[2] or sums[3]]
    rest = len(together) - len(acted[:_STEPS])
    title = f"Cleaning{f' ({count(rest)} more steps did nothing or stand on the page)' if rest else ''}"
    numbers = ("rows before", "rows after", "changed", "left as they were")
    titles = [("step", False), ("column", False), *((name, True) for name in numbers)]
    return _table(title, titles, [[key[0], _cut(key[1]), *map(count, sums)] for key, sums in acted[:_STEPS]])


def show_ablation(found: Mapping[str, Any]) -> None:
    """The verdict on standard output, then every score without and with, and the difference of each seed.

    Args:
        found: What `finetune.studies.ablate` returned.
    """
    console = new_console()
    console.print(clean(found["sentence"]), style="bold", markup=False)
    level = f"{found['confidence']:.0%}"
    titles = (("score", False), ("without", True), ("with", True), (f"difference [{level}]", True), ("each seed", True))
    rows = [_difference(name, entry) for name, entry in found["differences"].items()]
    title = f"{count(found['rows'])} test rows, {count(found['seeds'])} seeds; difference: with minus without"
    console.print(_table(title, titles, rows))
    _show_folder(console, found)


def _difference(name: str, entry: Values) -> list[str]:
    bounds = f"{signed(entry['value'])} [{signed(entry['low'])}, {signed(entry['high'])}]"
    each = " ".join(map(signed, entry["each"]))
    return [metric_title(name), number(entry["first"]), number(entry["second"]), bounds, each]


def show_cross_validation(found: Mapping[str, Any]) -> None:
    """Mean and spread of the headline score on standard output, then of every score and system.

    Args:
        found: What `finetune.studies.cross_validate` returned.
    """
    console = new_console()
    console.print(clean(fold_sentence(found)), style="bold", markup=False)
    systems = found["systems"]
    titles = [("score", False), *((_cut(clean(system["title"]), 30), True) for system in systems.values())]
    rows = [
        [metric_title(name), *(_mean(system["scores"].get(name)) for system in systems.values())]
        for name in systems["model"]["scores"]
    ]
    title = f"{count(found['rows'])} rows in {count(found['folds'])} folds: mean ± standard deviation"
    console.print(_table(title, titles, rows))
    each = " ".join(map(number, systems["model"]["scores"][found["headline"]]["each"]))
    console.print(f"{metric_title(found['headline'])} of the model in each fold: {each}", markup=False)
    _show_folder(console, found)


def _mean(entry: Values | None) -> str:
    if entry is None:
        return NOTHING
    return number(entry["mean"]) + ("" if entry["std"] is None else f" ± {number(entry['std'])}")


def _show_folder(console: Any, found: Values) -> None:
    if "folder" in found:
        console.print(f"folder: {found['folder']}", markup=False, soft_wrap=True)
