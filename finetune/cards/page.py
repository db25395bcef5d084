"""Pages that are one file each: nothing is fetched to show them, and no value of the data can break out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from finetune.artifacts import RunFolder
from finetune.cards.report import environment, page_style


def write_page(path: Path, template: str, **view: Any) -> Path:
    """Render a template into a file, whole or not at all.

    Args:
        path: The file; its folder is made.
        template: One that extends `page.html`.
        view: What it shows, by name.

    Raises:
        RunFolderError: The file cannot be written.
    """
    RunFolder(path.parent).write_text(path.name, render_page(template, **view))
    return path


def render_page(template: str, **view: Any) -> str:
    """The page as HTML."""
    text = environment().get_template(template).render(style=Markup(page_style()), **view)  # noqa: S704
    return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"
