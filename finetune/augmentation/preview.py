"""Originals and what becomes of them, for somebody who wants to see whether the labels are still right."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from finetune.augmentation.augmenter import Augmenter
from finetune.recipe import Transform
from finetune.task import Row, Task


def preview(
    transforms: Sequence[Transform], task: Task, rows: Sequence[Row], n: int, seed: int
) -> list[dict[str, Any]]:
    """Up to `n` examples of each transform, from the first epoch that a fit with this seed would see.

    Args:
        transforms: From the recipe.
        task: Has learned its target.
        rows: The training rows.
        n: Examples per transform, at least 1.
        seed: The fit's.

    Returns:
        Per example `method`, `row` and `parent_id`, `original` and `result` (the inputs as one text), `label` (the
        reader's form of the target, which both have) and `changed` (whether the inputs differ).

    Raises:
        RecipeError, SourceError: As `Augmenter`.
    """
    augmenter = Augmenter(transforms, task, rows, seed=seed)
    parents = augmenter.parents(0)
    found = []
    for part in augmenter.parts:
        rng = random.Random(f"preview:{seed}:{part.start}")  # noqa: S311 - no secret
        slots = sorted(rng.sample(range(part.start, part.start + part.size), min(n, part.size)))
        for slot, new in zip(slots, augmenter.rows(0, slots), strict=True):
            found.append(_example(part.transform.method, task, rows[int(parents[slot])], new))
    return found


def _example(method: str, task: Task, old: Row, new: Row) -> dict[str, Any]:
    target = task.target_column().name
    inputs = [column.name for column in task.input_columns()]
    return {
        "method": method, "row": new["row"], "parent_id": new["parent_id"],
        "original": task.text_of(old), "result": task.text_of(new), "label": task.describe_target(new[target]),
        "changed": any(old.get(name) != new.get(name) for name in inputs),
    }  # fmt: skip
