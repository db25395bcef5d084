"""Features for a table without a text: what each column is, and a template that writes a row out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

LOOKED_AT = 2000
"""Rows from which kinds are told."""
MOST_VALUES = 50
"""A category has at most so many values; a column with more is only written out."""


def propose_features(rows: Dataset, target: str) -> dict[str, Any]:
    """The sections `features` and `cleaning` for a table.

    Args:
        rows: Raw rows.
        target: The column that is to be told from the others, which are features unless they name rows.

    Returns:
        `features` (numeric, categorical, time, template) and `cleaning` (numbers and dates that are written in a way
        that only cleaning reads); `cleaning` is empty where all are plain.
    """
    from finetune.data.auditing.kinds import kind_of
    from finetune.data.features import MISSING
    from finetune.data.values import NumberReader

    found: dict[str, list[str]] = {"numeric": [], "categorical": [], "time": []}
    cleaning: dict[str, dict[str, Any]] = {"numbers": {}, "dates": {}}
    written: list[str] = []
    some = rows.select(range(min(LOOKED_AT, len(rows))))
    for name, feature in rows.features.items():
        values = [value for value in some[name] if value is not None and str(value).strip()]
        texts = [str(value) for value in values if str(value).strip().lower() not in MISSING]
        if name == target or len(set(map(str, values))) < 2:  # a constant tells nothing
            continue
        kind = kind_of(name, feature, values, NumberReader.fit(texts))
        if kind in ("id", "list", "image", "audio", "other"):
            continue
        written.append(name)
        if kind == "number":
            found["numeric"].append(name)
            if not _all(float, texts):
                cleaning["numbers"][name] = {}
        elif kind == "time":
            found["time"].append(name)
            if not _all(datetime.fromisoformat, texts):
                cleaning["dates"][name] = {}
        elif kind in ("category", "boolean") and len(set(texts)) <= MOST_VALUES:
            found["categorical"].append(name)
    features = {kind: names for kind, names in found.items() if names}
    template = ", ".join(f"{name}: {{{name}}}" for name in written)
    return {"features": {**features, "template": template},
            "cleaning": {step: columns for step, columns in cleaning.items() if columns}}  # fmt: skip


def _all(read: Callable[[str], Any], texts: Sequence[str]) -> bool:
    try:
        for text in texts:
            read(text)
    except ValueError:
        return False
    return True
