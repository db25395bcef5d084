"""Kinds of mess that real exports have: each is read right, with a note where something was inferred, or refused.

Every kind goes through the public way twice: held in memory, and through the cache on disk that large files use.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data import RawData, read
from finetune.errors import DataError, EmptyDataError, EncodingError, FinetuneError, RecipeError
from finetune.recipe import DataSection

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Read:
    """A mess that is read: the exact rows, and what must be told about them."""

    content: bytes
    rows: Rows
    notes: tuple[str, ...] = ()
    malformed: tuple[int | str, ...] = ()
    name: str = "export.csv"
    reader: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A mess that is refused: the kind of error, and words of its cause and of its remedy."""

    content: bytes
    kind: type[FinetuneError]
    cause: str
    remedy: str
    name: str = "export.csv"
    reader: dict[str, Any] = field(default_factory=dict)


def pair(*cells: tuple[str | None, str | None]) -> Rows:
    return [{"text": text, "label": label} for text, label in cells]


def csv(*lines: str) -> bytes:
    return ("\n".join(("text,label", *lines)) + "\n").encode()


def packed(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "text,label\na,1\n")
    return stream.getvalue()


def parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"]}), stream)
    return stream.getvalue()


def lone_cell(value: str) -> Read:
    return Read(csv(f'"{value}",x'), pair((value, "x")))


SIMPLE = "text,label\nnaïve,1\nplain,2\n"
ROWS = pair(("naïve", "1"), ("plain", "2"))
AB = pair(("a", "1"), ("b", "2"))
MANY = [f"c{i}" for i in range(2000)]
LONG = "long, \n" * 150_000

ENCODINGS: dict[str, Read | Refused] = {
    "UTF-8 with a mark": Read(SIMPLE.encode("utf-8-sig"), ROWS),
    "a UTF-8 mark before a quote": Read(b'\xef\xbb\xbf"text","label"\na,1\nb,2\n', AB),
    "a UTF-8 mark, said to be cp1252": Read(
        SIMPLE.encode("utf-8-sig"), ROWS, ("as utf-8, as its byte order mark",), reader={"encoding": "cp1252"}
    ),
    "UTF-16 LE with a mark": Read(b"\xff\xfe" + SIMPLE.encode("utf-16-le"), ROWS, ("as utf-16-le",)),
    "UTF-16 BE with a mark": Read(b"\xfe\xff" + SIMPLE.encode("utf-16-be"), ROWS, ("as utf-16-be",)),
    "UTF-32 LE with a mark": Read(b"\xff\xfe\0\0" + SIMPLE.encode("utf-32-le"), ROWS, ("as utf-32-le",)),
    "Excel's Unicode text": Read(
        "text\tlabel\r\nnaïve\t1\r\nplain\t2\r\n".encode("utf-16"), ROWS, ("as utf-16", "by a tab")
    ),
    "UTF-16 without a mark": Refused(
        SIMPLE.encode("utf-16-le"), EncodingError, "second byte is NUL", "encoding: utf-16-le"
    ),
    "cp1252": Refused(SIMPLE.encode("cp1252"), EncodingError, "line 2: byte 0xef", "cp1252"),
    "cp1252 behind lone carriage returns": Refused(
        b"text,label\ra,1\rb\xe9,2\r", EncodingError, "line 3: byte 0xe9", "cp1252"
    ),
    "cut within a character": Refused("text\nnaï".encode()[:-1], EncodingError, "line 2: byte 0xc3", "encoding"),
    "cp1252, said so": Read(SIMPLE.encode("cp1252"), ROWS, reader={"encoding": "cp1252"}),
    "an encoding that is none": Refused(
        csv("a,1"), RecipeError, "'hex' is not known", "utf-8", reader={"encoding": "hex"}
    ),
    "emoji and right-to-left text": Read(csv("שלום 🙂 مرحبا,1"), pair(("שלום 🙂 مرحبا", "1"))),
    "NUL characters": Read(b"text,label\na\0b,1\n\0\0,2\n", pair(("a\0b", "1"), ("\0\0", "2")), ("3 of them NUL",)),
    "control characters": Read(csv("a\x01\x1b[0m,1"), pair(("a\x01\x1b[0m", "1")), ("2 control characters",)),
    "Ctrl-Z at the end": Read(csv("a,1", "b,2") + b"\x1a", AB, ("Ctrl-Z",)),
    "form feeds and U+2028 within cells": Read(
        csv("a\x0cb\u2028c\x85d,1"), pair(("a\x0cb\u2028c\x85d", "1")), ("1 control",)
    ),
    "gzip": Read(gzip.compress(SIMPLE.encode()), ROWS, name="export.csv.gz"),
    "gzip without the ending": Read(gzip.compress(SIMPLE.encode()), ROWS),
    "bzip2": Read(bz2.compress(SIMPLE.encode()), ROWS, name="export.csv.bz2"),
    "xz": Read(lzma.compress(SIMPLE.encode()), ROWS, name="EXPORT.CSV.XZ"),
    "gzip of JSON Lines": Read(gzip.compress(b'{"a": 1}\n'), [{"a": 1}], name="export.jsonl.gz"),
    "gzip that was cut off": Refused(
        gzip.compress(os.urandom(9999))[:-20], DataError, "cannot be decompressed", "fetch it again", "export.csv.gz"
    ),
    "bzip2 that is damaged": Refused(
        b"BZh91AY&SYxxxxxxxxxx", DataError, "cannot be decompressed", "fetch it again", "export.csv.bz2"
    ),
}

