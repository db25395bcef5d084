"""The part of the page that is a conversation, and the same for programs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from finetune.errors import FinetuneError, UsageError
from finetune.serving.conversation import MOST_NEW_TOKENS, NO_ANSWER, read_messages, stream_reply

if TYPE_CHECKING:
    import gradio as gr

    from finetune.serving.answering import Answerer

log = logging.getLogger(__name__)
_PACE = 0.05  # seconds between two updates of the page
_LENGTH = 256  # tokens of an answer, unless asked otherwise


def add_chat(answerer: Answerer) -> None:
    """Put a conversation into the part of the page that is open; programs have it as the endpoint `/chat`."""
    import gradio as gr

    field = next(field for field in answerer.fields if field.kind == "messages")
    gr.ChatInterface(
        _talk(answerer),
        chatbot=_make_chatbot(),
        textbox=gr.Textbox(
            label="Message", placeholder=field.hint or "Write a message, then press Enter", lines=1, max_lines=8,
            submit_btn="Send", stop_btn="Stop", max_length=answerer.max_characters, render=False,
        ),
        additional_inputs=_settings(),
        additional_inputs_accordion=gr.Accordion("Settings", open=False, render=False),
        flagging_mode="never",
        concurrency_limit=1,
        api_visibility="private",  # it keeps a session; programs send the history themselves
    )  # fmt: skip
    gr.api(_endpoint(answerer), api_name="chat", concurrency_limit=1)


def _talk(answerer: Answerer) -> Any:
    """What the page calls. It answers an error with a message: Gradio's conversation does not take another input after
    an exception, and covers what was said before."""

    def talk(message: Any, history: list[dict[str, Any]], system: str, max_new_tokens: float | None) -> Iterator[Any]:
        said: list[dict[str, Any]] = []
        try:
            for text in _reply(answerer, message, history, system, max_new_tokens):
                said = [{"role": "assistant", "content": text}]
                yield text
        except UsageError as error:
            yield [*said, _explain(error)]

    return talk


def _endpoint(answerer: Answerer) -> Any:
    """What programs call."""

    def chat(
        message: str,
        history: list[dict[str, Any]] | None = None,
        system_prompt: str = "",
        max_new_tokens: int = _LENGTH,
    ) -> Iterator[str]:
        import gradio as gr

        try:
            yield from _reply(answerer, message, history or [], system_prompt, max_new_tokens)
        except UsageError as error:
            raise gr.Error(_sentence(error), title=NO_ANSWER, print_exception=False) from None

    chat.__annotations__["return"] = str  # what a caller gets, again and again as it grows
    chat.__doc__ = (
        f"Continue a conversation with the model '{answerer.title}'. {answerer.description}\n\n"
        "Args:\n"
        "    message: The user's next message.\n"
        "    history: Earlier messages in their order, each with role ('user' or 'assistant') and content (a text).\n"
        "    system_prompt: Instructions that stand before the conversation.\n"
        f"    max_new_tokens: The most tokens that the answer may have, 1 to {MOST_NEW_TOKENS}.\n\n"
        "Returns:\n"
        "    The model's next message; callers that stream get it as it grows.\n"
    )
    return chat


def _reply(
    answerer: Answerer, message: Any, history: list[dict[str, Any]], system: str, max_new_tokens: float | None
) -> Iterator[str]:
    """The answer as it grows.

    Raises:
        UsageError: Whatever went wrong, as a sentence for the reader. What nobody foresaw is in the log.
    """
    try:
        messages = read_messages(history, message, system)
        with closing(stream_reply(answerer, messages, int(max_new_tokens or 0))) as growing:
            yield from _paced(growing)
    except FinetuneError as error:
        raise UsageError(error.cause, error.remedy) from None
    except Exception:
        log.exception("A message could not be answered.")
        raise UsageError("The model could not answer this.", "Try another message, or a shorter one.") from None


def _paced(growing: Iterator[str]) -> Iterator[str]:
    """Some of what comes, and the last: a page that draws every token of a fast model stops answering its reader."""
    text, shown, due = None, None, 0.0
    for text in growing:
        if time.monotonic() >= due:
            shown, due = text, time.monotonic() + _PACE
            yield text
    if text is not None and text != shown:
        yield text


def _explain(error: UsageError) -> dict[str, Any]:
    """A message of the page itself; its title tells it from what the model says."""
    return {"role": "assistant", "content": _sentence(error), "metadata": {"title": NO_ANSWER}}


def _sentence(error: UsageError) -> str:
    return f"{error.cause} {error.remedy}".strip()


def _make_chatbot() -> gr.Chatbot:
    import gradio as gr

    return gr.Chatbot(
        label="Conversation", show_label=False, height="min(60vh, 32rem)", buttons=["copy"], feedback_options=None,
        placeholder="Write a message to begin.", render=False,
    )  # fmt: skip


def _settings() -> list[Any]:
    import gradio as gr

    # Not rendered here: they stand in the conversation's own part of the page.
    return [
        gr.Textbox(
            label="System prompt", info="Instructions that stand before the conversation.", lines=2, value="",
            render=False,
        ),
        gr.Number(
            label="Longest answer", info=f"In tokens, which are words or parts of words: 1 to {MOST_NEW_TOKENS:,}.",
            minimum=1, maximum=MOST_NEW_TOKENS, step=1, precision=0, value=_LENGTH, render=False,
        ),
    ]  # fmt: skip
