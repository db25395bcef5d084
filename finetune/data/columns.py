"""Which column of the data means what to the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finetune.errors import ColumnError, did_you_mean
from finetune.recipe import task_names
from finetune.task import Column, TargetHints, task_class

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.recipe import LabelSection
    from finetune.task import Task


FALLBACK = "text-classification"
"""The task that most tables are meant for."""
Place = str | tuple[str, ...]
"""Where a value stands in a row: a column, a field inside one (`passages.text`), or several, which make a list."""


def pick(row: Mapping[str, Any], place: Place) -> Any:
    """The value of a row at a place; None where a part of the way to it is missing."""
    if not isinstance(place, str):
        return [pick(row, part) for part in place]
    if place in row:
        return row[place]
    value: Any = row
    for part in place.split("."):
        value = [inner.get(part) for inner in value] if isinstance(value, list) else (value or {}).get(part)
    return value


def read_column(rows: Dataset, place: Place) -> list[Any]:
    """All values at a place."""
    if isinstance(place, str) and place in rows.column_names:
        return rows[place][:]  # type: ignore[no-any-return]
    some = rows.select_columns(sorted(heads(place, rows)))
    return [pick(row, place) for row in some]


def heads(place: Place, rows: Dataset) -> set[str]:
    """The data's columns that a place needs."""
    if not isinstance(place, str):
        return set().union(*(heads(part, rows) for part in place))
    return {place if place in rows.column_names else place.partition(".")[0]}


def map_columns(
    task: Task | type[Task],
    rows: Dataset,
    stated: Mapping[str, Place],
    *,
    need_target: bool = True,
    written: str | None = None,
    named: Sequence[tuple[str, str]] = (),
) -> tuple[dict[str, Place], list[str]]:
    """Canonical column -> column of the data, by the recipe and otherwise by names that are common.

    Args:
        task: Whose columns.
        rows: Raw rows.
        stated: The recipe's mapping.
        need_target: Whether the reference answer must be there too.
        written: A canonical column that no column of the data fills, because a template writes it.
        named: Keys of the recipe, each with a column that it names, which must be there too.

    Returns:
        The mapping, and a sentence on each column that was inferred.

    Raises:
        ColumnError: A stated column does not exist, or a required one cannot be found.
    """
    _check_stated(task, rows, stated)
    _check_named(rows, named)
    mapping: dict[str, Place] = dict(stated)
    notes: list[str] = []
    for column in task.columns:
        if column.name in (*mapping, written) or (column.kind == "target" and not need_target):
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


def recognize_task(rows: Dataset) -> str:
    """The task whose columns the data's look like most, by name and type; text classification where none stands out."""
    scores = {name: _likeness(task_class(name), rows) for name in task_names()}
    best = max(scores.values())
    return FALLBACK if scores[FALLBACK] == best or not best else max(scores, key=lambda name: scores[name])


def _likeness(task: type[Task], rows: Dataset) -> int:
    """How many columns fit by name and type; 0 where a required one is missing."""
    found: dict[str, str] = {}
    for column in task.columns:
        name = _by_alias(column, rows, found)
        if name is not None and _fits(column, rows.features[name]):
            found[column.name] = name
        elif column.required:
            return 0
    return len(found)


def _fits(column: Column, feature: Any) -> bool:
    several = hasattr(feature, "feature")
    if column.kind == "tokens":
        return several
    if column.kind == "text":
        return getattr(feature, "dtype", None) in ("string", "large_string")
    return True


def feature_at(rows: Dataset, place: Place) -> Any:
    """The data set's own type of a column; None for a place inside of one."""
    return rows.features.get(place) if isinstance(place, str) else None


def _check_stated(task: Task | type[Task], rows: Dataset, stated: Mapping[str, Place]) -> None:
    known = [column.name for column in task.columns]
    parts = [(canonical, part) for canonical, place in stated.items()
             for part in ((place,) if isinstance(place, str) else place)]  # fmt: skip
    for canonical, name in parts:
        if canonical not in known:
            raise ColumnError(
                f"data.columns names {canonical!r}, which is no column of {task.name}.", did_you_mean(canonical, known)
            )
        if not _stands(name, rows):
            raise ColumnError(f"The data has no column {name!r} (for {canonical}).", did_you_mean(name, _names(rows)))


def _check_named(rows: Dataset, named: Sequence[tuple[str, str]]) -> None:
    for key, name in named:
        if name not in rows.column_names:
            raise ColumnError(
                f"{key} names {name!r}, which the data does not have.", did_you_mean(name, rows.column_names)
            )


def _stands(name: str, rows: Dataset) -> bool:
    return name in _names(rows)


def _names(rows: Dataset) -> list[str]:
    """Columns, and the fields inside those that have any."""
    found: list[str] = []
    for name, feature in rows.features.items():
        inner = getattr(feature, "feature", feature)  # of a list: its items' fields
        fields = inner if isinstance(inner, dict) else {}
        found += [name, *(f"{name}.{field}" for field in fields)]
    return found


def _by_alias(column: Column, rows: Dataset, taken: Mapping[str, Place]) -> str | None:
    used = set().union(*(heads(place, rows) for place in taken.values()))
    names = {name.lower(): name for name in rows.column_names if name not in used}
    return next((names[alias] for alias in column.aliases if alias in names), None)


def _by_elimination(column: Column, rows: Dataset, taken: Mapping[str, Place]) -> str | None:
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
