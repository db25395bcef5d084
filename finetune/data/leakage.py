"""Rows that stand in two splits, and rows that stand twice in one: refused, dropped or told, as the recipe says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from finetune.artifacts.prepared_data import DataReport
from finetune.data.canonical import Split
from finetune.data.storage import take, values_of
from finetune.errors import DataError
from finetune.text.duplicates import first_of_equal, near_groups, shared_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finetune.data.cleaning import Cleaner
    from finetune.recipe import CleaningSection
    from finetune.task import Task

LISTED = 5


def drop_duplicates(
    name: str, split: Split, task: Task, section: CleaningSection, report: DataReport, cleaner: Cleaner
) -> Split:
    """The split without later copies of a row, exact ones and near ones, as the recipe wants it."""
    if section.duplicates == "drop":
        split = _drop(name, split, first_of_equal(split.whole), "duplicates", report, cleaner)
    if section.near_duplicates == "drop":

        def batches() -> Iterator[list[str]]:
            for batch in split.rows.iter(10_000):
                names = list(batch)
                rows = (dict(zip(names, values, strict=True)) for values in zip(*batch.values(), strict=True))
                yield [task.text_of(row) for row in rows]

        found = near_groups(batches, len(split.rows), threshold=section.near_threshold)
        split = _drop(name, split, found.first, "near_duplicates", report, cleaner)
    return split


def _drop(name: str, split: Split, first: np.ndarray, step: str, report: DataReport, cleaner: Cleaner) -> Split:
    repeated = first != np.arange(len(first))
    places = np.flatnonzero(repeated)
    ids = split.rows.select_columns(["row"])
    dropped = [int(row.rpartition(":")[2]) for row in values_of(take(ids, places), "row")]
    for number in dropped:
        report.drop(name, step.removesuffix("s").replace("_", " "), number)
    examples = [{"row": ids[int(p)]["row"], "before": None, "after": f"like {ids[int(first[p])]['row']}"}
                for p in places[:LISTED]]  # fmt: skip
    cleaner.record(
        step, name, None, before=len(first), after=len(first) - len(places), dropped=dropped, examples=examples
    )
    return split.without(repeated)


def guard_leakage(splits: dict[str, Split], choice: str, report: DataReport) -> dict[str, Split]:
    """See to it that no input of a test row was learned from; what validation rows share is told.

    Args:
        splits: `train`, `validation`, `test`.
        choice: `refuse`; `drop` the training (and validation) rows that a held-out split repeats, so that published
            test sets stay whole; or `allow`.
        report: Gets what was found under `leakage`.

    Raises:
        DataError: There are such rows, and the choice is to refuse.
    """
    for held, learned in (("test", "train"), ("validation", "train"), ("test", "validation")):
        found = shared_with(splits[held].inputs, splits[learned].inputs)
        if not found.any():
            continue
        examples = _examples(splits[held], splits[learned], found)
        rows, total = int(found.sum()), len(found)
        report.leakage[f"{held} in {learned}"] = {
            "rows": rows, "total": total, "share": rows / total, "examples": examples, "choice": choice,
        }  # fmt: skip
        told = f"{rows} of {total} rows of {held} have the same input as rows of {learned}"
        listed = ", ".join(f"{a} = {b}" for a, b in examples)
        if choice == "refuse" and (held, learned) == ("test", "train"):
            raise refusal(rows, total, examples)
        if choice == "drop":
            repeated = shared_with(splits[learned].inputs, splits[held].inputs)
            splits = splits | {learned: splits[learned].without(repeated)}
            report.notes.append(f"{told} ({listed}); dropped {int(repeated.sum())} rows of {learned}.")
        else:
            allowed = "; the recipe allows it" if choice == "allow" else ""
            report.notes.append(f"{told} ({listed}){allowed}.")
    return splits


def refusal(rows: int, total: int, examples: list[list[str]]) -> DataError:
    """The error for test rows that were learned from."""
    listed = ", ".join(f"{a} = {b}" for a, b in examples)
    return DataError(
        f"{rows} of {total} rows of test have the same input as rows of train "
        f"({listed}{', …' if rows > len(examples) else ''}): the score would count what was learned by heart.",
        "Set data.leakage: drop to drop those rows of train, or data.leakage: allow to go on and say so.",
    )


def _examples(held: Split, learned: Split, found: np.ndarray) -> list[list[str]]:
    places = np.flatnonzero(found)[:LISTED]
    first = [int(np.argmax(learned.inputs == held.inputs[place])) for place in places]
    return [[held.rows[int(a)]["row"], learned.rows[b]["row"]] for a, b in zip(places, first, strict=True)]
