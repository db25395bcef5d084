"""Components that a person fills in, made of a task's fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finetune.views import Field

if TYPE_CHECKING:
    from gradio.components import Component

_MOST_LINES = 20
"""A box of text grows up to so many lines, and scrolls then."""


def make_inputs(fields: Sequence[Field], max_characters: int) -> list[Component]:
    """A component per field, drawn where the page is being built.

    Args:
        fields: What is asked for; those of kind `messages` are drawn as a conversation elsewhere.
        max_characters: Where typing stops.
    """
    return [_component(field, max_characters, first=index == 0) for index, field in enumerate(fields)]


def shown_values(fields: Sequence[Field], values: Mapping[str, Any]) -> list[Any]:
    """Values in the order of the fields as the components hold them: lists of texts one per line."""
    return [
        "\n".join(" ".join(str(text).split()) for text in value) if isinstance(value, list) else value
        for value in (values.get(field.name) for field in fields)
    ]


def _component(field: Field, max_characters: int, *, first: bool) -> Component:
    if field.kind in ("image", "audio"):
        from finetune.serving.media import media_component

        return media_component(field)
    import gradio as gr

    label = field.label if field.required else f"{field.label} (optional)"
    name = f"field-{field.name}" if field.name.isidentifier() else None
    lines = max(field.lines, 2) if field.kind == "texts" else field.lines
    return gr.Textbox(
        label=label, placeholder=field.hint or None, lines=lines, max_lines=max(_MOST_LINES, lines) if lines > 1 else 1,
        max_length=max_characters, autofocus=first, elem_id=name,
    )  # fmt: skip
