"""The reading half of the loopback Hub's API: who am I, repository information, trees, files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import parse_qs, quote, urlencode

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .access import Access, HubError, entry_not_found
from .front_matter import card_data, card_tags
from .repository import REPO_TYPES, Blob, Commit, Repository, RepoType

Handler: TypeAlias = Callable[..., Awaitable[Response]]


class _RepoIdConvertor(Convertor[str]):
    """A repository id in a route: ``org/name``, or a bare ``name`` as old repositories have."""

    regex = r"[\w.-]+(?:/[\w.-]+)?"

    def convert(self, value: str) -> str:
        """The id as it is."""
        return value

    def to_string(self, value: str) -> str:
        """The id as it is."""
        return value


register_url_convertor("repo", _RepoIdConvertor())


class Pull:
    """Handlers of the reading half; ``routes`` mounts them."""

    def __init__(self, access: Access, endpoint: str, storage_endpoint: str, page_size: int) -> None:
        """``storage_endpoint`` serves LFS files; ``page_size`` bounds a page of a tree."""
        self.access = access
        self.endpoint = endpoint
        self.storage_endpoint = storage_endpoint
        self.page_size = page_size

    def routes(self) -> list[Route]:
        """All routes of the reading half, the ones with a fixed prefix first."""
        routes = [Route("/api/whoami-v2", self.whoami), Route("/storage/{type}s/{id:repo}/{sha256}", self.storage)]
        # Spaces and datasets before models: the model routes have no prefix and would match theirs.
        for repo_type in reversed(REPO_TYPES):
            api = f"/api/{repo_type}s/{{id:repo}}"
            files = "/{id:repo}" if repo_type == "model" else f"/{repo_type}s/{{id:repo}}"

            def add(path: str, handler: Handler, method: str = "GET", of: RepoType = repo_type) -> None:
                routes.append(Route(path, partial(handler, self, repo_type=of), methods=[method]))

            # The suffixed routes come first, for "org/refs" is also an id.
            add(f"{api}/revision/{{revision}}", Pull.info)
            add(f"{api}/tree/{{revision}}", Pull.tree)
            add(f"{api}/tree/{{revision}}/{{path:path}}", Pull.tree)
            add(f"{api}/paths-info/{{revision}}", Pull.paths_info, "POST")
            add(f"{api}/commits/{{revision}}", Pull.commits)
            add(f"{api}/refs", Pull.refs)
            add(f"{api}/auth-check", Pull.auth_check)
            add(f"{api}/auth-check/write", Pull.auth_check)
            add(api, Pull.info)
            add(f"{files}/resolve/{{revision}}/{{path:path}}", Pull.resolve)
        return routes

    async def whoami(self, request: Request) -> Response:
        """The user behind the token and the token's role."""
        token = self.access.token(request)
        if token is None:
            raise HubError(401, "Invalid username or password.")
        return JSONResponse(
            {
                "type": "user",
                "id": token.user,
                "name": token.user,
                "fullname": token.user,
                "isPro": False,
                "orgs": [{"type": "org", "name": org, "roleInOrg": "write"} for org in token.orgs],
                "auth": {"type": "access_token", "accessToken": token.describe()},
            }
        )

    async def info(self, request: Request, repo_type: RepoType) -> Response:
        """Everything about a repository at a revision, ``?blobs=true`` with sizes and hashes."""
        repository, commit = self._open(request, repo_type)
        card = card_data(repository, commit)
        blobs = request.query_params.get("blobs", "").lower() == "true"
        data: dict[str, Any] = {
            "_id": commit.sha[:24],
            "id": repository.repo_id,
            "author": repository.namespace,
            "sha": commit.sha,
            "private": repository.private,
            "gated": repository.gated_how,
            "disabled": False,
            "createdAt": next(iter(repository.commits.values())).date,
            "lastModified": commit.date,
            "downloads": 0,
            "likes": 0,
            "tags": card_tags(card),
            "cardData": card,
            "siblings": [_sibling(path, blob, blobs) for path, blob in commit.files.items()],
        }
        if repo_type == "model":
            data["modelId"] = repository.repo_id
            data |= {key: card[key] for key in ("pipeline_tag", "library_name") if key in card}
        if repo_type == "space":
            data |= {
                "sdk": card.get("sdk") or repository.space.sdk,
                "runtime": repository.space.describe(card, commit.files),
            }
        return JSONResponse(data)

    async def tree(self, request: Request, repo_type: RepoType) -> Response:
        """One page of the entries at or below a folder, with a link to the next page."""
        _, commit = self._open(request, repo_type)
        folder = unslash(request.path_params.get("path", "")).strip("/")
        query = request.query_params
        expand = query.get("expand", "").lower() == "true"
        entries = _entries(commit, expand)
        if folder and entries.get(folder, {}).get("type") != "directory":
            raise entry_not_found(commit, folder)
        prefix = f"{folder}/" if folder else ""
        below = [entry for path, entry in sorted(entries.items()) if path.startswith(prefix)]
        if query.get("recursive", "").lower() != "true":
            below = [entry for entry in below if "/" not in entry["path"].removeprefix(prefix)]
        start = int(query.get("cursor", "0"))
        end = start + (min(self.page_size, 50) if expand else self.page_size)
        headers = {}
        if end < len(below):
            following = urlencode({**dict(query), "cursor": end})
            path = quote(request.scope["path"], safe="/%")
            headers["Link"] = f'<{self.endpoint}{path}?{following}>; rel="next"'
        return JSONResponse(below[start:end], headers=headers)

    async def paths_info(self, request: Request, repo_type: RepoType) -> Response:
        """The entries of the given paths; a path that does not exist is left out."""
        _, commit = self._open(request, repo_type)
        form = parse_qs((await request.body()).decode())
        entries = _entries(commit, form.get("expand", [""])[0].lower() == "true")
        wanted = [path.strip("/") for path in form.get("paths", [])]
        return JSONResponse([entries[path] for path in wanted if path in entries])

    async def commits(self, request: Request, repo_type: RepoType) -> Response:
        """The history of a revision, newest first."""
        repository, commit = self._open(request, repo_type)
        return JSONResponse(
            [
                {"id": each.sha, "title": each.title, "message": "", "date": each.date, "authors": [{"user": "test"}]}
                for each in repository.history(commit)
            ]
        )

    async def refs(self, request: Request, repo_type: RepoType) -> Response:
        """Branches, tags, conversions and, if asked for, pull requests."""
        repository, _ = self._open(request, repo_type)
        kinds = {"branches": "refs/heads/", "tags": "refs/tags/", "converts": "refs/convert/"}
        if request.query_params.get("include_prs"):
            kinds["pullRequests"] = "refs/pr/"
        return JSONResponse(
            {
                kind: [
                    {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": sha}
                    for ref, sha in sorted(repository.refs.items())
                    if ref.startswith(prefix)
                ]
                for kind, prefix in kinds.items()
            }
        )

    async def auth_check(self, request: Request, repo_type: RepoType) -> Response:
        """Whether the caller may read the files or, at ``…/write``, push."""
        write = request.scope["path"].endswith("/write")
        self.access.repository(request, repo_type, request.path_params["id"], content=True, write=write)
        return JSONResponse({})

    async def resolve(self, request: Request, repo_type: RepoType) -> Response:
        """A file's content, or for an LFS file the way to the storage host."""
        repository, commit = self._open(request, repo_type, content=True)
        path = request.path_params["path"]
        blob = commit.files.get(path)
        if blob is None:
            raise entry_not_found(commit, path)
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{blob.etag}"'}
        if blob.sha256 is None:
            return FileResponse(repository.blob_path(blob), headers=headers, filename=path.split("/")[-1])
        headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(blob.size)}
        # The query stands in for the signature that makes such an address work without a token.
        target = f"{self.storage_endpoint}/storage/{repo_type}s/{repository.repo_id}/{blob.sha256}?signature=test"
        return RedirectResponse(target, status_code=302, headers=headers)

    async def storage(self, request: Request) -> Response:
        """An LFS file on the storage host, which knows no tokens."""
        parameters = request.path_params
        repository = self.access.storage.get(parameters["type"], parameters["id"])
        path = repository.folder / "blobs" / parameters["sha256"] if repository else None
        if path is None or not path.is_file() or "signature" not in request.query_params:
            raise HubError(403, "AccessDenied")
        return FileResponse(path, headers={"ETag": f'"{parameters["sha256"]}"'})

    def _open(self, request: Request, repo_type: RepoType, content: bool = False) -> tuple[Repository, Commit]:
        parameters = request.path_params
        repository = self.access.repository(request, repo_type, parameters["id"], content=content)
        return repository, self.access.commit(repository, unslash(parameters.get("revision", "main")))


def unslash(value: str) -> str:
    """Undo the one escape that the server leaves in a path so that the routes can split it."""
    return value.replace("%2F", "/")


def _lfs(blob: Blob, key: str) -> dict[str, Any]:
    """The LFS part of a file entry; the tree calls the SHA-256 ``oid``, the siblings ``sha256``."""
    return {"lfs": {key: blob.sha256, "size": blob.size, "pointerSize": blob.pointer_size}} if blob.sha256 else {}


def _sibling(path: str, blob: Blob, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": path}
    return {"rfilename": path, "size": blob.size, "blobId": blob.oid, **_lfs(blob, "sha256")}


def _entries(commit: Commit, expand: bool) -> dict[str, dict[str, Any]]:
    """Tree entries of all files and folders of a commit by path."""
    extra = {"lastCommit": {"id": commit.sha, "title": commit.title, "date": commit.date}} if expand else {}
    entries: dict[str, dict[str, Any]] = {}
    for path, oid in commit.folders().items():
        entries[path] = {"type": "directory", "path": path, "oid": oid, "size": 0, **extra}
    for path, blob in commit.files.items():
        entries[path] = {"type": "file", "path": path, "oid": blob.oid, "size": blob.size, **_lfs(blob, "oid"), **extra}
    return entries
