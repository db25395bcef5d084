"""CSV and TSV files, every cell as it stands.

Cells are read as text: no `NA`, `null` or `None` in a review turns into a missing value, and no `007` into a 7. Numbers
are parsed where the task needs one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from finetune.data.files.conversion import Account, as_dataset
from finetune.data.files.decoding import TextFile
from finetune.data.files.dialect import Dialect, infer_dialect
from finetune.data.files.malformed import Malformed, no_rows
from finetune.data.files.quoting import LONGEST_ROW, records, refuse_bad_quotes
from finetune.errors import DataError
from finetune.recipe import ReaderSection

BLOCKS = (2 << 20, LONGEST_ROW)
"""Bytes that Arrow parses at once, and what to go to when a row is longer. It reads 32 blocks ahead, whatever happens,
so small blocks are what bounds the memory."""
_TOTALS = {"total", "totals", "grand total", "sum", "subtotal"}


def read_delimited(path: Path, reader: ReaderSection, delimiter: str) -> tuple[Any, Malformed, list[str]]:
    """A CSV or TSV file as a `datasets.Dataset` of texts (empty cells are missing), its malformed lines, and notes.

    Args:
        path: The file, plain or compressed with gzip, bzip2 or xz.
        reader: What the recipe says about it.
        delimiter: What the format stands for; used unless the recipe names one or the header shows another.

    Raises:
        EmptyDataError: No rows. EncodingError: Not text in the stated encoding. DataError: Unreadable structure.
    """
    file = TextFile.check(path, reader.encoding)
    dialect = replace(infer_dialect(file, reader, delimiter), missing=reader.missing)
    rows, account = _rows(file, dialect)
    account.malformed.judge(reader, path, len(dialect.names))
    if len(rows) == 0:
        raise no_rows(path, account.malformed)
    return rows, account.malformed, file.notes + dialect.notes + account.notes


class _LongRowError(DataError):
    """A row is longer than a block."""


def _rows(file: TextFile, dialect: Dialect) -> tuple[Any, Account]:
    settings = {key: value for key, value in asdict(dialect).items() if key != "notes"}
    try:
        return as_dataset(file, settings, partial(_convert, file, dialect, BLOCKS[0]))
    except _LongRowError:
        return as_dataset(file, settings, partial(_convert, file, dialect, BLOCKS[1]))


def _convert(file: TextFile, dialect: Dialect, block: int, account: Account) -> tuple[Any, Iterator[Any]]:
    import pyarrow as pa

    if dialect.quoting and file.quotes:
        refuse_bad_quotes(file, dialect.delimiter)
    return pa.schema([(name, pa.string()) for name in dialect.names]), _batches(file, dialect, block, account)


def _batches(file: TextFile, dialect: Dialect, block: int, account: Account) -> Iterator[Any]:
    seen = _Seen(dialect, set(dialect.unnamed))
    for batch in _parsed(file, dialect, block, account.malformed):
        yield seen.without_headers(batch)
    if account.malformed.count:
        account.malformed.lines = _physical_lines(file, dialect, account.malformed)
    account.absent = sorted(seen.empty)
    account.notes += seen.notes()


def _parsed(file: TextFile, dialect: Dialect, block: int, malformed: Malformed) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.csv as pc

    # Field counts are checked by row; a quoted field may hold line breaks only where quotes group.
    parse = pc.ParseOptions(
        delimiter=dialect.delimiter, quote_char='"' if dialect.quoting else False,
        newlines_in_values=dialect.quoting, invalid_row_handler=lambda row: _skip(row, malformed),
    )  # fmt: skip
    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(dialect.names, pa.string()), strings_can_be_null=True,
        null_values=["", *dialect.missing], quoted_strings_can_be_null=True,
    )  # fmt: skip
    options = pc.ReadOptions(use_threads=False, block_size=block, column_names=dialect.names, skip_rows=dialect.skip)
    try:
        with file.open() as stream:
            yield from pc.open_csv(stream, read_options=options, parse_options=parse, convert_options=convert)
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error) and "Could not skip" not in str(error):  # nothing behind the header
            raise _unreadable(file.path, str(error)) from None


def _unreadable(path: Path, reason: str) -> DataError:
    kind = DataError
    if "straddl" in reason:
        kind, reason = _LongRowError, f"a row is longer than {LONGEST_ROW >> 20} MB"
    return kind(
        f"{path} cannot be read as delimited text: {reason.splitlines()[0].rstrip('.')}.",
        "Check data.reader.delimiter, and set data.reader.quoting: false where quotes are plain characters.",
    )


def _skip(row: Any, malformed: Malformed) -> str:
    malformed.add(row.number, f"{row.actual_columns} fields instead of {row.expected_columns}")
    return "skip"


def _physical_lines(file: TextFile, dialect: Dialect, malformed: Malformed) -> list[int | str]:
    """Arrow counts rows behind the skipped lines; a person looks for lines, and a quoted cell may hold several."""
    wanted, lines = set(malformed.lines), list[int | str]()
    with file.open_text() as text:
        rows = records(text, dialect.delimiter, quoting=dialect.quoting)
        behind = (begins for begins, _, _ in rows if begins > dialect.skip)
        for number, begins in enumerate(behind, start=dialect.skip + 1):
            if number in wanted:
                lines.append(begins)
            if len(lines) == len(wanted):
                break
    return lines


@dataclass
class _Seen:
    """What is learned about the rows while they pass."""

    dialect: Dialect
    empty: set[str]
    headers: int = 0
    last: dict[str, Any] = field(default_factory=dict)

    def without_headers(self, batch: Any) -> Any:
        """Leave out rows that repeat the header, as files joined end to end have them."""
        import pyarrow.compute as pc

        names = dict(zip(self.dialect.names, self.dialect.written, strict=True))
        if len(names) > 1:  # a lone cell may well say what its column is called
            mask = None
            for name, written in names.items():
                same = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(batch.column(name), "")), written)
                mask = same if mask is None else pc.and_(mask, same)
                if not pc.any(mask).as_py():
                    break
            else:
                self.headers += pc.sum(mask).as_py()
                batch = batch.filter(pc.invert(mask))
        self._note(batch)
        return batch

    def _note(self, batch: Any) -> None:
        self.empty = {name for name in self.empty if batch.column(name).null_count == batch.num_rows}
        if batch.num_rows:
            self.last = batch.slice(batch.num_rows - 1).to_pylist()[0]

    def notes(self) -> list[str]:
        """In sentences."""
        found = []
        if self.headers:
            found.append(f"{self.headers} rows repeat the header and are left out.")
        if self.empty:
            found.append(f"{len(self.empty)} columns without a name and without a cell are left out.")
        found += [
            f"Column {self.dialect.names.index(name) + 1} has no name and is called {name!r}."
            for name in self.dialect.unnamed
            if name not in self.empty
        ]
        words = [value.strip().rstrip(":").lower() for value in self.last.values() if value and value.strip()]
        if len(self.last) > 1 and any(word in _TOTALS for word in words):
            found.append("The last row looks like a line of totals; it is kept.")
        return found
