"""Several seeds: what is shared, what is measured, and what is said about it."""

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
from scipy.stats import t

from finetune import run, run_seeds
from finetune.artifacts import Evaluation, RunFolder
from finetune.cards import write_study_page
from finetune.errors import DataError, RecipeError, RunFolderError, UsageError
from finetune.evaluation import compare_repeated
from finetune.recipe import Recipe
from finetune.statistics.repetition import mean_draws, spread
from finetune.studies.repeated import read_repeated
from finetune.studies.seeds import churn, mean_entries, median

SEEDS = (5, 1, 8)


# -- the statistics


def test_the_spread_over_seeds_is_that_of_the_textbook() -> None:
    each = [0.70, 0.74, 0.66, 0.71]
    found = spread(each, 0.9)
    low, high = t.interval(0.9, 3, loc=np.mean(each), scale=np.std(each, ddof=1) / 2)
    assert (found["min"], found["max"]) == (0.66, 0.74)
    assert math.isclose(found["mean"], np.mean(each))
    assert math.isclose(found["std"], np.std(each, ddof=1))
    assert np.allclose([found["mean_low"], found["mean_high"]], [low, high])


def test_an_undefined_score_has_no_spread() -> None:
    assert set(spread([0.5, math.nan], 0.95).values()) == {None}
    assert spread([0.5], 0.95) == {
        "mean": 0.5, "std": None, "min": 0.5, "max": 0.5, "mean_low": None, "mean_high": None,
    }  # fmt: skip


def test_the_mean_of_few_seeds_varies_as_much_as_it_should() -> None:
    """The draw of seeds alone (rows change nothing here) has the variance s²/k of the mean, not (k - 1)/k of it."""
    each = np.array([0.2, 0.5, 0.6])
    drawn = mean_draws(np.repeat(each[:, None], 40_000, axis=1))
    assert abs(drawn.mean() - each.mean()) < 0.002
    assert abs(drawn.var() / (each.var(ddof=1) / 3) - 1) < 0.03
    with pytest.raises(UsageError, match="one seed"):
        mean_draws(np.zeros((1, 10)))


def test_the_interval_over_rows_and_seeds_covers() -> None:
    """Runs with a level of their own on rows that are easy or hard for all of them: the true mean is covered about as
    often as the level says."""
    truth, hits, trials = 0.7, 0, 300
    for trial in range(trials):
        chance = np.random.default_rng(trial)
        levels = truth + 0.03 * chance.standard_normal(5)
        right = chance.random(200) < levels[:, None]
        rows = chance.integers(200, size=(400, 200))
        low, high = np.quantile(mean_draws(right[:, rows].mean(axis=2), seed=trial), [0.025, 0.975])
        hits += low <= truth <= high
    assert 0.91 <= hits / trials <= 0.98


@pytest.mark.parametrize(
    ("each", "place"), [([0.7, 0.9, 0.8], 2), ([0.9, 0.7, 0.8, 0.6], 1), ([None, 0.4, None], 1), ([None, None], 0)]
)
def test_the_run_to_publish_is_the_median_one(each: list[float | None], place: int) -> None:
    seeds = [11, 12, 13, 14][: len(each)]
    assert median(seeds, each, "f1") == {
        "seed": seeds[place], "run": f"seed-{seeds[place]}", "score": "f1", "value": each[place],
    }  # fmt: skip


# -- the recipe


def test_seeds_that_cannot_be_are_refused(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match="3 more than once"):
        make_recipe(training__seeds=[1, 3, 3])
    with pytest.raises(RecipeError, match="single seed"):
        make_recipe(training__seeds=[1])
    with pytest.raises(RecipeError, match=r"training\.seeds"):
        make_recipe(training__seeds=[1, -2])


def test_seeds_and_folds_are_not_mixed(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match="choose one"):
        make_recipe(training__seeds=[1, 2], evaluation__folds=3)


