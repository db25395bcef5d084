"""The fit: batches, adapters, guards, memory, early stopping, what is kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import review_rows, write_csv
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

import finetune
from finetune.errors import DivergenceError, MemoryLimitError, RecipeError
from finetune.recipe import AdapterSection, Recipe
from finetune.task import TargetHints, load_task
from finetune.tasks.text_classification import TextClassification
from finetune.training.adapters import choose_modules
from finetune.training.batching import StepSampler, plan_batches
from finetune.training.callbacks import Guard, Schedule

lengths = st.lists(st.integers(1, 60), min_size=1, max_size=200)


@given(lengths, st.integers(1, 32), st.integers(0, 5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_epoch_has_every_row_and_whole_steps(rows: list[int], size: int, epoch: int, group: bool) -> None:
    sampler = StepSampler(rows, size, seed=3, group=group)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert len(order) == len(sampler)
    assert len(order) % size == 0
    counts = Counter(order)
    assert set(counts) == set(range(len(rows)))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert order == list(sampler), "the same epoch has the same order"


def test_grouping_by_length_saves_padding_and_epochs_differ() -> None:
    rows = np.random.default_rng(0).integers(5, 60, 1000).tolist()

    def padding(group: bool) -> int:
        steps = np.array(list(StepSampler(rows, 20, 0, group=group))).reshape(-1, 20)
        return sum(20 * max(rows[i] for i in step) - sum(rows[i] for i in step) for step in steps)

    assert padding(group=True) < padding(group=False) / 4
    sampler = StepSampler(rows, 20, 0, group=True)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first


@pytest.mark.parametrize(
    ("size", "processes", "limit", "micro", "accumulation"),
    [(32, 1, None, 32, 1), (32, 2, None, 16, 1), (32, 4, 3, 2, 4), (30, 1, 8, 6, 5), (8, 8, None, 1, 1)],
)
def test_the_global_batch_is_kept(size: int, processes: int, limit: int | None, micro: int, accumulation: int) -> None:
    plan = plan_batches(size, processes, limit)
    assert (plan.micro, plan.accumulation) == (micro, accumulation)
    assert plan.micro * plan.accumulation * plan.processes == size


def test_a_batch_that_cannot_be_shared_is_refused_with_sizes_that_can() -> None:
    with pytest.raises(RecipeError, match="3 processes cannot share evenly") as caught:
        plan_batches(32, 3, None)
    assert "30 or 33" in caught.value.remedy


@pytest.mark.parametrize(("steps", "times", "points"), [(10, 1, {10}), (10, 3, {4, 7, 10}), (2, 5, {1, 2})])
def test_validation_is_due_at_fixed_points_of_an_epoch(steps: int, times: int, points: set[int]) -> None:
    assert Schedule(steps, times).points == points


def encoder() -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(
        BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=8)
    )


def test_adapters_go_where_the_recipe_says() -> None:
    model = encoder()
    everything = choose_modules(model, AdapterSection())
    assert "classifier" not in everything
    assert len(everything) == 3 * 6 + 1  # six linear layers each, and the pooler
    top = choose_modules(model, AdapterSection(layers=(-1,), target_modules=("query", "value")))
    assert top == ["bert.encoder.layer.2.attention.self.query", "bert.encoder.layer.2.attention.self.value"]
    assert choose_modules(model, AdapterSection(target_modules=r".*\.layer\.0\.output\.dense")) == [
        "bert.encoder.layer.0.output.dense"
    ]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (AdapterSection(target_modules=("qury",)), "fits no linear module"),
        (AdapterSection(layers=(7,)), "the model has 3 layers"),
    ],
)
def test_adapters_that_fit_nothing_are_refused(section: AdapterSection, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        choose_modules(encoder(), section)


def fit(recipe: Recipe) -> tuple[Any, Path]:
    data = finetune.prepare(recipe)
    model = finetune.fit(recipe, data)
    return model, next(iter(Path(recipe.output.folder).iterdir()))


def test_the_head_is_saved_with_the_adapter_and_nothing_is_pickled(make_recipe: Callable[..., Recipe]) -> None:
    _, folder = fit(make_recipe(training__report_to=["tensorboard"]))
    with safe_open(folder / "model" / "adapter_model.safetensors", "pt") as opened:
        names = list(opened.keys())
    assert any("classifier" in name for name in names)
    assert any("lora_A" in name for name in names)
    # Optimizer and random states are torch's own format and are read with weights_only; all else is safetensors.
    pickles = {p.name for p in folder.rglob("*") if p.suffix in (".bin", ".pt", ".pth", ".pkl")}
    assert pickles <= {"optimizer.pt", "scheduler.pt", "rng_state.pth"}
    assert list(folder.glob("logs/events.out.tfevents.*"))


def test_early_stopping_keeps_the_best_checkpoint(tmp_path: Path, make_recipe: Callable[..., Recipe]) -> None:
    """Labels drawn by lot can be learned by heart but not predicted: the validation loss has to rise."""
    generator = np.random.default_rng(0)
    rows = [row | {"label": ("a", "b")[generator.integers(2)]} for row in review_rows(160)]
    recipe = make_recipe(
        data__name=str(write_csv(tmp_path / "noise.csv", rows)), training__early_stopping_patience=2,
        training__num_train_epochs=40, adapter__r=16, data__split={"validation": 0.3, "test": 0.2},
    )  # fmt: skip
    model, _ = fit(recipe)
    training = model.training
    losses = {v["step"]: v["validation_loss"] for v in training["validations"]}
    assert training["steps"] < training["planned_steps"]
    assert training["best_step"] == min(losses, key=lambda step: losses[step])
    logits = model.predict_rows(list(model.data.validation))
    arrays = model.task.arrays(logits, model.data.validation["label"])
    loss = -np.log(arrays["scores"][np.arange(len(logits)), arrays["references"]]).mean()
    assert loss == pytest.approx(min(losses.values()), rel=1e-4), "the model in memory is not the best checkpoint's"


def test_out_of_memory_is_met_with_a_smaller_micro_batch_and_the_same_result(
    make_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole, _ = fit(make_recipe())
    honest = TextClassification.loss

    def loss(self: Any, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any) -> torch.Tensor:
        if outputs["logits"].requires_grad and len(labels) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return honest(self, outputs, labels, num_items_in_batch)

    monkeypatch.setattr(TextClassification, "loss", loss)
    with caplog.at_level("WARNING", "finetune"):
        small, _ = fit(make_recipe(output__run="small"))
    assert small.training["batch"] == {"size": 16, "processes": 1, "micro": 4, "accumulation": 4}
    assert "Out of memory with 16 rows at a time; again with 8" in caplog.text
    np.testing.assert_allclose(
        [h["loss"] for h in small.training["history"]], [h["loss"] for h in whole.training["history"]], rtol=2e-4
    )


def test_out_of_memory_at_one_row_ends_in_advice(
    make_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(*_: Any, **__: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(TextClassification, "loss", loss)
    with pytest.raises(MemoryLimitError, match=r"1 row\(s\) at a time") as caught:
        fit(make_recipe())
    assert "max_length" in caught.value.remedy


def test_weights_that_are_not_numbers_stop_the_fit(
    make_recipe: Callable[..., Recipe], tiny_model: Path, tmp_path: Path
) -> None:
    import shutil

    from safetensors.numpy import load_file, save_file

    broken = shutil.copytree(tiny_model, tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    tensors["encoder.layer.0.output.dense.weight"][:] = np.nan
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(DivergenceError, match="at step 1, before anything was learned") as caught:
        fit(make_recipe(model__name=str(broken)))
    assert "damaged weights" in caught.value.remedy


def log(guard: Guard, step: int, loss: float, norm: float) -> None:
    arguments, state = SimpleNamespace(learning_rate=1e-3), SimpleNamespace(global_step=step)
    guard.on_log(arguments, state, None, {"loss": loss, "grad_norm": norm, "learning_rate": 1e-3})


def test_an_exploding_gradient_stops_the_fit_and_a_lively_one_does_not() -> None:
    guard = Guard()
    for step, norm in enumerate([1.0, 2.0, 0.5, 1.5, 1.0, 40.0]):
        log(guard, step, 0.7, norm)
    with pytest.raises(DivergenceError, match="exploded at step 9"):
        log(guard, 9, 55.0, 5e4)


@pytest.mark.parametrize(("loss", "norm"), [(float("nan"), 1.0), (float("inf"), 1.0), (0.7, float("nan"))])
def test_what_is_not_finite_stops_the_fit(loss: float, norm: float) -> None:
    guard = Guard()
    log(guard, 1, 0.7, 1.0)
    with pytest.raises(DivergenceError, match="diverged") as caught:
        log(guard, 3, loss, norm)
    assert "learning_rate" in caught.value.remedy


def test_best_by_a_score_and_unknown_scores(make_recipe: Callable[..., Recipe]) -> None:
    with pytest.raises(RecipeError, match=r"best_by is 'f2'") as caught:
        fit(make_recipe(training__best_by="f2"))
    assert "'f1'" in caught.value.remedy
    model, _ = fit(make_recipe(training__best_by="f1", output__run="by-f1"))
    scores = {v["step"]: v["validation_f1"] for v in model.training["validations"]}
    assert scores[model.training["best_step"]] == max(scores.values())


def test_validation_scores_are_those_of_the_rows(make_recipe: Callable[..., Recipe]) -> None:
    """The last validation logged by the Trainer equals the scores of the final model's own predictions."""
    from sklearn.metrics import accuracy_score

    model, folder = fit(make_recipe(training__num_train_epochs=1))
    predicted = [p["prediction"] for p in model.predict_rows(list(model.data.validation))]
    names = model.task.state()["names"]
    wanted = [names[i] for i in model.data.validation["label"]]
    logged = json.loads((folder / "training.json").read_text())["validations"][-1]
    assert logged["validation_accuracy"] == pytest.approx(accuracy_score(wanted, predicted))


