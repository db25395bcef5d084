"""JSON and JSON Lines files: values keep their types, and what cannot be parsed is counted by its place."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from finetune.data.files.conversion import Account, as_dataset
from finetune.data.files.decoding import TextFile
from finetune.data.files.json_types import infer_types, to_arrays
from finetune.data.files.malformed import Malformed, no_rows
from finetune.data.files.signatures import refuse_markup
from finetune.errors import DataError
from finetune.recipe import ReaderSection

_CHUNK = 10_000  # rows
_Rows = Callable[[Malformed | None], Iterator[dict[str, Any]]]


def read_json(path: Path, reader: ReaderSection, *, lines: bool) -> tuple[Any, Malformed, list[str]]:
    """A JSON file (a list of objects) or a JSON Lines file as a `datasets.Dataset`, its malformed lines, and notes.

    A JSON file is parsed as a whole, in memory; JSON Lines are not.

    Args:
        path: The file, plain or compressed with gzip, bzip2 or xz.
        reader: What the recipe says about it.
        lines: Whether each line is an object.

    Raises:
        EmptyDataError: No rows. EncodingError: Not text in the stated encoding. DataError: Unreadable structure.
    """
    file = TextFile.check(path, reader.encoding)
    with file.open_text() as text:
        start = text.read(4096)
    refuse_markup(start, path, json=True)
    if lines and start.lstrip().startswith("["):
        raise DataError(
            f"{path} begins with a list; JSON Lines need an object on every line.",
            "Set data.reader.format: json if the file is one list of objects; rows that are lists need names.",
        )
    source = partial(_lines, file) if lines else partial(_items, _parse_list(file))
    rows, account = as_dataset(file, {"json": "lines" if lines else "list"}, partial(_convert, source))
    account.malformed.judge(reader, path)
    if len(rows) == 0:
        raise no_rows(path, account.malformed)
    return rows, account.malformed, file.notes + account.notes


def _convert(source: _Rows, account: Account) -> tuple[Any, Iterator[Any]]:
    import pyarrow as pa

    types, notes = infer_types(lambda: _chunks(source(None)))
    account.notes += notes
    schema = pa.schema(list(types.items()))
    chunks = _chunks(source(account.malformed))
    return schema, (pa.RecordBatch.from_arrays(to_arrays(rows, types), schema=schema) for rows in chunks)


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _lines(file: TextFile, malformed: Malformed | None) -> Iterator[dict[str, Any]]:
    with file.open_text() as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            try:
                row = _parse(line)
                if not isinstance(row, dict):
                    raise ValueError("not an object")
            except (ValueError, RecursionError) as error:
                if malformed is not None:
                    malformed.add(number, _reason(error))
                continue
            yield row


def _items(values: list[Any], malformed: Malformed | None) -> Iterator[dict[str, Any]]:
    for number, value in enumerate(values, start=1):
        if isinstance(value, dict):
            yield value
        elif malformed is not None:
            malformed.add(f"item {number}", "not an object")


def _parse_list(file: TextFile) -> list[Any]:
    with file.open_text() as stream:
        text = stream.read()
    try:
        values = _parse(text) if text.strip() else []
    except json.JSONDecodeError as error:
        hint = "If it holds one object per line, set data.reader.format: jsonl."
        raise DataError(f"{file.path}, line {error.lineno}: not valid JSON: {error.msg}.", hint) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file.path}: not usable JSON: {_reason(error)}.", "Mend the file.") from None
    if isinstance(values, dict):
        return _rows_of_object(values, file.path)
    if not isinstance(values, list):
        raise DataError(f"{file.path} holds a single value, not a list of objects.", "Write [{...}, {...}].")
    return values


def _rows_of_object(value: dict[str, Any], path: Path) -> list[Any]:
    """`{"data": [...]}` holds its rows in its only list; an object of plain values is a row.

    Raises:
        DataError: It holds columns, or several lists: nobody can tell what the rows are.
    """
    lists = [part for part in value.values() if isinstance(part, list)]
    if len(lists) == 1:
        return lists[0]
    nested = len(value) > 0 and all(isinstance(part, dict) for part in value.values())
    if lists or nested:
        raise DataError(
            f"{path} is one object of {len(value)} {'lists' if lists else 'objects'}, not a list of rows.",
            'Write a list of objects (pandas: to_json(orient="records")); put [ ] around it if it is one row.',
        )
    return [value]


def _parse(text: str) -> Any:
    """Python's values.

    Raises:
        ValueError: Not JSON; a key twice in an object, a number beyond 1.8e308, or half a character.
    """
    value = json.loads(text, object_pairs_hook=_object, parse_float=_number)
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON ({error.msg})"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return "a number is too large" if "integer string" in str(error) else str(error)
