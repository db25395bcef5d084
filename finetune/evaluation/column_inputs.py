"""Features of rows as scikit-learn reads them: a table of numbers, categories and parts of times, and its encoder.

A column's kind follows from its values in the training rows: numbers are numeric, texts that are all ISO 8601 dates
are times, other texts are categories. A column of categories that are all dates counts as a time: nothing tells them
apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.artifacts.prepared_data import FEATURE
from finetune.task import Row
from finetune.text.timestamps import PARTS, parse_timestamp, time_parts

if TYPE_CHECKING:
    from pandas import DataFrame

RARE = 0.01
"""Categories of fewer than this share of the training rows are one category, that of unseen values too. It also bounds
the width: no column makes more than a hundred and one inputs."""
CYCLES = {"month": 12, "day_of_week": 7, "hour": 24}
"""Parts of a time whose last value is next to the first: their sine and cosine are inputs beside the number."""
HUGE = 1e30
"""Numbers beyond are taken for this: their squares must still have a mean."""
FAR = 1e6
"""Scaled numbers beyond are taken for this: trees compute in single precision, which has no room for more."""
KINDS = ("numeric", "categorical", "time")


def feature_columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """Names of the canonical columns that hold features; none where the recipe has no features."""
    names = getattr(rows, "column_names", None)  # of a data set, whose rows need not be read for it
    if names is None:
        names = rows[0] if len(rows) else ()
    return tuple(name for name in names if name.startswith(FEATURE))


def column_kinds(rows: Sequence[Row]) -> dict[str, str]:
    """Kind (one of `KINDS`) of each feature column; columns without a value in these rows are left out."""
    found = {}
    for name in feature_columns(rows):
        values = {value for value in _values(rows, name) if not _is_missing(value)}
        if not values:
            continue
        if all(isinstance(value, int | float) for value in values):
            found[name] = "numeric"
        else:
            found[name] = "time" if all(_is_time(value) for value in values) else "categorical"
    return found


def _values(rows: Sequence[Row], name: str) -> list[Any]:
    table: Any = rows
    if hasattr(table, "column_names"):  # a data set gives a column much faster than its rows
        return list(table[name])
    return [row.get(name) for row in rows]


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_time(value: Any) -> bool:
    try:
        parse_timestamp(str(value))
    except ValueError:
        return False
    return len(str(value)) >= len("2025-04-03") and not str(value).isdigit()  # 20250403 may be a number of anything


def frame_of(rows: Sequence[Row], kinds: dict[str, str]) -> DataFrame:
    """The table before anything is fitted: NaN for a missing number, "" for a missing category, parts for a time."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, kind in kinds.items():
        values = _values(rows, name)
        if kind == "numeric":
            numbers = np.array([math.nan if _is_missing(v) else float(v) for v in values], dtype=float)
            columns[name] = np.clip(numbers, -HUGE, HUGE)
        elif kind == "categorical":
            columns[name] = np.array(["" if _is_missing(v) else str(v) for v in values], dtype=object)
        else:
            parts = np.array([_parts(v) for v in values], dtype=float).reshape(len(rows), len(_part_names()))
            columns |= {f"{name}:{part}": parts[:, i] for i, part in enumerate(_part_names())}
    return pd.DataFrame(columns, index=range(len(rows)))


def _part_names() -> list[str]:
    return [*PARTS, *(f"{wave}_{part}" for part in CYCLES for wave in ("sin", "cos")), "missing"]


def _parts(value: Any) -> list[float]:
    """Numbers of one time; NaN where it is missing or, in rows that were not trained on, no time."""
    try:
        parts = time_parts(str(value))
    except ValueError:
        return [*[math.nan] * (len(_part_names()) - 1), 1.0]
    angles = [2 * math.pi * parts[part] / period for part, period in CYCLES.items()]
    waves = [wave(angle) for angle in angles for wave in (math.sin, math.cos)]
    return [*parts.values(), *waves, 0.0]


def new_encoder(kinds: dict[str, str]) -> Any:
    """Median and a flag for missing numbers, then the same scale for all; one input per category."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    names = {kind: [name for name, own in kinds.items() if own == kind] for kind in KINDS}
    parts = [f"{name}:{part}" for name in names["time"] for part in _part_names()]
    bounded = FunctionTransformer(np.clip, kw_args={"a_min": -FAR, "a_max": FAR})
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), bounded)
    times = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())  # their flag is a part already
    categories = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE, sparse_output=False)
    return ColumnTransformer(
        [("numbers", numbers, names["numeric"]), ("categories", categories, names["categorical"]),
         ("times", times, parts)],
        sparse_threshold=0,
    )  # fmt: skip


def describe_kinds(kinds: dict[str, str]) -> str:
    """How many columns of each kind there are, in words."""
    counted = Counter(kinds.values())
    return ", ".join(f"{counted[kind]} {kind}" for kind in KINDS if counted[kind])
