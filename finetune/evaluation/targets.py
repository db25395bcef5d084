"""Targets as scikit-learn wants them, and its probabilities as the outputs that a task turns into answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.task import Row, Task


def targets_of(task: Task, rows: Sequence[Row]) -> list[Any]:
    """Canonical targets of rows."""
    return [row[task.target_column().name] for row in rows]


def label_columns(task: Task, targets: list[Any], size: int) -> list[np.ndarray]:
    """What to fit: the ids, or one column of 0 and 1 per label."""
    if task.kind != "multi_label":
        return [np.array(targets, dtype=int)]
    return [np.array([int(label in t) for t in targets]) for label in range(size)]


def logits_of(task: Task, models: list[Any], columns: list[np.ndarray], inputs: Any, size: int) -> np.ndarray:
    """Probabilities in the form of a model's raw outputs (rows, labels).

    Args:
        task: Of one or of several labels per row.
        models: One fitted classifier; for several labels one per label, None where its column is constant.
        columns: What they were fitted on, as `label_columns` gives it.
        inputs: Features of the rows to answer.
        size: Number of labels.
    """
    if task.kind == "multi_label":
        shares = [m.predict_proba(inputs)[:, 1] if m is not None else np.full(inputs.shape[0], float(c[0]))
                  for m, c in zip(models, columns, strict=True)]  # fmt: skip
        return logit(np.stack(shares, axis=1))
    outputs = np.full((inputs.shape[0], size), -1e9)
    outputs[:, models[0].classes_] = np.log(np.clip(models[0].predict_proba(inputs), 1e-12, 1))
    return outputs


def logit(share: np.ndarray) -> np.ndarray:
    """Log odds of probabilities, clipped to stay finite."""
    clipped = np.clip(share, 1e-9, 1 - 1e-9)
    logits: np.ndarray = np.log(clipped / (1 - clipped))
    return logits
