"""What else a label's probability could be used for: curves over all thresholds, and the thresholds that are in use."""

from __future__ import annotations

from typing import Any

import numpy as np

from finetune.artifacts.decision import Decision
from finetune.evaluation.stated import Stated, share_with_interval
from finetune.evaluation.thresholds import describe
from finetune.recipe import EvaluationSection
from finetune.recipe.examination import Costs
from finetune.statistics.comparison import paired_difference
from finetune.statistics.curves import Ranking, average_precision, precision_recall_points, roc_area, roc_points
from finetune.statistics.intervals import bootstrap

Array = np.ndarray[Any, Any]

MOST_LABELS = 10
"""Labels whose curves are kept: those that most test rows have."""


def examine_curves(test: Stated, settings: EvaluationSection) -> list[dict[str, Any]]:
    """ROC and precision-recall curves of each label against the rest; of two labels those of the second.

    Labels that all test rows have or none has are left out; so are alternatives that differ from row to row.

    Returns:
        `label`, `positives`, `roc` (false and true positive rates), `precision_recall` (recalls and precisions),
        `auc` and `average_precision` with intervals. The latter is to be held against `share`, what guessing has.
    """
    if not test.labelled:
        return []
    columns = [1] if test.exclusive and len(test.names) == 2 else range(len(test.names))
    counts = {column: int(test.positive(column).sum()) for column in columns}
    usable = [column for column in columns if 0 < counts[column] < len(test.truth)]
    shown = sorted(sorted(usable, key=lambda column: -counts[column])[:MOST_LABELS])
    most = 120 if len(shown) == 1 else 60  # points: many labels share a drawing
    return [_curves(test, column, most, settings) for column in shown]


def _curves(test: Stated, column: int, most: int, settings: EvaluationSection) -> dict[str, Any]:
    positive = test.positive(column)
    ranking = Ranking(test.probabilities[:, column], positive)

    def statistic(rows: Array) -> dict[str, float]:
        counts = ranking.counts(rows)
        return {"auc": roc_area(counts), "average_precision": average_precision(counts)}

    areas = bootstrap(statistic, len(positive), resamples=settings.resamples, confidence=settings.confidence,
                      groups=test.clusters)  # fmt: skip
    whole = ranking.counts()
    return {
        "label": test.names[column], "positives": int(positive.sum()), "share": float(positive.mean()),
        "roc": roc_points(whole, most), "precision_recall": precision_recall_points(whole, most),
        **{name: area.to_dict() for name, area in areas.items()},
    }  # fmt: skip


def examine_thresholds(
    test: Stated, decision: Decision, default: float, settings: EvaluationSection
) -> list[dict[str, Any]]:
    """What the chosen thresholds yield on test rows, beside the default ones.

    Args:
        test: The rows.
        decision: The rule.
        default: Threshold of labels that stand by themselves; of two labels it is 0.5.
        settings: The aim that thresholds were chosen for.

    Returns:
        Per label `label`, `aim`, `chosen` and `default` (`threshold`, `given` rows, `precision` and `recall` and, where
        the aim is one of costs, `cost` per row, with intervals), and `cost_difference` (chosen minus default, paired).
    """
    default = 0.5 if test.exclusive else default
    entries = []
    for label, threshold in decision.thresholds.items():
        column = test.names.index(label)
        scores, positive = test.probabilities[:, column], test.positive(column)
        entry: dict[str, Any] = {
            "label": label,
            "aim": describe(settings.threshold) if settings.threshold else "",
            "chosen": _operation(test, scores, positive, threshold, settings),
            "default": _operation(test, scores, positive, default, settings),
        }
        costs = settings.threshold.costs if settings.threshold else None
        if costs is not None:
            entry |= _costs(test, [_row_costs(scores, positive, t, costs) for t in (threshold, default)], settings)
        entries.append(entry)
    return entries


def _operation(
    test: Stated, scores: Array, positive: Array, threshold: float, settings: EvaluationSection
) -> dict[str, Any]:
    given = scores >= threshold
    parts = {"precision": (positive, given), "recall": (given, positive)}
    shares = {
        name: share_with_interval(hits[among], settings, None if test.clusters is None else test.clusters[among])
        for name, (hits, among) in parts.items()
    }
    return {"threshold": float(threshold), "given": int(given.sum()), **shares}


def _row_costs(scores: Array, positive: Array, threshold: float, costs: Costs) -> Array:
    given = scores >= threshold
    return np.asarray((given & ~positive) * costs.false_positive + (~given & positive) * costs.false_negative)


def _costs(test: Stated, both: list[Array], settings: EvaluationSection) -> dict[str, Any]:
    """Mean cost per row of each with its interval, and the paired difference."""
    shared: dict[str, Any] = {
        "resamples": settings.resamples, "confidence": settings.confidence, "groups": test.clusters,
    }  # fmt: skip
    statistics = [lambda rows, each=each: {"cost": float(each[rows].mean())} for each in both]
    chosen, default = (bootstrap(one, len(test.truth), **shared)["cost"].to_dict() for one in statistics)
    difference = paired_difference(statistics[0], statistics[1], len(test.truth), **shared)["cost"]
    return {"cost": {"chosen": chosen, "default": default}, "cost_difference": difference.to_dict()}
