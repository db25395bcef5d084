"""`croissant.json`: the data set in MLCommons' Croissant 1.1, with its vocabulary for responsible AI (RAI 1.0)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from finetune.cards.data_sets.answers import UNKNOWN, configurations_of, text_of
from finetune.cards.data_sets.croissant_files import HUB, distribution, files_of, slug
from finetune.errors import MissingExtraError
from finetune.recipe import Recipe
from finetune.sources import Location

CROISSANT = "croissant.json"
_CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
_CR_TERMS = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
_RAI = {
    "dataCollection": ("collection",),
    "dataCollectionRawData": ("origin",),
    "dataAnnotationProtocol": ("annotation",),
    "annotatorDemographics": ("annotators",),
    "dataBiases": ("biases",),
    "dataLimitations": ("known_problems", "out_of_scope_uses"),
    "dataUseCases": ("intended_uses", "our_use"),
    "personalSensitiveInformation": ("personal_data", "consent"),
    "dataReleaseMaintenancePlan": ("maintenance",),
}
"""Property of the RAI vocabulary -> the answers that it takes its text from."""
_TYPES = {
    "text": "sc:Text", "tag": "sc:Text", UNKNOWN: "sc:Text", "class": "sc:Integer", "integer": "sc:Integer",
    "number": "sc:Float", "boolean": "sc:Boolean", "date": "sc:Date", "image": "sc:ImageObject",
    "audio": "sc:AudioObject",
}  # fmt: skip
_STORED = (
    (re.compile(r"^(u?int\d|ClassLabel)"), "sc:Integer"), (re.compile(r"^(float|double|decimal)"), "sc:Float"),
    (re.compile(r"^bool"), "sc:Boolean"), (re.compile(r"^(timestamp|date|time)"), "sc:Date"),
    (re.compile(r"^Image"), "sc:ImageObject"), (re.compile(r"^Audio"), "sc:AudioObject"),
)  # fmt: skip


def describe(
    answers: Mapping[str, Any], recipe: Recipe, location: Location, stats: Mapping[str, Any]
) -> dict[str, Any]:
    """The data set as JSON-LD.

    Args:
        answers: What `answers.yaml` says.
        recipe: One that reads the data, for the form and the hash of its file.
        location: Where the data lives.
        stats: What `stats.json` says; columns that were measured have their stored types.

    Returns:
        What `mlcroissant.Dataset(jsonld=...)` reads. Source: the Croissant format specification 1.1 (MLCommons).
    """
    card = answers["card"]
    licence = card.get("license")
    columns = _configurations(answers, stats)
    files = distribution(location, recipe, columns)
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS,
        "name": card.get("pretty_name") or card["dataset"],
        "description": text_of(answers.get("description")) or UNKNOWN,
        **({"license": licence} if licence and licence != UNKNOWN else {}),
        **({"url": f"{HUB}/{location.name}"} if location.kind == "hub" else {}),
        **({"inLanguage": card["language"]} if card.get("language") else {}),
        **({"keywords": card["task_categories"]} if card.get("task_categories") else {}),
        # Without the hash of what is behind an address, it is the address of something that may change.
        "isLiveDataset": not any("sha256" in file for file in files),
        "distribution": files,
        "recordSet": [_record_set(name, entry, _holder(name, files)) for name, entry in columns.items()],
        **_responsible(answers),
    }


def validate(values: Mapping[str, Any]) -> list[str]:
    """What mlcroissant finds wrong with a description; nothing is downloaded.

    Raises:
        MissingExtraError: mlcroissant is not installed.
    """
    try:
        import mlcroissant
    except ImportError:
        raise MissingExtraError.of("mlcroissant", "croissant", "Validating croissant.json") from None
    log = logging.getLogger("absl")  # where it recommends a citation, a date and a version, which we do not know
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        issues = mlcroissant.Dataset(jsonld=json.loads(json.dumps(values))).metadata.ctx.issues
    except mlcroissant.ValidationError as error:
        return str(error).splitlines() or ["not valid"]
    finally:
        log.setLevel(level)
    return sorted(str(error) for error in issues.errors)


def _context() -> dict[str, Any]:
    data = {key: {"@id": f"cr:{key}", "@type": "@json"} for key in ("data", "examples")}
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
        **{term: f"cr:{term}" for term in _CR_TERMS},
        **data,
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "description": {"@container": "@language"},
        "name": {"@container": "@language"},
    }


def _responsible(answers: Mapping[str, Any]) -> dict[str, str]:
    """The RAI properties; what nobody knows is said to be unknown."""
    found: dict[str, str] = {}
    for name, keys in _RAI.items():
        texts = [text_of(answers.get(key)) for key in keys]
        known = [text for text in texts if text not in ("", UNKNOWN)]
        found[f"rai:{name}"] = "\n\n".join(known) or UNKNOWN
    return found


def _configurations(answers: Mapping[str, Any], stats: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Configuration -> column -> `{"types": croissant's, "array", "meaning", "fields"}`."""
    found: dict[str, dict[str, Any]] = {}
    for name, configuration in configurations_of(answers).items():
        found[name] = {column: _declared(entry) for column, entry in configuration["columns"].items()}
    for entry in stats["measurements"].values():
        if entry["measured"]:
            name = entry["configuration"] or (next(iter(found)) if len(found) == 1 else "default")
            _add_measured(found.setdefault(name, {}), entry["columns"])
    return found


