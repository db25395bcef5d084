"""A staged model: exactly the files that may go up, no path of this machine, and the answers of the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from closeness import assert_close
from conftest import review_rows
from datasets import Dataset, load_dataset
from loopback_hub import LoopbackHub
from tiny_runs import some_texts, tiny_recipe

import finetune
from finetune.artifacts import DataTarget, Publication, RunFolder
from finetune.errors import PublishError, RunFolderError, SourceError, UsageError
from finetune.models import tiny_text_encoder
from finetune.publishing import stage_data, stage_model

REVIEWS = review_rows(60)
TEXTS = ["a great lovely film", "a dull awful meal number 3", "a warm cold song"]
PAIRS = some_texts(24, seed=1, shortest=3)
WEIGHTS = Publication("acme/reviews", True, "merged", "v1")


def texts_of(run: Path) -> dict[str, str]:
    """The small files that go with a model; the recipe names no folder, as the card's writer leaves it."""
    values = yaml.safe_load((run / "recipe.yaml").read_text())
    values["output"], values["data"]["name"] = {}, "rows.parquet"
    values["model"]["name"] = values["model"]["name"].rpartition("/base")[1].lstrip("/") or values["model"]["name"]
    return {"recipe.yaml": yaml.safe_dump(values), "README.md": "---\nlicense: mit\n---\n\n# Reviews\n"}


def stage(run: Path, folder: Path, weights: Any = "merged", **more: Any) -> Path:
    chosen = replace(WEIGHTS, weights=weights, **more)
    return stage_model(RunFolder.open(run), chosen, texts_of(run), folder)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assert_speaks_of_nothing_here(folder: Path, *places: Path) -> None:
    for path in (folder / name for name in files(folder)):
        for place in (*places, Path.home(), Path(__file__).parents[1]):
            assert f"{place}".encode() not in path.read_bytes(), (path, place)


# -- with a Hub: adapters on a base that is there


TRAIN = """
import json, sys
from pathlib import Path
import finetune
from finetune.artifacts import Publication, RunFolder
from finetune.publishing import stage_model
folder, answers = Path(sys.argv[1]), {}
for name in ("reviews", "pairs"):
    recipe = finetune.Recipe.from_yaml(folder / f"{name}.yaml")
    finetune.run(recipe)
    texts = {"recipe.yaml": recipe.to_yaml().replace(str(folder), "here"), "README.md": "# A model"}
    for weights in ("adapter", "both"):
        where = folder / "staged" / f"{name}-{weights}"
        publication = Publication("acme/reviews", True, weights, "v1", examples=True)
        stage_model(RunFolder.open(folder / name), publication, texts, where)
    answers[name] = finetune.load(folder / name).predict(json.loads(sys.argv[2])[name])
print(json.dumps(answers))
"""

ASK = """
import json, sys
import torch
import finetune
from finetune.artifacts.trained_model import find_base
from finetune.errors import FinetuneError
def outcome(call):
    try:
        return call()
    except FinetuneError as error:
        return [type(error).__name__, error.cause, error.remedy]
folder, inputs = sys.argv[1], json.loads(sys.argv[2])
reviews, pairs = inputs["reviews"], inputs["pairs"]
found = {name: finetune.load(name).predict(asked) for name, asked in {
    f"{folder}/reviews-adapter": reviews, f"{folder}/pairs-adapter": pairs, "acme/reviews-adapter": reviews,
    "acme/reviews-adapter@v1": reviews, "acme/reviews-both": reviews, f"{folder}/reviews-both/adapter": reviews,
    "acme/pairs-adapter": pairs}.items()}
found["ranking"] = finetune.load(f"{folder}/ranking").predict(inputs["ranking"])
found["errors"] = {name: outcome(lambda: finetune.load(name).task.name) for name in
                   ("acme/base", "acme/none", "acme/reviews-adapter@v9")}
found["data"] = outcome(lambda: finetune.load("acme/reviews-adapter", with_data=True).task.name)
found["as base"] = [find_base("acme/reviews-adapter").name, find_base("acme/reviews-adapter@v1").path]
from peft import AutoPeftModelForSequenceClassification, PeftModel
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForSequenceClassification, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("acme/reviews-both")
def shares(model):
    with torch.no_grad():
        return model.eval()(**tokenizer(reviews, padding=True, return_tensors="pt")).logits.softmax(-1)[:, 1].tolist()
bare = AutoModelForSequenceClassification.from_pretrained("acme/base", num_labels=2)
found["transformers"] = shares(AutoModelForSequenceClassification.from_pretrained("acme/reviews-both"))
found["names"] = AutoModelForSequenceClassification.from_pretrained("acme/reviews-both").config.id2label
found["peft"] = shares(AutoPeftModelForSequenceClassification.from_pretrained("acme/reviews-adapter", num_labels=2))
found["peft, folder"] = shares(PeftModel.from_pretrained(bare, "acme/reviews-both", subfolder="adapter"))
left, right = SentenceTransformer("acme/pairs-adapter").encode([list(side) for side in zip(*pairs)][0]), None
right = SentenceTransformer("acme/pairs-adapter").encode([list(side) for side in zip(*pairs)][1])
found["embeddings"] = [float(a @ b / ((a @ a) ** 0.5 * (b @ b) ** 0.5)) for a, b in zip(left, right)]
print(json.dumps(found))
"""


