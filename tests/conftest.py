"""A tiny model, a tiny data set and the recipe that joins them; every test runs the real pipeline on them, offline."""

from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml

# The same examples everywhere: a failure that only chance brings up again helps nobody. Look for new ones by hand with
# `pytest --hypothesis-profile default`.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test may need the Hub; those that speak to the loopback Hub start processes

WORDS = {
    "positive": ("great", "lovely", "superb", "warm", "moving"),
    "negative": ("dull", "awful", "poor", "cold", "tired"),
}
THINGS = ("film", "book", "meal", "song", "play", "talk", "game", "show", "tale", "trip")


def review_rows(count: int = 120, seed: int = 0) -> list[dict[str, Any]]:
    """Short reviews whose words give the label away, one in ten mislabelled; `site` is a group, `stars` a number."""
    generator = random.Random(seed)
    rows = []
    for index in range(count):
        label = ("negative", "positive")[index % 2]
        words = " ".join(generator.choice(WORDS[label]) for _ in range(generator.randint(1, 6)))
        noisy = label if generator.random() > 0.1 else "positive" if label == "negative" else "negative"
        stars = (4.0 if noisy == "positive" else 1.5) + generator.random() / 2
        text = f"a {words} {generator.choice(THINGS)} number {index}"
        rows.append({"text": text, "label": noisy, "stars": round(stars, 2), "site": ("north", "south")[index % 3 % 2]})
    return rows


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random two-layer encoder and its tokenizer."""
    from finetune.models import tiny_text_encoder

    folder = tmp_path_factory.mktemp("model")
    tiny_text_encoder(str(folder), [row["text"] for row in review_rows(400)])
    return folder


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "reviews.csv", review_rows())


@pytest.fixture
def recipe_values(tiny_model: Path, reviews: Path, tmp_path: Path) -> dict[str, Any]:
    """A recipe as plain values: float32, no dropout, two epochs of 16 rows a step."""
    return {
        "task": "text-classification",
        "name": "tiny",
        "model": {"name": str(tiny_model), "dropout": 0.0},
        "data": {"name": str(reviews), "columns": {"text": "text", "label": "label"}},
        "adapter": {"r": 4},
        "training": {
            "learning_rate": 1e-2, "num_train_epochs": 2, "train_batch_size": 16, "bf16": False, "logging_steps": 1,
            "report_to": ["none"],
        },
        "evaluation": {"resamples": 100},
        "inspection": {"in_runs": False},  # a look at the data takes longer than all else here
        "output": {"folder": str(tmp_path / "runs")},
    }  # fmt: skip


@pytest.fixture
def write_recipe(recipe_values: dict[str, Any], tmp_path: Path) -> Callable[..., Path]:
    """Writes the tiny recipe, changed by `section__key=value` arguments."""

    def write(**changes: Any) -> Path:
        for place, value in changes.items():
            *sections, key = place.split("__")
            target = recipe_values
            for section in sections:
                target = target.setdefault(section, {})
            target[key] = value
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(recipe_values), encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_recipe(write_recipe: Callable[..., Path]) -> Callable[..., Any]:
    from finetune import Recipe

    return lambda **changes: Recipe.from_yaml(write_recipe(**changes))


def finetune(
    *arguments: str | Path, env: dict[str, str] | None = None, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "finetune", *map(str, arguments)]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=300, check=False, **settings
    )
