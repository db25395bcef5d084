"""The part of the page where a person says that an answer is wrong, and what would have been right."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finetune.errors import FinetuneError, UsageError
from finetune.serving.answering import Answer, Answerer
from finetune.serving.corrections import NONE_OF_THEM, Question, question_of, read_correction
from finetune.serving.endpoint import try_answer
from finetune.serving.flags import LONGEST_NOTE, append_flag
from finetune.serving.notices import make_notice, show_problem, show_remarks

if TYPE_CHECKING:
    from gradio.components import Component

log = logging.getLogger(__name__)
_SHOWN = 60  # characters of an input that a sentence repeats


def add_flagging(answerer: Answerer, inputs: Sequence[Component], path: Path) -> None:
    """Put "Flag this answer" into the part of the page that is open. Nothing is kept before its button is pressed.

    It is left out on a published Space, where those who ask are strangers to whoever keeps the file, and for models
    that answer pictures, sounds or conversations, which a line of text does not hold.

    Args:
        answerer: What answered.
        inputs: Components of its fields.
        path: JSON Lines file that flagged answers are added to.
    """
    import gradio as gr

    if os.environ.get("SPACE_ID") or any(field.kind in ("image", "audio", "messages") for field in answerer.fields):
        log.info("Answers cannot be flagged here.")
        return
    question = question_of(answerer.model.task)
    with gr.Accordion("Flag this answer", open=False, elem_classes="flag"):
        gr.Markdown(
            "Is the answer wrong, or surprising? When you press the button, the input, the answer and what you say "
            f"here are added to the file {_code(str(path))} on the machine that runs this page. Nothing is sent "
            "elsewhere, and nothing is kept without the button."
        )
        right = _right_component(question)
        note = gr.Textbox(label="Note (optional)", placeholder="What is wrong with it?", lines=2, max_lines=8,
                          max_length=LONGEST_NOTE)  # fmt: skip
        button, notice = gr.Button("Flag this answer"), make_notice()
    # The endpoint is of no use to programs, and none of them may write the file.
    button.click(
        _flag(answerer, path), [right, note, *inputs], [notice, right, note], api_visibility="private",
        show_progress="minimal", show_progress_on=button,
    )  # fmt: skip


def _right_component(question: Question) -> Component:
    import gradio as gr

    label = "What is right?"
    if question.kind == "number":
        return gr.Number(label=label, info=question.hint, value=None)
    if question.kind == "words":
        return gr.Textbox(label=label, info=question.hint, lines=2, max_lines=12)
    several = question.kind == "labels"
    names = [*question.names, *([NONE_OF_THEM] if several else [])]
    return gr.Dropdown(names, label=label, info=question.hint, value=None, multiselect=several)


def _flag(answerer: Answerer, path: Path) -> Callable[..., list[Any]]:
    def flag(given: Any, note: str | None, *values: Any) -> list[Any]:
        import gradio as gr

        asked = {field.name: value for field, value in zip(answerer.fields, values, strict=True)}
        answer = try_answer(answerer, asked)
        if isinstance(answer, str):
            return [show_problem(answer), gr.skip(), gr.skip()]
        try:
            keep_flag(answerer, asked, answer, given, note or "", path)
        except FinetuneError as error:
            return [show_problem(f"{error.cause} {error.remedy}".strip()), gr.skip(), gr.skip()]
        return [show_remarks([_said(answerer, answer, path)]), gr.update(value=None), gr.update(value="")]

    return flag


def keep_flag(
    answerer: Answerer, asked: dict[str, Any], answer: Answer, given: Any, note: str, path: Path
) -> None:  # fmt: skip
    """Check what a person said about an answer, and add it to the file.

    Raises:
        UsageError: Nothing was said, or it cannot be the target of this input.
        RunFolderError: The file cannot be written.
    """
    if given in (None, "", []) and not note.strip():
        raise UsageError("Nothing is said about the answer.", "Say what is right, or write a note.")
    correction = read_correction(answerer.model.task, answer.row, given)
    append_flag(path, answerer.read(asked), answer, correction, note, model=answerer.title)


def _said(answerer: Answerer, answer: Answer, path: Path) -> str:
    text = " ".join(answerer.model.task.text_of(answer.row).split())
    return f"Kept in {path.name}: “{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}”. Thank you."


def _code(text: str) -> str:
    return f"`{text}`" if "`" not in text else text.replace("`", r"\`")
