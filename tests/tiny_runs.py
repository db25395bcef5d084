"""Random texts of a few words, an encoder that knows them, and a recipe that runs in a moment."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from finetune.models import tiny_text_encoder
from finetune.recipe import Recipe
from finetune.sources import ModelSource, resolve_model

WORDS = [f"w{i}" for i in range(40)]


def some_texts(count: int, seed: int, shortest: int = 1) -> list[str]:
    """Different texts of `shortest` to eight words."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[" ".join(chance.choices(WORDS, k=chance.randint(shortest, 8)))] = None
    return list(found)


def word_encoder(folder: Path) -> ModelSource:
    """A tiny encoder whose vocabulary is `WORDS`."""
    tiny_text_encoder(str(folder), WORDS)
    return resolve_model(str(folder))


def tiny_recipe(
    task: str, folder: Path, rows: list[dict[str, Any]], options: dict[str, Any], *,
    words: Sequence[str] = WORDS, **sections: Any,
) -> Recipe:  # fmt: skip
    """A recipe of three steps on rows and a tiny encoder that knows `words`, both written into `folder`."""
    if not (folder / "base").exists():
        tiny_text_encoder(str(folder / "base"), words)
    Dataset.from_list(rows).to_parquet(folder / "rows.parquet")
    training = {"learning_rate": 5e-3, "max_steps": 3, "train_batch_size": 8, "bf16": False, "report_to": ["none"]}
    return Recipe.from_dict({
        "task": task, "name": "tiny", "options": options, "model": {"name": str(folder / "base")},
        "data": {"name": str(folder / "rows.parquet")}, "adapter": {"r": 4}, "evaluation": {"resamples": 100},
        "inspection": {"in_runs": False},
        "output": {"folder": str(folder), "run": "run"},
        **sections, "training": training | sections.get("training", {}),
    })  # fmt: skip
