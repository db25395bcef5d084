"""Two runs on the same test rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from finetune.artifacts import Evaluation, RunFolder
from finetune.errors import DataError
from finetune.evaluation.scored import statistic
from finetune.statistics.comparison import (
    difference_from_draws,
    holm,
    mcnemar_exact,
    minimum_detectable_effect,
    paired_difference,
)
from finetune.statistics.intervals import resample
from finetune.task import Prediction, Task


def compare(first: RunFolder, second: RunFolder, *, resamples: int = 2000, confidence: float = 0.95) -> dict[str, Any]:
    """Compare two runs, paired by test row; reads their predictions, not the models.

    Args:
        first: A finished run.
        second: Another one on the same task and the same test rows.
        resamples: Bootstrap resamples.
        confidence: Level of the intervals.

    Returns:
        `rows`, `differences` (second minus first, per score, with interval and Holm-corrected p-value) and, for
        single-label tasks, `mcnemar`.

    Raises:
        DataError: The runs have different tasks, labels or test rows.
        RunFolderError: One has no predictions.
    """
    (task, answers, references, keys), (other, others, other_references, other_keys) = _read(first), _read(second)
    if (task.name, task.state()) != (other.name, other.state()):
        raise DataError(f"{first.path} and {second.path} have different tasks or labels.", "Compare runs of one task.")
    if keys != other_keys or references != other_references:
        shared = len(set(keys) & set(other_keys))
        raise DataError(
            f"The runs were scored on different test rows ({shared} of {len(keys)} are shared).",
            "Use the same data, data.splits and data.split.seed in both recipes.",
        )
    arrays = [task.arrays(given, references) for given in (answers, others)]
    measured = [statistic(task, task.metrics, given) for given in arrays]
    found = paired_difference(measured[1], measured[0], len(keys), resamples=resamples, confidence=confidence)
    values = [m(np.arange(len(keys))) for m in measured]
    corrected = holm([d.p_value for d in found.values()])
    result: dict[str, Any] = {"rows": len(keys), "confidence": confidence, "headline": task.headline, "differences": {}}
    for (name, difference), p_value in zip(found.items(), corrected, strict=True):
        result["differences"][name] = {
            "first": values[0][name], "second": values[1][name], **difference.to_dict(), "p_value_holm": p_value,
        }  # fmt: skip
    if task.kind == "single_label":
        right = [a["predictions"] == a["references"] for a in arrays]
        test = mcnemar_exact(right[1], right[0])
        result["mcnemar"] = {"only_second_right": test.b, "only_first_right": test.c, "p_value": test.p_value}
        disagreement = max(1, test.b + test.c) / len(keys)
        result["minimum_detectable_effect"] = minimum_detectable_effect(len(keys), disagreement)
    return result


def compare_repeated(
    first: Sequence[RunFolder], second: Sequence[RunFolder], *, resamples: int = 2000, confidence: float = 0.95
) -> dict[str, Any]:
    """Compare two recipes, each trained from the same seeds, on the same test rows.

    The difference is that of the scores' means over seeds. Its interval resamples test rows and seeds alike (the seeds
    within each resample of the rows), so it covers both what other rows and what other seeds would have changed. With
    few seeds the latter is known roughly only; the differences of the single seeds stand beside it.

    Args:
        first: A finished run per seed.
        second: Likewise, in the same order of seeds.
        resamples: Bootstrap resamples.
        confidence: Level of the intervals.

    Returns:
        `rows`, `seeds` (how many), `headline` and per score in `differences` (second minus first): `first` and `second`
        (means), `value`, `low`, `high`, `p_value`, and `each` (per seed).

    Raises:
        DataError: The runs have different tasks, labels or test rows.
    """
    both = [(_read(a), _read(b)) for a, b in zip(first, second, strict=True)]
    task, _, references, keys = both[0][0]
    for read in (one for pair in both for one in pair):
        if (read[0].name, read[0].state(), read[2], read[3]) != (task.name, task.state(), references, keys):
            raise DataError("The runs have different tasks, labels or test rows.", "Compare runs of one data set.")
    measured = [[statistic(task, task.metrics, task.arrays(one[1], references)) for one in pair] for pair in both]
    every = np.arange(len(keys))
    values = [[function(every) for function in pair] for pair in measured]
    draws = [[resample(function, len(keys), resamples, 0, None) for function in pair] for pair in measured]
    chosen = np.random.default_rng(0).integers(len(both), size=(len(both), resamples))
    differences: dict[str, Any] = {}
    for name in values[0][0]:
        each = [float(b[name] - a[name]) for a, b in values]
        drawn = np.stack([b[name] - a[name] for a, b in draws])  # (seeds, resamples)
        found = difference_from_draws(
            float(np.mean(each)), np.take_along_axis(drawn, chosen, axis=0).mean(axis=0), confidence
        )
        means = {key: float(np.mean([pair[i][name] for pair in values])) for i, key in enumerate(("first", "second"))}
        differences[name] = {**means, **found.to_dict(), "each": each}
    return {"rows": len(keys), "seeds": len(both), "confidence": confidence, "headline": task.headline,
            "differences": differences}  # fmt: skip


def _read(run: RunFolder) -> tuple[Task, list[Prediction], list[Any], list[tuple[str, ...]]]:
    evaluation = Evaluation.load(run)
    task, table = evaluation.load_task(), evaluation.predictions
    references = [task.parse_target(value) for value in table["reference"]]
    inputs = [table[column.name] for column in task.input_columns() if column.name in table]
    return (
        task,
        evaluation.answers(),
        references,
        [tuple(map(str, key)) for key in zip(table["row"], *inputs, strict=True)],
    )
