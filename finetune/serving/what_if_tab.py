"""The part of the page that asks about a text and about the same text of somebody else, and says what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from finetune.serving.answering import Answerer
from finetune.serving.endpoint import try_answer
from finetune.serving.inputs import make_inputs, shown_values
from finetune.serving.side_by_side import SideBySide, Wording
from finetune.serving.what_if import Swap, find_swaps

if TYPE_CHECKING:
    from gradio.components import Component

CAVEAT = (
    "This is one example: it shows how the model answers these two inputs. It does not show that the model is biased, "
    "nor that it is not; that takes many texts and a measurement."
)
_WORDING = Wording("What changed", ("Answer to the first", "Answer to the second"), CAVEAT)
_TRIED = 30
"""Test rows that are looked at for one with something to swap."""
_BETWEEN = "\n\ue001\n"
"""Stands between the texts of several fields while they are searched as one, so that a swap goes through all."""
_FOUND = "Choose a swap to fill in the second input; or edit that yourself."
_NOTHING = "None that is known here. Copy the first input, and edit the copy yourself."


def add_what_if(answerer: Answerer) -> None:
    """Put the comparison into the part of the page that is open."""
    import gradio as gr

    texts = [place for place, field in enumerate(answerer.fields) if field.kind in ("text", "texts", "tokens")]
    first, second = _starting_values(answerer, texts)
    swaps = swaps_of(first, texts)
    gr.Markdown("Does the answer change when the input speaks of somebody else? Swap a word, or change anything else.")
    with gr.Row(equal_height=False):
        with gr.Column(min_width=320):
            before = _make_inputs(answerer, "First input", first)
            choice = gr.Dropdown(**_choices(swaps, chosen=bool(swaps)), label="Words for people in the first input")
        with gr.Column(min_width=320):
            after = _make_inputs(answerer, "Second input", second)
            copy = gr.Button("Copy the first input here")
    compare = gr.Button("Compare the answers", variant="primary")
    shown = SideBySide(answerer.model.task.shows, _WORDING)

    gr.on(
        [box.change for box in before], lambda *values: gr.update(**_choices(swaps_of(values, texts), chosen=False)),
        before, choice, api_visibility="private", show_progress="hidden", trigger_mode="always_last", queue=False,
    )  # fmt: skip
    choice.input(
        lambda place, *values: _swapped(values, texts, place), [choice, *before], after,
        api_visibility="private", show_progress="hidden", queue=False,
    )  # fmt: skip
    copy.click(lambda *values: list(values) if len(values) > 1 else values[0], before, after,
               api_visibility="private", show_progress="hidden", queue=False)  # fmt: skip
    gr.on(
        [compare.click, *(box.submit for box in [*before, *after] if hasattr(box, "submit"))],
        lambda *values: _ask_both(answerer, shown, values), [*before, *after], shown.components,
        api_visibility="private", show_progress="minimal",
    )  # fmt: skip


def swaps_of(values: Sequence[Any], texts: Sequence[int]) -> list[Swap]:
    """Swaps that go through all texts of an input; their own texts hold all of them.

    Args:
        values: What stands in the fields, by their order.
        texts: Places of those that hold texts.
    """
    return find_swaps(_BETWEEN.join(values[place] or "" for place in texts))


def _swapped(values: Sequence[Any], texts: Sequence[int], chosen: int | None) -> Any:
    """The values with a swap done; as they are where that swap is not to be had any more."""
    swaps = swaps_of(values, texts)
    changed = list(values)
    if chosen is not None and chosen < len(swaps):
        for place, text in zip(texts, swaps[chosen].text.split(_BETWEEN), strict=True):
            changed[place] = text
    return changed if len(changed) > 1 else changed[0]


def _starting_values(answerer: Answerer, texts: Sequence[int]) -> tuple[list[Any], list[Any]]:
    """A test row with something to swap, and the same row swapped; of others the first alone, or nothing."""
    empty: list[Any] = [None] * len(answerer.fields)
    rows = [shown_values(answerer.fields, example) for example in answerer.examples(_TRIED)]
    found = next((row for row in rows if swaps_of(row, texts)), None)
    if found is None:
        return (rows[0] if rows else empty), empty
    second = _swapped(found, texts, 0)
    return found, second if isinstance(second, list) else [second]


def _make_inputs(answerer: Answerer, name: str, values: Sequence[Any]) -> list[Component]:
    fields = [replace(field, label=f"{name}: {field.label}") for field in answerer.fields]
    boxes = make_inputs(fields, answerer.max_characters)
    for box, value in zip(boxes, values, strict=True):
        # Names and the first place of the keyboard belong to the first tab.
        box.value, box.elem_id, box.autofocus = value, None, False
    return boxes


def _choices(swaps: Sequence[Swap], *, chosen: bool) -> Mapping[str, Any]:
    return {
        "choices": [(swap.label, place) for place, swap in enumerate(swaps)],
        "value": 0 if chosen else None,
        "info": _FOUND if swaps else _NOTHING,
        "interactive": bool(swaps),
    }


def _ask_both(answerer: Answerer, shown: SideBySide, values: Sequence[Any]) -> list[Any]:
    size = len(answerer.fields)
    if list(values[:size]) == list(values[size:]):
        return shown.refuse("Both inputs are the same. Change the second one.")
    answers = []
    for name, part in (("First input", values[:size]), ("Second input", values[size:])):
        given = {field.name: value for field, value in zip(answerer.fields, part, strict=True)}
        answer = try_answer(answerer, given)
        if isinstance(answer, str):
            return shown.refuse(f"{name}: {answer}")
        answers.append(answer)
    return shown.draw(*answers)
