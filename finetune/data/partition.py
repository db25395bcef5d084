"""Training, validation and test rows: by the data's own splits, by a column, by time, by chance, or by fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finetune.data.splitting import fold_of, hold_out, join_keys, newest, share_of
from finetune.data.storage import values_of
from finetune.errors import RecipeError

if TYPE_CHECKING:
    from finetune.artifacts import DataReport
    from finetune.data.canonical import Split
    from finetune.recipe import Recipe
    from finetune.task import Task


def complete(splits: dict[str, Split], task: Task, recipe: Recipe, report: DataReport) -> dict[str, Split]:
    """Make the splits that are missing out of the training rows; the test rows never choose a model."""
    settings = recipe.data.split
    if settings.column is not None:
        splits = _by_column(splits, settings.column, report)
    total = len(splits["train"].keys)
    if recipe.evaluation.folds is not None:
        splits = _by_fold(splits, task, recipe, report)
    for name, share in (("test", settings.test), ("validation", settings.validation)):
        if name in splits:
            continue
        train = splits["train"]
        wanted = max(1, round(total * share))
        strata = task.strata(list(values_of(train.rows, task.target_column().name))) if settings.stratify else None
        if settings.time is None:
            held = hold_out(_together(train), strata, wanted, settings.seed)
            how = (f"seed {settings.seed}{', stratified' if strata is not None else ''}; rows with the same "
                   f"{task.split_by}{f' or {settings.group}' if settings.group else ''} stay on one side")  # fmt: skip
        else:
            held, how = newest(train.marks["time"], wanted), f"the newest by {settings.time}"
        rest = np.setdiff1d(np.arange(len(train.keys)), held)
        splits = splits | {"train": train.take(rest), name: train.take(held)}
        report.origins[name] = report.origins["train"]
        report.notes.append(f"Held out {len(held):,} of {len(train.keys):,} training rows as {name} ({how}).")
    return {name: splits[name] for name in ("train", "validation", "test")}


def thin_out(splits: dict[str, Split], task: Task, recipe: Recipe, report: DataReport) -> dict[str, Split]:
    """Keep the share of the training rows that the recipe learns from; the other splits stay as they are."""
    settings, train = recipe.data.split, splits["train"]
    if settings.train_share == 1:
        return splits
    strata = task.strata(list(values_of(train.rows, task.target_column().name))) if settings.stratify else None
    seed = settings.seed if settings.train_seed is None else settings.train_seed
    kept = share_of(_together(train), strata, round(settings.train_share * len(train.keys)), seed)
    report.notes.append(
        f"Learns from {len(kept):,} of {len(train.keys):,} training rows (data.split.train_share "
        f"{settings.train_share:g}, seed {seed})."
    )
    return splits | {"train": train.take(kept)}


def _by_column(splits: dict[str, Split], column: str, report: DataReport) -> dict[str, Split]:
    """The only split, parted by what a column says."""
    if len(splits) > 1:
        raise RecipeError(
            f"data.split.column is {column!r}, and the data comes in the splits {', '.join(splits)} already.",
            "Remove it, or name the one split to divide: data.splits: {train: …}.",
        )
    whole = splits["train"]
    names = whole.marks["column"]
    found = {name: whole.take(np.flatnonzero(names == name)) for name in ("train", "validation", "test")
             if (names == name).any()}  # fmt: skip
    if "train" not in found:
        raise RecipeError(f"No row is for training, by its {column!r}.", "Name another column in data.split.column.")
    for name in found:
        report.origins[name] = report.origins["train"]
    report.notes.append(f"The column {column!r} says which split a row belongs to.")
    return found


def _together(split: Split) -> np.ndarray:
    """(n,) equal for rows that have to stay on one side: those with the same key or of the same group."""
    return join_keys(split.keys, split.marks["group"]) if "group" in split.marks else split.keys


def _by_fold(splits: dict[str, Split], task: Task, recipe: Recipe, report: DataReport) -> dict[str, Split]:
    """The rows of one fold as test rows; those of the data's own validation split take part."""
    folds, fold = recipe.evaluation.folds, recipe.evaluation.fold or 1
    assert folds is not None
    whole = splits["train"].join(splits["validation"]) if "validation" in splits else splits["train"]
    strata = task.strata(list(values_of(whole.rows, task.target_column().name))) if recipe.data.split.stratify else None
    tested = fold_of(_together(whole), strata, folds, recipe.data.split.seed) == fold - 1
    report.origins = {"train": report.origins["train"], "test": report.origins["train"]}
    left = (
        f"; the {len(splits['test'].keys)} rows of the data's own test split are not used" if "test" in splits else ""
    )
    report.notes.append(f"Fold {fold} of {folds}: {int(tested.sum())} of {len(tested)} rows are test rows{left}.")
    return {"train": whole.take(np.flatnonzero(~tested)), "test": whole.take(np.flatnonzero(tested))}
