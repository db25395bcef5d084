"""A conversation with a model that answers messages: what is said, and the answer as it is written."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from finetune.errors import UsageError
from finetune.task import Row

if TYPE_CHECKING:
    from finetune.serving.answering import Answerer

MOST_NEW_TOKENS = 2_048
"""Tokens of the longest answer that may be asked for."""
NO_ANSWER = "No answer"
"""Title of a message of the page, not of the model, that says why there is no answer."""


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
        history: Earlier messages, `{role, content}` and whatever else. Those of the page itself (`NO_ANSWER`) are left
            out, and so is what they answered.
        message: The new one of the user.
        system: Instructions that come first; blank for none.

    Raises:
        UsageError: There is a file in it, which the model cannot read.

    Example:
        >>> read_messages([{"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}], "Hello")
        [{'role': 'assistant', 'content': 'Hi'}, {'role': 'user', 'content': 'Hello'}]
    """
    told: list[dict[str, str]] = []
    for turn in history:
        if (turn.get("metadata") or {}).get("title") == NO_ANSWER:
            _forget_unanswered(told)
        else:
            told.append({"role": str(turn["role"]), "content": _text_of(turn["content"])})
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


def _forget_unanswered(told: list[dict[str, str]]) -> None:
    """Take away the last question, with what the model had written before it failed."""
    while told and told[-1]["role"] == "assistant" and len(told) > 1 and told[-2]["role"] == "user":
        told.pop()
    if told and told[-1]["role"] == "user":
        told.pop()
