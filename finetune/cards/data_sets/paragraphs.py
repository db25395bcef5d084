"""Pieces that the figures of a data set are told with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finetune.cards.markdown import Markdown, escape
from finetune.cards.wording import count

UNKNOWN = "*unknown*"
Values = Mapping[str, Any]


def missing(part: Values) -> list[Markdown] | None:
    """What stands in the place of a part without figures; None where there are some."""
    if part.get("measured"):
        return None
    return [Markdown(f"{UNKNOWN} (not measured: {escape(reason(part))})")]


def reason(part: Values) -> str:
    """Why a part was not measured."""
    return str(part.get("reason") or "it is not known why").rstrip(".")


def lines(*sentences: str) -> Markdown:
    """A list; empty sentences are left out."""
    return Markdown("\n".join(f"- {sentence}" for sentence in sentences if sentence))


def sampled(part: Values) -> str:
    """How many rows were looked at, where it was not all."""
    found = part.get("sampled")
    return f"On a sample of {count(found['rows'])} of {count(found['of'])} rows." if isinstance(found, dict) else ""
