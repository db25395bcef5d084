"""All files in one commit: either all of them are on the branch, or none is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from finetune.publishing.clients import Hub
from finetune.publishing.refusals import RepoType
from finetune.publishing.repositories import MAIN
from finetune.publishing.retries import failed_in_xet
from finetune.publishing.stale import stale_files
from finetune.publishing.verification import LocalFile, differing, read_tree
from finetune.sources import DESCRIPTION

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """What a branch is to become.

    Attributes:
        files: All files that it must hold.
        message: First line of a commit.
        part: At most this many bytes and files in one commit; None for all of them in one.
    """

    repo_type: RepoType
    repo: str
    files: Sequence[LocalFile]
    message: str
    part: tuple[int, int] | None = None


@dataclass(frozen=True)
class Step:
    """What one look at a branch found, before anything is changed.

    Attributes:
        head: The commit that it stands at.
        missing: Files to send in the next commit.
        stale: Files to delete in it.
        left: How many files remain to be sent after it.
        ours: Whether what is there was published from a run.
    """

    head: str
    missing: list[LocalFile]
    stale: list[str]
    left: int
    ours: bool


def commit(hub: Hub, change: Change, announce: Callable[[Step], None], branch: str = MAIN) -> str:
    """Bring a branch to hold the files, in as few commits as `change.part` allows.

    Each try looks at the branch first. So a commit that landed although its answer was lost is recognized, and one
    that somebody else made in between becomes the parent of ours.

    Args:
        announce: Is told each step before it is taken.

    Returns:
        The commit that holds everything.

    Raises:
        PublishError: The subclass says why not.
    """
    before = len(change.files) + 1
    while True:
        oid, left = hub.call(f"Committing to {change.repo}", lambda api: _advance(api, change, announce, branch))
        if left == 0 or left >= before:  # a repository that ignores some files never gets them; verification says so
            return oid
        before = left


def _advance(api: Any, change: Change, announce: Callable[[Step], None], branch: str) -> tuple[str, int]:
    """Make one commit where one is needed; the branch's commit, and how many files remain."""
    step = look(api, change, branch)
    if not step.missing and not step.stale:
        return step.head, 0
    announce(step)
    try:
        oid = _create(api, change, step, branch)
    except Exception as error:
        if not failed_in_xet(error):
            raise
        log.warning("The upload to Xet storage failed (%s); the files go the older way.", type(error).__name__)
        oid = _create(api, change, step, branch, older=True)
    return oid, step.left


def _create(api: Any, change: Change, step: Step, branch: str, *, older: bool = False) -> str:
    """One commit; `older` sends large files by git's LFS although the library for Xet storage is installed."""
    with ExitStack() as opened:
        made = api.create_commit(
            change.repo, _operations(step, opened if older else None), commit_message=change.message,
            repo_type=change.repo_type, revision=branch, parent_commit=step.head,
        )  # fmt: skip
    return str(made.oid)


def look(api: Any, change: Change, branch: str) -> Step:
    """What the branch lacks, and holds too much."""
    head = str(api.repo_info(change.repo, repo_type=change.repo_type, revision=branch).sha)
    tree = read_tree(api, change.repo_type, change.repo, head)
    wrong = differing(change.files, tree)
    stale = stale_files(change.repo_type, tree, [file.path for file in change.files])
    batch = _batch(wrong, change.part)
    return Step(head, batch, stale, left=len(wrong) - len(batch), ours=DESCRIPTION in tree)


def _batch(files: list[LocalFile], part: tuple[int, int] | None) -> list[LocalFile]:
    """The first files that make up one commit; at least one."""
    if part is None:
        return files
    most_bytes, most_files = part
    taken, size = 0, 0
    for file in files[:most_files]:
        size += file.size
        if taken and size > most_bytes:
            break
        taken += 1
    return files[:taken]


def _operations(step: Step, opened: ExitStack | None) -> list[Any]:
    """Made anew for each try: the client marks those that it used.

    An opened file instead of its path makes the client go by LFS: Xet storage takes paths alone.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = [CommitOperationDelete(path_in_repo=path, is_folder=False) for path in step.stale]
    for file in step.missing:
        source = file.source if opened is None else opened.enter_context(file.source.open("rb"))
        addition = CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=source)
        addition.upload_info.sha256 = bytes.fromhex(file.sha256)  # known: the client need not read it once more
        operations.append(addition)
    return operations
