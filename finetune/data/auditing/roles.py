"""What each raw column is for, by the recipe and the places of the task's columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finetune.data.auditing.entries import Role
from finetune.data.columns import Place
from finetune.data.features import FeatureReader
from finetune.errors import FinetuneError
from finetune.task import task_class

if TYPE_CHECKING:
    from finetune.recipe import Recipe

ROLES = ("input", "target", "feature", "group", "id", "time", "split")
_WORDED = ("text", "texts", "tokens", "messages")


@dataclass(frozen=True)
class Roles:
    """The columns of a recipe's data.

    Attributes:
        inputs: What the model sees: canonical column, or `feature:NAME`, -> place.
        target: Place of the target; None where it is not known.
        texts: Raw columns that hold input texts.
        marks: `group` and `id` -> column, where the recipe names them.
        named: Role -> raw columns.
        fills: Raw column -> the canonical one that it fills.
        worded: Whether the inputs are texts.
    """

    inputs: dict[str, Place]
    target: Place | None
    texts: frozenset[str]
    marks: dict[str, str]
    named: dict[str, set[str]]
    fills: dict[str, str]
    worded: bool

    @classmethod
    def of(cls, recipe: Recipe, places: Mapping[str, Place], columns: Collection[str]) -> Roles:
        """Put together what a recipe says and what was inferred.

        Args:
            recipe: Names columns.
            places: Canonical column -> where it stands in the data.
            columns: Of the data.
        """
        task = task_class(recipe.task)
        kinds = {column.name: column.kind for column in task.input_columns()}
        inputs = {name: places[name] for name in kinds if name in places}
        texts = frozenset(part for name, place in inputs.items() if kinds[name] in _WORDED
                          for part in parts(place, columns))  # fmt: skip
        fills = {part: name for name, place in reversed(inputs.items()) for part in parts(place, columns)}
        features, written = _features(recipe), recipe.features.template is not None
        if written or not inputs:
            inputs = inputs | {f"feature:{name}": name for name in features}
        target = places.get(task.target_column().name)
        named = _named(recipe) | {
            "feature": set(features),
            "input": {part for place in inputs.values() for part in parts(place, columns)},
            "target": set() if target is None else set(parts(target, columns)),
        }
        marks = {"group": recipe.data.split.group, "id": recipe.data.id}
        return cls(
            inputs, target, texts, {mark: name for mark, name in marks.items() if name is not None},
            named, fills, bool(texts) or written,
        )  # fmt: skip

    def of_column(self, name: str) -> Role:
        """What a raw column is for."""
        found = tuple(role for role in ROLES if name in self.named[role])
        return Role(found, self.fills.get(name), name in self.texts)

    def may_leak(self, name: str, kind: str) -> bool:
        """Whether a raw column may not tell the target by itself."""
        role = self.of_column(name).roles
        return "target" not in role and name not in self.texts and kind not in ("image", "audio", "list", "other")


def _named(recipe: Recipe) -> dict[str, set[str]]:
    """Roles that the recipe gives to columns of the data by their names."""
    split, identity = recipe.data.split, recipe.data.id
    named = {"time": [split.time], "split": [split.column], "id": [identity],
             "group": [*recipe.bias.groups, split.group]}  # fmt: skip
    return {role: {name for name in names if name is not None} for role, names in named.items()}


def _features(recipe: Recipe) -> tuple[str, ...]:
    if recipe.features == type(recipe.features)():
        return ()
    try:
        return FeatureReader(recipe.features).columns
    except FinetuneError:  # a broken template, which the preparation refuses
        return recipe.features.columns


def parts(place: Place, columns: Collection[str]) -> list[str]:
    """The data's columns that a place needs; a name with a dot is a field of a column unless a column is called so."""
    names = (place,) if isinstance(place, str) else place
    return [name if name in columns else name.partition(".")[0] for name in names]
