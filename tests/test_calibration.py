"""Calibration errors, proper scores, temperature scaling and curves against references and known answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from finetune.artifacts import Evaluation
from finetune.errors import DataError, EmptyDataError, UsageError
from finetune.evaluation.calibration import examine
from finetune.recipe import EvaluationSection
from finetune.statistics.calibration import (
    bin_of,
    brier_parts,
    brier_score,
    brier_skill,
    calibration_errors,
    cells_of,
    negative_log_likelihood,
    reliability_bins,
    statements,
)
from finetune.statistics.calibration_noise import error_interval, gap_noise, likeness, null_errors
from finetune.statistics.curves import (
    Ranking,
    average_precision,
    precision_recall_points,
    risk_coverage,
    risk_coverage_area,
    roc_area,
    roc_points,
    threshold_of_coverage,
)
from finetune.statistics.intervals import percentile, wilson
from finetune.statistics.resampling import resampled_rows
from finetune.statistics.shares import effective_rows, share_interval
from finetune.statistics.temperature import fit_temperature, scale

CASES = 100


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) probabilities and (n,) true columns that every class has."""
    chance = np.random.default_rng(seed)
    n, k = int(chance.integers(10, 60)), int(chance.integers(2, 6))
    probabilities = chance.dirichlet(np.full(k, 0.7), n)
    return probabilities, np.concatenate([np.arange(k), chance.integers(0, k, n - k)])


