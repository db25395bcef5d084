"""The stages on data alone: look at it, write and check its card, see what augmentation makes of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from finetune import pipeline
from finetune.artifacts import DataAudit, PreparedData, RunFolder
from finetune.artifacts.prepared_data import iterate
from finetune.errors import DataError, NotFoundError, OfflineError
from finetune.recipe import Recipe


def inspect(recipe: Recipe) -> tuple[DataAudit, PreparedData | None]:
    """Look at the recipe's data as a careful data scientist would: what it is, what is wrong with it, what leaks.

    Returns:
        What was found, and the prepared data; None where it cannot be learned from, which is then the first finding.

    Raises:
        SourceError: The data is not to be had.
    """
    from finetune import data

    return data.inspect(recipe, pipeline.validate(recipe), *pipeline.tokenizer_of(recipe))


def preview_augmentation(recipe: Recipe, rows: int = 20) -> list[dict[str, Any]]:
    """Some training rows beside what the recipe's augmentation makes of them."""
    from finetune import augmentation

    data = pipeline.prepare(recipe)
    return augmentation.preview(
        recipe.augmentation, data.task, list(iterate(data.train)), rows, seed=recipe.training.seed
    )


def save_audit(audit: DataAudit, data: PreparedData | None, folder: str | Path) -> Path:
    """Write `audit.json`, `audit.html` and, where the data could be prepared, `report.json` into a folder.

    Returns:
        The page.
    """
    from finetune.cards import write_audit_page

    run = RunFolder(Path(folder))
    run.write_json("audit.json", audit.to_dict())
    if data is not None:
        run.write_json("report.json", data.report.to_dict())
    return write_audit_page(audit, data.report if data is not None else None, run.path / "audit.html")


def write_data_card(recipe: Recipe, cards: str | Path) -> Path:
    """Measure the data of a recipe and write its card.

    Args:
        recipe: Names the data.
        cards: Folder that holds a folder for each data set.

    Returns:
        The card's folder.
    """
    from finetune import cards as stage

    folder = stage.find_card(Path(cards), recipe.data.name) or Path(cards) / stage.card_folder_name(recipe.data.name)
    stage.write_data_card(folder, recipe=recipe, **_measured(recipe, offline=False))
    return folder


def check_data_card(recipe: Recipe, cards: str | Path, *, offline: bool = False) -> tuple[list[Any], str]:
    """Recompute what the card of a recipe's data says.

    Returns:
        What does not hold, and what could not be checked.

    Raises:
        NotFoundError: The data has no card.
    """
    from finetune import cards as stage

    folder = stage.find_card(Path(cards), recipe.data.name)
    if folder is None:
        raise NotFoundError(f"{cards} has no card for {recipe.data.name}.", "Write one with: finetune card data RECIPE")
    measured = _measured(recipe, offline=offline)
    problems = stage.check_data_card(folder, recipe=recipe, **measured)
    return problems, f"figures not checked: {measured['reason']}" if measured["reason"] else ""


def _measured(recipe: Recipe, *, offline: bool) -> dict[str, Any]:
    """What a card takes of the data; where it is not to be had, the reason."""
    from finetune.sources import parse_location

    nothing = {"audit": None, "report": None, "cleaning": (), "data_hash": None}
    if offline and parse_location(recipe.data.name, recipe.data.revision).kind == "hub":
        return {**nothing, "reason": "needs the Hub"}
    try:
        audit, data = inspect(recipe)
    except OfflineError as error:
        return {**nothing, "reason": error.cause}
    if data is None:
        raise DataError(audit.findings[0]["sentence"])
    content = hashlib.sha256(json.dumps(data.report.content, sort_keys=True).encode()).hexdigest()
    return {"audit": audit, "report": data.report, "cleaning": data.report.cleaning, "data_hash": content,
            "reason": None}  # fmt: skip
