"""Values that repeat: how many different ones there are, the most frequent, and those that differ in spelling only."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from finetune.data.auditing.numbers import rounded
from finetune.data.auditing.values import is_text, show
from finetune.data.features import MISSING
from finetune.data.values import category_key

DISTINCT_CAP = 100_000
"""Different values of a column that are told apart."""
COUNTED_CAP = 10_000
"""Different categories that are counted."""
TOP = 20
"""Categories that are listed."""


class Distinct:
    """How many different values there are, up to a cap. Of texts only hashes are held."""

    def __init__(self, cap: int = DISTINCT_CAP) -> None:
        self.cap = cap
        self.seen: set[Any] = set()

    def add(self, array: Any) -> None:
        """Take a batch, an Arrow array without missing values."""
        import pyarrow.compute as pc

        if len(self.seen) <= self.cap:
            values = pc.unique(array).to_pylist()
            self.seen.update(map(hash, values) if is_text(array) else values)  # -1 and -2 share a hash

    def to_dict(self) -> dict[str, Any]:
        """`count` and whether it is `exact`; else there are at least so many."""
        return {"count": min(self.cap, len(self.seen)), "exact": len(self.seen) <= self.cap}


class Placeholders:
    """Texts that stand for a missing value, by the way they are written."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, array: Any) -> None:
        """Take a batch of texts, an Arrow array."""
        import pyarrow as pa
        import pyarrow.compute as pc

        trimmed = pc.utf8_trim_whitespace(array)
        found = trimmed.filter(pc.is_in(pc.utf8_lower(trimmed), pa.array(sorted(MISSING), array.type)))
        for entry in pc.value_counts(found).to_pylist():
            self.counts[entry["values"]] += entry["counts"]


class CategoryColumn:
    """Summary of a column of categories or of yes and no.

    Args:
        names: Of a ClassLabel, the names of its ids.
    """

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = names
        self.counts: Counter[Any] = Counter()
        self.total = 0
        self.exact = True

    def add(self, array: Any) -> None:
        """Take a batch, an Arrow array without missing values."""
        import pyarrow.compute as pc

        self.total += len(array)
        for entry in pc.value_counts(array).to_pylist():
            if entry["values"] in self.counts or len(self.counts) < COUNTED_CAP:
                self.counts[entry["values"]] += entry["counts"]
            else:
                self.exact = False

    def to_dict(self) -> dict[str, Any]:
        """The entry `categories` of the audit."""
        named = Counter({self._name(value): count for value, count in self.counts.items()})
        top = sorted(named.items(), key=lambda item: (-item[1], item[0]))[:TOP]
        return {
            "top": [{"value": show(value), "count": count, "share": rounded(count / self.total)}
                    for value, count in top],
            "spellings": spellings(named),
            "exact": self.exact,
        }  # fmt: skip

    def _name(self, value: Any) -> str:
        if self.names is not None and isinstance(value, int) and 0 <= value < len(self.names):
            return self.names[value]
        return str(value)


def spellings(counts: Counter[str]) -> list[dict[str, Any]]:
    """Groups of values that differ in case, blanks, punctuation or accents only, the most frequent groups first."""
    groups: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for value, count in counts.items():
        groups[category_key(value)].append((value, count))
    several = [sorted(group, key=lambda item: (-item[1], item[0])) for group in groups.values() if len(group) > 1]
    several.sort(key=lambda group: (-sum(count for _, count in group), group[0][0]))
    return [
        {"stands_for": show(group[0][0]), "values": [{"value": show(v), "count": n} for v, n in group]}
        for group in several
    ]
