"""The power law through the scores of a learning curve: how sure it is, and what it says about a goal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.errors import DataError, UsageError
from finetune.recipe import Recipe
from finetune.statistics.extrapolation import Curve, fit_curve
from finetune.statistics.power_law import describe, fit_law
from finetune.studies.curve_goals import answer, choose_goal

SIZES = np.array([200, 400, 600, 1000, 1600])


# -- the law


@pytest.mark.parametrize(("a", "b", "c"), [(0.9, 3.0, 0.5), (0.72, 20.0, 0.9), (0.95, 1.2, 0.2)])
@pytest.mark.parametrize("sign", [1, -1])
def test_parameters_come_back(a: float, b: float, c: float, sign: int) -> None:
    law = fit_law(SIZES, a - sign * b * SIZES**-c, sign=sign)
    found = describe(law)
    assert abs(found["c"] / c - 1) < 0.03
    assert abs(found["a"] - a) < 0.01
    assert abs(found["b"] * found["unit"] ** found["c"] / b - 1) < 0.25
    assert np.allclose(law.at([3200, 6400])[:, 0], a - sign * b * np.array([3200.0, 6400.0]) ** -c, atol=2e-3)


@pytest.mark.parametrize("sign", [1, -1])
def test_rows_for_a_score_invert_the_law(sign: int) -> None:
    law = fit_law(SIZES, 0.8 - sign * 4 * SIZES**-0.6, sign=sign)
    wanted = float(law.at([5000])[0, 0])
    assert abs(law.rows_for(wanted)[0] - 5000) < 1e-6
    assert law.rows_for(float(law.a[0]))[0] == math.inf
    assert law.rows_for(float(law.a[0]) + sign * 0.01)[0] == math.inf


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_no_law_falls_or_leaves_the_scale(scores: list[float]) -> None:
    law = fit_law(SIZES, scores, best=1.0)
    ahead = law.at(np.geomspace(100, 1e6, 20))[:, 0]
    assert (np.diff(ahead) >= -1e-12).all()
    assert ahead.max() <= max(1.0, *scores) + 1e-12
    assert law.a[0] <= 1 + 1e-12


def test_a_fit_is_as_good_as_a_slow_search() -> None:
    from scipy.optimize import least_squares

    chance = np.random.default_rng(0)
    for _ in range(10):
        scores = 0.8 - 5 * SIZES**-0.6 + 0.01 * chance.standard_normal(5)
        ours = fit_law(SIZES, scores)
        starts = [
            least_squares(
                lambda p, y=scores: p[0] - p[1] * (SIZES / 1600) ** -p[2] - y,
                (scores.max(), 0.1, c), bounds=([-9, 0, 0.02], [9, 9, 3]),
            )
            for c in (0.1, 0.5, 1.5)
        ]  # fmt: skip
        squares = ((ours.at(SIZES)[:, 0] - scores) ** 2).sum()
        assert squares <= 2 * min(start.cost for start in starts) * 1.02 + 1e-9


def test_what_is_no_curve_is_refused() -> None:
    with pytest.raises(DataError, match="sizes"):
        fit_law([100, 100, 200], [0.1, 0.2, 0.3])
    with pytest.raises(UsageError, match="3 sizes"):
        fit_curve([1, 2, 3], np.zeros((2, 3)), np.zeros((10, 2, 3)))
    with pytest.raises(DataError, match="undefined"):
        fit_curve([1, 2, 3, 4], np.full((2, 4), np.nan), np.zeros((10, 2, 4)))
    with pytest.raises(DataError, match="do not grow"):
        fit_curve([1, 2, 4, 3], np.zeros((2, 4)), np.zeros((10, 2, 4)))


# -- how sure it is


def simulate(truth: Callable[[Any], Any], seed: int, seeds: int = 3, deviation: float = 0.01) -> tuple[Curve, Any]:
    """A curve of runs that have a level of their own, on 600 rows that are easy or hard for all of them; and what makes
    the mean score of further runs at another size."""
    chance = np.random.default_rng(seed)
    rows = chance.random(600)

    def right(level: float) -> np.ndarray:
        own = rows + 0.15 * chance.standard_normal(600)  # runs agree on most rows, not on all
        return np.argsort(np.argsort(own)) / 600 < level + deviation * chance.standard_normal() + _shift(rows)

    answers = np.array([[right(truth(size)) for size in SIZES] for _ in range(seeds)], float)
    counts = np.stack([np.bincount(chance.integers(600, size=600), minlength=600) for _ in range(200)]) / 600
    drawn = np.einsum("rn,skn->rsk", counts, answers)
    curve = fit_curve(SIZES, answers.mean(axis=2), drawn, best=1.0, seed=seed)
    return curve, lambda size: float(np.mean([right(truth(size)).mean() for _ in range(seeds)]))


def _shift(rows: np.ndarray) -> float:
    """How much easier than the average the rows of one test set happen to be."""
    return float(0.5 - rows.mean())


def test_prediction_intervals_cover_runs_at_twice_the_size() -> None:
    hits, fitted = 0, 0
    for trial in range(120):
        curve, measure = simulate(lambda size: 0.85 - 3 * size**-0.5, trial)
        (found,) = curve.predict([3200], runs=3)
        hits += found["low"] <= measure(3200) <= found["high"]
        fitted += not curve.problem
    assert hits / 120 >= 0.92
    assert fitted >= 114


def test_intervals_are_no_longer_than_they_need_to_be() -> None:
    """Most of their length is the test rows' and the noise of runs: a prediction at twice the size has at most four
    times the length of what is measured at the largest."""
    curve, _ = simulate(lambda size: 0.85 - 3 * size**-0.5, 1)
    low, high = np.quantile(curve.drawn[:, -1], [0.025, 0.975])
    (found,) = curve.predict([3200])
    assert found["high"] - found["low"] < 4 * (high - low)


def test_a_flat_curve_has_no_law() -> None:
    problems = [simulate(lambda size: 0.7, trial)[0].problem for trial in range(60)]
    assert problems.count("") <= 4
    assert "flat" in problems


def test_a_falling_curve_has_no_law() -> None:
    curve, _ = simulate(lambda size: 0.5 + 3 * size**-0.5, 3, deviation=0.005)
    assert curve.problem == "falling"


def test_a_jagged_curve_has_no_law() -> None:
    jagged = dict(zip(SIZES.tolist(), (0.5, 0.8, 0.45, 0.85, 0.7), strict=True))
    curve, _ = simulate(lambda size: jagged[int(size)], 4, deviation=0.003)
    assert curve.problem in ("irregular", "flat")
    assert answer(curve, choose_goal_of("f1>=0.9"), 1600)["verdict"] == "cannot be said"


# -- goals


def choose_goal_of(text: str) -> Any:
    return choose_goal(Recipe.model_construct(goals={}), text)


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [("f1>=0.7", "already reached"), ("f1 >= 0.81", "more rows"), ("f1>=0.95", "out of reach on this curve"),
     (None, "no goal")],
)  # fmt: skip
def test_a_goal_gets_its_answer(goal: str | None, verdict: str) -> None:
    curve, _ = simulate(lambda size: 0.85 - 3 * size**-0.5, 5, deviation=0.002)
    found = answer(curve, choose_goal_of(goal) if goal else None, 1600)
    assert found["verdict"] == verdict
    assert "f1" in found["sentence"]
    if verdict == "more rows":
        assert found["low"] <= found["rows"]
        assert found["high"] is None or found["rows"] <= found["high"]
        assert found["rows"] > 1600
        assert found["low"] <= (3 / 0.04) ** 2 <= (found["high"] or math.inf)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_goals_for_errors_have_to_fall() -> None:
    assert choose_goal_of("rmse<=0.5").to_dict() == {"score": "rmse", "comparison": "<= 0.5", "value": 0.5}
    with pytest.raises(UsageError, match="asks for a worse score"):
        choose_goal_of("rmse>=0.5")


@pytest.mark.parametrize("text", ["f1", "f1=0.8", "f1==0.8", ">=0.8", "f1>=high", ""])
def test_goals_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        choose_goal_of(text)


def test_the_recipe_has_a_goal_to_take(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(goals={"beats_baselines": True, "f1.low": ">= 0.6", "accuracy": ">= 0.8", "f1": ">= 0.7"})
    assert choose_goal(recipe, None).score == "accuracy"  # type: ignore[union-attr]
    assert choose_goal(make_recipe(goals={"beats_baselines": True}), None) is None
