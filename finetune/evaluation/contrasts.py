"""Two systems on the same rows, score by score: the difference, tests of it, and the smallest that could be shown."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Any, Literal

import numpy as np

from finetune.evaluation.measured import Measured, Sampling, direction_of, is_share
from finetune.statistics.comparison import differences_of, holm
from finetune.statistics.permutation import mcnemar_exact, permutation_test
from finetune.statistics.power import POWER, detectable_difference, least_disagreement, minimum_detectable_effect

Verdict = Literal["better", "worse", "not shown"]
_TESTS = ("permutation", "mcnemar")


def contrast(
    first: Measured, second: Measured, *, names: tuple[str, str], scores: Container[str] | None = None
) -> dict[str, dict[str, Any]]:
    """The difference of two systems on the same rows, first minus second, by score.

    Args:
        first: Scores of a system.
        second: Those of another one, drawn with the same sampling.
        names: What the two are called in the keys of the McNemar test: `only_NAME_right`.
        scores: Scores to compare. Default: all that both have.

    Returns:
        Score -> `value`, `low`, `high`, `p_value` and the other fields of `Difference`, `direction`; `permutation` (a
        sign-flip test, by cluster where there are clusters) for a score that is a mean over rows, and `mcnemar` for a
        share of independent rows. `judge` adds the rest, for all comparisons together.
    """
    sampling = first.sampling
    found = differences_of(first.found, second.found, confidence=sampling.confidence, method=sampling.method)
    return {
        name: {
            "direction": direction_of(name), **difference.to_dict(), "rows": _rows(sampling, first),
            **_tests_by_row(first.per_row.get(name), second.per_row.get(name), sampling, names),
        }
        for name, difference in found.items()
        if scores is None or name in scores
    }  # fmt: skip


def _rows(sampling: Sampling, measured: Measured) -> int:
    return measured.found.units if sampling.clusters is None else len(sampling.clusters)


def _tests_by_row(
    first: np.ndarray | None, second: np.ndarray | None, sampling: Sampling, names: tuple[str, str]
) -> dict[str, Any]:
    """Tests of scores that are means over rows."""
    if first is None or second is None or np.isnan(first - second).any():
        return {}
    flips = permutation_test(first, second, groups=sampling.clusters)
    found: dict[str, Any] = {
        "permutation": {"p_value": flips.p_value, "method": flips.method, "resamples": flips.resamples}
    }
    if sampling.clusters is None and is_share(first) and is_share(second):
        test = mcnemar_exact(first, second)
        counts = {f"only_{names[0]}_right": test.b, f"only_{names[1]}_right": test.c}
        found["mcnemar"] = {**counts, "p_value": test.p_value}
    return found


def judge(entries: Sequence[dict[str, Any]], confidence: float) -> None:
    """Correct the p-values of comparisons that are made together, and say what each shows.

    Adds to each entry `p_value_holm` (so does it to its `permutation` and `mcnemar`), `verdict` and
    `minimum_detectable_effect`: the smallest difference that would be shown four times in five. Both are at the level
    that is left to one of this many comparisons, so that a difference of that size survives the correction.

    Args:
        entries: What `contrast` gave, of all comparisons that a reader looks at together.
        confidence: Of the intervals; one minus it is the level of the tests.
    """
    _correct(entries)
    for test in _TESTS:
        _correct([entry[test] for entry in entries if test in entry])
    together = max(1, sum(entry["p_value"] is not None for entry in entries))
    for entry in entries:
        entry["verdict"] = _verdict(entry, 1 - confidence)
        smallest = _smallest(entry, (1 - confidence) / together)
        entry["minimum_detectable_effect"] = None if math.isnan(smallest) else smallest
        entry["power"] = POWER


def _correct(entries: Sequence[dict[str, Any]]) -> None:
    p_values = [math.nan if entry["p_value"] is None else entry["p_value"] for entry in entries]
    for entry, corrected in zip(entries, holm(p_values), strict=True):
        entry["p_value_holm"] = None if math.isnan(corrected) else corrected


def _verdict(entry: dict[str, Any], level: float) -> Verdict:
    """Whether the first system is better; "not shown" does not say that the two are alike."""
    if entry["p_value_holm"] is None or entry["p_value_holm"] >= level:
        return "not shown"
    return "better" if (entry["value"] < 0) == (entry["direction"] == "lower") else "worse"


def _smallest(entry: dict[str, Any], significance: float) -> float:
    """Connor's formula for shares of independent rows, else from the standard error of the difference."""
    rows = entry["rows"]
    if "mcnemar" in entry:
        disagreeing = sum(count for name, count in entry["mcnemar"].items() if name.startswith("only_"))
        # Systems that hardly disagree could not differ by much; the question is what any two could have shown.
        least = least_disagreement(rows, significance=significance)
        if not math.isnan(least):
            return minimum_detectable_effect(rows, max(disagreeing / rows, least), significance=significance)
    error = entry["standard_error"]
    units = entry["clusters"] or rows
    return detectable_difference(math.nan if error is None else error, significance=significance, units=units)