def tied_scores(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) scores, many of them equal, and (n,) positives of both kinds."""
    chance = np.random.default_rng(seed)
    n = int(chance.integers(4, 80))
    positive = np.concatenate([[True, False], chance.random(n - 2) < chance.random()])
    return chance.integers(0, chance.integers(2, 30), n) / 30, positive


@pytest.mark.parametrize("seed", range(CASES))
def test_proper_scores_are_those_of_scikit_learn(seed: int) -> None:
    probabilities, truth = random_case(seed)
    k = probabilities.shape[1]
    assert brier_score(probabilities, truth) == pytest.approx(
        metrics.brier_score_loss(truth, probabilities if k > 2 else probabilities[:, 1], labels=np.arange(k))
    )
    assert negative_log_likelihood(probabilities, truth) == pytest.approx(
        metrics.log_loss(truth, probabilities, labels=np.arange(k))
    )


def test_the_likelihood_of_labels_that_stand_by_themselves_is_their_mean() -> None:
    chance = np.random.default_rng(0)
    probabilities, truth = chance.random((50, 3)), chance.integers(0, 2, (50, 3))
    losses = [metrics.log_loss(truth[:, i], probabilities[:, i], labels=[0, 1]) for i in range(3)]
    assert negative_log_likelihood(probabilities, truth) == pytest.approx(np.mean(losses))


def naive_errors(confidence: np.ndarray, outcome: np.ndarray, bins: int) -> tuple[float, float]:
    """Guo et al. (2017), equations 3 and 5, bin by bin as they stand there."""
    expected, largest = 0.0, 0.0
    for m in range(1, bins + 1):
        inside = [i for i, p in enumerate(confidence) if (m - 1) / bins < p <= m / bins or (m == 1 and p == 0)]
        if inside:
            gap = abs(np.mean(outcome[inside]) - np.mean(confidence[inside]))
            expected, largest = expected + len(inside) / len(confidence) * gap, max(largest, gap)
    return expected, largest


@pytest.mark.parametrize("seed", range(CASES))
def test_calibration_errors_follow_their_definition(seed: int) -> None:
    confidence, outcome = statements(*random_case(seed))
    assert calibration_errors(confidence, outcome, 10) == pytest.approx(
        naive_errors(confidence[:, 0], outcome[:, 0], 10)
    )


def test_probabilities_of_0_and_1_have_bins() -> None:
    confidence, outcome = np.array([[0.0], [1.0], [1.0]]), np.array([[0.0], [1.0], [0.0]])
    assert calibration_errors(confidence, outcome, 5) == pytest.approx((1 / 3, 0.5))
    assert [one.rows for one in reliability_bins(confidence, outcome, 5)] == [1, 0, 0, 0, 2]


def test_equally_full_bins_hold_equally_many_statements() -> None:
    confidence = np.random.default_rng(0).random((1000, 1)) ** 4
    chosen, _ = bin_of(confidence, 10, "mass")
    assert np.bincount(chosen.ravel()).tolist() == [100] * 10
    constant, _ = bin_of(np.full((20, 1), 0.7), 10, "mass")
    assert len(np.unique(constant)) == 1


def test_reliability_bins_are_those_of_scikit_learn() -> None:
    from sklearn.calibration import calibration_curve

    chance = np.random.default_rng(3)
    said = chance.random(400)
    true = (chance.random(400) < said**2).astype(float)
    share, mean = calibration_curve(true, said, n_bins=8)
    found = [one for one in reliability_bins(said[:, None], true[:, None], 8) if one.rows]
    assert [one.accuracy for one in found] == pytest.approx(share)
    assert [one.confidence for one in found] == pytest.approx(mean)
    assert all(one.accuracy_low <= one.accuracy <= one.accuracy_high for one in found)
    assert all(one.accuracy_high - one.accuracy_low > 0.05 for one in found)  # 50 statements each


def test_the_parts_of_the_brier_score_make_it_up() -> None:
    chance = np.random.default_rng(5)
    said = chance.random((300, 1))
    true = (chance.random((300, 1)) < said**2).astype(float)
    parts = brier_parts(said, true)
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within"]
    assert total == pytest.approx(float(((said - true) ** 2).mean()))
    assert parts["reliability"] > 0.005
    assert abs(parts["within"]) < 0.005


def test_skill_is_none_for_the_shares_themselves() -> None:
    truth = np.array([0, 0, 0, 1])
    assert brier_skill(np.tile([0.75, 0.25], (4, 1)), truth) == pytest.approx(0)
    assert brier_skill(np.eye(2)[truth], truth) == 1
    assert math.isnan(brier_skill([[0.5, 0.5]], [0]))


@pytest.mark.parametrize(("distortion", "n"), [(0.0, 300), (0.06, 300), (0.06, 1500), (0.3, 300)])
def test_intervals_of_the_calibration_error_hold_the_true_one(distortion: float, n: int) -> None:
    """Where percentiles of resampled errors hold it in none of the cases (right probabilities) to half of them."""
    chance = np.random.default_rng(7)

    def truth_of(said: np.ndarray) -> np.ndarray:
        return np.asarray(said - distortion * (said - 0.5))

    many = chance.beta(6, 1.3, 200_000) / 2 + 0.5
    place = bin_of(many[:, None], 15)[0].ravel()
    wanted = np.abs(np.bincount(place, truth_of(many) - many, 15)).sum() / len(many)
    held = 0
    for repetition in range(60):
        said = chance.beta(6, 1.3, n) / 2 + 0.5
        gaps = (chance.random(n) < truth_of(said)) - said
        cells, size = cells_of(bin_of(said[:, None], 15)[0], 15)
        drawn = [np.bincount(cells[rows], gaps[rows], size) / n for rows in resampled_rows(n, 200, repetition)]
        seen = np.bincount(cells, gaps, size) / n
        low, high = error_interval(seen, gap_noise(seen, np.array(drawn), n))
        held += low <= wanted <= high
    assert held >= 52  # of 60; 57 on average, and fewer than 52 by chance once in a hundred times


def test_errors_by_chance_are_as_large_as_those_of_right_probabilities() -> None:
    chance = np.random.default_rng(0)
    said = chance.random((400, 1))
    null = null_errors(said, draws=300)
    seen = [calibration_errors(said, (chance.random((400, 1)) < said).astype(float))[0] for _ in range(300)]
    assert np.mean(seen) == pytest.approx(null.mean(), rel=0.1)


# -- a table of answers, and rows that depend on each other


def evaluation_of(
    said: np.ndarray, right: np.ndarray, clusters: np.ndarray | None = None, names: tuple[str, str] = ("a", "b")
) -> Evaluation:
    """Answers `a` with these probabilities (n,), at least 0.5, which are right or not (n,)."""
    table: dict[str, list[Any]] = {
        "row": list(range(len(said))), "text": ["some words"] * len(said),
        "reference": [names[0] if good else names[1] for good in right], "prediction": [names[0]] * len(said),
        f"score:{names[0]}": said.tolist(), f"score:{names[1]}": (1 - said).tolist(),
    }  # fmt: skip
    if clusters is not None:
        table["cluster:source"] = [str(one) for one in clusters]
    target = {"kind": "single_label", "names": names, "bins": None, "separator": None}
    return Evaluation(
        "text-classification", {}, target, "single_label", len(said), "accuracy", 0.95, 100, {}, predictions=table
    )


def examined(*given: Any, resamples: int = 200) -> dict[str, Any]:
    return examine(evaluation_of(*given), EvaluationSection(resamples=resamples))


def alike(chance: np.random.Generator, clusters: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right probabilities of clusters whose rows are copies of each other."""
    said = chance.beta(6, 1.3, clusters) / 2 + 0.5
    return tuple(np.repeat(each, rows) for each in (said, chance.random(clusters) < said, np.arange(clusters)))  # type: ignore[return-value]


