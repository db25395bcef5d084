"""Text files of rows: CSV, TSV, JSON and JSON Lines, every cell as it stands, malformed lines counted.

Cells of a CSV file are read as text: no `NA`, `null` or `None` in a review turns into a missing value, and no `007`
into a 7. Numbers are parsed where the task needs one.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune.artifacts.prepared_data import MAX_LISTED_ROWS
from finetune.errors import DataError, EmptyDataError, EncodingError, RecipeError, SourceError
from finetune.recipe import ReaderSection

_BLOCK = 64 << 20  # bytes; also the longest row that can be read
_CHUNK = 10_000  # rows


@dataclass
class Malformed:
    """Lines that could not be parsed.

    Attributes:
        count: How many.
        lines: Their physical line numbers, from 1 (`train.csv:5` where there are several files); at most 1,000.
    """

    count: int = 0
    lines: list[int | str] = field(default_factory=list)

    def add(self, line: int | None) -> None:
        """Count one line."""
        self.count += 1
        if line is not None and len(self.lines) < MAX_LISTED_ROWS:
            self.lines.append(line)

    def join(self, other: Malformed, file: str) -> None:
        """Count another file's lines too."""
        self.count += other.count
        room = MAX_LISTED_ROWS - len(self.lines)
        self.lines += [f"{file}:{line}" for line in other.lines[:room]]


def read_delimited(path: Path, reader: ReaderSection, delimiter: str) -> tuple[Any, Malformed]:
    """A CSV or TSV file as a `datasets.Dataset` of texts (empty cells are missing).

    Raises:
        EmptyDataError: No rows. EncodingError: Not text in the stated encoding. DataError: Unreadable structure.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    from datasets import Dataset

    malformed = Malformed()
    content = _decoded(path, reader.encoding)
    if reader.quoting:
        _refuse_open_quote(content, delimiter, path)
    # Field counts are checked by row; a quoted field may hold line breaks only where quotes group.
    parse = pc.ParseOptions(
        delimiter=delimiter, quote_char='"' if reader.quoting else False, newlines_in_values=reader.quoting,
        invalid_row_handler=lambda row: _skip(row, malformed),
    )  # fmt: skip
    names, skipped = (list(reader.header), 0) if reader.header else _header(content, reader, delimiter, path)
    convert = pc.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""],
        quoted_strings_can_be_null=True,
    )  # fmt: skip
    options = pc.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names, skip_rows=skipped)
    try:
        table = pc.read_csv(pa.py_buffer(content), read_options=options, parse_options=parse, convert_options=convert)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error) or "Could not skip" in str(error):  # nothing behind the header
            raise _empty(path) from None
        raise DataError(
            f"{path} cannot be read as delimited text: {error}.",
            "Check reader.delimiter, and set reader.quoting: false where quotes are plain characters.",
        ) from None
    if malformed.count:
        malformed.lines = _physical_lines(content, malformed.lines, skipped, delimiter, quoting=reader.quoting)
    _judge(malformed, reader, path, len(names))
    if table.num_rows == 0:
        raise _empty(path, malformed)
    return Dataset(table), malformed


def read_json(path: Path, reader: ReaderSection, *, lines: bool) -> tuple[Any, Malformed]:
    """A JSON file (a list of objects) or a JSON Lines file as a `datasets.Dataset`.

    Raises:
        EmptyDataError, EncodingError, DataError: As `read_delimited`.
    """
    import pyarrow as pa
    from datasets import Dataset

    malformed = Malformed()
    text = _decoded(path, reader.encoding).decode("utf-8")
    rows = list(_json_lines(text, malformed)) if lines else _json_list(text, path)
    _judge(malformed, reader, path, None)
    if not rows:
        raise _empty(path, malformed)
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns: dict[str, Any] = {}
    for name in names:
        try:
            columns[name] = pa.array([row.get(name) for row in rows])
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[name] = pa.array([_as_text(row.get(name)) for row in rows], pa.string())
    return Dataset(pa.table(columns)), malformed


def _json_lines(text: str, malformed: Malformed) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(io.StringIO(text), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            malformed.add(number)
            continue
        if isinstance(row, dict):
            yield row
        else:
            malformed.add(number)


def _json_list(text: str, path: Path) -> list[dict[str, Any]]:
    try:
        values = json.loads(text) if text.strip() else []
    except json.JSONDecodeError as error:
        hint = "If it holds one object per line, set reader.format: jsonl."
        raise DataError(f"{path}, line {error.lineno}: not valid JSON: {error.msg}.", hint) from None
    if isinstance(values, dict):  # {"data": [...]}: the one list in it
        lists = [value for value in values.values() if isinstance(value, list)]
        values = lists[0] if len(lists) == 1 else [values]
    return [value for value in values if isinstance(value, dict)]


def _as_text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _decoded(path: Path, encoding: str) -> bytes:
    """The file's text as UTF-8 bytes without a byte order mark."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        raise RecipeError(
            f"reader.encoding {encoding!r} is not known.", "Use utf-8, latin-1, cp1252, utf-16 …"
        ) from None
    try:
        text = raw.decode(codec.name)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise EncodingError(
            f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not {encoding} text.",
            "Set reader.encoding to the file's own, often cp1252 (Windows), latin-1 or utf-16.",
        ) from None
    return text.removeprefix("\ufeff").encode("utf-8")