def _add_measured(known: dict[str, Any], columns: Iterable[Mapping[str, Any]]) -> None:
    for column in columns:
        declared = known.get(column["name"], {"meaning": ""})
        # A text file stores everything as text: what a person says of its type is then worth more.
        if "fields" not in declared and ("type" not in declared or column["type"] != "string"):
            known[column["name"]] = declared | _measured(column)


def _declared(entry: Mapping[str, Any]) -> dict[str, Any]:
    meaning = entry["meaning"] or ""
    if entry["type"] == "fields":
        return {"meaning": meaning, "fields": {name: _typed(kind) for name, kind in entry["fields"].items()}}
    return {"meaning": meaning} | _typed(entry["type"] or UNKNOWN)


def _typed(kind: str) -> dict[str, Any]:
    one = kind.removeprefix("list of ")
    return {"type": _TYPES[one if one == kind else {"classes": "class"}.get(one, one.removesuffix("s"))],
            "array": one != kind}  # fmt: skip


def _measured(column: Mapping[str, Any]) -> dict[str, Any]:
    stored = str(column["type"])
    array = column["kind"] == "list"
    inner = re.sub(r"^(large_)?(list|sequence)\W+(feature=)?(Value\(\W?)?", "", stored, flags=re.IGNORECASE)
    return {"type": next((name for form, name in _STORED if form.match(inner)), "sc:Text"), "array": array}


def _holder(configuration: str, files: list[dict[str, Any]]) -> dict[str, Any]:
    """What the columns of a configuration are read from."""
    wanted = files_of(configuration)
    last = files[-1]
    if any(file["@id"] == wanted for file in files):
        return {"fileSet": {"@id": wanted}}
    return {"fileObject": {"@id": last["@id"]}}


def _record_set(name: str, columns: Mapping[str, Any], holder: Mapping[str, Any]) -> dict[str, Any]:
    identity = slug(name)
    fields = [_field(identity, i, column, entry, holder) for i, (column, entry) in enumerate(columns.items())]
    return {"@type": "cr:RecordSet", "@id": identity, "name": name, "field": fields}


def _field(
    record_set: str, place: int, column: str, entry: Mapping[str, Any], holder: Mapping[str, Any]
) -> dict[str, Any]:
    # A column's name may hold anything, an id may not: the place tells apart what would have the same one.
    identity = f"{record_set}/{column if re.fullmatch(r'[A-Za-z0-9_.-]+', column) else f'{slug(column)}-{place}'}"
    node = {"@type": "cr:Field", "@id": identity, "name": column, "description": entry["meaning"] or UNKNOWN}
    source = {**holder, "extract": {"column": column}}
    if "fields" not in entry:
        return node | _data_type(entry) | {"source": source}
    inner = [
        {"@type": "cr:Field", "@id": f"{identity}/{name}", "name": name}
        | _data_type(kind) | {"source": source | {"transform": {"jsonPath": name}}}
        for name, kind in entry["fields"].items()
    ]  # fmt: skip
    return node | {"subField": inner}


def _data_type(entry: Mapping[str, Any]) -> dict[str, Any]:
    array = {"isArray": True, "arrayShape": "-1"} if entry["array"] else {}
    return {"dataType": entry["type"], **array}
