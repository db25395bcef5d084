"""Large files on the loopback Hub: the batch endpoint, uploads to the storage host, parts, verification."""

from __future__ import annotations

import hashlib
import math
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .access import Access, HubError
from .policy import Policy
from .pull import Handler
from .recording import Body
from .repository import REPO_TYPES, Repository, RepoType

MAX_OBJECTS = 256


class Lfs:
    """Handlers of LFS uploads; ``routes`` mounts them."""

    def __init__(self, access: Access, endpoint: str, storage_endpoint: str, policy: Policy) -> None:
        """Files go to ``storage_endpoint``; everything else is asked of ``endpoint``."""
        self.access = access
        self.endpoint = endpoint
        self.storage_endpoint = storage_endpoint
        self.policy = policy
        # Uploaded parts of files that are not complete yet: address to part number to body.
        self._parts: dict[str, dict[int, Body]] = {}

    def routes(self) -> list[Route]:
        """All routes of this part; Spaces and datasets before models, whose paths have no prefix."""
        routes = [
            Route("/storage/{type}s/{id:repo}/{sha256}", self.put, methods=["PUT"]),
            Route("/api/complete_multipart", self.complete, methods=["POST"]),
        ]
        for repo_type in reversed(REPO_TYPES):
            objects = f"{_prefix(repo_type)}/{{id:repo}}.git/info/lfs/objects"

            def add(path: str, handler: Handler, of: RepoType = repo_type) -> None:
                routes.append(Route(path, partial(handler, self, repo_type=of), methods=["POST"]))

            add(f"{objects}/batch", Lfs.batch)
            add(f"{objects}/verify", Lfs.verify)
        return routes

    async def batch(self, request: Request, repo_type: RepoType) -> Response:
        """Where to send which files; one that is stored already gets no actions."""
        repository = self.access.contribution(request, repo_type, request.path_params["id"])
        data = await request.json()
        objects = data["objects"]
        if len(objects) > MAX_OBJECTS:
            raise HubError(413, f"At most {MAX_OBJECTS} objects in a batch, not {len(objects)}")
        missing = [each for each in objects if not (repository.folder / "blobs" / each["oid"]).exists()]
        self.policy.check_storage(self.access.storage, repository.namespace, sum(each["size"] for each in missing))
        multipart = "multipart" in data.get("transfers", [])
        answers = [
            {**each, **({"actions": self._actions(repository, each, multipart)} if each in missing else {})}
            for each in objects
        ]
        return JSONResponse({"transfer": "multipart" if multipart else "basic", "objects": answers})

    async def put(self, request: Request) -> Response:
        """One file, or one part of it, on the storage host, which knows no tokens."""
        parameters, query = request.path_params, request.query_params
        repository = self.access.storage.get(parameters["type"], parameters["id"])
        if repository is None or query.get("signature") != "upload":
            raise HubError(403, "AccessDenied")
        body: Body = request.scope["loopback_hub.body"]
        if "part" in query:
            self._parts.setdefault(request.scope["path"], {})[int(query["part"])] = body
            return Response(headers={"ETag": f'"{body.sha256[:32]}"'})
        if body.sha256 != parameters["sha256"]:
            raise HubError(400, "XAmzContentSHA256Mismatch")
        body.keep(repository.folder / "blobs" / body.sha256)
        return Response(headers={"ETag": f'"{body.sha256[:32]}"'})

    async def complete(self, request: Request) -> Response:
        """Join the parts of a file."""
        query = request.query_params
        data, path = await request.json(), query["object"]
        parts = self._parts.get(path, {})
        sent = [(part["partNumber"], part["etag"]) for part in data["parts"]]
        if sent != [(number, f'"{body.sha256[:32]}"') for number, body in sorted(parts.items())]:
            raise HubError(400, "InvalidPart")
        repository = self.access.storage.get(cast("RepoType", query["type"]), query["id"])
        digest = hashlib.sha256()
        for _, body in sorted(parts.items()):
            digest.update(body.read())
        if repository is None or digest.hexdigest() != data["oid"]:
            raise HubError(400, "The parts do not add up to the announced file")
        with (repository.folder / "blobs" / data["oid"]).open("wb") as file:
            file.writelines(body.read() for _, body in sorted(parts.items()))
        del self._parts[path]
        return JSONResponse({"success": True})

    async def verify(self, request: Request, repo_type: RepoType) -> Response:
        """Whether a file arrived as it was announced."""
        repository = self.access.contribution(request, repo_type, request.path_params["id"])
        data = await request.json()
        path = repository.folder / "blobs" / data["oid"]
        if not path.is_file() or path.stat().st_size != data["size"]:
            raise HubError(404, f"Object {data['oid']} is not there")
        return JSONResponse({"success": True})

    def _actions(self, repository: Repository, wanted: dict[str, Any], multipart: bool) -> dict[str, Any]:
        oid, size = wanted["oid"], wanted["size"]
        place = f"/storage/{repository.repo_type}s/{repository.repo_id}/{oid}"
        objects = f"{self.endpoint}{_prefix(repository.repo_type)}/{repository.repo_id}.git/info/lfs/objects"
        upload: dict[str, Any] = {"href": f"{self.storage_endpoint}{place}?signature=upload"}
        if multipart and size > self.policy.part_size:
            count = math.ceil(size / self.policy.part_size)
            parts = {f"{n:05}": f"{upload['href']}&part={n}" for n in range(1, count + 1)}
            upload["header"] = {"chunk_size": str(self.policy.part_size), **parts}
            query = urlencode({"object": place, "type": repository.repo_type, "id": repository.repo_id})
            upload["href"] = f"{self.endpoint}/api/complete_multipart?{query}"
        return {"upload": upload, "verify": {"href": f"{objects}/verify"}}


def _prefix(repo_type: RepoType) -> str:
    """What stands before the id in addresses of files."""
    return "" if repo_type == "model" else f"/{repo_type}s"
