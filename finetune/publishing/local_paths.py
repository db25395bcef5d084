"""No published file may speak of folders of this machine: they are of no use elsewhere, and tell who works where."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from finetune.errors import PublishError

_NAMES = frozenset({"_name_or_path", "name_or_path"})
"""Where transformers notes what a part was loaded from. Nothing reads it again."""
_VOCABULARIES = frozenset({"vocab.json", "added_tokens.json"})
"""Any text may be a token."""
_TEXTS = frozenset({".json", ".yaml", ".yml", ".md", ".txt", ".jinja"})


def drop_origins(folder: Path) -> None:
    """Take out of the folder's configurations from which folder of this machine they were loaded."""
    for path in sorted(folder.rglob("*.json")):
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            continue
        kept = {key: value for key, value in values.items() if key not in _NAMES or not _is_here(value)}
        if len(kept) < len(values):
            path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def refuse_local_paths(folder: Path, places: Sequence[str | Path]) -> None:
    """Look for folders of this machine in every text of a folder that is to be published.

    Args:
        folder: What is to be published.
        places: Folders that must not be named; the home folder and every path that exists here count, too.

    Raises:
        PublishError: Names the file and the path.
    """
    pattern = _pattern([*map(str, places), str(Path.home())])
    for path in sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix in _TEXTS):
        for text in _texts(path):
            found = pattern.search(text) if pattern else None
            if found or _is_here(text):
                raise PublishError(
                    f"{path.relative_to(folder)} would publish a path of this machine: {found[0] if found else text}.",
                    "Take it out of the recipe (its texts and names) and publish again.",
                )


def _pattern(places: Sequence[str]) -> re.Pattern[str] | None:
    """Any of the absolute paths, as a whole path or as the beginning of one."""
    given = {place.rstrip("/\\") for place in places if os.path.isabs(place)}
    whole = {*given, *(str(Path(place).resolve()) for place in given)} - {""}
    chosen = [re.escape(place) for place in sorted(whole, key=len, reverse=True) if len(Path(place).parts) > 1]
    return re.compile(rf"(?<![\w.:/-])(?:{'|'.join(chosen)})(?![\w-])[^\s\"'`<>()]*") if chosen else None


def _is_here(value: Any) -> bool:
    """Whether a text is nothing but the path of something on this machine, two folders deep or more."""
    if not isinstance(value, str) or len(value) > 4096 or "\0" in value or not os.path.isabs(value):
        return False
    return len(Path(value).parts) > 2 and os.path.exists(value)


def _texts(path: Path) -> Iterator[str]:
    """The lines of a file; of JSON its values, and its keys."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix != ".json" or path.name in _VOCABULARIES:
        yield from text.splitlines() if path.suffix != ".txt" and path.name not in _VOCABULARIES else ()
        return
    values = json.loads(text)
    if path.name == "tokenizer.json":
        values = {key: value for key, value in values.items() if key not in ("model", "added_tokens")}
    yield from _leaves(values)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, str):
        yield value
