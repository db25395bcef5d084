"""Pages in a real browser: the machine's own Chromium, driven by Playwright; what goes wrong in a page is collected."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
# Gradio closes its stream of events when the answer is there, which the browser calls an aborted request.
CLOSED_BY_THE_PAGE = "net::ERR_ABORTED"


def find_chromium() -> str | None:
    """The browser of this machine, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def missing() -> str | None:
    """Why there can be no test in a browser here, or None."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no Playwright: pip install playwright"
    return None if find_chromium() else "no Chromium: apt-get install chromium"


@contextmanager
def open_browser(**environment: str) -> Iterator[Browser]:
    """A headless browser, closed at the end; a test that asks for one where there is none is skipped.

    Playwright keeps an event loop running in this thread for as long: fixtures of a module's scope leave the other
    modules theirs.
    """
    if reason := missing():
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"], env={**os.environ, **environment}
        )
        yield browser
        browser.close()


@dataclass
class Trouble:
    """What went wrong in a page, and where it reached out to.

    Attributes:
        errors: Messages of its console at level error, and exceptions nobody caught.
        failed: Requests without an answer, or with one of status 400 and above.
        hosts: Everything that was asked for something.
    """

    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in {"data", "blob", "file"}:
            self.hosts.add(urlsplit(request.url).hostname or "")

    def _failed(self, request: Request) -> None:
        if request.failure != CLOSED_BY_THE_PAGE:
            self.failed.append(f"{request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.failed.append(f"{response.url}: {response.status}")

    def check(self) -> None:
        """Nothing went wrong, and nothing was asked of another machine."""
        assert self.errors == []
        assert self.failed == []
        assert self.hosts <= {"127.0.0.1"}


@contextmanager
def open_page(browser: Browser, url: str, *, dark: bool = False, phone: bool = False) -> Iterator[tuple[Page, Trouble]]:
    """A page in a window of its own, and what goes wrong in it.

    Args:
        browser: Where.
        url: What to show.
        dark: Whether the reader prefers dark pages.
        phone: Whether the window is that of a phone, with touch.
    """
    context = browser.new_context(
        viewport=PHONE if phone else DESKTOP, color_scheme="dark" if dark else "light",
        is_mobile=phone, has_touch=phone, reduced_motion="reduce",
    )  # fmt: skip
    page, trouble = context.new_page(), Trouble()
    page.set_default_timeout(10_000)
    trouble.watch(page)
    page.goto(url)
    yield page, trouble
    context.close()


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def barriers(page: Page) -> list[str]:
    """Serious and critical findings of axe: rule, place and what it says."""
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['target']}: {node['html'][:120]}: {[check['message'] for check in node['any']][:1]}"
        for rule in found if rule["impact"] in {"serious", "critical"} for node in rule["nodes"]
    ]  # fmt: skip


def brightness(page: Page) -> float:
    """How bright the page's ground is, 0 (black) to 1 (white)."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(parts) / 3 / 255
