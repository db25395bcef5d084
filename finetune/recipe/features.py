"""Section on the columns of a table."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from finetune.recipe.section import Section


class FeaturesSection(Section):
    """Columns of a table that say something about the target, beside the text or in its place.

    A pretrained model reads them through `template`; scikit-learn baselines (`columns-linear`, `columns-tree`,
    `columns-forest`, `columns-boosting`) read them as they are: numbers scaled, categories one-hot, times in parts.
    """

    numeric: tuple[str, ...] = ()
    """Columns of numbers."""
    categorical: tuple[str, ...] = ()
    """Columns of categories."""
    time: tuple[str, ...] = ()
    """Columns of dates or times (ISO 8601): year, month, day, day of the week, hour, weekend, and whether it is the
    first or last day of a month or of a year."""
    template: str | None = None
    """Turns a row into the text that the model reads: `"{title}. {body} (price: {price:.2f})"`. Names are columns of
    the data; a time has parts, such as `{ordered.weekday}`. Missing values are written as `missing_text`."""
    missing_text: str = "unknown"
    """What a template writes for a missing value."""

    @model_validator(mode="after")
    def _one_kind_each(self) -> Self:
        every = [*self.numeric, *self.categorical, *self.time]
        twice = sorted({name for name in every if every.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)}: a column is of one kind only")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are named as features, without those that only the template reads."""
        return (*self.numeric, *self.categorical, *self.time)
