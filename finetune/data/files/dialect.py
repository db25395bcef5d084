"""What separates the fields of a delimited file and what its columns are called; inferred only where it is certain."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from finetune.data.files.column_names import clean_names, name_notes
from finetune.data.files.decoding import TextFile
from finetune.data.files.malformed import no_rows
from finetune.data.files.quoting import LONGEST_ROW, records
from finetune.data.files.signatures import refuse_markup
from finetune.errors import DataError
from finetune.recipe import ReaderSection

_HEAD = 256 << 10  # characters
_SAMPLE = 100  # rows
_MOST = 0.9  # share of rows that make a table
_CANDIDATES = (",", ";", "\t", "|")
_SPELLED = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_SEP = re.compile(r'"?sep=(.)"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)

Record = tuple[int, int, list[str]]
"""The lines that a row begins and ends on, from 1, and its fields."""


@dataclass(frozen=True)
class Dialect:
    """How the rows of one file are written.

    Attributes:
        delimiter: One character.
        quoting: Whether double quotes group.
        names: Column names, cleaned, all different.
        written: The same as the header has them, trimmed; "" where there is none.
        skip: Number of lines before the first row.
        unnamed: Those of `names` that stand for an empty name.
        notes: What was inferred, in sentences.
        missing: Texts that stand for a missing value, beside an empty cell.
    """

    delimiter: str
    quoting: bool
    names: list[str]
    written: list[str]
    skip: int
    unnamed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Head:
    """The beginning of a file, after a line `sep=;`."""

    path: Path
    text: str
    skip: int
    cut: bool
    quoting: bool

    def rows(self, delimiter: str) -> list[Record]:
        """Its first rows; without the last where that may be half a row."""
        found = list(islice(records(_lines(self.text), delimiter, quoting=self.quoting), _SAMPLE + 1))
        whole = found[:-1] if self.cut and 1 < len(found) <= _SAMPLE else found[:_SAMPLE]
        return [(begins + self.skip, ends + self.skip, row) for begins, ends, row in whole]


def infer_dialect(file: TextFile, reader: ReaderSection, delimiter: str) -> Dialect:
    """Find out from the first rows of a file how it is written.

    Args:
        file: The checked file.
        reader: What the recipe says; it is never overruled.
        delimiter: What the format stands for, where the recipe names no delimiter.

    Raises:
        EmptyDataError: There is not even a header. DataError: The beginning is no table, or can be read in two ways.
    """
    head, stated = _read_head(file, reader.quoting)
    refuse_markup(head.text, file.path, json=False)
    notes = []
    chosen = reader.delimiter or stated
    if stated:
        notes.append("The first line, which names the delimiter for Excel, is left out.")
    if chosen is None:
        chosen = _delimiter(head, reader.header, delimiter)
        if chosen != delimiter:
            spelled = _SPELLED[chosen]
            notes.append(f"Fields are separated by a {spelled} (inferred from the first rows: data.reader.delimiter).")
    rows = head.rows(chosen)
    if reader.header:
        names = list(reader.header)
        return Dialect(chosen, reader.quoting, names, names, head.skip, [], notes)
    return _with_header(head, rows, chosen, notes)


def _with_header(head: _Head, rows: list[Record], delimiter: str, notes: list[str]) -> Dialect:
    if not rows or not any(name.strip() for name in rows[0][2]):
        raise no_rows(head.path)
    _, ends, first = rows[0]
    _refuse_odd_quotes(head, rows, delimiter)
    _refuse_titles(head.path, rows)
    _refuse_aligned(head.path, rows)
    names, unnamed = clean_names(first, head.path)
    written = [name.strip() for name in first]
    return Dialect(delimiter, head.quoting, names, written, ends, unnamed, notes + name_notes(first, names, unnamed))


def _read_head(file: TextFile, quoting: bool) -> tuple[_Head, str | None]:
    """The beginning, in whole lines, and the delimiter that a line `sep=;` names."""
    with file.open_text() as stream:
        text = stream.read(_HEAD)
        if len(text) == _HEAD:
            text += stream.readline(LONGEST_ROW)
        cut = bool(stream.read(1))
    stated = _SEP.match(text)
    if stated is None:
        return _Head(file.path, text, 0, cut, quoting), None
    return _Head(file.path, text[stated.end() :], 1, cut, quoting), stated[1]


def _lines(text: str) -> list[str]:
    """Lines as `csv` and Arrow see them; `str.splitlines` would also cut at form feeds and at U+2028."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text)


