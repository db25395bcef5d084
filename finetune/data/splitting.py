"""The splits that the data lacks, slices of those that it has, and folds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.errors import EmptyDataError, NotFoundError, RecipeError, did_you_mean
from finetune.text.duplicates import first_of_equal

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
        # The training rows come first, whatever the recipe's order: what is learned for the others comes from them.
        ordered = {ours: stated[ours] for ours in SPLIT_NAMES if ours in stated}
        return {ours: _slice(splits, expression) for ours, expression in ordered.items()}, ordered, []
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


def hold_out(keys: np.ndarray, strata: np.ndarray | None, rows: int, seed: int) -> np.ndarray:
    """Choose about `rows` rows to hold out, balanced by stratum; rows with the same key stay on one side.

    Args:
        keys: (n,) equal for rows that must not be separated (the same input text, the same group).
        strata: (n,) one integer per row, or None.
        rows: How many to hold out.
        seed: The same seed chooses the same rows.

    Returns:
        Sorted indices of the rows held out.

    Raises:
        EmptyDataError: Too few rows to hold any out.
    """
    firsts, together, sizes = np.unique(first_of_equal(keys), return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(firsts))
    stratum = np.asarray(strata)[firsts].astype(np.int64) if strata is not None else np.zeros(len(firsts), np.int64)
    room = _quotas(stratum, sizes, rows, rows / max(1, len(keys)))
    chosen = np.zeros(len(firsts), bool)
    by_stratum = order[np.argsort(stratum[order], kind="stable")]
    for some in np.split(by_stratum, np.flatnonzero(np.diff(stratum[by_stratum])) + 1):
        chosen[_that_fit(some, sizes, room[int(stratum[some[0]])])] = True
    held = np.flatnonzero(chosen[together])
    if not len(held) or len(held) >= len(keys):
        raise EmptyDataError(
            f"{len(keys)} rows ({len(firsts)} where those that stay together count once) are too few to hold out "
            f"{rows} of them.",
            "Add rows, or change data.split.",
        )
    return held


def share_of(keys: np.ndarray, strata: np.ndarray | None, rows: int, seed: int) -> np.ndarray:
    """Choose about `rows` rows, balanced by stratum; more of them hold all that fewer do.

    Rows stand in one order, whatever their number: a row's place is where it comes in a random order of its stratum, as
    a share of the stratum's rows, so that every beginning of the order has about the label shares of the whole.

    Args:
        keys: (n,) equal for rows that must not be separated.
        strata: (n,) one integer per row, or None.
        rows: How many to choose; at least one key's.
        seed: Of the order.

    Returns:
        Sorted indices of the chosen rows.
    """
    firsts, together, sizes = np.unique(first_of_equal(keys), return_inverse=True, return_counts=True)
    chance = np.random.default_rng(seed).permutation(len(firsts))
    stratum = np.asarray(strata)[firsts].astype(np.int64) if strata is not None else np.zeros(len(firsts), np.int64)
    place = np.empty(len(firsts))
    for value in np.unique(stratum):
        some = chance[stratum[chance] == value]
        ends = np.cumsum(sizes[some])
        place[some] = (ends - sizes[some] / 2) / ends[-1]
    order = chance[np.argsort(place[chance], kind="stable")]
    until = max(1, int(np.searchsorted(np.cumsum(sizes[order]), rows, side="right")))
    chosen = np.zeros(len(firsts), bool)
    chosen[order[:until]] = True
    return np.flatnonzero(chosen[together])


def _that_fit(order: np.ndarray, sizes: np.ndarray, room: int) -> list[int]:
    """Those that fit into what is left of the room when each takes its turn."""
    until = int(np.searchsorted(np.cumsum(sizes[order]), room, side="right"))  # up to here all of them do
    found: list[int] = order[:until].tolist()
    left = room - int(sizes[order[:until]].sum())
    for one in order[until:]:
        if not left:
            break
        if sizes[one] <= left:
            left -= int(sizes[one])
            found.append(int(one))
    return found


def _quotas(stratum: np.ndarray, sizes: np.ndarray, rows: int, share: float) -> dict[int, int]:
    """Rows to hold out of each stratum: what rounding takes from one goes to those with the largest remainders."""
    wanted: dict[int, float] = dict.fromkeys(stratum.tolist(), 0.0)
    for key, size in zip(stratum.tolist(), sizes.tolist(), strict=True):
        wanted[key] += share * size
    whole = {key: int(value) for key, value in wanted.items()}
    short = rows - sum(whole.values())
    for key in sorted(wanted, key=lambda k: (whole[k] - wanted[k], k))[: max(0, short)]:
        whole[key] += 1
    return whole


def newest(times: np.ndarray, rows: int) -> np.ndarray:
    """Indices of about `rows` rows with the latest times; rows of the same time stay on one side.

    Args:
        times: (n,) numbers that grow with time.
        rows: How many to hold out; equal times at the border are held out with them.

    Raises:
        EmptyDataError: All rows have the same time.
    """
    border = np.sort(times)[max(0, len(times) - rows)]
    if border == times.min():
        raise EmptyDataError(
            f"The {rows} newest of {len(times)} rows cannot be told from the others: too many have the same time.",
            "Name a finer column in data.split.time, or lower data.split.test.",
        )
    return np.flatnonzero(times >= border)


def fold_of(keys: np.ndarray, strata: np.ndarray | None, folds: int, seed: int) -> np.ndarray:
    """(n,) the fold in which each row is a test row, from 0; rows with the same key share theirs.

    Raises:
        EmptyDataError: Fewer keys than folds.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    different = len(np.unique(keys))
    if different < folds:
        raise EmptyDataError(
            f"{len(keys)} rows ({different} where those that stay together count once) are too few for {folds} folds.",
            "Lower evaluation.folds, or add rows.",
        )
    kind = GroupKFold if strata is None else StratifiedGroupKFold
    splitter = kind(folds, shuffle=True, random_state=seed)
    found = np.zeros(len(keys), np.int64)
    labels = np.zeros(len(keys)) if strata is None else strata
    with warnings.catch_warnings():  # fewer rows of a label than folds: it is missing in some, which the scores show
        warnings.simplefilter("ignore", UserWarning)
        for fold, (_, test) in enumerate(splitter.split(np.zeros(len(keys)), labels, keys)):
            found[test] = fold
    return found


def join_keys(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) keys that are equal where either of two is, and where a chain of such rows leads from one to the other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = (np.unique(values, return_inverse=True)[1] for values in (keys, others))
    size = int(first.max()) + 1
    whole = size + int(second.max()) + 1
    edges = coo_array((np.ones(len(keys), bool), (first, second + size)), shape=(whole, whole))
    return connected_components(edges, directed=False)[1][first].astype(np.uint64)  # type: ignore[no-any-return]


def split_named(value: Any) -> str | None:
    """Which of our splits a word means; None for no known one."""
    text = str(value).strip().lower()
    return next((ours for ours, names in SPLIT_NAMES.items() if text in names), None)
