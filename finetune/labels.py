"""Targets of classification and regression: raw values in a data set -> ids, sets of ids, or numbers.

Shared by every task whose answer is a label or a number, whatever its input is.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from finetune.errors import LabelError

Kind = Literal["single_label", "multi_label", "regression"]
MAX_INFERRED_LABELS = 500
"""More distinct values than this are no list of classes, unless the recipe says that they are."""


class RowError(ValueError):
    """One row cannot be used; the text says why. Such rows are counted, not guessed at."""


@contextmanager
def row_errors() -> Iterator[None]:
    """Turn a ValueError of what reads a row into a RowError."""
    try:
        yield
    except ValueError as error:
        raise RowError(str(error)) from None


@dataclass(frozen=True)
class Target:
    """What a model has to answer.

    Attributes:
        kind: `single_label` (one class), `multi_label` (any number of classes) or `regression` (a number).
        names: Label names in the order of their ids; empty for regression.
        bins: Ascending bounds that cut a number into classes; None where values are labels already.
        separator: What separates several labels in one text; None where they come as lists.
    """

    kind: Kind
    names: tuple[str, ...] = ()
    bins: tuple[float, ...] | None = None
    separator: str | None = None

    @property
    def num_labels(self) -> int:
        """Size of the model's output: the number of labels, 1 for regression."""
        return max(1, len(self.names))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        bins = values.get("bins")
        return cls(values["kind"], tuple(values["names"]), tuple(bins) if bins else None, values.get("separator"))

    def parse(self, value: Any) -> int | list[int] | float:
        """A raw value as an id, a sorted list of ids, or a finite number.

        Raises:
            RowError: Missing, not finite, or not one of the labels.
        """
        if self.kind == "multi_label":
            return sorted({self._id(item) for item in _items(value, self.separator)})
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            raise RowError("missing target")
        if self.kind == "regression":
            return parse_number(value)
        if self.bins is None or value in self.names:  # a name: a value that was described before
            return self._id(value)
        return int(np.searchsorted(self.bins, parse_number(value)))

    def _id(self, value: Any) -> int:
        text = _label_text(value)
        if text in self.names:
            return self.names.index(text)
        number = _whole(value)
        if number is not None and 0 <= number < len(self.names):
            return number
        if number is not None:
            raise RowError(f"label {number} is out of range 0..{len(self.names) - 1}")
        raise RowError(f"unknown label {text!r}")

    def describe(self, value: int | list[int] | float) -> Any:
        """The reader's form of a parsed value: a name, a list of names, or the number."""
        if isinstance(value, list):
            return [self.names[i] for i in value]
        return self.names[int(value)] if self.names else float(value)


def learn_target(
    values: Sequence[Any],
    *,
    kind: Kind | None = None,
    names: Sequence[str] | None = None,
    bins: tuple[float, ...] | None = None,
    separator: str | None = None,
) -> Target:
    """Find out what the targets of the training rows are.

    Args:
        values: Raw target values, missing ones included.
        kind: What they are; inferred where None (lists: multi-label; numbers with fractions: regression; else classes).
        names: Label names in the order of their ids, where the data set or the recipe knows them.
        bins: Bounds that cut numbers into classes.
        separator: Separator of several labels in one text.

    Raises:
        LabelError: No usable target, or far too many distinct values to be classes.
    """
    present = [v for v in values if v is not None and v != "" and not (isinstance(v, float) and math.isnan(v))]
    if not present:
        raise LabelError("No row has a target.", "Name the target column under data.columns, such as {label: stars}.")
    if bins is not None:
        return Target("single_label", tuple(names or _bin_names(bins)), bins)
    kind = kind or _infer_kind(present, separator, names)
    if kind == "regression":
        return Target(kind)
    seen: Counter[str] = Counter()
    for value in present:
        seen.update(_label_text(item) for item in (_items(value, separator) if kind == "multi_label" else [value]))
    if names is None and len(seen) > MAX_INFERRED_LABELS:
        raise LabelError(
            f"The target has {len(seen)} distinct values in {len(present)} rows, too many to be classes by inference.",
            "Classes: list them in data.labels.names. Numbers: set options.problem_type: regression.",
        )
    return Target(kind, tuple(names or sorted(seen, key=_sort_key)), None, separator)


def check_learnable(target: Target, parsed: Iterable[int | list[int] | float], rows: int) -> None:
    """Refuse training targets that teach nothing.

    Raises:
        LabelError: One class only, a constant number, or no positive label at all.
    """
    if target.kind == "regression":
        if len({float(v) for v in parsed if not isinstance(v, list)}) < 2:
            raise LabelError("Every training row has the same target value.", "Check the target column.")
        return
    counts = Counter(i for value in parsed for i in (value if isinstance(value, list) else [int(value)]))
    if len(counts) < (2 if target.kind == "single_label" else 1):
        only = f"only the label {target.names[next(iter(counts))]!r}" if counts else "no label at all"
        raise LabelError(
            f"The {rows} training rows have {only}; a model needs at least two classes to tell apart.",
            "Check the label column, the slice of the training split, and data.labels.",
        )


def number_summary(values: Sequence[float]) -> dict[str, float]:
    """Mean, standard deviation and range of numbers."""
    numbers = np.asarray(values, dtype=float)
    return {
        "mean": float(numbers.mean()), "std": float(numbers.std()), "min": float(numbers.min()),
        "max": float(numbers.max()),
    }  # fmt: skip


def _infer_kind(values: Sequence[Any], separator: str | None, names: Sequence[str] | None) -> Kind:
    if separator is not None or isinstance(values[0], list | tuple | np.ndarray):
        return "multi_label"
    if names is None and all(_is_number(value) for value in values) and any(_whole(v) is None for v in values):
        return "regression"
    return "single_label"


def _items(value: Any, separator: str | None) -> list[Any]:
    if value is None:
        raise RowError("missing target")
    if isinstance(value, str):
        return (
            [part.strip() for part in value.split(separator)] if separator and value.strip() else [value] * bool(value)
        )
    return list(value) if isinstance(value, list | tuple | np.ndarray) else [value]


def parse_number(value: Any) -> float:
    """A finite number.

    Raises:
        RowError: It is none.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise RowError(f"target {str(value)[:40]!r} is not a number") from None
    if not math.isfinite(number):
        raise RowError("missing target" if math.isnan(number) else "infinite target")
    return number


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, bool)


def _whole(value: Any) -> int | None:
    """The value as an integer where it is one: 3, 3.0 and "3" are, True and "3.5" are not."""
    if isinstance(value, bool) or not _is_number(value):
        return None
    number = float(value)
    return int(number) if math.isfinite(number) and number == int(number) else None


def _label_text(value: Any) -> str:
    number = _whole(value)
    return str(number) if number is not None and not isinstance(value, str) else str(value).strip()


def _sort_key(name: str) -> tuple[int, float, str]:
    """Numbers by value, then texts: "10" stands behind "9"."""
    return (0, float(name), name) if _is_number(name) else (1, 0.0, name)


def _bin_names(bins: tuple[float, ...]) -> list[str]:
    inner = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(bins)]
    return [f"at most {bins[0]:g}", *inner, f"above {bins[-1]:g}"]
