"""Runs recipes in a fresh process: ``python recipe_runs.py '<json>'`` prints what each came to as JSON.

The client libraries read the Hub's address when they are imported, and importing costs more than running a shrunken
recipe, so one process runs them all. Every recipe has an outcome of its own: a result, or the traceback of its error.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

SHRUNKEN = ("training.max_steps=3", "training.logging_steps=1", "evaluation.resamples=100")


def run_all(recipes: Mapping[str, str], folder: Path, environment: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """Run recipes (name to path), and prepare the data of `prepare` (name to path and overrides), in a new process."""
    request = {"recipes": recipes, "folder": str(folder), **more}
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(request)],
        env=dict(environment), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise AssertionError(f"the process that runs the recipes failed:\n{done.stderr[-8000:]}")
    outcomes: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return outcomes


def outcome(call: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """What the call returned and how long it took, or the traceback of what it raised."""
    started = time.perf_counter()
    try:
        return call(*arguments) | {"seconds": time.perf_counter() - started}
    except Exception:
        return {"error": traceback.format_exc()}


def run_one(name: str, path: str, folder: str) -> dict[str, Any]:
    """Run a recipe whole; then load its model and let it answer the test rows again."""
    from closeness import assert_close

    import finetune

    recipe = finetune.Recipe.from_yaml(path, [*SHRUNKEN, f"output.folder={folder}", f"output.run={name}"])
    evaluation = finetune.run(recipe)
    model = finetune.load(Path(folder) / name)
    rows = list(finetune.prepare(recipe).test)
    model.task = model.task.facing(rows)
    table = finetune.Evaluation.load(finetune.RunFolder.open(Path(folder) / name))
    assert_close(model.predict_rows(rows), table.answers())
    return {
        "kind": evaluation.kind,
        "rows": evaluation.rows,
        "scores": evaluation.scores,
        "goals": [goal["name"] for goal in evaluation.goals],
        "headline": evaluation.headline,
        "inputs": [column.name for column in model.task.input_columns() if column.name in evaluation.predictions],
        "baselines": list(evaluation.systems)[1:],
        "own_baselines": list(model.task.baselines),
        "model_commit": model.base.revision,
    }


def prepare_one(path: str, overrides: Sequence[str]) -> dict[str, Any]:
    """The data of a recipe, without a model."""
    import finetune

    data = finetune.prepare(finetune.Recipe.from_yaml(path, overrides))
    return {
        "splits": {name: len(rows) for name, rows in data.splits.items()},
        "names": list(data.task.state().get("names", ())),
        "first": {name: rows[0] for name, rows in data.splits.items()},
        "source": data.report.source,
    }


def main(request: dict[str, Any]) -> dict[str, Any]:
    """Everything that was asked for, by name."""
    return {
        "prepared": {name: outcome(prepare_one, *asked) for name, asked in request.get("prepare", {}).items()},
        "ran": {name: outcome(run_one, name, path, request["folder"]) for name, path in request["recipes"].items()},
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