def worker(script: str, hub: LoopbackHub, home: Path, *arguments: str) -> Any:
    environment = {**os.environ, **hub.environment(home), "OMP_NUM_THREADS": "1", "FINETUNE_CACHE": str(home / "ours")}
    done = subprocess.run([sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


ASKED: dict[str, list[Any]] = {"reviews": TEXTS, "pairs": [[PAIRS[0], PAIRS[1]], [PAIRS[2], PAIRS[2]]],
                               "ranking": [{"query": PAIRS[0], "documents": PAIRS[1:6]}]}  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    with LoopbackHub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture(scope="module")
def online(hub: LoopbackHub, full: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """Two adapters trained on a base of the Hub and staged; what their runs answer, and what a fresh process gets."""
    folder = tmp_path_factory.mktemp("online")
    tiny_text_encoder(str(folder / "base"), [*(row["text"] for row in review_rows(400)), *PAIRS])
    hub.add_model("acme/base", folder / "base")
    scored = [{"text": a, "text_pair": b, "score": i % 3} for i, (a, b) in enumerate(pairwise(PAIRS))]
    for name, task, rows in (("reviews", "text-classification", REVIEWS), ("pairs", "sentence-similarity", scored)):
        (folder / f"of-{name}").mkdir()
        recipe = tiny_recipe(task, folder / f"of-{name}", rows, {}, model={"name": "acme/base"},
                             output={"folder": str(folder), "run": name})  # fmt: skip
        (folder / f"{name}.yaml").write_text(recipe.to_yaml())
    told = worker(TRAIN, hub, folder / "home", str(folder), json.dumps(ASKED))
    for staged in (folder / "staged").iterdir():
        hub.add_model(f"acme/{staged.name}", staged)
    hub.add_revision("acme/reviews-adapter", tag="v1")
    stage(full, folder / "staged" / "ranking")
    found = worker(ASK, hub, folder / "fresh", str(folder / "staged"), json.dumps(ASKED))
    return folder, told, found


def test_an_adapter_answers_bit_for_bit_as_its_run_wherever_it_is_loaded_from(online: Any) -> None:
    folder, told, found = online
    for name in ("acme/reviews-adapter", "acme/reviews-adapter@v1", f"{folder}/staged/reviews-adapter",
                 f"{folder}/staged/reviews-both/adapter"):  # fmt: skip
        assert found[name] == told["reviews"], name
    for name in ("acme/pairs-adapter", f"{folder}/staged/pairs-adapter"):
        assert found[name] == told["pairs"], name


def test_the_merged_model_agrees_with_its_adapter(online: Any) -> None:
    _, told, found = online
    assert_close(found["acme/reviews-both"], told["reviews"])


def test_the_libraries_of_the_field_give_the_same_answers(online: Any) -> None:
    _, told, found = online
    shares = [answer["scores"]["positive"] for answer in told["reviews"]]
    for library in ("transformers", "peft", "peft, folder"):
        assert found[library] == pytest.approx(shares, abs=1e-5), library
    assert found["names"] == {"0": "negative", "1": "positive"}
    assert found["embeddings"] == pytest.approx([answer["prediction"] for answer in told["pairs"]], abs=1e-5)


def test_an_adapter_names_its_base_by_hub_id_and_commit(online: Any, hub: LoopbackHub) -> None:
    folder, *_ = online
    commit = hub.repository("acme/base").resolve("main").sha  # type: ignore[union-attr]
    for place in ("reviews-adapter", "reviews-both/adapter", "pairs-adapter"):
        config = json.loads((folder / "staged" / place / "adapter_config.json").read_text())
        assert (config["base_model_name_or_path"], config["revision"]) == ("acme/base", commit)
        base = json.loads((folder / "staged" / place / "finetune.json").read_text())["base"]
        assert (base["path"], base["name"], base["revision"]) == ("acme/base", "acme/base", commit)


def test_nothing_but_what_may_go_up_is_staged(online: Any) -> None:
    folder, *_ = online
    own = {"recipe.yaml", "README.md", "examples.json"}
    adapter = {"adapter_config.json", "adapter_model.safetensors", "finetune.json", "tokenizer.json",
               "tokenizer_config.json"}  # fmt: skip
    whole = {"config.json", "model.safetensors", "finetune.json", "tokenizer.json", "tokenizer_config.json"}
    staged = folder / "staged"
    assert files(staged / "reviews-adapter") == own | adapter
    assert files(staged / "reviews-both") == own | whole | {f"adapter/{name}" for name in adapter}
    modules = {
        "modules.json",
        "config_sentence_transformers.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
    }
    assert files(staged / "pairs-adapter") == own | adapter | modules
    for name in ("reviews-adapter", "reviews-both", "pairs-adapter", "pairs-both"):
        assert_speaks_of_nothing_here(staged / name, folder)


def test_a_published_model_that_is_not_to_be_had_says_why(online: Any) -> None:
    _, _, found = online
    errors = found["errors"]
    assert errors["acme/base"][0] == "NotFoundError"
    assert "not published by this library" in errors["acme/base"][1]
    assert "model.name" in errors["acme/base"][2]
    assert errors["acme/none"][0] == "NotFoundError"
    assert "There is no folder acme/none here either." in errors["acme/none"][2]
    assert errors["acme/reviews-adapter@v9"][0] == "RevisionError"
    assert found["data"][0] == "UsageError"
    assert "without its data" in found["data"][1]


def test_a_recipe_may_start_from_a_published_adapter(online: Any, hub: LoopbackHub) -> None:
    folder, _, found = online
    commit = hub.repository("acme/reviews-adapter").resolve("main").sha  # type: ignore[union-attr]
    name, path = found["as base"]
    assert name == f"acme/reviews-adapter@{commit}"
    assert path == str(folder / "fresh" / "ours" / "merged" / f"acme--reviews-adapter-{commit}")
    assert (Path(path) / "model.safetensors").exists()


# -- on this machine: whole models


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an adapter on a local base, with a cleaning and a template between its inputs and the model."""
    folder = tmp_path_factory.mktemp("local")
    rows = [{**row, "text": f"<b>{row['text'].upper()}</b>"} for row in REVIEWS]
    words = [f"{row['text']} it got stars in north south ." for row in review_rows(400)]
    recipe = tiny_recipe(
        "text-classification", folder, rows, {}, words=words, data={
            "name": str(folder / "rows.parquet"), "columns": {"label": "label"}},
        cleaning={"normalize": ["html", "whitespace"]},
        features={"template": "{text} it got {stars:.1f} in {site}", "numeric": ["stars"], "categorical": ["site"]},
    )  # fmt: skip
    finetune.run(recipe)
    return folder / "run"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that trained all weights of a cross-encoder."""
    folder = tmp_path_factory.mktemp("full")
    rows = [{"query": a, "positive": b, "negative": c} for a, b, c in zip(PAIRS, PAIRS[1:], PAIRS[2:], strict=False)]
    finetune.run(tiny_recipe("text-ranking", folder, rows, {}, adapter={"method": "none"}))
    return folder / "run"


ROWS = [
    {"text": "<i>A GREAT film</i>", "stars": 4.2, "site": "north"},
    {"text": "awful", "stars": None, "site": "south"},
]


def test_a_merged_model_reads_inputs_as_its_run_does(local: Path, tmp_path: Path) -> None:
    staged = stage(local, tmp_path / "staged")
    run, published = finetune.load(local), finetune.load(staged)
    assert not published.is_adapter
    answers = replace(run, model=run.merged()).predict(ROWS)
    assert published.predict(ROWS) == answers
    assert_close(answers, run.predict(ROWS))
    described = json.loads((staged / "finetune.json").read_text())
    assert described["adapter"] is False
    assert (described["base"]["path"], described["base"]["name"]) == ("base", "base")
    assert described["inputs"] == json.loads((local / "model" / "finetune.json").read_text())["inputs"]
    assert_speaks_of_nothing_here(staged, local, local.parent)


def test_a_model_with_all_weights_trained_answers_bit_for_bit_as_its_run(full: Path, online: Any) -> None:
    staged = online[0] / "staged" / "ranking"
    assert files(staged) >= {"model.safetensors", "config.json", "modules.json", "finetune.json", "recipe.yaml"}
    assert online[2]["ranking"] == finetune.load(full).predict(ASKED["ranking"])
    assert_speaks_of_nothing_here(staged, full, full.parent)


def test_weights_that_nobody_could_load_are_refused(local: Path, full: Path, tmp_path: Path) -> None:
    for weights in ("adapter", "both"):
        with pytest.raises(PublishError, match="base, which is not on the Hub") as caught:
            stage(local, tmp_path / "staged", weights)
        assert "merged" in caught.value.remedy
        with pytest.raises(PublishError, match="there is no adapter"):
            stage(full, tmp_path / "staged", weights)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_filled_whole_or_not_at_all(local: Path, tmp_path: Path) -> None:
    taken, empty = tmp_path / "taken", tmp_path / "empty"
    taken.mkdir()
    empty.mkdir()
    (taken / "note").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        stage(local, taken)
    run = RunFolder.open(local)
    for texts, cause in (
        ({**texts_of(local), "README.md": f"Data: {local / 'rows.csv'}"}, "README.md would publish a path"),
        ({**texts_of(local), "README.md": f"See `{Path.home()}/notes`."}, "README.md would publish a path"),
        ({**texts_of(local), "bias.json": json.dumps({"a": [str(local / "model")]})}, "bias.json would publish"),
    ):
        with pytest.raises(PublishError, match=cause):
            stage_model(run, WEIGHTS, texts, empty)
    for texts, cause in (
        ({"README.md": "card"}, r"no recipe\.yaml"),
        ({**texts_of(local), "../out.md": ""}, "no path inside"),
        ({**texts_of(local), "config.json": "{}"}, "written twice"),
    ):
        with pytest.raises(UsageError, match=cause):
            stage_model(run, WEIGHTS, texts, empty)
    assert files(tmp_path) == {"taken/note"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "taken"]
    assert stage(local, empty) == empty
    assert (empty / "model.safetensors").exists()


def test_what_is_not_part_of_a_model_stays_behind(full: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    strays = ("training_args.bin", "optimizer.pt", "notes.md", "checkpoint-3/trainer_state.json", ".cache.json")
    config = json.loads((full / "model" / "config.json").read_text())
    try:
        for name in strays:
            (full / "model" / name).parent.mkdir(exist_ok=True)
            (full / "model" / name).write_text("{}")
        (full / "model" / "config.json").write_text(json.dumps({**config, "_name_or_path": str(full)}))
        staged = stage(full, tmp_path / "staged")
        assert not files(staged) & set(strays)
        assert all(name in caplog.text for name in strays)
        assert "_name_or_path" not in json.loads((staged / "config.json").read_text())
        (full / "model" / "config.json").write_text(json.dumps({**config, "vocabulary": str(full)}))
        with pytest.raises(PublishError, match=r"config\.json would publish a path of this machine"):
            stage(full, tmp_path / "again")
        (full / "model" / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "own.Model"}}))
        with pytest.raises(PublishError, match="Python code in a local folder"):
            stage(full, tmp_path / "again")
    finally:
        for name in strays:
            (full / "model" / name).unlink(missing_ok=True)
        (full / "model" / "config.json").write_text(json.dumps(config))


def test_code_of_a_base_model_never_runs_because_a_published_folder_says_so(full: Path, tmp_path: Path) -> None:
    staged = stage(full, tmp_path / "staged")
    for name, changes in {
        "finetune.json": {"base": {"path": "x", "name": "x", "revision": None, "trust_remote_code": True}},
        "config.json": {"auto_map": {"AutoConfig": "own.Config"}, "model_type": "own"},
    }.items():
        values = json.loads((staged / name).read_text())
        values |= {"base": values["base"] | changes["base"]} if "base" in changes else changes
        (staged / name).write_text(json.dumps(values))
    (staged / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    for prepared in (staged, staged / "recipe.yaml"):  # with its recipe, and without one
        with pytest.raises((SourceError, UsageError)):
            finetune.load(staged)
        assert not (tmp_path / "ran").exists()
        if prepared.is_file():
            prepared.unlink()


def test_a_name_that_is_no_run_says_which_one_was_meant(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(local.parent.parent)
    for name in (local.with_name("rum"), f"{local.parent.name}/rum"):  # the second could be a Hub id
        with pytest.raises(RunFolderError, match="does not exist") as caught:
            finetune.load(name)
        assert "'run'" in caught.value.remedy
    with pytest.raises(RunFolderError, match="does not exist"):
        finetune.load("quickstart-that-is-not-there")


# -- examples


def staged_examples(run: Path, folder: Path) -> list[dict[str, Any]]:
    stage(run, folder, examples=True)
    return json.loads((folder / "examples.json").read_text())


def test_examples_cover_the_labels_and_hold_what_the_model_reads(local: Path, tmp_path: Path) -> None:
    found = staged_examples(local, tmp_path / "one")
    assert {row["reference"] for row in found[:2]} == {"negative", "positive"}
    assert 2 < len(found) <= 8
    reader = finetune.load(local).read_inputs
    assert reader is not None
    for row in found:
        assert "row" not in row
        values = {name.partition(":")[2]: value for name, value in row.items() if ":" in name}
        assert set(values) == {"text", "stars", "site"}
        assert reader([values]) == [{"text": row["text"]}]
    assert staged_examples(local, tmp_path / "two") == found
    stage(local, tmp_path / "none")
    assert "examples.json" not in files(tmp_path / "none")


def test_examples_pass_over_personal_data_and_long_rows(local: Path, tmp_path: Path) -> None:
    path = local / "predictions" / "test.parquet"
    table = Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache")).to_list()
    before = path.read_bytes()
    try:
        for place, row in enumerate(table):
            row["text"] = ("mail ada@example.org about it", "long " * 300, f"plain {place}")[place % 3]
        Dataset.from_list(table).to_parquet(str(path))
        found = staged_examples(local, tmp_path / "staged")
    finally:
        path.write_bytes(before)
    assert found
    assert all(row["text"].startswith("plain ") for row in found)


# -- data sets


CARD = "---\nlicense: mit\nlanguage: [en]\ndataset_info: {features: []}\n---\n\n# Reviews\n"


def test_a_data_set_loads_by_its_repository(local: Path, tmp_path: Path) -> None:
    publication = replace(WEIGHTS, data=DataTarget("acme/data", True, True))
    splits = {"train": [{"row": f"train:{i}", "text": f"t{i}", "label": i % 2, "note": None} for i in range(6)],
              "validation": [], "test": [{"row": "test:0", "text": "u", "label": 1, "note": "seen"}]}  # fmt: skip
    staged = stage_data(RunFolder.open(local), publication, CARD, splits, tmp_path / "staged")
    assert files(staged) == {"README.md", "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"}
    head = yaml.safe_load((staged / "README.md").read_text().split("---\n")[1])
    assert (head["license"], head["language"]) == ("mit", ["en"])
    assert "dataset_info" not in head
    assert (staged / "README.md").read_text().endswith("---\n\n# Reviews\n")
    loaded = load_dataset(str(staged), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 6, "test": 1}
    assert loaded["train"][1] == {"text": "t1", "label": "positive", "note": None}
    assert loaded["test"][0]["note"] == "seen"


def test_a_card_alone_is_published_as_it_is(local: Path, tmp_path: Path) -> None:
    publication = replace(WEIGHTS, data=DataTarget("acme/data", True, False))
    run = RunFolder.open(local)
    staged = stage_data(run, publication, CARD, None, tmp_path / "staged")
    assert files(staged) == {"README.md"}
    assert (staged / "README.md").read_text() == CARD
    for splits, cause in (({"train": []}, "no rows"), ({"a b": [{"text": "x", "label": 1}]}, "called 'a b'")):
        with pytest.raises(UsageError, match=cause):
            stage_data(run, publication, CARD, splits, tmp_path / "again")
    with pytest.raises(UsageError, match="no data set"):
        stage_data(run, WEIGHTS, CARD, None, tmp_path / "again")
    with pytest.raises(PublishError, match="path of this machine"):
        stage_data(run, publication, f"{CARD}{local}", None, tmp_path / "again")