LAYOUT: dict[str, Read | Refused] = {
    "CRLF": Read(b"text,label\r\na,1\r\nb,2\r\n", AB),
    "lone carriage returns": Read(b"text,label\ra,1\rb,2\r", AB),
    "all line ends at once": Read(b"text,label\ra,1\r\nb,2\n", AB),
    "no line end at the end": Read(csv("a,1", "b,2")[:-1], AB),
    "empty lines everywhere": Read(b"\n\r\ntext,label\n\na,1\n\n\nb,2\n\n\n", AB),
    "semicolons": Read(b"text;label\na, b;1,5\nc;2\n", pair(("a, b", "1,5"), ("c", "2")), ("by a semicolon",)),
    "tabs": Read(b"text\tlabel\na\t1\nb\t2\n", AB, ("by a tab",)),
    "vertical bars": Read(b"text|label\na|1\nb|2\n", AB, ("by a vertical bar",)),
    "commas in a .tsv": Read(csv("a,1", "b,2"), AB, ("by a comma",), name="export.tsv"),
    "semicolons without a header": Read(b"a;1\nb;2\n", AB, ("by a semicolon",), reader={"header": ["text", "label"]}),
    "sep=; for Excel": Read(b"sep=;\r\ntext;label\r\na;1\r\nb;2\r\nx\r\n", AB, ("for Excel",), malformed=(5,)),
    "sep=, in quotes": Read(b'"sep=,"\ntext,label\na,1\nb,2\n', AB, ("for Excel",)),
    "a bar in every cell": Read(b"text,label|x\na|b,1\n", [{"text": "a|b", "label|x": "1"}]),
    "semicolons, and the rows disagree": Refused(
        b"text;label\na;b;1\nc\nd\n", DataError, "has no comma but a semicolon", "reader.delimiter"
    ),
    "commas or semicolons": Refused(
        b"id;price,EUR\n1;2,50\n2;3,00\n3;1,99\n", DataError, "by a comma and by a semicolon", "reader.delimiter"
    ),
    "mixed separators between rows": Read(csv("a,1", "x;3", "b,2"), AB, malformed=(3,)),
    "short and long rows": Read(csv("a,1", "short", "one,two,three", "b,2"), AB, malformed=(3, 4)),
    "short and long rows, not wanted": Refused(
        csv("a,1", "b", "c,2,3"),
        DataError,
        "2 malformed lines (expected 2 fields), the first at line 3",
        "malformed: drop",
        reader={"malformed": "refuse"},
    ),
    "every row too short": Refused(csv("a", "b"), EmptyDataError, "2 × 1 fields instead of 2", "reader.delimiter"),
    "a delimiter at the end of every line": Read(b"text,label,\na,1,\nb,2,\n", AB, ("1 columns without a name",)),
    "a delimiter at the end of every row": Refused(
        b"text,label\na,1,\nb,2,\n", DataError, "ends in a delimiter that the header lacks", "extra delimiter"
    ),
    "row names without a name": Refused(
        csv("1,a,1", "2,b,2"), DataError, "row names may stand first", "Add the missing name"
    ),
    "an index column of pandas": Read(
        b",text,label\n0,a,1\n1,b,2\n",
        [{"Unnamed: 0": "0", "text": "a", "label": "1"}, {"Unnamed: 0": "1", "text": "b", "label": "2"}],
        ("Column 1 has no name and is called 'Unnamed: 0'",),
    ),
    "an empty column without a name": Read(b"text,,label\na,,1\nb,,2\n", AB, ("left out",)),
    "an empty column with a name": Read(b"text,x,label\na,,1\n", [{"text": "a", "x": None, "label": "1"}]),
    "rows of delimiters only": Read(csv("a,1", ",", "b,2"), pair(("a", "1"), (None, None), ("b", "2"))),
    "a comment above the header": Refused(
        b"# made by hand\n" + csv("a,1", "b,2"), DataError, "(on line 2?)", "Delete the lines above"
    ),
    "titles above the header": Refused(
        b"Sales, all\nof 2024\n\ntext,label,n\na,1,2\nb,2,3\nc,3,3\nd,1,1\n",
        DataError,
        "(on line 4?)",
        "Delete the lines",
    ),
    "a title that is filled up": Refused(
        b"Report,,\nid,text,label\n1,a,1\n", DataError, "a title or a comment may stand", "Delete the lines"
    ),
    "a line of units": Read(b"text,price\n,EUR\na,2\n", [{"text": None, "price": "EUR"}, {"text": "a", "price": "2"}]),
    "a line of totals": Read(csv("a,1", "Total,1"), pair(("a", "1"), ("Total", "1")), ("looks like a line of totals",)),
    "joined exports": Read(csv("a,1") + csv("b,2"), AB, ("1 rows repeat the header",)),
    "a name that is a cell": Read(b"text\ntext\na\n", [{"text": "text"}, {"text": "a"}]),
    "a drawn table": Refused(
        b"+------+-------+\n| text | label |\n+------+-------+\n| a | 1 |\n", DataError, "drawn with characters", "CSV"
    ),
    "a Markdown table": Refused(b"| text | label |\n|------|:-----:|\n| a | 1 |\n", DataError, "Markdown", "CSV"),
    "fixed width": Refused(
        b"text       label\nalpha one  1\nbeta       2\n", DataError, "aligned with blanks", "Save it as CSV"
    ),
    "one column": Read(b"text\nfull name\nsecond  name\n", [{"text": "full name"}, {"text": "second  name"}]),
    "2,000 columns": Read(
        f"{','.join(MANY)}\n{','.join(MANY)}x\n".encode(), [{**{n: n for n in MANY}, "c1999": "c1999x"}]
    ),
    "a cell of a million characters": Read(csv(f'"{LONG}",1'), pair((LONG, "1"))),
    "the header only": Refused(csv(), EmptyDataError, "holds no rows", "the file you meant"),
    "nothing": Refused(b"", EmptyDataError, "holds no rows", "the file you meant"),
    "a byte order mark only": Refused(b"\xef\xbb\xbf", EmptyDataError, "holds no rows", "the file you meant"),
    "blanks only": Refused(b"  \n \n\n", EmptyDataError, "holds no rows", "the file you meant"),
    "delimiters only": Refused(b",,\n,,\n", EmptyDataError, "holds no rows", "the file you meant"),
}

