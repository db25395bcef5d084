"""Whether the columns that a recipe's section names are there, and can be what it takes them for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finetune.data.cleaning.cells import is_list_of_texts, is_number, is_text
from finetune.data.cleaning.steps import NUMBER, Step, ValueStep, arrow_type
from finetune.errors import ColumnError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, Features

    from finetune.recipe import CleaningSection


def named_columns(section: CleaningSection) -> Iterator[tuple[str, str]]:
    """Each column that the section names, with the field that names it."""
    for name in ("numbers", "dates", "categories", "missing", "outliers"):
        for column in getattr(section, name):
            yield name, column


def check_target(section: CleaningSection, target: str | None) -> None:
    """Refuse steps on the target that come too late for it: labels are learned before the split.

    Raises:
        ColumnError: There are such steps, or labels to map and no single target column.
    """
    if section.labels and target is None:
        raise ColumnError("cleaning.labels maps target values, and the target is no single column.", "Remove it.")
    if target is None:
        return
    fitted = {name for name, step in section.missing.items() if step.strategy not in ("drop", "constant")}
    clipped = {name for name, step in section.outliers.items() if step.action == "clip"}
    for field, names, instead in (
        ("categories", set(section.categories), "Map its spellings under cleaning.labels."),
        ("missing", fitted, "Drop rows without a target, or name a constant."),
        ("outliers", clipped, "Use report or drop."),
    ):
        if target in names:
            raise ColumnError(f"cleaning.{field} would change the target {target!r} after it is learned.", instead)


def check_columns(
    rows: Dataset, split: str, section: CleaningSection, texts: Sequence[str], target: str | None
) -> None:
    """Refuse columns that are not there, or hold what a step cannot read.

    Raises:
        ColumnError: What is wrong with which.
    """
    known = [name for name in rows.column_names if name != NUMBER]
    wanted = [*((f"cleaning.{field}", name) for field, name in named_columns(section)),
              *(("The list of texts", name) for name in texts)]  # fmt: skip
    for field, name in wanted:
        if name not in known and not (name == target and split != "train"):  # test sets may come without a target
            raise ColumnError(
                f"{field} names {name!r}, which {split} does not have.",
                f"Correct the name. {did_you_mean(name, known)}",
            )
    if NUMBER not in rows.column_names:
        raise ColumnError(f"The rows of {split} have no column {NUMBER!r} with their numbers.", "Add it.")
    _check_kinds(rows, section, texts)


def _check_kinds(rows: Dataset, section: CleaningSection, texts: Sequence[str]) -> None:
    import pyarrow as pa

    types = {field.name: field.type for field in rows.data.schema}
    for name in set(section.numbers) & types.keys():
        require(is_text(types[name]) or is_number(types[name]), "numbers", name, types[name])
    for name in set(section.dates) & types.keys():
        kind = types[name]
        require(is_text(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind), "dates", name, kind)
    if section.normalize or section.personal or section.length or section.languages:
        for name in texts:
            kind = types[name]
            plain = is_text(kind) or is_number(kind) or pa.types.is_boolean(kind) or is_list_of_texts(kind)
            require(plain, "steps on texts", name, kind)


def require(fits: bool, field: str, name: str, kind: Any) -> None:
    """Refuse a column of the wrong kind; one without any value is of every kind."""
    if not fits and str(kind) != "null":
        field = field if " " in field else f"cleaning.{field}"
        raise ColumnError(
            f"The column {name!r} holds {kind}, which {field} cannot read.",
            "Turn it into texts before, or leave it out.",
        )


def untyped_columns(rows: Dataset) -> set[str]:
    """Columns of which no value is known, and so no type: JSON and rows made in Python have such."""
    import pyarrow as pa

    return {field.name for field in rows.data.schema if pa.types.is_null(field.type)}


def typed(tables: Iterable[pa.Table], types: Mapping[str, pa.DataType]) -> Iterator[pa.Table]:
    """The tables with types for columns that have none; all of their values are missing."""
    import pyarrow as pa

    for table in tables:
        changed = table
        for name, kind in types.items():
            index = changed.column_names.index(name)
            changed = changed.set_column(index, name, pa.nulls(len(changed), kind))
        yield changed


def result_schema(rows: Dataset, steps: Iterable[Step], types: Mapping[str, pa.DataType]) -> pa.Schema:
    """The schema after the steps, with the features of `datasets` in its metadata.

    Args:
        rows: What goes in.
        steps: What is done.
        types: Of columns that had none, see `typed`.
    """
    import pyarrow as pa

    schema, features = rows.data.schema, rows.features.copy()
    for name, kind in types.items():
        schema = schema.set(schema.get_field_index(name), pa.field(name, kind))
        features[name] = _feature(kind)
    for step in steps:
        if isinstance(step, ValueStep):
            index = schema.get_field_index(step.place)
            new = arrow_type(step.kind, schema.field(index).type)
            if new is not None:
                schema = schema.set(index, pa.field(step.place, new))
                features[step.place] = _feature(new)
    return schema.with_metadata(_as_features(features).arrow_schema.metadata)


def _feature(kind: pa.DataType) -> Any:
    from datasets import List, Value

    return List(_feature(kind.value_type)) if hasattr(kind, "value_type") else Value(str(kind))


def _as_features(features: Any) -> Features:
    from datasets import Features

    return Features(features)
