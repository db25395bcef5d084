"""What is learned from the training rows: spellings, values that stand in for missing ones, bounds of outliers."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.cleaning.cells import Outcome, is_missing
from finetune.data.cleaning.changes import written_as
from finetune.data.cleaning.learned import Learned
from finetune.data.values import AMBIGUOUS, NumberReader, canonical_spellings, category_key, is_plain, plain_number
from finetune.errors import ColumnError

if TYPE_CHECKING:
    import pyarrow as pa

    from finetune.recipe import CleaningSection
    from finetune.recipe.cleaning import OutlierStep

Number = Callable[[Any], float | None]
"""Reads a cleaned value as a number."""
_SCALE = 0.6744897501960817
"""Of the median absolute deviation to the standard deviation of a normal distribution: its upper quartile."""


@dataclass
class Observed:
    """The training values of one column.

    Attributes:
        counts: Value -> how often; filled where spellings or the most frequent value are wanted.
        numbers: Its numbers; 8 bytes per row.
    """

    counts: Counter[Any] = field(default_factory=Counter)
    numbers: array[float] = field(default_factory=lambda: array("d"))


def number_of(value: Any, reader: NumberReader | None = None) -> float | None:
    """A value as a finite number; None where it is none, or was flagged because it could be two.

    Args:
        value: Of a column of numbers or of texts.
        reader: That of the column, where the recipe names it under `numbers`.
    """
    if isinstance(value, str):
        text = value.strip()
        unknown = reader is not None and reader.decimal is None and reader.read(text) is AMBIGUOUS
        value = float(text) if is_plain(text) and not unknown else None
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def observe(
    tables: Iterable[pa.Table], places: Mapping[str, str], section: CleaningSection, number: Callable[[str], Number]
) -> dict[str, Observed]:
    """The training values of columns, read once.

    Args:
        tables: Training rows.
        places: Column of the data -> column of the tables.
        section: Says what is wanted of each.
        number: Column -> function that reads its values as numbers.
    """
    filled = {name: step.strategy for name, step in section.missing.items()}
    counted = {*section.categories, *(name for name, how in filled.items() if how == "most_frequent")}
    numeric = {*section.outliers, *(name for name, how in filled.items() if how in ("mean", "median"))}
    found = {name: Observed() for name in places}
    for table in tables:
        for name, column in found.items():
            values = [value for value in table[places[name]].to_pylist() if not is_missing(value)]
            if name in counted:
                column.counts.update(values)
            if name in numeric:
                column.numbers.extend(one for one in map(number(name), values) if one is not None)
    return found


def learn(observed: Mapping[str, Observed], section: CleaningSection, learned: Learned) -> None:
    """Spellings, bounds and fill-in values, in this order: fill-in values need the others.

    Raises:
        ColumnError: A column holds nothing to learn from.
    """
    learned.spellings = {name: learn_spellings(observed[name]) for name in section.categories}
    learned.bounds = {name: learn_bounds(observed[name], step) for name, step in section.outliers.items()}
    learned.fills = {name: learn_fill(name, observed[name], section, learned) for name, step in section.missing.items()
                     if step.strategy not in ("drop", "constant")}  # fmt: skip
    learned.fitted = True


def learn_spellings(observed: Observed) -> dict[str, str]:
    """The most frequent spelling of each category."""
    return canonical_spellings({value: count for value, count in observed.counts.items() if isinstance(value, str)})


def learn_bounds(observed: Observed, step: OutlierStep) -> list[float] | None:
    """Least and greatest value that is no outlier.

    `iqr`: quartiles -/+ 1.5 times their distance (Tukey 1977). `mad`: median -/+ 3.5 times the median absolute
    deviation over 0.6745 (Iglewicz and Hoaglin 1993). None where there are no numbers, or where more than half of them
    are equal, so that every other value would be an outlier.
    """
    values = np.asarray(observed.numbers)
    if not len(values):
        return None
    if step.method == "iqr":
        low, high = (float(bound) for bound in np.percentile(values, [25, 75]))
        reach = (step.factor or 1.5) * (high - low)
    else:
        low = high = float(np.median(values))
        reach = (step.factor or 3.5) * float(np.median(np.abs(values - low))) / _SCALE
    return [low - reach, high + reach] if reach > 0 and math.isfinite(reach) else None


def learn_fill(column: str, observed: Observed, section: CleaningSection, learned: Learned) -> str | float | bool:
    """What stands in for missing values, computed on what outliers leave when they are clipped or dropped.

    Raises:
        ColumnError: There is no training value to compute it from.
    """
    strategy = section.missing[column].strategy
    if strategy == "most_frequent":
        return _most_frequent(column, observed, learned.spellings.get(column))
    step, bounds = section.outliers.get(column), learned.bounds.get(column)
    numbers = np.asarray(observed.numbers)
    if step and bounds and step.action == "clip":
        numbers = np.clip(numbers, bounds[0], bounds[1])
    elif step and bounds and step.action == "drop":
        numbers = numbers[(numbers >= bounds[0]) & (numbers <= bounds[1])]
    if not len(numbers):
        raise _nothing(column, strategy, "number")
    return written_as(_centre(numbers, strategy), learned.kinds[column])


def _centre(numbers: NDArray[np.float64], strategy: str) -> float:
    return float(np.mean(numbers) if strategy == "mean" else np.median(numbers))


def _most_frequent(column: str, observed: Observed, spellings: Mapping[str, str] | None) -> str | float | bool:
    counts: Counter[Any] = Counter()
    for value, count in observed.counts.items():
        counts[value if spellings is None else respelled(value, spellings)] += count
    if not counts:
        raise _nothing(column, "most_frequent", "value")
    found = min(counts, key=lambda value: (-counts[value], str(value)))
    if not isinstance(found, str | int | float):
        raise ColumnError(
            f"cleaning.missing fills {column!r}, whose values are of type {type(found).__name__}; "
            "texts, numbers and truth values can be filled.",
            "Drop such rows instead, or turn the column into texts.",
        )
    return found


def _nothing(column: str, strategy: str, what: str) -> ColumnError:
    return ColumnError(
        f"No training row has a {what} in {column!r} to compute the {strategy.replace('_', ' ')} from.",
        "Name how its numbers are written under cleaning.numbers, or fill in a constant.",
    )


def respelled(value: Any, spellings: Mapping[str, str]) -> Any:
    """A category in its most frequent spelling; one that no training row has stays as it is."""
    return spellings.get(category_key(value), value) if isinstance(value, str) and not is_missing(value) else value


def outlier_reason(value: Any, number: Number, bounds: list[float] | None) -> str:
    """Why a value is to be flagged; empty for one within the bounds, and for a missing one."""
    if is_missing(value):
        return ""
    found = number(value)
    if found is None:
        return "no number"
    if bounds is None or bounds[0] <= found <= bounds[1]:
        return ""
    return "below the bounds" if found < bounds[0] else "above the bounds"


def clipped(value: Any, number: Number, bounds: list[float] | None) -> Outcome:
    """A value moved to the nearer bound, in the form it had."""
    reason = outlier_reason(value, number, bounds)
    if not reason or reason == "no number" or bounds is None:
        return Outcome(value, reason)
    bound = bounds[0] if reason.startswith("below") else bounds[1]
    return Outcome(plain_number(Decimal(repr(bound))) if isinstance(value, str) else bound)
