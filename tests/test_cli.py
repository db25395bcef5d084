"""The commands, as a user types them: every one in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from closeness import assert_close
from conftest import finetune, review_rows, write_csv

import finetune as package
from finetune.recipe import Recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """`finetune run` on the tiny recipe, with goals that hold."""
    base = tmp_path_factory.mktemp("cli")
    recipe = base / "reviews.yaml"
    recipe.write_text(yaml.safe_dump({
        "task": "text-classification", "model": {"name": str(tiny_model)},
        "data": {"name": str(write_csv(base / "rows.csv", review_rows(240))),
                 "columns": {"text": "text", "label": "label"}},
        "training": {"learning_rate": 5e-3, "bf16": False}, "evaluation": {"resamples": 100},
        "goals": {"accuracy": ">= 0.1"}, "output": {"folder": str(base / "runs"), "run": "first"},
    }))  # fmt: skip
    return base, finetune("run", recipe)


def test_run_prints_the_table_and_where_the_report_is(run: tuple[Path, Any]) -> None:
    base, done = run
    assert done.returncode == 0, done.stderr
    for word in (
        "Fine-tuned model",
        "Majority class",
        "TF-IDF + logistic regression",
        "accuracy",
        "goal holds",
        "fit:",
    ):
        assert word in done.stdout
    assert f"report: {base}/runs/first/report.html" in done.stdout
    for name in ("── Data", "── Training", "── Evaluation", "── Report", "the same answers on"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    files = ["recipe.yaml", "environment.json", "training.json", "evaluation.json", "bias.json", "report.html",
             "README.md", "data/report.json", "predictions/test.parquet", "model/adapter_config.json"]  # fmt: skip
    assert [name for name in files if not (base / "runs/first" / name).exists()] == []


def test_goals_that_do_not_hold_end_with_their_own_exit_code(run: tuple[Path, Any]) -> None:
    done = finetune(
        "run", run[0] / "reviews.yaml", "goals.accuracy='>= 1.01'", "output.run=missed", "training.max_steps=1"
    )
    assert done.returncode == 10, done.stderr
    assert "goal MISSED" in done.stdout
    assert "1 of 1 goals do not hold" in done.stderr
    launched = finetune("run", run[0] / "reviews.yaml", "goals.accuracy='>= 1.01'", "output.run=launched",
                        "training.max_steps=1", "--num-processes", "1")  # fmt: skip
    assert launched.returncode == 10, launched.stderr


def test_accelerate_launch_runs_the_whole_recipe(run: tuple[Path, Any]) -> None:
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "1", "-m", "finetune", "run"]
    done = subprocess.run(
        [*command, str(run[0] / "reviews.yaml"), "output.run=launch", "training.max_steps=2"],
        capture_output=True, text=True, check=False, timeout=300, env={**os.environ, "ACCELERATE_USE_CPU": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (run[0] / "runs/launch/report.html").exists()


def test_an_accelerate_configuration_starts_the_run(run: tuple[Path, Any], tmp_path: Path) -> None:
    config = tmp_path / "accelerate.yaml"
    config.write_text(yaml.safe_dump({
        "compute_environment": "LOCAL_MACHINE", "distributed_type": "MULTI_GPU", "num_processes": 2,
        "num_machines": 1, "machine_rank": 0, "mixed_precision": "no", "main_process_port": 0,
    }))  # fmt: skip
    done = finetune("run", run[0] / "reviews.yaml", "output.run=configured", "training.max_steps=1",
                    "--accelerate-config", config)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((run[0] / "runs/configured/environment.json").read_text())["processes"] == 2
    missing = finetune("run", run[0] / "reviews.yaml", "--accelerate-config", tmp_path / "none.yaml")
    assert missing.returncode == 2
    assert "accelerate config" in missing.stderr


def test_an_error_of_all_processes_is_told_once_with_its_exit_code(run: tuple[Path, Any]) -> None:
    base, _ = run
    cases = {"data.columns.label=labl": (4, "no column 'labl'"), "model.name=/none/such": (3, "There is no model at")}
    for index, (override, (code, message)) in enumerate(cases.items()):
        done = finetune("run", base / "reviews.yaml", override, f"output.run=wrong{index}", "--num-processes", "2")
        assert done.returncode == code, done.stderr
        assert done.stderr.count(message) == 1
        assert "Traceback" not in done.stderr
        assert not (base / "runs" / f"wrong{index}").exists(), "nothing was begun, so nothing may be left behind"


def test_predict_answers_texts_files_and_standard_input(run: tuple[Path, Any], tmp_path: Path) -> None:
    folder = run[0] / "runs/first"
    texts = ["a great lovely film number 3", "a dull awful book number 8"]
    done = finetune("predict", folder, *texts)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["input"] for a in answers] == texts
    assert set(answers[0]["scores"]) == {"negative", "positive"}
    model = package.load(folder)
    assert_close([{k: v for k, v in a.items() if k != "input"} for a in answers], model.predict(texts), 1e-5)
    assert all(len(f"{v:g}") <= 12 for a in answers for v in a["scores"].values()), "six digits are plenty"
    asked = [json.dumps({"text": texts[0], "other": 1}), "{not json"]
    structured = [json.loads(line) for line in finetune("predict", folder, *asked).stdout.splitlines()]
    assert [a["input"] for a in structured] == [{"text": texts[0], "other": 1}, asked[1]]
    assert structured[0]["scores"] == answers[0]["scores"], "columns that the model does not read do no harm"
    refused = finetune("predict", folder, '{"no": "columns"}')
    assert refused.returncode == 2
    assert "none of the columns that the model reads, but 'no'" in refused.stderr
    piped = finetune("predict", folder, input="\n".join(texts))
    assert piped.stdout == done.stdout
    file, output = write_csv(tmp_path / "new.csv", [{"text": t} for t in texts]), tmp_path / "answers.jsonl"
    assert finetune("predict", folder, "--file", file, "--output", output).returncode == 0
    assert [json.loads(line)["prediction"] for line in output.read_text().splitlines()] == [
        a["prediction"] for a in answers
    ]
    again = finetune("predict", folder, "--file", file, "--output", output)
    assert again.returncode == 2
    assert "nothing is overwritten" in again.stderr


def test_evaluate_and_report_come_to_the_same_figures(run: tuple[Path, Any]) -> None:
    folder = run[0] / "runs/first"
    before = json.loads((folder / "evaluation.json").read_text())
    (folder / "report.html").unlink()
    done = finetune("evaluate", folder)
    assert done.returncode == 0, done.stderr
    after = json.loads((folder / "evaluation.json").read_text())
    for system in before["systems"]:
        assert after["systems"][system]["scores"] == before["systems"][system]["scores"]
    assert after["diagnosis"] == before["diagnosis"]
    (folder / "report.html").unlink()
    assert finetune("report", folder).returncode == 0
    assert (folder / "report.html").exists()


def test_compare_tests_two_runs(run: tuple[Path, Any]) -> None:
    runs = run[0] / "runs"
    finetune("run", run[0] / "reviews.yaml", "output.run=other", "training.max_steps=2", "training.seed=7")
    done = finetune("compare", runs / "first", runs / "other")
    assert done.returncode == 0, done.stderr
    assert "p (Holm)" in done.stdout
    assert "80% power" in done.stdout
    result = json.loads(finetune("compare", runs / "first", runs / "other", "--json").stdout)
    scores = [
        json.loads((runs / n / "evaluation.json").read_text())["systems"]["model"]["scores"] for n in ("first", "other")
    ]
    wanted = scores[1]["accuracy"]["value"] - scores[0]["accuracy"]["value"]
    assert result["differences"]["accuracy"]["value"] == pytest.approx(wanted)


def test_resume_of_a_finished_training_goes_on_with_the_evaluation(run: tuple[Path, Any]) -> None:
    folder = run[0] / "runs/first"
    before = (folder / "model/adapter_model.safetensors").read_bytes()
    scores = json.loads((folder / "evaluation.json").read_text())["systems"]["model"]["scores"]
    (folder / "evaluation.json").unlink()
    refused = finetune("report", folder)
    assert refused.returncode == 6
    assert f"finetune run --resume {folder}" in refused.stderr
    done = finetune("run", "--resume", folder)
    assert done.returncode == 0, done.stderr
    assert "had finished" in done.stderr
    assert (folder / "model/adapter_model.safetensors").read_bytes() == before
    assert json.loads((folder / "evaluation.json").read_text())["systems"]["model"]["scores"] == scores


def test_plan_validate_tasks_schema_env(run: tuple[Path, Any], tmp_path: Path) -> None:
    recipe = run[0] / "reviews.yaml"
    assert "is valid" in finetune("validate", recipe).stdout
    planned = finetune("plan", recipe)
    assert planned.returncode == 0, planned.stderr
    for word in ("rows", "tokens of train", "cut at", "parameters", "steps", "peak memory", "time"):
        assert word in planned.stdout
    assert json.loads(finetune("plan", recipe, "--json").stdout)["steps"] > 0
    assert "text-classification" in finetune("tasks").stdout
    schema = tmp_path / "schema.json"
    assert finetune("schema", "--output", schema).returncode == 0
    assert json.loads(schema.read_text()) == json.loads(finetune("schema").stdout) == Recipe.model_json_schema()
    versions = json.loads(finetune("env").stdout)["versions"]
    assert versions["finetune-recipes"] == package.__version__


def test_init_writes_a_recipe_that_runs(tmp_path: Path, tiny_model: Path) -> None:
    rows = [{"Review": r["text"], "Sentiment": r["label"], "id": i} for i, r in enumerate(review_rows())]
    data, recipe = write_csv(tmp_path / "export.csv", rows), tmp_path / "mine.yaml"
    refused = finetune("init", data, "--output", recipe, "--yes")
    assert refused.returncode == 0, refused.stderr + refused.stdout
    made = Recipe.from_yaml(recipe)
    assert dict(made.data.columns) == {"text": "Review", "label": "Sentiment"}
    assert made.options["problem_type"] == "single_label"
    done = finetune("run", recipe, f"model.name={tiny_model}", f"output.folder={tmp_path}/runs", "training.max_steps=1",
                    "goals={}")  # fmt: skip
    assert done.returncode == 0, done.stderr
    again = finetune("init", data, "--output", recipe, "--yes")
    assert again.returncode == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([{"text": f"t {i} x", "label": 1.5 + i / 7} for i in range(40)], "regression"),
        ([{"text": f"t {i} x", "label": ("a|b", "b", "a|c", "c|b")[i % 4]} for i in range(40)], "multi_label"),
    ],
)
def test_init_knows_what_it_looks_at(rows: list[dict[str, Any]], kind: str, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    done = finetune("init", write_csv(tmp_path / "d.csv", rows), "--output", recipe, "--yes")
    assert done.returncode == 0, done.stderr
    assert Recipe.from_yaml(recipe).options["problem_type"] == kind


def test_init_asks_when_somebody_is_there(tmp_path: Path) -> None:
    """On a terminal every proposal can be changed."""
    data = write_csv(tmp_path / "d.csv", [{"subject": "s", "text": f"t {i}", "label": "ab"[i % 2]} for i in range(20)])
    main, other = pty.openpty()
    command = [sys.executable, "-m", "finetune", "init", str(data), "--output", str(tmp_path / "r.yaml")]
    process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other)
    seen = ""
    for prompt, answer in (
        ("Task", ""),
        ("Column for text", "subject"),
        ("Column for label", ""),
        ("Pretrained model", "org/mine"),
    ):
        seen = _read_until(main, prompt)
        os.write(main, f"{answer}\n".encode())
    seen = _read_until(main, "Wrote")
    assert process.wait(60) == 0, seen
    made = Recipe.from_yaml(tmp_path / "r.yaml")
    assert (made.data.columns["text"], made.data.columns["label"], made.model.name) == ("subject", "label", "org/mine")


def _read_until(terminal: int, wanted: str) -> str:
    text, deadline = "", time.monotonic() + 60
    while wanted not in text:
        assert time.monotonic() < deadline, text
        if select.select([terminal], [], [], 1)[0]:
            text += os.read(terminal, 4096).decode()
    return text


def test_help_documents_the_exit_codes() -> None:
    text = finetune("--help").stdout
    verbs = ("init", "validate", "plan", "run", "evaluate", "predict", "report", "compare", "tasks", "schema", "env")
    for verb in verbs:
        assert f"\n  {verb} " in text
    assert "10 the run finished and its goals do not hold" in text


def test_an_unknown_command_or_option_is_a_usage_error() -> None:
    for arguments in (["rum"], ["run", "--nope"], ["run"]):
        done = finetune(*arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = finetune("--debug", "validate", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "There is no recipe at" in done.stderr


@pytest.mark.parametrize(
    ("row", "task"),
    [
        ({"text": "t", "label": 1}, "text-classification"),
        ({"sentence1": "a", "sentence2": "b", "score": 0.5}, "text-classification"),
        ({"tokens": ["a", "b"], "ner_tags": [0, 1]}, "token-classification"),
        ({"id": "1", "question": "q", "context": "c q", "answers": {"text": ["q"], "answer_start": [2]}},
         "question-answering"),
        ({"anchor": "a", "positive": "b", "negative": "c"}, "sentence-similarity"),
        ({"query": "q", "documents": ["a", "b"], "relevance": [1, 0]}, "text-ranking"),
        ({"startphrase": "a", "ending0": "b", "ending1": "c", "label": 0}, "multiple-choice"),
        ({"text": "nothing but text"}, "fill-mask"),
        ({"unheard": "a", "of": 1}, "text-classification"),
    ],
)  # fmt: skip
def test_the_task_is_recognized_by_its_columns(row: dict[str, Any], task: str) -> None:
    from datasets import Dataset

    from finetune.data.columns import recognize_task

    assert recognize_task(Dataset.from_list([row] * 3)) == task


def test_init_writes_a_recipe_for_another_task(tmp_path: Path) -> None:
    import json

    rows = [{"words": ["ada", "met", "grace"], "tags": ["B-PER", "O", "B-PER"]} for _ in range(30)]
    (tmp_path / "tags.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = finetune("init", tmp_path / "tags.jsonl", "--output", tmp_path / "r.yaml", "--yes")
    assert done.returncode == 0, done.stderr
    made = Recipe.from_yaml(tmp_path / "r.yaml")
    assert made.task == "token-classification"
    assert dict(made.data.columns) == {"tokens": "words", "tags": "tags"}
    assert "entity_f1" in (tmp_path / "r.yaml").read_text()
