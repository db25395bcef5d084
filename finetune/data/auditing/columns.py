"""One column of the raw data: what it holds, what is missing, and the summary that its kind calls for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.categories import CategoryColumn, Distinct, Placeholders
from finetune.data.auditing.entries import Role, entry
from finetune.data.auditing.kinds import is_personal, kind_of, spread
from finetune.data.auditing.numbers import NumberColumn
from finetune.data.auditing.personal import PersonalCounts
from finetune.data.auditing.sampling import Sample, name_rows, plain_array, take
from finetune.data.auditing.stored import describe_stored
from finetune.data.auditing.texts import TextColumn
from finetune.data.auditing.times import describe_times
from finetune.data.auditing.values import is_missing, is_text, mask, numbers_of, show
from finetune.data.values import NumberReader

if TYPE_CHECKING:
    from datasets import Dataset

Array = NDArray[Any]
MOST_CLASSES = 50
"""Different whole numbers of a target up to which they are read as classes."""


@dataclass
class ColumnScan:
    """What is gathered about a column in the pass over all rows."""

    name: str
    feature: Any
    role: Role
    sample: Sample
    missing: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find out from the sample what there is to count."""
        self.array = self.sample.column(self.name)
        self.there = ~is_missing(self.array)
        drawn = self.array.filter(mask(self.there)).to_pylist() if self._plain else []
        self.reader = NumberReader.fit(map(str, spread(drawn))) if is_text(self.array) else NumberReader()
        self.kind = self._kind(drawn)
        self.personal = self._plain and is_personal(drawn)
        if self.personal and self.kind in ("number", "category"):
            self.kind = "id"  # a telephone number has no mean, and is no category to list
        self.distinct, self.placeholders = Distinct(), Placeholders()
        self.persons = PersonalCounts() if is_text(self.array) or self._words else None
        self.numbers = self._numbers() if self.kind == "number" else None
        texts = self._joined(self.array) if self.kind == "text" or (self.role.texts and self._words) else None
        self.texts = TextColumn(texts, self.sample) if texts is not None else None
        named = list(self.feature.names) if hasattr(self.feature, "names") else None
        self.categories = CategoryColumn(named) if self.kind in ("category", "boolean") else None

    @property
    def _plain(self) -> bool:
        """Whether its values are single ones that Python can hold in numbers."""
        return type(self.feature).__name__ in ("Value", "ClassLabel") and "binary" not in str(self.array.type)

    def _joined(self, array: Any) -> Any:
        """Lists of texts as one text each."""
        import pyarrow.compute as pc

        return pc.binary_join(array, " ") if self._words else array

    @property
    def _words(self) -> bool:
        """Whether its values are lists of texts."""
        import pyarrow as pa

        return pa.types.is_list(self.array.type) and is_text(self.array.type.value_type)

    def _kind(self, drawn: list[Any]) -> str:
        if self.role.texts and is_text(self.array):
            return "text"
        kind = kind_of(self.name, self.feature, drawn, self.reader)
        # Ids of classes are no quantities; more than so many of them may be.
        classes = "target" in self.role.roles and "int" in str(self.array.type) and len(set(drawn)) <= MOST_CLASSES
        return "category" if kind == "number" and classes else kind

    def _numbers(self) -> NumberColumn:
        return NumberColumn(numbers_of(self.array, self.reader), self.sample.total)

    def add(self, split: str, start: int, column: Any) -> None:
        """Take a batch.

        Args:
            split: Where it comes from.
            start: Index of its first row in the split.
            column: The batch of this column, of Arrow.
        """
        array = self._like_sample(plain_array(column))
        missing = is_missing(array)
        count = self.missing.setdefault(split, [0, 0])
        count[0], count[1] = count[0] + int(missing.sum()), count[1] + len(missing)
        rows, present = start + np.arange(len(array)), array.filter(mask(~missing))
        if self.persons is not None:
            self.persons.add(split, rows[~missing], self._joined(present))
        if self.texts is not None:
            self.texts.add(split, rows, self._joined(array))
        if self._plain:
            self.distinct.add(present)
            self._summarize(split, rows, array, present)

    def _like_sample(self, array: Any) -> Any:
        """A split may hold numbers where another holds texts; the sample has both as texts."""
        import pyarrow as pa

        return array.cast(pa.string()) if is_text(self.array) and not is_text(array) else array

    def _summarize(self, split: str, rows: Array, array: Any, present: Any) -> None:
        if is_text(array):
            self.placeholders.add(array)
        if self.numbers is not None:
            values = numbers_of(array, self.reader)
            known = ~np.isnan(values)
            self.numbers.add(split, rows[known], values[known])
        if self.categories is not None:
            self.categories.add(present)

    def to_dict(self) -> dict[str, Any]:
        """The entry of the column in the audit."""
        return {
            **entry(self.name, self.feature, self.kind, self.role, self.missing),
            "placeholders": dict(sorted(self.placeholders.counts.items())),
            "distinct": self.distinct.to_dict() if self._plain else None,
            "constant": self._constant(),
            "personal": self.personal,
            "numbers": self.numbers.to_dict() if self.numbers else None,
            "times": self._times(),
            "stored": self._stored(),
            "texts": self.texts.to_dict() if self.texts else None,
            "categories": self.categories.to_dict() if self.categories else None,
        }

    def _constant(self) -> bool:
        missing, total = (sum(counts) for counts in zip(*self.missing.values(), strict=True))
        if missing == total:
            return True
        return self._plain and missing == 0 and len(self.distinct.seen) == 1

    def _times(self) -> dict[str, Any] | None:
        if self.kind != "time" or self.personal:
            return None
        return {**describe_times(self._drawn()), "sampled": self.sample.sampled}

    def _stored(self) -> dict[str, Any] | None:
        if self.kind not in ("number", "time") or not is_text(self.array) or self.personal:
            return None
        rows = [row for row, there in zip(self.sample.rows, self.there, strict=True) if there]
        found = describe_stored(self.kind, rows, self._drawn(), self.reader)
        return {**found, "sampled": self.sample.sampled}

    def _drawn(self) -> list[Any]:
        return self.array.filter(mask(self.there)).to_pylist()  # type: ignore[no-any-return]


def head_of(splits: Mapping[str, Dataset], size: int, hidden: Collection[str]) -> list[dict[str, Any]]:
    """The first rows as a page shows them; of hidden columns only whether there is a value."""
    split, rows = next(iter(splits.items()))
    found = take(rows, np.arange(min(size, len(rows)))).to_pylist()
    names = name_rows(split, range(len(found)))
    return [{"row": name, "values": {column: _cell(value, column in hidden) for column, value in row.items()}}
            for name, row in zip(names, found, strict=True)]  # fmt: skip


def _cell(value: Any, hidden: bool) -> str | None:
    return "<personal>" if hidden and value is not None else show(value)
