"""Raw rows -> canonical rows: the task's columns, and beside them what splits, features and groups need."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.artifacts.prepared_data import DataReport, iterate, shorten
from finetune.data.columns import Place, heads, pick
from finetune.data.splitting import SPLIT_NAMES, split_named
from finetune.data.storage import BATCH, store, table_of, take
from finetune.errors import EmptyDataError, LabelError, did_you_mean
from finetune.labels import RowError
from finetune.text.duplicates import hash_texts

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from finetune.data.cleaning import Cleaner
    from finetune.data.features import FeatureReader
    from finetune.recipe import SplitSection
    from finetune.task import Column, Task

NUMBER = "__row__"
"""Column of a raw split: the row's place in the split as it was read."""
CARRIED = "column:"
"""What stands before the names of columns that are kept for the cleaning alone."""


@dataclass(frozen=True)
class Split:
    """Canonical rows, and what tells which of them belong together.

    Attributes:
        rows: The rows.
        keys: (n,) uint64, equal for rows that no split may separate.
        inputs: (n,) uint64, equal for rows with the same input.
        whole: (n,) uint64, equal for rows with the same input and the same target.
        marks: `time` (n,) float64, and `column`, `group` and `id`, (n,) uint64 or names, where the recipe names them.
    """

    rows: Dataset
    keys: np.ndarray
    inputs: np.ndarray
    whole: np.ndarray
    marks: dict[str, np.ndarray] = field(default_factory=dict)

    def take(self, indices: np.ndarray) -> Split:
        """Some of the rows; `indices` ascend."""
        marks = {name: values[indices] for name, values in self.marks.items()}
        return Split(take(self.rows, indices), self.keys[indices], self.inputs[indices], self.whole[indices], marks)

    def without(self, unwanted: np.ndarray) -> Split:
        """The rows for which a mask (n,) is false."""
        return self.take(np.flatnonzero(~unwanted)) if unwanted.any() else self

    def join(self, other: Split) -> Split:
        """These rows and the other's behind them."""
        from datasets import concatenate_datasets

        marks = {name: np.concatenate([values, other.marks[name]]) for name, values in self.marks.items()}
        pairs = ((self.keys, other.keys), (self.inputs, other.inputs), (self.whole, other.whole))
        keys, inputs, whole = (np.concatenate(pair) for pair in pairs)
        return Split(concatenate_datasets([self.rows, other.rows]), keys, inputs, whole, marks)


@dataclass(frozen=True)
class RowReader:
    """How a raw row becomes a canonical one.

    Attributes:
        task: Knows its target.
        places: Canonical column -> where it stands in the data.
        kept: What stays beside the canonical columns, for scores of parts of the rows: its name -> the column.
        split: Names the columns that splits are made by.
        features: Reads the columns of a table and writes a text of them; None where the recipe names none.
        carried: Further columns to keep as features, for the cleaning that is fitted after the split.
        identity: Column that says what a row is about.
        cleaner: Reads numbers in columns that it has brought to one form: those that it flagged are missing.
    """

    task: Task
    places: Mapping[str, Place]
    kept: Mapping[str, str]
    split: SplitSection
    features: FeatureReader | None = None
    carried: tuple[str, ...] = ()
    identity: str | None = None
    cleaner: Cleaner | None = None

    def columns(self, rows: Dataset) -> set[str]:
        """The data's columns that are read."""
        wanted = {*self.kept.values(), *self.carried, *self._marked.values()}
        wanted |= set(self.features.columns) if self.features else set()
        for place in self.places.values():
            wanted |= heads(place, rows)
        return wanted

    # Looked up once rather than for each of millions of rows.
    @cached_property
    def _inputs(self) -> list[tuple[Column, Place]]:
        return [
            (column, self.places[column.name]) for column in self.task.input_columns() if column.name in self.places
        ]

    @cached_property
    def _target(self) -> tuple[str, Place]:
        name = self.task.target_column().name
        return name, self.places[name]

    @cached_property
    def _marked(self) -> dict[str, str]:
        named = {"time": self.split.time, "column": self.split.column, "group": self.split.group, "id": self.identity}
        return {mark: column for mark, column in named.items() if column is not None}

    @property
    def written(self) -> str | None:
        """The canonical column that the template writes; None without one."""
        return "text" if self.features is not None and self.features.section.template is not None else None

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The canonical row.

        Raises:
            RowError: It cannot be used.
        """
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {f"{CARRIED}{name}": _plain(row[name]) for name in self.carried}
        if self.features is not None:
            features, text = self._read_features(self.features, row)
            extra |= self.features.store(features)
            if self.written:
                values[self.written] = text
        for column, place in self._inputs:
            values[column.name] = _input(pick(row, place), column)
        target, place = self._target
        values[target] = self.task.parse_target(pick(row, place))
        self.task.check_row(values)
        extra |= {name: None if row[column] is None else str(row[column]) for name, column in self.kept.items()}
        return values | extra

    def _read_features(self, reader: FeatureReader, row: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        try:
            features = reader.read(with_numbers(row, reader, self.cleaner))
            return features, reader.render(features) if self.written else ""
        except RowError as error:
            raise RowError(f"features: {error}") from None

    def marks(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What the row says of its split.

        Raises:
            RowError: It says nothing, or nothing that can be read.
        """
        return {mark: _MARKS[mark](row[column], column) for mark, column in self._marked.items()}


def with_numbers(row: Mapping[str, Any], reader: FeatureReader, cleaner: Cleaner | None) -> Mapping[str, Any]:
    """The row with the numbers of cleaned columns as such: an ambiguous one, which stayed a text, is not guessed at."""
    if cleaner is None or not cleaner.section.numbers:
        return row
    names = [name for name in reader.section.numeric if name in cleaner.section.numbers]
    return {**row, **{name: cleaner.number(name, row[name]) for name in names if row.get(name) is not None}}


