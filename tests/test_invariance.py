"""What must not depend on how a run is spread over devices, micro-batches and interruptions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import finetune
from safetensors.numpy import load_file

# 82 training rows and 16 rows a step: the last step of an epoch has to be filled up.
SPLIT = {"validation": 0.1, "test": 0.2, "seed": 1}


def run(recipe: Path, name: str, *extra: str) -> Path:
    done = finetune("run", recipe, f"output.run={name}", *extra)
    assert done.returncode == 0, done.stderr[-3000:]
    return recipe.parent / "runs" / name


def losses(folder: Path) -> list[tuple[float, float]]:
    history = json.loads((folder / "training.json").read_text())["history"]
    return [(entry["loss"], entry["grad_norm"]) for entry in history]


def weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model" / "adapter_model.safetensors")  # type: ignore[no-any-return]


def assert_same_training(one: Path, other: Path, tolerance: float, without: tuple[str, ...] = ()) -> None:
    np.testing.assert_allclose(losses(other), losses(one), rtol=tolerance)
    assert weights(one).keys() == weights(other).keys()
    for name, tensor in weights(one).items():
        if name.endswith(without):
            continue
        np.testing.assert_allclose(weights(other)[name], tensor, rtol=tolerance, atol=tolerance, err_msg=name)


KINDS: dict[str, dict[str, Any]] = {
    "single_label": {},
    "regression": {"data__columns": {"text": "text", "label": "stars"}, "options__problem_type": "regression"},
}


@pytest.fixture(params=KINDS)
def recipe(request: pytest.FixtureRequest, write_recipe: Callable[..., Path]) -> Path:
    return write_recipe(data__split=SPLIT, **KINDS[request.param])


def test_accumulation_and_processes_leave_losses_gradients_and_weights_as_they_are(recipe: Path) -> None:
    """One process with 16×1, one with 2×8, two with 8×1 and two with 2×4 train alike, to float tolerance."""
    whole = run(recipe, "whole")
    first = losses(whole)[0]
    assert first[0] > 0
    assert first[1] > 0
    accumulated = run(recipe, "accumulated", "training.micro_batch_size=2")
    assert json.loads((accumulated / "training.json").read_text())["batch"]["accumulation"] == 8
    assert_same_training(whole, accumulated, 2e-4)
    for name, extra in {"two": [], "two-accumulated": ["training.micro_batch_size=2"]}.items():
        spread = run(recipe, name, *extra, "--num-processes", "2")
        assert json.loads((spread / "training.json").read_text())["batch"]["processes"] == 2
        assert_same_training(whole, spread, 2e-4)
        same = (json.loads((f / "evaluation.json").read_text())["systems"]["model"]["scores"] for f in (whole, spread))
        one, other = ({k: v["value"] for k, v in scores.items()} for scores in same)
        np.testing.assert_allclose(list(other.values()), list(one.values()), rtol=1e-3, atol=1e-4)


WHOLE_BATCHES = {
    "multiple-negatives": ("sentence-similarity", "triplets", {"matryoshka_dims": [8]}),
    "cosent": ("sentence-similarity", "scored", {}),
    "lambda": ("text-ranking", "lists", {}),
    "binary-cross-entropy": ("text-ranking", "lists", {"loss": "binary-cross-entropy"}),
}
RUN_ALL = """
import sys, finetune
for path in sys.argv[3:]:
    recipe = finetune.Recipe.from_yaml(path, [f"output.run={sys.argv[1]}", *sys.argv[2].split()])
    finetune.fit(recipe, finetune.prepare(recipe))
"""


def write_example(name: str, folder: Path) -> Path:
    """The recipe of a task's example, its model and rows beside it."""
    from datasets import Dataset

    from finetune.task import task_class

    task, variant, options = WHOLE_BATCHES[name]
    example = task_class(task).examples()[variant]
    folder.mkdir()
    example.save_model(str(folder / "base"))
    Dataset.from_list(example.rows).to_parquet(folder / "rows.parquet")
    training = {"learning_rate": 1e-3, "max_steps": 8, "train_batch_size": 8, "bf16": False, "logging_steps": 1}
    values = {
        "task": task, "name": name, "options": options, "model": {"name": str(folder / "base"), "dropout": 0.0},
        "data": {"name": str(folder / "rows.parquet"), "split": SPLIT}, "adapter": {"r": 4},
        "training": training | {"report_to": ["none"]}, "output": {"folder": str(folder / "runs")},
    }  # fmt: skip
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def whole_batches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each recipe run in one process with 8 rows at once, and in two with 4, of which each holds 2 in memory."""
    root = tmp_path_factory.mktemp("whole-batches")
    recipes = [str(write_example(name, root / name)) for name in WHOLE_BATCHES]
    script = root / "run_all.py"
    script.write_text(RUN_ALL, encoding="utf-8")
    spread = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    for launcher, name, extra in (([], "whole", ""), (spread, "spread", "training.micro_batch_size=2")):
        command = [sys.executable, *launcher, str(script), name, extra, *recipes]
        environment = os.environ | {"ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    return root


@pytest.mark.parametrize("name", WHOLE_BATCHES)
def test_losses_that_compare_rows_compare_those_of_all_processes(name: str, whole_batches: Path) -> None:
    whole, spread = (whole_batches / name / "runs" / run for run in ("whole", "spread"))
    batch = json.loads((spread / "training.json").read_text())["batch"]
    assert (batch["processes"], batch["micro"], batch["accumulation"]) == (2, 2, 1)
    # What moves all scores of a list alike has no gradient but rounding, which Adam makes as large as any.
    assert_same_training(whole, spread, 2e-4, without=("classifier.bias",) if name == "lambda" else ())


def test_killed_in_the_middle_of_an_epoch_and_resumed_it_ends_with_the_same_weights(
    write_recipe: Callable[..., Path],
) -> None:
    recipe = write_recipe(
        data__split=SPLIT, training__eval_per_epoch=3, training__num_train_epochs=6, model__dropout=0.1
    )
    whole = run(recipe, "whole")
    folder = recipe.parent / "runs" / "killed"
    killed = _kill_when(recipe, folder, "checkpoint-10")
    assert killed == -signal.SIGKILL
    assert not (folder / "training.json").exists()
    done = finetune("run", "--resume", folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Continuing from checkpoint-" in done.stderr
    resumed = json.loads((folder / "training.json").read_text())
    assert resumed["steps"] == json.loads((whole / "training.json").read_text())["steps"]
    for name, tensor in weights(whole).items():
        np.testing.assert_array_equal(weights(folder)[name], tensor, err_msg=name)


def _kill_when(recipe: Path, folder: Path, checkpoint: str) -> int:
    """Start a run and kill it, as a power cut would, once the checkpoint is complete and training has gone on."""
    command = [sys.executable, "-m", "finetune", "run", str(recipe), "output.run=killed"]
    process = subprocess.Popen(command, env=os.environ.copy(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(folder.glob(f"checkpoints/{checkpoint}/trainer_state.json")):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    return process.wait()


def test_a_half_written_checkpoint_is_not_resumed_from(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe(data__split=SPLIT)
    folder = run(recipe, "half")
    (folder / "training.json").unlink()
    newest = folder / "checkpoints" / "checkpoint-12"
    assert newest.exists()
    (newest / "trainer_state.json").unlink()
    before = weights(folder)
    done = finetune("run", "--resume", folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Continuing from checkpoint-6" in done.stderr
    for name, tensor in before.items():
        np.testing.assert_array_equal(weights(folder)[name], tensor, err_msg=name)
