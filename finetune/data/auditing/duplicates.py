"""Rows of a split whose inputs are the same as, or nearly those of, an earlier row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.measuring import sampled, unmeasured
from finetune.data.auditing.numbers import rounded
from finetune.data.auditing.rows import Rows
from finetune.data.auditing.sampling import choose, take
from finetune.data.auditing.scanning import SplitScan
from finetune.text.duplicates import first_of_equal, near_groups

Array = NDArray[Any]
EXAMPLES, IN_AN_EXAMPLE = 10, 5
"""Groups that are listed, and rows of each."""


def describe_exact(rows: Rows, scans: Mapping[str, SplitScan]) -> dict[str, Any]:
    """The part `duplicates.exact` of the audit. Rows without any input are no duplicates of one another."""
    found = {}
    for split, scan in scans.items():
        there = np.flatnonzero(~scan.blank)
        first = there[first_of_equal(scan.inputs[there])] if len(there) else there
        found[split] = _describe(rows, split, there, first, len(scan.inputs)) | _conflicts(
            rows, split, there, first, scan.targets
        )
    return {"measured": True, "basis": rows.basis, "columns": list(rows.compared), "splits": found}


def _describe(rows: Rows, split: str, there: Array, first: Array, total: int) -> dict[str, Any]:
    """Counts of groups.

    Args:
        rows: Names the examples.
        split: Of the rows.
        there: (m,) indices of rows.
        first: (m,) the row that stands for the group of each.
        total: Rows of the split, of which the share is.
    """
    repeated = first != there
    groups = np.unique(first[repeated])
    return {
        "rows": total,
        "duplicates": int(repeated.sum()),
        "groups": len(groups),
        "share": rounded(repeated.sum() / total) if total else None,
        "examples": _examples(rows, split, there, first, groups),
    }


def _examples(rows: Rows, split: str, there: Array, first: Array, groups: Array) -> list[list[str]]:
    members = [there[first == group][:IN_AN_EXAMPLE] for group in groups[:EXAMPLES]]
    return [rows.names(split, group) for group in members]


def _conflicts(rows: Rows, split: str, there: Array, first: Array, targets: Array) -> dict[str, Any]:
    """Groups whose rows have the same input and not the same target."""
    unlike = targets[there] != targets[first]
    groups = np.unique(first[unlike])
    return {"conflicting": len(groups), "conflicts": _examples(rows, split, there, first, groups)}


@dataclass(frozen=True)
class NearRows:
    """Near duplicates among rows of all splits.

    Attributes:
        splits: (n,) split of each row, training rows first.
        indices: (n,) its index there.
        keys: (n,) uint64 of its input.
        pairs: (m, 2) places of rows that are near each other, the earlier one second.
        similarity: (m,) of each pair.
        first: (n,) the place of the row that stands for the group of each.
        totals: Split -> rows that these were drawn from.
    """

    splits: Array
    indices: Array
    keys: Array
    pairs: Array
    similarity: Array
    first: Array
    totals: Mapping[str, int]

    @property
    def sampled(self) -> dict[str, int] | None:
        """What the audit says of the sample."""
        return sampled(len(self.indices), sum(self.totals.values()))

    @cached_property
    def same(self) -> Array:
        """(n,) the first row with the same words as each, itself where it is the first."""
        found = np.arange(len(self.indices))
        equal = self.pairs[self.similarity >= 1]
        # Pairs are sorted by row, so the earlier one is settled before it is looked up.
        for later, earlier in equal:
            found[later] = min(found[later], found[earlier])
        return found


def find_near(rows: Rows, scans: Mapping[str, SplitScan], size: int, threshold: float, seed: int) -> NearRows:
    """Look for near duplicates among at most `size` rows of all splits.

    Where that is not all, held-out rows get up to half of the places: a near copy of one of few test rows would rarely
    be among evenly drawn ones.
    """
    totals = {split: len(part) for split, part in rows.splits.items()}
    chosen = {split: choose(totals[split], quota, seed) for split, quota in _quotas(totals, size).items()}
    splits = np.concatenate([np.full(len(indices), split, dtype=object) for split, indices in chosen.items()])
    keys = np.concatenate([scans[split].inputs[indices] for split, indices in chosen.items()])
    texts = [rows.texts(take(rows.splits[split], indices)) for split, indices in chosen.items() if len(indices)]
    found = near_groups(lambda: iter(texts), len(keys), threshold=threshold, seed=seed)
    return NearRows(
        splits, np.concatenate(list(chosen.values())), keys, found.pairs, found.similarity, found.first, totals
    )


def _quotas(totals: Mapping[str, int], size: int) -> dict[str, int]:
    held = {split: rows for split, rows in totals.items() if split != "train"}
    most = min(sum(held.values()), max(size // 2, size - totals.get("train", 0)))
    quotas = {split: round(most * rows / max(1, sum(held.values()))) for split, rows in held.items()}
    if "train" not in totals:
        return quotas
    return {"train": min(totals["train"], size - most), **quotas}


def describe_near(rows: Rows, near: NearRows, threshold: float) -> dict[str, Any]:
    """The part `duplicates.near` of the audit: rows near an earlier one of their split, exact copies left out."""
    found = {}
    for split in rows.splits:
        ours = near.splits == split
        pairs = near.pairs[ours[near.pairs[:, 0]] & ours[near.pairs[:, 1]]]
        pairs = pairs[near.keys[pairs[:, 0]] != near.keys[pairs[:, 1]]]
        later = np.unique(pairs[:, 0])
        groups = np.unique(near.first[later])
        total = int(ours.sum())
        examples = [near.indices[pair[::-1]] for pair in pairs[:EXAMPLES]]
        found[split] = {
            "rows": total,
            "duplicates": len(later),
            "groups": len(groups),
            "share": rounded(len(later) / total) if total else None,
            "examples": [rows.names(split, np.sort(pair)) for pair in examples],
        }
    return {"measured": True, "basis": rows.basis, "threshold": threshold, "splits": found, "sampled": near.sampled}


def no_texts() -> dict[str, Any]:
    """Why there are no near duplicates of pictures and sounds."""
    return unmeasured("The inputs are no texts; near duplicates are looked for among words.")
