"""The data card as the page of a data set repository on the Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from finetune.artifacts import Publication
from finetune.cards.data_sets.answers import ANSWERS, UNKNOWN, read_answers
from finetune.cards.data_sets.data_page import page_body
from finetune.cards.data_sets.lock import read_stats
from finetune.cards.licenses import license_fields
from finetune.cards.links import link
from finetune.cards.markdown import Markdown
from finetune.cards.metadata import languages, one_line
from finetune.errors import UsageError

_SIZES = frozenset(
    {"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B", "10B<n<100B",
     "100B<n<1T", "n>1T"}
)  # fmt: skip
_TASK = re.compile(r"[a-z][a-z0-9-]*")


def published_data_card(folder: Path, publication: Publication) -> str:
    """README.md of the data set repository: the card's page with a head that the Hub takes, linked to the model.

    Args:
        folder: The card's folder, as `write_data_card` left it.
        publication: Has to name a data set repository.

    Raises:
        UsageError: There is no card, or it is not of its form; or there is no data set repository.
    """
    if publication.data is None:
        raise UsageError("There is no data set repository to write a card for.", "Name one: publish.data.repo.")
    if not (folder / ANSWERS).is_file():
        raise UsageError(f"{folder} holds no data card.", "Write it with: finetune card data RECIPE")
    answers, stats = read_answers(folder / ANSWERS), read_stats(folder)
    head = yaml.safe_dump(_head(answers), sort_keys=False, allow_unicode=True, width=1000)
    top, rest = page_body(answers, stats, Markdown()).split("\n", 1)
    return f"---\n{head}---\n\n{top}\n\n{_note(publication)}\n{rest.strip()}\n"


def _head(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the head that the Hub knows, with values that it takes; the page below says all that was answered."""
    card = answers["card"]
    found = {
        "pretty_name": one_line(str(card.get("pretty_name") or card["dataset"])),
        **license_fields(card.get("license")),
        "language": languages(tuple(map(str, card.get("language") or ()))),
        "task_categories": [name for name in card.get("task_categories") or () if _TASK.fullmatch(str(name))],
        "size_categories": [size for size in card.get("size_categories") or () if size in _SIZES],
        "tags": ["finetune-recipes"],
    }
    return {name: value for name, value in found.items() if value and value != [UNKNOWN]}


def _note(publication: Publication) -> Markdown:
    """What this repository is, and what it belongs to."""
    assert publication.data is not None
    held = (
        "It holds the rows that the model was trained and tested with, after cleaning, split by split."
        if publication.data.rows
        else "It holds the card alone, no rows: the data itself is where the card says."
    )
    return Markdown(f"> The data behind the model {link(publication.repo)}. {held}\n")
