"""Arrow types of JSON values that are seen chunk by chunk, as if they had been seen at once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

_Chunks = Callable[[], Iterator[list[dict[str, Any]]]]


def infer_types(chunks: _Chunks) -> tuple[dict[str, Any], list[str]]:
    """Column -> `pyarrow.DataType` that holds every value, in the order in which the columns appear.

    Whole numbers and fractions make fractions, missing values fit everywhere, objects have the keys of all; values that
    share no type are read as text (JSON text, where they are not text already), with a note.

    Args:
        chunks: Gives the rows from the start, each time it is called.

    Returns:
        The types, and the notes in sentences.
    """
    types: dict[str, Any] = {}
    mixed: set[str] = set()
    widened: set[str] = set()
    for rows in chunks():
        for name in dict.fromkeys(key for row in rows for key in row):
            if name in mixed:
                continue
            seen = _type_of([row.get(name) for row in rows])
            known = types.setdefault(name, seen)
            merged = _merge(known, seen)
            if merged is None:
                mixed.add(name)
            elif merged != known or merged != seen:
                widened.add(name)
            types[name] = merged
    mixed |= _misfits(chunks, {name: types[name] for name in widened - mixed})
    return _with_text(types, mixed)


def _with_text(types: dict[str, Any], mixed: set[str]) -> tuple[dict[str, Any], list[str]]:
    import pyarrow as pa

    notes = [
        f"The values of {name!r} are of several kinds, or too large for a number, and are read as text."
        for name in types
        if name in mixed
    ]
    return {name: pa.string() if name in mixed else kind for name, kind in types.items()}, notes


def _type_of(values: list[Any]) -> Any:
    """The type of some values; None where they have none in common."""
    import pyarrow as pa

    try:
        return pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None


def _merge(one: Any, other: Any) -> Any:
    """The type that holds both; None where there is none."""
    import pyarrow as pa

    if one is None or other is None:
        return None
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one) or {str(one), str(other)} == {"int64", "double"}:
        return other if pa.types.is_null(one) else pa.float64()
    if pa.types.is_list(one) and pa.types.is_list(other):
        inner = _merge(one.value_type, other.value_type)
        return None if inner is None else pa.list_(inner)
    return _merge_fields(one, other) if pa.types.is_struct(one) and pa.types.is_struct(other) else None


def _merge_fields(one: Any, other: Any) -> Any:
    import pyarrow as pa

    fields = {part.name: part.type for part in one}
    for part in other:
        fields[part.name] = _merge(fields.get(part.name, pa.null()), part.type)
    return None if any(kind is None for kind in fields.values()) else pa.struct(list(fields.items()))


def _misfits(chunks: _Chunks, types: dict[str, Any]) -> set[str]:
    """Columns whose chunks differ in type and hold whole numbers that the common type would round."""
    import pyarrow as pa

    found: set[str] = set()
    if not any("double" in str(kind) for kind in types.values()):
        return found
    for rows in chunks():
        for name in types.keys() - found:
            try:
                pa.array([row.get(name) for row in rows], types[name])
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
                found.add(name)
    return found


def to_arrays(rows: list[dict[str, Any]], types: dict[str, Any]) -> list[Any]:
    """One Arrow array per column; a value that is not of a text column's type is written as JSON."""
    import pyarrow as pa

    return [
        pa.array([(_text if pa.types.is_string(kind) else _same)(row.get(name)) for row in rows], kind)
        for name, kind in types.items()
    ]


def _same(value: Any) -> Any:
    return value


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
