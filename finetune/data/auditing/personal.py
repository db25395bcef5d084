"""Personal data in the raw columns: how many values of which kind, and in which rows. Never the values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.sampling import RowList
from finetune.data.auditing.values import as_array, mask
from finetune.text.personal import KINDS, find_personal

_SIGNS = (
    r"@|hf_|A[KS]IA|gh[pousr]_|github_|glpat|npm_|sk-|[srp]k_(live|test)|AIza|xox|eyJ|-----BEGIN"
    r"|\pN([^\pNA-Za-z]{0,4}\pN){6}|\pN\.\pN{1,3}\.\pN|:[0-9A-Fa-f]{0,4}:"
)
"""Every text with personal data that is found matches this, and few others do: an address, a secret's prefix, seven
digits near each other, three groups of an address on the net. Arrow looks for it many times faster than Python does
for each kind, which is what makes millions of rows feasible."""


class PersonalCounts:
    """Counts of a column that comes in batches."""

    def __init__(self) -> None:
        self.values: Counter[str] = Counter()
        self.rows = {kind: RowList() for kind in KINDS}

    def add(self, split: str, rows: NDArray[Any], texts: Any) -> None:
        """Take a batch: (n,) indices in the split, (n,) texts of Arrow, none missing."""
        import pyarrow.compute as pc

        suspects = as_array(pc.match_substring_regex(texts, _SIGNS)).astype(bool)
        found: dict[str, list[int]] = {}
        for row, text in zip(rows[suspects].tolist(), texts.filter(mask(suspects)).to_pylist(), strict=True):
            kinds = [place.kind for place in find_personal(text)]
            self.values.update(kinds)
            for kind in set(kinds):
                found.setdefault(kind, []).append(row)
        for kind, places in found.items():
            self.rows[kind].add(split, np.array(places))


def describe_personal(columns: dict[str, PersonalCounts]) -> dict[str, Any]:
    """The part `personal` of the audit."""
    counts = {name: _counts([column]) for name, column in columns.items()}
    places = {name: {kind: found.rows for kind, found in column.rows.items() if found.count}
              for name, column in columns.items()}  # fmt: skip
    return {
        "measured": True,
        "columns": {name: kinds for name, kinds in counts.items() if kinds},
        "total": _counts(list(columns.values())),
        "rows": {name: kinds for name, kinds in places.items() if kinds},
    }


def _counts(columns: Sequence[PersonalCounts]) -> dict[str, dict[str, int]]:
    """Kind -> rows (a row with it in two columns counts twice) and values."""
    found = {kind: {"rows": sum(column.rows[kind].count for column in columns),
                    "values": sum(column.values[kind] for column in columns)} for kind in KINDS}  # fmt: skip
    return {kind: entry for kind, entry in found.items() if entry["values"]}