def _delimiter(head: _Head, header: tuple[str, ...] | None, default: str) -> str:
    """The default, unless the first rows are a table under another delimiter only.

    Raises:
        DataError: Both readings make a table, or neither does though the header looks like it.
    """
    rows = head.rows(default)
    if not rows:
        return default
    wanted, alone = len(header) if header else None, len(rows[0][2]) == 1
    others = [other for other in _CANDIDATES if other != default and _agreement(head.rows(other), wanted) >= _MOST]
    if _agreement(rows, wanted) >= _MOST:
        rivals = [other for other in others if other in ";\t" and len(rows) > 3]  # a bar often stands in cells
        if rivals and not header:
            raise _undecided(head.path, (default, *rivals))
        return default
    if len(others) == 1 and (header or alone):
        return others[0]
    if others and not header:
        raise _undecided(head.path, (default, *others))
    if alone and not header:
        _refuse_ragged(head.path, rows, default)
    return default


def _undecided(path: Path, ways: tuple[str, ...]) -> DataError:
    return DataError(
        f"{path}: its first rows can be separated by {' and by '.join(f'a {_SPELLED[way]}' for way in ways)}.",
        "Set data.reader.delimiter to the character between the fields.",
    )


def _refuse_ragged(path: Path, rows: list[Record], default: str) -> None:
    """One column by the default, though the header has another delimiter, under which the rows disagree."""
    present = [other for other in _CANDIDATES if other != default and other in rows[0][2][0]]
    if present and len(rows) > 1:
        raise DataError(
            f"{path}: the header has no {_SPELLED[default]} but a {_SPELLED[present[0]]}, "
            "and the rows below disagree on their number of fields.",
            "Set data.reader.delimiter to the character between the fields.",
        )


def _agreement(rows: list[Record], wanted: int | None) -> float:
    """Share of rows as wide as the first (or as wanted); 0 for a single column."""
    width = wanted or (len(rows[0][2]) if rows else 0)
    if width < 2:
        return 0.0
    return sum(len(row) == width for _, _, row in rows) / len(rows)


def _refuse_titles(path: Path, rows: list[Record]) -> None:
    """A report's title stands where the header should; or the rows have a field that the header lacks."""
    line, _, first = rows[0]
    below = [row for _, _, row in rows[1:]]
    if not below:
        return
    width, times = Counter(map(len, below)).most_common(1)[0]
    filled = sum(bool(name.strip()) for name in first)
    padded = filled == 1 and len(first) > 2 and any(sum(bool(cell.strip()) for cell in row) > 1 for row in below)
    if not padded and (width <= len(first) or times * 2 <= len(below)):
        return
    if not padded and len(first) > 1 and len(first) + 1 == width == len(below[0]):
        raise _one_more(path, line, width, [row[-1] for row in below if len(row) == width])
    lower = next(begins for begins, _, row in rows[1:] if len(row) == width)
    raise DataError(
        f"{path}, line {line}: the header names {filled} columns, and most rows below have {width} fields; "
        f"a title or a comment may stand above the header (on line {lower}?).",
        "Delete the lines above the header; where cells hold the delimiter, put them in double quotes.",
    )


def _one_more(path: Path, line: int, width: int, last: list[str]) -> DataError:
    why = (
        "each row ends in a delimiter that the header lacks"
        if not any(cell.strip() for cell in last)
        else "row names may stand first without a name in the header"
    )
    return DataError(
        f"{path}, line {line}: the header names {width - 1} columns, and the rows have {width} fields: {why}.",
        "Add the missing name to the header, or take the extra delimiter off the rows.",
    )


def _refuse_aligned(path: Path, rows: list[Record]) -> None:
    """Columns that are aligned with blanks."""
    lines = [row[0].strip() for _, _, row in rows if len(row) == 1]
    if len(lines) < len(rows) or len(lines) < 2:
        return
    gaps = sum(bool(re.search(r"\S {2,}\S", line)) for line in lines)
    if re.search(r"\S {2,}\S", lines[0]) and gaps >= 0.9 * len(lines):
        raise DataError(
            f"{path}: its columns are aligned with blanks (fixed width), not separated by a delimiter.",
            "Save it as CSV; where it is one column, set data.reader.header to its name and delete the first line.",
        )


def _refuse_odd_quotes(head: _Head, rows: list[Record], delimiter: str) -> None:
    """Quotes that do not group: single ones, and double ones behind a blank."""
    line, _, first = rows[0]
    if len(first) > 1 and all(re.fullmatch(r"\s*'.*'\s*", name) for name in first):
        raise DataError(
            f"{head.path}, line {line}: the names are in single quotes, which do not group fields.",
            'Write double quotes (") around fields.',
        )

    def opens(cell: str) -> bool:  # as it stands in the file, not as a quoted cell that begins with a blank
        return bool(re.match(r'[ \t]+"', cell)) and delimiter + cell in head.text

    blank = [begins for begins, _, row in rows if head.quoting and any(map(opens, row[1:]))]
    if blank and len(blank) * 2 >= len(rows):
        raise DataError(
            f"{head.path}, line {blank[0]}: a blank stands between a delimiter and a quote, so the quote does not "
            "group.",
            "Take the blanks out; where quotes are plain characters, set data.reader.quoting: false.",
        )