def test_right_probabilities_of_clusters_raise_no_alarm_too_often() -> None:
    """Where outcomes that are drawn independently would raise one nearly always."""
    chance = np.random.default_rng(11)
    found = [examined(*alike(chance, 40, 10))["before"]["ece"] for _ in range(40)]
    assert sum(one["p_value"] <= 0.05 for one in found) <= 6  # 2 are expected
    assert all(one["low"] == 0 for one in found if one["p_value"] > 0.05)


def test_wrong_probabilities_of_clusters_are_seen() -> None:
    chance = np.random.default_rng(12)
    clusters = np.repeat(np.arange(100), 4)
    found = examined(np.full(400, 0.95), chance.random(400) < 0.7, clusters)
    assert found["before"]["ece"]["p_value"] < 0.05
    assert found["before"]["ece"]["low"] > 0.1
    assert found["clusters"] == 100


def test_clusters_are_the_units_of_all_intervals() -> None:
    said, right, clusters = alike(np.random.default_rng(13), 12, 20)
    apart, together = examined(said, right)["before"], examined(said, right, clusters)["before"]
    for score in ("brier", "nll"):
        assert together[score]["high"] - together[score]["low"] > 2 * (apart[score]["high"] - apart[score]["low"])
        assert (apart[score]["clusters"], together[score]["clusters"]) == (None, 12)
    losses = (1 - said - (1 - right)) ** 2
    assert together["brier"]["value"] == pytest.approx(losses.mean())
    # The order of clusters is that of their names, which the draws go by.
    names = np.array([f"={one}" for one in clusters])
    drawn = np.array([losses[rows].mean() for rows in resampled_rows(240, 200, groups=names)])
    ends = percentile(drawn, 0.95, 12)
    assert (together["brier"]["low"], together["brier"]["high"]) == pytest.approx(ends)
    wider = [(e["accuracy_high"] - e["accuracy_low"], f["accuracy_high"] - f["accuracy_low"])
             for e, f in zip(together["reliability"], apart["reliability"], strict=True)
             if e["rows"] and e["accuracy_low"] is not None]  # fmt: skip
    assert wider
    assert all(one > other for one, other in wider)


def test_one_cluster_tells_nothing_of_chance() -> None:
    said, right, _ = alike(np.random.default_rng(14), 40, 2)
    found = examined(said, right, np.zeros(80, int))["before"]
    assert [found["ece"][key] for key in ("low", "high", "p_value", "by_chance")] == [None] * 4
    assert [found[score][end] for score in ("brier", "nll") for end in ("low", "high")] == [None] * 4
    assert all(one["low"] is None for one in found["said"])


@pytest.mark.parametrize(("n", "said", "right"), [(100, 0.999, 0.99), (200, 0.999, 0.98), (300, 0.9, 0.85)])
def test_intervals_hold_the_error_where_few_answers_are_wrong(n: int, said: float, right: float) -> None:
    """Where all answers of a sample are right, resamples of it show no noise at all."""
    chance = np.random.default_rng(15)
    held = 0
    for _ in range(60):
        error = examined(np.full(n, said), chance.random(n) < right)["before"]["ece"]
        held += error["low"] <= said - right <= error["high"]
    assert held >= 54  # of 60


def test_a_share_of_clusters_has_as_many_rows_as_they_tell() -> None:
    chance = np.random.default_rng(16)
    hits, groups = np.repeat(chance.random(40) < 0.8, 10), np.repeat(np.arange(40), 10)
    assert effective_rows(hits.astype(float), groups) == pytest.approx(40, rel=0.1)
    assert effective_rows((chance.random(400) < 0.8).astype(float), groups) > 200
    assert effective_rows(np.ones(400), groups) == 40
    one_each = share_interval(hits, groups=np.arange(400))
    assert (one_each.low, one_each.high) == pytest.approx((wilson(int(hits.sum()), 400).low, one_each.high), abs=0.002)
    assert share_interval(np.ones(400), groups=groups).low < wilson(40, 40).low
    assert math.isnan(share_interval(hits, groups=np.zeros(400)).low)


