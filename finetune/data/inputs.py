"""What a trained model has to answer: rows without targets, mended as the training rows were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finetune.data.canonical import with_numbers
from finetune.data.cleaning import Cleaner
from finetune.data.columns import Place, heads, map_columns, pick
from finetune.data.features import FeatureReader
from finetune.data.reading import read
from finetune.errors import UsageError
from finetune.labels import RowError
from finetune.recipe import DataSection

if TYPE_CHECKING:
    from finetune.recipe import Recipe
    from finetune.task import Task


def input_reader(recipe: Recipe, task: Task, state: Mapping[str, Any]) -> InputReader | None:
    """What reads a model's inputs; None where they are taken as they are."""
    plain = recipe.features.template is None and recipe.cleaning == type(recipe.cleaning)()
    return None if plain or not state else InputReader(recipe, task, state)


class InputReader:
    """Inputs of a user -> what the model takes, by the cleaning and the template that it was trained with.

    Args:
        recipe: Of the model.
        task: Of the model.
        state: What the preparation of its data left (`PreparedData.inputs`): where columns stood, what was fitted.
    """

    def __init__(self, recipe: Recipe, task: Task, state: Mapping[str, Any]) -> None:
        self.task = task
        self.places: dict[str, Place] = {
            name: place if isinstance(place, str) else tuple(place) for name, place in state["places"].items()
        }
        self.features = FeatureReader(recipe.features) if recipe.features.template is not None else None
        self._texts = list(state["text_columns"])
        target = self.places.get(task.target_column().name)
        self.cleaner = Cleaner(
            recipe.cleaning, text_columns=self._texts, target_column=target if isinstance(target, str) else None
        )
        self.cleaner.load_state(state["cleaning"])

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the data that a row may be given by, where a template makes the text of them."""
        return self.features.columns if self.features else ()

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Inputs as `TrainedModel.predict` takes them, in their order.

        Raises:
            UsageError: A row lacks a column that the template needs.
        """
        return [self._read(value) for value in inputs]

    def _read(self, value: Any) -> Any:
        if self.features is not None and isinstance(value, Mapping) and "text" not in value:
            return {**value, "text": self._rendered(value)}
        names = {name: place for name, place in self.places.items()
                 if isinstance(place, str) and place in self._texts}  # fmt: skip
        if isinstance(value, str) and names:
            first = next(iter(names.values()))
            return self.cleaner.apply([{first: value}])[0][first]
        if isinstance(value, Mapping):
            given = {place: value[name] for name, place in names.items() if value.get(name) is not None}
            mended = self.cleaner.apply([given])[0] if given else {}
            return {**value, **{name: mended[place] for name, place in names.items() if place in given}}
        if isinstance(value, list | tuple) and len(value) == len(names) and all(isinstance(v, str) for v in value):
            mended = self.cleaner.apply([dict(zip(names.values(), value, strict=True))])[0]
            return type(value)(mended[place] for place in names.values())
        return value

    def _rendered(self, row: Mapping[str, Any]) -> str:
        assert self.features is not None
        missing = [name for name in self.features.columns if name not in row]
        if missing:
            raise UsageError(
                f"The input has no {', '.join(missing)}; the model reads a text that is made of "
                f"{', '.join(self.features.columns)}.",
                "Give all of them (null where a value is missing), or the text itself.",
            )
        try:
            mended = self.cleaner.apply([row])[0]
            return self.features.render(self.features.read(with_numbers(mended, self.features, self.cleaner)))
        except RowError as error:
            raise UsageError(f"The input cannot be used: {error}.", "Write it as the training data has it.") from None


def read_inputs(path: str, task: Task, stated: dict[str, Place], reader: InputReader | None = None) -> list[Any]:
    """What every row of a file asks of the model.

    Args:
        path: CSV, TSV, JSON, JSON Lines, Parquet or text file.
        task: Whose columns.
        stated: The recipe's column mapping; used where the file has those columns.
        reader: Of the model; its template needs columns of the data rather than the task's.

    Raises:
        DataError, ColumnError: The file cannot be read, or has no column for a required input.
    """
    rows = next(iter(read(DataSection(name=path)).splits.values()))
    if reader is not None and reader.columns and "text" not in rows.column_names:
        kept = [name for name in reader.columns if name in rows.column_names]
        return [{name: row[name] for name in kept} for row in rows]
    known = {name: place for name, place in stated.items() if heads(place, rows) <= set(rows.column_names)}
    mapping, _ = map_columns(task, rows, known, need_target=False)
    inputs = [column.name for column in task.input_columns() if column.name in mapping]
    return [{name: _text(pick(row, mapping[name])) for name in inputs} for row in rows]


def _text(value: Any) -> Any:
    return "" if value is None else str(value) if isinstance(value, int | float) else value
