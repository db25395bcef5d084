"""Who may do what on the loopback Hub, and how it says no.

The status codes and ``X-Error-Code`` headers are those of the real Hub, because the clients choose
their exception class by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .repository import Commit, Repository, RepoType
from .storage import Storage

Role: TypeAlias = Literal["read", "write", "fineGrained"]


@dataclass(frozen=True)
class Token:
    """An access token: whose it is, its role, and the organizations of its user.

    ``scopes`` are the namespaces and repositories that a fine-grained token may write to; None stands
    for all namespaces of its user.
    """

    user: str
    role: Role
    orgs: tuple[str, ...] = ()
    scopes: tuple[str, ...] | None = None

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where this token's user owns repositories."""
        return (self.user, *self.orgs)

    def may_write(self, repo_id: str) -> bool:
        """Whether it may create and change the repository ``repo_id``."""
        namespace = repo_id.split("/", maxsplit=1)[0]
        if self.role == "read" or namespace not in self.namespaces:
            return False
        return self.role == "write" or self.scopes is None or not {namespace, repo_id}.isdisjoint(self.scopes)

    def describe(self) -> dict[str, Any]:
        """What the API tells of it; of a fine-grained one also where it may write."""
        told: dict[str, Any] = {"displayName": "test", "role": self.role}
        if self.role == "fineGrained":
            places = self.namespaces if self.scopes is None else self.scopes
            kinds = {self.user: "user", **dict.fromkeys(self.orgs, "org")}
            scoped = [
                {"entity": {"type": kinds.get(place, "model"), "name": place}, "permissions": ["repo.write"]}
                for place in places
            ]
            told["fineGrained"] = {"canReadGatedRepos": False, "global": [], "scoped": scoped}
        return told


class HubError(Exception):
    """A refusal, answered as JSON with the Hub's error headers."""

    # More members of the answer beside ``error``.
    data: Mapping[str, Any] = {}

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        """``code`` becomes ``X-Error-Code``; ``headers`` use underscores for hyphens."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers["X-Error-Message"] = quote(message, safe=" :,.;'/()-_")
        if code is not None:
            self.headers["X-Error-Code"] = code


async def answer_error(request: Request, error: Exception) -> Response:
    """Turn a HubError into its response (a Starlette exception handler)."""
    assert isinstance(error, HubError)
    return JSONResponse({"error": error.message, **error.data}, status_code=error.status, headers=error.headers)


class Access:
    """The tokens of a hub, and the checks that every route makes through it."""

    def __init__(self, storage: Storage, tls: bool) -> None:
        """``tls`` decides how a missing repository is told to an anonymous client."""
        self.storage = storage
        self.tokens: dict[str, Token] = {}
        self._tls = tls

    def token(self, request: Request) -> Token | None:
        """The caller's token, None for an anonymous caller; an unknown one is refused."""
        header = request.headers.get("authorization")
        if not header:
            return None
        token = self.tokens.get(header.removeprefix("Bearer ").strip())
        if token is None:
            # Exactly this message tells the client that the token is bad, not that the repository is missing.
            raise HubError(401, "Invalid credentials in Authorization header")
        return token

    def user(self, request: Request) -> Token:
        """The caller's token; an anonymous caller is refused."""
        token = self.token(request)
        if token is None:
            raise HubError(401, "Invalid username or password.")
        return token

    def repository(
        self, request: Request, repo_type: RepoType, repo_id: str, *, content: bool = False, write: bool = False
    ) -> Repository:
        """The repository, if the caller may see it; ``content`` and ``write`` ask for more than that.

        A gated repository shows its metadata and file list to everybody and its files to the granted.
        """
        token = self.token(request)
        repository = self.storage.get(repo_type, repo_id)
        if repository is None or (repository.private and not _is_member(token, repository)):
            raise self._not_found(token)
        assert repository is not None
        if content and repository.gated and not _is_member(token, repository):
            raise _gated(token, repository)
        if write:
            self._check_write(token, repository)
        return repository

    def contribution(self, request: Request, repo_type: RepoType, repo_id: str) -> Repository:
        """The repository, if the caller may open a pull request there: whoever sees it and may write anywhere."""
        repository = self.repository(request, repo_type, repo_id, content=True)
        if self.user(request).role == "read":
            raise _read_only(repository)
        return repository

    def commit(self, repository: Repository, revision: str) -> Commit:
        """The commit that ``revision`` names in a repository."""
        commit = repository.resolve(revision)
        if commit is None:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def _not_found(self, token: Token | None) -> HubError:
        if token is not None:
            return HubError(404, "Repository not found", "RepoNotFound")
        # To an anonymous client a missing and a private repository look alike. The client maps a bare
        # 401 to RepositoryNotFoundError for https addresses only; over http it needs the error code.
        return HubError(401, "Invalid username or password.", None if self._tls else "RepoNotFound")

    def _check_write(self, token: Token | None, repository: Repository) -> None:
        if token is None:
            raise HubError(401, "Invalid username or password.")
        if not token.may_write(repository.repo_id):
            raise _read_only(repository)


def entry_not_found(commit: Commit, path: str) -> HubError:
    """A missing file or folder; the commit lets the client remember that it is missing."""
    return HubError(404, f"Entry not found: {path}", "EntryNotFound", X_Repo_Commit=commit.sha)


def _read_only(repository: Repository) -> HubError:
    where = f"{repository.repo_type}s/{repository.repo_id}"
    return HubError(403, f"You don't have the rights to write to {where} with this token")


def _is_member(token: Token | None, repository: Repository) -> bool:
    """Whether the caller owns the repository or was let in by name."""
    return token is not None and (repository.namespace in token.namespaces or token.user in repository.granted)


def _gated(token: Token | None, repository: Repository) -> HubError:
    what = f"Access to {repository.repo_type} {repository.repo_id} is restricted"
    if token is None:
        return HubError(
            401, f"{what}. You must have access to it and be authenticated to access it. Please log in.", "GatedRepo"
        )
    return HubError(
        403, f"{what} and you are not in the authorized list. Visit the repository to ask for access.", "GatedRepo"
    )
