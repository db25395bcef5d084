"""Runs held against each other, as a table in the terminal and a sentence per pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.cards.wording import p_value
from finetune.cli.console import new_console, number, signed


def show_comparison(result: dict[str, Any], runs: Sequence[str]) -> None:
    """The differences of every pair with interval, corrected p-value, verdict, and what these rows could have shown.

    Args:
        result: What `finetune.pipeline.compare` gave.
        runs: The run folders as the user named them, in the same order.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    console, names = new_console(), _names(runs)
    clusters = f" in {result['clusters']:,} clusters" if result["clusters"] else ""
    title = f"{result['rows']:,} shared test rows{clusters}; difference = second − first"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("", overflow="fold")
    for column in ("first", "second", f"difference [{result['confidence']:.0%}]", "p (Holm)", "could show"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("second is", no_wrap=True)
    for pair in result["pairs"]:
        table.add_section()
        table.add_row(f"{names[pair['first']]} → {names[pair['second']]}", style="bold")
        for score, entry in pair["differences"].items():
            table.add_row(score, *_cells(entry))
    console.print(table)
    for pair in result["pairs"]:
        console.print(_sentence(result, pair, names), markup=False)
    console.print(_legend(result), markup=False)


def _names(runs: Sequence[str]) -> list[str]:
    """The last part of each path, or as much of it as tells the runs apart."""
    short = [Path(run).resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run) for run in runs]


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    ends = f"[{signed(entry['low'])}, {signed(entry['high'])}]"
    return (
        number(entry["first"]), number(entry["second"]), f"{signed(entry['value'])} {ends}",
        p_value(entry["p_value_holm"]), number(entry["minimum_detectable_effect"]), entry["verdict"],
    )  # fmt: skip


def _sentence(result: dict[str, Any], pair: dict[str, Any], names: Sequence[str]) -> str:
    """What the headline score says of two runs."""
    score = result["headline"]
    entry = pair["differences"].get(score)
    first, second = names[pair["first"]], names[pair["second"]]
    if entry is None or entry["value"] is None:
        return f"On {score} the two cannot be compared: it is undefined on these rows."
    if entry["verdict"] != "not shown":
        return f"On {score} {second} is {entry['verdict']} than {first}, by {number(abs(entry['value']))}."
    smallest = entry["minimum_detectable_effect"]
    if smallest is None:
        return f"On {score} no difference was shown: every resample gives both runs the same value."
    return (
        f"On {score} {second} and {first} cannot be told apart on these rows. They would show a difference of "
        f"{number(smallest)} four times in five; a smaller one may exist and go unseen."
    )


def _legend(result: dict[str, Any]) -> str:
    looks = sum(len(pair["differences"]) for pair in result["pairs"])
    return (
        f"p: paired bootstrap, corrected for the {looks} comparisons in the table. could show: the smallest difference "
        "that these rows would show with 80% power after that correction."
    )
