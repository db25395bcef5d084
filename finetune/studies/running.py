"""Runs in the folder of a study: done once, continued where they stopped."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from finetune import pipeline, processes
from finetune.artifacts import RunFolder
from finetune.artifacts.evaluation import FILE
from finetune.artifacts.run_folder import RECIPE
from finetune.errors import RunFolderError
from finetune.recipe import Recipe

log = logging.getLogger(__name__)


def study_folder(recipe: Recipe, kind: str, resume: str | Path | None) -> RunFolder:
    """The folder of a study: a new one, or the one to continue.

    Raises:
        RunFolderError: There is none to continue, or the new one exists.
    """
    if resume is not None:
        if not (Path(resume) / RECIPE).exists():
            raise RunFolderError(f"{resume} holds no {kind}.", f"Name a folder that the {kind} has begun.")
        return RunFolder(Path(resume))
    name = recipe.output.run or processes.share(f"{recipe.name or recipe.task}-{kind}-{datetime.now():%Y%m%d-%H%M%S}")
    folder = RunFolder.create(recipe.output.folder, name, name)
    folder.write_text(RECIPE, recipe.to_yaml())
    return folder


def run_once(recipe: Recipe, study: RunFolder, name: str) -> RunFolder:
    """A run of a study, which is continued where it has begun and left alone where it is done."""
    where = study.path / name
    placed = changed(recipe, output={"folder": str(study.path), "run": name})
    if (where / FILE).exists():
        log.info("%s is done.", where)
    else:
        begun = (where / RECIPE).exists()
        pipeline.run(placed, resume=where if begun else None)
    return RunFolder(where)


def changed(recipe: Recipe, **sections: dict[str, Any]) -> Recipe:
    """The recipe with other values in some sections."""
    updates = {name: getattr(recipe, name).model_copy(update=values) for name, values in sections.items()}
    return recipe.model_copy(update=updates)
