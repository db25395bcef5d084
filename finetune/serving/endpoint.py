"""The demo for programs: one function per model whose parameters are its fields, as an API endpoint and an MCP tool."""

from __future__ import annotations

import inspect
import logging
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finetune.errors import FinetuneError
from finetune.serving.answering import Answer, Answerer
from finetune.serving.outputs import json_of
from finetune.views import Field

if TYPE_CHECKING:
    from gradio.components import Component

log = logging.getLogger(__name__)

NAME = "predict"
"""Of the endpoint and of the tool."""
_MOST_LABELS = 30
"""Labels that a description lists."""


def try_answer(answerer: Answerer, values: Mapping[str, Any]) -> Answer | str:
    """The answer; or a sentence for the person who asked, whatever went wrong. What nobody foresaw goes to the log,
    under an id that the sentence names; the input does not, it may be personal."""
    try:
        return answerer.answer(values)
    except FinetuneError as error:
        return f"{error.cause} {error.remedy}".strip()
    except Exception:
        reference = uuid.uuid4().hex[:8]
        log.exception("An input could not be answered (reference %s).", reference)
        return f"Something went wrong with this input (reference {reference}). Try another one, or a shorter one."


def add_endpoint(answerer: Answerer, inputs: Sequence[Component]) -> None:
    """Put `/predict` on the page that is being built.

    Args:
        answerer: What answers.
        inputs: Components of its fields; files are taken as these take them.
    """
    import gradio as gr

    predict, order = (
        make_endpoint(answerer),
        [answerer.fields.index(field) for field in _required_first(answerer.fields)],
    )
    if any(field.kind in ("image", "audio") for field in answerer.fields):
        gr.Button(visible=False).click(predict, [inputs[i] for i in order], gr.JSON(visible=False), api_name=NAME)
    else:
        gr.api(predict, api_name=NAME)


def make_endpoint(answerer: Answerer) -> Callable[..., dict[str, Any]]:
    """A function with a parameter per field that returns the prediction, and says in its docstring what it answers.

    Raises (when called):
        gradio.Error: With a sentence for whoever called.
    """
    fields = _required_first(answerer.fields)
    names = parameter_names(fields)

    def predict(*args: Any, **kwargs: Any) -> dict[str, Any]:
        import gradio as gr

        given = signature.bind(*args, **kwargs).arguments
        values = {field.name: given.get(name) for field, name in zip(fields, names, strict=True)}
        found = try_answer(answerer, values)
        if isinstance(found, str):
            raise gr.Error(found, title="No answer", print_exception=False)
        notes = {"notes": list(found.notes)} if found.notes else {}
        return json_of(found.prediction) | notes

    signature = _signature(fields, names)
    predict.__signature__ = signature  # type: ignore[attr-defined]  # what inspect, and so the page, goes by
    predict.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()} | {"return": dict}
    predict.__doc__ = _describe(answerer, fields, names)
    return predict


def _required_first(fields: Sequence[Field]) -> list[Field]:
    """The order of the parameters: Python wants those that may be left out last."""
    return sorted(fields, key=lambda field: not field.required)


def parameter_names(fields: Sequence[Field]) -> list[str]:
    """Names of fields as Python has them: columns of tables may have any name."""
    names: list[str] = []
    for field in fields:
        name = re.sub(r"\W+", "_", field.name).strip("_").lower() if not field.name.isidentifier() else field.name
        name = name if name.isidentifier() else f"field_{name}"
        while name in names:
            name += "_"
        names.append(name)
    return names


def _signature(fields: Sequence[Field], names: Sequence[str]) -> inspect.Signature:
    parameters = []
    for field, name in zip(fields, names, strict=True):
        kind: Any = list[str] if field.kind == "texts" else str
        annotation, default = (kind, inspect.Parameter.empty) if field.required else (kind | None, None)
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
        )
    return inspect.Signature(parameters, return_annotation=dict)


def _describe(answerer: Answerer, fields: Sequence[Field], names: Sequence[str]) -> str:
    """The docstring, in the form that the page and the MCP server read."""
    task = answerer.model.task
    what = f"Ask the model '{answerer.title}' ({task.name.replace('-', ' ')}). {answerer.description}"
    labels = list(task.state().get("names", ())) if task.kind in ("single_label", "multi_label", "tags") else []
    more = f", … ({len(labels)} in all)" if len(labels) > _MOST_LABELS else ""
    known = f" It knows these labels: {', '.join(labels[:_MOST_LABELS])}{more}." if labels else ""
    lines = [_one_line(what + known), "", "Args:"]
    for field, name in zip(fields, names, strict=True):
        needed = "" if field.required else " Optional."
        lines.append(f"    {name}: {_one_line(f'{field.label}. {field.hint}.')}{needed}")
    return "\n".join([*lines, "", "Returns:", "    `prediction`, with `scores` where the model gives some."])


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("..", ".")
