"""What the Hub refuses, as our errors: each says what was asked for and what to do now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from finetune.errors import AccessError, FinetuneError, PlanError, PublishError
from finetune.publishing.retries import causes, describe, failed_in_xet, is_lost, server_words, status_of

RepoType = Literal["model", "dataset", "space"]
LATER = "Nothing of the run is lost: go on later with --resume."
HOW_TO_WRITE = (
    "Make a token of the type Write (or a fine-grained one with write access to this namespace) in your Hub settings "
    "under Access Tokens, then set HF_TOKEN or run `hf auth login`."
)
_STORAGE = re.compile(
    r"\bstorage\b.*\b(?:limit|plan|quota|space|full|exceeded)\b|\b(?:exceeded|out of).*\bstorage\b", re.I
)


@dataclass(frozen=True)
class Subject:
    """What a request is about, for the words of an error.

    Attributes:
        repo_type: Kind of repository; None where a request is about the account.
        repo: `org/name`.
        hardware: Of a Space.
        organizations: Namespaces that the token's user belongs to.
    """

    repo_type: RepoType | None = None
    repo: str = ""
    hardware: str | None = None
    organizations: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`the model org/name`."""
        words = {"model": "the model", "dataset": "the data set", "space": "the Space"}
        return f"{words[self.repo_type]} {self.repo}" if self.repo_type else "your account"


def explain(error: Exception, subject: Subject) -> FinetuneError | None:  # noqa: PLR0911 - one return per cause
    """Our error for what the client library raised; None for what neither it nor the Hub can be blamed for."""
    from huggingface_hub import errors as hub

    if type(error) is ValueError:  # the client's own words say more than the answer that it read
        return _malformed(error, subject)
    for cause in causes(error):
        if isinstance(cause, FinetuneError):
            return cause
        if isinstance(cause, hub.OfflineModeIsEnabled):
            return offline()
        if isinstance(cause, hub.GatedRepoError):  # before its base class, RepositoryNotFoundError
            return gated(subject)
        status = status_of(cause)
        if status is not None:
            return _by_status(status, cause, subject)
    if isinstance(error, hub.HFValidationError):
        return _malformed(error, subject)
    if failed_in_xet(error) or any(map(is_lost, causes(error))):
        return PublishError(f"The Hub could not be reached for {subject.name}: {describe(error)}.", LATER)
    return None


def offline() -> AccessError:
    """The environment forbids every connection."""
    return AccessError(
        "HF_HUB_OFFLINE is set, so nothing can be put on the Hub.", "Unset HF_HUB_OFFLINE where there is a connection."
    )


def no_token() -> AccessError:
    """Nobody is logged in."""
    return AccessError("There is no access token of the Hub.", HOW_TO_WRITE)


def gated(subject: Subject) -> AccessError:
    """A base model or a data set whose owner lets people in one by one."""
    return AccessError(
        f"Access to {subject.name} is gated, and your account has not been let in.",
        "Ask for access on its page on the Hub, and begin again when it is granted.",
    )


def _by_status(  # noqa: PLR0911 - one return per cause
    status: int, error: BaseException, subject: Subject
) -> PublishError:
    """One error for each status that the Hub gives a reason with."""
    words = server_words(error)
    said = f" The Hub says: {words}" if words else ""
    if _STORAGE.search(words) or status in (413, 507):
        return PlanError(
            f"The storage that the plan allows is used up or too small for {subject.name}.{said}",
            "Delete what you no longer need, publish to an account with more storage, or change the plan. " + LATER,
        )
    if status == 402:
        return _payment(subject, said)
    if status == 401:
        return AccessError(f"The Hub does not accept the access token for {subject.name}.{said}", HOW_TO_WRITE)
    if status == 403:
        return _forbidden(subject, said)
    if status == 404:
        return AccessError(
            f"The Hub has not got {subject.name}, or the token may not see it.{said}",
            f"Check the spelling (org/name) and the rights of the token. {HOW_TO_WRITE}",
        )
    if status == 412:
        return PublishError(
            f"Somebody else keeps changing {subject.name} while it is published.", f"Wait until it rests. {LATER}"
        )
    if status == 429:
        return PlanError(f"The Hub's limit of requests is used up.{said}", f"Wait some minutes. {LATER}")
    if status >= 500:
        return PublishError(f"The Hub answered {status} again and again for {subject.name}.{said}", LATER)
    return PublishError(f"The Hub refused {subject.name} with status {status}.{said}", "Mend what it names. " + LATER)


def _payment(subject: Subject, said: str) -> PlanError:
    if subject.repo_type != "space":
        return PlanError(
            f"The account's plan does not allow {subject.name}.{said}",
            "Publish to another account, or change the plan. " + LATER,
        )
    asked = subject.hardware or "cpu-basic"
    other = "a paid plan" if asked == "zero-a10g" else "zero-a10g (shared GPUs), or a paid plan"
    return PlanError(
        f"The account's plan does not allow {subject.name} on {asked}: Gradio Spaces on cpu-basic need a paid plan, "
        f"and so do bigger machines.{said}",
        f"Use {other} (publish.space.hardware); or leave the Space out: the demo also opens on your own machine with "
        "`finetune demo RUN`.",
    )


def _forbidden(subject: Subject, said: str) -> AccessError:
    namespace = subject.repo.split("/")[0]
    if subject.organizations and namespace not in subject.organizations:
        return AccessError(
            f"Your account is not in {namespace!r}, so it may not write {subject.name}.{said}",
            f"Choose one of your own namespaces ({', '.join(subject.organizations)}), or ask to be let in there.",
        )
    return AccessError(f"The token may not write {subject.name}.{said}", HOW_TO_WRITE)


def _malformed(error: ValueError, subject: Subject) -> PublishError:
    """What the client itself finds wrong: a card's head, a repository's name, an answer of the storage."""
    words = " ".join(str(error).split())[:300]
    if _STORAGE.search(words):
        return PlanError(f"The Hub's storage refuses {subject.name}: {words}", LATER)
    return PublishError(f"It cannot be published as {subject.name}: {words}", "Mend what it names. " + LATER)
