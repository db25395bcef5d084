"""What is gained by answering only where the model is sure: accuracy against coverage."""

from __future__ import annotations

from typing import Any

import numpy as np

from finetune.evaluation.stated import Stated, share_with_interval
from finetune.recipe import EvaluationSection
from finetune.statistics.curves import risk_coverage, risk_coverage_area, thin, threshold_of_coverage
from finetune.statistics.intervals import bootstrap

COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
"""Shares of rows to be answered that the table shows."""


def examine_abstention(test: Stated, checked: Stated | None, settings: EvaluationSection) -> dict[str, Any]:
    """Accuracy of the answers from a confidence on.

    Args:
        test: The rows that are counted.
        checked: The rows on which thresholds are chosen; None takes the test rows, which flatters the coverage only:
            no threshold is chosen by how right the answers above it are.
        settings: Level and number of resamples.

    Returns:
        `chosen_on` (`validation` or `test`), `points` (`wanted` coverage, `threshold`, `coverage` reached on test rows,
        `rows` answered, accuracy as `value`, `low`, `high`), `area` (AURC with its interval), `curve` of coverage and
        accuracy.
    """
    chosen_on = checked if checked is not None else test
    points = []
    for wanted in COVERAGES:
        threshold = threshold_of_coverage(chosen_on.confidence, wanted) if wanted < 1 else 0.0
        answered = test.confidence >= threshold
        clusters = None if test.clusters is None else test.clusters[answered]
        points.append({
            "wanted": wanted, "threshold": threshold, "coverage": float(answered.mean()),
            **share_with_interval(test.right[answered], settings, clusters),
        })  # fmt: skip
    coverage, risk = risk_coverage(test.confidence, test.right)
    return {
        "chosen_on": "test" if checked is None else "validation",
        "points": points,
        "area": _area(test, settings),
        "curve": thin(coverage, 1 - risk, 150),
    }


def _area(test: Stated, settings: EvaluationSection) -> dict[str, Any]:
    def statistic(rows: np.ndarray) -> dict[str, float]:
        return {"area": risk_coverage_area(test.confidence[rows], test.right[rows])}

    found = bootstrap(statistic, len(test.right), resamples=min(settings.resamples, 1000),
                      confidence=settings.confidence, groups=test.clusters)  # fmt: skip
    return found["area"].to_dict()
