"""Steps on batches: what all have in common, and those that change values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from finetune.data.cleaning.cells import Change, change_column, change_one, is_placeholder, is_text
from finetune.data.cleaning.log import RowId, StepLog

if TYPE_CHECKING:
    import pyarrow as pa

NUMBER = "__row__"
"""Column of a raw split: the row's place in the split as it was read."""


class Step(ABC):
    """One entry of the log, and what is done to a batch for it."""

    name: str
    column: str | None

    def start(self, split: str) -> None:
        """Begin a new entry of the log."""
        self.log = StepLog(self.name, split, self.column)

    def run(self, table: pa.Table) -> pa.Table:
        """A batch through the step, counted."""
        self.log.before += table.num_rows
        table = self._run(table, row_numbers(table))
        self.log.after += table.num_rows
        return table

    def end(self) -> StepLog:
        """The finished entry."""
        self.log.note(self.detail())
        return self.log

    def detail(self) -> str:
        """What there is to say beside the counts."""
        return ""

    @abstractmethod
    def _run(self, table: pa.Table, rows: list[RowId]) -> pa.Table: ...


@dataclass
class ValueStep(Step):
    """Changes the values of one column.

    Attributes:
        name: Field of the recipe's section.
        column: Column of the data.
        change: What becomes of a value.
        says: Gives the detail when all values were seen.
        kind: What the column holds afterwards; None keeps its type.
        fills: Whether a row without the column gets it.
        prefix: What stands before the column's name in the batches.
    """

    name: str
    column: str
    change: Change
    says: Callable[[], str] = field(default=lambda: "")
    kind: Literal["string", "float64"] | None = None
    fills: bool = False
    prefix: str = ""

    @property
    def place(self) -> str:
        """The column of the batches."""
        return self.prefix + self.column

    def start(self, split: str) -> None:
        super().start(split)
        self._placeholders = 0

    def detail(self) -> str:
        return f"{self.says()} {placeholder_note(self._placeholders)}".strip()

    def apply(self, row: dict[str, Any]) -> None:
        """Change the value of a single row in place."""
        if self.fills or self.column in row:
            row[self.column] = change_one(row.get(self.column), self.change)

    def _run(self, table: pa.Table, rows: list[RowId]) -> pa.Table:
        column = table[self.place]
        if self.name == "missing":
            self._placeholders += count_placeholders(column)
        changed = change_column(column, self.change, self.log, rows, arrow_type(self.kind, column.type))
        return table.set_column(table.column_names.index(self.place), self.place, changed)


def row_numbers(table: pa.Table) -> list[RowId]:
    """What the log calls the rows: their places as read, or where canonical rows came from."""
    for name in (NUMBER, "row"):
        if name in table.column_names:
            return list(table[name].to_pylist())
    return list(range(table.num_rows))


def arrow_type(kind: Literal["string", "float64"] | None, now: pa.DataType) -> pa.DataType | None:
    """The type of a changed column; in lists that of their items."""
    import pyarrow as pa

    if kind is None or (kind == "string" and is_text(now)):
        return None
    new = pa.string() if kind == "string" else pa.float64()
    if hasattr(now, "value_type"):
        return None if kind == "string" and is_text(now.value_type) else pa.list_(new)
    return new


def count_placeholders(column: pa.ChunkedArray) -> int:
    """Texts that often stand for a missing value."""
    return sum(map(is_placeholder, column.to_pylist())) if is_text(column.type) else 0


def placeholder_note(count: int) -> str:
    """A sentence on texts that may mean missing; empty without any."""
    if not count:
        return ""
    values = "values are" if count > 1 else "value is"
    return f"{count} {values} a text such as NA, null or -, which is not taken for a missing one."
