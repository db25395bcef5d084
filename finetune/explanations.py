"""What is wrong with a recipe, in words that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from finetune.documents import Document
from finetune.errors import RecipeError, did_you_mean

_UNION_MEMBER = re.compile(r"^(function-|literal\[|tuple\[)|^(str|bool|int|float)$")
"""Members of a union, which pydantic names as if they were keys."""


def explain(error: ValidationError, schema: type[BaseModel], document: Document | None = None) -> RecipeError:
    """Pydantic's findings as one error: a line per problem with its place, what was received and what is accepted.

    Args:
        error: What validation raised.
        schema: The model that was validated, for the nearest known key.
        document: Where the values come from, for line numbers.
    """
    lines = list(dict.fromkeys(_explain_one(problem, schema, document) for problem in error.errors()))
    count = f"{len(lines)} problems" if len(lines) > 1 else "a problem"
    origin = f" {document.path}" if document and document.path else ""
    listed = "\n".join(f"  {line}" for line in lines)
    return RecipeError(
        f"The recipe{origin} has {count}:\n{listed}", "`finetune schema` prints every key with its meaning."
    )


def _explain_one(problem: Any, schema: type[BaseModel], document: Document | None) -> str:
    location = tuple(part for part in problem["loc"] if not _UNION_MEMBER.match(str(part)))
    place = ".".join(str(part) for part in location)
    line = document.line(location) if document else None
    where = f"line {line}: {place}" if line else place
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key. {did_you_mean(str(location[-1]), _fields_at(schema, location[:-1]))}"
    if problem["type"] == "missing":
        return f"{where}: is required and missing."
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "model_type":
        message = "it is a section: keys with values"
    received = problem["input"]
    shown = "" if isinstance(received, dict) else f" Received {received!r}."
    return f"{where}: {message[0].lower()}{message[1:].rstrip('.')}.{shown}"


def _fields_at(section: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    for part in location:
        annotation = section.model_fields[str(part)].annotation if str(part) in section.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)