def test_how_much_clusters_go_together_is_seen() -> None:
    chance = np.random.default_rng(17)
    said, groups = chance.random((2000, 1)) / 2 + 0.5, np.repeat(np.arange(200), 10)
    apart = (chance.random((2000, 1)) < said).astype(float)
    copies = (np.repeat(chance.random(200), 10)[:, None] < said).astype(float)
    assert likeness(said, apart, groups) <= 0.1
    assert likeness(said, copies, groups) == 1


def test_answers_without_probabilities_are_told_not_raised() -> None:
    evaluation = evaluation_of(np.full(30, 0.8), np.arange(30) % 4 > 0)
    for name in ("score:a", "score:b"):
        evaluation.predictions[name][3] = math.nan
    assert examine(evaluation, EvaluationSection()) == {"because": "1 of 30 answers states no probability"}
    good = evaluation_of(np.full(30, 0.8), np.arange(30) % 4 > 0)
    good.validation = evaluation.predictions
    found = examine(good, EvaluationSection(resamples=100))
    assert found["temperature"]["reason"] == "1 of 30 answers states no probability"
    assert found["before"]["ece"]["value"] >= 0


@pytest.mark.parametrize(
    ("probabilities", "truth", "error"),
    [([[0.5, 0.5]], [2], DataError), ([[0.5, 0.5]], [0, 1], DataError), ([[1.5, -0.5]], [0], DataError),
     (np.zeros((0, 2)), np.zeros(0), EmptyDataError), ([[0.4, 0.6, np.nan]], [2], DataError)],
)  # fmt: skip
def test_what_is_no_probability_is_refused(probabilities: Any, truth: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        brier_score(probabilities, truth)


# -- temperature


@pytest.mark.parametrize("temperature", [0.4, 1.7, 5.0])
@pytest.mark.parametrize("exclusive", [True, False])
def test_the_temperature_that_spoiled_probabilities_is_found(temperature: float, exclusive: bool) -> None:
    chance = np.random.default_rng(1)
    if exclusive:
        right = chance.dirichlet([0.6, 0.6, 0.6], 20_000)
        truth = (right.cumsum(axis=1) < chance.random((20_000, 1))).sum(axis=1)
    else:
        right = chance.random((10_000, 3))
        truth = (chance.random(right.shape) < right).astype(int)
    spoiled = scale(right, 1 / temperature, exclusive=exclusive)
    found = fit_temperature(spoiled, truth)
    assert found.value == pytest.approx(temperature, rel=0.06)
    assert found.after < found.before
    assert found.reason == ""


def test_scaling_is_undone_by_its_inverse_and_keeps_the_order() -> None:
    given = np.random.default_rng(0).dirichlet([0.5] * 4, 200)
    scaled = scale(given, 2.5, exclusive=True)
    assert scaled.sum(axis=1) == pytest.approx(1)
    assert (scaled.argmax(axis=1) == given.argmax(axis=1)).all()
    assert scale(scaled, 1 / 2.5, exclusive=True) == pytest.approx(given)
    assert scale(given, 1.0, exclusive=True) is given


def test_scaling_is_that_of_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (50, 4))
    soft = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    cool = np.exp(logits / 3) / np.exp(logits / 3).sum(axis=1, keepdims=True)
    assert scale(soft, 3.0, exclusive=True) == pytest.approx(cool)
    assert scale(1 / (1 + np.exp(-logits)), 3.0, exclusive=False) == pytest.approx(1 / (1 + np.exp(-logits / 3)))


def test_missing_alternatives_stay_missing() -> None:
    scaled = scale([[0.9, 0.1, np.nan], [0.5, 0.3, 0.2]], 2.0, exclusive=True)
    assert scaled[0, :2].tolist() == pytest.approx([0.75, 0.25])
    assert math.isnan(scaled[0, 2])
    assert fit_temperature([[0.99, 0.01, np.nan]] * 8 + [[0.1, 0.2, 0.7]] * 2, [0] * 6 + [1] * 4).value > 1


