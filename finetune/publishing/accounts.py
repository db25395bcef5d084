"""Who publishes, and whether they may: asked before a model is trained, not after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from finetune.errors import AccessError
from finetune.publishing.clients import Hub
from finetune.publishing.refusals import HOW_TO_WRITE, Subject
from finetune.publishing.repositories import Destination, ensure_repository, subject_of
from finetune.publishing.retries import Patience

DEFAULT = Patience()


@dataclass(frozen=True)
class Account:
    """The owner of the access token.

    Attributes:
        name: Their own namespace.
        organizations: Namespaces of organizations they belong to (a fine-grained token may know fewer).
        role: `write`, `fineGrained` or whatever else the Hub calls the token's rights; never `read`.
    """

    name: str
    organizations: tuple[str, ...]
    role: str


def find_account(patience: Patience = DEFAULT) -> Account:
    """Ask the Hub whose token it is.

    Raises:
        AccessError: There is no token, the Hub does not accept it, or it may only read.
        PublishError: The Hub cannot be reached.
    """
    return _account(Hub.connect(patience))


def full_name(repo: str, account_name: str) -> str:
    """`name` → `account/name`; a name with its owner stays."""
    return repo if "/" in repo else f"{account_name}/{repo}"


def check_access(
    targets: Sequence[Destination],
    gated: Sequence[tuple[Literal["model", "dataset"], str]] = (),
    patience: Patience = DEFAULT,
) -> Account:
    """Make sure that everything may be published where it is meant to go; missing repositories are created, empty.

    Args:
        targets: The repositories.
        gated: Base model and data on the Hub, which may be open only to those let in.
        patience: How often each question is tried.

    Raises:
        AccessError: The token, the namespace, the visibility of what exists, or a gated source.
        PlanError: The plan does not allow a repository.
        PublishError: The Hub cannot be reached.
    """
    hub = Hub.connect(patience)
    account = _account(hub)
    for kind, name in gated:
        _check_source(hub.about(Subject(kind, name)))
    own = (account.name, *account.organizations)
    for target in targets:
        ensure_repository(hub.about(subject_of(target, own)), target)
    return account


def _check_source(hub: Hub) -> None:
    """Whether the files of the hub's subject may be read."""
    name, kind = hub.subject.repo, hub.subject.repo_type
    hub.call(f"Asking for access to {name}", lambda api: api.auth_check(name, repo_type=kind))


def _account(hub: Hub) -> Account:
    found: dict[str, Any] = hub.call("Asking whose token it is", lambda api: api.whoami())
    token = (found.get("auth") or {}).get("accessToken") or {}
    account = Account(
        str(found["name"]),
        tuple(str(each["name"]) for each in found.get("orgs") or ()),
        str(token.get("role") or "unknown"),
    )
    if account.role == "read":
        raise AccessError(f"The access token of {account.name} may only read, not write.", HOW_TO_WRITE)
    return account