QUOTES: dict[str, Read | Refused] = {
    "a cell that begins with a blank and a quote": Read(csv('a," ""b"" c"'), pair(("a", ' "b" c'))),
    "line breaks of all kinds in quotes": Read(
        csv('"a\r\nb\rc\nd",1', "x"), pair(("a\r\nb\rc\nd", "1")), malformed=(6,)
    ),
    "delimiters in quotes": Read(csv('"a, b; c",1'), pair(("a, b; c", "1"))),
    "doubled quotes": Read(csv('"""a"" b",1'), pair(('"a" b', "1"))),
    "a quote within a bare cell": Read(csv('5" wide,1'), pair(('5" wide', "1"))),
    "empty cells in quotes": Read(csv('"",1', ",2"), pair((None, "1"), (None, "2"))),
    "quotes escaped by backslashes": Refused(
        csv("a,1", r'"he said \"no\" twice",2'), DataError, "line 3: text follows behind the closing quote", '""'
    ),
    "backslashes that escape nothing": Read(
        csv(r"C:\new\table,1", r'"C:\new\",2'), pair((r"C:\new\table", "1"), ("C:\\new\\", "2"))
    ),
    "text behind a closing quote": Refused(csv('"a"b,1'), DataError, "line 2: text follows", "quoting: false"),
    "two quotes that nobody closes": Refused(
        csv('"open,1', "b,2", '"open,3'), DataError, "line 4, in a row that begins on line 2", "quoting: false"
    ),
    "a quote that nobody closes": Refused(
        csv("a,1", '"open,1', "b,2"), DataError, "line 3: a quote is opened and never closed", "quoting: false"
    ),
    "quotes that are plain characters": Read(
        csv('"open,1', 'b",2'), pair(('"open', "1"), ('b"', "2")), reader={"quoting": False}
    ),
    "a blank before the quotes": Refused(
        b'text, label\n"a", "1, or 2"\n', DataError, "line 2: a blank stands between", "Take the blanks out"
    ),
    "single quotes": Refused(
        b"'text','label'\n'a','1'\n", DataError, "single quotes, which do not group", "double quotes"
    ),
    "single quotes around cells": Read(csv("'a',1"), pair(("'a'", "1"))),
}

