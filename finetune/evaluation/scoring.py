"""The model and its baselines on the test rows: scores with intervals, and paired tests of the differences."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from finetune import processes
from finetune.artifacts import Evaluation, TrainedModel
from finetune.evaluation.baselines import chosen_baselines, fit_baseline
from finetune.evaluation.examining import examine
from finetune.evaluation.scored import Statistic, statistic, table_of
from finetune.metrics import direction, metric_outputs
from finetune.recipe import EvaluationSection
from finetune.statistics.comparison import holm, mcnemar_exact, minimum_detectable_effect, paired_difference
from finetune.statistics.intervals import bootstrap
from finetune.task import Prediction, Row, Task

log = logging.getLogger(__name__)


def evaluate(
    model: TrainedModel, rows: Sequence[Row], settings: EvaluationSection, *,
    train: Sequence[Row] = (), validation: Sequence[Row] = (),
) -> Evaluation:  # fmt: skip
    """Score a model and its baselines on the same rows.

    Prediction is spread over the processes of the run; everything else happens on rank 0, whose result all get.

    Args:
        model: The trained model.
        rows: Canonical test rows with targets.
        settings: Metrics, baselines, level and number of resamples.
        train: Rows that baselines are fitted on; without them there are no baselines.
        validation: Rows on which baselines choose their settings.

    Raises:
        RecipeError: Unknown metric or baseline.
    """
    started = time.perf_counter()
    model = replace(model, task=model.task.facing(rows))
    predictions = model.predict_together(rows)
    seconds = time.perf_counter() - started
    result = (
        _score_all(model, rows, predictions, settings, (train, validation), seconds) if processes.is_main() else None
    )
    shared = processes.share(result)
    assert shared is not None
    return shared


def _score_all(
    model: TrainedModel, rows: Sequence[Row], predictions: list[Prediction], settings: EvaluationSection,
    fitting_rows: tuple[Sequence[Row], Sequence[Row]], seconds: float,
) -> Evaluation:  # fmt: skip
    task = model.task
    metrics = settings.metrics or task.metrics
    references = task.references(rows)
    answers = {"model": predictions}
    systems: dict[str, dict[str, Any]] = {
        "model": {"title": "Fine-tuned model", "detail": model.base.name, "seconds": seconds}
    }
    train, validation = fitting_rows
    for name in chosen_baselines(settings, task, train) if len(train) else ():
        fitted = fit_baseline(name, task, train, validation, model=model, settings=settings)
        log.info("Baseline %s: %s (%.1f s).", name, fitted.detail, fitted.seconds)
        answers[name] = fitted.predict(rows)
        systems[name] = {"title": fitted.title, "detail": fitted.detail, "seconds": fitted.seconds}
    arrays = {name: task.arrays(given, references) for name, given in answers.items()}
    statistics = {name: statistic(task, metrics, given) for name, given in arrays.items()}
    for name, measured in statistics.items():
        intervals = bootstrap(measured, len(rows), resamples=settings.resamples, confidence=settings.confidence)
        systems[name]["scores"] = {
            score: interval.to_dict() | {"direction": _direction(score)} for score, interval in intervals.items()
        }
    headline = next(iter(systems["model"]["scores"]))
    result = Evaluation(
        task=task.name, options=task.options.model_dump(mode="json"), target=task.state(),
        kind=task.kind, rows=len(rows), headline=headline, confidence=settings.confidence,
        resamples=settings.resamples, systems=systems,
        comparisons=_compare(task, metrics, arrays, statistics, settings),
        details=task.details(arrays["model"], rows), predictions=table_of(task, rows, references, answers),
    )  # fmt: skip
    examine(result, settings)
    return result


def _compare(
    task: Task, metrics: Sequence[str], arrays: dict[str, dict[str, np.ndarray]], statistics: dict[str, Statistic],
    settings: EvaluationSection,
) -> list[dict[str, Any]]:  # fmt: skip
    """Model minus baseline on the first score of every metric, paired by row."""
    firsts = [metric_outputs(name)[0] for name in metrics if metric_outputs(name)]
    rows = len(arrays["model"]["references"])
    found = []
    for name in list(arrays)[1:]:
        differences = paired_difference(statistics["model"], statistics[name], rows, resamples=settings.resamples,
                                        confidence=settings.confidence)  # fmt: skip
        for score, difference in differences.items():
            if firsts and score not in firsts:
                continue
            entry = {"against": name, "score": score, "direction": _direction(score), **_plain(difference)}
            if score == "accuracy" and task.kind == "single_label":
                entry |= _accuracy_test(arrays["model"], arrays[name])
            found.append(entry)
    p_values = [math.nan if entry["p_value"] is None else entry["p_value"] for entry in found]
    for entry, corrected in zip(found, holm(p_values), strict=True):
        entry["p_value_holm"] = None if math.isnan(corrected) else corrected
    return found


def _accuracy_test(model: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, Any]:
    """Exact McNemar, and the smallest difference that this many rows would show four times in five."""
    right, also_right = (a["predictions"] == a["references"] for a in (model, other))
    test = mcnemar_exact(right, also_right)
    smallest = minimum_detectable_effect(len(right), max(1, test.b + test.c) / len(right))
    return {"mcnemar": {"only_model_right": test.b, "only_other_right": test.c, "p_value": test.p_value},
            "minimum_detectable_effect": smallest}  # fmt: skip


def _plain(difference: Any) -> dict[str, Any]:
    values: dict[str, Any] = difference.to_dict()
    return {"difference": values.pop("value"), **values}


def _direction(score: str) -> str:
    from finetune.errors import RecipeError

    try:
        return direction(score)
    except RecipeError:  # a score of a metric that is not built in
        return "higher"
