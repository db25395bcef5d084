"""From a recipe to the Hub and back, with the true client libraries and a Hub on the loopback interface."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import finetune, review_rows, write_csv
from loopback_hub import LoopbackHub
from loopback_hub.faults import Fault

from finetune.artifacts import DataReport, RunFolder
from finetune.cli.hub_commands import _section
from finetune.errors import PublishError, UsageError
from finetune.models import tiny_text_encoder
from finetune.release import _refuse_other_data

TOKEN, READER = "hf_" + "w" * 34, "hf_" + "r" * 34
OPTIONS = ("repo", "private", "weights", "tag", "pull_request", "examples", "space", "hardware", "space_package",
           "dataset", "rows")  # fmt: skip
TEXTS = ["a great lovely film", "a dull awful meal", "a warm cold song"]

LOAD = """
import json, sys
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
repository, labels, texts = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
kind = {}
if sys.argv[4] == "adapter":
    from peft import AutoPeftModelForSequenceClassification as Auto
    kind = {"num_labels": len(labels)}
else:
    Auto = AutoModelForSequenceClassification
tokenizer = AutoTokenizer.from_pretrained(repository)
model = Auto.from_pretrained(repository, **kind).eval()
with torch.no_grad():
    shares = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.softmax(-1)
print(json.dumps([[round(share, 5) for share in row] for row in shares.tolist()]))
"""


class Published:
    """A hub with a base model and a data set, and a run that published itself there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.hub = LoopbackHub(folder / "hub")

    def environment(self, token: str | None = TOKEN) -> dict[str, str]:
        return {**os.environ, **self.hub.environment(self.home, token=token), "OMP_NUM_THREADS": "1"}

    def call(self, *arguments: str | Path, token: str | None = TOKEN) -> subprocess.CompletedProcess[str]:
        return finetune(*arguments, env=self.environment(token), cwd=self.folder)

    def prepare(self) -> None:
        base, data = self.folder / "base", self.folder / "data"
        tiny_text_encoder(str(base), [row["text"] for row in review_rows(400)])
        data.mkdir()
        write_csv(data / "train.csv", review_rows())
        self.hub.add_token(TOKEN, "lovelace", "write", orgs=("acme",))
        self.hub.add_token(READER, "reader", "read", orgs=("acme",))
        self.hub.add_model("acme/base", base)
        self.hub.add_dataset("acme/reviews", data)
        card = finetune("card", "data", self.recipe(), env=self.environment(), cwd=self.folder)
        assert card.returncode == 0, card.stderr

    def recipe(self, name: str = "reviews", **publish: Any) -> Path:
        values = {
            "task": "text-classification", "model": {"name": "acme/base", "dropout": 0.0},
            "data": {"name": "acme/reviews", "columns": {"text": "text", "label": "label"}}, "adapter": {"r": 4},
            "training": {"learning_rate": 1e-2, "num_train_epochs": 2, "train_batch_size": 16, "bf16": False,
                         "report_to": ["none"]},
            "evaluation": {"resamples": 100, "baselines": ["majority"]}, "inspection": {"in_runs": False},
            "card": {"license": "mit"}, "goals": {"accuracy": ">= 0.5"}, "publish": publish,
            "output": {"folder": "runs", "run": name},
        }  # fmt: skip
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return path

    def shares(self, repository: str, kind: str) -> Any:
        """What the field's own libraries answer, in a fresh process that has an empty cache."""
        given = [repository, json.dumps(["negative", "positive"]), json.dumps(TEXTS), kind]
        environment = {**self.environment(), **self.hub.environment(self.folder / f"home-{kind}", token=TOKEN)}
        done = subprocess.run(
            [sys.executable, "-c", LOAD, *given],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    made = Published(tmp_path_factory.mktemp("release"))
    with made.hub:
        made.prepare()
        recipe = made.recipe(
            repo="acme/mood", space={"repo": "acme/mood-demo"}, data={"repo": "acme/mood-data"}, examples=True
        )
        done = made.call("run", recipe)
        assert done.returncode == 0, done.stderr
        yield made


def answers(lines: str) -> list[list[float]]:
    return [list(json.loads(line)["scores"].values()) for line in lines.splitlines()]


def test_the_repositories_are_private_complete_and_tagged(published: Published) -> None:
    hub = published.hub
    model, space, data = hub.repository("acme/mood"), hub.repository("acme/mood-demo", "space"), None
    data = hub.repository("acme/mood-data", "dataset")
    assert all(repository.private for repository in (model, space, data))
    files = model.resolve("main").files
    assert {"README.md", "adapter_config.json", "adapter_model.safetensors", "finetune.json", "recipe.yaml",
            "evaluation.json", "bias.json", "examples.json"} <= set(files)  # fmt: skip
    assert model.refs["refs/tags/reviews"] == model.refs["refs/heads/main"]
    assert {"app.py", "README.md", "requirements.txt"} <= set(space.resolve("main").files)
    assert "README.md" in data.resolve("main").files


def test_the_receipt_says_what_is_where(published: Published) -> None:
    receipt = (published.folder / "runs/reviews/publish/receipt.json").read_text(encoding="utf-8")
    commit = published.hub.repository("acme/mood").refs["refs/heads/main"]
    assert commit in receipt
    assert TOKEN not in receipt


def test_the_published_model_answers_as_the_run_does(published: Published) -> None:
    local = published.call("predict", "runs/reviews", *TEXTS)
    remote = published.call("predict", "acme/mood", *TEXTS)
    assert local.returncode == remote.returncode == 0, remote.stderr
    assert local.stdout == remote.stdout
    assert published.shares("acme/mood", "adapter") == [pytest.approx(row, abs=2e-5) for row in answers(local.stdout)]


def test_the_whole_model_loads_without_peft(published: Published) -> None:
    done = published.call("publish", "runs/reviews", "--repo", "mood-whole", "--weights", "merged", "--public")
    assert done.returncode == 0, done.stderr
    assert not published.hub.repository("lovelace/mood-whole").private
    local = published.call("predict", "runs/reviews", *TEXTS)
    assert published.shares("lovelace/mood-whole", "merged") == [
        pytest.approx(row, abs=2e-5) for row in answers(local.stdout)
    ]


def test_a_dry_run_sends_nothing(published: Published) -> None:
    before = len(published.hub.requests)
    done = published.call("publish", "runs/reviews", "--repo", "acme/other", "--no-examples", "--dry-run", token=None)
    assert done.returncode == 0, done.stderr
    assert "adapter_model.safetensors" in done.stdout
    assert "Nothing was sent" in done.stdout
    assert len(published.hub.requests) == before


def test_what_could_not_begin_leaves_nothing_to_go_on_with(published: Published) -> None:
    receipt = published.folder / "runs/reviews/publish/receipt.json"
    before = receipt.read_bytes()
    done = published.call("publish", "runs/reviews", "--repo", "strangers/mood")
    assert done.returncode == 8, done.stderr
    assert receipt.read_bytes() == before
    assert not (published.folder / "runs/reviews/publish/publication.json").exists()
    again = published.call("publish", "runs/reviews", "--repo", "lovelace/mood-again", "--no-examples")
    assert again.returncode == 0, again.stderr


def test_goals_that_do_not_hold_stop_it_unless_it_is_forced(published: Published) -> None:
    recipe = published.recipe("weak", repo="acme/weak")
    done = published.call("run", recipe, "goals.accuracy='>= 0.999'", "training.max_steps=1")
    assert done.returncode == 10
    assert "not published" in done.stderr
    with pytest.raises(KeyError):
        published.hub.repository("acme/weak").resolve("main").files["README.md"]
    forced = published.call("publish", "runs/weak", "--force")
    assert forced.returncode == 0, forced.stderr
    repository = published.hub.repository("acme/weak")
    card = repository.blob_path(repository.resolve("main").files["README.md"]).read_text(encoding="utf-8")
    (stated,) = [line for line in card.splitlines() if line.startswith("> - ")]
    assert stated.count("0.999") == 1


def test_what_cannot_be_published_is_told_before_the_training(published: Published) -> None:
    recipe = published.recipe("early", repo="acme/early")
    for token, wanted in ((None, "HF_TOKEN"), (READER, "write")):
        done = published.call("run", recipe, token=token)
        assert done.returncode == 8
        assert wanted in done.stderr
        assert not (published.folder / "runs/early").exists()


def test_a_refusal_of_the_hub_does_not_fail_the_run(published: Published) -> None:
    """The rights are lost between the check and the end of the training."""
    recipe = published.recipe("late", repo="acme/late", tag="reviews/late")
    published.hub.faults.add(Fault("403", path="/models/acme/late/commit/", times=99))
    done = published.call("run", recipe)
    published.hub.faults.clear()
    assert done.returncode == 8, done.stderr
    assert (published.folder / "runs/late/report.html").exists()
    assert "finetune publish runs/late --resume" in " ".join(done.stderr.split())
    before = len(published.hub.requests)
    shown = published.call("publish", "runs/late", "--resume", "--dry-run", token=None)
    assert shown.returncode == 0, shown.stderr
    assert "model acme/late (private)" in shown.stdout
    assert len(published.hub.requests) == before
    refused = published.call("publish", "runs/late", "--resume", "--force")
    assert refused.returncode == 2
    resumed = published.call("publish", "runs/late", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert published.hub.repository("acme/late").refs["refs/tags/reviews/late"]


def test_the_token_is_in_no_file_and_no_body(published: Published) -> None:
    for path in published.folder.rglob("*"):
        if path.is_file() and not path.is_relative_to(published.folder / "hub"):
            assert TOKEN.encode() not in path.read_bytes(), path
    assert not any(body.holds((TOKEN.encode(),)) for _, body in published.hub.bodies)


def test_other_rows_than_the_runs_are_not_published_as_its_own(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_json("data/report.json", {"content": {"train": "one", "test": "two"}})
    _refuse_other_data(run, DataReport(source={}, content={"train": "one", "test": "two"}))
    with pytest.raises(PublishError, match="its rows of test are others now"):
        _refuse_other_data(run, DataReport(source={}, content={"train": "one", "test": "three"}))


PUBLIC = {"repo": "me/mood", "private": False, "space": {"repo": "me/demo", "private": False, "hardware": "t4-small"}}


@pytest.mark.parametrize(
    ("given", "private", "space"),
    [
        ({}, False, ("me/demo", False)),
        ({"private": True}, True, ("me/demo", None)),
        ({"repo": "me/other"}, True, None),
        ({"space": "me/other-demo"}, False, ("me/other-demo", None)),
        ({"repo": "me/other", "space": "me/demo", "private": False}, False, ("me/demo", None)),
    ],
)
def test_who_sees_another_repository_is_not_the_recipes_to_say(
    given: dict[str, Any], private: bool, space: tuple[str, bool | None] | None, tmp_path: Path
) -> None:
    recipe = {"task": "text-classification", "model": {"name": "a/b"}, "data": {"name": "c/d"}, "publish": PUBLIC}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    section = _section(RunFolder(tmp_path), dict.fromkeys(OPTIONS) | given)
    assert section.private is private
    assert (section.space and (section.space.repo, section.space.private)) == space


@pytest.mark.parametrize(("given", "named"), [({"hardware": "t4-small"}, "--space"), ({"rows": True}, "--dataset")])
def test_what_belongs_to_a_part_names_it(given: dict[str, Any], named: str, tmp_path: Path) -> None:
    recipe = {"task": "text-classification", "model": {"name": "a/b"}, "data": {"name": "c/d"}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        _section(RunFolder(tmp_path), dict.fromkeys(OPTIONS) | given)
    assert named in refused.value.remedy


@pytest.mark.parametrize("user", ["", "  "])
def test_a_demo_without_a_name_is_not_one_without_a_password(user: str) -> None:
    done = finetune("demo", "runs/none", "--auth", user)
    assert done.returncode == 2
    assert "--auth names no user" in done.stderr
