"""The writing half of the loopback Hub's API, part two: which way a file goes up, and commits."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from fnmatch import fnmatch
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .access import Access, HubError
from .discussions import Discussions
from .front_matter import find_problems
from .policy import Policy
from .pull import Handler, unslash
from .repository import (
    LFS_SUFFIXES,
    LFS_THRESHOLD,
    REPO_TYPES,
    Blob,
    Commit,
    Repository,
    RepoType,
    git_oid,
    lfs_pointer,
)

MAX_FILES = 256
STALE = "A commit has happened since. Please refresh and try again."


class Commits:
    """Handlers of preuploads and commits; ``routes`` mounts them."""

    def __init__(self, access: Access, discussions: Discussions, endpoint: str, policy: Policy) -> None:
        """Commits that are to become pull requests are told to ``discussions``."""
        self.access = access
        self.discussions = discussions
        self.endpoint = endpoint
        self.policy = policy

    def routes(self) -> list[Route]:
        """All routes of this part."""
        routes = []
        for repo_type in REPO_TYPES:
            api = f"/api/{repo_type}s/{{id:repo}}"

            def add(path: str, handler: Handler, of: RepoType = repo_type) -> None:
                routes.append(Route(path, partial(handler, self, repo_type=of), methods=["POST"]))

            add(f"{api}/preupload/{{revision}}", Commits.preupload)
            add(f"{api}/commit/{{revision}}", Commits.commit)
        return routes

    async def preupload(self, request: Request, repo_type: RepoType) -> Response:
        """For each file whether it goes to LFS, is ignored, and what the repository has in its place."""
        repository, commit = self._open(request, repo_type)
        data = await request.json()
        if len(data["files"]) > MAX_FILES:
            raise HubError(400, f"At most {MAX_FILES} files at once, not {len(data['files'])}")
        ignore = data.get("gitIgnore", _text(repository, commit, ".gitignore"))
        return JSONResponse(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if _is_large(file) else "regular",
                        "shouldIgnore": _ignores(ignore, file["path"]),
                        "oid": commit.files[file["path"]].etag if file["path"] in commit.files else None,
                    }
                    for file in data["files"]
                ]
            }
        )

    async def commit(self, request: Request, repo_type: RepoType) -> Response:
        """Apply a commit, to a branch or as a new pull request; all of it or nothing."""
        body = await request.body()
        # From here on nothing waits, so no other request comes between the check of the parent and the commit.
        repository, head = self._open(request, repo_type)
        items = [json.loads(line) for line in body.splitlines() if line.strip()]
        header: dict[str, str] = next((item["value"] for item in items if item["key"] == "header"), {})
        if not header.get("summary"):
            raise HubError(400, "A commit needs a summary")
        parent = header.get("parentCommit")
        if parent and not head.sha.startswith(parent):
            raise HubError(412, STALE)
        changes = _changes(repository, head, items)
        _check_readme(repository, changes.get("README.md"))
        ref, url = self._ref(request, repository), self._url(repository)
        answer: dict[str, Any] = {"success": True}
        if _creates_pull_request(request):
            opened = self.discussions.open(request, repository, header["summary"], head, pull_request=True)
            ref, answer["pullRequestUrl"] = opened.ref, f"{url}/discussions/{opened.num}"
        done = repository.commit(changes, header["summary"], ref=ref)
        repository.space.stages = list(self.policy.space_stages)
        return JSONResponse({**answer, "commitOid": done.sha, "commitUrl": f"{url}/commit/{done.sha}"})

    def _open(self, request: Request, repo_type: RepoType) -> tuple[Repository, Commit]:
        """The repository and the commit to build on, if the caller may change it or propose a change."""
        repo_id, revision = request.path_params["id"], unslash(request.path_params["revision"])
        repository = self.access.contribution(request, repo_type, repo_id)
        own = self.discussions.is_author(self.access.user(request), repository, revision)
        if not _creates_pull_request(request) and not own:
            self.access.repository(request, repo_type, repo_id, write=True)
        return repository, self.access.commit(repository, revision)

    def _ref(self, request: Request, repository: Repository) -> str:
        revision = unslash(request.path_params["revision"])
        for ref in (f"refs/heads/{revision}", revision):
            if ref in repository.refs:
                return ref
        if _creates_pull_request(request):
            return ""
        raise HubError(400, f"Cannot commit to {revision}, which is no branch")

    def _url(self, repository: Repository) -> str:
        prefix = "" if repository.repo_type == "model" else f"{repository.repo_type}s/"
        return f"{self.endpoint}/{prefix}{repository.repo_id}"


def _creates_pull_request(request: Request) -> bool:
    return request.query_params.get("create_pr") in ("1", "true")


def _is_large(file: dict[str, Any]) -> bool:
    """Large files, those whose name says so, and binary ones go to LFS; empty ones never."""
    binary = b"\0" in base64.b64decode(file.get("sample", ""))
    return bool(file["size"]) and (file["size"] >= LFS_THRESHOLD or binary or file["path"].endswith(LFS_SUFFIXES))


def _ignores(patterns: str, path: str) -> bool:
    """Whether a .gitignore of plain patterns covers the path."""
    lines = [line.strip().strip("/") for line in patterns.splitlines()]
    names = [path, *path.split("/")]
    return any(fnmatch(name, line) for line in lines if line and not line.startswith("#") for name in names)


def _text(repository: Repository, commit: Commit, path: str) -> str:
    blob = commit.files.get(path)
    return repository.blob_path(blob).read_text(encoding="utf-8") if blob else ""


def _changes(repository: Repository, head: Commit, items: Iterable[dict[str, Any]]) -> dict[str, Blob | None]:
    """Path to new content, None for a deleted file."""
    changes: dict[str, Blob | None] = {}
    for item in items:
        key, value = item["key"], item["value"]
        path = value.get("path", "")
        if key != "header" and (not path or path.startswith("/") or ".." in path.split("/")):
            raise HubError(400, f"Invalid path: {path!r}")
        if key == "file":
            changes[path] = repository.write_blob(path, _content(value), lfs=False)
        elif key == "lfsFile":
            changes[path] = _stored(repository, value)
        elif key in ("deletedFile", "deletedFolder"):
            changes |= dict.fromkeys(_deleted(head, path, folder=key == "deletedFolder"))
        elif key != "header":
            raise HubError(400, f"Unknown operation: {key}")
    return changes


def _content(value: dict[str, Any]) -> bytes:
    text: str = value["content"]
    content = base64.b64decode(text) if value.get("encoding") == "base64" else text.encode()
    if len(content) >= LFS_THRESHOLD or b"\0" in content:
        raise HubError(400, f"{value['path']} is binary or larger than 10 MiB and has to go to LFS")
    return content


def _stored(repository: Repository, value: dict[str, Any]) -> Blob:
    """The LFS file that a commit names, which must have been uploaded."""
    oid = value["oid"]
    path = repository.folder / "blobs" / oid
    if not path.is_file():
        raise HubError(400, f"LFS pointer pointed to a file that does not exist: {value['path']}")
    size = path.stat().st_size
    return Blob(oid=git_oid("blob", lfs_pointer(oid, size)), size=size, sha256=oid)


def _deleted(head: Commit, path: str, *, folder: bool) -> list[str]:
    prefix = path.rstrip("/") + "/"
    found = [each for each in head.files if (each.startswith(prefix) if folder else each == path)]
    if not found:
        kind = "folder" if folder else "file"
        raise HubError(404, f"A {kind} with this name doesn't exist: {path}", "EntryNotFound")
    return found


def _check_readme(repository: Repository, blob: Blob | None) -> None:
    if blob is None:
        return
    problems, _ = find_problems(repository.blob_path(blob).read_text(encoding="utf-8"), repository.repo_type)
    if problems:
        raise HubError(400, f"Invalid metadata in README.md: {'; '.join(problems)}")