NAMES: dict[str, Read | Refused] = {
    "the same name twice": Refused(b"text,text\na,b\n", DataError, "names the column 'text' 2 times", "Rename"),
    "the same name twice, once with blanks": Refused(b"text, text\na,b\n", DataError, "'text' 2 times", "Rename"),
    "names that differ in case": Read(b"text,Text\na,b\n", [{"text": "a", "Text": "b"}], ("differ only in case",)),
    "blanks around names and cells": Read(b" text , label \n a , 1 \n", pair((" a ", " 1 "))),
    "no-break blanks in names": Read(
        "full\u00a0text,label\na,1\n".encode(), [{"full text": "a", "label": "1"}], ("read as 'full text'",)
    ),
    "zero-width characters in names": Read(
        "\u200btext\ufeff,label\na,1\n".encode(), pair(("a", "1")), ("read as 'text'",)
    ),
    "line breaks in names": Read(
        b'"full\r\ntext",label\na,1\n', [{"full text": "a", "label": "1"}], ("read as 'full text'",)
    ),
    "names that are numbers": Read(b"5.1,a\n4.9,b\n", [{"5.1": "4.9", "a": "b"}], ("set data.reader.header",)),
    "a header where the recipe has one too": Read(
        csv("a,1", "b,2"), AB, ("1 rows repeat the header",), reader={"header": ["text", "label"]}
    ),
}

CELLS: dict[str, Read | Refused] = {
    f"cells as they stand: {name}": lone_cell(value)
    for name, value in {
        "thousands separators": "1,234,567.89", "decimal comma": "1.234,5", "per cent": "12,5 %", "currency": "€ 1,000",
        "leading zeros": "007", "long whole number": "123456789012345678901234567890", "scientific": "1.50E+05",
        "NA": "NA", "null": "null", "None": "None", "nan": "nan", "TRUE": "TRUE", "date": "03/04/25",
        "ISO date": "2024-02-30T25:00", "negative in brackets": "(1,000.00)", "an Excel error": "#DIV/0!",
        "a formula": "=1+2", "a no-break blank": "1\u00a0000", "blank": " ", "mojibake": "naÃ¯ve",
    }.items()
}  # fmt: skip

