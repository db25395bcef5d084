"""Does a learning curve from half of the training rows say what all of them bring?

    python benchmarks/learning_curve.py RECIPE [KEY=VALUE …]

Trains on shares up to one half, predicts the score of runs on all training rows, then trains on all of them and prints
what was predicted, with its 95% interval, beside what came out. The recipe's `training.seeds` are used, else three.
The measured scores are on the same test rows; the interval would hold for others too. The baseline is to expect the
score of one half, that is, no gain. Folders of the runs go where the recipe's `output.folder` says;
with the same `output.run` a benchmark that was interrupted goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from finetune import Recipe, RunFolder
from finetune.artifacts import Evaluation
from finetune.studies import learning_curve
from finetune.studies.growing_shares import fit_runs, recipe_of_share
from finetune.studies.repeated import read_repeated
from finetune.studies.running import run_once

SHARES = (0.1, 0.17, 0.3, 0.5)


def compare(recipe: Recipe, shares: Sequence[float] = SHARES) -> Iterator[str]:
    """Lines with each size's score, the law, the prediction and the measurement."""
    begun = Path(recipe.output.folder) / recipe.output.run if recipe.output.run else None
    found = learning_curve(recipe, shares=shares, resume=begun if begun is not None and begun.exists() else None)
    score, folder = found["score"], RunFolder.open(found["folder"])
    for point in found["points"]:
        yield f"{point['rows']:6,} rows  {score} {point['mean']:.4f}  each {_numbers(point['each'])}"
    yield found["law"]["sentence"]
    predicted = _predict(recipe, folder, shares, found)
    whole = [run_once(recipe_of_share(recipe, 1.0, seed), folder, f"share-1-seed-{seed}") for seed in found["seeds"]]
    each = [Evaluation.load(run).scores[score] for run in whole]
    mean = float(np.mean(each))
    inside = "inside" if predicted["low"] <= mean <= predicted["high"] else "OUTSIDE"
    yield (f"{found['train_rows']:6,} rows  predicted {predicted['value']:.4f} [{predicted['low']:.4f}, "
           f"{predicted['high']:.4f}]  measured {mean:.4f} ({inside})  each {_numbers(each)}")  # fmt: skip
    off, naive = abs(predicted["value"] - mean), abs(found["points"][-1]["mean"] - mean)
    yield f"off by {off:.4f}; to expect the score of one half is off by {naive:.4f}"


def _predict(recipe: Recipe, folder: RunFolder, shares: Sequence[float], found: dict[str, Any]) -> dict[str, float]:
    """The mean of as many runs as there are seeds, on all training rows; also where no law fits, which is printed."""
    runs = [folder.path / f"share-{share:g}-seed-{seed}" for share in shares for seed in found["seeds"]]
    read = read_repeated([RunFolder.open(run) for run in runs], recipe.evaluation.metrics)
    curve = fit_runs(read, found["score"], [point["rows"] for point in found["points"]], recipe.evaluation)
    return curve.predict([found["train_rows"]], runs=len(found["seeds"]))[0]


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4f}" for value in values)


def main(arguments: list[str]) -> None:
    """Print the comparison for the recipe of the command line."""
    if not arguments:
        raise SystemExit(__doc__)
    for line in compare(Recipe.from_yaml(arguments[0], arguments[1:])):
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
