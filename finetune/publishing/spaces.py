"""The folder of a Space: the files of `space/` with the model's name filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

import yaml

from finetune.artifacts import Publication, SpaceTarget
from finetune.errors import UsageError
from finetune.publishing.folders import filling, write_texts

TEMPLATES = Path(__file__).with_name("space")
PYTHON = "3.12"
"""Shared GPUs come with 3.10 and 3.12; this library needs 3.11 or later."""
LONGEST_DESCRIPTION = 60
"""Characters; the Hub refuses more."""
_MODEL = '\nMODEL = ""\n'
"""The line of `app.py` that names the model."""
_PRIVATE = """
## The model is private

A Space can read a private model only with a token. Open **Settings → Variables and secrets** of this Space, add a
secret named `HF_TOKEN` with a token that may read $model, and restart the Space. Whoever sees the Space can then ask
the model."""


def stage_space(
    publication: Publication, title: str, license: str | None, folder: Path, *, emoji: str = "🔎",
    datasets: Sequence[str] = (), description: str = "",
) -> Path:  # fmt: skip
    """Write the files of the Space that shows the model; whole or not at all.

    Args:
        publication: What is published; its `space` says where and on what hardware.
        title: What the page is called; of several lines they are joined.
        license: As the Hub names it; None leaves it open.
        folder: A new or empty folder.
        emoji: Shown beside the title in lists of Spaces.
        datasets: Hub ids of data sets that the model was trained on; the published one is added.
        description: A line under the title in lists of Spaces; a longer one than 60 characters is cut at a word.

    Returns:
        The folder.

    Raises:
        UsageError: The publication has no Space, its package requirement is none, or the folder is not empty.
    """
    if publication.space is None:
        raise UsageError("This publication has no Space.", "Name one: publish.space.repo.")
    _check_package(publication.space.package)
    title = " ".join(title.split()) or publication.repo
    named = [*datasets, *([publication.data.repo] if publication.data else [])]
    head = _head(publication, publication.space, title, named)
    more = {"license": license, "short_description": _shortened(description or f"Try {title}"), "emoji": emoji}
    head |= {key: value for key, value in more.items() if value}
    with filling(folder) as partial:
        write_texts(_rendered(publication, publication.space, title, head), partial)
    return folder


def _head(publication: Publication, space: SpaceTarget, title: str, datasets: Sequence[str]) -> dict[str, Any]:
    head: dict[str, Any] = {
        "title": title, "emoji": "", "colorFrom": "indigo", "colorTo": "gray", "sdk": "gradio",
        "sdk_version": version("gradio"), "python_version": PYTHON, "app_file": "app.py", "pinned": False,
        "models": [publication.repo], "suggested_hardware": space.hardware, "tags": ["finetune-recipes"],
    }  # fmt: skip
    return head | ({"datasets": list(dict.fromkeys(datasets))} if datasets else {})


def _rendered(publication: Publication, space: SpaceTarget, title: str, head: dict[str, Any]) -> dict[str, str]:
    """The three files, as text."""
    values = {
        "head": yaml.safe_dump(head, sort_keys=False, allow_unicode=True), "title": title, "model": publication.repo,
        "package": space.package, "data": _data_sentence(head.get("datasets", [])),
        "private": Template(_PRIVATE).substitute(model=publication.repo) if publication.private else "",
    }  # fmt: skip
    texts = {
        name: Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(values)
        for name in ("README.md", "requirements.txt")
    }
    app = (TEMPLATES / "app.py").read_text(encoding="utf-8")
    assert app.count(_MODEL) == 1
    return {**texts, "app.py": app.replace(_MODEL, f'\nMODEL = "{publication.repo}"\n')}


def _data_sentence(datasets: Sequence[str]) -> str:
    links = [f"[{name}](https://huggingface.co/datasets/{name})" for name in datasets]
    return f"It was trained on {' and '.join(links)}.\n" if links else ""


def _shortened(text: str) -> str:
    words = text.split()
    while len(" ".join(words)) > LONGEST_DESCRIPTION - 2 and len(words) > 1:
        words.pop()
    cut = len(words) < len(text.split())
    return (" ".join(words) + (" …" if cut else ""))[:LONGEST_DESCRIPTION]


def _check_package(package: str) -> None:
    """Refuse what is not one requirement, and a version of torch, which shared GPUs bring themselves.

    Raises:
        UsageError: Says what was received.
    """
    if "\n" in package or not package.strip() or package.lstrip().startswith(("-", "#")):
        raise UsageError(f"publish.space.package {package!r} is not one requirement.", "Write it as pip takes it.")
    if re.match(r"torch(?![\w-])", package.strip(), re.IGNORECASE):
        raise UsageError("A Space must not ask for a version of torch: its hardware brings one.", "Name this library.")