OTHERS: dict[str, Read | Refused] = {
    "a workbook": Refused(
        packed("[Content_Types].xml", "xl/workbook.xml"), DataError, "Excel workbook (.xlsx)", "save the sheet as CSV"
    ),
    "an old workbook": Refused(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), DataError, "(.xls)", "save the sheet"),
    "an OpenDocument sheet": Refused(
        b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
        DataError,
        "(.ods)",
        "save",
    ),
    "a ZIP archive": Refused(packed("export.csv"), DataError, "a ZIP archive", "Unpack it", "export.csv.zip"),
    "Zstandard": Refused(b"\x28\xb5\x2f\xfd" + bytes(40), DataError, "Zstandard", "Unpack it"),
    "a web page": Refused(
        b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", DataError, "an HTML page", "error page"
    ),
    "a web page for JSON": Refused(
        b"\n<html><body>502</body></html>", DataError, "an HTML page", "error page", "export.json"
    ),
    "XML": Refused(b'<?xml version="1.0"?>\n<rows/>', DataError, "an XML document", "Convert"),
    "JSON": Refused(b'[{"text": "a", "label": 1}]', DataError, "holds JSON", "format: json"),
    "JSON Lines": Refused(b'{"text": "a", "label": 1}\n', DataError, "holds JSON", "format: jsonl"),
    "Parquet": Refused(parquet(), DataError, "a Parquet file", "format: parquet"),
    "PDF": Refused(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", DataError, "a PDF document", "Export"),
    "SQLite": Refused(b"SQLite format 3\0" + bytes(84), DataError, "an SQLite database", "sqlite:///"),
    "a Git LFS pointer": Refused(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", DataError, "LFS pointer", "git lfs pull"
    ),
}


def lines(*values: str, **changes: Any) -> dict[str, Any]:
    return {"content": ("\n".join(values) + "\n").encode(), "name": "export.jsonl", **changes}


def refused(
    text: str, cause: str, remedy: str, name: str = "export.json", kind: type[FinetuneError] = DataError
) -> Refused:
    return Refused(text.encode(), kind, cause, remedy, name)


