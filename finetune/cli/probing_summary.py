"""What a person sees of damaged inputs and of checks: a table of the first, a line for each of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finetune.artifacts import Evaluation


def show_probes(evaluation: Evaluation) -> None:
    """Print what was found; nothing where nothing was asked."""
    from finetune.cli.console import new_console

    console = new_console()
    if evaluation.robustness:
        console.print(_table(evaluation))
    for name, entry in evaluation.checks.items():
        console.print(_check(name, entry), markup=False)


def _table(evaluation: Evaluation) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from finetune.cli.console import number

    found = evaluation.robustness
    title = f"Damaged inputs: {found['score']} of {found['drawn']:,} test rows, {found['confidence']:.0%} intervals"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("rows", "as is", "damaged", "drop", "changed", "verdict"):
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for name, entry in found["perturbations"].items():
        if "drop" not in entry:
            table.add_row(name, f"{entry['rows']:,}", *["–"] * 4, f"{entry['verdict']}: {entry.get('reason', '')}")
            continue
        scores = (number(entry["clean"]), number(entry["damaged"]))
        table.add_row(name, f"{entry['rows']:,}", *scores, _drop(entry["drop"]), _changed(entry), entry["verdict"])
    return table


def _drop(drop: dict[str, Any]) -> str:
    from finetune.cli.console import signed

    return f"{signed(drop['value'])} [{signed(drop['low'])}, {signed(drop['high'])}]"


def _changed(entry: dict[str, Any]) -> str:
    from finetune.cli.console import number

    return f"{entry['changed']['value']:.1%}" if entry.get("changed") else f"by {number(entry['moved']['value'])}"


def _check(name: str, entry: dict[str, Any]) -> str:
    if "rate" not in entry:
        return f"check {name}: not measured, {entry.get('reason', '')}"
    rate = entry["rate"]
    return (
        f"check {name}: {entry['verdict']}, {entry['failures']:,} of {entry['cases']:,} cases "
        f"({rate['value']:.1%} [{rate['low']:.1%}, {rate['high']:.1%}])"
    )