def test_one_run_does_not_take_several_seeds(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(UsageError, match="single one"):
        run(make_recipe(training__seeds=[1, 2]))
    with pytest.raises(UsageError, match=r"training\.seeds"):
        run_seeds(make_recipe(training__seeds=[]))


# -- the study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Recipe]:
    """Three seeds of a tiny recipe whose data is looked at, and what came out."""
    from conftest import review_rows, write_csv

    from finetune.models import tiny_text_encoder

    folder = tmp_path_factory.mktemp("seeds")
    tiny_text_encoder(str(folder / "base"), [row["text"] for row in review_rows(400)])
    training = {"learning_rate": 1e-2, "max_steps": 40, "train_batch_size": 16, "bf16": False, "report_to": ["none"]}
    recipe = Recipe.from_dict({
        "task": "text-classification", "name": "tiny", "model": {"name": str(folder / "base")},
        "data": {"name": str(write_csv(folder / "rows.csv", review_rows(200))),
                 "columns": {"text": "text", "label": "label"}},
        "adapter": {"r": 4}, "training": training | {"seeds": list(SEEDS)}, "evaluation": {"resamples": 200},
        "goals": {"accuracy": ">= 0.1", "accuracy.low": ">= 0.999", "beats_baselines": False},
        "output": {"folder": str(folder / "runs"), "run": "study"},
    })  # fmt: skip
    return run_seeds(recipe), recipe


def runs_of(found: dict[str, Any]) -> list[RunFolder]:
    return [RunFolder.open(Path(found["folder"]) / f"seed-{seed}") for seed in SEEDS]


def test_every_seed_has_a_run_and_the_scores_are_theirs(study: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = study
    assert found["seeds"] == list(SEEDS)
    for seed, folder in zip(SEEDS, runs_of(found), strict=True):
        recipe = Recipe.from_yaml(folder.path / "recipe.yaml")
        assert (recipe.training.seed, recipe.training.seeds) == (seed, ())
        assert (folder.path / "report.html").exists()
    for name, entry in found["scores"].items():
        each = [Evaluation.load(folder).scores[name] for folder in runs_of(found)]
        assert entry["each"] == each
        assert math.isclose(entry["mean"], np.mean(each))
        assert entry["low"] <= entry["mean"] <= entry["high"]
    models = [(folder.model / "adapter_model.safetensors").read_bytes() for folder in runs_of(found)]
    assert len(set(models)) == len(SEEDS)


def test_what_depends_on_no_seed_is_made_once(study: tuple[dict[str, Any], Recipe]) -> None:
    """The seconds of a baseline's fit are those of the one fit; so is the time stamp of the look at the data."""
    found, _ = study
    evaluations = [Evaluation.load(folder) for folder in runs_of(found)]
    for name in ("majority", "tfidf-logreg"):
        assert len({evaluation.systems[name]["seconds"] for evaluation in evaluations}) == 1
        assert len({tuple(evaluation.predictions[f"baseline:{name}"]) for evaluation in evaluations}) == 1
    audits = {(folder.path / "data/audit.json").read_text() for folder in runs_of(found)}
    assert len(audits) == 1


def test_a_seed_of_a_study_is_the_run_of_that_seed(study: tuple[dict[str, Any], Recipe], tmp_path: Path) -> None:
    found, recipe = study
    alone = recipe.model_copy(update={
        "training": recipe.training.model_copy(update={"seed": 1, "seeds": ()}),
        "output": recipe.output.model_copy(update={"folder": str(tmp_path), "run": "alone"}),
    })  # fmt: skip
    again, before = run(alone), Evaluation.load(RunFolder.open(Path(found["folder"]) / "seed-1"))
    assert again.scores == before.scores
    assert again.predictions == before.predictions


def test_baselines_are_held_against_every_seed(study: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = study
    own = found["scores"][found["headline"]]["each"]
    for entry in found["baselines"].values():
        other = entry["scores"][found["headline"]]
        assert entry["beaten"] == sum(value > other for value in own)
        assert math.isclose(entry["share"], entry["beaten"] / 3)
        assert math.isclose(entry["difference"], np.mean(own) - other)
        assert entry["low"] - 1e-12 <= entry["difference"] <= entry["high"] + 1e-12


def test_churn_is_the_share_of_rows_that_two_seeds_answer_differently(study: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = study
    answers = [Evaluation.load(folder).predictions["prediction"] for folder in runs_of(found)]
    by_hand = {
        (SEEDS[i], SEEDS[j]): np.mean([a != b for a, b in zip(answers[i], answers[j], strict=True)])
        for i, j in ((0, 1), (0, 2), (1, 2))
    }
    assert {(pair["a"], pair["b"]): pair["value"] for pair in found["churn"]["pairs"]} == by_hand
    assert math.isclose(found["churn"]["mean"], np.mean(list(by_hand.values())))
    assert found["churn"]["max"] > 0, "else nothing was compared here"


def test_churn_of_numbers_is_their_distance(study: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = study
    read = read_repeated(runs_of(found)[:2])
    for evaluation, shift in zip(read.evaluations, (0.0, 0.25), strict=True):
        evaluation.predictions["prediction"] = [i + shift for i in range(read.rows)]
    assert churn(read, [1, 2]) == {
        "unit": "mean distance", "mean": 0.25, "min": 0.25, "max": 0.25, "pairs": [{"a": 1, "b": 2, "value": 0.25}],
    }  # fmt: skip


def test_goals_are_held_against_the_mean(study: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = study
    goals = {goal["name"]: goal for goal in found["goals"]}
    assert goals["accuracy"]["value"] == found["scores"]["accuracy"]["mean"]
    assert goals["accuracy.low"]["value"] == found["scores"]["accuracy"]["low"]
    assert (goals["accuracy"]["holds"], goals["accuracy.low"]["holds"], found["goals_hold"]) == (True, False, False)


def test_goals_on_other_numbers_are_held_against_their_mean(make_recipe: Callable[..., Recipe]) -> None:
    """One of each look, and an end; what the study says is the mean of what the seeds' own runs were held against."""
    goals = {"accuracy.low": ">= 0", "calibration.ece": "<= 0.001", "calibration.ece.high": "<= 1",
             "slices.worst": ">= 0", "robustness.typos": "<= 1", "checks.steady": "<= 1"}  # fmt: skip
    found = run_seeds(make_recipe(
        goals=goals, training__max_steps=2, training__seeds=[1, 2], evaluation__baselines=["majority"],
        evaluation__resamples=100, evaluation__metrics=["accuracy"],
        evaluation__slices={"columns": ["site"], "min_rows": 5},
        evaluation__robustness={"perturbations": ["typos"]},
        evaluation__checks=[{"name": "steady", "kind": "invariance", "append": "today"}],
    ))  # fmt: skip
    held = {goal["name"]: goal for goal in found["goals"]}
    runs = [Evaluation.load(RunFolder.open(Path(found["folder"]) / f"seed-{seed}")) for seed in (1, 2)]
    each = [{goal["name"]: goal["value"] for goal in run.goals} for run in runs]
    assert set(held) == set(goals)
    for name in set(goals) - {"accuracy.low"}:  # the end of a score is that of the mean's own interval
        assert math.isclose(held[name]["value"], np.mean([values[name] for values in each]), abs_tol=1e-12), name
    assert held["accuracy.low"]["value"] == found["scores"]["accuracy"]["low"]
    assert len({values["calibration.ece"] for values in each}) == 2, "else a mean is no different from one of them"
    assert [name for name, goal in held.items() if not goal["holds"]] == ["calibration.ece"]
    page = write_study_page(found, Path(found["folder"]) / "study.html").read_text("utf-8")
    assert all(f"{goal['value']:.4f}" in page for goal in held.values())


def test_a_number_that_a_seed_lacks_has_no_mean(study: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = study
    runs = [Evaluation.load(folder) for folder in runs_of(found)]
    ece = [run.calibration[run.calibration["as_is"]]["ece"]["value"] for run in runs]
    assert math.isclose(mean_entries(runs)["calibration.ece"]["value"] or 0, np.mean(ece))
    runs[1].calibration = {}
    assert mean_entries(runs)["calibration.ece"] == {"value": None, "low": None, "high": None}


# -- two recipes from the same seeds


def test_the_interval_of_two_recipes_holds_what_few_seeds_leave_open(
    study: tuple[dict[str, Any], Recipe], tmp_path: Path
) -> None:
    """Every row of a run is right, or none is: the rows then move nothing, and the spread of the draws is that of the
    seeds alone, s/√k and not √((k - 1)/k) of it."""
    found, _ = study
    shares = {"first": (0.0, 0.0, 0.0), "second": (1.0, 0.0, 1.0)}
    folders = {
        name: [answered(folder, right, tmp_path / f"{name}-{i}") for i, (folder, right) in
               enumerate(zip(runs_of(found), each, strict=True))] for name, each in shares.items()
    }  # fmt: skip
    entry = compare_repeated(folders["first"], folders["second"], resamples=20_000)["differences"]["accuracy"]
    assert entry["each"] == list(shares["second"])
    assert abs(entry["standard_error"] / (np.std(shares["second"], ddof=1) / math.sqrt(3)) - 1) < 0.03
    one = compare_repeated(folders["first"][:1], folders["second"][:1], resamples=50)["differences"]["accuracy"]
    assert (one["low"], one["value"], one["high"]) == (1, 1, 1)


def answered(folder: RunFolder, right: float, copy: Path) -> RunFolder:
    """A copy of a run that answers all rows right, or none."""
    shutil.copytree(folder.path, copy)
    changed = RunFolder(copy)
    table = changed.read_table("predictions/test.parquet")
    labels = sorted(set(table["reference"]))
    given = [truth if right else labels[1 - labels.index(truth)] for truth in table["reference"]]
    changed.write_table("predictions/test.parquet", table | {"prediction": given})
    return changed


def test_p_values_of_two_recipes_are_corrected_for_all_scores(study: tuple[dict[str, Any], Recipe]) -> None:
    found, _ = study
    runs = runs_of(found)
    differences = compare_repeated(runs[:2], runs[1:], resamples=200)["differences"]
    p_values = [entry["p_value"] for entry in differences.values()]
    assert len(differences) > 1
    assert None not in p_values
    assert not any(name.endswith(("_micro", "_weighted")) for name in differences)
    corrected = [entry["p_value_holm"] for entry in differences.values()]
    rising = sorted(p_values)
    steps = [min(1.0, (len(rising) - i) * p) for i, p in enumerate(rising)]
    assert np.allclose(sorted(corrected), np.maximum.accumulate(steps))
    assert corrected != p_values


def test_the_page_says_mean_spread_and_what_to_publish(study: tuple[dict[str, Any], Recipe], tmp_path: Path) -> None:
    found, _ = study
    page = write_study_page(found, tmp_path / "study.html").read_text("utf-8")
    entry = found["scores"][found["headline"]]
    for value in (entry["mean"], entry["std"], entry["low"], entry["high"], *entry["each"]):
        assert f"{value:.3f}" in page
    assert found["median"]["run"] in page
    assert "the median, not the best" in page
    assert f"{found['churn']['mean']:.1%}" in page


def test_runs_on_other_rows_are_not_read_together(study: tuple[dict[str, Any], Recipe], tmp_path: Path) -> None:
    found, _ = study
    shutil.copytree(runs_of(found)[1].path, tmp_path / "other")
    other = RunFolder(tmp_path / "other")
    table = other.read_table("predictions/test.parquet")
    other.write_table("predictions/test.parquet", table | {"row": table["row"][::-1]})
    with pytest.raises(DataError, match="different test rows"):
        read_repeated([runs_of(found)[0], other])


def test_a_study_goes_on_where_it_stopped(study: tuple[dict[str, Any], Recipe], tmp_path: Path) -> None:
    found, recipe = study
    copy = tmp_path / "study"
    shutil.copytree(found["folder"], copy)
    (copy / "seeds.json").unlink()
    (copy / "seed-8/evaluation.json").unlink()  # killed in the evaluation of the last seed
    kept = {seed: (copy / f"seed-{seed}/evaluation.json").stat().st_mtime_ns for seed in (5, 1)}
    again = run_seeds(recipe, resume=copy)
    assert again["scores"] == found["scores"]
    assert again["churn"] == found["churn"]
    assert kept == {seed: (copy / f"seed-{seed}/evaluation.json").stat().st_mtime_ns for seed in (5, 1)}
    more = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seeds": (5, 1, 9)})})
    with pytest.raises(RunFolderError, match="another recipe"):
        run_seeds(more, resume=copy)


def test_the_command_runs_a_study_and_tells_of_missed_goals(
    write_recipe: Callable[..., Path], tmp_path: Path
) -> None:  # fmt: skip
    recipe = write_recipe(training__seeds=[1, 2], training__max_steps=2, evaluation__baselines=["majority"],
                          goals={"accuracy": ">= 1"}, output__run="seeds")  # fmt: skip
    done = command("run", recipe)
    assert done.returncode == 10, done.stderr
    found = json.loads((tmp_path / "runs/seeds/seeds.json").read_text())
    assert found["seeds"] == [1, 2]
    assert "2 seeds" in done.stdout
    assert (tmp_path / "runs/seeds/study.html").exists()
    resumed = command("run", "--resume", tmp_path / "runs/seeds")
    assert resumed.returncode == 10, resumed.stderr
    assert json.loads((tmp_path / "runs/seeds/seeds.json").read_text()) == found
