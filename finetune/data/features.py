"""Columns of a table beside the text or in its place: raw cells -> typed values, and those -> the text of a row.

Three steps, in this order: `read` types the cells of a raw row, the fitted cleaning fills in or clips what it is asked
to, and `render` makes the text from the values alone, so that it says what the cleaned columns say.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

from finetune.artifacts.prepared_data import FEATURE
from finetune.data.templates import Template, finite_number, number_text, template_columns
from finetune.errors import ColumnError, UsageError, did_you_mean
from finetune.labels import RowError
from finetune.recipe.features import FeaturesSection
from finetune.text.timestamps import iso_text, time_parts

__all__ = ["FEATURE", "MISSING", "TEMPLATE", "FeatureReader", "time_parts"]

TEMPLATE = "template:"
"""Prefix of the canonical columns that only the template reads, such as a title: no features for a baseline."""
MISSING = frozenset({
    "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "nil", "none", "missing", "unknown", "-", "--", "?", ".",
})  # fmt: skip
"""Texts that stand for a missing value among numbers and dates (in lower case), where they can mean nothing else.
Among categories they stay what they are: NA may be Namibia."""
_NATIVE = (str, bool, int, float)


class FeatureReader:
    """Reads the features of a recipe from the rows of its data.

    Args:
        section: Which columns are features, and the template.
        names: Columns of the data, where they are known; `check` says so too.

    Raises:
        RecipeError: The template's syntax is broken; the message quotes the place.
    """

    def __init__(self, section: FeaturesSection, names: Collection[str] | None = None) -> None:
        self.section = section
        known = section.columns if names is None else names
        self.template = (
            Template(section.template, section.time, known, section.missing_text)
            if section.template is not None
            else None
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the data that are needed: the features, and those that only the template reads."""
        named = template_columns(self.template.slots) if self.template else ()
        return tuple(dict.fromkeys((*self.section.columns, *named)))

    def check(self, names: Sequence[str]) -> Self:
        """Refuse what the data does not have.

        Args:
            names: Columns of the data.

        Returns:
            A reader that knows the data's columns: only with them is it certain that `{a.b}` is no column of its own.

        Raises:
            ColumnError: No such column. RecipeError: The template cannot be filled in.
        """
        for kind in ("numeric", "categorical", "time"):
            for name in getattr(self.section, kind):
                if name not in names:
                    raise ColumnError(
                        f"features.{kind} names {name!r}, which the data does not have.", did_you_mean(name, names)
                    )
        checked = type(self)(self.section, names)
        if checked.template:
            checked.template.check()
        return checked

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The typed values of a raw row.

        Args:
            row: Column of the data -> cell.

        Returns:
            Column -> number (float), category (text), time (ISO 8601 text), or None where it is missing; columns that
            only the template reads keep their type.

        Raises:
            RowError: A cell is not what its column should hold. The message names the column, never the value, which
                may be personal.
        """
        values = {}
        for name in self.columns:
            if name not in row:
                raise RowError(f"missing column {name!r}")
            values[name] = None if _is_missing(row[name]) else self._value(name, row[name])
        return values

    def _value(self, name: str, cell: Any) -> Any:
        if name in self.section.numeric:
            return _number(name, cell)
        if name in self.section.time:
            return _time(name, cell)
        if name in self.section.categorical:
            return _category(name, cell)
        return _native(name, cell)

    def render(self, values: Mapping[str, Any]) -> str:
        """The text of a row, from what `read` returned or what the cleaning made of it.

        Raises:
            RowError: A value does not fit its format, or is not there.
            UsageError: The section has no template.
        """
        if self.template is None:
            raise UsageError("The recipe has no template to make a text with.", "Set features.template.")
        return self.template.render(values)

    def store(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values under the names of the canonical columns: `feature:NAME`, or `template:NAME`."""
        return {f"{FEATURE if name in self.section.columns else TEMPLATE}{name}": v for name, v in values.items()}

    def stored(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The inverse of `store`: values by the data's column names, from a canonical row."""
        return {
            name: row[f"{prefix}{name}"]
            for name in self.columns
            for prefix in (FEATURE, TEMPLATE)
            if f"{prefix}{name}" in row
        }


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or (isinstance(cell, float) and math.isnan(cell)) or str(cell) == "NaT"


def _number(name: str, cell: Any) -> float | None:
    if isinstance(cell, str) and cell.strip().lower() in MISSING:
        return None
    try:
        return finite_number(cell if isinstance(cell, str) else str(float(cell)))
    except (ValueError, TypeError, OverflowError):
        raise RowError(f"a value of {name!r} is no plain number (name the column in cleaning.numbers)") from None


def _time(name: str, cell: Any) -> str | None:
    if isinstance(cell, str) and cell.strip().lower() in MISSING:
        return None
    try:
        return iso_text(cell)
    except ValueError:
        number = isinstance(cell, int | float) or (isinstance(cell, str) and cell.strip().isdigit())
        raise RowError(
            f"a value of {name!r} is an epoch number, whose unit cannot be told (write it as an ISO 8601 date)"
            if number
            else f"a value of {name!r} is no ISO 8601 date (name the column in cleaning.dates)"
        ) from None


def _category(name: str, cell: Any) -> str:
    if not isinstance(cell, _NATIVE):
        raise RowError(f"a value of {name!r} is no category but a {type(cell).__name__}")
    return number_text(cell) if isinstance(cell, float) and math.isfinite(cell) else str(cell).strip()


def _native(name: str, cell: Any) -> Any:
    if isinstance(cell, _NATIVE):
        return cell
    try:
        return iso_text(cell)  # dates that a Parquet file holds as such
    except ValueError:
        raise RowError(f"a value of {name!r} is a {type(cell).__name__}, which no template can write") from None
