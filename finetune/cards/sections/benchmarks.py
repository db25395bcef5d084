"""Scores of other harnesses, as they stand in their files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune.cards.blocks import Block, Points, Section, Table, Text
from finetune.cards.record import Record
from finetune.cards.wording import NOTHING, clean, count, decimals_for, interval, number, public

Values = Mapping[str, Any]
COLUMNS = ("Task", "Metric", "Score", "Interval", "Rows", "Examples", "Harness", "Model")
_HARNESSES = {"lm-eval": "lm-evaluation-harness", "lighteval": "lighteval"}
_BETTER = {"lower": ", lower is better"}


def section(record: Record) -> Section | None:
    """The part of the report; None for runs without such scores."""
    found = record.evaluation.benchmarks
    if not found.get("scores"):
        return None
    scores = found["scores"]
    table = Table(_caption(scores), COLUMNS, [line(score) for score in scores], numbers=frozenset({2, 3, 4, 5}))
    blocks: list[Block] = [Text(_verdict(scores)), table, Points([*_notes(scores), *found["caveats"]])]
    return Section("benchmarks", "Benchmarks of other harnesses", blocks, nav="Benchmarks")


def line(score: Values) -> list[str]:
    """A row of the table: `COLUMNS`."""
    digits = decimals_for([score["value"], score["high"]])
    version = f" (version {score['task_version']})" if score["task_version"] else ""
    chosen = f" after {score['filter']}" if score["filter"] else ""
    return [
        clean(score["task"] + version), clean(f"{score['metric']}{chosen}{_BETTER.get(score['direction'], '')}"),
        number(score["value"], digits), interval(score["low"], score["high"], digits), _rows(score),
        NOTHING if score["examples"] is None else count(score["examples"]), _harness(score), _model(score),
    ]  # fmt: skip


def _rows(score: Values) -> str:
    cut = score["total"] and score["rows"] and score["total"] > score["rows"]
    return f"{count(score['rows'])} of {count(score['total'])}" if cut else count(score["rows"])


def _harness(score: Values) -> str:
    version = score["harness_version"]
    return str(score["harness"]) + (f" {clean(version)[:12]}" if version else "")


def _model(score: Values) -> str:
    revision = f"@{score['revision'][:8]}" if score["revision"] else ""
    return clean(public(score["model"])) + revision


def _verdict(scores: list[Values]) -> str:
    tasks, harnesses = {score["task"] for score in scores}, {_HARNESSES[score["harness"]] for score in scores}
    plural = "s" if len(tasks) > 1 else ""
    return (
        f"{count(len(tasks))} task{plural} of {' and '.join(sorted(harnesses))}. There is no baseline beside these "
        "scores: whether one is good has to be judged from elsewhere."
    )


def _caption(scores: list[Values]) -> str:
    level = f"{scores[0]['confidence']:.0%}"
    return (
        f"Intervals ({level}) from the harness's standard errors: Wilson's for a share of rows, else the normal one; a "
        "dash where it gave none."
    )


def _notes(scores: list[Values]) -> list[str]:
    """What makes single scores weaker than they look."""
    notes = []
    if any(score["total"] and score["rows"] and score["total"] > score["rows"] for score in scores):
        notes.append("Tasks of which only the first rows were asked are no result of that benchmark.")
    if any(score["revision"] is None for score in scores):
        notes.append("Where no commit stands behind a model, the file does not say which version of it was asked.")
    return notes
