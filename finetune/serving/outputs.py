"""Components that show an answer, made of a task's views."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from finetune.errors import UsageError
from finetune.views import Bars, Marked, Quantity, Ranked, View, Words

if TYPE_CHECKING:
    from gradio.components import Component

MOST_BARS = 10
"""Choices that are shown of many."""
PALETTE = ("#56b4e9", "#e69f00", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")
"""Colours that people with colour blindness tell apart (Okabe and Ito 2008, "Color Universal Design")."""


class Outputs:
    """Where an answer is shown, drawn where the page is being built.

    Args:
        shows: Kinds of views, in their order (`Task.shows`).

    Attributes:
        components: All of them, in the order of what `draw` and `clear` return.
    """

    def __init__(self, shows: Sequence[type[View]]) -> None:
        self._panels = [_panel(kind) for kind in shows]
        self.components: list[Component] = [component for panel in self._panels for component in panel.components]

    def draw(self, views: Sequence[View]) -> list[Any]:
        """Updates of the components that show these views."""
        return [update for panel, view in zip(self._panels, views, strict=True) for update in panel.draw(view)]

    def clear(self) -> list[Any]:
        """Updates that leave nothing to see."""
        return [update for panel in self._panels for update in panel.clear()]


class _Panel:
    """Components of one view."""

    def __init__(self, make: Callable[[], list[Component]], draw: Callable[[Any], list[Any]]) -> None:
        self.components, self.draw = make(), draw

    def clear(self) -> list[Any]:
        import gradio as gr

        return [gr.update(value=None, visible=index == 0) for index, _ in enumerate(self.components)]


def _panel(kind: type[View]) -> _Panel:
    if kind is Bars:
        return _Panel(_make_bars, _draw_bars)
    if kind is Marked:
        return _Panel(_make_marked, _Colours().draw)
    if kind is Ranked:
        return _Panel(_make_html("Ranking"), _draw_ranked)
    if kind is Quantity:
        return _Panel(_make_quantity, _draw_quantity)
    if kind is Words:
        return _Panel(_make_words, _draw_words)
    raise UsageError(f"No page can show a {kind.__name__} yet.", "Let Task.shows name views of finetune.views.")


def _make_bars() -> list[Component]:
    import gradio as gr

    return [gr.Label(label="Answer", num_top_classes=MOST_BARS), gr.Markdown(visible=False, elem_classes="chosen")]


def _draw_bars(view: Bars) -> list[Any]:
    """Bars under the choice that won; where several may be chosen, or none, a sentence says which are."""
    import gradio as gr

    if not view.scores:
        return [gr.update(value=None, visible=False), gr.update(visible=False)]
    first = next(iter(view.scores))
    alone = list(view.chosen) == [first]
    more = f" ({MOST_BARS} likeliest of {len(view.scores)})" if len(view.scores) > MOST_BARS else ""
    chosen = f"**Chosen:** {', '.join(map(plain_markdown, view.chosen))}" if view.chosen else "**Chosen:** none of them"
    label = gr.update(value=dict(view.scores), visible=True, show_heading=alone, label=f"Answer{more}")
    return [label, gr.update(value=chosen, visible=not alone)]


def _make_marked() -> list[Component]:
    import gradio as gr

    return [gr.HighlightedText(label="Marked in the text", show_legend=True, combine_adjacent=False)]


class _Colours:
    """Gives every label a colour and keeps it, so that the same kind looks the same in every answer."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def draw(self, view: Marked) -> list[Any]:
        import gradio as gr

        for _, _, label in view.spans:
            self.known.setdefault(label, PALETTE[len(self.known) % len(PALETTE)])
        entities = [{"entity": label, "start": start, "end": end} for start, end, label in view.spans]
        used = {label: self.known[label] for _, _, label in view.spans}
        name = "Marked in the text" if entities else "Marked in the text: nothing was found"
        return [gr.update(value={"text": view.text, "entities": entities}, color_map=used, label=name)]


def _make_html(label: str) -> Callable[[], list[Component]]:
    import gradio as gr

    return lambda: [gr.HTML(label=label, show_label=True, container=True, elem_classes="ranked")]


def _draw_ranked(view: Ranked) -> list[Any]:
    import gradio as gr

    scores: Sequence[float | None] = view.scores or [None] * len(view.texts)
    items = "".join(_item(text, score) for text, score in zip(view.texts, scores, strict=True))
    return [gr.update(value=f"<ol>{items}</ol>" if items else "<p>Nothing was found.</p>")]


def _item(text: str, score: float | None) -> str:
    shown = "" if score is None else f' <span class="score">{score:.3g}</span>'
    return f'<li><span class="text">{escape(text)}</span>{shown}</li>'


def _make_quantity() -> list[Component]:
    import gradio as gr

    return [gr.Number(label="Answer", interactive=False)]


def _draw_quantity(view: Quantity) -> list[Any]:
    import gradio as gr

    within = f" ({view.low:g} to {view.high:g})" if view.low is not None and view.high is not None else ""
    return [gr.update(value=float(f"{view.value:.4g}"), label=f"{view.name or 'Answer'}{within}")]


def _make_words() -> list[Component]:
    import gradio as gr

    return [gr.Textbox(label="Answer", interactive=False, lines=1, max_lines=20, buttons=["copy"])]


def _draw_words(view: Words) -> list[Any]:
    import gradio as gr

    return [gr.update(value=view.text, info=view.note or None)]


def plain_markdown(text: str) -> str:
    """A text in Markdown that stays as it is."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()#+-.!<>|~$&" else letter for letter in text)


def json_of(prediction: Mapping[str, Any]) -> dict[str, Any]:
    """A prediction as plain values: what programs get."""
    return {key: _value(value) for key, value in prediction.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_value(inner) for inner in value]
    return value.item() if hasattr(value, "item") else value
