"""What the Hub accepts as the front matter of a card; it checks this before and at every commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from .repository import Commit, Repository

REPO_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
SDKS = ("gradio", "docker", "static", "streamlit")
RELATIONS = ("adapter", "finetune", "merge", "quantized")
# Those in use for models and data; the Hub knows about sixty more.
LICENSES = (
    "apache-2.0",
    "mit",
    "openrail",
    "bigscience-openrail-m",
    "cc",
    "cc0-1.0",
    "cc-by-2.0",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nd-4.0",
    "afl-3.0",
    "agpl-3.0",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "c-uda",
    "cdla-permissive-2.0",
    "gemma",
    "gfdl",
    "gpl",
    "gpl-2.0",
    "gpl-3.0",
    "isc",
    "lgpl",
    "lgpl-3.0",
    "llama2",
    "llama3",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "mpl-2.0",
    "ms-pl",
    "odbl",
    "odc-by",
    "pddl",
    "unlicense",
    "wtfpl",
    "zlib",
    "unknown",
    "other",
)


def find_problems(content: str, repo_type: str) -> tuple[list[str], list[str]]:
    """The errors and the warnings for a README."""
    match = re.match(r"---\r?\n(.*?)\r?\n?---(\r?\n|$)", content, re.DOTALL)
    if match is None or not match.group(1).strip():
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        data = yaml.safe_load(match.group(1))
    except yaml.YAMLError as error:
        return [f"Invalid YAML: {error}"], []
    if not isinstance(data, dict):
        return ["YAML metadata must be a mapping"], []
    rules = SPACE_RULES if repo_type == "space" else RULES
    problems = [f'"{key}" {text}' for key, (holds, text) in rules.items() if key in data and not holds(data[key])]
    if repo_type == "model":
        problems += _model_index_problems(data.get("model-index"))
    return problems, []


def _each(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: all(holds(each) for each in (value if isinstance(value, list) else [value]))


def _is_repo_id(value: Any) -> bool:
    return isinstance(value, str) and REPO_ID.fullmatch(value) is not None


def _one_of(*accepted: str) -> Callable[[Any], bool]:
    return lambda value: value in accepted


Rules = Mapping[str, tuple[Callable[[Any], bool], str]]

_IDS = (_each(_is_repo_id), "must be a repository id or a list of them")
_TEXT = (lambda value: isinstance(value, str), "must be a string")
RULES: Rules = {
    "base_model": (_each(_is_repo_id), "with value is not valid. Use a model id from https://hf.co/models."),
    "base_model_relation": (_one_of(*RELATIONS), f"must be one of {', '.join(RELATIONS)}"),
    "datasets": _IDS,
    "language": (_each(lambda value: isinstance(value, str) and 2 <= len(value) <= 15), "must be language codes"),
    "library_name": _TEXT,
    "license": (_each(_one_of(*LICENSES)), f"must be one of [{', '.join(LICENSES)}]"),
    "metrics": (_each(lambda value: isinstance(value, str)), "must be a list of strings"),
    "pipeline_tag": _TEXT,
    "tags": (lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value), "must be an array"),
}
SPACE_RULES: Rules = {
    "app_file": _TEXT,
    "colorFrom": (_one_of(*COLORS), f"must be one of [{', '.join(COLORS)}]"),
    "colorTo": (_one_of(*COLORS), f"must be one of [{', '.join(COLORS)}]"),
    "datasets": _IDS,
    "emoji": (lambda value: isinstance(value, str) and len(value) <= 8 and not value.isascii(), "must be an emoji"),
    "license": RULES["license"],
    "models": _IDS,
    "sdk": (_one_of(*SDKS), f"must be one of [{', '.join(SDKS)}]"),
    "sdk_version": (lambda value: re.fullmatch(r"\d+\.\d+(\.\d+)?", str(value)) is not None, "must be a version"),
    "short_description": (lambda value: isinstance(value, str) and len(value) <= 60, "must be at most 60 characters"),
    "tags": RULES["tags"],
    "title": (lambda value: isinstance(value, str) and bool(value), "must be a string"),
}


def _model_index_problems(index: Any) -> list[str]:
    """What is missing in the part that feeds the evaluation results of the model's page."""
    if index is None:
        return []
    if not isinstance(index, list):
        return ['"model-index" must be an array']
    problems = []
    for number, entry in enumerate(index):
        if not isinstance(entry, dict) or "name" not in entry or not isinstance(entry.get("results"), list):
            problems.append(f'"model-index[{number}]" needs a name and results')
            continue
        for place, result in enumerate(entry["results"]):
            path = f"model-index[{number}].results[{place}]"
            problems += [f'"{path}.{key}" is required' for key in _missing(result, "task", "dataset", "metrics")]
            problems += [
                f'"{path}.dataset.{key}" is required' for key in _missing(result.get("dataset"), "name", "type")
            ]
            for metric in result.get("metrics") or []:
                problems += [f'"{path}.metrics.{key}" is required' for key in _missing(metric, "type", "value")]
    return problems


def _missing(value: Any, *keys: str) -> list[str]:
    return [key for key in keys if not isinstance(value, dict) or key not in value]


def card_data(repository: Repository, commit: Commit) -> dict[str, Any]:
    """The front matter of the README, empty without one."""
    blob = commit.files.get("README.md")
    text = repository.blob_path(blob).read_text(encoding="utf-8") if blob else ""
    parts = text.split("---\n", 2)
    data = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    return data if isinstance(data, dict) else {}


def card_tags(card: Mapping[str, Any]) -> list[str]:
    """The tags of a card, which may also be one word."""
    tags = card.get("tags") or []
    return [str(tag) for tag in (tags if isinstance(tags, list) else [tags])]
