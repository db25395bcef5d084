"""The part of the page that asks the fine-tuned model and the untouched one the same thing."""

from __future__ import annotations

from typing import Any

from finetune.serving.answering import Answerer
from finetune.serving.endpoint import try_answer
from finetune.serving.inputs import make_inputs, shown_values
from finetune.serving.side_by_side import SideBySide, Wording

_WORDING = Wording(
    "What fine-tuning changed",
    ("Before: the pretrained model", "After: this model"),
    "This is one example. How the model does on average is in the model card.",
)
_EXAMPLES = 5


def add_side_by_side(tuned: Answerer, untouched: Answerer) -> None:
    """Put the comparison into the part of the page that is open.

    Args:
        tuned: The model that the page is about.
        untouched: The same one as it was before the fit (`Answerer.untouched`).
    """
    import gradio as gr

    gr.Markdown("The same input, answered by the pretrained model and by the fine-tuned one.")
    inputs = make_inputs(tuned.fields, tuned.max_characters)
    for box in inputs:  # names and the first place of the keyboard belong to the first tab
        box.elem_id, box.autofocus = None, False
    button = gr.Button("Ask both", variant="primary")
    rows = [shown_values(tuned.fields, example) for example in tuned.examples(_EXAMPLES)]
    if rows:
        gr.Examples(rows, inputs, label="Examples from the test data", api_visibility="private")
    shown = SideBySide(tuned.model.task.shows, _WORDING)

    def ask(*values: Any) -> list[Any]:
        given = {field.name: value for field, value in zip(tuned.fields, values, strict=True)}
        before = try_answer(untouched, given)
        after = before if isinstance(before, str) else try_answer(tuned, given)
        if isinstance(before, str) or isinstance(after, str):
            return shown.refuse(str(after))
        return shown.draw(before, after)

    gr.on(
        [button.click, *(box.submit for box in inputs if hasattr(box, "submit"))], ask, inputs, shown.components,
        api_visibility="private", show_progress="minimal",
    )  # fmt: skip
