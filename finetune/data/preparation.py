"""Canonical rows in three splits, with an account of everything that was dropped, inferred or decided."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.artifacts import DataReport, PreparedData
from finetune.artifacts.prepared_data import iterate, shorten
from finetune.data.columns import Place, feature_at, heads, map_columns, pick, read_column, target_hints
from finetune.data.reading import read
from finetune.data.splitting import choose_splits, hold_out
from finetune.errors import EmptyDataError, LabelError, did_you_mean
from finetune.labels import RowError

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.recipe import Recipe
    from finetune.task import Column, Task

log = logging.getLogger(__name__)
HIDDEN = -1
"""What many test sets on the Hub hold in place of labels that are kept secret."""


@dataclass(frozen=True)
class _Split:
    """Canonical rows, and for each a key that is equal for rows with the same input."""

    rows: Dataset
    keys: list[str]

    def take(self, indices: np.ndarray) -> _Split:
        """Some of the rows, in memory order: a selection by reference would be slow to read row by row."""
        from datasets import Dataset

        table = self.rows.data.table.take(indices)
        return _Split(Dataset(table, info=self.rows.info), [self.keys[i] for i in indices])


def prepare(recipe: Recipe, task: Task) -> PreparedData:
    """Read, map, parse and split the recipe's data.

    Args:
        recipe: Says where the data is and what its columns mean.
        task: The kind of task; a copy that has learned the target comes back in the result.

    Raises:
        SourceError: The data is not to be had. DataError: It cannot be learned from.
    """
    section = recipe.data
    raw = read(section)
    report = DataReport(source=raw.source, malformed={"count": raw.malformed.count, "lines": raw.malformed.lines})
    chosen, report.origins, notes = choose_splits(raw.splits, section.splits)
    report.notes += notes
    report.columns, notes = map_columns(task, chosen["train"], section.columns, recipe.bias.groups)
    report.notes += notes
    target = report.columns[task.target_column().name]
    chosen = _without_hidden(chosen, target, report)
    task = _learn(task, chosen, target, recipe, report)
    splits = {name: _canonical(split, name, task, report, recipe.bias.groups) for name, split in chosen.items()}
    splits = _enriched(_complete(splits, task, recipe, report), task)
    _account(splits, task, report)
    rows = {name: split.rows for name, split in splits.items()}
    task.check_training_rows(rows["train"][task.target_column().name])
    for sentence in report.sentences():
        log.info(sentence)
    return PreparedData(task, rows["train"], rows["validation"], rows["test"], report)


def _without_hidden(chosen: dict[str, Dataset], target: Place, report: DataReport) -> dict[str, Dataset]:
    """Leave out splits whose labels are withheld; they cannot score anything."""
    kept = {}
    for name, split in chosen.items():
        there = heads(target, split) <= set(split.column_names)
        values = read_column(split, target) if there else [HIDDEN]
        if name != "train" and all(value in (HIDDEN, None, "") for value in values):
            report.notes.append(f"The split {name} has no labels and is left out.")
        else:
            kept[name] = split
    return kept


def _learn(task: Task, chosen: dict[str, Dataset], target: Place, recipe: Recipe, report: DataReport) -> Task:
    feature = feature_at(chosen["train"], target)
    # Names come from all splits: a class that is rare in training must still have an output.
    values = [value for split in chosen.values() for value in read_column(split, target)]
    learned = task.learn(values, target_hints(feature, recipe.data.labels))
    report.target = learned.state()
    if "problem_type" in type(task.options).model_fields and getattr(task.options, "problem_type", None) is None:
        report.notes.append(f"The target is read as {learned.kind.replace('_', '-')} (inferred from its values).")
    return learned


def _canonical(split: Dataset, name: str, task: Task, report: DataReport, groups: tuple[str, ...]) -> _Split:
    """Rows with the task's columns; what cannot be used is dropped and counted."""
    from datasets import Dataset

    target = task.target_column().name
    inputs = [column for column in task.input_columns() if column.name in report.columns]
    wanted = set(groups)
    for column in (*inputs, task.target_column()):
        wanted |= heads(report.columns[column.name], split)
    columns: dict[str, list[Any]] = {"row": []}
    wrong: list[tuple[int, str]] = []
    keys: list[str] = []
    for index, row in enumerate(iterate(split.select_columns([c for c in split.column_names if c in wanted]))):
        try:
            values = {c.name: _input(pick(row, report.columns[c.name]), c) for c in inputs}
            values[target] = task.parse_target(pick(row, report.columns[target]))
            task.check_row(values)
        except RowError as error:
            if str(error).startswith(("missing", "empty")):
                report.drop(name, str(error), index)
            else:
                wrong.append((index, str(error)))
            continue
        columns["row"].append(f"{name}:{index}")
        keys.append(task.split_key(values))
        for key, value in values.items():
            columns.setdefault(key, []).append(value)
        for group in groups:
            columns.setdefault(f"group:{group}", []).append(None if row[group] is None else str(row[group]))
    if wrong:
        raise _wrong_targets(wrong, name, task)
    if not columns["row"]:
        reasons = ", ".join(f"{entry['count']} × {reason}" for reason, entry in report.dropped.get(name, {}).items())
        raise EmptyDataError(f"No usable row is left in {name} ({reasons or 'it is empty'}).", "Check data.columns.")
    return _Split(Dataset.from_dict(columns), keys)


