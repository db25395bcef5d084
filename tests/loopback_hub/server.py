"""A Hub on the loopback interface that the real client libraries talk to.

It runs in a thread of the test process on a free port of 127.0.0.1. LFS files are served from
``localhost``: for a client that is another origin, as the Hub's storage is, so a client that would
carry its token there is caught.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .access import Access, HubError, Role, Token, answer_error
from .commits import Commits
from .discussions import Discussions
from .faults import Faults
from .front import Front
from .lfs import Lfs
from .policy import Policy, VisibilityChange
from .pull import Pull
from .push import Push
from .recording import Body, LoggedRequest, Recorder, spellings
from .repository import Repository, RepoType
from .spaces import Spaces
from .storage import Storage

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class LoopbackHub:
    """A Hub for tests: ``with LoopbackHub(tmp_path) as hub: hub.add_model("org/name", folder)``."""

    def __init__(self, root: Path | str, *, tls: bool = False, page_size: int = 1000) -> None:
        """Keep the repositories below ``root``; ``page_size`` makes small trees come in pages."""
        self.root = Path(root)
        self.storage = Storage(self.root)
        self.access = Access(self.storage, tls)
        self.policy = Policy()
        self.faults = Faults()
        self.recorder = Recorder(self.root / "bodies")
        # What clients asked: all of it in order, then of the API, of the storage host, and without a route.
        self.log: list[LoggedRequest] = []
        self.requests: list[LoggedRequest] = []
        self.storage_requests: list[LoggedRequest] = []
        self.unknown: list[LoggedRequest] = []
        self.ca_path: Path | None = None
        # Named TCP, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        scheme = "https" if tls else "http"
        self.endpoint = f"{scheme}://127.0.0.1:{self.port}"
        self.storage_endpoint = f"{scheme}://localhost:{self.port}"
        self.discussions = Discussions(self.access)
        parts = (
            Pull(self.access, self.endpoint, self.storage_endpoint, page_size),
            Push(self.access, self.endpoint, self.policy),
            Commits(self.access, self.discussions, self.endpoint, self.policy),
            Lfs(self.access, self.endpoint, self.storage_endpoint, self.policy),
            self.discussions,
            Spaces(self.access, self.policy),
        )
        routes = [route for part in parts for route in part.routes()]
        app = Starlette(
            routes=[*routes, Route("/{path:path}", self._answer_unknown, methods=METHODS)],
            exception_handlers={HubError: answer_error},
        )
        config = uvicorn.Config(
            Front(app, self), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        if tls:
            config.load()
            config.ssl = self._tls_context()
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> Self:
        """Start serving; returns when the server answers."""
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("The loopback Hub did not start.")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving; what lies below the root stays."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    def add_model(self, repo_id: str, folder: Path | str, *, gated: bool = False, private: bool = False) -> str:
        """Publish ``folder`` as a model repository; returns the commit sha."""
        return self.add("model", repo_id, folder, gated=gated, private=private)

    def add_dataset(self, repo_id: str, folder: Path | str, *, gated: bool = False, private: bool = False) -> str:
        """Publish ``folder`` as a dataset repository; returns the commit sha."""
        return self.add("dataset", repo_id, folder, gated=gated, private=private)

    def add(
        self, repo_type: RepoType, repo_id: str, folder: Path | str, *, gated: bool = False, private: bool = False
    ) -> str:
        """Publish ``folder`` as a repository of any type; returns the commit sha."""
        repository = self.storage.create(repo_type, repo_id)
        repository.gated, repository.private = gated, private
        self.policy.visibilities.append(VisibilityChange(repo_type, repo_id, "private" if private else "public"))
        return repository.commit_folder(Path(folder), "Add files").sha

    def add_revision(
        self,
        repo_id: str,
        folder: Path | str | None = None,
        *,
        repo_type: RepoType = "model",
        branch: str = "main",
        tag: str | None = None,
    ) -> str:
        """Commit ``folder`` as a branch's next revision and tag it; without a folder tag its head."""
        repository = self.repository(repo_id, repo_type)
        ref = f"refs/heads/{branch}"
        if folder is not None:
            commit = repository.commit_folder(Path(folder), f"Revision {tag or branch}", ref=ref)
        else:
            commit = repository.commit({}, "", ref=ref)
        if tag is not None:
            repository.refs[f"refs/tags/{tag}"] = commit.sha
            repository.save()
        return commit.sha

    def repository(self, repo_id: str, repo_type: RepoType = "model") -> Repository:
        """The stored repository, for assertions about what is in it."""
        repository = self.storage.get(repo_type, repo_id)
        if repository is None:
            raise KeyError(f"no {repo_type} {repo_id} on this hub")
        return repository

    def add_token(
        self,
        token: str,
        user: str,
        role: Role = "read",
        orgs: tuple[str, ...] = (),
        scopes: tuple[str, ...] | None = None,
    ) -> str:
        """Make ``token`` valid for ``user``, who owns the namespaces ``user`` and ``orgs``.

        A fine-grained one writes to the namespaces and repositories in ``scopes`` only, if they are given.
        """
        self.access.tokens[token] = Token(user, role, orgs, scopes)
        return token

    @property
    def bodies(self) -> list[tuple[LoggedRequest, Body]]:
        """Every request that carried a body, also a refused one, with all of its bytes."""
        return self.recorder.bodies

    @property
    def free_plan(self) -> bool:
        """Whether accounts are free ones (see ``Policy``)."""
        return self.policy.free_plan

    @free_plan.setter
    def free_plan(self, value: bool) -> None:
        self.policy.free_plan = value

    def sightings(self, secret: str) -> list[LoggedRequest]:
        """The requests that carried ``secret`` anywhere but in the header for it: address, headers, body."""
        needles = spellings(secret)
        found = [
            request
            for request in [*self.requests, *self.storage_requests]
            if any(needle in repr(request).encode() for needle in needles)
        ]
        return found + [request for request, body in self.bodies if body.holds(needles)]

    def grant(self, repo_id: str, user: str, repo_type: RepoType = "model") -> None:
        """Let ``user`` into a gated or private repository."""
        repository = self.repository(repo_id, repo_type)
        repository.granted.add(user)
        repository.save()

    def environment(self, home: Path | str, *, token: str | None = None, offline: bool = False) -> dict[str, str]:
        """Variables that make a client process use this hub, ``home`` and nothing of the machine's."""
        home = Path(home)
        environment = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_DATASETS_CACHE": str(home / "datasets"),
            "HF_MODULES_CACHE": str(home / "modules"),
            "HF_TOKEN_PATH": str(home / "token"),
            # Empty counts as no token, and hides one that the outer environment may have.
            "HF_TOKEN": token or "",
            "HUGGING_FACE_HUB_TOKEN": "",
            "HF_HUB_OFFLINE": "1" if offline else "0",
            "HF_DATASETS_OFFLINE": "1" if offline else "0",
            "TRANSFORMERS_OFFLINE": "1" if offline else "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            # Otherwise every load_dataset asks a counter on the internet, with a timeout of 3 s.
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }
        if self.ca_path is not None:
            environment |= {name: str(self.ca_path) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}
        return environment

    def _tls_context(self) -> ssl.SSLContext:
        """A server certificate of a fresh authority, whose own certificate goes below the root."""
        authority = trustme.CA()
        self.root.mkdir(parents=True, exist_ok=True)
        self.ca_path = self.root / "ca.pem"
        authority.cert_pem.write_to_path(os.fspath(self.ca_path))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        return context

    async def _answer_unknown(self, request: Request) -> Response:
        had_auth = "authorization" in request.headers
        self.unknown.append(LoggedRequest(request.method, request.scope["path"], had_auth))
        raise HubError(404, f"The loopback Hub has no {request.scope['path']}", "EntryNotFound")
