"""Patience with the Hub: what is worth another try, how long to wait before it, and when to stop."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from typing import TypeVar

from finetune.errors import FinetuneError

log = logging.getLogger(__name__)
T = TypeVar("T")

REQUEST_TIMEOUT, RATE_LIMITED, STALE_PARENT = 408, 429, 412


@dataclass(frozen=True)
class Patience:
    """How often to try, and how long to wait in between.

    Attributes:
        attempts: Tries of one step, the first included; at least 1.
        first_wait: Seconds before the second try; they double from try to try.
        longest_wait: Seconds that one wait may last at most, whatever the Hub asks for.
        timeout: Seconds without a byte after which a request counts as lost.
    """

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 60.0
    timeout: float = 120.0

    def wait(self, tries: int, asked: float | None = None) -> float:
        """Seconds to wait after `tries` failed tries; `asked` is what the Hub itself wants.

        Half of our own wait is drawn by chance, so that many clients that were cut off together do not come back
        together. What the Hub asks for is not shortened by chance.
        """
        if asked is not None:
            return min(asked, self.longest_wait)
        whole = min(self.first_wait * 2.0 ** (tries - 1), self.longest_wait)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it


def retry(action: Callable[[], T], what: str, patience: Patience) -> T:
    """What `action` returns, tried again while its failures look as if they would pass.

    Args:
        action: Must be safe to do twice.
        what: What it does, for the log: "Reading the files of org/name".
        patience: How often and how long.

    Raises:
        Exception: The last failure, or the first that no waiting mends.
    """
    for tries in range(1, patience.attempts + 1):
        try:
            return action()
        except Exception as error:
            if tries == patience.attempts or not is_passing(error):
                raise
            seconds = patience.wait(tries, asked_wait(error))
            log.warning("%s: %s. Try %d of %d in %.1f s.", what, describe(error), tries + 1, patience.attempts, seconds)
            time.sleep(seconds)
    raise ValueError("Patience.attempts is at least 1.")


def is_passing(error: BaseException) -> bool:
    """Whether the same request may well succeed later: a busy or broken server, a lost connection, a stale parent."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    for cause in causes(error):
        if isinstance(cause, FinetuneError | OfflineModeIsEnabled):
            return False
        status = status_of(cause)
        if status is not None:
            busy = status == 409 and "conflicting operation is in progress" in server_words(cause)
            return busy or status in (REQUEST_TIMEOUT, RATE_LIMITED, STALE_PARENT) or status >= 500
        if is_lost(cause):
            return True
    return failed_in_xet(error)


def is_lost(error: BaseException) -> bool:
    """Whether the connection failed, or the answer was cut: then it is JSON that ends too early."""
    import httpx2

    return isinstance(error, httpx2.TransportError | ConnectionError | TimeoutError | json.JSONDecodeError)


def failed_in_xet(error: BaseException) -> bool:
    """Whether the upload to Xet storage failed: compiled code that raises plain errors without a status.

    The client takes that way whenever the library for it is installed, and does not ask whether the server has it.
    """
    from huggingface_hub import constants

    used = not constants.HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None
    plain = type(error) in (RuntimeError, ConnectionError, TimeoutError) or type(error).__module__ == "hf_xet"
    return used and plain and all(status_of(cause) is None for cause in causes(error))


def asked_wait(error: BaseException) -> float | None:
    """Seconds that the Hub asks to wait: of `Retry-After`, or of a rate limit's window that is used up."""
    from huggingface_hub.utils import parse_ratelimit_headers

    for cause in causes(error):
        headers = getattr(getattr(cause, "response", None), "headers", None)
        if headers is None:
            continue
        limit = parse_ratelimit_headers(headers)
        if limit is not None and limit.remaining == 0 and status_of(cause) == RATE_LIMITED:
            return float(limit.reset_in_seconds)
        if headers.get("Retry-After"):
            return _seconds(headers["Retry-After"])
    return None


def _seconds(text: str) -> float | None:
    """The two forms of Retry-After: seconds, or a date."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error of the client carries."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def server_words(error: BaseException) -> str:
    """What the Hub itself said, on one line; nothing of addresses, which may be signed."""
    return " ".join(str(getattr(error, "server_message", None) or "").split())[:300]


def describe(error: BaseException) -> str:
    """A few words on a failure that are fit for a log."""
    for cause in causes(error):
        status = status_of(cause)
        if status is not None:
            return f"the Hub answered {status}"
    return f"the connection failed ({type(list(causes(error))[-1]).__name__})"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was raised from, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__  # not what was merely handled meanwhile: a mistake of ours is no lost connection
