"""What a model's or a data set's name in a recipe means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from finetune.errors import NotFoundError, RecipeError, nearest

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?$", re.ASCII)
_PACKAGE = re.compile(r"^pypi:(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.!+-]+)/(?P<inside>.+)$")
_DATABASE = re.compile(r"^[a-z][a-z0-9+]*://")


@dataclass(frozen=True)
class Location:
    """A place that a model or a data set is read from.

    Attributes:
        kind: `hub`, `local`, `package` or `database`.
        name: Hub id without revision, absolute local path, package name, or database address.
        revision: Hub branch, tag or commit, or the package's version; None where there is none.
        inside: Path inside the package; empty elsewhere.
        text: The name as the recipe wrote it (a database address without its password).
    """

    kind: Literal["hub", "local", "package", "database"]
    name: str
    text: str
    revision: str | None = None
    inside: str = ""


def parse_location(name: str, revision: str | None = None, *, what: str = "data set") -> Location:
    """Tell what kind of place `name` is; nothing is downloaded.

    Args:
        name: `org/name[@revision]`, a local path, `pypi:NAME==VERSION/path/inside`, or a database address.
        revision: Hub revision that stands beside the name; must not contradict one behind it.
        what: `model` or `data set`, for the messages.

    Raises:
        RecipeError: A `pypi:` name of the wrong form, or two different revisions.
        NotFoundError: A local path that does not exist.

    >>> parse_location("cardiffnlp/tweet_eval@main").revision
    'main'
    """
    if name.startswith("pypi:"):
        return _parse_package(name)
    if _DATABASE.match(name):
        return Location("database", name, text=re.sub(r"//([^:/@]+):[^@]*@", r"//\1:***@", name))
    path = Path(name).expanduser()
    if path.exists():
        return Location("local", str(path.resolve()), text=name)
    hub_id, _, inline = name.partition("@")
    if not _HUB_ID.match(hub_id) or name.startswith((".", "~", "/")) or _is_file_name(hub_id):
        raise _no_such_path(path, what)
    if inline and revision and inline != revision:
        raise RecipeError(f"{name!r} names the revision {inline!r}, and revision: names {revision!r}.", "Keep one.")
    return Location("hub", hub_id, text=name, revision=inline or revision)


def _parse_package(name: str) -> Location:
    match = _PACKAGE.match(name)
    if match is None or ".." in match["inside"].split("/"):
        raise RecipeError(
            f"{name!r} is not of the form pypi:NAME==VERSION/path/inside.",
            "The version must be exact, and the path names a file or folder inside the wheel or source archive.",
        )
    return Location("package", match["name"], name, match["version"], match["inside"].strip("/"))


def _is_file_name(name: str) -> bool:
    """`reviews.csv` and `data/reviews.csv` are meant as files; so is a path whose first folder exists."""
    endings = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".txt", ".db", ".gz", ".zip"}
    return Path(name).suffix.lower() in endings


def _no_such_path(path: Path, what: str) -> NotFoundError:
    parent = path.parent
    names = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    close = nearest(path.name, names)
    hint = f"Did you mean {parent / close}?" if close else ""
    if not parent.is_dir():
        hint = f"There is no folder {parent} either."
    return NotFoundError(
        f"There is no {what} at the local path {path}.",
        f"{hint} Give an existing path, or a Hub id such as org/name.".strip(),
    )