def _header(content: bytes, reader: ReaderSection, delimiter: str, path: Path) -> tuple[list[str], int]:
    """The column names, and the line that they end on."""
    _, ends, first = next(_records(content, delimiter, quoting=reader.quoting), (0, 0, []))
    if not any(name.strip() for name in first):
        raise _empty(path)
    names = [name.strip() for name in first]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(
            f"{path} names the column {twice[0]!r} {Counter(names)[twice[0]]} times in its header.",
            "Rename the columns in the file.",
        )
    return names, ends


def _records(content: bytes, delimiter: str, *, quoting: bool) -> Iterator[tuple[int, int, list[str]]]:
    """The rows of delimited text with the lines that each begins and ends on, from 1; empty lines are no rows."""
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE)
    limit, begins = csv.field_size_limit(_BLOCK), 1
    try:
        for row in rows:
            if row:
                yield begins, rows.line_num, row
            begins = rows.line_num + 1
    finally:
        csv.field_size_limit(limit)


def _physical_lines(
    content: bytes, numbers: Sequence[int | str], skipped: int, delimiter: str, *, quoting: bool
) -> list[int | str]:
    """Arrow counts rows behind the skipped lines; a person looks for lines, and a quoted cell may hold several."""
    wanted = set(numbers)
    behind = (begins for begins, _, _ in _records(content, delimiter, quoting=quoting) if begins > skipped)
    return [begins for number, begins in enumerate(behind, start=skipped + 1) if number in wanted]


def _refuse_open_quote(content: bytes, delimiter: str, path: Path) -> None:
    """A quote that nobody closes makes one cell of all that follows, and no parser complains.

    Raises:
        DataError: The last row ends inside a quoted cell.
    """
    if content.count(b'"') % 2 == 0:
        return
    begins = max((line for line, _, _ in _records(content, delimiter, quoting=True)), default=1)
    rest = content.decode("utf-8").splitlines(keepends=True)[begins - 1 :]
    try:
        list(csv.reader(rest, delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise DataError(
                f"{path}, line {begins}: a quote is opened and never closed, up to the end of the file.",
                "Close it, or set data.reader.quoting: false where quotes are plain characters.",
            ) from None


def _skip(row: Any, malformed: Malformed) -> str:
    malformed.add(row.number)
    return "skip"


def _judge(malformed: Malformed, reader: ReaderSection, path: Path, fields: int | None) -> None:
    if malformed.count and reader.malformed == "refuse":
        expected = f" (expected {fields} fields)" if fields else ""
        raise DataError(
            f"{path} has {malformed.count} malformed lines{expected}, the first at line {malformed.lines[0]}.",
            "Mend them, or set reader.malformed: drop to leave them out and count them.",
        )


def _empty(path: Path, malformed: Malformed | None = None) -> EmptyDataError:
    if malformed and malformed.count:
        return EmptyDataError(
            f"The file {path} holds {malformed.count} lines, and none can be read.",
            "Check reader.format and reader.delimiter.",
        )
    return EmptyDataError(f"The file {path} holds no rows.", "Check that it is the file you meant.")