JSON: dict[str, Read | Refused] = {
    "JSON Lines with a mark": Read(b'\xef\xbb\xbf{"a": 1}\n', [{"a": 1}], name="export.jsonl"),
    "JSON Lines in UTF-16": Read('{"a": "ï"}\n'.encode("utf-16"), [{"a": "ï"}], ("utf-16",), name="export.jsonl"),
    "lone carriage returns in JSON Lines": Read(b'{"a": 1}\r{"a": 2}\r', [{"a": 1}, {"a": 2}], name="export.jsonl"),
    "a list in JSON Lines": refused('[{"a": 1}]', "begins with a list", "format: json", "export.jsonl"),
    "a printed list in JSON Lines": refused(
        '[\n{"a": 1},\n{"a": 2}\n]\n', "begins with a list", "format: json", "export.jsonl"
    ),
    "commas behind JSON Lines": refused(
        '{"a": 1},\n{"a": 2},\n', "2 × not valid JSON (Extra data)", "reader.format", "export.jsonl", EmptyDataError
    ),
    "two objects on a line": Read(**lines('{"a": 1}{"a": 2}', '{"a": 3}'), rows=[{"a": 3}], malformed=(1,)),
    "an object over several lines": refused(
        '{\n"a": 1\n}\n', "none can be read", "reader.format", "export.jsonl", EmptyDataError
    ),
    "single quotes in JSON": Read(**lines("{'a': 1}", '{"a": 3}'), rows=[{"a": 3}], malformed=(1,)),
    "a key twice": Read(**lines('{"a": 1, "a": 2}', '{"a": 3}'), rows=[{"a": 3}], malformed=(1,)),
    "a key twice, not wanted": Refused(
        **lines('{"a": 1, "a": 2}', '{"a": 3}'),
        kind=DataError,
        cause="line 1: 1 × a key stands twice",
        remedy="Mend",
        reader={"malformed": "refuse"},
    ),
    "a key twice in a list": refused('[{"a": 1, "a": 2}]', "a key stands twice", "Mend"),
    "half a surrogate pair": Read(
        **lines(r'{"a": "\ud83d"}', r'{"a": "\ud83d\ude42"}'), rows=[{"a": "🙂"}], malformed=(1,)
    ),
    "a fraction that is too large": Read(**lines('{"a": 1e999}', '{"a": 1.5}'), rows=[{"a": 1.5}], malformed=(1,)),
    "a whole number of 5,000 digits": Read(
        **lines('{"a": %s}' % ("9" * 5000), '{"a": 1}'), rows=[{"a": 1}], malformed=(1,)
    ),
    "a whole number beyond 64 bits": Read(
        **lines('{"a": 18446744073709551616}', '{"a": 1}'),
        rows=[{"a": "18446744073709551616"}, {"a": "1"}],
        notes=("read as text",),
    ),
    "a whole number that a fraction would round": Read(
        **lines('{"a": 9007199254740993}', '{"a": 0.5}'),
        rows=[{"a": "9007199254740993"}, {"a": "0.5"}],
        notes=("read as text",),
    ),
    "nesting without end": Read(**lines('{"a":' * 99_999, '{"a": 1}'), rows=[{"a": 1}], malformed=(1,)),
    "NaN beside text": Read(
        **lines('{"a": NaN}', '{"a": "x"}'), rows=[{"a": None}, {"a": "x"}], notes=("read as text",)
    ),
    "Infinity": Read(**lines('{"a": Infinity}', '{"a": 1}'), rows=[{"a": float("inf")}, {"a": 1.0}]),
    "missing keys": Read(
        **lines('{"a": 1}', '{"b": "x"}', "{}"),
        rows=[{"a": 1, "b": None}, {"a": None, "b": "x"}, {"a": None, "b": None}],
    ),
    "nested values": Read(
        **lines('{"a": {"b": [1]}}', '{"a": {"c": "x", "b": null}}'),
        rows=[{"a": {"b": [1], "c": None}}, {"a": {"b": None, "c": "x"}}],
    ),
    "several kinds of values": Read(
        **lines('{"a": 1}', '{"a": "x"}', '{"a": ["ü"]}', '{"a": true}'),
        rows=[{"a": "1"}, {"a": "x"}, {"a": '["ü"]'}, {"a": "true"}],
        notes=("'a' are of several kinds",),
    ),
    "values among objects": Read(
        b'[{"a": 1}, 2, null]', [{"a": 1}], malformed=("item 2", "item 3"), name="export.json"
    ),
    "a comma behind the last object": refused('[{"a": 1},]', "line 1: not valid JSON", "jsonl"),
    "JSON that was cut off": refused('[{"a": 1}, {"a"', "not valid JSON", "jsonl"),
    "a single value": refused("42", "a single value", "Write [{"),
    "columns by row (pandas)": refused('{"a": {"0": 1}, "b": {"0": 2}}', "one object of 2 objects", 'orient="records"'),
    "columns as lists": refused('{"a": [1, 2], "b": [3, 4]}', "one object of 2 lists", 'orient="records"'),
    "one object": Read(b'{"a": 1, "b": "x"}', [{"a": 1, "b": "x"}], name="export.json"),
}

MESSES = ENCODINGS | LAYOUT | QUOTES | NAMES | CELLS | OTHERS | JSON


def load(path: Path, **reader: Any) -> RawData:
    return read(DataSection.model_validate({"name": str(path), "reader": reader}))


