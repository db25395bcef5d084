"""Counts that the classification metrics are made of.

    TP = true positives, P = predicted (TP + FP), S = support (TP + FN), per label, from `numpy.bincount`

No matrix of labels by labels is built for them, so that many labels cost no more than the rows do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.errors import LabelError

Array = NDArray[Any]


@dataclass(frozen=True)
class Counts:
    """Counts per label, each of shape (num_labels,), in rows.

    Args:
        hits: Rows of the label that were predicted as such (TP).
        predicted: Rows that were predicted as the label (TP + FP).
        support: Rows of the label (TP + FN).
    """

    hits: Array
    predicted: Array
    support: Array


def label_counts(predictions: Array, references: Array, num_labels: int | None = None) -> Counts:
    """Count hits, predictions and references per label.

    Args:
        predictions: (n,) int64 in [0, num_labels), or (n, L) int64 of 0 and 1.
        references: The same shape and range.
        num_labels: Of (n,) inputs; None: the largest label seen, plus one. (n, L) inputs have L.

    Raises:
        LabelError: A value outside the range.
    """
    if references.ndim == 2:
        check_range(predictions, references, 2)
        return Counts((predictions & references).sum(axis=0), predictions.sum(axis=0), references.sum(axis=0))
    size = check_range(predictions, references, num_labels)
    right = references[predictions == references]
    return Counts(*(np.bincount(labels, minlength=size) for labels in (right, predictions, references)))


def label_matrix(predictions: Array, references: Array, num_labels: int | None = None) -> Array:
    """Confusion matrix (num_labels, num_labels): the row is the reference, the column the prediction; in rows.

    Raises:
        LabelError: A label outside [0, num_labels).
    """
    size = check_range(predictions, references, num_labels)
    return np.bincount(references * size + predictions, minlength=size * size).reshape(size, size)


def ratios(counts: Counts) -> dict[str, Array]:
    """Precision TP/P, recall TP/S and F1 2TP/(P+S) of counts; 0 where the denominator is 0."""
    return {name: ratio(name, counts) for name in ("precision", "recall", "f1")}


def ratio(name: str, counts: Counts) -> Array:
    """One of `precision`, `recall` and `f1` per label, in [0, 1]; 0 where the denominator is 0."""
    above, below = counts.hits, counts.predicted
    if name == "recall":
        below = counts.support
    elif name == "f1":
        above, below = 2 * above, below + counts.support
    return above / np.maximum(below, 1)  # a denominator of 0 has a numerator of 0


def averages(name: str, counts: Counts) -> dict[str, float]:
    """Macro (the plain name), micro and support-weighted average of `precision`, `recall` or `f1`, each in [0, 1].

    Macro is over all labels: one that occurs neither in predictions nor in references counts as 0, as in scikit-learn
    with `labels=range(num_labels), zero_division=0`. Without any support the weighted average is 0.
    """
    values, total = ratio(name, counts), counts.support.sum()
    pooled = Counts(counts.hits.sum(), counts.predicted.sum(), total)
    return {
        name: float(values.sum() / values.size),
        f"{name}_micro": float(ratio(name, pooled)),
        f"{name}_weighted": float(values @ counts.support / max(total, 1)),
    }


def per_label(predictions: Array, references: Array, num_labels: int | None = None) -> dict[str, Array]:
    """The table behind the averages.

    Args:
        predictions: (n,) int in [0, num_labels), or (n, L) of 0 and 1.
        references: The same shape and range.
        num_labels: Number of labels of (n,) inputs.

    Returns:
        `precision`, `recall` and `f1` in [0, 1] and `support` in rows, each of shape (num_labels,).

    Raises:
        LabelError: A value outside the range.

    Example:
        >>> per_label(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)["recall"].tolist()
        [0.5, 1.0]
    """
    counts = label_counts(np.asarray(predictions, np.int64), np.asarray(references, np.int64), num_labels)
    return {**ratios(counts), "support": counts.support}


def check_range(predictions: Array, references: Array, size: int | None) -> int:
    """The number of labels: `size`, or the largest label plus one.

    Raises:
        LabelError: A label below 0, or not below `size`.
    """
    # Read without sign, a negative label is huge: one pass over each array finds both ends.
    top = max(int(labels.view(np.uint64).max(initial=0)) for labels in (predictions, references))
    if top >= (2**63 if size is None else size):
        seen = np.concatenate([predictions.ravel(), references.ravel()])
        accepted = "from 0 upwards" if size is None else f"0 to {size - 1}"
        cause = f"Labels range from {seen.min()} to {seen.max()}; accepted: {accepted}."
        raise LabelError(cause, "Check num_labels and the mapping from names to label ids.")
    return top + 1 if size is None else size


def label_tables(predictions: Array, references: Array, names: Sequence[str]) -> dict[str, Any]:
    """Precision, recall, F1 and support of every label and, for single-label targets, the confusion matrix.

    Args:
        predictions: (n,) int or (n, L) 0/1.
        references: The same shape.
        names: Label names in the order of their ids.

    Returns:
        `per_label`: `{label, precision, recall, f1, support}` per label; `confusion_matrix`: `{labels, counts}`, rows
        are references, columns predictions.
    """
    columns = per_label(predictions, references, len(names))
    tables: dict[str, Any] = {
        "per_label": [
            {"label": name, **{key: values[i].item() for key, values in columns.items()}}
            for i, name in enumerate(names)
        ]
    }
    if predictions.ndim == 1:
        counts = label_matrix(predictions, references, len(names)).tolist()
        tables["confusion_matrix"] = {"labels": list(names), "counts": counts}
    return tables
