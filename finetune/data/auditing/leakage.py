"""What held-out rows share with the rows that a model learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.data.auditing.duplicates import NearRows
from finetune.data.auditing.measuring import unmeasured
from finetune.data.auditing.numbers import rounded
from finetune.data.auditing.rows import Rows
from finetune.data.auditing.sampling import SHOWN_ROWS
from finetune.data.auditing.scanning import SplitScan
from finetune.text.duplicates import shared_with

Array = NDArray[Any]
PAIRS = (("test", "train"), ("validation", "train"), ("test", "validation"))
"""A held-out split, and what it is compared with."""
ONE_SPLIT = "There is one split only, so nothing is held out yet."


def describe_leakage(
    rows: Rows, scans: Mapping[str, SplitScan], near: NearRows | None, marks: Mapping[str, str]
) -> dict[str, Any]:
    """The part `leakage` of the audit.

    Args:
        rows: Splits of rows.
        scans: What the pass over them kept.
        near: Near duplicates; None where inputs are no texts.
        marks: `group` and `id` -> the column, where the recipe names one.
    """
    if len(scans) < 2:
        return {kind: unmeasured(ONE_SPLIT) for kind in ("exact", "near", "group", "id", "key")}
    unnamed = {"group": "The recipe names no data.split.group.", "id": "The recipe names no data.id."}
    return {
        "exact": _exact(rows, scans),
        "near": _near(rows, near) if near else unmeasured("The inputs are no texts."),
        **{mark: _by_mark(rows, scans, mark, marks[mark]) if mark in marks else unmeasured(unnamed[mark])
           for mark in ("group", "id")},
        "key": _by_key(rows, scans),
    }  # fmt: skip


def _exact(rows: Rows, scans: Mapping[str, SplitScan]) -> dict[str, Any]:
    pairs = []
    for held, learned in _present(scans):
        there = ~scans[learned].blank
        leaks = shared_with(scans[held].inputs, scans[learned].inputs[there]) & ~scans[held].blank
        pairs.append(_pair(rows, held, learned, np.flatnonzero(leaks), len(leaks)))
    return _part(rows, list(rows.compared), pairs)


def _by_mark(rows: Rows, scans: Mapping[str, SplitScan], mark: str, column: str) -> dict[str, Any]:
    """Values of a column that stand on both sides; missing ones belong to nobody."""
    pairs = []
    for held, learned in _present(scans):
        values, others = scans[held].marks[mark], scans[learned].marks[mark]
        leaks = shared_with(values, others) & (values != 0)
        shared = len(np.unique(values[leaks]))
        pairs.append(_pair(rows, held, learned, np.flatnonzero(leaks), len(leaks)) | {"values": shared})
    return _part(rows, [column], pairs)


def _by_key(rows: Rows, scans: Mapping[str, SplitScan]) -> dict[str, Any]:
    if any(scan.parted is None for scan in scans.values()) or rows.task is None:
        return unmeasured("The task parts rows by their whole input, as the comparison of exact ones does.")
    pairs = []
    for held, learned in _present(scans):
        leaks = shared_with(scans[held].parted, scans[learned].parted)  # type: ignore[arg-type]
        pairs.append(_pair(rows, held, learned, np.flatnonzero(leaks), len(leaks)))
    return _part(rows, [rows.task.split_by], pairs) | {"by": rows.task.split_by}


def _near(rows: Rows, near: NearRows) -> dict[str, Any]:
    """Held-out rows near a row of the other split, and not equal to any of it."""
    pairs = []
    for held, learned in _present(rows.splits):
        ours, theirs = near.splits == held, near.splits == learned
        places = np.flatnonzero(ours & _near_to(near, theirs) & ~shared_with(near.keys, near.keys[theirs]))
        pairs.append(_pair(rows, held, learned, near.indices[places], int(ours.sum())))
    return _part(rows, list(rows.compared), pairs) | {"sampled": near.sampled}


def _near_to(near: NearRows, some: Array) -> Array:
    """(n,) bool, which rows are near one of some (n,) rows. Rows of the same words have the same neighbours."""
    marked = np.zeros(len(some), dtype=bool)
    marked[near.same[some]] = True
    pairs = near.same[near.pairs]
    reached = marked.copy()
    reached[pairs[marked[pairs[:, 1]], 0]] = True
    reached[pairs[marked[pairs[:, 0]], 1]] = True
    found: Array = reached[near.same]
    return found


def _present(splits: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [(held, learned) for held, learned in PAIRS if held in splits and learned in splits]


def _pair(rows: Rows, held: str, learned: str, leaks: Array, total: int) -> dict[str, Any]:
    return {
        "split": held,
        "against": learned,
        "rows": len(leaks),
        "share": rounded(len(leaks) / total) if total else None,
        "examples": rows.names(held, leaks[:SHOWN_ROWS]),
    }


def _part(rows: Rows, columns: list[str], pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"measured": True, "basis": rows.basis, "columns": columns, "pairs": pairs, "sampled": None}