@pytest.mark.parametrize(
    ("probabilities", "truth", "reason"),
    [([[0.9, 0.1], [0.2, 0.8]], [0, 1], "every likeliest answer is right"),
     ([[1.0, 0.0], [1.0, 0.0]], [0, 0], "every likeliest answer is right"),
     ([[0.9, 0.1], [0.2, 0.8]], [[1, 0], [0, 1]], "every label"),
     ([[0.9, 0.1], [0.1, 0.9]], [1, 0], "no optimum"),
     ([[0.5, 0.5], [0.5, 0.5]], [0, 1], "")],
)  # fmt: skip
def test_degenerate_rows_leave_probabilities_as_they_are(probabilities: Any, truth: Any, reason: str) -> None:
    found = fit_temperature(np.array(probabilities), np.array(truth))
    assert found.value == 1
    assert reason in found.reason
    assert math.isfinite(found.before)


def test_probabilities_of_0_for_the_truth_are_brought_back() -> None:
    found = fit_temperature(np.array([[1.0, 0.0]] * 9 + [[1.0, 0.0]]), np.array([0] * 9 + [1]))
    assert math.isfinite(found.after)
    assert found.after <= found.before


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_no_temperature_is_refused(temperature: float) -> None:
    with pytest.raises(UsageError):
        scale([[0.5, 0.5]], temperature, exclusive=True)


# -- curves


@pytest.mark.parametrize("seed", range(CASES))
def test_curves_and_areas_are_those_of_scikit_learn(seed: int) -> None:
    scores, positive = tied_scores(seed)
    counts = Ranking(scores, positive).counts()
    assert roc_area(counts) == pytest.approx(metrics.roc_auc_score(positive, scores))
    assert average_precision(counts) == pytest.approx(metrics.average_precision_score(positive, scores))
    false, true, _ = metrics.roc_curve(positive, scores, drop_intermediate=False)
    assert np.array(roc_points(counts)) == pytest.approx(np.stack([false, true], axis=1), abs=1e-5)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    wanted = np.stack([recall, precision], axis=1)[-2::-1]  # without its end at recall 0, which no threshold gives
    assert np.array(precision_recall_points(counts)) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_a_resample_is_counted_as_if_its_rows_were_all_there_is(seed: int) -> None:
    scores, positive = tied_scores(seed)
    rows = np.random.default_rng(seed).integers(0, len(scores), len(scores))
    resampled, alone = Ranking(scores, positive).counts(rows), Ranking(scores[rows], positive[rows]).counts()
    assert roc_area(resampled) == pytest.approx(roc_area(alone), nan_ok=True)
    assert average_precision(resampled) == pytest.approx(average_precision(alone), nan_ok=True)


def test_curves_without_positives_are_undefined() -> None:
    counts = Ranking([0.1, 0.2], [False, False]).counts()
    assert math.isnan(roc_area(counts))
    assert math.isnan(average_precision(counts))
    assert roc_points(counts) == precision_recall_points(counts) == []


def test_long_curves_are_thinned_to_points_of_theirs() -> None:
    chance = np.random.default_rng(0)
    scores = chance.random(5000)
    counts = Ranking(scores, chance.random(5000) < scores).counts()
    whole, few = roc_points(counts, 10**6), roc_points(counts, 100)
    assert set(few) <= set(whole)
    assert len(few) <= 102
    assert (few[0], few[-1]) == ((0.0, 0.0), (1.0, 1.0))


def test_risk_against_coverage_by_hand() -> None:
    coverage, risk = risk_coverage([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 1])
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert risk_coverage_area([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 1]) == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 4)


def test_equal_confidence_shares_the_risk_whatever_the_order() -> None:
    assert risk_coverage_area([0.5] * 4, [0, 0, 1, 1]) == risk_coverage_area([0.5] * 4, [1, 1, 0, 0]) == 0.5


@pytest.mark.parametrize("coverage", [0.01, 0.3, 0.5, 0.95, 1.0])
def test_the_threshold_of_a_coverage_answers_that_many(coverage: float) -> None:
    confidence = np.random.default_rng(0).random(1000)
    answered = (confidence >= threshold_of_coverage(confidence, coverage)).mean()
    assert answered == pytest.approx(coverage)


def test_the_threshold_of_a_coverage_answers_more_where_rows_tie() -> None:
    assert threshold_of_coverage([0.9, 0.5, 0.5, 0.5], 0.5) == 0.5
