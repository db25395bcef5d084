"""What a column holds, told from its type and from a sample of its values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.data.auditing.stored import readings
from finetune.data.features import MISSING
from finetune.data.values import NumberReader, parse_date
from finetune.text.personal import find_personal

LOOKED_AT = 2000
"""Values that are looked at one by one; evenly spaced."""
_MOSTLY = 0.9
_YES_NO = {"true", "false", "yes", "no", "y", "n", "t", "f", "ja", "nein", "oui", "non", "si", "sí"}
_ID_NAME = re.compile(r"(^|[_\s-])(id|uuid|guid|key)$|[a-z](Id|ID)$|^(id|ID|Id)$")
_OF_TYPES = {"Image": "image", "Audio": "audio", "Video": "other", "ClassLabel": "category"}


def kind_of(name: str, feature: Any, values: Sequence[Any], reader: NumberReader) -> str:
    """The kind of a column, as the audit names them.

    Args:
        name: Of the column.
        feature: Its type in `datasets`.
        values: Values of a sample of rows, missing ones left out.
        reader: Knows the decimal mark of its texts.
    """
    type_name, dtype = type(feature).__name__, str(getattr(feature, "dtype", ""))
    if type_name != "Value":
        return _OF_TYPES.get(type_name, "other" if isinstance(feature, dict) else "list")
    if dtype in ("string", "large_string", "string_view", "null"):
        return _kind_of_texts(name, [str(value) for value in spread(values)], reader)
    if dtype.startswith(("int", "uint", "float", "double", "decimal")):
        return "id" if is_identifier(name, dtype, values) else "number"
    return "boolean" if dtype == "bool" else "time" if dtype.startswith(("date", "time")) else "other"


def spread(values: Sequence[Any], most: int = LOOKED_AT) -> list[Any]:
    """At most so many values, evenly spaced."""
    if len(values) <= most:
        return list(values)
    return [values[int(place)] for place in np.linspace(0, len(values) - 1, most)]


def is_identifier(name: str, dtype: str, values: Sequence[Any]) -> bool:
    """Whether whole numbers name rows rather than measure them: all different, and called so."""
    if dtype.startswith(("float", "double", "decimal")) or not len(values):
        return False
    return bool(_ID_NAME.search(name)) and len(set(values)) == len(values)


def is_personal(values: Sequence[Any]) -> bool:
    """Whether most of the values hold personal data; numbers count by their digits."""
    some = [text for text in map(str, spread(values, 500)) if text.strip()]
    return bool(some) and sum(bool(find_personal(text)) for text in some) > len(some) / 2


def _kind_of_texts(name: str, texts: Sequence[str], reader: NumberReader) -> str:
    trimmed = [text.strip() for text in texts if text.strip().lower() not in MISSING]
    if not trimmed:
        return "category" if texts else "text"
    distinct, unique = len(set(trimmed)), len(set(trimmed)) >= 0.98 * len(trimmed) and len(trimmed) >= 20
    read = readings("number", reader)
    numbers = sum(read(text) is not None for text in trimmed)
    if numbers >= _MOSTLY * len(trimmed):
        zeros = any(len(text) > 1 and text[0] == "0" and text.isdecimal() for text in trimmed)
        return "id" if unique and (zeros or _ID_NAME.search(name)) else "number"
    if sum(parse_date(text) is not None for text in trimmed) >= 0.8 * len(trimmed):
        return "time"
    if distinct <= 2 and {text.lower() for text in trimmed} <= _YES_NO:
        return "boolean"
    return "id" if unique and _looks_like_ids(name, trimmed) else _category_or_text(trimmed)


def _category_or_text(texts: Sequence[str]) -> str:
    """Categories are short and repeat."""
    short = float(np.mean([len(text) for text in texts])) <= 40
    return "category" if short and len(set(texts)) <= max(2, len(texts) // 2) else "text"


def _looks_like_ids(name: str, texts: Sequence[str]) -> bool:
    """One word each, most of them with digits or called so."""
    single = sum(len(text.split()) == 1 and len(text) <= 64 for text in texts) >= 0.98 * len(texts)
    digits = sum(any(sign.isdecimal() for sign in text) for text in texts) >= _MOSTLY * len(texts)
    return single and (digits or bool(_ID_NAME.search(name)))
