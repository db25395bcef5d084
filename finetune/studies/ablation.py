"""Does a part of a recipe help? The same runs with and without it, from the same seeds, on the same test rows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from finetune import evaluation, pipeline
from finetune.artifacts import RunFolder
from finetune.errors import UsageError, did_you_mean
from finetune.metrics import direction
from finetune.recipe import PublishSection, Recipe
from finetune.studies.running import changed, run_once, study_folder

log = logging.getLogger(__name__)
SECTIONS = ("augmentation",)
"""Parts of a recipe that can be left out and leave the same test rows."""


def ablate(
    recipe: Recipe, section: str = "augmentation", *, seeds: int = 3, resume: str | Path | None = None
) -> dict[str, Any]:
    """Train with and without a section of the recipe, and compare, paired by test row and seed.

    Args:
        recipe: With the section.
        section: What is left out.
        seeds: Training seeds, counted up from the recipe's own.
        resume: Folder of an ablation that was begun.

    Returns:
        What `compare_repeated` found (second minus first is with minus without), with `section`, `steps` (of each
        run), `verdict` (`helped`, `hurt` or `no difference shown`), `sentence` and `folder`; also in `ablation.json`
        there.

    Raises:
        UsageError: The recipe has no such section, or it is empty.
    """
    if section not in SECTIONS:
        raise UsageError(f"Cannot leave out {section!r}.", did_you_mean(section, SECTIONS))
    bare = recipe.model_copy(
        update={section: type(recipe).model_fields[section].get_default(call_default_factory=True)}
    )
    if bare == recipe:
        raise UsageError(f"The recipe has no {section}, so there is nothing to leave out.", f"Add {section}: … to it.")
    if seeds < 1:
        raise UsageError(f"--seeds is {seeds}.", "Give at least 1.")
    pipeline.validate(recipe)
    study = study_folder(recipe, "ablation", resume)
    runs: dict[str, list[RunFolder]] = {"without": [], "with": []}
    for seed in range(recipe.training.seed, recipe.training.seed + seeds):
        for name, chosen in (("without", bare), ("with", recipe)):
            log.info("%s %s, seed %d", name, section, seed)
            seeded = changed(chosen, training={"seed": seed, "seeds": ()})
            seeded = seeded.model_copy(update={"publish": PublishSection()})
            runs[name].append(run_once(seeded, study, f"{name}-{seed}"))
    found = evaluation.compare_repeated(runs["without"], runs["with"])
    steps = {name: [run.read_json("training.json")["steps"] for run in each] for name, each in runs.items()}
    found = {"section": section, "first_seed": recipe.training.seed, "steps": steps, **found}
    found |= judge(found, section)
    study.write_json("ablation.json", found)
    return found | {"folder": str(study.path)}


def judge(found: dict[str, Any], section: str) -> dict[str, str]:
    """The verdict on the headline score, and the sentence that says it."""
    entry = found["differences"][found["headline"]]
    better = 1 if direction(found["headline"]) == "higher" else -1
    low, high, value = entry["low"], entry["high"], entry["value"]
    numbers = f"{found['headline']} {entry['first']:.3f} without, {entry['second']:.3f} with, {value:+.3f}"
    if low is None or high is None:
        return {"verdict": "no difference shown", "sentence": f"{numbers}; there is no interval."}
    numbers += f" [{low:+.3f}, {high:+.3f}]"
    seeds, (few, many) = found["seeds"], (min(found["steps"]["without"]), max(found["steps"]["with"]))
    scope = f"{seeds} seed{'s' * (seeds > 1)}, {found['rows']:,} test rows"
    if few != many:
        scope += f", {few} training steps without and {many} with; training.max_steps makes them equal"
    if low <= 0 <= high:
        return {"verdict": "no difference shown", "sentence": f"{section} was not shown to help: {numbers} ({scope})."}
    helped = better * value > 0
    return {"verdict": "helped" if helped else "hurt",
            "sentence": f"{section} {'helped' if helped else 'hurt'}: {numbers} ({scope})."}  # fmt: skip
