"""The schema: what it takes, what it refuses, and how it says so."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from finetune.documents import apply_overrides, parse_value, read_document
from finetune.errors import RecipeError
from finetune.recipe import Recipe, parse_goal

MINIMAL = "task: text-classification\nmodel: {name: org/model}\ndata: {name: org/data}\n"


def recipe(text: str, tmp_path: Path, *overrides: str) -> Recipe:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return Recipe.from_yaml(path, overrides)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("5e-5", 5e-5), ("1E3", 1000.0), ("3e-4", 3e-4), (".5", 0.5), ("1_000", 1000), ("-7", -7), ("true", True),
     ("no", "no"), ("on", "on"), ("2024-01-01", "2024-01-01"), ("'5e-5'", "5e-5"), ("v1.0.0", "v1.0.0"), ("", None)],
)  # fmt: skip
def test_numbers_and_words_mean_what_people_mean(written: str, meant: Any) -> None:
    value = parse_value(written, "key")
    assert value == meant
    assert type(value) is type(meant)


def test_defaults_yaml_and_overrides_in_this_order(tmp_path: Path) -> None:
    text = MINIMAL + "training: {learning_rate: 5e-5, seed: 1}\n"
    made = recipe(text, tmp_path, "training.learning_rate=3e-4", "adapter.layers=[-1, -2]", "goals.f1='>= 0.7'")
    assert made.training.learning_rate == 3e-4
    assert made.training.seed == 1
    assert made.training.train_batch_size == 32
    assert made.adapter.layers == (-1, -2)
    assert made.goals == {"f1": ">= 0.7"}
    assert made.name == "recipe"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MINIMAL + "training:\n  learning_rte: 1", ["line 5: training.learning_rte: unknown key", "'learning_rate'"]),
        (MINIMAL + "adaptor: {r: 8}", ["line 4: adaptor: unknown key", "'adapter'"]),
        (MINIMAL + "training: {num_train_epochs: many}", ["training.num_train_epochs", "valid number", "'many'"]),
        (MINIMAL + "training: {warmup_ratio: 1.5}", ["training.warmup_ratio", "less than 1", "1.5"]),
        (MINIMAL + "adapter: {method: lorra}", ["adapter.method", "'lora' or 'none'", "'lorra'"]),
        (MINIMAL + "goals: {f1: 0.7}", ["goals", "such as '>= 0.8'"]),
        (MINIMAL + "goals: {beats_baselines: sometimes}", ["beats_baselines", "true or false"]),
        (MINIMAL + "data2: 1\ntask: other", ["stands twice", "line 5"]),
        ("task: text-classfication\nmodel: {name: a}\ndata: {name: b}", ["line 1: task", "'text-classification'"]),
        ("task: text-classification\ndata: {name: b}", ["model: is required and missing"]),
        ("task: [text", ["not valid YAML", "line 1"]),
        ("just a text", ["it has to be sections"]),
        (MINIMAL + "card: {intended_use: hf_abcdefghijklmnopqrstuv}", ["card.intended_use", "access token"]),
        (MINIMAL.replace("org/data", "'postgresql://me:pw@host/db'"), ["data.name", "password", ".pgpass"]),
        (MINIMAL.replace("org/data}", "org/data, split: {stratify: perhaps}}"), ["data.split.stratify", "boolean"]),
        (MINIMAL.replace("org/data}", "org/data, labels: {bins: [1, 0]}}"), ["data.labels.bins", "ascending"]),
        (MINIMAL.replace("org/data}", "org/data, split: {test: 0.6, validation: 0.5}}"), ["nothing is left to train"]),
        (MINIMAL.replace("org/data}", "org/data, splits: {test: test}}"), ["data.splits", "train"]),
        (MINIMAL.replace("org/data}", "org/data, sha256: xyz}"), ["data.sha256"]),
    ],
)
def test_what_does_not_fit_is_explained_with_its_place(text: str, expected: list[str], tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(text, tmp_path)
    for part in expected:
        assert part in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="3 problems"):
        recipe(MINIMAL + "training: {seed: -1, warmup_ratio: 2}\nfoo: 1", tmp_path)


@pytest.mark.parametrize("override", ["training.seed", "=3", "training..seed=3"])
def test_overrides_of_another_form_are_refused(override: str) -> None:
    with pytest.raises(RecipeError, match=r"section\.key=value"):
        apply_overrides({}, [override])


def test_an_override_below_a_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="task is 'text-classification' in the recipe, which has no keys"):
        recipe(MINIMAL, tmp_path, "task.name=other")


def test_overrides_leave_the_original_alone() -> None:
    original = {"training": {"seed": 1}}
    assert apply_overrides(original, ["training.seed=2"]) == {"training": {"seed": 2}}
    assert original == {"training": {"seed": 1}}


def test_a_recipe_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        recipe(MINIMAL, tmp_path).task = "other"


def test_the_resolved_recipe_reads_back_as_itself(tmp_path: Path) -> None:
    made = recipe(MINIMAL + "adapter: {layers: [1]}\ngoals: {f1: '>= 0.5'}", tmp_path).resolved()
    assert made.training.learning_rate == 1e-3
    again = tmp_path / "again.yaml"
    again.write_text(made.to_yaml(), encoding="utf-8")
    assert Recipe.from_yaml(again) == made


@given(st.floats(min_value=1e-8, max_value=1), st.integers(0, 10**9))
@settings(max_examples=50, deadline=None)
def test_every_number_survives_writing_and_reading(rate: float, seed: int) -> None:
    made = Recipe.from_dict({
        "task": "text-classification", "model": {"name": "a"}, "data": {"name": "b"},
        "training": {"learning_rate": rate, "seed": seed},
    })  # fmt: skip
    assert Recipe.from_dict(parse_value(made.to_yaml(), "recipe")) == made


def sections(model: type[BaseModel], place: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, field in model.model_fields.items():
        found.append((f"{place}{name}", field))
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += sections(field.annotation, f"{place}{name}.")
    return found


def test_every_key_is_documented_and_in_the_schema() -> None:
    assert len(sections(Recipe)) > 60
    assert [place for place, field in sections(Recipe) if not field.description] == []
    schema = Recipe.model_json_schema()
    assert set(schema["properties"]) == set(Recipe.model_fields)
    assert schema["additionalProperties"] is False
    json.dumps(schema)


def test_lines_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("a:\n  b: 1\n  c:\n    d: 2\n", encoding="utf-8")
    document = read_document(path)
    assert [document.line(p) for p in (("a",), ("a", "c", "d"), ("a", "x"), ("z",))] == [1, 4, 1, None]


@pytest.mark.parametrize(("goal", "parsed"), [(">= 0.7", (">=", 0.7)), ("<5e-2", ("<", 0.05)), ("== -1", ("==", -1.0))])
def test_goals(goal: str, parsed: tuple[str, float]) -> None:
    assert parse_goal(goal) == parsed


def test_validation_and_help_import_no_torch(tmp_path: Path) -> None:
    """Loading the recipe and the task's options, and printing help, must not wait for torch or transformers."""
    path = tmp_path / "recipe.yaml"
    path.write_text(MINIMAL + "options: {threshold: 0.4}\nevaluation: {metrics: [f1]}\n", encoding="utf-8")
    script = (
        "import sys, finetune\n"
        "from finetune.cli.commands import finetune as cli\n"
        f"finetune.validate(finetune.Recipe.from_yaml({str(path)!r}))\n"
        "cli(['--help'], standalone_mode=False)\n"
        "heavy = {'torch', 'transformers', 'datasets', 'sklearn', 'scipy', 'pandas', 'evaluate', 'gradio'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    assert time.perf_counter() - started < 20  # a guard against a hang, no measurement: benchmarks/startup.py measures
