"""Data that is ready to learn from, and the account of how it came to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.task import Row, Task

FEATURE = "feature:"
"""What stands before the name of a feature among the columns of canonical rows."""
GROUP, SLICE, CLUSTER = "group:", "slice:", "cluster:"
"""The same of columns that no model reads, their values as text: groups of people, parts that are scored by themselves,
and what makes rows depend on each other."""
MAX_LISTED_ROWS = 1000
"""Row numbers kept for each reason; the count is always exact."""


@dataclass
class DataReport:
    """What was read, dropped and noticed, for the log and `data/report.json`.

    Attributes:
        source: Where the data came from: name, config, revision (commit), hash, fingerprint.
        columns: Canonical column -> column of the data, or columns whose values make a list.
        splits: Split -> rows kept.
        origins: Split -> the source's split (with its slice) that the rows come from.
        dropped: Split -> reason -> `{"count", "rows"}`; rows are indices into the split as read, from 0.
        malformed: `{"count", "lines"}`; physical line numbers of the file, from 1.
        target: What the target is.
        label_counts: Split -> label -> rows (classification), or summary statistics (regression).
        notes: What was inferred or decided, in sentences.
        cleaning: What each step of the cleaning did: `{step, split, column, before, after, changed, flagged, examples,
            detail}`.
        leakage: "`held-out split` in `other split`" -> `{"rows", "total", "share", "examples", "choice"}`: rows with
            the same input.
        content: Split -> SHA-256 of its inputs and targets: equal data has equal ones, wherever it was read from.
    """

    source: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    malformed: dict[str, Any] = field(default_factory=lambda: {"count": 0, "lines": []})
    target: dict[str, Any] = field(default_factory=dict)
    label_counts: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    cleaning: list[dict[str, Any]] = field(default_factory=list)
    leakage: dict[str, dict[str, Any]] = field(default_factory=dict)
    content: dict[str, str] = field(default_factory=dict)

    def drop(self, split: str, reason: str, row: int) -> None:
        """Count one dropped row."""
        entry = self.dropped.setdefault(split, {}).setdefault(reason, {"count": 0, "rows": []})
        entry["count"] += 1
        if len(entry["rows"]) < MAX_LISTED_ROWS:
            entry["rows"].append(row)

    def sentences(self) -> list[str]:
        """The notes, and one sentence per kind of dropped row."""
        lines = list(self.notes)
        if self.malformed["count"]:
            lines.append(
                f"Dropped {self.malformed['count']} malformed lines: {shorten(self.malformed['lines'])} of the file."
            )
        for split, reasons in self.dropped.items():
            for reason, entry in reasons.items():
                lines.append(f"Dropped {entry['count']} rows of {split} ({reason}): {shorten(entry['rows'])}.")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class FurtherRows(Protocol):
    """Training rows that augmentation adds, as many in every epoch; each knows its parent (`parent_id`)."""

    lazy: bool
    """Whether a row costs so little that it is made when a batch wants it."""
    unchanged: Counter[str]
    """Rows made so far that came out as their parents, by method."""

    def __len__(self) -> int: ...

    def plan(self) -> list[dict[str, Any]]:
        """What each transform adds to an epoch: `method`, `rows`, and a `note` on what else it depends on."""

    def rows(self, epoch: int) -> list[Row]:
        """All rows of an epoch, from 0."""

    def row(self, epoch: int, index: int) -> Row:
        """One of them."""


@dataclass(frozen=True)
class PreparedData:
    """Canonical rows in three splits, and the task that has learned their target.

    Each split is a `datasets.Dataset` with the task's columns, `row` (where it came from, such as ``train:12``) and
    `group:NAME` for every group column of the recipe, `feature:NAME` for every feature.

    Attributes:
        task: Knows the target.
        train: Rows to learn from.
        validation: Rows that choose the model.
        test: Rows that score it.
        report: How they came to be.
        tables: The raw splits that they came from.
        inputs: What a raw row has to go through before the model answers it: `places`, the state of the `cleaning`.
        further: Further training rows, made anew in each epoch; None without augmentation.
        known: What these rows alone led to and several runs need: the look at the data, answers of baselines. In
            memory only.
    """

    task: Task
    train: Dataset
    validation: Dataset
    test: Dataset
    report: DataReport
    tables: Mapping[str, Dataset] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    further: FurtherRows | None = None
    known: dict[Any, Any] = field(default_factory=dict, compare=False)

    @property
    def splits(self) -> dict[str, Dataset]:
        """The three splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def iterate(rows: Dataset) -> Iterator[dict[str, Any]]:
    """The rows one by one, read in batches: several times as fast as iterating over the data set itself."""
    for batch in rows.iter(1000):
        names = list(batch)
        for values in zip(*batch.values(), strict=True):
            yield dict(zip(names, values, strict=True))


def shorten(items: Sequence[Any], limit: int = 5) -> str:
    """The first items, and how many more there are."""
    shown = ", ".join(str(item) for item in items[:limit])
    return f"{shown}, … ({len(items)} listed)" if len(items) > limit else shown
