"""Files that are not what their names say: recognised by their first bytes, refused with the way out."""

from __future__ import annotations

import re
from pathlib import Path

from finetune.errors import DataError, EncodingError

_UNPACK = "Unpack it first, and name the file inside."
_SHEET = "Open it and save the sheet as CSV (UTF-8)."
_BINARY: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook of the old kind (.xls)", _SHEET),
    (b"%PDF", "a PDF document", "Export the data itself as CSV or JSON."),
    (b"PAR1", "a Parquet file", "Set data.reader.format: parquet."),
    (b"ARROW1", "an Arrow file", "Set data.reader.format: arrow."),
    (b"SQLite format 3\x00", "an SQLite database", "Name it as sqlite:///PATH and set data.reader.query."),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x89PNG", "a PNG image", "Set data.reader.format: imagefolder, and name the folder."),
    (b"\xff\xd8\xff", "a JPEG image", "Set data.reader.format: imagefolder, and name the folder."),
    (b"\x93NUMPY", "a NumPy array", "Save its rows as CSV or Parquet."),
    (b"\x89HDF", "an HDF5 file", "Save its rows as CSV or Parquet."),
    (b"version https://git-lfs", "a Git LFS pointer, not the data", "Fetch the data with: git lfs pull"),
)
_ZIPPED: tuple[tuple[bytes, str, str], ...] = (
    (b"opendocument.spreadsheet", "an OpenDocument spreadsheet (.ods)", _SHEET),
    (b"word/", "a Word document", "Export the data itself as CSV."),
    (b"xl/", "an Excel workbook (.xlsx)", _SHEET),
    (b"[Content_Types].xml", "an Excel workbook (.xlsx) or another Office document", _SHEET),
)
_MARKUP: tuple[tuple[str, str, str], ...] = (
    (r"<(!doctype html|html|head|body|table|meta)\b", "an HTML page", "Export as CSV; a saved error page has no data."),
    (r"<\?xml\b", "an XML document", "Convert its rows to CSV or JSON Lines."),
    (r"\+[-=+]{3,}\s*$", "a table drawn with characters", "Export as CSV."),
    (r"\|.*\|[ \t]*[\r\n]+\|?[ :|-]*-{2,}[ :|-]*$", "a Markdown table", "Export as CSV."),
)
_JSON = r"(\[\s*)?\{\s*(\"|\}|\Z)"


def refuse_other_formats(head: bytes, path: Path) -> None:
    """Stop at a file that is no text: a workbook, an archive, an image, a database.

    Args:
        head: Its first bytes, some thousands; decompressed where it is compressed with gzip, bzip2 or xz.
        path: For the message.

    Raises:
        DataError: It is one of the kinds that are recognised.
    """
    table = _ZIPPED if head.startswith(b"PK\x03\x04") else ()
    found = next(((kind, remedy) for mark, kind, remedy in table if mark in head), None)
    if found is None and head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        found = ("a ZIP archive", _UNPACK)
    found = found or next(((kind, remedy) for mark, kind, remedy in _BINARY if head.startswith(mark)), None)
    if found:
        raise DataError(f"{path} is {found[0]}, not text.", found[1])


def refuse_bare_utf16(head: bytes, path: Path, encoding: str) -> None:
    """UTF-16 without a byte order mark is valid UTF-8 with a NUL beside each letter.

    Raises:
        EncodingError: Nearly every second byte is NUL, though the encoding has single bytes.
    """
    if encoding.startswith(("utf-16", "utf-32")) or len(head) < 8:
        return
    even, odd = (head[start::2].count(0) / len(head[start::2]) for start in (0, 1))
    if max(even, odd) > 0.7 and min(even, odd) < 0.1:
        guess = "utf-16-be" if even > odd else "utf-16-le"
        raise EncodingError(
            f"{path}: nearly every second byte is NUL, which is UTF-16 without a byte order mark, not {encoding}.",
            f"Set data.reader.encoding: {guess}.",
        )


def refuse_markup(head: str, path: Path, *, json: bool) -> None:
    """Stop at text that is not rows: a page, a drawn table; JSON, where delimited text is expected.

    Args:
        head: The beginning of the text.
        path: For the message.
        json: Whether JSON is what is expected.

    Raises:
        DataError: It is one of the kinds that are recognised.
    """
    start = head.lstrip()
    for pattern, kind, remedy in _MARKUP:
        if re.match(pattern, start, re.IGNORECASE | re.MULTILINE):
            raise DataError(f"{path} is {kind}, not {'JSON' if json else 'delimited text'}.", remedy)
    if not json and re.match(_JSON, start):
        form = "json" if start.startswith("[") else "jsonl"
        raise DataError(f"{path} holds JSON, not delimited text.", f"Set data.reader.format: {form}.")