def read_canonical(split: Dataset, name: str, reader: RowReader, report: DataReport) -> Split:
    """Canonical rows of a split; what cannot be used is dropped and counted in the report.

    Raises:
        LabelError: Rows hold something that has to be mended rather than dropped. EmptyDataError: No row is left.
    """
    wanted = reader.columns(split) | {NUMBER}
    hashes: dict[str, list[np.ndarray]] = {"keys": [], "inputs": [], "whole": []}
    marks: dict[str, list[np.ndarray]] = {mark: [] for mark in reader._marked}
    wrong: list[tuple[int, str]] = []

    def batches() -> Iterator[pa.Table]:
        found: list[dict[str, Any]] = []
        told: list[dict[str, Any]] = []
        for index, row in enumerate(iterate(split.select_columns([c for c in split.column_names if c in wanted]))):
            number = row.get(NUMBER, index)
            try:
                values = reader.read(row)
                marked = reader.marks(row)
            except RowError as error:
                if str(error).startswith(("missing", "empty")):
                    report.drop(name, str(error), number)
                else:
                    wrong.append((number, str(error)))
                continue
            found.append({"row": f"{name}:{number}", **values})
            told.append(marked)
            if len(found) == BATCH:
                _mark(told, marks)
                yield _finished(found, reader.task, hashes)
                found, told = [], []
        if found:
            _mark(told, marks)
            yield _finished(found, reader.task, hashes)

    rows = store(batches())
    if wrong:
        raise _wrong_rows(wrong, name, reader.task)
    if not len(rows):
        reasons = ", ".join(f"{entry['count']} × {reason}" for reason, entry in report.dropped.get(name, {}).items())
        raise EmptyDataError(f"No usable row is left in {name} ({reasons or 'it is empty'}).", "Check data.columns.")
    arrays = {key: np.concatenate(parts) for key, parts in hashes.items()}
    return Split(rows, **arrays, marks={mark: np.concatenate(parts) for mark, parts in marks.items()})


def _finished(found: list[dict[str, Any]], task: Task, hashes: dict[str, list[np.ndarray]]) -> pa.Table:
    """A table of rows; their hashes go to the others'."""
    inputs = [column.name for column in task.input_columns()]
    target = task.target_column().name
    texts = ["\x1f".join(str(row.get(name)) for name in inputs) for row in found]
    hashes["keys"].append(hash_texts([task.split_key(row) for row in found]))
    hashes["inputs"].append(hash_texts(texts))
    hashes["whole"].append(hash_texts(f"{text}\x1e{row[target]}" for text, row in zip(texts, found, strict=True)))
    return table_of({key: [row[key] for row in found] for key in found[0]})


def _mark(told: list[dict[str, Any]], marks: dict[str, list[np.ndarray]]) -> None:
    """Arrays of what a batch of rows says of its split go to the others'."""
    for mark, parts in marks.items():
        parts.append(_mark_array(mark, [row[mark] for row in told]))


def _mark_array(mark: str, values: list[Any]) -> np.ndarray:
    if mark == "time":
        return np.array(values, dtype=np.float64)
    return np.array(values, dtype=object) if mark == "column" else hash_texts(values)


def _input(value: Any, column: Column) -> Any:
    if isinstance(value, int | float):
        value = str(value)
    empty = isinstance(value, str) and not value.strip()
    if column.nullable and (value is None or empty):
        return None
    if value is None or empty:
        raise RowError(f"{'empty' if empty else 'missing'} {column.name}")
    return value


def _plain(value: Any) -> Any:
    """A cell as text, so that a column has one type; None where it is missing."""
    missing = value is None or (isinstance(value, float) and math.isnan(value)) or not str(value).strip()
    return None if missing else str(value)


def _time(value: Any, column: str) -> float:
    """A moment as a number; zones count, and a time without one is taken as UTC."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowError(f"missing {column}")
    if isinstance(value, int | float):
        return float(value)
    try:
        moment = value if isinstance(value, date) else datetime.fromisoformat(value.strip())
    except ValueError:
        raise RowError(f"time {value!r} is not ISO 8601; name {column} under cleaning.dates") from None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _name_of_split(value: Any, column: str) -> str:
    found = split_named(value)
    if found is None:
        known = ", ".join(name for names in SPLIT_NAMES.values() for name in names)
        raise RowError(f"split {value!r} in {column}; known: {known}")
    return found


def _key(value: Any, column: str) -> str:
    if value is None or not str(value).strip():
        raise RowError(f"missing {column}")
    return str(value)


_MARKS = {"time": _time, "column": _name_of_split, "group": _key, "id": _key}


def _wrong_rows(wrong: Sequence[tuple[int, str]], split: str, task: Task) -> LabelError:
    reasons = Counter(reason for _, reason in wrong)
    first = reasons.most_common(1)[0][0]
    names, options = task.state().get("names") or [], type(task.options).model_fields
    quoted = first.split("'")[1] if "'" in first else ""
    about_rows = first.startswith(("time ", "split ", "features: "))
    return LabelError(
        f"{len(wrong)} rows of {split} have {'values' if about_rows else 'targets'} that cannot be used: {first}"
        f"{f' and {len(reasons) - 1} more like it' if len(reasons) > 1 else ''} "
        f"(rows {shorten([index for index, _ in wrong])}).",
        "Correct the rows, or the columns that the recipe names."
        if about_rows
        else (f"{did_you_mean(quoted, names) if quoted else f'Labels: {shorten(names, 12)}.'} " if names else "")
        + (
            "Correct the rows, or data.labels and options.problem_type."
            if "problem_type" in options
            else "Correct the rows, or data.columns."
        ),
    )
