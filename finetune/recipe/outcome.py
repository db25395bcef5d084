"""Sections on goals, on what only a person can say, and on where results go."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from finetune.errors import RecipeError
from finetune.recipe.section import Section

_GOAL = re.compile(r"^\s*(>=|<=|>|<|==)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*$")


class CardSection(Section):
    """What only a person can say about the model, for its card."""

    license: str | None = None
    """Licence of the published model, as the Hub names it (`apache-2.0`, `mit`, `cc-by-4.0`, …)."""
    language: tuple[str, ...] = ()
    """Languages as ISO 639 codes."""
    intended_use: str | None = None
    """Who should use the model for what, in a sentence or more."""
    out_of_scope: str | None = None
    """What it should not be used for."""
    limitations: str | None = None
    """What it cannot do, as its authors know it. The card puts beside it what the run measured."""
    authors: tuple[str, ...] = ()
    """Who made the model, a name each; with them the card has a citation of the model."""
    citation: str | None = None
    """How to cite the model, in BibTeX. Default: made of the authors, the title and the year of the run."""
    contact: str | None = None
    """Where questions go: an address of a page or of mail. It is published."""
    carbon_intensity: float | None = Field(default=None, ge=0)
    """Carbon dioxide of the electricity that the training used, in g CO2e per kWh; the operator of the grid or of the
    data centre says it. Without it the card estimates energy and no carbon."""


class OutputSection(Section):
    """Where results go."""

    folder: str = "runs"
    """Folder that holds the runs."""
    run: str | None = None
    """Name of this run's folder. Default: the recipe's name and the time. An existing one is never overwritten."""


def check_goals(goals: dict[str, Any]) -> dict[str, str | bool]:
    """Refuse goals that are no comparison with a number."""
    for name, goal in goals.items():
        if name == "beats_baselines":
            if not isinstance(goal, bool):
                raise ValueError(f"goal beats_baselines is {goal!r}: it is true or false")
        elif not (isinstance(goal, str) and _GOAL.match(goal)):
            raise ValueError(f"goal {name!r} is {goal!r}: write a comparison and a number, such as '>= 0.8'")
    return goals


def parse_goal(goal: str) -> tuple[str, float]:
    """Split a goal such as ``">= 0.70"`` into its comparison and its number.

    >>> parse_goal(">= 0.70")
    ('>=', 0.7)
    """
    match = _GOAL.match(goal)
    if match is None:
        raise RecipeError(f"Goal {goal!r} is not a comparison and a number.", "Write it like '>= 0.8'.")
    return match[1], float(match[2])
