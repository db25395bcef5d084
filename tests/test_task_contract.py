"""What every task promises, run on every variant of every task: a new task needs no test of its own for any of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

import finetune
from finetune.metrics import direction, load_metric, metric_facts, metric_outputs
from finetune.recipe import Recipe, task_names
from finetune.task import Example, Task, load_task, task_class

VARIANTS = [(name, variant) for name in task_names() for variant in task_class(name).examples()]
IDS = [f"{name}-{variant}" for name, variant in VARIANTS]
PERFECT = {"higher": 1.0, "lower": 0.0}


@cache
def example(name: str, variant: str) -> Example:
    return task_class(name).examples()[variant]


@pytest.fixture(scope="module", params=VARIANTS, ids=IDS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of that variant, fine-tuned by the real pipeline."""
    name, variant = request.param
    folder = tmp_path_factory.mktemp("contract")
    given = example(name, variant)
    given.save_model(str(folder / "base"))
    Dataset.from_list(given.rows).to_parquet(folder / "rows.parquet")
    recipe = Recipe.from_dict({
        "task": name, "name": "contract", "options": given.options,
        "model": {"name": str(folder / "base")}, "data": {"name": str(folder / "rows.parquet")},
        "adapter": {"r": 4},
        "training": {"learning_rate": 5e-3, "num_train_epochs": 20, "train_batch_size": 8, "bf16": False,
                     "report_to": ["none"], "logging_steps": 1},
        "evaluation": {"resamples": 100}, "output": {"folder": str(folder), "run": "run"},
    })  # fmt: skip
    data = finetune.prepare(recipe)
    model = finetune.fit(recipe, data)
    return folder / "run", model, given


@pytest.mark.parametrize("name", task_names())
def test_a_task_describes_itself(name: str) -> None:
    cls = task_class(name)
    assert cls.name == name
    assert [c.kind for c in cls.columns].count("target") == 1
    assert len({c.name for c in cls.columns}) == len(cls.columns)
    assert (cls.__doc__ or "").strip()
    for key, field in cls.Options.model_fields.items():
        assert field.description, f"options.{key} has no docstring"


def test_metrics_and_baselines_exist_and_fit(trained: Any) -> None:
    from finetune.evaluation.baselines import baseline_names

    task: Task = trained[1].task
    assert task.metrics
    for metric in task.metrics:
        facts = metric_facts(metric)
        assert facts is not None
        assert task.kind in facts.kinds
    assert set(task.baselines) <= set(baseline_names(task))
    assert len(task.baselines) >= 2


def test_one_prediction_per_row_in_the_rows_order(trained: Any) -> None:
    _, model, _ = trained
    rows = list(model.data.test)
    together = model.predict_rows(rows)
    assert len(together) == len(rows)
    backwards = model.predict_rows(rows[::-1])[::-1]
    model.batch_size, size = 1, model.batch_size
    single = model.predict_rows(rows)
    model.batch_size = size
    for one, other, alone in zip(together, backwards, single, strict=True):
        assert_close(one, other)
        assert_close(one, alone)
    assert model.predict_rows([]) == []


def assert_close(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The same answer, but for the last bits that another padding changes."""
    if isinstance(one["prediction"], float):
        assert one["prediction"] == pytest.approx(other["prediction"], abs=1e-5)
    assert one.get("scores", {}) == pytest.approx(other.get("scores", {}), abs=1e-5)


def test_predicting_needs_no_target(trained: Any) -> None:
    _, model, _ = trained
    target = model.task.target_column().name
    rows = list(model.data.test)
    bare = [{key: value for key, value in row.items() if key != target} for row in rows]
    assert model.predict_rows(bare) == model.predict_rows(rows)


def test_perfect_predictions_have_perfect_scores(trained: Any) -> None:
    task: Task = trained[1].task
    references = trained[1].data.train[task.target_column().name]
    arrays = task.arrays(task.perfect(references), references)
    for name in task.metrics:
        metric = load_metric(name)
        given = arrays["scores"] if metric.needs_scores else arrays["predictions"]
        scores = metric.measure(given, arrays["references"], **task.metric_settings())
        assert set(scores) == set(metric_outputs(name))
        for score, value in scores.items():
            assert value == pytest.approx(PERFECT[direction(score)]), score


def test_the_loss_falls(trained: Any) -> None:
    validations = trained[1].training["validations"]
    first = trained[1].training["history"][0]["loss"]
    assert min(v["train_loss"] for v in validations) < 0.8 * first


def test_saved_and_loaded_it_answers_bit_for_bit_the_same(trained: Any) -> None:
    folder, model, _ = trained
    rows = list(model.data.test)
    again = finetune.load(folder)
    assert again.is_adapter
    assert again.predict_rows(rows) == model.predict_rows(rows)
    assert again.task.state() == model.task.state()


def test_the_merged_model_agrees_with_the_adapter(trained: Any) -> None:
    from dataclasses import replace

    _, model, _ = trained
    rows = list(model.data.test)
    merged = replace(model, model=model.merged())
    assert not merged.is_adapter
    assert model.is_adapter, "merging must not change the model that was merged"
    for one, other in zip(model.predict_rows(rows), merged.predict_rows(rows), strict=True):
        for name, probability in one.get("scores", {"": one["prediction"]}).items():
            assert other.get("scores", {"": other["prediction"]})[name] == pytest.approx(probability, abs=1e-4)


def test_full_fine_tuning_saves_and_loads_too(tmp_path: Path, make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(adapter__method="none", training__max_steps=3, training__learning_rate=1e-3)
    data = finetune.prepare(recipe)
    model = finetune.fit(recipe, data)
    assert not model.is_adapter
    folder = next((tmp_path / "runs").iterdir())
    assert (folder / "model" / "model.safetensors").exists()
    assert finetune.load(folder).predict_rows(list(data.test)) == model.predict_rows(list(data.test))


def test_loss_with_an_item_count_is_the_sum_over_it(trained: Any) -> None:
    """Halves of a batch, each divided by the whole's item count, add up to the whole's mean loss."""
    import torch

    _, model, _ = trained
    task, rows = model.task, list(model.data.train)[:8]
    collate = task.collator(model.processor)
    features = task.encode(rows, model.processor, model.max_length)
    batch = collate([{k: v for k, v in f.items() if k not in ("length", "truncated")} for f in features])
    labels = batch.pop("labels")
    with torch.no_grad():
        logits = model.model(**batch).logits
    whole = task.loss({"logits": logits}, labels, None)
    count = task.count_items(labels)
    halves = [task.loss({"logits": logits[part]}, labels[part], count) for part in (slice(0, 3), slice(3, 8))]
    assert float(sum(halves)) == pytest.approx(float(whole), rel=1e-5)


@pytest.mark.parametrize(("name", "variant"), VARIANTS, ids=IDS)
def test_targets_survive_being_described(name: str, variant: str) -> None:
    """What `predictions/*.parquet` holds for a reader parses back to what it was."""
    from finetune.task import TargetHints

    given = example(name, variant)
    task = load_task(name, given.options)
    column = next(a for a in task.target_column().aliases if a in given.rows[0])
    learned = task.learn([row[column] for row in given.rows], TargetHints())
    for row in given.rows:
        value = learned.parse_target(row[column])
        assert np.array_equal(learned.parse_target(learned.describe_target(value)), value)
    assert learned.with_state(learned.state()).state() == learned.state()
