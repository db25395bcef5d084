"""Discussions and pull requests of the loopback Hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .access import Access, HubError, Token
from .pull import Handler
from .repository import EPOCH, REPO_TYPES, Blob, Commit, Repository, RepoType

DATE = EPOCH.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass
class Discussion:
    """One discussion; a pull request also has the commit it started from.

    Attributes:
        num: Counted from 1 in each repository.
        status: draft, open, closed or merged.
        base: Sha of main's commit that a pull request started from; None for a plain discussion.
        merge_commit: Sha of the commit that merged it.
        events: What happened to it, as the API tells it.
    """

    num: int
    title: str
    author: str
    status: str
    base: str | None = None
    merge_commit: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ref(self) -> str:
        """Where its commits go."""
        return f"refs/pr/{self.num}"

    def note(self, kind: str, author: str, **data: Any) -> dict[str, Any]:
        """Add an event."""
        event = {"id": f"{self.num}-{len(self.events)}", "type": kind, "createdAt": DATE, "author": {"name": author}}
        self.events.append({**event, "data": data})
        return self.events[-1]


class Discussions:
    """Handlers of discussions; ``routes`` mounts them. They live as long as the hub, their commits longer."""

    def __init__(self, access: Access) -> None:
        """None yet."""
        self.access = access
        self._all: dict[tuple[RepoType, str], dict[int, Discussion]] = {}

    def routes(self) -> list[Route]:
        """All routes of this part."""
        routes = []
        for repo_type in REPO_TYPES:
            api = f"/api/{repo_type}s/{{id:repo}}/discussions"

            def add(path: str, handler: Handler, method: str = "POST", of: RepoType = repo_type) -> None:
                routes.append(Route(path, partial(handler, self, repo_type=of), methods=[method]))

            add(api, Discussions.listing, "GET")
            add(api, Discussions.create)
            add(f"{api}/{{num:int}}", Discussions.details, "GET")
            add(f"{api}/{{num:int}}/comment", Discussions.comment)
            add(f"{api}/{{num:int}}/title", Discussions.rename)
            add(f"{api}/{{num:int}}/status", Discussions.change_status)
            add(f"{api}/{{num:int}}/merge", Discussions.merge)
        return routes

    def of(self, repository: Repository) -> dict[int, Discussion]:
        """The discussions of a repository by number."""
        return self._all.setdefault((repository.repo_type, repository.repo_id), {})

    def open(
        self, request: Request, repository: Repository, title: str, head: Commit, *, pull_request: bool
    ) -> Discussion:
        """Start a discussion or a pull request from ``head``."""
        known = self.of(repository)
        author = self.access.user(request).user
        # A reopened repository still has the refs of earlier pull requests.
        num = max([*known, *(int(ref.split("/")[2]) for ref in repository.refs if ref.startswith("refs/pr/")), 0]) + 1
        known[num] = Discussion(num, title, author, "open", head.sha if pull_request else None)
        if pull_request:
            repository.refs[known[num].ref] = head.sha
            repository.save()
        return known[num]

    def is_author(self, token: Token, repository: Repository, revision: str) -> bool:
        """Whether ``revision`` is a pull request of this user."""
        return any(each.ref == revision and each.author == token.user for each in self.of(repository).values())

    async def listing(self, request: Request, repo_type: RepoType) -> Response:
        """All discussions, newest first, on one page."""
        repository = self.access.repository(request, repo_type, request.path_params["id"])
        query = request.query_params
        kinds = {"pull_request": (True,), "discussion": (False,)}.get(query.get("type", "all"), (True, False))
        states = {"open": ("open", "draft"), "closed": ("closed", "merged")}.get(query.get("status", "all"))
        found = [
            _describe(repository, each)
            for _, each in sorted(self.of(repository).items(), reverse=True)
            if (each.base is not None) in kinds
            and (states is None or each.status in states)
            and query.get("author", each.author) == each.author
        ]
        return JSONResponse({"discussions": found, "count": len(found), "start": 0})

    async def create(self, request: Request, repo_type: RepoType) -> Response:
        """A discussion, or a pull request without commits, which is a draft until it is opened."""
        data = await request.json()
        repository = self.access.contribution(request, repo_type, request.path_params["id"])
        wanted = bool(data.get("pullRequest"))
        made = self.open(request, repository, data["title"], self._main(repository), pull_request=wanted)
        made.status = "draft" if wanted else "open"
        made.note("comment", made.author, edited=False, hidden=False, latest={"raw": data["description"]})
        return JSONResponse({"num": made.num, "pullRequest": wanted})

    async def details(self, request: Request, repo_type: RepoType) -> Response:
        """One discussion with its events; of a pull request also its commits and conflicts."""
        repository = self.access.repository(request, repo_type, request.path_params["id"])
        found = self._find(request, repository)
        answer = _describe(repository, found) | {"events": [*found.events, *_commit_events(repository, found)]}
        if found.base is not None:
            changes = {"base": "refs/heads/main"}
            if found.merge_commit:
                changes["mergeCommitId"] = found.merge_commit
            conflicts = self._conflicts(repository, found) if found.status != "merged" else []
            answer |= {"changes": changes, "filesWithConflicts": conflicts, "diff": ""}
        return JSONResponse(answer)

    async def comment(self, request: Request, repo_type: RepoType) -> Response:
        """Say something."""
        data = await request.json()
        repository = self.access.contribution(request, repo_type, request.path_params["id"])
        found, author = self._find(request, repository), self.access.user(request).user
        event = found.note("comment", author, edited=False, hidden=False, latest={"raw": data["comment"]})
        return JSONResponse({"newMessage": event})

    async def rename(self, request: Request, repo_type: RepoType) -> Response:
        """Change the title."""
        data = await request.json()
        found, author = self._mine(request, repo_type)
        event = found.note("title-change", author, **{"from": found.title, "to": data["title"]})
        found.title = data["title"]
        return JSONResponse({"newTitle": event})

    async def change_status(self, request: Request, repo_type: RepoType) -> Response:
        """Open or close."""
        data = await request.json()
        found, author = self._mine(request, repo_type)
        if found.status == "merged":
            raise HubError(400, "This pull request is merged")
        found.status = data["status"]
        return JSONResponse({"newStatus": found.note("status-change", author, status=found.status)})

    async def merge(self, request: Request, repo_type: RepoType) -> Response:
        """Put the changes of a pull request on main as one commit."""
        repository = self.access.repository(request, repo_type, request.path_params["id"], write=True)
        found = self._find(request, repository)
        if found.base is None or found.status != "open":
            raise HubError(400, f"Discussion {found.num} is no open pull request: {found.status}")
        if conflicts := self._conflicts(repository, found):
            raise HubError(409, f"There are conflicts in {', '.join(conflicts)}")
        changes = _changes(repository.commits[found.base], self._head(repository, found))
        done = repository.commit(changes, f"{found.title} (#{found.num})")
        found.status, found.merge_commit = "merged", done.sha
        found.note("status-change", self.access.user(request).user, status="merged")
        return JSONResponse({"mergeCommitId": done.sha})

    def _find(self, request: Request, repository: Repository) -> Discussion:
        num = request.path_params["num"]
        if num not in self.of(repository):
            raise HubError(404, f"Discussion {num} not found", "EntryNotFound")
        return self.of(repository)[num]

    def _mine(self, request: Request, repo_type: RepoType) -> tuple[Discussion, str]:
        """The discussion, which its author and the owners of the repository may change."""
        repository = self.access.contribution(request, repo_type, request.path_params["id"])
        found, token = self._find(request, repository), self.access.user(request)
        if found.author != token.user:
            self.access.repository(request, repo_type, request.path_params["id"], write=True)
        return found, token.user

    def _main(self, repository: Repository) -> Commit:
        return self.access.commit(repository, "main")

    def _head(self, repository: Repository, discussion: Discussion) -> Commit:
        return repository.commits[repository.refs[discussion.ref]]

    def _conflicts(self, repository: Repository, discussion: Discussion) -> list[str]:
        """Files that main and the pull request changed differently since they parted."""
        assert discussion.base is not None
        base = repository.commits[discussion.base]
        theirs, ours = _changes(base, self._head(repository, discussion)), _changes(base, self._main(repository))
        return sorted(path for path in theirs.keys() & ours.keys() if theirs[path] != ours[path])


def _changes(before: Commit, after: Commit) -> dict[str, Blob | None]:
    """What turns one commit's files into the other's."""
    paths = before.files.keys() | after.files.keys()
    return {path: after.files.get(path) for path in paths if before.files.get(path) != after.files.get(path)}


def _commit_events(repository: Repository, discussion: Discussion) -> Iterator[dict[str, Any]]:
    if discussion.base is None:
        return
    for commit in repository.history(repository.commits[repository.refs[discussion.ref]]):
        if commit.sha == discussion.base:
            return
        data = {"subject": commit.title, "oid": commit.sha}
        yield {"id": commit.sha, "type": "commit", "createdAt": commit.date, "data": data}


def _describe(repository: Repository, discussion: Discussion) -> dict[str, Any]:
    return {
        "num": discussion.num,
        "title": discussion.title,
        "status": discussion.status,
        "author": {"name": discussion.author},
        "repo": {"name": repository.repo_id, "type": repository.repo_type},
        "createdAt": DATE,
        "isPullRequest": discussion.base is not None,
    }
