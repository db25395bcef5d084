"""Values of a column as a page may show them, and as numbers where they are some."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.values import Number, NumberReader
from finetune.text.personal import redact

Array = NDArray[Any]
SHOWN = 200
"""Characters of a value that are shown."""
_PLAIN = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_WHOLE = r"^\s*[-+]?\d+\s*$"


def show(value: Any) -> str | None:
    """A value for a reader: personal data replaced by its kind, then shortened; None for a missing one.

    Redacted before it is cut: half a card number is no card number to a pattern, and still says too much.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    content = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(content, bytes):
        return f"<{len(content)} bytes>"
    text = redact(value if isinstance(value, str) else str(value))
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def show_each(values: Iterable[str]) -> dict[str, str]:
    """How each of some names is shown; names that would look the same (two addresses of e-mail) get a number."""
    shown: dict[str, str] = {}
    times: Counter[str] = Counter()
    for value in values:
        text = str(show(value))
        times[text] += 1
        shown[value] = text if times[text] == 1 else f"{text} ({times[text]})"
    return shown


def is_text(array: Any) -> bool:
    """Whether an Arrow array (or type) holds texts."""
    import pyarrow as pa

    kind = array if isinstance(array, pa.DataType) else array.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(array: Any) -> bool:
    """Whether an Arrow array (or type) holds numbers."""
    import pyarrow as pa

    kind = array if isinstance(array, pa.DataType) else array.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_missing(array: Any) -> Array:
    """(n,) bool: null, NaN, or a text of blanks."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = array.is_null()
    if pa.types.is_floating(array.type):
        missing = array.is_null(nan_is_null=True)
    elif is_text(array):
        missing = pc.or_(missing, is_blank(array).fill_null(False))
    return as_array(missing).astype(bool)


def is_blank(array: Any) -> Any:
    """Texts without anything but white space, as an Arrow mask; null where the text is."""
    import pyarrow.compute as pc

    return pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(array)), 0)


def as_array(array: Any) -> Array:
    """An Arrow array as numpy's."""
    found: Array = array.to_numpy(zero_copy_only=False)
    return found


def mask(values: Array) -> Any:
    """A numpy mask for Arrow's filter."""
    import pyarrow as pa

    return pa.array(values, pa.bool_())


def numbers_of(array: Any, reader: NumberReader | None = None) -> Array:
    """(n,) float64 of an Arrow column of numbers or of texts that are numbers, NaN where there is none.

    Plain texts (`3`, `-1.5e3`) are cast in one go; only the others are read one by one. A dot counts as the decimal
    mark unless the column's other values say that it is a comma.

    Args:
        array: Numbers, texts, or yes and no.
        reader: Knows the decimal mark of the column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not is_text(array):
        return as_array(array.cast(pa.float64(), safe=False)).astype(np.float64)
    reader = reader or NumberReader()
    plain = pc.match_substring_regex(array, _WHOLE if reader.decimal == "," else _PLAIN).fill_null(False)
    kept = pc.utf8_trim_whitespace(pc.if_else(plain, array, pa.scalar(None, array.type)))
    # Arrow's own cast takes no leading plus.
    values = as_array(pc.utf8_ltrim(kept, "+").cast(pa.float64())).copy()
    others = np.flatnonzero(~as_array(plain) & ~is_missing(array))
    for index, text in zip(others, array.take(pa.array(others)).to_pylist(), strict=True):
        found = reader.read(text)
        values[index] = float(found.value) if isinstance(found, Number) else np.nan
    return values
