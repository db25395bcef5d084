"""What the target is: rows per label and how evenly they are shared, or the summary of a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.data.auditing.measuring import unmeasured
from finetune.data.auditing.numbers import quantiles, rounded
from finetune.data.auditing.rows import Rows
from finetune.data.auditing.scanning import LABEL_CAP, SplitScan
from finetune.data.auditing.values import show_each

if TYPE_CHECKING:
    from finetune.artifacts import PreparedData

CLASSES = ("single_label", "multi_label")
RAW_CLASSES = 500
"""Different raw values up to which they are described as classes."""


def describe_target(
    rows: Rows, scans: Mapping[str, SplitScan], prepared: PreparedData | None, size: int, seed: int
) -> dict[str, Any]:
    """The part `target` of the audit.

    Args:
        rows: Splits of rows.
        scans: What the pass over them kept.
        prepared: Its report tells what targets are that are neither labels nor numbers.
        size: Rows of which quantiles are taken.
        seed: Of the choice of these.
    """
    if rows.kind == "regression":
        return _numbers(rows, scans, size, seed)
    if rows.kind not in (None, *CLASSES) and prepared is not None:
        return {"measured": True, "basis": rows.basis, "kind": rows.kind} | balance(
            {split: Counter({name: int(count) for name, count in counts.items()})
             for split, counts in prepared.report.label_counts.items()
             if all(float(count).is_integer() for count in counts.values())}
        )  # fmt: skip
    counts = {split: scan.counts for split, scan in scans.items()}
    together = sum(counts.values(), Counter[str]())
    if not together:
        return unmeasured("No column of the data is known to be the target.")
    if rows.kind is None and len(together) > RAW_CLASSES:
        some = f"at least {LABEL_CAP:,}" if len(together) >= LABEL_CAP else f"{len(together):,}"
        return unmeasured(f"The target has {some} different values, and the data could not be prepared.")
    total = sum(len(scan.inputs) for scan in scans.values())
    per_row = rounded(sum(scan.labels for scan in scans.values()) / total) if rows.kind == "multi_label" else None
    found = {"measured": True, "basis": rows.basis, "kind": rows.kind or "raw", **balance(counts)}
    return found | {"per_row": per_row}


def balance(counts: Mapping[str, Counter[str]]) -> dict[str, Any]:
    """`counts, classes, entropy, normalized_entropy, imbalance` of labels, over all splits together.

    Entropy is Shannon's, of the labels' shares, in bits; normalized, it is divided by that of equal shares.

    Args:
        counts: Split -> label -> rows.
    """
    together = sum(counts.values(), Counter[str]())
    sizes = np.array(sorted(together.values()), dtype=np.float64)
    shares = sizes / sizes.sum() if len(sizes) else sizes
    entropy = float(-(shares * np.log2(shares)).sum()) if len(sizes) else 0.0
    order = [label for label, _ in sorted(together.items(), key=lambda item: (-item[1], item[0]))]
    shown = show_each(order)
    return {
        "counts": {split: {shown[label]: found[label] for label in order if found[label]}
                   for split, found in counts.items()},
        "classes": len(sizes),
        "entropy": rounded(abs(entropy)),
        "normalized_entropy": rounded(abs(entropy) / np.log2(len(sizes))) if len(sizes) > 1 else None,
        "imbalance": rounded(sizes[0] / sizes[-1]) if len(sizes) else None,
        "per_row": None,
    }  # fmt: skip


def _numbers(rows: Rows, scans: Mapping[str, SplitScan], size: int, seed: int) -> dict[str, Any]:
    found = {}
    for split, scan in scans.items():
        _, table = rows.draw_split(split, size, seed)
        values = np.array(rows.targets(table) or [], dtype=np.float64)
        found[split] = {**scan.numbers.to_dict(), "quantiles": quantiles(values)}
    return {"measured": True, "basis": rows.basis, "kind": "regression", "numbers": found}
