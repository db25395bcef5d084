"""Whether the model's probabilities mean what they say, as it is and with a temperature fitted to validation rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from finetune.artifacts import Evaluation
from finetune.evaluation.abstention import examine_abstention
from finetune.evaluation.operating_points import examine_curves, examine_thresholds
from finetune.evaluation.stated import Stated, plain
from finetune.recipe import EvaluationSection
from finetune.statistics.calibration import (
    Bin,
    bin_of,
    brier_parts,
    brier_rows,
    brier_skill,
    calibration_errors,
    cells_of,
    likelihood_rows,
    reliability_bins,
    statements,
)
from finetune.statistics.calibration_noise import (
    error_interval,
    gap_noise,
    least_upper_end,
    likeness,
    null_errors,
)
from finetune.statistics.comparison import difference_from_draws
from finetune.statistics.intervals import percentile
from finetune.statistics.resampling import group_numbers, resampled_rows
from finetune.statistics.shares import share_interval
from finetune.statistics.temperature import Temperature, fit_temperature

Array = np.ndarray[Any, Any]

MOST_WORK = 2e8
"""Statements times resamples that are looked at; with more statements there are fewer resamples, at least 100."""
AROUND = (0.6, 0.7, 0.8, 0.9, 0.95)
"""Probabilities whose statements the report may quote, give or take `NEAR`."""
NEAR = 0.05


def examine(evaluation: Evaluation, settings: EvaluationSection) -> dict[str, Any]:
    """Calibration, thresholds and abstention, as `Evaluation.calibration` keeps them.

    All is measured on test rows. A temperature and coverage thresholds are chosen on validation rows; where the recipe
    did not ask for the temperature, what it would change is told all the same.

    Args:
        evaluation: Its tables; `calibration` holds the rule that was scored, if any.
        settings: Bins, level, resamples, the aim of a threshold.

    Returns:
        Empty where answers state no probabilities; `because` where some of them lack theirs. Else `decision` (where
        there is one), `rows`, `clusters` (their number, where rows depend on each other), `validation_rows`,
        `temperature`, `before` and `after` (scores of the probabilities without and with it; `after` may be empty),
        `as_is` (which of the two the model is), `difference`, `per_label`, `curves`, `thresholds`, `abstention`.
    """
    decision = evaluation.decision
    kept = {"decision": decision.to_dict()} if decision else {}
    test = Stated.of(evaluation)
    if test is None:
        return kept
    if test.stateless:
        return kept | {"because": test.because}
    checked = Stated.of(evaluation, validation=True)
    unfitted = checked.because if checked and checked.stateless else "there were no validation rows to fit it to"
    checked = None if checked is None or checked.stateless else checked
    applied = decision.temperature or 1.0
    fitted = _fit(checked, applied)
    value = applied if applied != 1 else (fitted.value if fitted and not fitted.reason else None)
    before = test.at(1 / applied)
    after = None if value is None else (test.probabilities if applied != 1 else test.at(value))
    entries = kept | {
        "rows": len(test.truth),
        "clusters": None if test.clusters is None else test.units,
        "validation_rows": len(checked.truth) if checked else 0,
        "bins": settings.calibration.bins,
        "confidence": settings.confidence,
        "labels_apart": not test.exclusive,
        "as_is": "after" if applied != 1 else "before",
        "temperature": {
            "value": value, "applied": applied != 1, "rows": fitted.rows if fitted else 0,
            "reason": fitted.reason if fitted else unfitted,
        },
        **_measure(test, before, after, settings),
        "per_label": _per_label(test, settings),
        "curves": examine_curves(test, settings),
        "thresholds": examine_thresholds(test, decision, evaluation.load_task().threshold, settings),
        "abstention": examine_abstention(test, checked, settings),
    }  # fmt: skip
    return dict(plain(entries))


def _fit(checked: Stated | None, applied: float) -> Temperature | None:
    return None if checked is None else fit_temperature(checked.at(1 / applied), checked.truth)


def _measure(test: Stated, before: Array, after: Array | None, settings: EvaluationSection) -> dict[str, Any]:
    """Scores of both, on the same resamples, and their differences."""
    both = {"before": before} | ({} if after is None else {"after": after})
    sums = {name: _Sums(given, test, settings.calibration.bins) for name, given in both.items()}
    n = len(test.truth)
    resamples = int(min(settings.resamples, max(100, MOST_WORK / max(1, sums["before"].size))))
    weights = (
        np.bincount(rows, minlength=n).astype(float)
        for rows in resampled_rows(n, resamples, groups=test.clusters)
    )  # fmt: skip
    drawn = [{name: one.of(each) for name, one in sums.items()} for each in weights]
    draws = {name: _Parts(*map(np.array, zip(*(d[name] for d in drawn), strict=True))) for name in sums}
    values = {name: one.of(np.ones(n)) for name, one in sums.items()}
    found: dict[str, Any] = {
        name: _scores(values[name], draws[name], one, settings) | _described(one, settings)
        for name, one in sums.items()
    }
    return {"after": {}, **found, "difference": {} if after is None else _differences(values, draws, test, settings)}


class _Parts(NamedTuple):
    """What the three scores are made of: of all rows, or with a first axis of resamples."""

    gaps: Array
    brier: Array
    nll: Array

    @property
    def ece(self) -> Array:
        return np.asarray(np.abs(self.gaps).sum(axis=-1))


class _Sums:
    """What the scores of a resample are summed from: numbers per row and cell, made once."""

    def __init__(self, probabilities: Array, test: Stated, bins: int) -> None:
        truth = test.truth
        self.probabilities, self.truth, self.bins = probabilities, truth, bins
        self.clusters, self.units = test.clusters, test.units
        self.confidence, self.outcome = statements(probabilities, truth)
        self._cells, self._count = cells_of(bin_of(self.confidence, bins)[0], bins)
        self._gaps = self.outcome - self.confidence
        self._brier, self._nll = brier_rows(probabilities, truth), likelihood_rows(probabilities, truth)
        self.size = self._gaps.size

    def of(self, weights: Array) -> _Parts:
        """Of rows that count this often, (n,)."""
        gaps = np.bincount(self._cells, (self._gaps * weights[:, None]).ravel(), self._count)
        total = weights.sum()
        return _Parts(gaps / (total * self._gaps.shape[1]), weights @ self._brier / total, weights @ self._nll / total)


def _scores(value: _Parts, draws: _Parts, sums: _Sums, settings: EvaluationSection) -> dict[str, Any]:
    """The three scores with intervals; and whether an error of that size needs an explanation."""
    shared = {"resamples": len(draws.gaps), "clusters": None if sums.clusters is None else sums.units}
    found: dict[str, Any] = {"ece": _error(value, draws, sums, settings) | shared}
    for name, one, drawn in (("brier", value.brier, draws.brier), ("nll", value.nll, draws.nll)):
        low, high = percentile(drawn, settings.confidence, sums.units)
        found[name] = {"value": float(one), "low": low, "high": high} | shared
    return found


def _error(value: _Parts, draws: _Parts, sums: _Sums, settings: EvaluationSection) -> dict[str, Any]:
    """The calibration error, its interval, and what right probabilities would show on these rows."""
    noise, error = gap_noise(value.gaps, draws.gaps, sums.units), float(value.ece)
    low, high = error_interval(value.gaps, noise, settings.confidence)
    if sums.truth.ndim == 1:  # one statement per row, so that the share of right ones bounds the error
        said, true = sums.confidence.ravel(), sums.outcome.ravel()
        high = float(np.maximum(high, least_upper_end(said, true, settings.confidence, groups=sums.clusters)))
    null = _null(sums, len(draws.gaps))
    p_value = float(((null >= error).sum() + 1) / (len(null) + 1))
    if sums.clusters is not None and p_value > 1 - settings.confidence and sums.units > 1:
        low = 0.0  # few clusters understate their noise, so that the interval alone would exclude 0 too often
    return {"value": error, "low": low, "high": high, "by_chance": float(null.mean()),
            "p_value": p_value if np.isfinite(null).all() else None}  # fmt: skip


def _null(sums: _Sums, draws: int) -> Array:
    """Errors of right probabilities; NaN for a single cluster, of which nothing is known."""
    if sums.clusters is None:
        return null_errors(sums.confidence, sums.bins, draws=draws)
    if sums.units < 2:
        return np.full(draws, np.nan)
    places = group_numbers(len(sums.clusters), sums.clusters)
    alike = likeness(sums.confidence, sums.outcome, places)
    return null_errors(sums.confidence, sums.bins, draws=draws, places=places, alike=alike)


def _described(sums: _Sums, settings: EvaluationSection) -> dict[str, Any]:
    said, true, bins = sums.confidence, sums.outcome, sums.bins
    mass, _ = calibration_errors(said, true, bins, "mass")
    apart = sums.truth.ndim == 2
    # A label that is said to be unlikely is a sure statement as well: that it is not there.
    sure, right = (np.maximum(said, 1 - said), np.where(said >= 0.5, true, 1 - true)) if apart else (said, true)
    return {
        "ece_mass": mass,
        "maximum_error": calibration_errors(said, true, bins)[1],
        "brier_skill": brier_skill(sums.probabilities, sums.truth),
        "brier_parts": brier_parts(said, true, bins),
        "mean_confidence": float(sure.mean()),
        "mean_outcome": float(right.mean()),
        "reliability": [asdict(one) for one in _reliability(sums, settings)],
        "said": [entry for value in AROUND if (entry := _around(sums, value, settings))],
    }


def _reliability(sums: _Sums, settings: EvaluationSection) -> list[Bin]:
    return reliability_bins(sums.confidence, sums.outcome, sums.bins, settings.confidence, groups=sums.clusters)


def _around(sums: _Sums, value: float, settings: EvaluationSection) -> dict[str, Any] | None:
    """What came true of the statements of about this probability."""
    near = np.abs(sums.confidence - value) <= min(NEAR, 1 - value)
    if not near.any():
        return None
    clusters = None if sums.clusters is None else np.broadcast_to(sums.clusters[:, None], near.shape)[near]
    found = share_interval(sums.outcome[near], settings.confidence, groups=clusters)
    return {"around": value, "rows": int(near.sum()), "confidence": float(sums.confidence[near].mean()),
            "accuracy": found.value, "low": found.low, "high": found.high}  # fmt: skip


def _differences(
    values: dict[str, _Parts], draws: dict[str, _Parts], test: Stated, settings: EvaluationSection
) -> dict[str, dict[str, Any]]:
    """After minus before, paired by row: below zero the temperature helps.

    Resampling makes errors larger, small ones more than large ones: the draws of their difference are reflected at its
    value (the basic bootstrap). What bias is left speaks against the temperature.
    """
    found, clusters = {}, None if test.clusters is None else test.units
    confidence = settings.confidence
    for score in ("ece", "brier", "nll"):
        value = float(getattr(values["after"], score) - getattr(values["before"], score))
        moved = getattr(draws["after"], score) - getattr(draws["before"], score)
        drawn = 2 * value - moved if score == "ece" else moved
        found[score] = difference_from_draws(value, drawn, confidence, units=test.units, clusters=clusters).to_dict()
    return found


def _per_label(test: Stated, settings: EvaluationSection) -> list[dict[str, Any]]:
    """The errors of labels that stand by themselves, the largest first."""
    if test.exclusive:
        return []
    bins = settings.calibration.bins
    entries = [
        {"label": name, "ece": calibration_errors(said, true, bins)[0], "mean_probability": float(said.mean()),
         "share": float(true.mean())}
        for i, name in enumerate(test.names)
        for said, true in [(test.probabilities[:, i : i + 1], test.truth[:, i : i + 1].astype(float))]
    ]  # fmt: skip
    return sorted(entries, key=lambda entry: -float(entry["ece"]))
