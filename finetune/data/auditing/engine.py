"""The audit: a sample is drawn, all rows are passed over once, and the parts are put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from finetune.artifacts.data_audit import DataAudit
from finetune.data.auditing.columns import ColumnScan, head_of
from finetune.data.auditing.findings import find
from finetune.data.auditing.media import MediaScan
from finetune.data.auditing.parts import Parts
from finetune.data.auditing.personal import describe_personal
from finetune.data.auditing.roles import Roles
from finetune.data.auditing.rows import PreparedRows, RawRows, Rows
from finetune.data.auditing.sampling import SEED, batches, draw, media_columns
from finetune.data.canonical import NUMBER
from finetune.data.columns import Place
from finetune.errors import EmptyDataError

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.artifacts import PreparedData
    from finetune.recipe import Recipe
    from finetune.task import Task

HEAD = 5


def audit(
    tables: Mapping[str, Dataset],
    *,
    places: Mapping[str, Place],
    task: Task | None,
    prepared: PreparedData | None,
    recipe: Recipe,
    tokenizer: Any | None = None,
    max_length: int | None = None,
) -> DataAudit:
    """Look at the data as it was read, and at the rows that a model would get.

    All rows are passed over in batches; what is kept of a row is some 30 bytes. What is slow is measured on a sample
    of `recipe.inspection.sample` rows, and says so. Nothing of the data is changed, and no personal value is kept.

    Args:
        tables: Raw splits; training rows are called `train`.
        places: Canonical column -> where it stands in the data, as far as that is known.
        task: The task, where it has learned its target; None where the data could not be prepared.
        prepared: The rows after cleaning and splitting; None where that failed. The raw rows are then all there is.
        recipe: Says what columns are for, and how thoroughly to look.
        tokenizer: Of the pretrained model, to count tokens; they are not counted without.
        max_length: Longest input of the model in tokens; None for no limit.

    Raises:
        EmptyDataError: No split has a row.
    """
    splits = {name: rows.remove_columns([NUMBER] if NUMBER in rows.column_names else [])
              for name, rows in tables.items() if len(rows)}  # fmt: skip
    if not splits:
        raise EmptyDataError("There are no rows to look at.", "Check the data's name, config and splits.")
    roles = Roles.of(recipe, places, {name for rows in splits.values() for name in rows.column_names})
    columns = scan_columns(splits, roles, recipe.inspection.sample)
    texts = [column.name for column in columns if column.texts is not None]
    rows: Rows = PreparedRows(prepared) if prepared else RawRows(splits, roles.inputs, texts, roles.target, task)
    worded = roles.worded or (not roles.inputs and bool(texts))
    parts = Parts(rows, splits, roles, recipe, worded=worded)
    found = {
        **_account(tables, recipe, prepared, max_length),
        "columns": [column.to_dict() for column in columns],
        "head": head_of(splits, HEAD, {column.name for column in columns if column.personal}),
        "personal": describe_personal({c.name: c.persons for c in columns if c.persons is not None}),
        **parts.of_all_rows(prepared),
        "target_leakage": parts.target_leakage(columns),
        "tokens": parts.tokens(tokenizer, max_length),
        "languages": parts.languages(),
        "label_errors": parts.label_errors(),
        "identity_terms": parts.identity_terms(),
    }
    return DataAudit(**found, findings=find(found))


def _account(
    tables: Mapping[str, Dataset], recipe: Recipe, prepared: PreparedData | None, max_length: int | None
) -> dict[str, Any]:
    return {
        "name": recipe.data.name,
        "task": recipe.task,
        "settings": {
            "sample": recipe.inspection.sample,
            "seed": SEED,
            "near_threshold": recipe.cleaning.near_threshold,
            "max_length": max_length,
        },
        "rows": {
            "raw": {name: len(part) for name, part in tables.items()},
            "prepared": {name: len(part) for name, part in prepared.splits.items()} if prepared else None,
        },
    }


def scan_columns(splits: Mapping[str, Dataset], roles: Roles, size: int) -> list[ColumnScan | MediaScan]:
    """Pass over the raw rows, all columns at once but for pictures and sounds, which are looked at one by one.

    Args:
        splits: Raw splits.
        roles: What their columns are for.
        size: Rows of the sample.
    """
    features = {name: feature for rows in reversed(list(splits.values())) for name, feature in rows.features.items()}
    order = dict.fromkeys(name for rows in splits.values() for name in rows.column_names)
    media = {name for rows in splits.values() for name in media_columns(rows)}
    plain = {split: rows.remove_columns([name for name in rows.column_names if name in media])
             for split, rows in splits.items()}  # fmt: skip
    sample = draw(plain, size, SEED)
    scans: dict[str, ColumnScan | MediaScan] = {}
    for name in order:
        role, feature = roles.of_column(name), features[name]
        scans[name] = MediaScan(name, feature, role, splits, size) if name in media else ColumnScan(
            name, feature, role, sample
        )  # fmt: skip
    for split, rows in plain.items():
        for start, table in batches(rows):
            for name in table.column_names:
                scan = scans[name]
                if isinstance(scan, ColumnScan):
                    scan.add(split, start, table[name])
    return list(scans.values())
