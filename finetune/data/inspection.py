"""A look at the data of a recipe, whether or not it can be learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from finetune.artifacts import DataAudit, DataReport, PreparedData
from finetune.data.columns import Place
from finetune.data.leakage import refusal
from finetune.data.preparation import choose_tables, prepare
from finetune.data.reading import RawData, read
from finetune.errors import DataError, FinetuneError

if TYPE_CHECKING:
    from datasets import Dataset

    from finetune.recipe import Recipe
    from finetune.task import Task


def inspect(
    recipe: Recipe, task: Task, tokenizer: Any, max_length: int | None, no_tokenizer: str = ""
) -> tuple[DataAudit, PreparedData | None]:
    """Audit what a recipe reads.

    Args:
        recipe: Names the data.
        task: The kind of task, which has learned nothing yet.
        tokenizer: Of the pretrained model, to count tokens; None where it is not to be had.
        max_length: Longest input in tokens.
        no_tokenizer: Why there is none.

    Returns:
        What was found, and the prepared data; None where it cannot be learned from.

    Raises:
        SourceError, DataError: The data is not to be had, or cannot be read at all.
    """
    from finetune.data.auditing import audit

    raw = read(recipe.data)
    try:
        # The audit is to show what leaks, so that is no reason to stop here.
        data = recipe.data.model_copy(update={"leakage": "allow"}) if recipe.data.leakage == "refuse" else recipe.data
        prepared = prepare(recipe.model_copy(update={"data": data}), task, raw)
    except DataError as error:
        tables, places = _as_far_as_possible(raw, recipe, task)
        found = audit(tables, places=places, task=None, prepared=None, recipe=recipe)
        return _with_refusal(found, error), None
    found = audit_prepared(recipe, prepared, tokenizer, max_length, no_tokenizer)
    leak = prepared.report.leakage.get("test in train")
    if leak is not None and recipe.data.leakage == "refuse":
        return _with_refusal(found, refusal(leak["rows"], leak["total"], leak["examples"])), prepared
    return found, prepared


def audit_prepared(
    recipe: Recipe, prepared: PreparedData, tokenizer: Any, max_length: int | None, no_tokenizer: str = ""
) -> DataAudit:
    """Audit data that has been prepared; the arguments are those of `inspect`."""
    from finetune.data.auditing import audit

    found = audit(
        prepared.tables, places=prepared.report.columns, task=prepared.task, prepared=prepared, recipe=recipe,
        tokenizer=tokenizer, max_length=max_length,
    )  # fmt: skip
    if tokenizer is None and no_tokenizer:
        return replace(found, tokens={"measured": False, "reason": no_tokenizer})
    return found


def _as_far_as_possible(raw: RawData, recipe: Recipe, task: Task) -> tuple[dict[str, Dataset], dict[str, Place]]:
    report = DataReport()
    try:
        tables, _ = choose_tables(raw, recipe, task, report)
    except FinetuneError:
        return raw.splits, {}
    return tables, report.columns


def _with_refusal(found: DataAudit, error: FinetuneError) -> DataAudit:
    sentence = f"A run would refuse this data: {error.cause} {error.remedy}".strip()
    finding: dict[str, Any] = {
        "severity": "problem",
        "kind": "refused",
        "column": None,
        "sentence": sentence,
        "rows": [],
    }
    return replace(found, findings=[finding, *found.findings])
