"""Section on cleaning. The order of the steps is fixed, whatever order the recipe names them in: that of the fields."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from finetune.recipe.section import Section

Normalization = Literal["encoding", "html", "unicode", "users", "urls", "whitespace"]
PersonalKind = Literal["email", "phone", "url_login", "ip_address", "credit_card", "iban", "ssn", "secret"]


class NumberStep(Section):
    """How the numbers of a column are written."""

    decimal: Literal[".", ","] | None = None
    """The decimal mark. Default: told by the values that can mean one thing only; where they disagree or none can
    tell, ambiguous values stay as they are and are flagged."""


class DateStep(Section):
    """How the dates of a column are written."""

    order: Literal["year-first", "day-first", "month-first"] | None = None
    """How numeric dates are read. Default: those that can be read in one way only are; the others are flagged."""


class MissingStep(Section):
    """What takes the place of missing values in a column."""

    strategy: Literal["drop", "constant", "mean", "median", "most_frequent"]
    """`drop` removes the row, `constant` puts `value`; the others are computed on the training rows."""
    value: str | float | None = None
    """The constant."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"strategy": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _constant_has_a_value(self) -> Self:
        if (self.strategy == "constant") != (self.value is not None):
            raise ValueError("strategy constant needs a value, and no other strategy takes one")
        return self


class OutlierStep(Section):
    """What is done with numbers far from the others of their column."""

    action: Literal["report", "clip", "drop"]
    """`clip` moves them to the bound; `drop` removes training rows (held-out rows are never dropped for it)."""
    method: Literal["iqr", "mad"] = "iqr"
    """Bounds, computed on the training rows: quartiles -/+ `factor` times their distance (Tukey 1977), or the median
    -/+ `factor` times the scaled median absolute deviation (Iglewicz and Hoaglin 1993)."""
    factor: float | None = Field(default=None, gt=0)
    """Default: 1.5 for `iqr`, 3.5 for `mad`."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"action": given} if isinstance(given, str) else given


class LengthStep(Section):
    """Bounds on the length of a row's text."""

    min: int = Field(default=0, ge=0)
    """Shorter rows are dropped."""
    max: int | None = Field(default=None, ge=1)
    """Longer rows are dropped."""
    unit: Literal["characters", "words"] = "characters"
    """What is counted."""


class CleaningSection(Section):
    """What is mended before the model sees the data. Every step is logged with rows before and after and examples.

    What is fitted (fill-in values, bounds, spellings) is fitted on the training rows only and applied to all. Filters
    and duplicates are applied to all splits; the values of held-out rows are changed, where the model will see its
    inputs changed alike when it is used.
    """

    normalize: tuple[Normalization, ...] = ()
    """On texts: `encoding` mends what was decoded wrongly (ftfy), `html` removes tags and entities, `unicode` composes
    characters (NFC) and removes invisible ones, `users` and `urls` put `@user` and `<url>` in their place, `whitespace`
    joins runs of blanks. Always done in this order."""
    numbers: dict[str, NumberStep] = Field(default_factory=dict)
    """Column -> how its numbers are written; they become plain ones (`1.234,50 EUR` -> `1234.5`)."""
    dates: dict[str, DateStep] = Field(default_factory=dict)
    """Column -> how its dates are written; they become ISO 8601 (`2025-04-03`)."""
    categories: tuple[str, ...] = ()
    """Columns whose values differ in case, blanks, punctuation or accents only: the spelling that is the most frequent
    in the training rows stands for all."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Raw target value -> another one, before labels are learned: `{pos: positive, "+": positive}`."""
    length: LengthStep | None = None
    """Rows outside of these lengths are dropped."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes of the languages to keep; texts too short to tell are kept and counted."""
    personal: tuple[PersonalKind, ...] | Literal["redact"] | None = None
    """Personal data in texts to replace by its kind, such as `<email>`; `redact` stands for every kind."""
    duplicates: Literal["keep", "drop"] = "keep"
    """Rows with the same input and target as an earlier one of their split."""
    near_duplicates: Literal["keep", "drop"] = "keep"
    """Rows whose words are nearly those of an earlier one of their split."""
    near_threshold: float = Field(default=0.8, gt=0, le=1)
    """Jaccard similarity of two rows' word 3-grams from which they are near duplicates."""
    missing: dict[str, MissingStep] = Field(default_factory=dict)
    """Column -> what takes the place of missing values: `drop`, `mean`, `median`, `most_frequent`, or
    `{strategy: constant, value: …}`."""
    outliers: dict[str, OutlierStep] = Field(default_factory=dict)
    """Numeric column -> `report`, `clip` or `drop`, or with its method and factor."""
