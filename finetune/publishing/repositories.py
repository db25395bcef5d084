"""A repository of the Hub before anything is put there: it exists, may be written, and is as private as asked for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol

from finetune.errors import AccessError, VerificationError
from finetune.publishing.clients import Hub
from finetune.publishing.refusals import RepoType, Subject
from finetune.publishing.verification import read_tree

log = logging.getLogger(__name__)
MAIN = "main"
# What the Hub itself puts into a new repository; nobody's work.
_BORN_WITH: dict[RepoType, set[str]] = {
    "model": {".gitattributes"}, "dataset": {".gitattributes"}, "space": {".gitattributes", "README.md"}
}  # fmt: skip


class Destination(Protocol):
    """A repository that something goes to."""

    @property
    def repo_type(self) -> RepoType:
        """Its kind."""

    @property
    def repo(self) -> str:
        """`org/name`."""

    @property
    def private(self) -> bool:
        """Whether only its owners may see it."""

    @property
    def hardware(self) -> str | None:
        """Of a Space that does not exist yet; one that does is left as it is."""


@dataclass(frozen=True)
class Target:
    """A repository that something will go to once there is something."""

    repo_type: RepoType
    repo: str
    private: bool = True
    hardware: str | None = None


def subject_of(target: Destination, organizations: tuple[str, ...] = ()) -> Subject:
    """The target, for the words of errors."""
    return Subject(target.repo_type, target.repo, target.hardware, organizations)


def ensure_repository(hub: Hub, target: Destination) -> str:
    """Make sure that the repository is there, may be written, and has the visibility asked for.

    The visibility of a repository that holds anything is never changed, and one that we made is read back: the Hub
    creates nothing where a repository exists already, and does not say that its visibility is another one.

    Returns:
        The address of its page.

    Raises:
        PublishError: AccessError where the token may not write there, or it exists with the other visibility.
        VerificationError: It stays public although private was asked for.
    """
    if _look_up(hub, target) is None:
        hub.call(f"Creating {target.repo}", lambda api: _create(api, target))
    name, kind = target.repo, target.repo_type
    hub.call(f"Asking for the right to write {name}", lambda api: api.auth_check(name, repo_type=kind, write=True))
    _settle_visibility(hub, target)
    return _address(target)


def _create(api: Any, target: Destination) -> None:
    space = {"space_sdk": "gradio", "space_hardware": target.hardware} if target.repo_type == "space" else {}
    # Creating twice is harmless: the first answer may have been lost.
    api.create_repo(target.repo, repo_type=target.repo_type, private=target.private, exist_ok=True, **space)


def _look_up(hub: Hub, target: Destination) -> Any:
    """What the Hub knows of the repository; None where it does not exist, or is hidden from this token."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    def ask(api: Any) -> Any:
        try:
            return api.repo_info(target.repo, repo_type=target.repo_type)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return None

    return hub.call(f"Looking for {target.repo}", ask)


def _settle_visibility(hub: Hub, target: Destination) -> None:
    """Read back who sees it; make private what is still empty, and refuse everything else that is not as asked for."""
    if _is_private(hub, target) == target.private:
        return
    if not target.private:
        raise AccessError(
            f"{target.repo} is private on the Hub, and is to be published publicly. Its visibility is left alone.",
            f"Make it public on {_address(target)}/settings, or publish privately (--private).",
        )
    if not _is_empty(hub, target):
        raise AccessError(
            f"{target.repo} is public on the Hub, and is to be published privately. Its visibility is left alone.",
            f"Make it private on {_address(target)}/settings, choose another repository, or publish with --public.",
        )
    hub.call(
        f"Making {target.repo} private",
        lambda api: api.update_repo_settings(target.repo, repo_type=target.repo_type, private=True),
    )
    if not _is_private(hub, target):
        raise VerificationError(
            f"{target.repo} stays public although it was made private.",
            f"Nothing was sent. Look at {_address(target)}/settings, or choose another repository.",
        )


def _is_private(hub: Hub, target: Destination) -> bool:
    found = _look_up(hub, target)
    if found is None:
        raise AccessError(
            f"{target.repo} exists on the Hub, and the token may not see it.",
            "Give the token the right to read and write it, or choose another repository.",
        )
    return bool(found.private)


def _is_empty(hub: Hub, target: Destination) -> bool:
    tree = hub.call(
        f"Reading the files of {target.repo}", lambda api: read_tree(api, target.repo_type, target.repo, MAIN)
    )
    return set(tree) <= _BORN_WITH[target.repo_type]


def _address(target: Destination) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{constants.REPO_TYPES_URL_PREFIXES.get(target.repo_type, '')}{target.repo}"
