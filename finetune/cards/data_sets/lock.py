"""`card.lock` and the other files of a card as they are read and written: whole or not at all."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finetune.cards.data_sets.answers import ANSWERS, schema_errors
from finetune.cards.data_sets.places import data_id
from finetune.cards.data_sets.stats import STATS, STATS_VERSION, put_together
from finetune.errors import RunFolderError, UsageError
from finetune.recipe import Recipe

LOCK = "card.lock"
LOCK_VERSION = 1
_SECTIONS = {"task", "data", "cleaning", "features", "options", "inspection"}
_AGAIN = "Delete it and run `finetune card data` again."


def measurement_name(recipe: Recipe) -> str:
    """What the entry of a recipe is called."""
    return recipe.name or recipe.task


def lock_entry(recipe: Recipe, data_hash: str | None) -> dict[str, Any]:
    """What the lock holds of a measurement; of a recipe whose data was not measured it holds nothing."""
    return {"data": data_hash, "recipe": recipe_hash(recipe), "stats_version": STATS_VERSION}


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256 of what the figures depend on: task, data, cleaning, features, options, inspection, model and its length.

    Values that are those of the schema are left out, so that a new setting does not move the hash of an old recipe.
    """
    values = recipe.model_dump(mode="json", include=_SECTIONS, exclude_defaults=True)
    values["data"]["name"] = data_id(recipe.data.name)
    values["model"] = {"name": data_id(recipe.model.name), "max_length": recipe.model.max_length}
    return _hash(json.dumps(values, sort_keys=True, ensure_ascii=False))


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of `answers.yaml` and `stats.json`, whatever their line ends."""
    return {"answers": _hash(text_of_file(folder / ANSWERS)), "stats": _hash(text_of_file(folder / STATS))}


def read_stats(folder: Path) -> dict[str, Any]:
    """`stats.json`, or one without measurements where there is none.

    Raises:
        UsageError: It is no JSON, or not of its schema's form.
    """
    stats = _read_json(folder / STATS, put_together({}))
    errors = schema_errors("stats", stats)
    if errors:
        raise UsageError(f"{STATS} is not of its form: {errors[0]}.", _AGAIN)
    return stats


def read_lock(folder: Path) -> dict[str, Any]:
    """`card.lock`, or an empty one where there is none.

    Raises:
        UsageError: It is no JSON, or of another form.
    """
    hashes = {"answers": "", "stats": ""}
    empty = {"version": LOCK_VERSION, **hashes, "measurements": {}}
    lock = _read_json(folder / LOCK, empty)
    entries = lock.get("measurements")
    whole = isinstance(entries, dict) and all(
        isinstance(entry, dict) and entry.keys() == {"data", "recipe", "stats_version"} for entry in entries.values()
    )
    if lock.keys() != empty.keys() or not whole:
        raise UsageError(f"{LOCK} is not of its form.", _AGAIN)
    return lock


def _read_json(path: Path, default: dict[str, Any]) -> dict[str, Any]:
    if not path.exists():
        return default
    try:
        values = json.loads(text_of_file(path))
    except (ValueError, OSError) as error:
        raise UsageError(f"{path.name} cannot be read: {error}.", _AGAIN) from None
    return values if isinstance(values, dict) else {}


def as_json(values: Mapping[str, Any]) -> str:
    """Plain values as JSON text."""
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def text_of_file(path: Path) -> str:
    """The text of a file; Git may have changed its line ends."""
    return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False,
                                         encoding="utf-8", newline="\n") as stream:  # fmt: skip
            temporary = Path(stream.name)
            stream.write(text)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise RunFolderError(
            f"The data card's {path.name} cannot be written: {error.strerror or error}.",
            f"Check the permissions of {path.parent} and the space on its disk.",
        ) from None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
