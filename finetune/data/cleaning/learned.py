"""What the cleaning learned from data, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from finetune.errors import DataError

Kind = Literal["text", "number"]
VERSION = 1


@dataclass
class Learned:
    """What prediction needs to do to a row what was done to the training rows.

    Attributes:
        marks: Column of `numbers` without a stated mark -> the mark that its training values tell, or None.
        names: Label names where the target is ids with names, and the recipe maps labels.
        kinds: Column of `missing` -> what its fill-in value is written as.
        floats: Columns of whole numbers that became floating-point ones, to hold a mean or a bound.
        types: Column that is fitted -> Arrow type of its training values.
        spellings: Column -> key (`category_key`) -> spelling.
        fills: Column -> what stands in for missing values.
        bounds: Column -> least and greatest value that is no outlier; None where no bounds can be told.
        fitted: Whether `fit` has run.
    """

    marks: dict[str, Literal[".", ","] | None] = field(default_factory=dict)
    names: list[str] | None = None
    kinds: dict[str, Kind] = field(default_factory=dict)
    floats: list[str] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)
    spellings: dict[str, dict[str, str]] = field(default_factory=dict)
    fills: dict[str, str | float | bool] = field(default_factory=dict)
    bounds: dict[str, list[float] | None] = field(default_factory=dict)
    fitted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`.

        Raises:
            DataError: Written by another version, or not by `to_dict`.
        """
        if values.get("version") != VERSION:
            raise DataError(
                f"The state of the cleaning is of version {values.get('version')!r}; this program reads {VERSION}.",
                "Prepare the data again.",
            )
        try:
            return cls(**{name: value for name, value in values.items() if name != "version"})
        except TypeError:
            raise DataError("The state of the cleaning cannot be read.", "Prepare the data again.") from None
