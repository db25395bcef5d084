"""Rows of text files as Arrow: small ones in memory, large ones in a cache on disk, opened memory-mapped.

A cache entry is a folder named by a hash of the text, of the settings that it was read with and of the version of this
code, so neither a changed file nor a changed recipe nor a changed reader can meet an old entry, and a file that was
only moved or touched still finds its own. The folder is renamed into place when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from finetune.data.files.decoding import TextFile
from finetune.data.files.malformed import Malformed
from finetune.errors import SourceError

IN_MEMORY = 16 << 20  # bytes of text; larger files go through the cache
CODE_VERSION = 1
"""Raise it with every change of what the readers make of a file: older cache entries are then never opened."""


@dataclass
class Account:
    """What was met on the way.

    Attributes:
        malformed: Rows that could not be parsed.
        notes: What was inferred or left out.
        absent: Columns to leave out, since they have neither a name nor a cell.
    """

    malformed: Malformed = field(default_factory=Malformed)
    notes: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


Converter = Callable[[Account], tuple[Any, Iterator[Any]]]
"""Gives the Arrow schema and the record batches; the account is complete when the last batch was taken."""


def as_dataset(file: TextFile, settings: dict[str, Any], convert: Converter) -> tuple[Any, Account]:
    """The rows of a file as a `datasets.Dataset`.

    Its fingerprint comes from the text and the settings alone, so what is computed from it is found again.

    Args:
        file: The checked file.
        settings: All that decides what its text becomes; JSON values.
        convert: Reads it; not called where the cache holds the result.

    Raises:
        SourceError: The cache cannot be written, or the file was changed meanwhile.
    """
    from datasets import Dataset
    from datasets.table import InMemoryTable

    key = hashlib.sha256(json.dumps([CODE_VERSION, file.sha256, settings], sort_keys=True).encode()).hexdigest()[:32]
    if file.size < IN_MEMORY:
        rows, account = _in_memory(convert)
        table: Any = InMemoryTable(rows)
    else:
        table, account = _cached(key, file, convert)
    file.refuse_change()
    return Dataset(table.drop(account.absent) if account.absent else table, fingerprint=key), account


def _in_memory(convert: Converter) -> tuple[Any, Account]:
    import pyarrow as pa

    account = Account()
    schema, batches = convert(account)
    return pa.Table.from_batches(list(batches), schema), account


def _cached(key: str, file: TextFile, convert: Converter) -> tuple[Any, Account]:
    from datasets import config
    from datasets.table import MemoryMappedTable

    folder = Path(config.HF_DATASETS_CACHE) / "finetune-files" / key
    if not _whole(folder):
        try:
            _write(folder, file, convert)
        except OSError as error:
            raise SourceError(
                f"The rows of {file.path} cannot be stored in {folder.parent}: {error.strerror or error}.",
                "Free some space there, or set HF_DATASETS_CACHE to another folder.",
            ) from None
    return MemoryMappedTable.from_file(str(folder / "rows.arrow")), _load(folder)


def _whole(folder: Path) -> bool:
    """Whether an entry is there and as long as it was; a crash of the machine may have cut it."""
    try:
        stated = json.loads((folder / "account.json").read_text("utf-8"))["bytes"]
        return bool((folder / "rows.arrow").stat().st_size == stated)
    except (OSError, ValueError, KeyError):
        return False


def _write(folder: Path, file: TextFile, convert: Converter) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder.parent, ignore_cleanup_errors=True) as place:
        part = Path(place) / folder.name
        part.mkdir()
        account = _stream(part / "rows.arrow", convert)
        file.refuse_change()
        size = (part / "rows.arrow").stat().st_size
        (part / "account.json").write_text(json.dumps({"bytes": size, **asdict(account)}), "utf-8")
        if folder.exists() and not _whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
        try:
            part.rename(folder)
        except OSError:
            if not _whole(folder):  # otherwise another process was faster, with the same rows
                raise


def _stream(path: Path, convert: Converter) -> Account:
    import pyarrow as pa

    account = Account()
    schema, batches = convert(account)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return account


def _load(folder: Path) -> Account:
    stated = json.loads((folder / "account.json").read_text("utf-8"))
    return Account(Malformed(**stated["malformed"]), stated["notes"], stated["absent"])
