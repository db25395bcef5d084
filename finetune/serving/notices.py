"""Sentences beside an answer: what is wrong with an input, and what a person should know of how it was read."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr


def make_notice() -> gr.HTML:
    """The place of the sentences, drawn where the page is being built."""
    import gradio as gr

    return gr.HTML(visible=False, elem_classes="notice")


def show_problem(sentence: str) -> Any:
    """An update that says why there is no answer; screen readers read it at once."""
    return _update(f'<p role="alert" class="problem">{escape(sentence)}</p>')


def show_remarks(sentences: Sequence[str]) -> Any:
    """An update with remarks on an answer, or without any."""
    return _update("".join(f'<p role="status" class="remark">{escape(sentence)}</p>' for sentence in sentences))


def clear_notice() -> Any:
    """An update that takes the sentences away."""
    return _update("")


def _update(html: str) -> Any:
    import gradio as gr

    return gr.update(value=html, visible=bool(html))
