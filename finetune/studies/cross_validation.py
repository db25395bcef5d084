"""Cross-validation: a run for each fold, every row being a test row once; mean and spread of the scores."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from finetune import pipeline
from finetune.artifacts import Evaluation
from finetune.errors import UsageError
from finetune.recipe import PublishSection, Recipe
from finetune.studies.running import changed, run_once, study_folder

log = logging.getLogger(__name__)


def cross_validate(recipe: Recipe, *, resume: str | Path | None = None) -> dict[str, Any]:
    """Train and score each fold of a recipe with `evaluation.folds`.

    Args:
        recipe: With `evaluation.folds`.
        resume: Folder of a cross-validation that was begun.

    Returns:
        `folds`, `rows` (of all folds together), `headline`, and `systems`: `model` and each baseline -> score ->
        `{"mean", "std", "each"}`; `beaten`: baseline -> folds in which the model's headline score was better. The
        standard deviation divides by folds - 1; folds share training rows, so it says how much the score varies between
        them, and is no standard error of the mean (Bengio and Grandvalet 2004). Also in `folds.json` of `folder`.

    Raises:
        UsageError: The recipe has no folds.
    """
    folds = recipe.evaluation.folds
    if folds is None:
        raise UsageError("The recipe has no folds.", "Set evaluation.folds: 5.")
    pipeline.validate(recipe)
    study = study_folder(recipe, "folds", resume)
    single = recipe.model_copy(update={"publish": PublishSection()})  # the model of a fold is nobody's to use
    done: list[Evaluation] = []
    for fold in range(1, folds + 1):
        log.info("Fold %d of %d", fold, folds)
        run = run_once(changed(single, evaluation={"fold": fold}), study, f"fold-{fold}")
        done.append(Evaluation.load(run))
    found = summarize(done)
    study.write_json("folds.json", found)
    return found | {"folder": str(study.path), "goals_hold": all(evaluation.goals_hold for evaluation in done)}


def summarize(done: list[Evaluation]) -> dict[str, Any]:
    """Mean and spread of every system's scores over folds."""
    headline = done[0].headline
    systems: dict[str, dict[str, Any]] = {}
    for name, system in done[0].systems.items():
        scores = {score: [e.systems[name]["scores"][score]["value"] for e in done] for score in system["scores"]}
        systems[name] = {"title": system["title"], "scores": {s: _spread(values) for s, values in scores.items()}}
    own = systems["model"]["scores"][headline]["each"]
    sign = 1 if done[0].systems["model"]["scores"][headline]["direction"] == "higher" else -1
    beaten = {
        name: sum(a is not None and b is not None and sign * (a - b) > 0 for a, b in zip(
            own, system["scores"][headline]["each"], strict=True))
        for name, system in systems.items() if name != "model"
    }  # fmt: skip
    return {"folds": len(done), "rows": sum(e.rows for e in done), "headline": headline, "systems": systems,
            "beaten": beaten}  # fmt: skip


def _spread(values: list[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    return {"mean": float(np.mean(known)) if known else None,
            "std": float(np.std(known, ddof=1)) if len(known) > 1 else None, "each": values}  # fmt: skip
