"""The splits that the data lacks, and slices of those that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.errors import EmptyDataError, NotFoundError, RecipeError, did_you_mean

if TYPE_CHECKING:
    from datasets import Dataset

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev", "development", "validation_matched"),
    "test": ("test", "testing", "eval", "evaluation"),
}


def choose_splits(
    splits: dict[str, Dataset], stated: Mapping[Any, str] | None
) -> tuple[dict[str, Dataset], dict[str, str], list[str]]:
    """Our splits from those of the source, by the recipe or by their names.

    Returns:
        `train` and, where there are any, `validation` and `test`; where each comes from; a sentence on what was
        inferred.

    Raises:
        NotFoundError: No such split, or none to train on. EmptyDataError: A slice without rows.
        RecipeError: A slice that cannot be read.
    """
    if stated is not None:
        return {ours: _slice(splits, expression) for ours, expression in stated.items()}, dict(stated), []
    chosen: dict[str, Dataset] = {}
    origins: dict[str, str] = {}
    for ours, names in SPLIT_NAMES.items():
        found = next((name for name in names if name in splits), None)
        if found is not None:
            chosen[ours], origins[ours] = splits[found], found
    if "train" not in chosen:
        if len(splits) > 1:
            raise NotFoundError(
                f"The data has the splits {', '.join(splits)}, and none is called train.",
                "Say which to use: data.splits: {train: …, test: …}.",
            )
        name, rows = next(iter(splits.items()))
        return (
            {"train": rows},
            {"train": name},
            [f"The only split, {name!r}, is divided into training, validation and test rows."],
        )
    return chosen, origins, []


def _slice(splits: dict[str, Dataset], expression: str) -> Dataset:
    from datasets import ReadInstruction, concatenate_datasets

    try:
        parts = ReadInstruction.from_spec(expression).to_absolute({name: len(rows) for name, rows in splits.items()})
    except (ValueError, AssertionError) as error:
        name = expression.split("[", maxsplit=1)[0]
        if name not in splits:
            raise NotFoundError(f"The data has no split {name!r}.", did_you_mean(name, splits)) from None
        raise RecipeError(
            f"The slice {expression!r} cannot be read: {error}.", "Write it like train[:500] or train[10%:20%]."
        ) from None
    rows = [splits[p.splitname].select(range(p.from_ or 0, len(splits[p.splitname]) if p.to is None else p.to))
            for p in parts]  # fmt: skip
    if not any(len(part) for part in rows):
        raise EmptyDataError(f"The slice {expression!r} holds no rows.", "Correct it in data.splits.")
    return rows[0] if len(rows) == 1 else concatenate_datasets(rows)


def hold_out(keys: Sequence[str], strata: np.ndarray | None, rows: int, seed: int) -> np.ndarray:
    """Choose about `rows` rows to hold out, balanced by stratum; rows with the same key stay on one side.

    Args:
        keys: One per row, equal for rows that must not be separated (the same input text).
        strata: One integer per row, or None.
        rows: How many to hold out.
        seed: The same seed chooses the same rows.

    Returns:
        Sorted indices of the rows held out.

    Raises:
        EmptyDataError: Too few rows to hold any out.
    """
    first: dict[str, int] = {}
    for index, key in enumerate(keys):
        first.setdefault(key, index)
    members: dict[int, list[int]] = {index: [] for index in first.values()}
    for index, key in enumerate(keys):
        members[first[key]].append(index)
    order = np.random.default_rng(seed).permutation(np.array(list(members)))
    stratum = {i: int(strata[i]) if strata is not None else 0 for i in members}
    share = rows / max(1, len(keys))
    quota = dict.fromkeys(stratum.values(), 0.0)
    for i, group in members.items():
        quota[stratum[i]] += share * len(group)
    # Whole rows only: what rounding takes from one class goes to the classes with the largest remainders.
    target = {s: int(q) for s, q in quota.items()}
    short = rows - sum(target.values())
    for s in sorted(quota, key=lambda s: (target[s] - quota[s], s))[: max(0, short)]:
        target[s] += 1
    held: list[int] = []
    for i in order:
        together = members[int(i)]
        if target[stratum[int(i)]] >= len(together):
            target[stratum[int(i)]] -= len(together)
            held.extend(together)
    if not held or len(held) >= len(keys):
        raise EmptyDataError(
            f"{len(keys)} rows ({len(members)} where equal inputs count once) are too few to hold out {rows} of them.",
            "Add rows, or change data.split.",
        )
    return np.sort(np.array(held))
