"""Single values: what counts as missing, and a function of values applied to a column of a batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from finetune.data.cleaning.log import RowId, StepLog

PLACEHOLDERS = frozenset(
    ("na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nil", "-", "--", "?", "unknown", "missing")
)
"""What often means missing. It is never taken for it: `None` may be an answer, and `NA` is Namibia."""


class Outcome(NamedTuple):
    """What a step makes of a value.

    Attributes:
        value: The new value, or the old one.
        reason: Why it stayed although the step should have changed it; empty where all is well.
    """

    value: Any
    reason: str = ""


Change = Callable[[Any], Outcome]


def is_missing(value: Any) -> bool:
    """None, NaN, or a text without anything but blanks."""
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, float) and math.isnan(value))
    )


def is_placeholder(value: Any) -> bool:
    """Whether a text is often written for a missing value."""
    return isinstance(value, str) and value.strip().lower() in PLACEHOLDERS


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds strings."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether a column holds numbers; truth values are none."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_list_of_texts(kind: pa.DataType) -> bool:
    """Whether a column holds lists of strings."""
    import pyarrow as pa

    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(lists and is_text(kind.value_type))


def change_column(
    column: pa.ChunkedArray, change: Change, log: StepLog, rows: list[RowId], kind: pa.DataType | None
) -> pa.ChunkedArray:
    """The column with every value changed, logged; items of lists are values of their own.

    Args:
        column: Values of one batch.
        change: Gets each different value once.
        log: Counts what changed and what was flagged.
        rows: The number of each row.
        kind: Type of the result; None keeps it.
    """
    import pyarrow as pa

    known: dict[Any, Outcome] = {}
    changed = log.changed
    values = [_change(value, change, known, log, row) for value, row in zip(column.to_pylist(), rows, strict=True)]
    if log.changed == changed and kind in (None, column.type):
        return column
    return pa.chunked_array([pa.array(values, kind or column.type)])


def _change(value: Any, change: Change, known: dict[Any, Outcome], log: StepLog, row: RowId) -> Any:
    if isinstance(value, list):
        return [_change(item, change, known, log, row) for item in value]
    outcome = known.get(value)
    if outcome is None:
        outcome = known[value] = change(value)
    if outcome.reason:
        log.flag(row, outcome.reason, value)
    elif outcome.value != value and (value is None or str(outcome.value) != str(value)):  # NaN differs from itself
        log.change(row, value, outcome.value)
    return outcome.value


def change_one(value: Any, change: Change) -> Any:
    """A single value changed, item by item where it is a list."""
    return [change_one(item, change) for item in value] if isinstance(value, list | tuple) else change(value).value


def texts_in(value: Any) -> Iterator[str]:
    """The texts of a value: itself, its items, or none where it is missing."""
    if isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif not is_missing(value):
        yield value if isinstance(value, str) else str(value)
