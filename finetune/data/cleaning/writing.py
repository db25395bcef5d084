"""How values are written: decimal marks, names of labels, and what fill-in values have to look like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from finetune.data.cleaning.cache import batches
from finetune.data.cleaning.cells import is_number, is_text
from finetune.data.cleaning.columns import require
from finetune.data.cleaning.learned import Learned
from finetune.data.values import NumberReader
from finetune.errors import ColumnError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

    from finetune.recipe import CleaningSection


def learn_writing(rows: Dataset, section: CleaningSection, target: str | None) -> Learned:
    """What raw training rows tell of how values are written.

    Raises:
        ColumnError: A constant does not fit its column.
    """
    types = {field.name: field.type for field in rows.data.schema}
    learned = Learned()
    for column, step in section.numbers.items():
        if step.decimal is None:
            learned.marks[column] = NumberReader.fit(_texts(rows, column)).decimal if is_text(types[column]) else None
    feature = rows.features.get(target)
    names = getattr(getattr(feature, "feature", feature), "names", None)
    learned.names = list(names) if names and section.labels else None
    _learn_kinds(types, section, learned)
    return learned


def _texts(rows: Dataset, column: str) -> Iterator[str]:
    """The different texts of each batch of a column."""
    for table in batches(rows.select_columns([column])):
        yield from (text for text in table[column].unique().to_pylist() if text is not None)


def _learn_kinds(types: dict[str, pa.DataType], section: CleaningSection, learned: Learned) -> None:
    """Find out how constants are written in the columns that they fill.

    Raises:
        ColumnError: A constant does not fit its column.
    """
    import pyarrow as pa

    for name, step in section.missing.items():
        if step.strategy != "constant" or name not in types:
            continue
        value, kind = step.value, types[name]
        require(is_text(kind) or is_number(kind), "missing", name, kind)
        text = is_text(kind) or (not is_number(kind) and isinstance(value, str))
        learned.kinds[name] = "text" if text else "number"
        if is_number(kind) and isinstance(value, str):
            raise ColumnError(f"cleaning.missing puts {value!r} into {name!r}, which holds {kind}.", "Name a number.")
        if pa.types.is_integer(kind) and name not in learned.floats and not float(value or 0).is_integer():
            learned.floats.append(name)


def learn_feature_kinds(types: dict[str, pa.DataType], section: CleaningSection, learned: Learned) -> None:
    """Find out how fill-in values and bounds are written in the columns of canonical rows.

    Args:
        types: Column of the data -> type of its feature.
        section: The recipe's.
        learned: Gets what was found.

    Raises:
        ColumnError: A number is wanted of a column that holds none.
    """
    import pyarrow as pa

    centred = [name for name, step in section.missing.items() if step.strategy in ("mean", "median")]
    for name in (*centred, *section.outliers):
        kind = types[name]
        require(is_text(kind) or is_number(kind), "missing" if name in centred else "outliers", name, kind)
    for name in centred:
        learned.kinds[name] = "text" if is_text(types[name]) else "number"
    learned.types = {name: str(kind) for name, kind in types.items()}
    moved = [name for name, step in section.outliers.items() if step.action == "clip"]
    for name in (*centred, *moved):
        if pa.types.is_integer(types[name]) and name not in learned.floats:
            learned.floats.append(name)
