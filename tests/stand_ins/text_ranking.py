"""Stand-ins for what the text-ranking recipes name; RoBERTa is that of text classification."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

LANGUAGES = ("python", "java", "javascript")
TASKS = {
    "sort": ("sort", "order"),
    "copy": ("copy", "duplicate"),
    "reverse": ("reverse", "turn around"),
    "merge": ("merge", "join"),
}
THINGS = ("a list", "an array", "a string", "a map", "two files")
CANDIDATES = 8


def title(chance: random.Random, task: str, thing: str, language: str) -> str:
    """One way of asking how something is done."""
    form = chance.choice(("how to {} {} in {}", "{} {} in {}", "what is the best way to {} {} with {}"))
    return form.format(chance.choice(TASKS[task]), thing, language)


def questions(seed: int, rows: int) -> list[dict[str, Any]]:
    """Titles with one or two that ask the same, and others that do not."""
    chance = random.Random(seed)
    made = []
    for index in range(rows):
        asked = chance.choice(list(TASKS)), chance.choice(THINGS), chance.choice(LANGUAGES)
        others = [about for task in TASKS for thing in THINGS for language in LANGUAGES
                  if (about := (task, thing, language)) != asked]  # fmt: skip
        made.append({
            "query": title(chance, *asked),
            "positive": [title(chance, *asked) for _ in range(1 + index % 2)],
            "negative": [title(chance, *about) for about in chance.sample(others, CANDIDATES)],
        })  # fmt: skip
    return made


def stackoverflow(folder: Path) -> Path:
    """mteb/stackoverflowdupquestions-reranking: JSON lines, packed, and no validation split."""
    folder.mkdir(parents=True)
    for seed, (split, rows) in enumerate({"train": 60, "test": 30}.items()):
        lines = "".join(f"{json.dumps(row)}\n" for row in questions(seed, rows))
        (folder / f"{split}.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    (folder / "README.md").write_text("---\nlanguage:\n- en\n---\n", encoding="utf-8")
    return folder


MODELS: dict[str, Callable[[Path], Path]] = {}
DATASETS: dict[str, Callable[[Path], Path]] = {"mteb/stackoverflowdupquestions-reranking": stackoverflow}
