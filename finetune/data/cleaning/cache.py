"""Cleaned rows on disk: written once, read memory-mapped, never trusted without a look at every byte."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import RunFolderError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

BATCH = 10_000  # rows
_BYTES = 64 << 20
"""Of a batch; rows with images in them are large."""


def key_of(parts: Any) -> str:
    """A name for what a result depends on.

    Args:
        parts: Plain values for JSON.

    Returns:
        32 hexadecimal digits.
    """
    import xxhash

    return xxhash.xxh3_128_hexdigest(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode())


def batches(rows: Dataset) -> Iterator[pa.Table]:
    """The rows as tables of at most 10,000 rows and about 64 MiB; one empty table where there are none."""
    size = rows.data.nbytes / max(1, rows.data.num_rows)
    arrow = rows.with_format("arrow")
    if not len(rows):
        yield rows.data.table.slice(0, 0)
    yield from arrow.iter(max(1, min(BATCH, int(_BYTES / max(1.0, size)))))


@dataclass(frozen=True)
class Entry:
    """A data set in the cache, and what is known about it.

    Attributes:
        key: Says what it depends on, see `key_of`.
    """

    key: str

    @property
    def folder(self) -> Path:
        """Where cleaned data is kept, beside the other prepared data of the library."""
        import datasets

        return Path(datasets.config.HF_DATASETS_CACHE) / "finetune-cleaning"

    @property
    def rows(self) -> Path:
        """Arrow IPC stream."""
        return self.folder / f"{self.key}.arrow"

    @property
    def account(self) -> Path:
        """JSON: what was logged and learned. It is written last, so an entry without one is not finished."""
        return self.folder / f"{self.key}.json"

    def load(self) -> tuple[Dataset, dict[str, Any]] | None:
        """The rows and the account; None where there are none, or the files are not what was written."""
        try:
            account = json.loads(self.account.read_text(encoding="utf-8"))
            about: dict[str, Any] = account["about"]
            whole = account["rows"] == _hash(self.rows) and account["hash"] == key_of(about)
            return (self._open(), about) if whole else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, tables: Iterable[pa.Table], schema: pa.Schema, about: Any) -> Dataset:
        """Write an entry; a reader sees all of it or nothing.

        Args:
            tables: Consumed one by one.
            schema: Of all of them, with the features of `datasets` in its metadata.
            about: Called when all tables are written; plain values for JSON.

        Raises:
            RunFolderError: The cache cannot be written.
        """
        import pyarrow as pa

        with self._errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.account.unlink(missing_ok=True)  # of an entry that was damaged
            with _whole_file(self.rows) as temporary, pa.ipc.new_stream(str(temporary), schema) as writer:
                for table in tables:
                    writer.write_table(pa.Table.from_arrays(table.columns, schema=schema), max_chunksize=BATCH)
            known = about()
            account = {"rows": _hash(self.rows), "hash": key_of(known), "about": known}
            with _whole_file(self.account) as temporary:
                temporary.write_text(json.dumps(account, ensure_ascii=False), encoding="utf-8")
            return self._open()

    def _open(self) -> Dataset:
        from datasets import Dataset

        found = Dataset.from_file(str(self.rows))
        # By default it would depend on when the file was written; equal rows shall have equal names.
        found._fingerprint = self.key[:16]
        return found

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunFolderError(
                f"Cleaned rows cannot be written to {self.folder}: {error.strerror or error}.",
                "Make room there, or set HF_DATASETS_CACHE to another folder.",
            ) from error


@contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    """A temporary file that takes the path's place once all is written, and is removed where that fails."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _hash(path: Path) -> str:
    import xxhash

    found = xxhash.xxh3_64()
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            found.update(block)
    return found.hexdigest()
