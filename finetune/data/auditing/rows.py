"""Rows as the parts of the audit that look at whole rows see them: texts, keys, targets; prepared ones or raw ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.sampling import Sample, choose, draw, media_columns, name_rows, take
from finetune.data.columns import Place, heads, pick
from finetune.text.duplicates import hash_texts

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.artifacts import PreparedData
    from finetune.task import Task

Array = NDArray[Any]
Table = Any
"""A `pyarrow.Table`."""


class Rows(ABC):
    """Splits of rows.

    Attributes:
        basis: `prepared` or `raw`.
        splits: Split -> rows.
        task: Knows what its rows are; None where there is none.
    """

    basis: str
    splits: Mapping[str, Dataset]
    task: Task | None

    @property
    @abstractmethod
    def kind(self) -> str | None:
        """What the task's target is, such as `single_label`; None where it is not known."""

    @property
    @abstractmethod
    def compared(self) -> dict[str, Place]:
        """What rows are compared by: name -> where it stands."""

    @abstractmethod
    def texts(self, table: Table) -> list[str]:
        """The rows' inputs as one text each."""

    @abstractmethod
    def targets(self, table: Table) -> list[Any] | None:
        """The rows' targets in the reader's form; None where there are none."""

    @abstractmethod
    def names(self, split: str, indices: Array) -> list[str]:
        """The rows' names, such as ``train:12``."""

    @cached_property
    def total(self) -> int:
        """How many there are in all splits."""
        return sum(map(len, self.splits.values()))

    def keys(self, table: Table) -> tuple[Array, Array]:
        """(n,) uint64, equal for rows with the same input; (n,) bool, which rows have none at all."""
        columns = [read_place(table, place) for place in self.compared.values()]
        parts = [list(map(_as_text, values)) for values in columns]
        rows = list(zip(*parts, strict=True)) if parts else [()] * len(table)
        blank = np.array([not any(part.strip() for part in row) for row in rows], dtype=bool)
        return hash_texts("\x1f".join(row) for row in rows), blank

    def target_keys(self, table: Table) -> Array:
        """(n,) uint64, equal for rows with the same target."""
        targets = self.targets(table)
        return np.zeros(len(table), np.uint64) if targets is None else hash_values(targets)

    def draw(self, size: int, seed: int) -> Sample:
        """At most so many rows, with the same chance for each."""
        return draw(self.splits, size, seed, named=self.basis == "prepared")

    def draw_split(self, split: str, size: int, seed: int) -> tuple[Array, Table]:
        """Indices of at most so many rows of one split, and their values but for pictures and sounds."""
        rows = self.splits[split]
        indices = choose(len(rows), size, seed)
        return indices, take(rows.remove_columns(media_columns(rows)), indices)


class PreparedRows(Rows):
    """Canonical rows, after cleaning and splitting."""

    basis = "prepared"

    def __init__(self, prepared: PreparedData) -> None:
        self.splits, self.task = prepared.splits, prepared.task
        self._task = prepared.task

    @property
    def kind(self) -> str | None:
        return self._task.kind

    @property
    def compared(self) -> dict[str, Place]:
        there = self.splits["train"].column_names
        inputs = [column.name for column in self._task.input_columns() if column.name in there]
        names = inputs or [name for name in there if name.startswith("feature:")]
        return {name: name for name in names}

    def texts(self, table: Table) -> list[str]:
        names = [column.name for column in self._task.input_columns() if column.name in table.column_names]
        return [self._task.text_of(row) for row in table.select(names).to_pylist()]

    def targets(self, table: Table) -> list[Any] | None:
        name = self._task.target_column().name
        if name in self.compared:  # texts that are their own reference
            return None
        values = table[name].to_pylist()
        return [self._task.describe_target(value) for value in values]

    def names(self, split: str, indices: Array) -> list[str]:
        return take(self.splits[split].select_columns(["row"]), indices)["row"].to_pylist()  # type: ignore[no-any-return]

    def bare(self, table: Table) -> list[dict[str, Any]]:
        """The rows with the task's inputs alone, as a model that answers gets them."""
        names = [column.name for column in self._task.input_columns() if column.name in table.column_names]
        return table.select(names).to_pylist()  # type: ignore[no-any-return]


class RawRows(Rows):
    """Rows as they were read, by the places of the task's columns.

    Args:
        tables: Split -> rows.
        inputs: Name -> place of what a row says; all columns where that is not known.
        texts: Columns that are texts, which stand for the inputs where these are not known.
        target: Place of the target.
        task: The kind of task.
    """

    basis = "raw"

    def __init__(
        self, tables: Mapping[str, Dataset], inputs: Mapping[str, Place], texts: Sequence[str],
        target: Place | None, task: Task | None,
    ) -> None:  # fmt: skip
        self.splits, self.task = tables, task
        self.target = None if target in inputs.values() else target
        self._inputs = dict(inputs)
        self._texts = list(inputs.values()) or list(texts)

    @property
    def kind(self) -> str | None:
        """Only a task that has learned its target knows."""
        return None

    @property
    def compared(self) -> dict[str, Place]:
        if self._inputs:
            return self._inputs
        columns = next(iter(self.splits.values())).column_names
        return {name: name for name in columns if name != self.target}

    def texts(self, table: Table) -> list[str]:
        columns = [read_place(table, place) for place in self._texts] or [[""] * len(table)]
        rows = zip(*([_as_text(value) for value in values] for values in columns), strict=True)
        return ["\n".join(part for part in row if part) for row in rows]

    def targets(self, table: Table) -> list[Any] | None:
        if self.target is None or not heads(self.target, table) <= set(table.column_names):
            return None
        feature = next(iter(self.splits.values())).features.get(self.target) if isinstance(self.target, str) else None
        values = read_place(table, self.target)
        named = dict(enumerate(getattr(feature, "names", ())))
        return [named.get(value, value) for value in values] if named else values

    def names(self, split: str, indices: Array) -> list[str]:
        return name_rows(split, indices)


def read_place(table: Table, place: Place) -> list[Any]:
    """All values at a place of an Arrow table; None where the table lacks the column."""
    if isinstance(place, str) and place in table.column_names:
        return table[place].to_pylist()  # type: ignore[no-any-return]
    needed = sorted(heads(place, table) & set(table.column_names))
    if not needed:
        return [None] * len(table)
    return [pick(row, place) for row in table.select(needed).to_pylist()]


def hash_values(values: Sequence[Any]) -> Array:
    """(n,) uint64 of any values, by how they are written; case counts."""
    return np.fromiter(
        (hash_bytes(str(value).encode("utf-8", "surrogatepass")) for value in values), np.uint64, len(values)
    )


def origins(names: Sequence[str]) -> tuple[Array, Array]:
    """The splits (n,) and indices (n,) that rows came from, by their names."""
    parts = [name.rpartition(":") for name in names]
    return np.array([split for split, _, _ in parts], dtype=object), np.array([int(index) for *_, index in parts], int)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        return f"{hash_bytes(value['bytes']):x}"
    return value if isinstance(value, str) else str(value)


def hash_bytes(content: bytes) -> int:
    """The 64-bit XXH3 of a file's content."""
    import xxhash

    return xxhash.xxh3_64_intdigest(content)
