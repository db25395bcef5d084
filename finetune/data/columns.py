"""Which column of the data means what to the task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from finetune.errors import ColumnError, did_you_mean
from finetune.task import Column, TargetHints

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.recipe import LabelSection
    from finetune.task import Task


def map_columns(
    task: Task | type[Task],
    rows: Dataset,
    stated: dict[str, str],
    groups: Sequence[str] = (),
    *,
    need_target: bool = True,
) -> tuple[dict[str, str], list[str]]:
    """Canonical column -> column of the data, by the recipe and otherwise by names that are common.

    Args:
        task: Whose columns.
        rows: Raw rows.
        stated: The recipe's mapping.
        groups: Group columns that must be there.
        need_target: Whether the reference answer must be there too.

    Returns:
        The mapping, and a sentence on each column that was inferred.

    Raises:
        ColumnError: A stated column does not exist, or a required one cannot be found.
    """
    _check_stated(task, rows, stated, groups)
    mapping = dict(stated)
    notes: list[str] = []
    for column in task.columns:
        if column.name in mapping or (column.kind == "target" and not need_target):
            continue
        found = _by_alias(column, rows, mapping) or _by_elimination(column, rows, mapping)
        if found is None and column.required:
            raise ColumnError(
                f"No column of the data looks like the task's {column.name!r}. It has: {_listing(rows)}.",
                f"Name it in the recipe: data.columns: {{{column.name}: …}}.",
            )
        if found is not None:
            mapping[column.name] = found
            if found != column.name:
                notes.append(f"The column {found!r} is used as {column.name} (inferred; state it in data.columns).")
    return mapping, notes


def target_hints(feature: Any, labels: LabelSection) -> TargetHints:
    """What the data set's own features and the recipe say about the target; the recipe wins."""
    inner = getattr(feature, "feature", feature)
    own = tuple(inner.names) if hasattr(inner, "names") else None
    return TargetHints(labels.names or (None if labels.bins else own), labels.bins, labels.separator)


def _check_stated(task: Task | type[Task], rows: Dataset, stated: dict[str, str], groups: Sequence[str]) -> None:
    known = [column.name for column in task.columns]
    for canonical, name in stated.items():
        if canonical not in known:
            raise ColumnError(
                f"data.columns names {canonical!r}, which is no column of {task.name}.", did_you_mean(canonical, known)
            )
        if name not in rows.column_names:
            raise ColumnError(
                f"The data has no column {name!r} (for {canonical}).", did_you_mean(name, rows.column_names)
            )
    for name in groups:
        if name not in rows.column_names:
            raise ColumnError(
                f"bias.groups names {name!r}, which the data does not have.", did_you_mean(name, rows.column_names)
            )


def _by_alias(column: Column, rows: Dataset, taken: dict[str, str]) -> str | None:
    names = {name.lower(): name for name in rows.column_names if name not in taken.values()}
    return next((names[alias] for alias in column.aliases if alias in names), None)


def _by_elimination(column: Column, rows: Dataset, taken: dict[str, str]) -> str | None:
    """The only column of texts that is left, for a required text."""
    if column.kind != "text" or not column.required:
        return None
    texts = [
        name for name, feature in rows.features.items()
        if getattr(feature, "dtype", None) in ("string", "large_string") and name not in taken.values()
    ]  # fmt: skip
    return texts[0] if len(texts) == 1 else None


def _listing(rows: Dataset) -> str:
    kinds = (f"{name} ({getattr(f, 'dtype', type(f).__name__.lower())})" for name, f in rows.features.items())
    return ", ".join(kinds)
