"""A few test rows that travel with a model, so that a demo of it has something to begin with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from finetune.artifacts import Evaluation, RunFolder
from finetune.artifacts.prepared_data import FEATURE
from finetune.recipe import Recipe
from finetune.task import Task
from finetune.text.personal import find_personal

EXAMPLES = "examples.json"
MOST = 8
"""Rows that are published."""
LONGEST = 1000
"""Characters of one."""
_TEMPLATE = "template:"


def choose_examples(run: RunFolder, recipe: Recipe, limit: int = MOST) -> list[dict[str, Any]]:
    """Test rows with what the model reads of them and their `reference`; all right answers in turn, the same ones
    whenever they are chosen.

    Rows with personal data or of more than a thousand characters are passed over.

    Args:
        run: A run that has been evaluated.
        recipe: Its recipe.
        limit: The most that are chosen.
    """
    evaluation = Evaluation.load(run)
    task, table = evaluation.load_task(), evaluation.predictions
    names = [name for name in table if _is_read(name, task, recipe)]
    turns: dict[str, int] = {}
    ranked: list[tuple[int, int, dict[str, Any]]] = []
    groups = _groups(evaluation)
    for place, reference in enumerate(table["reference"]):
        values = {name: _plain(table[name][place]) for name in names} | {"reference": _plain(reference)}
        row = {name: value for name, value in values.items() if value is not None}
        if _is_fit(row):
            turn = turns[groups[place]] = turns.get(groups[place], -1) + 1
            ranked.append((turn, place, row))
    return [row for _, _, row in sorted(ranked, key=lambda entry: entry[:2])[:limit]]


def _is_read(column: str, task: Task, recipe: Recipe) -> bool:
    """Whether the model reads a column of the table: not its answers, the groups of its rows, or where they are from;
    of a table's columns those that stand in the template."""
    template = recipe.features.template
    for prefix in (FEATURE, _TEMPLATE):
        if column.startswith(prefix):
            return template is not None and "{" + column.removeprefix(prefix) in template
    return column in {known.name for known in task.input_columns()}


def _groups(evaluation: Evaluation) -> list[str]:
    """What the examples are to be varied by, one per row: a label, a set of them, a third of the numbers."""
    references = evaluation.predictions["reference"]
    if evaluation.kind == "regression":
        order = sorted(range(len(references)), key=lambda i: references[i])
        thirds = {index: str(3 * rank // len(order)) for rank, index in enumerate(order)}
        return [thirds[i] for i in range(len(references))]
    if evaluation.kind == "single_label":
        return [str(reference) for reference in references]
    listed = [isinstance(value, list) and all(isinstance(part, str) for part in value) for value in references]
    return [" ".join(sorted(set(value))) if is_list else "" for value, is_list in zip(references, listed, strict=True)]


def _is_fit(row: Mapping[str, Any]) -> bool:
    texts = list(_texts(row))
    return sum(map(len, texts)) <= LONGEST and not any(find_personal(text) for text in texts)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield str(value)


def _plain(value: Any) -> Any:
    """The value as JSON has it: dates as ISO 8601, no number that is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
