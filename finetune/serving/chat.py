"""A conversation with a model that answers messages, shown as it writes."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from finetune.errors import FinetuneError, UsageError
from finetune.task import Row

if TYPE_CHECKING:
    import gradio as gr

    from finetune.serving.answering import Answerer

log = logging.getLogger(__name__)
MOST_NEW_TOKENS = 2_048
_ABOUT = (
    "Continue a conversation with the model. Returns the model's next message as text; the history of a session is "
    "remembered between calls."
)


@runtime_checkable
class StreamingTask(Protocol):
    """A task whose model writes its answer piece by piece."""

    def stream(
        self, row: Row, model: Any, processor: Any, *, max_new_tokens: int, max_length: int | None
    ) -> Iterator[str]:
        """The answer to a row, in pieces that make it when joined.

        Args:
            row: A canonical row; its `messages` are `{role, content}`, the last one the user's.
            model: As `Task.predict` takes it.
            processor: Likewise.
            max_new_tokens: The most tokens that are written.
            max_length: Tokens of the conversation that the model reads; None for as many as it can.

        Closing the iterator ends the generation: whoever waits for the next answer must not wait for one that nobody
        reads.
        """
        ...


def stream_reply(
    answerer: Answerer, messages: Sequence[Mapping[str, str]], max_new_tokens: int
) -> Generator[str, None, None]:
    """The model's next message, again and again as it grows; whole at once where the task cannot stream.

    Args:
        answerer: Of a task with a field of kind `messages`.
        messages: `{role, content}`, the last one the user's.
        max_new_tokens: The most tokens that are written, 1 to 2,048.

    Raises:
        UsageError: The message is empty or too long, or the model cannot answer it.
    """
    check_messages(messages, max_new_tokens, answerer.max_characters)
    name = next(field.name for field in answerer.fields if field.kind == "messages")
    model = answerer.model
    if not isinstance(model.task, StreamingTask):
        yield str(answerer.answer({name: list(messages)}).prediction["prediction"])
        return
    row = model.task.rows_from([{name: list(messages)}])[0]
    with answerer.lock:
        yield from _joined(
            model.task.stream(
                row, model.model, model.processor, max_new_tokens=max_new_tokens, max_length=model.max_length
            )
        )


def _joined(pieces: Iterator[str]) -> Iterator[str]:
    """What is written so far, after each piece; ends the pieces when it is closed."""
    written = ""
    try:
        for piece in pieces:
            written += piece
            yield written
    finally:
        if isinstance(pieces, Generator):
            pieces.close()


def check_messages(messages: Sequence[Mapping[str, str]], max_new_tokens: int, most: int) -> None:
    """Refuse what cannot be answered.

    Raises:
        UsageError: The last message is empty, the conversation is too long, or the number is out of range.
    """
    if not messages or not messages[-1]["content"].strip():
        raise UsageError("The message is empty.", "Write something first.")
    length = sum(len(message["content"]) for message in messages)
    if length > most:
        raise UsageError(
            f"The conversation has {length:,} characters; at most {most:,} are read.", "Start a new one, or write less."
        )
    if not 1 <= max_new_tokens <= MOST_NEW_TOKENS:
        raise UsageError(
            f"The longest answer is {max_new_tokens} tokens; accepted are 1 to {MOST_NEW_TOKENS:,}.", "Change it."
        )


def read_messages(history: Sequence[Mapping[str, Any]], message: Any, system: str = "") -> list[dict[str, str]]:
    """A conversation as plain messages: the page sends contents as lists of blocks, programs send plain texts.

    Args:
        history: Earlier messages, `{role, content}` and whatever else.
        message: The new one of the user.
        system: Instructions that come first; blank for none.

    Raises:
        UsageError: There is a file in it, which the model cannot read.

    Example:
        >>> read_messages([{"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}], "Hello")
        [{'role': 'assistant', 'content': 'Hi'}, {'role': 'user', 'content': 'Hello'}]
    """
    told = [{"role": str(turn["role"]), "content": _text_of(turn["content"])} for turn in history]
    first = [{"role": "system", "content": system.strip()}] if system and system.strip() else []
    return [*first, *told, {"role": "user", "content": _text_of(message)}]


def _text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping) and isinstance(content.get("text"), str):
        if content.get("files"):
            raise _file_refused()
        return str(content["text"])
    if isinstance(content, list | tuple):
        return "\n".join(_text_of(part) for part in content)
    raise _file_refused()


def _file_refused() -> UsageError:
    return UsageError("This conversation holds a file.", "Write in words; the model reads nothing else.")


def add_chat(answerer: Answerer) -> gr.ChatInterface:
    """Put a conversation into the part of the page that is open; programs call it as `/chat`."""
    import gradio as gr

    def talk(message: Any, history: list[dict[str, Any]], system: str, max_new_tokens: float) -> Iterator[str]:
        try:
            messages = read_messages(history, message, system)
            with closing(stream_reply(answerer, messages, int(max_new_tokens))) as growing:
                yield from growing
        except FinetuneError as error:
            raise gr.Error(f"{error.cause} {error.remedy}".strip(), title="No answer") from None
        except Exception:
            log.exception("The model could not answer.")
            raise gr.Error("The model could not answer this. Please try another message.", title="No answer") from None

    field = next(field for field in answerer.fields if field.kind == "messages")
    return gr.ChatInterface(
        talk,
        chatbot=gr.Chatbot(
            label="Conversation", height="min(60vh, 32rem)", buttons=["copy"], feedback_options=None,
            placeholder=f"Write a message to {answerer.title}.",
        ),
        textbox=gr.Textbox(
            label="Message", placeholder=field.hint or "Write a message, then press Enter", lines=1, max_lines=8,
            submit_btn=True, stop_btn=True, max_length=answerer.max_characters,
        ),
        additional_inputs=_settings(),
        additional_inputs_accordion="Settings",
        flagging_mode="never",
        concurrency_limit=1,
        api_name="chat",
        api_description=_ABOUT,
    )  # fmt: skip


def _settings() -> list[Any]:
    import gradio as gr

    return [
        gr.Textbox(label="System prompt", info="Instructions that stand before the conversation.", lines=2, value=""),
        gr.Slider(
            label="Longest answer", info="In tokens, about three quarters of a word each.", minimum=1,
            maximum=MOST_NEW_TOKENS, step=1, value=256,
        ),
    ]  # fmt: skip
