"""Rows of a file that a trained model has to answer; they have no target."""

from __future__ import annotations

from typing import Any

from finetune.data.columns import Place, heads, map_columns, pick
from finetune.data.reading import read
from finetune.recipe import DataSection
from finetune.task import Task


def read_inputs(path: str, task: Task, stated: dict[str, Place]) -> list[dict[str, Any]]:
    """The task's input columns of every row of a file.

    Args:
        path: CSV, TSV, JSON, JSON Lines, Parquet or text file.
        task: Whose columns.
        stated: The recipe's column mapping; used where the file has those columns.

    Raises:
        DataError, ColumnError: The file cannot be read, or has no column for a required input.
    """
    rows = next(iter(read(DataSection(name=path)).splits.values()))
    known = {name: place for name, place in stated.items() if heads(place, rows) <= set(rows.column_names)}
    mapping, _ = map_columns(task, rows, known, need_target=False)
    inputs = [column.name for column in task.input_columns() if column.name in mapping]
    return [{name: _text(pick(row, mapping[name])) for name in inputs} for row in rows]


def _text(value: Any) -> Any:
    return "" if value is None else str(value) if isinstance(value, int | float) else value
