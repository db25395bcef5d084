"""Markdown that hostile names and texts cannot break out of: every value is escaped unless it is `Markdown` already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from finetune.cards.wording import clean

_SPECIAL = re.compile(r"([\\`*\[#|~$]|(?<![^\W_])_|_(?![^\W_]))")  # an underscore inside a word is just that
_LINE_START = re.compile(r"^(?:([-+=])(?![\w.])|(\d+)([.)])(?=\s|$))")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Markdown(str):
    """A text that is meant as Markdown."""

    __slots__ = ()


def escape(value: Any) -> Any:
    """A value as plain words on one line; `Markdown` and what is no text stay as they are.

    >>> escape("a|b\\n# <i>")
    'a\\\\|b \\\\# &lt;i&gt;'
    """
    if isinstance(value, Markdown) or not isinstance(value, str):
        return "" if value is None else value
    line = " ".join(clean(value).split())
    line = _SPECIAL.sub(r"\\\1", re.sub(r"[&<>]", lambda found: _HTML[found[0]], line))
    return Markdown(_LINE_START.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", line))


def code(value: object) -> Markdown:
    """A name as inline code, where it can be; else escaped."""
    line = " ".join(clean(value).split())
    return Markdown(escape(line)) if not line or re.search(r"[`|<>&]", line) else Markdown(f"`{line}`")


def block(language: str, text: str) -> Markdown:
    """Lines of code, in a fence that is longer than any within them."""
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}{language}\n{clean(text)}\n{fence}")


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: bool = True) -> Markdown:
    """A table; the first column is words, and so are the others unless they are `numbers`."""
    lines = [header, ["---", *["---:" if numbers else "---"] * (len(header) - 1)], *rows]
    cells = [[cell if i == 1 else str(escape(cell)) for cell in line] for i, line in enumerate(lines)]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in cells))


def environment() -> Environment:
    """Templates whose every value is escaped for Markdown."""
    found = Environment(  # noqa: S701  # `finalize` escapes every value, for Markdown
        loader=FileSystemLoader(Path(__file__).parent / "templates"), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=escape,
    )  # fmt: skip
    found.filters["code"] = code
    return found
