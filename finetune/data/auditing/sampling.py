"""Rows of Arrow tables: all of them in batches, or some, drawn evenly and always the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.data.auditing.measuring import sampled

if TYPE_CHECKING:
    from datasets import Dataset

SEED = 0
"""Of every choice of rows: an audit of the same data is the same, whatever the recipe trains with."""
BATCH, MEDIA_BATCH = 10_000, 100
"""Rows that are held at a time; of rows with pictures or sounds fewer."""
SHOWN_ROWS = 20
"""Row names in a list; the count beside it is of all."""


@dataclass(frozen=True)
class Sample:
    """Some rows of several splits, in their order.

    Attributes:
        table: Their columns, a `pyarrow.Table`.
        rows: (n,) the rows' names, such as ``train:12``.
        splits: (n,) the split of each.
        total: Rows that they were drawn from.
    """

    table: Any
    rows: list[str]
    splits: np.ndarray
    total: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def sampled(self) -> dict[str, int] | None:
        """What the audit says of it; None where it is all rows."""
        return sampled(len(self), self.total)

    def column(self, name: str) -> Any:
        """A column as one `pyarrow.Array` of plain type."""
        return plain_array(self.table[name])

    def values(self, name: str) -> list[Any]:
        """A column as Python values."""
        return self.table[name].to_pylist()  # type: ignore[no-any-return]


def batches(rows: Dataset) -> Iterator[tuple[int, Any]]:
    """The rows as Arrow tables, each with the index of its first row; nothing is decoded."""
    arrow, size = rows.with_format("arrow"), MEDIA_BATCH if media_columns(rows) else BATCH
    for start in range(0, len(rows), size):
        yield start, arrow[start : start + size]


def media_columns(rows: Dataset) -> list[str]:
    """Columns of pictures and sounds."""
    return [name for name, feature in rows.features.items() if type(feature).__name__ in ("Image", "Audio", "Video")]


def draw_files(splits: Mapping[str, Dataset], name: str, size: int, seed: int) -> Iterator[tuple[str, Any]]:
    """The values of one column in at most `size` rows, each with the row's name; few of them are held at a time."""
    start = 0
    chosen = choose(sum(map(len, splits.values())), size, seed)
    for split, rows in splits.items():
        indices = chosen[(chosen >= start) & (chosen < start + len(rows))] - start
        start += len(rows)
        for part in np.array_split(indices, -(-len(indices) // MEDIA_BATCH) or 1) if name in rows.column_names else ():
            values = take(rows.select_columns([name]), part)[name].to_pylist()
            yield from zip(name_rows(split, part), values, strict=True)


def draw(splits: Mapping[str, Dataset], size: int, seed: int, *, named: bool = False) -> Sample:
    """At most `size` rows of all splits together, each with the same chance.

    Args:
        splits: Split -> rows.
        size: At most so many rows.
        seed: The same seed draws the same rows.
        named: Whether the column `row` names them, as in prepared data; else their places do.
    """
    bounds = np.cumsum([0, *(len(rows) for rows in splits.values())])
    chosen = choose(int(bounds[-1]), size, seed)
    tables: list[Any] = []
    names: list[str] = []
    origins: list[str] = []
    for (split, rows), low, high in zip(splits.items(), bounds, bounds[1:], strict=False):
        indices = chosen[(chosen >= low) & (chosen < high)] - low
        table = take(rows, indices)
        tables.append(table)
        names += table["row"].to_pylist() if named else name_rows(split, indices)
        origins += [split] * len(indices)
    return Sample(join(tables), names, np.array(origins, dtype=object), int(bounds[-1]))


def join(tables: Sequence[Any]) -> Any:
    """Arrow tables one below the other. What a table lacks is missing there; columns of types that do not go together
    (numbers in one split, texts in another) become texts."""
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.concat_tables([_as_texts(table) for table in tables], promote_options="permissive")


def _as_texts(table: Any) -> Any:
    import pyarrow as pa

    for place, column in enumerate(table.schema):
        if not pa.types.is_nested(column.type):
            table = table.set_column(place, column.name, table[column.name].cast(pa.string()))
    return table


def choose(total: int, size: int, seed: int) -> np.ndarray:
    """Sorted indices of at most `size` of `total` rows."""
    if total <= size:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, size, replace=False))


def take(rows: Dataset, indices: np.ndarray) -> Any:
    """Some rows as an Arrow table."""
    arrow = rows.with_format("arrow")
    if len(indices) == len(rows):
        return arrow[:]
    return arrow[np.asarray(indices, dtype=int)]


def name_rows(split: str, indices: Sequence[int] | np.ndarray) -> list[str]:
    """Names such as ``train:12``."""
    return [f"{split}:{int(index)}" for index in indices]


def plain_array(column: Any) -> Any:
    """A chunked or single Arrow column as one array; dictionaries decoded, string views as strings."""
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # too long for one array of 32-bit offsets
        array = pa.chunked_array(array).cast(pa.large_string()).combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        array = array.cast(pa.string())
    return array.cast(pa.large_string()) if str(array.type) == "string_view" else array


class RowList:
    """How many rows, and the names of the first."""

    def __init__(self) -> None:
        self.count = 0
        self.rows: list[str] = []

    def add(self, split: str, indices: Sequence[int] | np.ndarray) -> None:
        """Count rows of a split."""
        self.add_named(name_rows(split, indices[: SHOWN_ROWS - len(self.rows)]), len(indices))

    def add_named(self, names: Sequence[str], count: int | None = None) -> None:
        """Count rows by name; `count` where there are more than are named."""
        self.count += len(names) if count is None else count
        self.rows += names[: SHOWN_ROWS - len(self.rows)]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"count": self.count, "rows": self.rows}
