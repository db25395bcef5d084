"""Every recipe is valid, and runs from end to end on small stand-ins for its model and data under their real ids."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from loopback_hub import LoopbackHub
from recipe_runs import run_all
from stand_ins import DATASETS, MODELS, publish

import finetune
from finetune.recipe import Recipe, task_names
from finetune.sources import parse_location

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
NAMES = [path.relative_to(ROOT).as_posix() for path in RECIPES]
FEWEST = 9
QUICKSTART = ROOT / "recipes" / "quickstart.yaml"
REAL_DATA = ROOT.parent / "shared" / "hub" / "datasets"
EMOTION = "recipes/text-classification/emotion.yaml"
TWEETS = "cardiffnlp/tweet_eval"

PAIRS = ("mrpc", "stsb", "mnli")
ARTIFACTS = (
    "recipe.yaml", "environment.json", "training.json", "evaluation.json", "bias.json", "predictions/test.parquet",
    "report.html", "README.md", "model/adapter_model.safetensors",
)  # fmt: skip


def comments(path: Path) -> str:
    """The comment block that a recipe begins with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))])


def from_hub(path: Path) -> bool:
    """Whether a recipe takes its model and its data from the Hub."""
    recipe = Recipe.from_yaml(path)
    places = ((recipe.model.name, "model"), (recipe.data.name, "dataset"))
    return all(parse_location(name, None, what=what).kind == "hub" for name, what in places)


HUB_RECIPES = {path.stem: path for path in RECIPES if from_hub(path)}


# -- what is written in them


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= FEWEST
    assert QUICKSTART in RECIPES
    assert len({path.stem for path in RECIPES}) == len(RECIPES)


@pytest.mark.parametrize("path", RECIPES, ids=NAMES)
def test_recipe_is_valid(path: Path) -> None:
    recipe = Recipe.from_yaml(path)
    finetune.validate(recipe)
    assert path == QUICKSTART or path.parent.name == recipe.task
    assert recipe.task in task_names()


@pytest.mark.parametrize("path", RECIPES, ids=NAMES)
def test_recipe_says_what_it_is_for(path: Path) -> None:
    recipe = Recipe.from_yaml(path)
    assert recipe.description
    assert set(recipe.goals) > {"beats_baselines"}, "a number to reach, and the baselines to beat"
    assert recipe.card.language
    assert recipe.card.intended_use
    assert recipe.card.limitations
    assert recipe.data.columns, "inferred columns can change when a data set does"


@pytest.mark.parametrize("path", RECIPES, ids=NAMES)
def test_comments_name_the_recipes_own_path(path: Path) -> None:
    text, own = comments(path), path.relative_to(ROOT).as_posix()
    named = set(re.findall(r"\brecipes/[\w./-]+\.yaml", text)) - {QUICKSTART.relative_to(ROOT).as_posix()}
    assert named <= {own}
    assert f"accelerate launch -m finetune run {own}" in text
    assert path == QUICKSTART or f"#   finetune run {own}" in text


@pytest.mark.parametrize("path", HUB_RECIPES.values(), ids=HUB_RECIPES)
def test_recipe_has_stand_ins(path: Path) -> None:
    recipe = Recipe.from_yaml(path)
    assert recipe.model.name in MODELS, "add a tiny model to tests/stand_ins/"
    assert recipe.data.name in DATASETS, "add a small data set to tests/stand_ins/"


def test_a_slice_can_be_given_on_the_command_line() -> None:
    recipe = Recipe.from_yaml(HUB_RECIPES["mnli"], ["data.splits.train=train[:10%]"])
    assert recipe.data.splits == {"train": "train[:10%]", "test": "validation_matched"}


# -- what they come to


@dataclass
class Ran:
    """What the recipes came to, and the commits of the stand-ins."""

    folder: Path
    commits: dict[str, str]
    outcomes: dict[str, Any]

    def run(self, name: str) -> tuple[dict[str, Any], Path]:
        """A recipe's result and its run folder."""
        result = self.outcomes["ran"][name]
        assert "error" not in result, result["error"]
        return result, self.folder / name

    def evaluation(self, name: str) -> dict[str, Any]:
        """The recipe's scores as they stand in the run folder."""
        _, folder = self.run(name)
        return finetune.RunFolder.open(folder).read_json("evaluation.json")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """All recipes of the Hub, run in one process against a hub of stand-ins."""
    root = tmp_path_factory.mktemp("recipes")
    prepare: dict[str, Any] = {}
    with LoopbackHub(root / "hub") as hub:
        commits = publish(hub, root / "stand-ins")
        if (REAL_DATA / TWEETS).is_dir():
            hub.add_revision(TWEETS, REAL_DATA / TWEETS, repo_type="dataset", branch="real")
            prepare["emotion"] = [str(ROOT / EMOTION), ["data.revision=real"]]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **hub.environment(root / "home")}
        paths = {name: str(path) for name, path in HUB_RECIPES.items()}
        outcomes = run_all(paths, root / "runs", environment, prepare=prepare)
        assert not hub.unknown, hub.unknown
    return Ran(root / "runs", commits, outcomes)


