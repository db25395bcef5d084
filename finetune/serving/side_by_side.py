"""Two answers beside each other, and what is different between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finetune.serving.changes import compare
from finetune.serving.notices import make_notice, show_problem, show_remarks
from finetune.serving.outputs import Outputs
from finetune.views import View

if TYPE_CHECKING:
    from gradio.components import Component

    from finetune.serving.answering import Answer


@dataclass(frozen=True)
class Wording:
    """What stands around two answers.

    Attributes:
        heading: Above what is different.
        names: Above each of the answers.
        caveat: What the difference does not show.
    """

    heading: str
    names: tuple[str, str]
    caveat: str = ""


class SideBySide:
    """Where two answers are shown, drawn where the page is being built; hidden until there are some.

    Args:
        shows: Kinds of views of the answers (`Task.shows`).
        wording: What stands around them.

    Attributes:
        components: All of them, in the order of what `draw` and `refuse` return.
    """

    def __init__(self, shows: Sequence[type[View]], wording: Wording) -> None:
        import gradio as gr

        self._wording = wording
        notice = make_notice()
        with gr.Column(visible=False) as area:
            gr.Markdown(f"## {wording.heading}")
            change = gr.HTML(elem_classes="change")
            with gr.Row(equal_height=False):
                self._panels = [_Panel(name, shows) for name in wording.names]
        shown: list[Any] = [part for panel in self._panels for part in panel.components]
        self.components: list[Component] = [notice, area, change, *shown]

    def draw(self, before: Answer, after: Answer) -> list[Any]:
        """Updates that show two answers to two inputs, or of two models."""
        import gradio as gr

        change = compare(before, after).to_html(self._wording.caveat)
        notes = list(dict.fromkeys([*before.notes, *after.notes]))
        drawn = [update for panel, answer in zip(self._panels, (before, after), strict=True)
                 for update in panel.draw(answer)]  # fmt: skip
        return [show_remarks(notes), gr.update(visible=True), f'<div role="status">{change}</div>', *drawn]

    def refuse(self, sentence: str) -> list[Any]:
        """Updates that say why there are no answers."""
        import gradio as gr

        cleared = [update for panel in self._panels for update in panel.clear()]
        return [show_problem(sentence), gr.update(visible=False), "", *cleared]


class _Panel:
    """One of the answers under its name, with the time that it took."""

    def __init__(self, name: str, shows: Sequence[type[View]]) -> None:
        import gradio as gr

        with gr.Column(min_width=300):
            gr.Markdown(f"### {name}")
            self._outputs = Outputs(shows)
            time = gr.Markdown(elem_classes="time")
        self.components: list[Component] = [*self._outputs.components, time]

    def draw(self, answer: Answer) -> list[Any]:
        return [*self._outputs.draw(answer.views), f"Answered in {_time(answer.seconds)}."]

    def clear(self) -> list[Any]:
        return [*self._outputs.clear(), ""]


def _time(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 1 else f"{seconds:,.1f} s"
