"""One client of the Hub: every request goes through our patience, and every refusal comes out as one of our errors."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from finetune.errors import FinetuneError
from finetune.publishing.refusals import Subject, explain, no_token, offline
from finetune.publishing.retries import Patience, retry

T = TypeVar("T")


@dataclass(frozen=True)
class Hub:
    """The Hub as one account sees it, with regard to one repository.

    Attributes:
        patience: How often each step is tried.
        subject: The repository, for the words of errors.
    """

    api: Any = field(repr=False)  # it holds the token
    patience: Patience
    subject: Subject = field(default_factory=Subject)

    @classmethod
    def connect(cls, patience: Patience, subject: Subject | None = None) -> Hub:
        """A client with the token of the environment (`HF_TOKEN`, or `hf auth login`).

        Raises:
            AccessError: Offline mode is on, or there is no token.
        """
        from huggingface_hub import HfApi, constants, get_token

        if constants.is_offline_mode():
            raise offline()
        token = get_token()
        if not token:
            raise no_token()
        return cls(HfApi(token=token), patience, subject or Subject())

    def about(self, subject: Subject) -> Hub:
        """The same client with regard to another repository."""
        return replace(self, subject=subject)

    def call(self, what: str, action: Callable[[Any], T]) -> T:
        """What `action` returns, which gets the client; it must be safe to do twice.

        Raises:
            PublishError: The subclass says why not.
        """

        def once() -> T:
            with _our_session(self.patience):
                return action(self.api)

        try:
            return retry(once, what, self.patience)
        except FinetuneError:
            raise
        except Exception as error:
            explained = explain(error, self.subject)
            if explained is None:
                raise
            raise explained from error


@contextmanager
def _our_session(patience: Patience) -> Iterator[None]:
    """The client's connection with a time limit and our handling of refusals, for as long as the block lasts.

    By itself the client waits without end for a silent server, sleeps as long as a server tells it to, and repeats a
    refused creation without a pause.
    """
    from huggingface_hub import constants, get_session

    session = get_session()
    hooks, timeout, host = session.event_hooks, session.timeout, urlsplit(constants.ENDPOINT).netloc
    session.event_hooks = {**hooks, "response": [*hooks.get("response", []), lambda r: _meet(r, host, patience)]}
    session.timeout = patience.timeout
    try:
        with _quiet("huggingface_hub.utils._http", logging.ERROR), _quiet("httpx2", logging.WARNING):
            yield
    finally:
        session.event_hooks, session.timeout = hooks, timeout


@contextmanager
def _quiet(name: str, level: int) -> Iterator[None]:
    """A logger without what is less than `level`: these two name signed addresses of the storage. We log what fails."""
    talk = logging.getLogger(name)
    before = talk.level
    talk.setLevel(max(before, level))
    try:
        yield
    finally:
        talk.setLevel(before)


def _meet(response: Any, host: str, patience: Patience) -> None:
    """Leave refusals of the Hub itself to us; of the storage, where parts are sent again one by one, cap the waits."""
    from huggingface_hub.utils import hf_raise_for_status

    passing = response.status_code in (408, 409, 429) or response.status_code >= 500
    if not passing:
        return
    if response.request.url.netloc.decode() == host:
        response.read()
        # 409 means "is there already" and is the caller's to read, except where the client would ask on without end.
        if response.status_code != 409 or "conflicting operation is in progress" in response.text:
            hf_raise_for_status(response)
        return
    longest = math.ceil(patience.longest_wait)
    asked = response.headers.get("Retry-After", "")
    if asked.isdigit():
        response.headers["Retry-After"] = str(min(int(asked), longest))
    response.headers.pop("RateLimit", None)
