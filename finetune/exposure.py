"""Whether a pretrained language model has read a recipe's test rows: the rows, the reference texts and the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune import processes
from finetune.errors import ColumnError, DataError, did_you_mean
from finetune.recipe import DataSection, MembershipSection, Recipe
from finetune.task import Row, Task

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.sources import ModelSource


def examine(recipe: Recipe, task: Task, rows: Sequence[Row], *, model: str | None = None) -> dict[str, Any]:
    """Ask a pretrained model whether it has read the test rows; on all processes of a run.

    Args:
        recipe: Names the model, and under `evaluation.contamination.membership` the reference texts.
        task: Knows a row's text.
        rows: Canonical test rows.
        model: Another pretrained model to ask, named as `model.name` is.

    Returns:
        Plain values for `Evaluation.contamination["exposure"]` (`finetune.evaluation.contamination.examine_exposure`).

    Raises:
        SourceError: The model or the reference texts are not to be had.
        ColumnError: The reference texts have no such column.
    """
    from finetune.evaluation.contamination import examine_exposure, has_text, load_language_model, not_exposed

    source = _source(recipe, model)
    source = replace(source, name=_shown(source.name))  # the finding is published
    settings = recipe.evaluation.contamination.membership or MembershipSection()
    if not has_text(task):
        return not_exposed(source.name, "the inputs of this task hold no text")
    reference = read_reference(settings, task) if settings.reference else None
    asked = load_language_model(source)
    if asked is None:
        return not_exposed(
            source.name, "this checkpoint has no language-model head, and so says of no text how likely it is"
        )
    _place(asked.model)
    texts = [task.text_of(row) for row in in_published_order(rows)]
    level = recipe.evaluation.confidence
    return examine_exposure(asked, texts, reference, rows=settings.rows, confidence=level)


def _source(recipe: Recipe, model: str | None) -> ModelSource:
    from finetune.sources import resolve_model
    from finetune.training import model_source

    with processes.main_first():
        return resolve_model(model) if model is not None else model_source(recipe)


def _shown(name: str) -> str:
    """A model's name without the folders of this machine."""
    path = Path(name)
    return path.name if path.is_absolute() or name.startswith(("~", ".")) else name


def _place(model: Any) -> None:
    """On the accelerator, where there is one."""
    import torch

    from finetune.hardware import uses_cpu

    if not uses_cpu():
        model.to(str(torch.accelerator.current_accelerator()))


def in_published_order(rows: Sequence[Row]) -> list[Row]:
    """Rows as they stand in the file that they come from, whatever order a split has put them in.

    Example:
        >>> [row["row"] for row in in_published_order([{"row": "test:10"}, {"row": "test:9"}])]
        ['test:9', 'test:10']
    """

    def place(row: Row) -> tuple[str, int]:
        split, _, number = str(row["row"]).rpartition(":")
        return split, int(number) if number.isdigit() else 0

    return sorted(rows, key=place)


def read_reference(settings: MembershipSection, task: Task) -> list[str]:
    """The texts that the model cannot have seen.

    Raises:
        SourceError: They are not to be had.
        ColumnError: There is no such column, or it is not clear which one holds them.
        DataError: The data set has several splits, and none is called `test`.
    """
    from finetune import data

    assert settings.reference is not None
    splits = data.read(DataSection(name=settings.reference)).splits
    if len(splits) > 1 and "test" not in splits:
        raise DataError(
            f"The reference texts of {settings.reference} stand in the splits {', '.join(splits)}.",
            "Give a file, or a data set with a split test.",
        )
    table = splits["test"] if "test" in splits else next(iter(splits.values()))
    column = _column(settings, table, task)
    return [str(text) for text in table[column] if isinstance(text, str) and text.strip()]


def _column(settings: MembershipSection, table: Dataset, task: Task) -> str:
    names = list(table.column_names)
    if settings.column is not None:
        if settings.column in names:
            return settings.column
        raise ColumnError(
            f"{settings.reference} has no column {settings.column!r}.", did_you_mean(settings.column, names)
        )
    known = [alias for column in task.input_columns() for alias in (column.name, *column.aliases)]
    texts = [name for name in names if getattr(table.features[name], "dtype", "") in ("string", "large_string")]
    found = next((name for name in known if name in names), texts[0] if len(texts) == 1 else None)
    if found is None:
        raise ColumnError(
            f"It is not clear which column of {settings.reference} holds the texts: {', '.join(names)}.",
            "Set evaluation.contamination.membership.column.",
        )
    return found
