"""Scores by group, and signed contrasts between groups, from the predictions alone."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from finetune.artifacts import BiasAudit, Evaluation
from finetune.artifacts.prepared_data import GROUP
from finetune.metrics import load_metric
from finetune.metrics.additive import score_function
from finetune.statistics.comparison import difference_from_draws, holm
from finetune.statistics.intervals import percentile
from finetune.task import Task

CAVEATS = (
    "These figures compare rows of the test set; they say nothing about groups that it does not name.",
    "A difference between groups may come from the rows (harder texts, other label shares) as well as from the model.",
    "'inconclusive' means that these rows cannot tell, not that there is no gap.",
)


def audit_groups(evaluation: Evaluation, *, min_rows: int = 30, resamples: int = 1000) -> BiasAudit:
    """Compare the headline score between the values of every group column.

    Args:
        evaluation: Scores with their predictions; its `group:NAME` columns name the groups.
        min_rows: Groups with fewer rows are not measured.
        resamples: Bootstrap resamples per group.

    Returns:
        Per column the score of each group with its interval, every signed contrast with its interval and Holm-corrected
        p-value, and a verdict: `evidence of a gap`, `inconclusive` or `not measured`.
    """
    task = evaluation.load_task()
    audit = BiasAudit(evaluation.headline, caveats=list(CAVEATS), min_rows=min_rows, confidence=evaluation.confidence)
    columns = {name.removeprefix(GROUP): v for name, v in evaluation.predictions.items() if name.startswith(GROUP)}
    if not columns:
        audit.verdicts["groups"] = "not measured"
        audit.caveats.insert(0, "The recipe names no group columns (bias.groups), so nothing was compared.")
        return audit
    references = [task.parse_target(value) for value in evaluation.predictions["reference"]]
    arrays = task.arrays(evaluation.answers(), references)
    for name, values in columns.items():
        draws = _draws(task, evaluation.headline, arrays, values, min_rows, resamples)
        audit.groups[name] = _column(draws, values, evaluation.confidence)
        audit.verdicts[f"groups.{name}"] = _verdict(audit.groups[name]["contrasts"])
    return audit


def _draws(
    task: Task, score: str, arrays: dict[str, np.ndarray], values: list[str | None], min_rows: int, resamples: int
) -> dict[str, tuple[float, np.ndarray]]:
    """Group -> its score and the bootstrap distribution of it; groups are independent, so each is drawn by itself."""
    metric = load_metric(task.metrics[0])
    given = arrays["scores"] if metric.needs_scores else arrays["predictions"]
    scored = score_function(metric, given, arrays["references"], task.metric_settings())
    generator = np.random.default_rng(0)
    found = {}
    for group in sorted({v for v in values if v is not None}):
        rows = np.flatnonzero(np.array(values, dtype=object) == group)
        if len(rows) < min_rows:
            continue

        def measured(chosen: np.ndarray) -> float:
            return float(scored(chosen)[score])

        draws = np.array([measured(generator.choice(rows, len(rows))) for _ in range(resamples)])
        found[group] = (measured(rows), draws)
    return found


def _column(draws: dict[str, tuple[float, np.ndarray]], values: list[str | None], confidence: float) -> dict[str, Any]:
    scores: dict[str, dict[str, Any]] = {}
    for group in sorted({v for v in values if v is not None}):
        scores[group] = {"rows": values.count(group), "value": None, "low": None, "high": None}
        if group in draws:
            value, drawn = draws[group]
            low, high = percentile(drawn, confidence)
            scores[group] |= {"value": value, "low": low, "high": high}
    contrasts = [_contrast(a, b, draws, confidence) for a, b in combinations(draws, 2)]
    for contrast, corrected in zip(contrasts, holm([c["p_value"] for c in contrasts]), strict=True):
        contrast["p_value_holm"] = corrected
        contrast["verdict"] = "evidence of a gap" if corrected < 1 - confidence else "inconclusive"
    return {"scores": scores, "contrasts": contrasts}


def _contrast(a: str, b: str, draws: dict[str, tuple[float, np.ndarray]], confidence: float) -> dict[str, Any]:
    difference = difference_from_draws(draws[a][0] - draws[b][0], draws[a][1] - draws[b][1], confidence).to_dict()
    return {"a": a, "b": b, "difference": difference.pop("value"), **difference}


def _verdict(contrasts: list[dict[str, Any]]) -> str:
    if not contrasts:
        return "not measured"
    gaps = any(c["verdict"] == "evidence of a gap" for c in contrasts)
    return "evidence of a gap" if gaps else "inconclusive"
