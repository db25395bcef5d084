"""Everything that a run folder says about its run, read once for the report and the card."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from finetune.artifacts import BiasAudit, Evaluation, RunFolder
from finetune.artifacts.run_folder import RECIPE
from finetune.artifacts.trained_model import DESCRIPTION
from finetune.cards.wording import is_path, public
from finetune.recipe import Recipe

_NOT_AUDITED = BiasAudit("", verdicts={"groups": "not measured"}, caveats=["This run has no bias audit."])


@dataclass(frozen=True)
class Record:
    """A finished run.

    Attributes:
        name: The run folder's name.
        recipe: The resolved recipe.
        recipe_text: Its file, without this machine's folders.
        evaluation: Scores and predictions.
        bias: Scores by group.
        training: What the fit measured; empty where it was not kept, as the following.
        data: The account of the data (`data/report.json`).
        lengths: Token lengths (`data/lengths.json`).
        audit: What a look at the data found (`data/audit.json`).
        environment: Versions and hardware.
        model: What stands beside the weights (`model/finetune.json`).
    """

    name: str
    recipe: Recipe
    recipe_text: str
    evaluation: Evaluation
    bias: BiasAudit
    training: dict[str, Any]
    data: dict[str, Any]
    lengths: dict[str, Any]
    audit: dict[str, Any]
    environment: dict[str, Any]
    model: dict[str, Any]

    @classmethod
    def read(cls, run: RunFolder) -> Record:
        """Read a run.

        Raises:
            RunFolderError: The run has not been evaluated.
        """
        recipe = Recipe.from_yaml(run.path / RECIPE)
        return cls(
            name=run.path.resolve().name,
            recipe=recipe,
            recipe_text=_public_recipe(recipe, (run.path / RECIPE).read_text(encoding="utf-8")),
            evaluation=Evaluation.load(run),
            bias=BiasAudit.load(run) if run.has("bias.json") else _NOT_AUDITED,
            training=_optional(run, "training.json"),
            data=_optional(run, "data/report.json"),
            lengths=_optional(run, "data/lengths.json"),
            audit=_optional(run, "data/audit.json"),
            environment=_optional(run, "environment.json"),
            model=_optional(run, f"{run.model.name}/{DESCRIPTION}"),
        )

    @property
    def title(self) -> str:
        """What to call the run."""
        return self.recipe.name or self.recipe.task

    @property
    def is_adapter(self) -> bool:
        """Whether the model is an adapter on a base model."""
        return bool(self.model.get("adapter", self.recipe.adapter.method != "none"))

    @property
    def base_name(self) -> str:
        """Name of the pretrained model, fit to be shown."""
        return public(self.model.get("base", {}).get("name") or self.recipe.model.name)

    @property
    def base_commit(self) -> str | None:
        """The commit of a pretrained model from the Hub; None for any other."""
        commit = self.model.get("base", {}).get("revision")
        return str(commit) if commit else None

    @property
    def data_name(self) -> str:
        """Name of the data set, fit to be shown."""
        return public(self.data.get("source", {}).get("name") or self.recipe.data.name)

    @property
    def data_on_hub(self) -> bool:
        """Whether the data set is one of the Hub's."""
        return "revision" in self.data.get("source", {})

    @property
    def data_id(self) -> str:
        """The data set's Hub id; for any other, a name of the form that the Hub takes for one."""
        if self.data_on_hub:
            return self.data_name.partition("@")[0]
        return re.sub(r"[^\w.-]+", "-", short_name(self.data_name), flags=re.ASCII).strip("-.") or "data"


def _public_recipe(recipe: Recipe, text: str) -> str:
    """The recipe's file without folders of this machine; those with blanks in their names are found by value."""
    for value in (recipe.model.name, recipe.data.name, recipe.output.folder):
        if is_path(value):
            text = text.replace(value, public(value))
    return public(text)


def _optional(run: RunFolder, name: str) -> dict[str, Any]:
    return dict(run.read_json(name)) if run.has(name) else {}


def short_name(name: str) -> str:
    """The telling part of a place's name, for a sentence.

    >>> short_name("pypi:vader==3.3.2/data.tar.gz/data/reviews.txt")
    'reviews.txt (vader)'
    >>> short_name("cardiffnlp/tweet_eval@main")
    'cardiffnlp/tweet_eval'
    """
    if name.startswith("pypi:"):
        package, _, inside = name.removeprefix("pypi:").partition("/")
        package, last = package.partition("==")[0], inside.rstrip("/").rpartition("/")[2]
        return f"{last} ({package})" if "." in last else package  # the last folder is but called `model`
    return name if "://" in name else name.partition("@")[0]
