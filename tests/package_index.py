"""A package index on the loopback interface, and archives to put on it.

It answers as PEP 503 (HTML) and PEP 691 (JSON) say, whichever the client prefers, with the SHA-256 of every file.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

JSON = "application/vnd.pypi.simple.v1+json"
Files = Mapping[str, str | bytes]


class PackageIndex:
    """An index for tests: ``with PackageIndex() as index: index.add("words", wheel(...))``."""

    def __init__(self, *, as_html: bool = False) -> None:
        """``as_html`` answers in HTML even to a client that would rather have JSON."""
        self.as_html = as_html
        self.files: dict[str, dict[str, bytes]] = {}
        # What the pages say where it is not the truth; None leaves the hash out.
        self.stated: dict[str, str | None] = {}
        self.requests: list[str] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.requests.append(self.path)
                status, kind, content = index._answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering; doing so twice does no harm."""
        self._server.shutdown()
        self._server.server_close()

    def add(self, package: str, *archives: tuple[str, bytes]) -> None:
        """Publish archives (file name and content) of a package."""
        self.files.setdefault(package, {}).update(archives)

    def downloads(self) -> list[str]:
        """File names of the archives that were asked for, in order."""
        return [path.rsplit("/", 1)[-1] for path in self.requests if path.startswith("/files/")]

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        place, _, rest = path.strip("/").partition("/")
        package, _, name = rest.partition("/")
        if package not in self.files:
            return 404, "text/plain", b"no such package"
        if place == "files":
            content = self.files[package].get(name)
            return (404, "text/plain", b"no such file") if content is None else (200, "binary/octet-stream", content)
        return (200, "text/html", self._html(package)) if self.as_html else (200, JSON, self._json(package))

    def _hash(self, name: str, content: bytes) -> str | None:
        return self.stated[name] if name in self.stated else sha256(content)

    def _json(self, package: str) -> bytes:
        files = []
        for name, content in self.files[package].items():
            digest = self._hash(name, content)
            hashes = {"sha256": digest} if digest else {}
            files.append({"filename": name, "url": f"/files/{package}/{name}", "hashes": hashes})
        page = {"meta": {"api-version": "1.0"}, "name": package, "files": files}
        return json.dumps(page).encode()

    def _html(self, package: str) -> bytes:
        links = []
        for name, content in self.files[package].items():
            digest = self._hash(name, content)
            fragment = f"#sha256={digest}" if digest else ""
            links.append(f'<a href="/files/{package}/{name}{fragment}">{html.escape(name)}</a><br/>')
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()


def wheel(name: str, version: str, files: Files) -> tuple[str, bytes]:
    """A pure wheel that carries files; only what an index and a reader look at is in it."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    whole = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": tags, f"{info}/RECORD": ""}
    return f"{name}-{version}-py3-none-any.whl", zipped(whole)


def sdist(name: str, version: str, files: Files) -> tuple[str, bytes]:
    """A source archive that carries files below `NAME-VERSION/`."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    top = f"{name}-{version}"
    return f"{top}.tar.gz", tarred({f"{top}/{path}": text for path, text in {"PKG-INFO": metadata, **files}.items()})


def tarred(files: Files) -> bytes:
    """A gzipped tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(path)
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    return stream.getvalue()


def zipped(files: Files) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return stream.getvalue()


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()
