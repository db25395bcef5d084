"""Lines of code that use the model: by this library, and by the field's own."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.artifacts import Publication
from finetune.cards.mistakes import input_columns
from finetune.cards.record import Record
from finetune.cards.wording import public
from finetune.sources import parse_location

_TEXTS = {
    "question": "Who wrote the notes?",
    "context": "Ada Lovelace wrote the notes in 1843.",
    "query": "How do I reset my password?",
    "text_pair": "It is a pleasure to watch.",
    "tokens": "Ada Lovelace wrote to Charles Babbage from London",
}
"""Something to ask, by the name of the column that takes it."""
_TEXT = "A small, quiet triumph."
_LIST = ["Steps to choose a new password", "Opening hours of the shop"]
_MENDED = {
    "normalize": "texts are normalised",
    "personal": "personal data is redacted",
    "numbers": "numbers are rewritten",
    "dates": "dates are rewritten",
    "categories": "spellings are unified",
    "missing": "missing values are filled in",
    "outliers": "outliers are clipped",
}
"""Steps of the cleaning that a user's inputs go through, too; the others drop rows."""


@dataclass(frozen=True)
class Snippets:
    """Code for the card.

    Attributes:
        python: By this library; it answers as the evaluation did.
        shell: The same on the command line.
        own: By the libraries that the field uses; None where they cannot load what there is.
    """

    python: str
    shell: str
    own: str | None


def snippets(record: Record, publication: Publication | None = None) -> Snippets:
    """Code that runs as it stands: against the published repository, or beside the run's folder."""
    place = publication.repo if publication else record.name
    example = _literal(sample_input(record))
    return Snippets(
        f"from finetune import load\n\nmodel = load({_literal(place)})\nprint(model.predict([{example}]))",
        f"finetune demo {shlex.quote(place)}",
        _own(record, publication),
    )


def _literal(value: Any) -> str:
    """A plain value as Python writes it, texts in double quotes."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def sample_input(record: Record) -> Any:
    """An input of the form that the model takes: a text, or a dictionary by column."""
    columns = template_columns(record)
    if columns:
        return {column: _typical(record, column) for column in columns}
    names = input_columns(record.evaluation.predictions)
    found = [column for column in record.evaluation.load_task().input_columns() if column.name in names]
    if any(column.kind == "tokens" for column in found):
        return _TEXTS["tokens"]
    if [column.kind for column in found] == ["text"]:
        return _TEXTS.get(found[0].name, _TEXT)
    return {c.name: _LIST if c.kind == "texts" else _TEXTS.get(c.name, _TEXT) for c in found} or _TEXT


def template_columns(record: Record) -> list[str]:
    """Columns of the data that the recipe's template makes the text of, in the data's order."""
    template = record.recipe.features.template or ""
    columns = record.model.get("inputs", {}).get("columns", ())
    return [name for name in columns if re.search(rf"\{{{re.escape(name)}[}}.:]", template)]


def _typical(record: Record, column: str) -> Any:
    """A value that the column could have: the median, the commonest category; None where none is known."""
    entry: dict[str, Any] = next((c for c in record.audit.get("columns", ()) if c["name"] == column), {})
    if not entry:
        return None if column in record.recipe.features.columns else _TEXT
    if entry.get("personal"):
        return None
    if entry.get("numbers"):
        return (entry["numbers"].get("quantiles") or {}).get("p50")
    if entry.get("categories"):
        return next((found["value"] for found in entry["categories"]["top"]), None)
    if entry.get("times"):
        return (entry["times"].get("quantiles") or {}).get("p50")
    return _TEXT if entry.get("texts") else None


def input_steps(record: Record) -> Iterator[str]:
    """What an input goes through before the model reads it, as sentences; nothing where it is read as it comes."""
    cleaning = record.recipe.cleaning
    steps = [words for name, words in _MENDED.items() if getattr(cleaning, name)]
    if steps:
        yield f"Inputs are cleaned as the training data was: {', '.join(steps)}."
    template = record.recipe.features.template
    if template is not None:
        yield f"A text is made of the columns {', '.join(template_columns(record))} by the template {template!r}."


def _own(record: Record, publication: Publication | None) -> str | None:
    adapter = not publication.whole if publication else record.is_adapter
    if adapter and not _field_finds_base(record):
        return None
    place = publication.repo if publication else f"{record.name}/model"
    code = record.evaluation.load_task().usage(place, adapter=adapter)
    skipped = [f"# {' '.join(public(step).split())}" for step in input_steps(record)]
    note = ["# These lines leave out what comes first:", *skipped] if skipped else []
    return "\n".join([*note, code.strip()]) if code else None


def _field_finds_base(record: Record) -> bool:
    """Whether the field's libraries can load an adapter's base model by the name that its folder says."""
    name = record.model.get("base", {}).get("name") or record.recipe.model.name
    location = parse_location(name, what="model")
    return location.kind == "hub" or (location.kind == "local" and (Path(location.text) / "config.json").exists())
