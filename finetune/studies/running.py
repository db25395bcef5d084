"""Runs in the folder of a study: done once, continued where they stopped."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from finetune import pipeline, processes
from finetune.artifacts import PreparedData, RunFolder
from finetune.artifacts.evaluation import FILE
from finetune.artifacts.run_folder import RECIPE
from finetune.errors import RunFolderError
from finetune.recipe import Recipe

log = logging.getLogger(__name__)


STUDY = "study.json"


def study_folder(recipe: Recipe, kind: str, resume: str | Path | None) -> RunFolder:
    """The folder of a study: a new one, or the one to continue.

    Raises:
        RunFolderError: There is none of this kind to continue, it was begun with another recipe, or the new one exists.
    """
    if resume is not None:
        return _continued(recipe, kind, Path(resume))
    name = recipe.output.run or processes.share(f"{recipe.name or recipe.task}-{kind}-{datetime.now():%Y%m%d-%H%M%S}")
    folder = RunFolder.create(recipe.output.folder, name, name)
    folder.write_text(RECIPE, recipe.to_yaml())
    folder.write_json(STUDY, {"kind": kind})
    processes.wait_for_all()
    return folder


def _continued(recipe: Recipe, kind: str, path: Path) -> RunFolder:
    folder = RunFolder(path)
    if not folder.has(STUDY) or folder.read_json(STUDY)["kind"] != kind:
        raise RunFolderError(f"{path} holds no {kind}.", f"Name a folder that the {kind} has begun.")
    begun = Recipe.from_yaml(path / RECIPE)
    if begun.model_copy(update={"output": recipe.output, "name": recipe.name}) != recipe.resolved():
        raise RunFolderError(
            f"{path} was begun with another recipe than this one.", "Start a new one, or continue with its recipe.yaml."
        )
    return folder


def run_once(recipe: Recipe, study: RunFolder, name: str, data: Callable[[], PreparedData] | None = None) -> RunFolder:
    """A run of a study, which is continued where it has begun and left alone where it is done.

    Args:
        recipe: Of the run.
        study: The folder that the run's own is in.
        name: The run's.
        data: Gives what runs with the same data share; asked only where the run is not done. Default: each its own.
    """
    where = study.path / name
    placed = changed(recipe, output={"folder": str(study.path), "run": name})
    done, begun = processes.share(((where / FILE).exists(), (where / RECIPE).exists()))
    if done:
        log.info("%s is done.", where)
    else:
        pipeline.run(placed, resume=where if begun else None, data=data() if data else None)
    processes.wait_for_all()  # rank 0 alone writes what the others are going to read
    return RunFolder(where)


def changed(recipe: Recipe, **sections: dict[str, Any]) -> Recipe:
    """The recipe with other values in some sections."""
    updates = {name: getattr(recipe, name).model_copy(update=values) for name, values in sections.items()}
    return recipe.model_copy(update=updates)
