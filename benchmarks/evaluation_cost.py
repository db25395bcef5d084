"""What does an evaluation cost, against the training that it judges?

    python benchmarks/evaluation_cost.py [RECIPE] [KEY=VALUE …]

Fine-tunes by the recipe (default: the quick start's), evaluates, and prints how long the whole evaluation and its parts
take, as shares of the training time of the same run. Looks beyond the scores are taken a second time, each by itself.
Folders of the run go where the recipe's `output.folder` says.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from finetune import Recipe, evaluate, fit, prepare
from finetune.artifacts import Evaluation, TrainedModel
from finetune.artifacts.prepared_data import iterate
from finetune.evaluation.examining import EXAMINATIONS

QUICKSTART = Path(__file__).parent.parent / "recipes" / "quickstart.yaml"


def measure(recipe: Recipe) -> Iterator[tuple[str, float]]:
    """What is timed, and its seconds; the training comes first."""
    data = prepare(recipe)
    model = fit(recipe, data)
    yield "training", float(model.training["seconds"]["training"])
    seconds, evaluation = timed(lambda: evaluate(model, data.test))
    yield "evaluation", seconds
    yield from _parts(recipe, model, evaluation)


def _parts(recipe: Recipe, model: TrainedModel, evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    assert model.data is not None
    for name in ("test", "validation"):
        rows = list(iterate(getattr(model.data, name)))
        yield f"  asking the model: {len(rows):,} rows of {name}", timed(lambda rows=rows: model.predict_rows(rows))[0]
    for name, system in evaluation.systems.items():
        if name != "model":
            yield f"  fitting the baseline {name}", float(system["seconds"])
    for look in EXAMINATIONS:
        yield f"  looking at {look.fills}", timed(lambda look=look: look.examine(evaluation, recipe.evaluation))[0]


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the wall clock, and what came out."""
    started = time.perf_counter()
    found = action()
    return time.perf_counter() - started, found


def main() -> None:
    """Print the table."""
    given = sys.argv[1:]
    recipe = Recipe.from_yaml(given[0] if given else QUICKSTART, given[1:])
    whole = None
    for name, seconds in measure(recipe):
        whole = whole or seconds
        print(f"{name:56} {seconds:8.2f} s   {seconds / whole:6.1%} of the training")


if __name__ == "__main__":
    main()