def _input(value: Any, column: Column) -> Any:
    if isinstance(value, int | float):
        value = str(value)
    empty = isinstance(value, str) and not value.strip()
    if column.nullable and (value is None or empty):
        return None
    if value is None or empty:
        raise RowError(f"{'empty' if empty else 'missing'} {column.name}")
    return value


def _wrong_targets(wrong: list[tuple[int, str]], split: str, task: Task) -> LabelError:
    reasons = Counter(reason for _, reason in wrong)
    first = reasons.most_common(1)[0][0]
    names, options = task.state().get("names") or [], type(task.options).model_fields
    quoted = first.split("'")[1] if "'" in first else ""
    return LabelError(
        f"{len(wrong)} rows of {split} have targets that cannot be used: {first}"
        f"{f' and {len(reasons) - 1} more like it' if len(reasons) > 1 else ''} "
        f"(rows {shorten([index for index, _ in wrong])}).",
        (f"{did_you_mean(quoted, names) if quoted else f'Labels: {shorten(names, 12)}.'} " if names else "")
        + (
            "Correct the rows, or data.labels and options.problem_type."
            if "problem_type" in options
            else "Correct the rows, or data.columns."
        ),
    )


def _complete(splits: dict[str, _Split], task: Task, recipe: Recipe, report: DataReport) -> dict[str, _Split]:
    """Make the splits that are missing out of the training rows; the test rows never choose a model."""
    settings = recipe.data.split
    total = len(splits["train"].keys)
    for name, share in (("test", settings.test), ("validation", settings.validation)):
        if name in splits:
            continue
        train = splits["train"]
        strata = task.strata(train.rows[task.target_column().name]) if settings.stratify else None
        held = hold_out(train.keys, strata, max(1, round(total * share)), settings.seed)
        rest = np.setdiff1d(np.arange(len(train.keys)), held)
        splits = splits | {"train": train.take(rest), name: train.take(held)}
        report.origins[name] = report.origins["train"]
        report.notes.append(
            f"Held out {len(held)} of {len(train.keys)} training rows as {name} (seed {settings.seed}"
            f"{', stratified' if strata is not None else ''}; rows with the same {task.split_by} stay on one side)."
        )
    return {name: splits[name] for name in ("train", "validation", "test")}


def _enriched(splits: dict[str, _Split], task: Task) -> dict[str, _Split]:
    """Let rows take from the other rows of their split, never from another split's."""
    from datasets import Dataset

    found = {}
    for name, split in splits.items():
        rows = task.enrich(list(iterate(split.rows)), training=name == "train")
        found[name] = split if rows is None else _Split(Dataset.from_list([dict(row) for row in rows]), split.keys)
    return found


def _account(splits: dict[str, _Split], task: Task, report: DataReport) -> None:
    report.splits = {name: len(split.keys) for name, split in splits.items()}
    known = set(splits["train"].keys)
    for name, split in splits.items():
        report.label_counts[name] = task.summarize(split.rows[task.target_column().name])
        twins = sum(key in known for key in split.keys) if name != "train" else 0
        if twins:
            report.notes.append(
                f"{twins} of {len(split.keys)} rows of {name} have the same {task.split_by} as training rows."
            )
