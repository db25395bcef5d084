"""What every request passes before it is routed: the log, the rate limit, the faults, the two hosts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .faults import MESSAGES, Fault
from .recording import LoggedRequest, replay

if TYPE_CHECKING:
    from .server import LoopbackHub


class Front:
    """Keeps the log, fails on demand, tells the storage host from the API, leaves escaped slashes escaped."""

    def __init__(self, app: ASGIApp, hub: LoopbackHub) -> None:
        """``app`` does the routing."""
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        # A branch "a/b" is one segment "a%2Fb" of the address; decoded, no route could tell its end.
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        scope["path"] = _decode(raw.decode("ascii"))
        request = Request(scope)
        on_storage = request.headers.get("host", "").startswith("localhost")
        logged = _log(request)
        self._hub.log.append(logged)
        (self._hub.storage_requests if on_storage else self._hub.requests).append(logged)
        if "content-length" in request.headers or "transfer-encoding" in request.headers:
            scope["loopback_hub.body"] = body = await self._hub.recorder.read(logged, receive)
            receive = replay(body, receive)
        fault = self._hub.faults.pick(logged)
        if fault is not None:
            await self._fail(fault, scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        on_storage = request.headers.get("host", "").startswith("localhost")
        limits = {} if on_storage else self._hub.policy.count_request()
        if on_storage != scope["path"].startswith("/storage/"):
            await PlainTextResponse("This host does not serve this path.", 404)(scope, receive, send)
        elif on_storage and "authorization" in request.headers:
            # What the real storage answers to a token beside the signature in the address.
            await PlainTextResponse("Only one auth mechanism allowed", 400)(scope, receive, send)
        elif "Retry-After" in limits:
            await JSONResponse({"error": MESSAGES["429"]}, 429, limits)(scope, receive, send)
        else:
            await self._app(scope, receive, _with_headers(send, limits) if limits else send)

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "stall":
            await asyncio.sleep(fault.seconds)
            await self._answer(scope, receive, send)
        elif fault.kind == "cut":
            await _cut(send)
        elif fault.kind == "cut_after":
            await self._answer(scope, receive, _discard)
            await _cut(send)
        else:
            await fault.response()(scope, receive, send)


def _log(request: Request) -> LoggedRequest:
    headers = tuple((name, value) for name, value in request.headers.items() if name != "authorization")
    had_auth = "authorization" in request.headers
    return LoggedRequest(request.method, request.scope["path"], had_auth, request.url.query, headers)


async def _discard(message: Message) -> None:
    """Take an answer that nobody will see."""


async def _cut(send: Any) -> None:
    """Close the connection without an answer.

    ASGI has no way to say so, and an application that returns silently is answered 500 in its name:
    the transport of the server's own ``send`` is the only handle on the connection.
    """
    cycle = send.__self__
    cycle.transport.abort()
    while not cycle.disconnected:
        await asyncio.sleep(0)


def _with_headers(send: Send, more: dict[str, str]) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(more)
        await send(message)

    return wrapped


def _decode(path: str) -> str:
    return unquote(path.replace("%2F", "%252F").replace("%2f", "%252F"))
