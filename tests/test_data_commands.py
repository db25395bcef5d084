"""The verbs on data, as a user types them: look, card, augment, ablate, folds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from conftest import finetune, review_rows, write_csv

from finetune.errors import RecipeError, RunFolderError, UsageError
from finetune.pipeline import run
from finetune.recipe import Recipe
from finetune.studies import ablate, cross_validate

PRIVATE = "ada.lovelace@example.org"


@pytest.fixture
def faulty(write_recipe: Callable[..., Path], tmp_path: Path) -> Path:
    """A recipe on data with an address in a review, a row twice, and a column that gives the label away."""
    rows = review_rows(150)
    rows = [row | {"code": "A" if row["label"] == "positive" else "B"} for row in rows]
    rows[3]["text"] += f", write to {PRIVATE}"
    rows.append(dict(rows[9]))
    return write_recipe(data__name=str(write_csv(tmp_path / "faulty.csv", rows)))


def test_data_writes_a_page_and_sums_it_up(faulty: Path, tmp_path: Path) -> None:
    done = finetune("data", faulty, "--output", tmp_path / "look")
    assert done.returncode == 0, done.stderr
    page, audit = tmp_path / "look/audit.html", json.loads((tmp_path / "look/audit.json").read_text())
    assert f"page: {page}" in done.stdout
    kinds = {finding["kind"] for finding in audit["findings"]}
    assert {"target leakage", "duplicates", "personal data"} <= kinds
    assert "code" in done.stdout
    for text in (done.stdout, done.stderr, page.read_text(), json.dumps(audit)):
        assert PRIVATE not in text
    assert "Traceback" not in done.stderr
    again = finetune("data", faulty, "--output", tmp_path / "look")
    assert again.returncode == 6
    assert "nothing is overwritten" in again.stderr


def test_data_as_json_writes_nothing(faulty: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = finetune("data", faulty, "--json")
    assert json.loads(done.stdout)["rows"]["raw"] == {"train": 151}
    assert sorted(tmp_path.rglob("*")) == before


def test_data_that_a_run_would_refuse_is_looked_at_all_the_same(
    write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    rows = [row | {"label": "same"} for row in review_rows(60)]
    recipe = write_recipe(data__name=str(write_csv(tmp_path / "one.csv", rows)))
    done = finetune("data", recipe, "--output", tmp_path / "look")
    assert done.returncode == 4
    audit = json.loads((tmp_path / "look/audit.json").read_text())
    assert audit["findings"][0]["kind"] == "refused"
    assert "at least two classes" in audit["findings"][0]["sentence"]
    assert [column["name"] for column in audit["columns"]] == ["text", "label", "stars", "site"]


def test_a_run_leaves_its_audit_and_the_drift_reference(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    done = finetune("run", write_recipe(output__run="one", inspection={"in_runs": True}))
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs/one"
    assert json.loads((run / "data/audit.json").read_text())["rows"]["prepared"]["train"] == 84
    assert (run / "data/audit.html").exists()
    reference = json.loads((run / "data/reference.json").read_text())
    assert set(reference["inputs"]) == {"text"}
    assert sum(reference["inputs"]["text"]["words"]["counts"]) == 84
    assert abs(sum(reference["predictions"]["shares"].values()) - 1) < 1e-9
    import pyarrow.parquet as pq

    table = pq.read_table(run / reference["embeddings"]["file"]).to_pydict()
    assert len(table["embedding"]) == len(table["row"]) == reference["embeddings"]["rows"] == 12
    assert {len(vector) for vector in table["embedding"]} == {reference["embeddings"]["dimensions"]}
    assert "audit.html" in (run / "report.html").read_text()


def test_cards_are_written_checked_and_found_wrong(faulty: Path, tmp_path: Path) -> None:
    cards = tmp_path / "cards"
    done = finetune("card", "data", faulty, "--cards", cards)
    assert done.returncode == 0, done.stderr
    (folder,) = cards.iterdir()
    assert PRIVATE not in "".join(path.read_text() for path in folder.iterdir())
    blank = finetune("card", "check", faulty, "--cards", cards)
    assert blank.returncode == 4
    assert "blank answer" in blank.stdout
    missing = finetune("card", "check", faulty, "--cards", tmp_path / "none")
    assert missing.returncode == 3
    assert "finetune card data RECIPE" in missing.stderr


def test_augment_shows_rows_and_what_becomes_of_them(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe()
    done = finetune("augment", recipe, "augmentation=[aeda]", "--rows", "3")
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(entries) == 3
    assert all(entry["original"] != entry["result"] for entry in entries)
    page = tmp_path / "preview.html"
    finetune("augment", recipe, "augmentation=[aeda, case]", "--preview", "--rows", "2", "--output", page)
    assert page.read_text().count("aeda") >= 2
    nothing = finetune("augment", recipe)
    assert nothing.returncode == 2
    assert "no augmentation" in nothing.stderr


def test_ablation_pairs_runs_by_seed_and_is_continued(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = make_recipe(
        augmentation=[{"method": "aeda", "copies": 2}], training__max_steps=4, output__run="study",
        evaluation__baselines=["majority"],
    )  # fmt: skip
    found = ablate(recipe, "augmentation", seeds=2)
    assert (found["seeds"], found["rows"], found["headline"]) == (2, 24, "f1")
    entry = found["differences"]["f1"]
    assert abs(sum(entry["each"]) / 2 - entry["value"]) < 1e-12
    assert abs(entry["second"] - entry["first"] - entry["value"]) < 1e-12
    assert entry["low"] <= entry["value"] <= entry["high"]
    assert found["verdict"] in ("helped", "hurt", "no difference shown")
    study = Path(found["folder"])
    assert {path.name for path in study.iterdir()} >= {
        "with-42",
        "with-43",
        "without-42",
        "without-43",
        "ablation.json",
    }
    training = json.loads((study / "with-42/training.json").read_text())
    assert training["augmentation"][0] | {"note": ""} == {"method": "aeda", "rows": 168, "note": "", "unchanged": 0}
    assert json.loads((study / "without-42/training.json").read_text())["augmentation"] == []
    written = {path: path.stat().st_mtime_ns for path in study.glob("*/evaluation.json")}
    shutil.rmtree(study / "with-43")
    again = ablate(recipe, "augmentation", seeds=2, resume=study)
    assert again["differences"] == found["differences"]
    kept = {path: path.stat().st_mtime_ns for path in written if path.parent.name != "with-43"}
    assert kept == {path: time for path, time in written.items() if path in kept}


def test_a_study_is_continued_as_it_was_begun(make_recipe: Callable[..., Recipe], tmp_path: Path) -> None:
    recipe = make_recipe(augmentation=["aeda"], training__max_steps=2, evaluation__baselines=["majority"],
                         output__run="study")  # fmt: skip
    ablate(recipe, "augmentation", seeds=1)
    study = tmp_path / "runs/study"
    other = recipe.model_copy(update={"training": recipe.training.model_copy(update={"learning_rate": 0.5})})
    with pytest.raises(RunFolderError, match="another recipe"):
        ablate(other, "augmentation", seeds=1, resume=study)
    with pytest.raises(RunFolderError, match="holds no ablation"):
        ablate(recipe, "augmentation", seeds=1, resume=study / "with-42")
    with pytest.raises(RunFolderError, match="another section 'cleaning'"):
        run(make_recipe(cleaning={"duplicates": "drop"}), resume=study / "with-42")


def test_data_that_leaks_is_shown_and_refused(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    rows = review_rows(120)
    (tmp_path / "leaking").mkdir()
    write_csv(tmp_path / "leaking/train.csv", rows[:90])
    write_csv(tmp_path / "leaking/test.csv", rows[80:])
    recipe = write_recipe(data__name=str(tmp_path / "leaking"))
    done = finetune("data", recipe, "--output", tmp_path / "look")
    assert done.returncode == 4
    finding = json.loads((tmp_path / "look/audit.json").read_text())["findings"][0]
    assert finding["kind"] == "refused"
    assert "test:0 = train:80" in finding["sentence"]
    assert "data.leakage: drop" in finding["sentence"]
    assert finetune("run", recipe).returncode == 4
    assert finetune("data", recipe, "data.leakage=drop", "--output", tmp_path / "again").returncode == 0


def test_folds_run_on_several_processes(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(
        evaluation__folds=2, training__max_steps=2, output__run="folds", evaluation__baselines=["majority"]
    )
    done = finetune("run", recipe, "--num-processes", "2")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "runs/folds/folds.json").read_text())["rows"] == 120


def test_folds_exclude_splits_by_time(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match="by chance"):
        make_recipe(evaluation__folds=3, data__split={"time": "stars"})


def test_ablation_refuses_what_is_not_there(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(UsageError, match="nothing to leave out"):
        ablate(make_recipe(), "augmentation")
    with pytest.raises(UsageError, match="augmentation"):
        ablate(make_recipe(), "training")


def test_folds_score_every_row_once(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = write_recipe(
        evaluation__folds=3, training__max_steps=4, output__run="folds", evaluation__baselines=["majority"]
    )
    done = finetune("run", recipe)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "runs/folds/folds.json").read_text())
    assert (found["folds"], found["rows"]) == (3, 120)
    own = found["systems"]["model"]["scores"]["accuracy"]
    assert abs(sum(own["each"]) / 3 - own["mean"]) < 1e-12
    assert 0 <= found["beaten"]["majority"] <= 3
    assert "fold" in done.stdout
    rows = [
        row
        for fold in (1, 2, 3)
        for row in json.loads((tmp_path / f"runs/folds/fold-{fold}/data/report.json").read_text())["splits"].values()
    ]
    assert sum(rows) == 3 * 120
    resumed = finetune("run", "--resume", tmp_path / "runs/folds")
    assert resumed.returncode == 0
    assert json.loads((tmp_path / "runs/folds/folds.json").read_text()) == found


def test_folds_need_to_be_asked_for(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(UsageError, match=r"evaluation\.folds"):
        cross_validate(make_recipe())


def test_a_model_on_columns_answers_rows_of_a_table(write_recipe: Callable[..., Path], tmp_path: Path) -> None:
    rows = [{"title": row["text"], "price": f"{1 + i % 9},5", "site": row["site"].upper() if i % 3 else row["site"],
             "label": row["label"]} for i, row in enumerate(review_rows(120))]  # fmt: skip
    recipe = write_recipe(
        data={"name": str(write_csv(tmp_path / "table.csv", rows)), "columns": {"label": "label"}},
        features={"numeric": ["price"], "categorical": ["site"], "template": "{title} for {price:.2f} in {site}"},
        cleaning={"numbers": {"price": {"decimal": ","}}, "missing": {"price": "mean"}, "categories": ["site"],
                  "normalize": ["urls"], "labels": {"positive": "good"}},
        training__max_steps=4, output__run="table",
    )  # fmt: skip
    done = finetune("run", recipe)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs/table"
    systems = json.loads((run / "evaluation.json").read_text())["systems"]
    assert set(systems) > {"model", "columns-linear", "columns-tree", "columns-forest", "columns-boosting"}
    row = {"title": "a great film", "price": "2,5", "site": "NORTH"}
    answered = finetune("predict", run, json.dumps(row), json.dumps(row | {"price": None}))
    assert len(answered.stdout.splitlines()) == 2, answered.stderr
    new = write_csv(tmp_path / "new.csv", [row])
    assert len(finetune("predict", run, "--file", new).stdout.splitlines()) == 1
    from finetune import load

    more = json.dumps(row | {"id": 7})  # what the model does not need does no harm
    assert (
        json.loads(finetune("predict", run, more).stdout)["scores"]
        == json.loads(answered.stdout.splitlines()[0])["scores"]
    )
    model = load(run)
    mean = json.loads((run / "model/finetune.json").read_text())["inputs"]["cleaning"]["fills"]["price"]
    read = model.read_inputs([row | {"price": None}])[0]["text"]
    assert read == f"a great film for {mean:.2f} in {'north' if 'north' in read else 'NORTH'}"
    plain = f"a great film for 2.50 in {read.rpartition(' ')[2]}"
    assert model.predict([row]) == model.predict([plain])
    with pytest.raises(UsageError, match="has no price"):
        model.predict([{"title": "x", "site": "north"}])


def test_the_recipe_of_a_run_can_be_read_again(write_recipe: Callable[..., Path]) -> None:
    path = write_recipe(cleaning={"missing": {"site": "most_frequent"}, "personal": "redact"}, augmentation=["aeda"])
    recipe = Recipe.from_yaml(path)
    assert Recipe.from_dict(yaml.safe_load(recipe.to_yaml())) == recipe.resolved()


def test_init_proposes_a_template_for_a_table_without_a_text(tmp_path: Path) -> None:
    rows = [
        {"id": f"n{i}", "age": str(20 + i % 50) if i % 9 else "NA", "income": f"1.{i:03d},50", "country": "X",
         "city": ("Rome", "Oslo")[i % 2], "label": ("stays", "leaves")[i % 3 % 2]}
        for i in range(90)
    ]  # fmt: skip
    recipe = tmp_path / "recipe.yaml"
    done = finetune("init", write_csv(tmp_path / "table.csv", rows), "--yes", "--output", recipe)
    assert done.returncode == 0, done.stderr
    written = Recipe.from_yaml(recipe)
    assert written.features.categorical == ("city",)
    assert set(written.features.numeric) == {"age", "income"}
    assert set(written.cleaning.numbers) == {"income"}
    assert "country" not in (written.features.template or "")
    assert "{age}" in (written.features.template or "")