def test_a_plan_trains_nothing_and_tells_the_truth(make_recipe: Callable[..., Recipe]) -> None:
    recipe = make_recipe(training__micro_batch_size=4)
    planned = finetune.plan(recipe)
    assert not Path(recipe.output.folder).exists()
    model, _ = fit(recipe)
    assert planned["steps"] == model.training["steps"]
    assert planned["parameters"] == model.training["parameters"]
    assert planned["rows"] == model.data.report.splits
    assert planned["seconds_per_step"] > 0


def test_activations_recomputed_give_the_same_losses(make_recipe: Callable[..., Recipe]) -> None:
    whole, _ = fit(make_recipe())
    again, _ = fit(make_recipe(training__gradient_checkpointing=True, output__run="again"))
    np.testing.assert_allclose(
        [h["loss"] for h in again.training["history"]], [h["loss"] for h in whole.training["history"]], rtol=1e-4
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bfloat16_trains_and_reloads_to_the_same_answers(make_recipe: Callable[..., Recipe], dtype: str) -> None:
    model, folder = fit(make_recipe(training__bf16=True, model__dtype=dtype))
    rows = list(model.data.test)
    assert finetune.load(folder).predict_rows(rows) == model.predict_rows(rows)
    assert model.training["bf16"]


def test_rows_of_rare_labels_weigh_more_and_rows_one_on_average() -> None:
    task = load_task("text-classification", {"class_weights": "balanced"}).learn(["a", "b", "c"], TargetHints())
    labels = torch.tensor([0, 0, 0, 1])
    weighed, logits = task.weighed(labels.tolist()), torch.zeros(4, 3, requires_grad=True)
    loss = weighed.loss({"logits": logits}, labels, None)
    assert float(loss) == pytest.approx(float(task.loss({"logits": logits}, labels, None)))
    (gradient,) = torch.autograd.grad(loss, logits)
    pull = -gradient[range(4), labels]  # how strongly each row pulls its label up
    assert float(pull[:3].sum()) == pytest.approx(float(pull[3]))
    several = load_task("text-classification", {"class_weights": "balanced"}).learn([["a"], ["a", "b"]], TargetHints())
    with pytest.raises(RecipeError, match="multi-label"):
        several.weighed([[0], [0, 1]])
