"""Rows -> features, and how long they are."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from finetune import processes
from finetune.artifacts.prepared_data import iterate
from finetune.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.artifacts import PreparedData
    from finetune.recipe import Recipe
    from finetune.task import Task

log = logging.getLogger(__name__)
BATCH = 1000


def encode(
    rows: Dataset, task: Task, processor: Any, max_length: int | None, *, training: bool = False
) -> list[dict[str, Any]]:
    """Features of all rows, in their order; those to learn from, or those to answer from."""
    features: list[dict[str, Any]] = []
    encode_some = task.training_features if training else task.encode
    waiting, done = iterate(rows), 0
    quiet = None if len(rows) > 10 * BATCH and processes.is_main() else True
    with tqdm(total=len(rows), desc="Tokenizing", unit="row", leave=False, disable=quiet) as bar:
        while batch := list(islice(waiting, BATCH)):
            found = encode_some(batch, processor, max_length)
            for feature in found:
                if "about" in feature:  # so far it counts rows from the batch's first
                    feature["about"]["row"] += done
            features += found
            done += len(batch)
            bar.update(len(batch))
    return features


def measure_lengths(features: dict[str, list[dict[str, Any]]], max_length: int | None) -> dict[str, Any]:
    """Token lengths before any cut, per split: percentiles, a histogram, and which rows were cut.

    Args:
        features: Split -> features.
        max_length: Where rows are cut, in tokens.
    """
    report: dict[str, Any] = {"max_length": max_length, "splits": {}}
    for split, every in features.items():
        encoded = _one_per_row(every)
        lengths = np.array([feature["length"] for feature in encoded])
        cut = [index for index, feature in enumerate(encoded) if feature["truncated"]]
        counts, edges = np.histogram(lengths, bins=_whole_edges(int(lengths.min()), int(lengths.max())))
        report["splits"][split] = {
            "mean": float(lengths.mean()),
            "percentiles": {str(p): int(np.percentile(lengths, p)) for p in (5, 25, 50, 75, 95, 99, 100)},
            "truncated": len(cut),
            "truncated_share": len(cut) / len(encoded),
            "truncated_rows": cut[:1000],
            "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
        }
    return report


def _one_per_row(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first feature of every row: each knows the length of its whole row."""
    first: dict[int, dict[str, Any]] = {}
    for index, feature in enumerate(features):
        first.setdefault(feature.get("about", {}).get("row", index), feature)
    return list(first.values())


def _whole_edges(low: int, high: int, most: int = 40) -> np.ndarray:
    """Edges of at most `most` bins of equal whole width: fractional ones would hold unequally many lengths."""
    width = -(-(high + 1 - low) // most)
    return np.arange(low, high + 1 + width, width)


def check_lengths(report: dict[str, Any], data: PreparedData, recipe: Recipe) -> None:
    """Say which rows are cut; refuse a training set of which nothing is whole.

    Raises:
        DataError: Every training row is cut, and the recipe does not allow that.
    """
    for split, entry in report["splits"].items():
        if entry["truncated"]:
            log.warning(
                "%d of %d rows of %s (%.1f%%) are longer than %d tokens and are cut; the longest has %d.",
                entry["truncated"], data.report.splits[split], split, 100 * entry["truncated_share"],
                report["max_length"], entry["percentiles"]["100"],
            )  # fmt: skip
    train = report["splits"]["train"]
    if train["truncated_share"] == 1 and not recipe.model.allow_truncation:
        raise DataError(
            f"Every training row is longer than {report['max_length']} tokens (median "
            f"{train['percentiles']['50']}): none would be seen whole.",
            "Raise model.max_length, choose a model that takes longer inputs, or set model.allow_truncation: true.",
        )
