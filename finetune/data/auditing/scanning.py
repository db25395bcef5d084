"""The pass over whole rows: what is kept of each is a few numbers, so that millions of rows fit into memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.numbers import Moments
from finetune.data.auditing.rows import Rows, hash_values, origins, read_place
from finetune.data.auditing.sampling import batches
from finetune.data.columns import Place
from finetune.task import Task

if TYPE_CHECKING:
    from datasets import Dataset

Array = NDArray[Any]
LABEL_CAP = 10_000
"""Different targets that are counted."""


@dataclass
class SplitScan:
    """What is kept of a split.

    Attributes:
        inputs: (n,) uint64, equal for rows with the same input.
        blank: (n,) bool, rows without any input.
        targets: (n,) uint64, equal for rows with the same target.
        parted: (n,) uint64 of what the task says must not part; None where that is the input.
        marks: `group` and `id`, (n,) uint64, where the recipe names them; 0 for a missing value.
        counts: Label -> rows; of a target of several labels each counts.
        labels: Labels in all.
        numbers: Moments of a target that is a number.
    """

    inputs: Array
    blank: Array
    targets: Array
    parted: Array | None
    marks: dict[str, Array]
    counts: Counter[str] = field(default_factory=Counter)
    labels: int = 0
    numbers: Moments = field(default_factory=Moments)


def scan_rows(rows: Rows, marks: Mapping[str, Mapping[str, Array]], *, numeric: bool) -> dict[str, SplitScan]:
    """Look at every row once.

    Args:
        rows: Splits of rows.
        marks: `group` and `id` -> raw split -> (n,) uint64 of its rows.
        numeric: Whether the target is a number.
    """
    return {split: _scan(rows, split, marks, numeric=numeric) for split in rows.splits}


def _scan(rows: Rows, split: str, marks: Mapping[str, Mapping[str, Array]], *, numeric: bool) -> SplitScan:
    found: dict[str, list[Array]] = {name: [] for name in ("inputs", "blank", "targets", "parted", *marks)}
    nothing = np.zeros(0, np.uint64)
    scan = SplitScan(nothing, nothing, nothing, None, {})
    parted = rows.basis == "prepared" and _parts_otherwise(rows.task)
    for start, table in batches(rows.splits[split]):
        inputs, blank = rows.keys(table)
        targets = rows.targets(table)
        found["inputs"].append(inputs)
        found["blank"].append(blank)
        found["targets"].append(hash_values(targets) if targets is not None else np.zeros(len(table), np.uint64))
        if parted and rows.task is not None:
            found["parted"].append(hash_values([rows.task.split_key(row) for row in table.to_pylist()]))
        _count(scan, targets or [], numeric=numeric)
        if marks:
            names = table["row"].to_pylist() if rows.basis == "prepared" else None
            for mark, values in marks.items():
                found[mark].append(_marked(values, split, start, len(table), names))
    joined = {name: np.concatenate(parts) if parts else np.zeros(0, np.uint64) for name, parts in found.items()}
    scan.inputs, scan.blank, scan.targets = joined["inputs"], joined["blank"].astype(bool), joined["targets"]
    scan.parted = joined["parted"] if parted else None
    scan.marks = {mark: joined[mark] for mark in marks}
    return scan


def _parts_otherwise(task: Task | None) -> bool:
    return task is not None and type(task).split_key is not Task.split_key


def _count(scan: SplitScan, targets: Sequence[Any], *, numeric: bool) -> None:
    there = [target for target in targets if target is not None and target != ""]
    if numeric:
        scan.numbers.add(np.array(there, dtype=np.float64))
        return
    for value in there:
        labels = value if isinstance(value, list) else [value]
        for label in map(str, labels):
            if label in scan.counts or len(scan.counts) < LABEL_CAP:
                scan.counts[label] += 1
        scan.labels += len(labels)


def _marked(values: Mapping[str, Array], split: str, start: int, size: int, names: Sequence[str] | None) -> Array:
    """The keys of a batch's rows, by where they came from."""
    if names is None:
        return values[split][start : start + size]
    splits, indices = origins(names)
    found = np.zeros(len(names), np.uint64)
    for origin, known in values.items():
        ours = splits == origin
        found[ours] = known[indices[ours]]
    return found


def scan_marks(tables: Mapping[str, Dataset], places: Mapping[str, Place]) -> dict[str, dict[str, Array]]:
    """Keys of the raw rows' values in some columns: name -> split -> (n,) uint64, 0 for a missing one."""
    return {mark: {split: _mark(rows, place) for split, rows in tables.items()} for mark, place in places.items()}


def _mark(rows: Dataset, place: Place) -> Array:
    parts = [np.zeros(0, np.uint64)]
    for _, table in batches(rows):
        values = read_place(table, place)
        missing = np.array([value is None or not str(value).strip() for value in values], dtype=bool)
        parts.append(np.where(missing, np.uint64(0), hash_values([str(value).strip() for value in values])))
    return np.concatenate(parts)
