"""`answers.yaml`: what only a person can say about a data set; an answer may be `unknown`, but not blank."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from finetune.documents import parse_value, write_document
from finetune.errors import UsageError
from finetune.recipe import Recipe

ANSWERS = "answers.yaml"
UNKNOWN = "unknown"
VERSION = 1
FRONT_MATTER = ("pretty_name", "dataset", "license", "language", "task_categories", "size_categories")
"""Keys of `card:`, which become the head of README.md."""
QUESTIONS: dict[str, str] = {
    "description": "What is it? What is a row, and what is its label?",
    "origin": "Who published it, when and where? Which data is it made of?",
    "columns_and_splits": "What do its configurations, splits and columns hold?",
    "licence": "Under which terms is it given, and where is that said? Name the licence above in `backticks`.",
    "motivation": "What was it made for, by whom, and who paid for it?",
    "collection": "How were the rows found, chosen and processed, and when?",
    "producers": "Who wrote, spoke or photographed what is in it?",
    "consent": "Were these people asked? Can they take their consent back?",
    "annotation": "How did the labels come about? By which rules, how many per row, and how well do they agree?",
    "annotators": "Who gave the labels, how were they chosen and paid, and what is known of them?",
    "personal_data": "Can persons be told from it? What is sensitive, and what was done about it?",
    "biases": "Whom does it show too little of, too much of, or wrongly?",
    "known_problems": "What else is known to be wrong with it: labels, leaks between splits, age, gaps?",
    "intended_uses": "What is it good for?",
    "out_of_scope_uses": "What must it not be used for?",
    "our_use": "How do the recipes here use it? Name each by its path.",
    "maintenance": "Who keeps it up, how do corrections come in, do old versions stay?",
    "not_measured": "What would be worth knowing and was not measured?",
}
"""Key of a required answer -> the question, after Datasheets for Datasets (Gebru et al. 2021) and the Hub's card."""
_SCHEMAS = Path(__file__).parent / "schemas"
_HEAD = """\
# What only a person can say about this data set. README.md is made of this file and of stats.json: do not edit it.
#
# An answer is a `text` (Markdown; `text: |` begins one of several lines) and, if you like, a `source`: where it is
# from. `unknown` is an answer. An empty one is not: the check of the card names those that are left.
"""


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of `answers` or `stats`, by their JSON Schema (draft 2020-12)."""
    schema = json.loads((_SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def schema_errors(name: str, values: Any) -> list[str]:
    """What does not fit the schema `answers` or `stats`: one sentence per place."""
    errors = sorted(validator(name).iter_errors(values), key=lambda error: error.json_path)
    deepest = [best_match([error]) or error for error in errors]  # of alternatives, the one that fits the most
    return [f"{error.json_path.removeprefix('$.')}: {error.message[:300]}" for error in deepest]


def read_answers(path: Path) -> dict[str, Any]:
    """Read `answers.yaml`.

    Raises:
        UsageError: It is missing, no YAML, or not of the schema's form.
    """
    try:
        values = parse_value(path.read_text(encoding="utf-8-sig"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} of the data card cannot be read: {error}.", "Save it as UTF-8 text.") from None
    errors = schema_errors("answers", values)
    if errors:
        raise UsageError(
            f"{path.name} of the data card is not of its form: {errors[0]}.",
            "An answer is `unknown`, or has `text` and, if you like, `source`.",
        )
    return dict(values)


def text_of(answer: Any) -> str:
    """The words of an answer; `unknown` where that is the answer, empty where there is none."""
    text = answer.get("text") if isinstance(answer, Mapping) else answer
    return (text or "").strip()


def source_of(answer: Any) -> str:
    """Where an answer is from; empty where it does not say."""
    source = answer.get("source") if isinstance(answer, Mapping) else None
    return (source or "").strip()


def configurations_of(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration -> `{"splits", "columns"}`."""
    answer = answers.get("columns_and_splits")
    return dict(answer.get("configurations") or {}) if isinstance(answer, Mapping) else {}


def blank_answers(answers: Mapping[str, Any]) -> list[str]:
    """Places of required answers that are blank or missing, such as `card.license` or `motivation`."""
    card = answers.get("card") or {}
    blank = [f"card.{key}" for key in FRONT_MATTER if not card.get(key)]
    blank += [key for key in QUESTIONS if key != "columns_and_splits" and not text_of(answers.get(key))]
    return blank + list(_blank_structure(answers))


def _blank_structure(answers: Mapping[str, Any]) -> Iterator[str]:
    place = "columns_and_splits"
    if answers.get(place) == UNKNOWN:
        return
    configurations = configurations_of(answers)
    if not configurations and not text_of(answers.get(place)):
        yield place
    for name, configuration in configurations.items():
        for column, entry in configuration["columns"].items():
            for key in ("type", "meaning"):
                if not entry[key]:
                    yield f"{place}.configurations.{name}.columns.{column}.{key}"


def licence_problem(answers: Mapping[str, Any]) -> str | None:
    """What is wrong with the licence: it is missing, or the answer on it does not say where it is from."""
    licence = (answers.get("card") or {}).get("license")
    if not licence:
        return "card.license is blank: give it as the Hub names it, or other or unknown"
    if f"`{licence}`" not in text_of(answers.get("licence")):
        return (
            f"the answer `licence` does not explain `{licence}`: name it there in backticks, and say where it is from"
        )
    return None


def new_answers(recipe: Recipe, data_id: str) -> str:
    """The text of a new `answers.yaml`: questions with blank answers; what the recipe knows is filled in."""
    card = dict.fromkeys(FRONT_MATTER) | {"dataset": data_id, "task_categories": [recipe.task]}
    parts = [_HEAD, f"version: {VERSION}\n", _section("card", card)]
    for key, question in QUESTIONS.items():
        body = _structure(recipe) if key == "columns_and_splits" else "  text:\n"
        parts.append(f"# {question}\n{key}:\n{body}")
    return "\n".join(parts)


def _section(key: str, values: dict[str, Any]) -> str:
    return f"# The head of README.md, in the Hub's words (size: n<1K, 1K<n<10K, …).\n{_plain({key: values})}"


def _structure(recipe: Recipe) -> str:
    columns = {name: {"type": None, "meaning": None} for name in columns_named(recipe)}
    body = _plain({"configurations": {recipe.data.config or "default": {"columns": columns}}})
    note = "  # splits: {train: {rows: 1000, labels: public}} may stand beside columns.\n"
    return note + "".join(f"  {line}\n" for line in body.splitlines())


def _plain(values: dict[str, Any]) -> str:
    return write_document(values).replace(": null\n", ":\n")


def columns_named(recipe: Recipe) -> list[str]:
    """Columns of the data that the recipe names, each once, in its order; a field inside of one by the column."""
    places = [*(recipe.data.reader.header or ()), *recipe.data.columns.values(), *recipe.features.columns]
    names = [part for place in places for part in ([place] if isinstance(place, str) else place)]
    split = recipe.data.split
    return list(dict.fromkeys([*names, *filter(None, (recipe.data.id, split.group, split.time, split.column))]))
