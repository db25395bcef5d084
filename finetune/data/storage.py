"""Rows in memory while they are few, in memory-mapped files when they are many."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from datasets import Dataset

BATCH = 50_000  # rows
KNOWN = 10_000
"""Different texts of a column that are told apart."""
IN_MEMORY = 256 << 20  # bytes of a data set that are held; what is larger goes to disk whole


def store(batches: Iterable[pa.Table]) -> Dataset:
    """One data set out of tables in order; they may differ in which columns are still all missing.

    Raises:
        EmptyDataError is up to the caller: no tables give a data set without columns.
    """
    import pyarrow as pa
    from datasets import Dataset, concatenate_datasets

    held: list[pa.Table] = []
    written: list[Dataset] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size > IN_MEMORY:
            written.append(_on_disk(_join(held)))
            held, size = [], 0
    if held and written:
        written.append(_on_disk(_join(held)))
    if not written:
        return Dataset(_join(held)) if held else Dataset(pa.table({}))
    return concatenate_datasets(written)


def take(rows: Dataset, indices: np.ndarray) -> Dataset:
    """Some of the rows as a data set of their own: a selection by reference would be slow to read row by row.

    Args:
        rows: Without an indices mapping.
        indices: Ascending, (n,) int64.
    """
    import numpy as np

    table = rows.data.table

    def batches() -> Iterator[pa.Table]:
        for start in range(0, max(1, len(rows)), BATCH):
            low, high = np.searchsorted(indices, (start, start + BATCH))
            if high > low or start == 0:
                yield table.slice(start, BATCH).take(indices[low:high] - start)

    from datasets import Dataset

    found = store(batches())
    return Dataset(found.data, info=rows.info.copy(), fingerprint=found._fingerprint)


def values_of(rows: Dataset, column: str) -> Iterator[Any]:
    """The values of a column one by one, read in batches: `rows[column]` reads row by row, thirty times as slow.

    Of a column with few different texts, equal ones are one object, so that a list of millions of labels is small.
    """
    known: dict[str, str] = {}
    for batch in rows.select_columns([column]).iter(BATCH):
        for value in batch[column]:
            if isinstance(value, str):
                yield known.setdefault(value, value) if len(known) < KNOWN else known.get(value, value)
            else:
                yield value


def table_of(columns: dict[str, list[Any]]) -> pa.Table:
    """Columns of Python values as a table, typed as `datasets` would."""
    from datasets import Dataset

    return Dataset.from_dict(columns).data.table.replace_schema_metadata(None)


def _join(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")


def _on_disk(table: pa.Table) -> Dataset:
    import pyarrow as pa
    from datasets import Dataset

    with (
        tempfile.NamedTemporaryFile(dir=_folder(), suffix=".arrow", delete=False) as file,
        pa.ipc.new_stream(file, table.schema) as writer,
    ):
        writer.write_table(table, max_chunksize=10_000)
    return Dataset.from_file(file.name)


@cache
def _folder() -> Path:
    """A folder of this process, removed when it ends."""
    folder = tempfile.mkdtemp(prefix="finetune-rows-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
