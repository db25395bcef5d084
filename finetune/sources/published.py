"""Models that this library published: brought from the Hub, with what loading needs and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from finetune.errors import NotFoundError, UsageError
from finetune.sources.hub import hub_errors
from finetune.sources.locations import parse_location

DESCRIPTION = "finetune.json"
"""Written beside the weights of every model of this library: the task, its labels and the base model."""
_REPOSITORY = re.compile(r"^[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*(?:@[\w./-]+)?$", re.ASCII)
_WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.md", "recipe.yaml"]
"""No pickles, which can run code when they are loaded, and no code."""
_UNWANTED = ["adapter/*", "checkpoint*/*", "logs/*"]
"""`adapter/` is the same model once more, where the whole one is at the top."""


def is_repository(name: str) -> bool:
    """Whether `name` reads as `org/name[@revision]` of the Hub and cannot be a folder of this machine: neither it nor
    the folder that would hold it is there.

    >>> is_repository("somebody/reviews@v1"), is_repository("reviews"), is_repository("./runs/reviews")
    (True, False, False)
    """
    return bool(_REPOSITORY.match(name)) and not Path(name).exists() and not Path(name).parent.is_dir()


def fetch_published(name: str, revision: str | None = None) -> Path:
    """Bring a published model here, into the Hub's cache.

    Args:
        name: `org/name[@revision]`.
        revision: Branch, tag or commit; must not contradict one behind the name.

    Returns:
        The folder of that commit; the commit is the folder's name.

    Raises:
        NotFoundError: No such repository, or one that this library did not write.
        SourceError: Another subclass: gated, credentials, revision, offline.
        UsageError: The name is not one of the Hub's.
    """
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    location = parse_location(name, revision, what="model")
    if location.kind != "hub":
        raise UsageError(f"{name!r} is no repository of the Hub.", "Write org/name, or org/name@revision.")
    with hub_errors("model", location.name, location.revision):
        try:
            described = hf_hub_download(location.name, DESCRIPTION, revision=location.revision)
        except RemoteEntryNotFoundError:
            raise _not_ours(location.name) from None
        commit = Path(described).parent.name  # a branch may move between the two downloads
        return Path(
            snapshot_download(location.name, revision=commit, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)
        )


def _not_ours(name: str) -> NotFoundError:
    return NotFoundError(
        f"The model {name} was not published by this library (it has no {DESCRIPTION}), so its task is not known.",
        "Load it with transformers, or fine-tune it: set model.name in a recipe.",
    )
