"""What temperature scaling gains on rows that it was not fitted to.

    python benchmarks/calibration_gain.py RUN [RUN…]

For each run whose evaluation kept validation rows: the temperature that fits them best, and on the test rows the
expected calibration error (15 bins of equal width) without and with it, the paired change with its 95% interval, and
the same of the negative log-likelihood, which has no bins and is what the temperature was fitted by. A change whose
interval holds zero is called inconclusive. Nothing is written; `finetune evaluate RUN` makes validation predictions for
runs that have none.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from finetune.artifacts import Evaluation, RunFolder
from finetune.artifacts.run_folder import RECIPE
from finetune.cards.trust import gain
from finetune.evaluation.calibration import examine
from finetune.recipe import Recipe

SCORES = ("ece", "nll")


def measured(path: str) -> tuple[str, dict[str, Any]]:
    """The run's name, and what its tables say."""
    run = RunFolder.open(path)
    settings = Recipe.from_yaml(run.path / RECIPE).evaluation
    return run.path.resolve().name, examine(Evaluation.load(run), settings)


def describe(name: str, found: dict[str, Any]) -> str:
    """A few lines on one run."""
    if "before" not in found:
        return f"{name}: {found.get('because', 'its answers state no probabilities')}."
    temperature = found["temperature"]
    if temperature["value"] is None:
        return f"{name}: no temperature, because {temperature['reason']}."
    head = (
        f"{name}: T = {temperature['value']:.3f} from {temperature['rows']:,} validation rows, "
        f"measured on {found['rows']:,} test rows"
    )
    return "\n".join([head, *(_line(found, score) for score in SCORES)])


def _line(found: dict[str, Any], score: str) -> str:
    before, after, moved = found["before"][score], found["after"][score], found["difference"][score]
    chance = f"; by chance alone {after['by_chance']:.4f}" if "by_chance" in after else ""
    return (
        f"  {score}: {before['value']:.4f} [{before['low']:.4f}, {before['high']:.4f}] → {after['value']:.4f} "
        f"[{after['low']:.4f}, {after['high']:.4f}], change {moved['value']:+.4f} [{moved['low']:+.4f}, "
        f"{moved['high']:+.4f}], p = {moved['p_value']:.3f}: {gain(found, score)}{chance}"
    )


def main(paths: list[str]) -> int:
    """Print what each run gains."""
    if not paths or not all(Path(path).exists() for path in paths):
        print(__doc__)
        return 2
    for path in paths:
        print(describe(*measured(path)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
