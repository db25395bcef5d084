"""Spaces on the loopback Hub: hardware, stages, variables and secrets; nothing is ever run."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .access import Access, HubError
from .front_matter import card_data
from .policy import Policy
from .repository import EPOCH, Repository

DATE = EPOCH.strftime("%Y-%m-%dT%H:%M:%S.000Z")
HARDWARE = (
    "cpu-basic",
    "cpu-upgrade",
    "zero-a10g",
    "t4-small",
    "t4-medium",
    "l4x1",
    "l40sx1",
    "a10g-small",
    "a100-large",
)


class Spaces:
    """Handlers of what Spaces have beside their files; ``routes`` mounts them."""

    def __init__(self, access: Access, policy: Policy) -> None:
        """``policy`` says which hardware the accounts' plan pays for."""
        self.access = access
        self.policy = policy

    def routes(self) -> list[Route]:
        """All routes of this part."""
        api = "/api/spaces/{id:repo}"
        routes = [
            Route(f"{api}/runtime", self.runtime),
            Route(f"{api}/hardware", self.hardware, methods=["POST"]),
            Route(f"{api}/sleeptime", self.sleep_time, methods=["POST"]),
            Route(f"{api}/pause", self.pause, methods=["POST"]),
            Route(f"{api}/restart", self.restart, methods=["POST"]),
        ]
        for name in ("variables", "secrets"):
            for method in ("GET", "POST", "DELETE"):
                routes.append(Route(f"{api}/{name}", partial(self.entries, name=name), methods=[method]))
        return routes

    async def runtime(self, request: Request) -> Response:
        """The stage and the hardware."""
        repository = self.access.repository(request, "space", request.path_params["id"])
        return _describe(repository, advance=True)

    async def hardware(self, request: Request) -> Response:
        """Ask for other hardware."""
        repository, data = self._open(request), await request.json()
        if data["flavor"] not in HARDWARE:
            raise HubError(400, f"Invalid hardware: {data['flavor']}")
        self.policy.check_plan(repository.space.sdk, data["flavor"])
        repository.space.hardware = data["flavor"]
        repository.space.sleep_time = data.get("sleepTimeSeconds", repository.space.sleep_time)
        return self._restarted(repository)

    async def sleep_time(self, request: Request) -> Response:
        """When to stop a Space that nobody uses."""
        repository = self._open(request)
        repository.space.sleep_time = (await request.json())["seconds"]
        return _describe(repository)

    async def pause(self, request: Request) -> Response:
        """Stop it until somebody restarts it."""
        repository = self._open(request)
        repository.space.stages = ["PAUSED"]
        return _describe(repository)

    async def restart(self, request: Request) -> Response:
        """Go through all stages once more."""
        return self._restarted(self._open(request))

    async def entries(self, request: Request, name: str) -> Response:
        """Read, set or remove variables or secrets; the values of secrets are never told."""
        repository = self._open(request)
        store = repository.space.variables if name == "variables" else repository.space.secrets
        if request.method != "GET":
            data = await request.json()
            if request.method == "DELETE":
                store.pop(data["key"], None)
            else:
                store[data["key"]] = {key: data[key] for key in ("value", "description") if key in data}
        shown = {"value", "description"} if name == "variables" else {"description"}
        told = {key: {k: v for k, v in entry.items() if k in shown} for key, entry in store.items()}
        return JSONResponse({key: {"key": key, **entry, "updatedAt": DATE} for key, entry in told.items()})

    def _open(self, request: Request) -> Repository:
        return self.access.repository(request, "space", request.path_params["id"], write=True)

    def _restarted(self, repository: Repository) -> Response:
        repository.space.stages = list(self.policy.space_stages)
        return _describe(repository)


def _describe(repository: Repository, *, advance: bool = False) -> Response:
    commit = repository.resolve("main")
    assert commit is not None
    return JSONResponse(repository.space.describe(card_data(repository, commit), commit.files, advance=advance))
