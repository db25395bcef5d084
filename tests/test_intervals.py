"""Intervals and paired comparisons: golden values, coverage on a simulation, and what must hold by construction."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.errors import DataError, EmptyDataError, UsageError
from finetune.statistics.comparison import (
    differences_of,
    holm,
    mcnemar_exact,
    minimum_detectable_effect,
    paired_difference,
    permutation_test,
)
from finetune.statistics.intervals import bootstrap, correction, spread, wilson
from finetune.statistics.power import detectable_difference, least_disagreement
from finetune.statistics.resampling import distribution, resampled_rows


def mean_of(values):
    values = np.asarray(values, dtype=float)
    return lambda rows: {"mean": float(values[rows].mean())}


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says():
    rng, covered, trials = np.random.default_rng(1), {"percentile": 0, "bca": 0}, 200
    for trial in range(trials):
        rows = rng.random(120) < 0.7
        for method in covered:
            interval = bootstrap(mean_of(rows), 120, resamples=200, seed=trial, method=method)["mean"]
            assert interval.method == method
            covered[method] += interval.low <= 0.7 <= interval.high
    # 0.95 with three standard errors of 200 trials, and the bootstrap's own shortfall at n = 120
    assert all(0.89 <= count / trials <= 0.99 for count in covered.values()), covered


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_equal_scipy_up_to_resampling_noise(method):
    sample = np.random.default_rng(0).exponential(size=80)
    ours = bootstrap(mean_of(sample), 80, resamples=4000, method=method)["mean"]
    theirs = scipy.stats.bootstrap((sample,), np.mean, n_resamples=4000, method=method, rng=1).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.06 * width)
    assert ours.value == pytest.approx(sample.mean())


def test_bca_of_a_skewed_sample_lies_further_along_the_tail_than_percentile():
    sample = np.random.default_rng(0).exponential(size=40)
    plain, corrected = (bootstrap(mean_of(sample), 40, method=method)["mean"] for method in ("percentile", "bca"))
    assert corrected.high > plain.high
    assert corrected.low > plain.low


def test_bca_falls_back_and_says_so():
    assert bootstrap(mean_of(np.ones(10)), 10, resamples=50, method="bca")["mean"].method == "percentile"
    alone = bootstrap(mean_of([1.0]), 1, resamples=50, method="bca")["mean"]
    assert alone.method == "percentile"
    assert math.isnan(alone.low), "one row says nothing of its spread"


def test_bca_of_many_rows_leaves_out_blocks_and_comes_to_the_same():
    sample = np.random.default_rng(0).exponential(size=3000)
    evaluated = []

    def statistic(rows):
        evaluated.append(len(rows))
        return {"mean": float(sample[rows].mean())}

    interval = bootstrap(statistic, 3000, resamples=400)["mean"]
    assert interval.method == "bca"
    assert len(evaluated) == 1 + 400 + 200
    draws = distribution(statistic, 3000, resamples=400, jackknife=False).draws["mean"]
    blocks, rows = (
        correction(sample.mean(), draws, left_out)
        for left_out in (distribution(statistic, 3000, resamples=1).left_out["mean"], (sample.sum() - sample) / 2999)
    )
    assert blocks.acceleration == pytest.approx(rows.acceleration, abs=0.01)
    assert rows.acceleration == pytest.approx(scipy.stats.skew(sample) / (6 * math.sqrt(3000)), abs=1e-4)


def test_levels_are_widened_for_few_rows():
    assert spread(0.95) == pytest.approx(scipy.stats.norm.ppf(0.975))
    for n in (2, 10, 300):
        assert spread(0.95, n) == pytest.approx(math.sqrt(n / (n - 1)) * scipy.stats.t.ppf(0.975, n - 1))
    sample = np.random.default_rng(3).normal(size=8)
    ours = bootstrap(mean_of(sample), 8, resamples=20_000, method="percentile")["mean"]
    theirs = scipy.stats.ttest_1samp(sample, 0).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.08 * (theirs.high - theirs.low))


def test_clusters_are_counted():
    values, groups = np.arange(12.0), np.repeat(["a", "b", "c"], 4)
    assert bootstrap(mean_of(values), 12, resamples=20)["mean"].clusters is None
    assert bootstrap(mean_of(values), 12, resamples=20, groups=groups)["mean"].to_dict()["clusters"] == 3
    both = paired_difference(mean_of(values), mean_of(values**2), 12, resamples=20, groups=groups)
    assert both["mean"].clusters == 3
    assert math.isnan(bootstrap(mean_of(values), 12, resamples=20, groups=["a"] * 12)["mean"].low)


def test_undefined_resamples_are_counted_and_set_aside():
    values = np.array([0.0, 1.0, 1.0, 1.0])

    def statistic(rows):
        return {"share": float(values[rows].mean()) if values[rows].min() == 0 else math.nan}

    interval = bootstrap(statistic, 4, resamples=500)["share"]
    assert interval.undefined == pytest.approx(500 * 0.75**4, abs=40)
    assert 0 <= interval.low <= interval.value <= interval.high <= 0.75
    nowhere = bootstrap(lambda rows: {"x": 1.0 if len(set(rows)) == 4 else math.nan}, 4, resamples=100)["x"]
    assert math.isnan(nowhere.low)
    assert nowhere.undefined > 50
    never = bootstrap(lambda rows: {"x": math.nan}, 4, resamples=10, method="bca")["x"].to_dict()
    assert never["value"] is never["low"] is None
    json.dumps(never, allow_nan=False)


def test_the_same_seed_gives_the_same_rows_to_every_system():
    first, again, other = (list(resampled_rows(20, 5, seed)) for seed in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_groups_are_drawn_whole_and_widen_the_interval():
    groups = np.repeat(np.arange(10), 30)
    for rows in resampled_rows(300, 5, groups=groups):
        assert all(count % 30 == 0 for count in np.bincount(groups[rows]))
    values = np.repeat(np.random.default_rng(0).random(10), 30)
    by_row, by_group = (bootstrap(mean_of(values), 300, groups=each)["mean"] for each in (None, groups))
    assert by_group.high - by_group.low > 3 * (by_row.high - by_row.low)
    assert bootstrap(mean_of(values), 300, groups=groups, method="bca")["mean"].method == "bca"
    with pytest.raises(DataError, match="groups has shape"):
        bootstrap(mean_of(values), 300, groups=[1, 2])


def test_arguments_out_of_range():
    with pytest.raises(EmptyDataError):
        bootstrap(mean_of([]), 0)
    for wrong in ({"resamples": 0}, {"confidence": 1.0}, {"confidence": 95}, {"method": "bcaa"}):
        with pytest.raises(UsageError) as caught:
            bootstrap(mean_of([1, 2]), 2, **wrong)
        assert caught.value.remedy
    with pytest.raises(UsageError):
        wilson(11, 10)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_equals_scipy(counts, confidence):
    successes, n = counts
    ours = wilson(successes, n, confidence)
    theirs = scipy.stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= ours.low <= ours.value <= ours.high <= 1


def test_paired_difference_has_the_sign_of_the_better_system():
    rng = np.random.default_rng(0)
    worse = rng.random(300) < 0.6
    better = worse | (rng.random(300) < 0.4)
    up = paired_difference(mean_of(better), mean_of(worse), 300)["mean"]
    down = paired_difference(mean_of(worse), mean_of(better), 300)["mean"]
    assert 0 < up.low <= up.value <= up.high
    # No resample reaches 0, so the tail is that of Student's distribution, as in the paired t test.
    assert up.p_value < 2 / 1001
    wanted = scipy.stats.ttest_rel(better.astype(float), worse.astype(float)).pvalue
    assert math.log10(up.p_value) == pytest.approx(math.log10(wanted), abs=2)
    assert (down.value, down.low, down.high) == pytest.approx((-up.value, -up.high, -up.low))


def test_identical_systems_do_not_differ():
    right = np.random.default_rng(0).random(50) < 0.5
    same = paired_difference(mean_of(right), mean_of(right), 50)["mean"]
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert mcnemar_exact(right, right).p_value == 1.0
    assert permutation_test(right, right).p_value == 1.0


def test_pairing_is_what_makes_the_difference_narrow():
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    b = a + rng.normal(scale=0.01, size=200)
    paired = paired_difference(mean_of(a), mean_of(b), 200)["mean"]
    alone = bootstrap(mean_of(a), 200)["mean"]
    assert paired.high - paired.low < 0.1 * (alone.high - alone.low)


def test_the_p_value_says_what_the_interval_says():
    for seed in range(150):
        rng = np.random.default_rng(seed)
        a, b = rng.exponential(size=(2, 40))
        for method in ("bca", "percentile"):
            found = paired_difference(mean_of(a + 0.3), mean_of(b), 40, resamples=400, method=method)["mean"]
            assert found.interval == method
            if not 0.04 < found.p_value < 0.06:  # near the level, the count of the tail and the quantile may differ
                assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high), (seed, method)


def test_differences_of_other_resamples_are_refused():
    first, second = (distribution(mean_of(np.arange(9.0)), 9, resamples=count) for count in (10, 20))
    with pytest.raises(UsageError, match="not the same"):
        differences_of(first, second)


def test_signs_of_clusters_are_flipped_together():
    rng = np.random.default_rng(0)
    a, b, groups = rng.normal(size=40), rng.normal(size=40), np.repeat(np.arange(8), 5)
    ours = permutation_test(a, b, groups=groups)
    sums = (a - b).reshape(8, 5).sum(axis=1)
    theirs = scipy.stats.permutation_test((sums,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert (ours.method, ours.clusters, ours.resamples) == ("sign-flip-exact", 8, 256)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.value == pytest.approx((a - b).mean())
    few = rng.normal(size=(2, 9))
    assert permutation_test(*few, groups=range(9)).p_value == permutation_test(*few).p_value
    # a cluster whose differences cancel out has none
    assert permutation_test([0.1, 0.2, 0.3, 1.0], [0.2, 0.3, 0.1, 0.0], groups=[0, 0, 0, 1]).resamples == 2
    with pytest.raises(DataError, match="groups has shape"):
        permutation_test(a, b, groups=[1])


def test_many_rows_are_flipped_fewer_times():
    rng = np.random.default_rng(0)
    assert permutation_test(*rng.normal(size=(2, 30_000))).resamples == 1000


def test_paired_difference_leaves_out_what_only_one_yields_and_counts_nan():
    first, second = lambda rows: {"x": 1.0, "y": math.nan}, lambda rows: {"y": 1.0, "z": 2.0}
    difference = paired_difference(first, second, 3, resamples=10)
    assert list(difference) == ["y"]
    assert difference["y"].undefined == 10
    json.dumps(difference["y"].to_dict(), allow_nan=False)


def test_mcnemar_golden():
    result = mcnemar_exact([1] + 9 * [0] + 5 * [1], [0] + 9 * [1] + 5 * [1])
    assert (result.b, result.c) == (1, 9)
    assert result.p_value == pytest.approx(0.0215, abs=5e-5)
    assert result.p_value == pytest.approx(22 / 1024)
    with pytest.raises(DataError):
        mcnemar_exact([1, 0], [1])
    with pytest.raises(EmptyDataError):
        mcnemar_exact([], [])


def test_mcnemar_equals_the_binomial_test():
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = rng.random((2, int(rng.integers(1, 300)))) < rng.random()
        ours = mcnemar_exact(a, b)
        if ours.b + ours.c:
            assert ours.p_value == pytest.approx(scipy.stats.binomtest(ours.b, ours.b + ours.c).pvalue)


def test_permutation_test_is_exact_where_it_can_be():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.normal(size=(2, 8))
        ours = permutation_test(a, b)
        theirs = scipy.stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=np.inf)
        assert (ours.method, ours.resamples) == ("sign-flip-exact", 256)
        assert ours.p_value == pytest.approx(theirs.pvalue)


def test_permutation_test_with_random_signs():
    rng = np.random.default_rng(0)
    a = rng.normal(size=100)
    clear, none = permutation_test(a + 1, a * 0), permutation_test(a, a[::-1])
    assert clear.value > 0
    assert (clear.method, clear.p_value) == ("sign-flip", pytest.approx(1 / 10_001))
    assert none.p_value > 0.05
    # exact and random agree on the same rows
    few = rng.normal(0.5, 1, size=(2, 11))
    assert permutation_test(*few).p_value == pytest.approx(permutation_test(*few, resamples=2047).p_value, abs=0.05)
    with pytest.raises(DataError, match="NaN"):
        permutation_test([math.nan], [1.0])


def test_minimum_detectable_effect_solves_the_formula_and_has_the_power():
    normal, n, psi = scipy.stats.norm, 1000, 0.2
    delta = minimum_detectable_effect(n, psi)
    z_a, z_b = normal.ppf(0.975), normal.ppf(0.8)
    assert (z_a * math.sqrt(psi) + z_b * math.sqrt(psi - delta**2)) ** 2 / delta**2 == pytest.approx(n)
    rng = np.random.default_rng(0)
    draws = rng.multinomial(n, [(psi + delta) / 2, (psi - delta) / 2, 1 - psi], size=4000)
    statistic = (draws[:, 0] - draws[:, 1]) / np.sqrt(draws[:, 0] + draws[:, 1])
    assert (np.abs(statistic) > z_a).mean() == pytest.approx(0.8, abs=0.03)


def test_detectable_difference_has_the_power():
    rng, n = np.random.default_rng(0), 12
    for units, wanted in ((None, scipy.stats.norm), (n, scipy.stats.t(n - 1))):
        smallest = detectable_difference(0.1, significance=0.01, units=units)
        assert smallest == pytest.approx((wanted.ppf(0.995) + wanted.ppf(0.8)) * 0.1)
    truth = detectable_difference(1 / math.sqrt(n), units=n)
    shown = scipy.stats.ttest_1samp(rng.normal(truth, 1, size=(4000, n)), 0, axis=1).pvalue < 0.05
    assert shown.mean() == pytest.approx(0.8, abs=0.03)
    for unknown in (0.0, math.nan):
        assert math.isnan(detectable_difference(unknown))
    assert math.isnan(detectable_difference(0.1, units=1))
    with pytest.raises(UsageError):
        detectable_difference(0.1, power=0.5)


def test_the_least_disagreement_is_its_own_smallest_effect():
    for n in (10, 50, 2121, 100_000):
        least = least_disagreement(n, significance=0.05 / 3)
        assert minimum_detectable_effect(n, least, significance=0.05 / 3) == pytest.approx(least)
        assert math.isnan(minimum_detectable_effect(n, 0.98 * least, significance=0.05 / 3))
    assert math.isnan(least_disagreement(3))


def test_minimum_detectable_effect_at_the_ends():
    assert minimum_detectable_effect(4000, 0.2) < minimum_detectable_effect(1000, 0.2)
    assert math.isnan(minimum_detectable_effect(20, 0.05))
    assert math.isnan(minimum_detectable_effect(1, 0.5))
    assert minimum_detectable_effect(100, 0.0) == 0.0
    for wrong in ((0, 0.1), (10, 1.1), (10, -0.1)):
        with pytest.raises(UsageError):
            minimum_detectable_effect(*wrong)


def test_holm_golden_and_nan():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, math.nan, 0.03])[::2] == pytest.approx([0.02, 0.03])
    assert math.isnan(holm([math.nan])[0])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    assert [adjusted[i] for i in np.argsort(p_values)] == sorted(adjusted)
