"""The writing half of the loopback Hub's API, part one: repositories, their settings, branches and tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .access import Access, HubError
from .front_matter import find_problems
from .policy import Policy, Visibility, VisibilityChange
from .pull import Handler, unslash
from .repository import REPO_TYPES, Repository, RepoType

NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_][A-Za-z0-9._-]{0,94}[A-Za-z0-9_]|[A-Za-z0-9_]")
ATTRIBUTES = "".join(
    f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in ("bin", "parquet", "pt", "safetensors", "zip")
)
NO_CONTENT = {"success": True}


class Push:
    """Handlers that create and change repositories; ``routes`` mounts them."""

    def __init__(self, access: Access, endpoint: str, policy: Policy) -> None:
        """``policy`` says what the accounts' plan pays for."""
        self.access = access
        self.endpoint = endpoint
        self.policy = policy

    def routes(self) -> list[Route]:
        """All routes of this part."""
        routes = [
            Route("/api/repos/create", self.create, methods=["POST"]),
            Route("/api/repos/delete", self.delete, methods=["DELETE"]),
            Route("/api/repos/move", self.move, methods=["POST"]),
            Route("/api/validate-yaml", self.validate_yaml, methods=["POST"]),
        ]
        for repo_type in REPO_TYPES:
            api = f"/api/{repo_type}s/{{id:repo}}"

            def add(path: str, handler: Handler, method: str, of: RepoType = repo_type) -> None:
                routes.append(Route(path, partial(handler, self, repo_type=of), methods=[method]))

            add(f"{api}/settings", Push.settings, "PUT")
            add(f"{api}/branch/{{name}}", Push.create_branch, "POST")
            add(f"{api}/branch/{{name}}", Push.delete_branch, "DELETE")
            add(f"{api}/tag/{{name}}", Push.create_tag, "POST")
            add(f"{api}/tag/{{name}}", Push.delete_tag, "DELETE")
        return routes

    async def create(self, request: Request) -> Response:
        """Create a repository; one that exists is answered 409 with its address and left as it is."""
        data = await request.json()
        repo_type, repo_id = self._target(request, data)
        sdk = data.get("sdk", "")
        if repo_type == "space":
            if sdk not in ("gradio", "docker", "static", "streamlit"):
                raise HubError(400, "A Space needs an sdk: gradio, docker or static")
            self.policy.check_plan(sdk, data.get("hardware"))
        url = self.url(repo_type, repo_id)
        if self.access.storage.get(repo_type, repo_id) is not None:
            error = HubError(409, f"You already created this {repo_type} repo: {repo_id}")
            error.data = {"url": url}
            raise error
        files = {".gitattributes": ATTRIBUTES.encode()}
        if repo_type == "space":
            files["README.md"] = f"---\ntitle: {repo_id.split('/')[1]}\nsdk: {sdk}\napp_file: app.py\n---\n".encode()
        visibility = _visibility(data) or "public"
        repository = self.access.storage.create(repo_type, repo_id, files)
        self._show(repository, visibility)
        repository.space.configure(data)
        return JSONResponse({"url": url, "name": repo_id, "id": repository.refs["refs/heads/main"][:24]})

    async def delete(self, request: Request) -> Response:
        """Delete a repository."""
        repo_type, repo_id = self._target(request, await request.json())
        self.access.storage.delete(self.access.repository(request, repo_type, repo_id, write=True))
        return JSONResponse(NO_CONTENT)

    async def move(self, request: Request) -> Response:
        """Give a repository another name."""
        data = await request.json()
        old = self.access.repository(request, data.get("type", "model"), data["fromRepo"], write=True)
        if not self.access.user(request).may_write(data["toRepo"]):
            raise _no_rights(old.repo_type, data["toRepo"])
        if self.access.storage.get(old.repo_type, data["toRepo"]) is not None:
            raise HubError(409, f"{data['toRepo']} exists")
        self.access.storage.move(old, data["toRepo"])
        return JSONResponse(NO_CONTENT)

    async def validate_yaml(self, request: Request) -> Response:
        """Check the front matter of a card."""
        data = await request.json()
        problems, warnings = find_problems(data["content"], data["repoType"])
        answer = {"errors": [{"message": each} for each in problems], "warnings": [{"message": w} for w in warnings]}
        return JSONResponse(answer, status_code=400 if problems else 200)

    async def settings(self, request: Request, repo_type: RepoType) -> Response:
        """Change visibility and gating."""
        repository = self._open(request, repo_type)
        data = await request.json()
        visibility = _visibility(data)
        if visibility is not None:
            self._show(repository, visibility)
        if "gated" in data:
            repository.gated = bool(data["gated"])
            repository.gated_by = data["gated"] or "manual"
        repository.save()
        return JSONResponse({"private": repository.private, "gated": repository.gated_how})

    async def create_branch(self, request: Request, repo_type: RepoType) -> Response:
        """A new branch from a revision."""
        repository, name = self._open(request, repo_type), unslash(request.path_params["name"])
        if name.startswith("refs/"):
            raise HubError(400, f"Invalid reference for a branch: {name}")
        data = await request.json()
        commit = self.access.commit(repository, data.get("startingPoint") or "main")
        return self._add_ref(repository, f"refs/heads/{name}", commit.sha)

    async def delete_branch(self, request: Request, repo_type: RepoType) -> Response:
        """Remove a branch other than main."""
        repository, name = self._open(request, repo_type), unslash(request.path_params["name"])
        if name == "main":
            raise HubError(403, "Cannot delete refs/heads/main")
        return self._remove_ref(repository, f"refs/heads/{name}")

    async def create_tag(self, request: Request, repo_type: RepoType) -> Response:
        """Tag the revision named in the path."""
        repository = self._open(request, repo_type)
        commit = self.access.commit(repository, unslash(request.path_params["name"]))
        data = await request.json()
        return self._add_ref(repository, f"refs/tags/{data['tag']}", commit.sha)

    async def delete_tag(self, request: Request, repo_type: RepoType) -> Response:
        """Remove the tag named in the path."""
        return self._remove_ref(self._open(request, repo_type), f"refs/tags/{unslash(request.path_params['name'])}")

    def url(self, repo_type: RepoType, repo_id: str) -> str:
        """The page of a repository."""
        prefix = "" if repo_type == "model" else f"{repo_type}s/"
        return f"{self.endpoint}/{prefix}{repo_id}"

    def _open(self, request: Request, repo_type: RepoType) -> Repository:
        return self.access.repository(request, repo_type, request.path_params["id"], write=True)

    def _target(self, request: Request, data: Mapping[str, Any]) -> tuple[RepoType, str]:
        """Type and id that a request names, once its caller may write there."""
        token = self.access.user(request)
        repo_type: RepoType = data.get("type") or "model"
        repo_id = f"{data.get('organization') or token.user}/{data['name']}"
        if repo_type not in REPO_TYPES or not NAME.fullmatch(data["name"]):
            raise HubError(400, f"Invalid {repo_type} name: {data['name']}")
        if not token.may_write(repo_id):
            raise _no_rights(repo_type, repo_id)
        return repo_type, repo_id

    def _show(self, repository: Repository, visibility: Visibility) -> None:
        if visibility == "protected" and repository.repo_type != "space":
            raise HubError(400, "Only Spaces can be protected")
        repository.private = visibility != "public"
        repository.save()
        self.policy.visibilities.append(VisibilityChange(repository.repo_type, repository.repo_id, visibility))

    def _add_ref(self, repository: Repository, ref: str, sha: str) -> Response:
        if ref in repository.refs:
            raise HubError(409, f"Reference already exists: {ref}")
        repository.refs[ref] = sha
        repository.save()
        return JSONResponse(NO_CONTENT, status_code=201)

    def _remove_ref(self, repository: Repository, ref: str) -> Response:
        if ref not in repository.refs:
            raise HubError(404, f"Invalid rev id: {ref}", "RevisionNotFound")
        del repository.refs[ref]
        repository.save()
        return JSONResponse(NO_CONTENT)


def _visibility(data: Mapping[str, Any]) -> Visibility | None:
    """What a request asks for, in its present or its older form; None where it says nothing."""
    if "visibility" in data:
        visibility: Visibility = data["visibility"]
        return visibility
    return None if "private" not in data else "private" if data["private"] else "public"


def _no_rights(repo_type: RepoType, repo_id: str) -> HubError:
    namespace = repo_id.split("/", maxsplit=1)[0]
    return HubError(403, f"You don't have the rights to create a {repo_type} under the namespace {namespace}")