@pytest.mark.parametrize("name", HUB_RECIPES)
def test_run_folder_is_complete(ran: Ran, name: str) -> None:
    _, folder = ran.run(name)
    assert [file for file in ARTIFACTS if not (folder / file).is_file()] == []


@pytest.mark.parametrize("name", HUB_RECIPES)
def test_commits_are_recorded(ran: Ran, name: str) -> None:
    result, folder = ran.run(name)
    recipe = Recipe.from_yaml(HUB_RECIPES[name])
    environment = finetune.RunFolder.open(folder).read_json("environment.json")
    assert environment["data"]["name"] == recipe.data.name
    assert environment["data"]["revision"] == ran.commits[recipe.data.name]
    assert result["model_commit"] == ran.commits[recipe.model.name]


@pytest.mark.parametrize("name", HUB_RECIPES)
def test_it_ran_and_the_reloaded_model_gave_the_same_answers(ran: Ran, name: str) -> None:
    result, folder = ran.run(name)  # the comparison was made in the process that ran it
    assert result["rows"] == pq.read_metadata(folder / "predictions/test.parquet").num_rows


@pytest.mark.parametrize(
    ("name", "kind"), {"go-emotions": "multi_label", "stsb": "regression", "sst2": "single_label"}.items()
)
def test_target_is_of_the_expected_kind(ran: Ran, name: str, kind: str) -> None:
    assert ran.run(name)[0]["kind"] == kind


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_read_as_pairs(ran: Ran, name: str) -> None:
    assert ran.run(name)[0]["inputs"] == ["text", "text_pair"]


@pytest.mark.parametrize("name", HUB_RECIPES)
def test_goals_were_judged_beside_baselines(ran: Ran, name: str) -> None:
    result, _ = ran.run(name)
    recipe = Recipe.from_yaml(HUB_RECIPES[name])
    assert result["goals"] == list(recipe.goals)
    assert result["baselines"] == list(recipe.evaluation.baselines or result["own_baselines"])
    assert result["baselines"]
    # What the goals ask for stands first, so that it is what `beats_baselines` compares.
    assert result["headline"] == next(iter(recipe.goals))


@pytest.mark.parametrize("name", HUB_RECIPES)
def test_test_rows_never_choose_the_model(ran: Ran, name: str) -> None:
    _, folder = ran.run(name)
    report = finetune.RunFolder.open(folder).read_json("data/report.json")
    assert min(report["splits"].values()) > 0
    rows = pq.read_table(folder / "predictions/test.parquet", columns=["row", "reference"]).to_pydict()
    held_out = report["origins"]["test"] == report["origins"]["train"]  # where the data has no test split of its own
    assert all(row.startswith("train:" if held_out else "test:") for row in rows["row"])
    assert not any(value in (None, -1, "-1") for value in rows["reference"]), "hidden labels are no reference"


def test_labels_have_the_data_sets_own_names(ran: Ran) -> None:
    assert ran.evaluation("emotion")["target"]["names"] == ["anger", "joy", "optimism", "sadness"]
    assert ran.evaluation("ag-news")["target"]["names"] == ["World", "Sports", "Business", "Sci/Tech"]
    assert ran.evaluation("mnli")["target"]["names"] == ["entailment", "neutral", "contradiction"]
    assert len(ran.evaluation("go-emotions")["target"]["names"]) == 28


def test_long_reviews_are_cut_and_counted(ran: Ran) -> None:
    _, folder = ran.run("imdb")
    lengths = finetune.RunFolder.open(folder).read_json("data/lengths.json")
    assert lengths["max_length"] == 512
    assert lengths["splits"]["test"]["truncated"] == 6


# -- real data, where a copy is at hand


def test_emotion_takes_the_real_tweets_as_they_are_split(ran: Ran) -> None:
    if "emotion" not in ran.outcomes["prepared"]:
        pytest.skip(f"no copy of {TWEETS} beside the repository")
    prepared = ran.outcomes["prepared"]["emotion"]
    assert "error" not in prepared, prepared["error"]
    files = (REAL_DATA / TWEETS / "emotion").glob("*.parquet")
    counted = {file.name.split("-")[0]: pq.read_metadata(file).num_rows for file in files}
    assert prepared["splits"] == counted
    assert prepared["names"] == ["anger", "joy", "optimism", "sadness"]
