"""Serving the demo: on this machine alone unless asked otherwise, and with nothing fetched from elsewhere."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from finetune.errors import MissingExtraError, UsageError
from finetune.serving.answering import Answerer
from finetune.serving.app import DemoSettings, build

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)

_HERE = ("127.0.0.1", "localhost", "::1")
_MCP_PATH = "gradio_api/mcp/"
_LARGEST_UPLOAD = "20mb"


@dataclass(frozen=True)
class RunningDemo:
    """A demo that is being served.

    Attributes:
        url: Where, on this machine, with a slash at its end.
        page: What is served.
        public_url: The public link, where one was asked for and could be made.
        mcp_url: Where MCP clients connect to, where they may.
    """

    url: str
    page: gr.Blocks
    public_url: str | None = None
    mcp_url: str | None = None

    def close(self) -> None:
        """Stop serving."""
        self.page.close(verbose=False)

    def wait(self) -> None:
        """Serve until interrupted."""
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it would print the name of a key
                self.page.block_thread()
        finally:
            self.close()


def launch(answerer: Answerer, settings: DemoSettings) -> None:
    """Serve the demo until it is interrupted, and say where.

    Raises:
        UsageError, MissingExtraError: As `start`.
    """
    demo = start(answerer, settings)
    log.info("The demo runs at %s (stop it with Ctrl+C).", demo.public_url or demo.url)
    if demo.public_url:
        log.warning("Everybody who has this link can ask the model, for about a week or until the demo is stopped.")
    if demo.mcp_url:
        log.info("MCP clients connect to %s.", demo.mcp_url)
    demo.wait()


def start(answerer: Answerer, settings: DemoSettings) -> RunningDemo:
    """Serve the demo in the background.

    Raises:
        UsageError: The port is taken, the address is not this machine's, the name or password is empty, or MCP clients
            would come in without it.
        MissingExtraError: MCP needs a package that is not installed.
    """
    _check(settings)
    page = build(answerer, settings)
    told = io.StringIO()
    try:
        with contextlib.redirect_stdout(told):
            page.launch(
                server_name=settings.host, server_port=settings.port, share=settings.share, auth=settings.auth,
                mcp_server=settings.mcp, inbrowser=settings.open_browser, prevent_thread_lock=True, quiet=True,
                **page_settings(),
            )  # fmt: skip
    except OSError as error:
        raise _taken(settings) from error
    if settings.mcp:
        _answer_in_json(page.mcp_server_obj)
    if settings.share and not page.share_url:
        log.warning("No public link could be made; the demo is reached from here only. %s", _last_line(told))
    public = page.share_url or None
    mcp = f"{public or page.local_url.rstrip('/')}/{_MCP_PATH}" if settings.mcp else None
    return RunningDemo(page.local_url, page, public, mcp)


def page_settings() -> dict[str, Any]:
    """Keyword arguments of `gradio.Blocks.launch` for how the page looks and what it leaves out."""
    from finetune.serving.theme import css, head, make_theme

    return {
        "theme": make_theme(), "css": css(), "head": head(), "footer_links": ["api"], "ssr_mode": False,
        "run_history": False, "enable_monitoring": False, "pwa": False, "max_file_size": _LARGEST_UPLOAD,
    }  # fmt: skip


def _answer_in_json(server: Any) -> None:
    """Let MCP clients read answers as JSON; Gradio would write them as Python does."""
    plain = server.postprocess_output_data

    def write(data: Any, root_url: str) -> Any:
        written = [json.dumps(part, ensure_ascii=False) if _is_plain(part) else part for part in data]
        return plain(written, root_url)

    server.postprocess_output_data = write


def _is_plain(part: Any) -> bool:
    return isinstance(part, dict) and "meta" not in part  # which Gradio's files have


def _check(settings: DemoSettings) -> None:
    if settings.mcp and find_spec("mcp") is None:
        raise MissingExtraError.of("mcp", "mcp", "Serving the model to MCP clients")
    if settings.auth is not None and not all(settings.auth):
        raise UsageError("The name or the password is empty.", "Give both, or neither.")
    if settings.auth is not None and settings.mcp:  # Gradio does not ask MCP clients for it
        raise UsageError("A password cannot be asked of MCP clients.", "Leave out the password, or MCP.")
    if settings.port is not None and not 1 <= settings.port <= 65_535:
        raise UsageError(f"There is no port {settings.port}; accepted are 1 to 65535.", "Choose another.")
    _check_address(settings)
    if settings.host not in _HERE and settings.auth is None:
        log.warning("Everybody who reaches %s can ask the model: no password is asked for.", settings.host)


def _check_address(settings: DemoSettings) -> None:
    """Try the address before the page is built; Gradio's own message would speak of ranges of ports."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            settings.host, settings.port or 0, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _taken(settings) from error
        if error.errno == errno.EACCES:
            raise UsageError(
                f"Port {settings.port} may not be used by this user.", "Choose one above 1023, or none."
            ) from error
        raise UsageError(
            f"{settings.host} is no address of this machine.", "Use 127.0.0.1, or 0.0.0.0 for all networks."
        ) from error


def _taken(settings: DemoSettings) -> UsageError:
    if settings.port is None:
        return UsageError(f"No port from 7860 to 7959 is free on {settings.host}.", "Name another with --port.")
    return UsageError(f"Port {settings.port} is in use on {settings.host}.", "Name another, or none for a free one.")


def _last_line(told: io.StringIO) -> str:
    return next((line for line in reversed(told.getvalue().splitlines()) if line.strip()), "").strip()
