"""Shares of the training rows, and the study that trains on them."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import finetune as command
from conftest import review_rows, write_csv
from hypothesis import given
from hypothesis import strategies as st

from finetune import learning_curve, prepare
from finetune.artifacts import Evaluation, RunFolder
from finetune.cards import write_study_page
from finetune.data.splitting import share_of
from finetune.errors import RecipeError, RunFolderError, UsageError
from finetune.recipe import Recipe
from finetune.studies.growing_shares import recipe_of_share

# -- shares of the training rows


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=4, max_size=120),
    st.integers(0, 5), st.floats(0.05, 1), st.floats(0.05, 1),
)  # fmt: skip
def test_shares_are_nested_and_keep_groups(rows: list[tuple[int, int]], seed: int, one: float, other: float) -> None:
    keys = np.array([key for key, _ in rows], np.uint64)
    strata = np.array([stratum for _, stratum in rows])
    small, large = sorted((round(one * len(rows)), round(other * len(rows))))
    few, many = (set(share_of(keys, strata, count, seed).tolist()) for count in (small, large))
    assert few <= many
    for chosen, wanted in ((few, small), (many, large)):
        assert chosen
        groups = set(keys[list(chosen)].tolist())
        assert len(chosen) == np.isin(keys, list(groups)).sum(), "groups are whole"
        assert len(chosen) <= max(wanted, *np.unique(keys, return_counts=True)[1])


def test_shares_keep_label_shares() -> None:
    strata = np.repeat([0, 1, 2], [700, 250, 50])
    for rows in (100, 300, 500):
        chosen = share_of(np.arange(1000, dtype=np.uint64), strata, rows, 0)
        assert len(chosen) == rows
        assert np.abs(np.bincount(strata[chosen]) - rows * np.array([0.7, 0.25, 0.05])).max() <= 1
    orders = [share_of(np.arange(1000, dtype=np.uint64), strata, 100, seed).tolist() for seed in (0, 1)]
    assert orders[0] != orders[1]


def test_a_share_goes_through_the_recipe(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    rows = [{**row, "writer": f"w{index // 4}"} for index, row in enumerate(review_rows(200))]
    place = str(write_csv(tmp_path / "rows.csv", rows))
    split = {"group": "writer", "seed": 3}
    whole, half, other = (
        prepare(make_recipe(data__name=place, data__split={**split, **more}, bias={"groups": ["writer"]}))
        for more in ({}, {"train_share": 0.5, "train_seed": 1}, {"train_share": 0.5, "train_seed": 2})
    )
    for name in ("validation", "test"):
        assert whole.splits[name]["row"] == half.splits[name]["row"] == other.splits[name]["row"]
    assert set(half.train["row"]) < set(whole.train["row"])
    assert set(half.train["row"]) != set(other.train["row"])
    assert abs(len(half.train) / len(whole.train) - 0.5) < 0.05
    left_out = set(whole.train["row"]) - set(half.train["row"])
    writers = {row["group:writer"] for row in whole.train if row["row"] in left_out}
    assert not writers & set(half.train["group:writer"])
    assert any("train_share 0.5, seed 1" in note for note in half.report.notes)


# -- the study

SHARES = (0.1, 0.2, 0.4, 0.7)


@pytest.fixture(scope="module")
def curve(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Recipe]:
    from finetune.models import tiny_text_encoder

    folder = tmp_path_factory.mktemp("curve")
    tiny_text_encoder(str(folder / "base"), [row["text"] for row in review_rows(400)])
    recipe = Recipe.from_dict({
        "task": "text-classification", "name": "tiny", "model": {"name": str(folder / "base")},
        "data": {"name": str(write_csv(folder / "rows.csv", review_rows(200))),
                 "columns": {"text": "text", "label": "label"}},
        "adapter": {"r": 4}, "evaluation": {"resamples": 200, "baselines": ["majority"]},
        "training": {"learning_rate": 1e-2, "max_steps": 6, "train_batch_size": 8, "bf16": False,
                     "report_to": ["none"]},
        "goals": {"accuracy": ">= 0.999"}, "output": {"folder": str(folder / "runs"), "run": "curve"},
    })  # fmt: skip
    return learning_curve(recipe, shares=SHARES, seeds=2), recipe


def runs_of(found: dict[str, Any]) -> list[list[RunFolder]]:
    where = Path(found["folder"])
    return [[RunFolder.open(where / f"share-{share:g}-seed-{seed}") for seed in (42, 43)] for share in SHARES]


def test_points_are_the_scores_of_their_runs(curve: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = curve
    assert (found["score"], found["seeds"], found["train_rows"]) == ("accuracy", [42, 43], 140)
    assert [point["rows"] for point in found["points"]] == [14, 28, 56, 98]
    for point, runs in zip(found["points"], runs_of(found), strict=True):
        assert point["each"] == [Evaluation.load(run).scores["accuracy"] for run in runs]
        assert math.isclose(point["mean"], np.mean(point["each"]))
        assert point["low"] <= point["mean"] <= point["high"] <= 1
        assert point["steps"] == [6, 6]
    assert "6 optimizer steps" in found["schedule"]
    assert json.loads((Path(found["folder"]) / "learning-curve.json").read_text())["points"] == found["points"]


def test_runs_of_a_curve_differ_in_their_training_rows_alone(curve: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = curve
    runs = [run for each in runs_of(found) for run in each]
    assert len({tuple(Evaluation.load(run).predictions["row"]) for run in runs}) == 1
    reports = [run.read_json("data/report.json") for run in runs]
    assert len({report["content"]["test"] for report in reports}) == 1
    splits = [Recipe.from_yaml(run.path / "recipe.yaml").data.split for run in runs]
    assert {(split.train_share, split.train_seed) for split in splits} == {(s, n) for s in SHARES for n in (42, 43)}


def test_the_page_shows_sizes_law_and_goal(curve: tuple[dict[str, Any], Recipe], tmp_path: Path) -> None:
    found, _ = curve
    page = write_study_page(found, tmp_path / "study.html").read_text("utf-8")
    for point in found["points"]:
        assert f"{point['mean']:.3f}" in page
    assert "goal &gt;= 0.999" in page
    assert found["answer"]["verdict"] in page
    assert found["schedule"].split(",")[0] in page


def test_a_curve_goes_on_and_takes_further_shares(curve: tuple[dict[str, Any], Recipe], tmp_path: Path) -> None:
    found, recipe = curve
    copy = tmp_path / "curve"
    shutil.copytree(found["folder"], copy)
    shutil.rmtree(copy / "share-0.4-seed-43")
    (copy / "share-0.7-seed-42/evaluation.json").unlink()
    done = copy / "share-0.1-seed-42/evaluation.json"
    before = done.stat().st_mtime_ns
    again = learning_curve(recipe, shares=(*SHARES, 1.0), seeds=2, resume=copy)
    assert again["points"][:4] == found["points"] or [p["each"] for p in again["points"][:4]] == [
        p["each"] for p in found["points"]
    ]
    assert again["points"][4]["rows"] == 140
    assert done.stat().st_mtime_ns == before
    with pytest.raises(RunFolderError, match="holds no learning curve"):
        learning_curve(recipe, resume=copy / "share-0.1-seed-42")


def test_what_makes_no_curve_is_refused(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe()
    for shares in ((0.1, 0.5, 1), (0.5, 0.4, 0.7, 1), (0.1, 0.2, 0.3, 1.2), (0, 0.2, 0.3, 1)):
        with pytest.raises(UsageError, match="The shares are"):
            learning_curve(recipe, shares=shares)
    with pytest.raises(UsageError, match="seeds is 0"):
        learning_curve(recipe, seeds=0)
    with pytest.raises(UsageError, match="folds"):
        learning_curve(make_recipe(evaluation__folds=3))
    with pytest.raises(UsageError, match="train_share"):
        learning_curve(make_recipe(evaluation__folds=None, data__split={"train_share": 0.5}))
    with pytest.raises(RecipeError, match="does not measure"):
        learning_curve(make_recipe(data__split={}), goal="rouge>=0.5")


def test_goals_on_what_a_curve_leaves_out_are_left_out(make_recipe: Callable[..., Recipe]) -> None:
    """Damage and stated behaviour are not measured on a curve, and goals on them would be refused before the first
    run; the goal of the curve and those on other numbers stay."""
    check = {"name": "steady", "kind": "invariance", "append": "today"}
    goals = {"robustness.typos": "<= 0.3", "robustness.typos.high": "<= 0.9", "checks.steady": "<= 0.5",
             "calibration.ece": "<= 0.9", "accuracy": ">= 0.01", "beats_baselines": False}  # fmt: skip
    recipe = make_recipe(
        goals=goals, training__max_steps=1, evaluation__baselines=["majority"], evaluation__checks=[check],
        evaluation__robustness={"perturbations": ["typos"]},
    )  # fmt: skip
    kept = {name: goals[name] for name in ("calibration.ece", "accuracy", "beats_baselines")}
    assert recipe_of_share(recipe, 0.5, 1).goals == kept
    found = learning_curve(recipe, shares=(0.3, 0.5, 0.7, 1), seeds=1)
    assert found["goal"]["score"] == "accuracy"
    run = Evaluation.load(RunFolder.open(Path(found["folder"]) / "share-1-seed-42"))
    assert {goal["name"] for goal in run.goals} == set(kept)
    assert not run.robustness.get("perturbations")


@pytest.mark.parametrize("goal", ["calibration.ece<=0.1", "accuracy.low>=0.5", "robustness.typos<=0.1"])
def test_a_curve_is_of_a_score(make_recipe: Callable[..., Recipe], goal: str, tmp_path: Path) -> None:
    """Such a number has no curve: that is said before the first run."""
    with pytest.raises(UsageError, match="has no curve"):
        learning_curve(make_recipe(), goal=goal)
    assert not (tmp_path / "runs").exists()


def test_the_command_answers_and_writes_its_page(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(training__max_steps=2, evaluation__baselines=["majority"], output__run="curve")
    done = command("learning-curve", recipe, "--shares", "0.2,0.4,0.6,1", "--seeds", "1", "--goal", "f1>=0.01")
    assert done.returncode == 0, done.stderr
    assert "reached already" in done.stdout
    assert (tmp_path / "runs/curve/study.html").exists()
    found = json.loads((tmp_path / "runs/curve/learning-curve.json").read_text())
    assert found["answer"]["verdict"] == "already reached"
    wrong = command("learning-curve", recipe, "--shares", "0.2;0.4")
    assert wrong.returncode == 2
    assert "--shares" in wrong.stderr
