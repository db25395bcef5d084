"""Links to the Hub."""

from __future__ import annotations

import re

from finetune.cards.markdown import Markdown, code

HUB = "https://huggingface.co"
_ID = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", re.ASCII)


def address(repository: str, kind: str = "") -> str:
    """The page of a repository; `kind` is `datasets`, `spaces`, or nothing for a model."""
    return "/".join(part for part in (HUB, kind, repository) if part)


def link(repository: str, kind: str = "") -> Markdown:
    """A repository's name that leads to its page; a name of another form stays as it is."""
    if not _ID.fullmatch(repository):
        return code(repository)
    return Markdown(f"[{code(repository)}]({address(repository, kind)})")
