"""Where a run's results go on the Hub, and in what form: the recipe's wishes with every default filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SpaceTarget:
    """A Space with the demo of the model.

    Attributes:
        repo: `org/name`.
        private: Whether only its owners see it.
        hardware: As the Hub names it.
        package: Requirement that installs this library there.
    """

    repo: str
    private: bool
    hardware: str
    package: str


@dataclass(frozen=True)
class DataTarget:
    """A data set repository.

    Attributes:
        repo: `org/name`.
        private: Whether only its owners see it.
        rows: Whether the cleaned rows go up beside the card.
    """

    repo: str
    private: bool
    rows: bool


@dataclass(frozen=True)
class Publication:
    """What is published of a run.

    Attributes:
        repo: `org/name` of the model repository.
        private: Whether only its owners see it.
        weights: The adapter at the top of the repository; the whole model there; or the whole model there and the
            adapter in the folder `adapter`.
        tag: Tag of the published commit.
        pull_request: Whether to go by a pull request; None decides by size.
        examples: Whether a few test rows go up for the demo.
        unmet: Sentences on the recipe's goals that do not hold; it is published all the same.
        space: A Space with the demo.
        data: A data set repository.
        replace: Whether another model that is there may be deleted.
    """

    repo: str
    private: bool
    weights: Literal["adapter", "merged", "both"]
    tag: str
    pull_request: bool | None = None
    examples: bool = False
    unmet: tuple[str, ...] = ()
    space: SpaceTarget | None = None
    data: DataTarget | None = None
    replace: bool = False

    @property
    def whole(self) -> bool:
        """Whether the top of the repository holds a whole model, not an adapter."""
        return self.weights != "adapter"
