"""What goes to the Hub after a run: the model, a Space with its demo, the data set's card."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from finetune.recipe.section import Section

_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"^(?:{_PART}/)?{_PART}$")
_LONGEST = 96


def _repository_id(value: str) -> str:
    """Refuse what no repository of the Hub can be called."""
    if (
        not _REPOSITORY.match(value)
        or "--" in value
        or ".." in value
        or value.endswith(".git")
        or len(value) > _LONGEST
    ):
        raise ValueError(
            f"{value!r} is no repository id: write org/name, or a name alone for your own account (letters, digits, "
            f"'-', '_' and '.', at most {_LONGEST} characters, no '--' or '..', no '.git' at the end)"
        )
    return value


RepositoryId = Annotated[str, AfterValidator(_repository_id)]


class SpaceSection(Section):
    """A Space with the demo of the model."""

    repo: RepositoryId
    """`org/name` of the Space."""
    private: bool | None = None
    """Whether only its owners see it. Default: as the model."""
    hardware: str = Field(default="zero-a10g", min_length=1)
    """What it runs on, as the Hub names it: `zero-a10g` (shared GPUs), `cpu-basic`, `t4-small`, …"""
    package: str | None = Field(default=None, min_length=1)
    """Requirement that installs this library there, as in a requirements file, such as
    `finetune-recipes @ git+https://…`. Default: this version by its name."""


class PublishedDataSection(Section):
    """A data set repository with the card of the data."""

    repo: RepositoryId
    """`org/name` of the data set repository."""
    rows: bool = False
    """Whether the cleaned rows go up too, as Parquet files of the splits; only where the data card's licence allows
    it. Otherwise the card alone does."""
    private: bool | None = None
    """Whether only its owners see it. Default: as the model."""


class PublishSection(Section):
    """What is put on the Hub once the goals are reached; nothing unless `repo` is set. The token comes from the
    environment (`HF_TOKEN` or `hf auth login`), never from the recipe."""

    repo: RepositoryId | None = None
    """`org/name` of the model repository, or a name alone for your own account."""
    private: bool = True
    """Whether only its owners see it."""
    weights: Literal["adapter", "merged", "both"] | None = None
    """What weights go up: the adapter; the whole model with the adapter added in; or the whole model, and the adapter
    in the folder `adapter`. Default: the adapter where its base model is on the Hub, else the whole model."""
    pull_request: bool | None = None
    """Whether the files go up as a pull request which is merged once every file in it is verified. Default: only for
    more than 200 files or 5 GB. Otherwise they go up in one commit."""
    tag: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]*$")
    """Tag of the published commit. Default: the name of the run's folder."""
    examples: bool | None = None
    """Whether a few test rows go up, for the demo. Default: only where the data itself is public (the Hub, a
    package)."""
    space: SpaceSection | None = None
    """A Space with the demo."""
    data: PublishedDataSection | None = None
    """A data set repository with the data's card."""
