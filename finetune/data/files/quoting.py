"""Rows of delimited text with their line numbers, and quotes that no parser should guess about."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from finetune.data.files.decoding import TextFile
from finetune.errors import DataError

LONGEST_ROW = 64 << 20  # bytes


def records(text: Iterable[str], delimiter: str, *, quoting: bool) -> Iterator[tuple[int, int, list[str]]]:
    """The rows of delimited text with the lines that each begins and ends on, from 1; empty lines are no rows."""
    rows = csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE)
    begins = 1
    with _long_cells():
        for row in rows:
            if row:
                yield begins, rows.line_num, row
            begins = rows.line_num + 1


def refuse_bad_quotes(file: TextFile, delimiter: str) -> None:
    """Quotes on which parsers differ, and of which none complains.

    A quote that nobody closes makes one cell of all that follows. Text behind a closing quote shows a quote inside a
    cell that was not doubled, or one that was escaped by a backslash: what follows is cut in the wrong places.

    Raises:
        DataError: There is one; the message names its line.
    """
    begins = 1
    with file.open_text() as text, _long_cells():
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            for _ in rows:
                begins = rows.line_num + 1
        except csv.Error as error:
            reason = str(error)
            if "unexpected end" in reason or "field limit" in reason:
                raise _open_quote(file, begins, reason) from None
            if "expected after" in reason:
                raise _text_behind_quote(file, begins, rows.line_num) from None
            remedy = "Mend the line, or set data.reader.quoting: false where quotes are plain characters."
            raise DataError(f"{file.path}, line {begins}: {reason}.", remedy) from None


def _open_quote(file: TextFile, line: int, reason: str) -> DataError:
    until = f"for {LONGEST_ROW >> 20} MB" if "field limit" in reason else "up to the end of the file"
    return DataError(
        f"{file.path}, line {line}: a quote is opened and never closed, {until}.",
        "Close it, or set data.reader.quoting: false where quotes are plain characters.",
    )


def _text_behind_quote(file: TextFile, begins: int, line: int) -> DataError:
    where = f"line {line}" if line == begins else f"line {line}, in a row that begins on line {begins}"
    return DataError(
        f"{file.path}, {where}: text follows behind the closing quote of a cell.",
        'Write a quote inside a quoted cell twice ("" and not \\"), or set data.reader.quoting: false where quotes are '
        "plain characters.",
    )


@contextmanager
def _long_cells() -> Iterator[None]:
    limit = csv.field_size_limit(LONGEST_ROW)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
