"""How to cite the model and what it is made of, in BibTeX: what is known, and nothing else."""

from __future__ import annotations

import re

from finetune.artifacts import Publication
from finetune.cards.links import address
from finetune.cards.metadata import hub_base
from finetune.cards.record import Record
from finetune.cards.wording import clean, public, shorten


def citations(record: Record, publication: Publication | None = None) -> str:
    """Entries for the model (where its authors are stated), the software, the pretrained model and the data."""
    base = hub_base(record)
    parts = [
        record.recipe.card.citation and clean(public(record.recipe.card.citation)).strip(),
        None if record.recipe.card.citation else _of_model(record, publication),
        _entry("software", "finetune-recipes", {"title": "finetune-recipes", "version": _version(record)}),
        base and _of_repository(base, "", record.base_commit),
        _of_repository(record.data_id, "datasets", record.data.get("source", {}).get("revision"))
        if record.data_on_hub else None,
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _of_model(record: Record, publication: Publication | None) -> str | None:
    authors = record.recipe.card.authors
    if not authors:
        return None
    fields = {
        "author": " and ".join(authors),
        "title": record.title,
        "year": str(record.environment.get("time", ""))[:4],
        "url": address(publication.repo) if publication else "",
        "version": publication.tag if publication else "",
    }
    return _entry("misc", record.title, fields)


def _of_repository(name: str, kind: str, revision: str | None) -> str:
    note = f"revision {revision}" if revision else ""
    return _entry("misc", name, {"title": name, "url": address(name, kind), "note": note})


def _version(record: Record) -> str:
    return str(record.environment.get("versions", {}).get("finetune-recipes", ""))


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    """An entry whose values cannot end it early: braces, which BibTeX counts, and backslashes are left out."""
    kept = {name: _harmless(value) for name, value in fields.items()}
    lines = [f"  {name} = {{{value}}}" for name, value in kept.items() if value]
    return "\n".join([f"@{kind}{{{re.sub(r'[^A-Za-z0-9]+', '-', key).strip('-') or 'model'},", ",\n".join(lines), "}"])


def _harmless(value: str) -> str:
    return re.sub(r"[{}\\\s]+", " ", clean(shorten(public(value), 300))).strip()
