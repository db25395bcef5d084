"""Failures on demand: the nth request is refused, cut off, or answered with a lie.

``hub.faults.add(Fault("503", nth=4))`` lets three requests pass and fails the fourth. The statuses,
headers and messages are those of the real Hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from starlette.responses import JSONResponse, Response

from .recording import LoggedRequest

Kind: TypeAlias = Literal["429", "500", "503", "402", "403", "cut", "cut_after", "stale_parent", "stall"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MESSAGES = {
    "429": "We had to rate limit you, you hit the quota of 1000 api requests per 5 minutes period.",
    "500": "Internal Error - We're working hard to fix this as soon as possible!",
    "503": "Service Unavailable",
    "402": "You have exceeded the storage of your plan, please upgrade or free up space.",
    "403": "Private repository storage limit reached, please upgrade your plan to increase your private storage limit.",
    "stale_parent": "A commit has happened since. Please refresh and try again.",
}


@dataclass
class Fault:
    """One way of failing, and which requests it hits.

    Attributes:
        kind: A status; ``cut`` (read, not applied, never answered); ``cut_after`` (applied, the answer
            lost); ``stale_parent`` (412 although nothing changed); ``stall`` (answered late).
        nth: It hits the nth request that matches, counted from when the fault was added.
        times: How many matching requests in a row it hits.
        method: Only requests of this method match.
        path: Only paths in which this regular expression is found match.
        retry_after: Seconds that a 429 asks the client to wait.
        seconds: Length of a stall.
    """

    kind: Kind
    nth: int = 1
    times: int = 1
    method: str | None = None
    path: str = ""
    retry_after: int = 0
    seconds: float = 0.2
    seen: int = field(default=0, init=False)
    hits: list[LoggedRequest] = field(default_factory=list, init=False, repr=False)

    def takes(self, request: LoggedRequest) -> bool:
        """Whether it hits this request; every matching request is counted."""
        if self.method not in (None, request.method) or not re.search(self.path, request.path):
            return False
        self.seen += 1
        hit = self.nth <= self.seen < self.nth + self.times
        if hit:
            self.hits.append(request)
        return hit

    def response(self) -> Response:
        """The answer of a fault that gives one."""
        status = 412 if self.kind == "stale_parent" else int(self.kind)
        headers = {"X-Error-Message": MESSAGES[self.kind]}
        if status == 429:
            headers |= rate_limit_headers(0, self.retry_after, 1000, 300)
        return JSONResponse({"error": MESSAGES[self.kind]}, status_code=status, headers=headers)


class Faults:
    """The faults that are armed."""

    def __init__(self) -> None:
        """None are."""
        self._armed: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Arm ``fault``; its ``hits`` tell later what it hit."""
        self._armed.append(fault)
        return fault

    def clear(self) -> None:
        """Disarm all."""
        self._armed.clear()

    def pick(self, request: LoggedRequest) -> Fault | None:
        """The fault that hits this request; all of them count it."""
        return next((fault for fault in [fault for fault in self._armed if fault.takes(request)]), None)


def rate_limit_headers(remaining: int, reset: int, limit: int, window: int) -> dict[str, str]:
    """What the Hub says of its rate limit; ``Retry-After`` once nothing remains."""
    headers = {
        "RateLimit": f'"api";r={remaining};t={reset}',
        "RateLimit-Policy": f'"fixed window";"api";q={limit};w={window}',
    }
    return headers | ({"Retry-After": str(reset)} if remaining == 0 else {})