def saved(folder: Path, content: bytes, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, through which every file goes, in blocks of three rows or so."""
    import datasets

    from finetune.data.files import conversion

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(conversion, "IN_MEMORY", 0)
    return tmp_path / "cache" / "finetune-files"


def check(mess: Read | Refused, folder: Path) -> None:
    path = saved(folder, mess.content, mess.name)
    if isinstance(mess, Refused):
        with pytest.raises(mess.kind) as caught:
            load(path, **mess.reader)
        assert type(caught.value) is mess.kind
        assert mess.cause in caught.value.cause
        assert mess.remedy in caught.value.remedy
        return
    raw = load(path, **mess.reader)
    assert [dict(row) for row in raw.splits["train"]] == mess.rows
    assert (raw.malformed.count, tuple(raw.malformed.lines)) == (len(mess.malformed), mess.malformed)
    assert len(raw.notes) == len(mess.notes)
    for note, words in zip(raw.notes, mess.notes, strict=True):
        assert words in note


@pytest.mark.parametrize("name", MESSES)
def test_read_right_or_refused(name: str, tmp_path: Path) -> None:
    check(MESSES[name], tmp_path)


@pytest.mark.parametrize("name", MESSES)
def test_the_same_through_the_cache(name: str, tmp_path: Path, store: Path) -> None:
    check(MESSES[name], tmp_path)
    check(MESSES[name], tmp_path)  # what was stored tells the same as what was read


def test_there_are_fifty_kinds_of_delimited_files() -> None:
    assert len(ENCODINGS) + len(LAYOUT) + len(QUOTES) + len(NAMES) + len(OTHERS) > 50


# -- the cache --------------------------------------------------------------------------------------------------------


def many(count: int = 5000) -> bytes:
    return csv(*(f'"row {i}\nof ""many""",{i % 3}' if i % 100 else "bad" for i in range(1, count)))


def test_blocks_do_not_show(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finetune.data.files import conversion, decoding, delimited, json_files

    path = saved(tmp_path, many())
    objects = saved(tmp_path, b"".join(b'{"a": %d, "b": {"c%d": 1.5}}\n' % (i, i % 7) for i in range(500)), "a.jsonl")
    with monkeypatch.context() as whole:
        whole.setattr(conversion, "IN_MEMORY", 1 << 30)
        expected, other = load(path), load(objects)
    monkeypatch.setattr(delimited, "BLOCKS", (500, 1 << 20))
    monkeypatch.setattr(decoding, "_STEP", 7)
    monkeypatch.setattr(json_files, "_CHUNK", 3)
    found = load(path)
    assert found.splits["train"][:] == expected.splits["train"][:]
    assert found.malformed == expected.malformed
    assert len(found.malformed.lines) == 49
    source = many().decode().splitlines()
    assert all(source[line - 1] == "bad" for line in found.malformed.lines)
    assert found.source["fingerprint"] == expected.source["fingerprint"]
    assert len(found.splits["train"].data.to_batches()) > 10
    assert load(objects).splits["train"][:] == other.splits["train"][:]


def test_a_row_longer_than_a_block(tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finetune.data.files import delimited

    path = saved(tmp_path, csv(*("x,1" for _ in range(100)), "bad", f'"{LONG}",2'))
    monkeypatch.setattr(delimited, "BLOCKS", (1000, 2 << 20))
    raw = load(path)
    assert (raw.splits["train"].num_rows, raw.splits["train"][100]["text"]) == (101, LONG)
    assert (raw.malformed.count, raw.malformed.lines) == (1, [102])  # once, though it was met twice
    monkeypatch.setattr(delimited, "BLOCKS", (1000, 2000))
    assert load(path).splits["train"].num_rows == 101  # from the cache
    with pytest.raises(DataError, match=r"(?s)a row is longer than.*reader\.quoting: false"):
        load(saved(tmp_path, csv("x,1", f'"{LONG}",2')))


def test_types_that_only_a_later_chunk_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finetune.data.files import json_files

    monkeypatch.setattr(json_files, "_CHUNK", 1)
    objects = [{"a": 1, "b": None}, {"a": None, "b": [None]}, {"a": None, "b": ["x"]}]
    for values, expected in (
        ([None, 1, 0.5], [None, 1.0, 0.5]),
        ([1, "x"], ["1", "x"]),
        ([9007199254740993, 0.5], ["9007199254740993", "0.5"]),
        ([[], [1], [0.5], None], [[], [1.0], [0.5], None]),
        ([{"a": 1}, {"b": [None]}, {"b": ["x"]}], objects),
    ):
        path = saved(tmp_path, "\n".join(json.dumps({"v": value}) for value in values).encode(), "values.jsonl")
        assert load(path).splits["train"]["v"][:] == expected


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1a"), max_size=12)
TABLES = st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8)
SPECIAL = st.text(st.sampled_from("\",;|\t\r\n '\\a"), max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.one_of(TABLES, st.lists(st.tuples(SPECIAL, SPECIAL), min_size=1, max_size=8)), st.sampled_from(",;\t|"))
def test_whatever_is_quoted_by_the_rules_comes_back(table: list[tuple[str, str]], delimiter: str) -> None:
    from finetune.data.files import delimited

    def cell(value: str) -> str:
        plain = not re.search(r'["\r\n]', value) and delimiter not in value and value.strip()
        return value if plain else '"' + value.replace('"', '""') + '"'

    lines = [("text", "label"), *table]
    content = "\n".join(delimiter.join(map(cell, row)) for row in lines).encode()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "BLOCKS", (300, 1 << 20))  # bytes: rows stand in several blocks
        raw = load(saved(Path(folder), content), delimiter=delimiter)
        assert [tuple(row.values()) for row in raw.splits["train"]] == [(a or None, b or None) for a, b in table]
    assert raw.malformed.count == 0


def test_the_cache_is_found_again_and_only_for_the_same_text(tmp_path: Path, store: Path) -> None:
    path = saved(tmp_path, csv("a,1", "b,2"))
    first = load(path)
    (file,) = [Path(entry["filename"]) for entry in first.splits["train"].cache_files]
    assert file.parent.parent == store
    written = file.stat().st_mtime_ns
    again = load(saved(tmp_path, path.read_bytes(), "moved.csv"))
    assert file.stat().st_mtime_ns == written
    assert again.source["fingerprint"] == first.source["fingerprint"]
    times = path.stat()
    path.write_bytes(csv("a,1", "b,3"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the same size and the same time of change
    changed = load(path)
    assert changed.splits["train"][1]["label"] == "3"
    assert changed.source["fingerprint"] != first.source["fingerprint"]
    assert load(path, delimiter=";").splits["train"].column_names == ["text,label"]
    assert len(list(store.iterdir())) == 3


def test_what_is_computed_from_a_file_is_found_again(tmp_path: Path, store: Path) -> None:
    path = saved(tmp_path, csv("a,1", "b,2"))
    first, second = (load(path).splits["train"].map(lambda row: {"n": len(row["text"])}) for _ in range(2))
    assert first._fingerprint == second._fingerprint
    assert first.cache_files == second.cache_files


def test_half_an_entry_is_never_used(tmp_path: Path, store: Path) -> None:
    path = saved(tmp_path, csv("a,1", "b,2"))
    (folder,) = [Path(entry["filename"]).parent for entry in load(path).splits["train"].cache_files]
    for name in ("rows.arrow", "account.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
        assert [row["label"] for row in load(path).splits["train"]] == ["1", "2"]
        assert (folder / name).read_bytes() == content


def test_a_refused_file_leaves_nothing_behind(tmp_path: Path, store: Path) -> None:
    with pytest.raises(DataError, match="never closed"):
        load(saved(tmp_path, csv('"open,1')))
    assert list(store.iterdir()) == []


def test_a_folder_tells_whose_notes_they_are(tmp_path: Path) -> None:
    saved(tmp_path, b"text;label\na;1\n", "train.csv")
    saved(tmp_path, gzip.compress(csv("b,2", "c")), "test.csv.gz")
    raw = load(tmp_path)
    assert {name: len(split) for name, split in raw.splits.items()} == {"train": 1, "test": 1}
    assert [re.sub(r" \(.*", "", note) for note in raw.notes] == ["train.csv: Fields are separated by a semicolon"]
    assert raw.malformed.lines == ["test.csv.gz:3"]
