"""What clients sent to the loopback Hub, to the last byte, and where a secret shows up in it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import mmap
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from starlette.types import Message, Receive

# A body larger than this lies in a file below the hub's root instead of in memory.
IN_MEMORY = 1024 * 1024


class LoggedRequest(NamedTuple):
    """One request as the server saw it."""

    method: str
    path: str
    had_auth: bool
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Body:
    """One request's body: bytes in memory or, for a large one, a file."""

    def __init__(self, content: bytes = b"", file: Path | None = None, sha256: str = "") -> None:
        """Either ``content`` or ``file``; ``sha256`` is that of the whole body."""
        self.content = content
        self.file = file
        self.sha256 = sha256

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.file.stat().st_size if self.file else len(self.content)

    def read(self) -> bytes:
        """All of it."""
        return self.file.read_bytes() if self.file else self.content

    def keep(self, target: Path) -> None:
        """Store it as ``target``; a file is linked, so that no large body is written twice."""
        if target.exists():
            return
        if self.file is None:
            target.write_bytes(self.content)
        else:
            target.hardlink_to(self.file)

    def holds(self, needles: tuple[bytes, ...]) -> bool:
        """Whether any of the ``needles`` is in it."""
        if self.file is None or not self.size:
            return any(needle in self.content for needle in needles)
        with self.file.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return any(view.find(needle) >= 0 for needle in needles)


class Recorder:
    """Reads request bodies before any handler does, so that also the refused ones are on record."""

    def __init__(self, folder: Path) -> None:
        """Large bodies go below ``folder``."""
        self.folder = folder
        self.bodies: list[tuple[LoggedRequest, Body]] = []
        self._numbers = itertools.count()

    async def read(self, request: LoggedRequest, receive: Receive) -> Body:
        """Take the whole body from ``receive`` and put it on record."""
        body = await self._read(receive)
        if body.size:
            self.bodies.append((request, body))
        return body

    async def _read(self, receive: Receive) -> Body:
        digest, held = hashlib.sha256(), bytearray()
        while True:
            chunk, more = _chunk(await receive())
            digest.update(chunk)
            held += chunk
            if not more:
                return Body(bytes(held), sha256=digest.hexdigest())
            if len(held) > IN_MEMORY:
                break
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{next(self._numbers):06}"
        with path.open("wb") as file:
            file.write(held)
            while more:
                chunk, more = _chunk(await receive())
                digest.update(chunk)
                file.write(chunk)
        return Body(file=path, sha256=digest.hexdigest())


def spellings(secret: str) -> tuple[bytes, ...]:
    """The secret as plain text, in an address, and in base64 at each of the three possible offsets.

    Small files travel in base64 inside a commit; of a text somewhere in the middle of one the first
    and last characters depend on its neighbours and are left out.
    """
    plain = secret.encode()
    found = {plain, quote(secret, safe="").encode()}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + plain)
        found.add(encoded[4 if offset else 0 : -4])
    return tuple(found)


def replay(body: Body, receive: Receive) -> Receive:
    """A ``receive`` that hands out ``body`` once and then what comes after it (a disconnect)."""
    pending = [body]

    async def again() -> Message:
        if not pending:
            return await receive()
        # Only a handler that asks has a large body in memory; the storage host's never does.
        return {"type": "http.request", "body": pending.pop().read(), "more_body": False}

    return again


def _chunk(message: Message) -> tuple[bytes, bool]:
    """The bytes of one message, and whether more follow; a client that went away ends its body."""
    if message["type"] == "http.disconnect":
        return b"", False
    return message.get("body", b""), message.get("more_body", False)
