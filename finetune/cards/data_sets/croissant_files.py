"""Where a data set's files are, in Croissant's words: a repository of the Hub, a package, a file, a database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from finetune.recipe import Recipe
from finetune.sources import Location

HUB = "https://huggingface.co/datasets"
_MIME = {
    "csv": "text/csv", "tsv": "text/tab-separated-values", "json": "application/json", "jsonl": "application/jsonlines",
    "parquet": "application/x-parquet", "arrow": "application/vnd.apache.arrow.file", "text": "text/plain",
    "zip": "application/zip", "whl": "application/zip", "gz": "application/gzip", "sql": "application/sql",
}  # fmt: skip


def distribution(location: Location, recipe: Recipe, configurations: Iterable[str]) -> list[dict[str, Any]]:
    """Croissant's FileObjects and FileSets of a data set; the file that holds the rows is the last.

    Args:
        location: Where the data lives.
        recipe: Knows the form of the file and the hash of its package.
        configurations: Each is a folder of its own on the Hub.
    """
    if location.kind == "hub":
        return _hub_files(location, configurations)
    if location.kind == "package":
        return _package_files(location, recipe)
    if location.kind == "database":
        return [_file("data", location.text, _MIME["sql"])]
    return [_file("data", PurePosixPath(location.text).name, _mime(location.text, recipe))]


def _hub_files(location: Location, configurations: Iterable[str]) -> list[dict[str, Any]]:
    """The Hub keeps every public data set as Parquet too, on a branch of its own: a folder for each configuration."""
    repo = _file("repo", f"{HUB}/{location.name}/tree/refs%2Fconvert%2Fparquet", "git+https")
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": files_of(name),
            "containedIn": {"@id": "repo"},
            "encodingFormat": _MIME["parquet"],
            "includes": f"{name}/*/*.parquet",
        }
        for name in configurations
    ]
    return [repo, *sets]


def _package_files(location: Location, recipe: Recipe) -> list[dict[str, Any]]:
    """The package by its package URL (ECMA-427), the archives inside, the file."""
    files = [_file("package", f"pkg:pypi/{location.name.lower()}@{location.revision}", "application/octet-stream")]
    if recipe.data.sha256:
        files[0]["sha256"] = recipe.data.sha256
    parts: list[str] = []
    for part in PurePosixPath(location.inside).parts:
        parts.append(part)
        if part.endswith((".gz", ".zip", ".whl")):
            files.append(_inside(files[-1], f"archive-{len(files)}", "/".join(parts), _mime(part, None)))
            parts = []
    if parts:
        files.append(_inside(files[-1], "data", "/".join(parts), _mime(parts[-1], recipe)))
    return files


def _inside(holder: Mapping[str, Any], name: str, path: str, form: str) -> dict[str, Any]:
    return _file(name, path, form) | {"containedIn": {"@id": holder["@id"]}}


def _file(name: str, address: str, form: str) -> dict[str, Any]:
    return {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": address, "encodingFormat": form}


def _mime(path: str, recipe: Recipe | None) -> str:
    ending = PurePosixPath(path).suffix.removeprefix(".").lower()
    form = recipe.data.reader.format if recipe else None
    return _MIME.get(form or {"txt": "text", "ndjson": "jsonl"}.get(ending, ending), "application/octet-stream")


def files_of(configuration: str) -> str:
    """The id of a configuration's files on the Hub."""
    return f"{slug(configuration)}-files"


def slug(name: str) -> str:
    """A name as a part of an id."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-") or "data"
