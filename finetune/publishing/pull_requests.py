"""Large publications: several commits on a pull request, which is merged once every file in it is verified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from finetune.errors import PublishError
from finetune.publishing.clients import Hub
from finetune.publishing.commits import Change, Step, commit, look
from finetune.publishing.refusals import LATER
from finetune.publishing.repositories import MAIN
from finetune.publishing.verification import check_tree, read_tree

PART = (2_000_000_000, 100)
"""Bytes and files of one commit of a pull request: what is lost at most when the connection is."""


def commit_by_request(
    hub: Hub, change: Change, announce: Callable[[Step], None], number: int | None, opened: Callable[[int, str], None]
) -> str:
    """Bring main to hold the files by a pull request; main changes only when all of them are there and verified.

    Args:
        announce: Is told each commit before it is made.
        number: The pull request that an interrupted publication opened; None where there is none.
        opened: Is told the number as soon as there is one, and the commit that main stands at.

    Returns:
        The commit on main.

    Raises:
        PublishError: The subclass says why not.
    """
    name = change.repo
    now = hub.call(f"Reading the files of {name}", lambda api: look(api, change, MAIN))
    if not now.missing and not now.stale:
        return now.head  # also where the answer to a merge was lost
    number = hub.call(f"Opening a pull request of {name}", lambda api: _find_or_open(api, change, number))
    opened(number, now.head)
    oid = commit(hub, change, announce, branch=f"refs/pr/{number}")
    tree = hub.call(f"Reading the files of {name}", lambda api: read_tree(api, change.repo_type, name, oid))
    check_tree(change.files, tree, f"pull request {number} of {name}")
    return hub.call(f"Merging pull request {number} of {name}", lambda api: _merge(api, change, number))


def _find_or_open(api: Any, change: Change, number: int | None) -> int:
    """The request that is open already under our title (the answer to its opening may have been lost), or a new one."""
    author = str(api.whoami(cache=True)["name"])
    title = change.message[:200].strip()
    # Every state, chosen from here: what counts as open differs between drafts and others.
    found = api.get_repo_discussions(
        change.repo, repo_type=change.repo_type, author=author, discussion_type="pull_request"
    )
    numbers = [each.num for each in found if each.title == title and each.status in ("open", "draft")]
    if number in numbers:
        return int(number or 0)
    if numbers:
        return int(max(numbers))
    words = "All files of one publication; merged once each of them is verified by its hash."
    return int(api.create_pull_request(change.repo, title, description=words, repo_type=change.repo_type).num)


def _merge(api: Any, change: Change, number: int) -> str:
    """Merge it unless it is merged; the commit that main stands at then."""
    where = {"repo_id": change.repo, "discussion_num": number, "repo_type": change.repo_type}
    request = api.get_discussion_details(**where)
    if request.status == "closed":
        raise PublishError(
            f"Somebody closed the pull request {number} of {change.repo} before it was merged.",
            f"Publish again for a new one. {LATER}",
        )
    if request.conflicting_files:
        raise PublishError(
            f"The pull request {number} of {change.repo} conflicts with what somebody else committed meanwhile.",
            f"Close it on its page. {LATER}",
        )
    if request.status == "draft":  # what a program opens is a draft, and a draft cannot be merged
        api.change_discussion_status(**where, new_status="open")
    if request.status != "merged":
        api.merge_pull_request(**where)
    return str(api.repo_info(change.repo, repo_type=change.repo_type, revision=MAIN).sha)
