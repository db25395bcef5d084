"""Spans of a text that answer a question: where they stand in it, which tokens hold them, and the best of all spans."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from unicodedata import category

import numpy as np

from finetune.errors import DataError, RecipeError

Place = tuple[int, int]
"""Characters from the first to after the last."""
_CHUNK = 500
"""Pairs that are tokenized at a time; what a tokenizer returns is many times as large as what is kept of it."""


def read_answers(value: Any) -> tuple[list[str], list[int]]:
    """Answers in any of the forms that data sets have, and where each begins, in characters; -1 where that is not said.

    Blank answers are left out, and so are the blanks around the others.

    Args:
        value: SQuAD's form `{"text": […], "answer_start": […]}`, a list of `{"text": …, "answer_start": …}`, a text or
            a list of texts. An empty list says that there is no answer; a blank text alone is a gap.

    Raises:
        ValueError: Another form, or a gap ("missing …", "empty …").

    Example:
        >>> read_answers({"text": [" Oslo"], "answer_start": [2]})
        (['Oslo'], [3])
    """
    if isinstance(value, str) and not value.strip():
        raise ValueError("empty answer")
    texts, starts = _columns(value)
    if len(texts) != len(starts):
        raise ValueError(f"{len(texts)} answers but {len(starts)} places of them (answer_start)")
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise ValueError(f"an answer {str(wrong[0])[:40]!r}, which is no text")
    if wrong := [start for start in starts if isinstance(start, str | bool) or start % 1]:
        raise ValueError(f"an answer_start {str(wrong[0])[:40]!r}, which is no whole number")
    kept = [(text, int(start)) for text, start in zip(texts, starts, strict=True) if text.strip()]
    begins = [start + len(text) - len(text.lstrip()) if start >= 0 else -1 for text, start in kept]
    return [text.strip() for text, _ in kept], begins


def _columns(value: Any) -> tuple[list[Any], list[Any]]:
    """The texts and the places of them, -1 where there is none."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple | np.ndarray):
        parts = [part if isinstance(part, Mapping) else {"text": part} for part in value]
        value = {key: [part.get(key) for part in parts] for key in ("text", "answer_start")}
    texts = value["text"] if isinstance(value, Mapping) and "text" in value else value
    if texts is None or (isinstance(texts, float) and math.isnan(texts)):
        raise ValueError("missing target")
    if texts is value:
        raise ValueError(f"answers {str(value)[:40]!r}, which are neither texts nor {{'text': …, 'answer_start': …}}")
    texts, starts = _listed(texts), value.get("answer_start")
    return texts, [-1] * len(texts) if starts is None else [-1 if s is None else s for s in _listed(starts)]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | np.ndarray) else [value]


def locate_answers(texts: Sequence[str], stated: Sequence[int], context: str) -> tuple[list[int], str]:
    """Where answers stand in a context, and how the place of the first that has one is known.

    An answer that does not stand where the data says (`stated`), but at one other place, is moved there. One without a
    place (-1) is looked for; the first place counts. One whose place is wrong and which stands at several others could
    be any of them: it has no place, nor has one that does not stand in the context at all.

    Returns:
        Where each begins, -1 where it has no place; and `stated`, `moved`, `found` (the data names no place) or `first`
        (likewise, the first of several places).

    Raises:
        ValueError: There are answers, and none has a place ("missing answer: …").

    Example:
        >>> locate_answers(["Rome", "Oslo"], [9, -1], "In Oslo Rome or Oslo.")
        ([8, 3], 'moved')
    """
    found = [_locate(text, start, context) for text, start in zip(texts, stated, strict=True)]
    ways = [how for start, how in found if start >= 0]
    if ways or not found:
        return [start for start, _ in found], ways[0] if ways else "stated"
    if any(how == "several" for _, how in found):
        raise ValueError("missing answer: it does not stand at its answer_start, and stands at several other places")
    raise ValueError("missing answer: it does not stand in the context")


def _locate(text: str, stated: int, context: str) -> tuple[int, str]:
    if stated >= 0 and context.startswith(text, stated):
        return stated, "stated"
    first = context.find(text)
    several = first >= 0 and context.find(text, first + 1) >= 0
    if stated < 0:
        return first, "first" if several else "found"
    return (-1, "several") if several else (first, "moved")


@dataclass(frozen=True)
class Window:
    """The tokens (T) of a question and its context, or of a part of the context.

    Attributes:
        name: The row's, for messages.
        context: The whole of it.
        inputs: What the model takes: name -> one value per token.
        inside: (T,) whether a token is of the context.
        offsets: (T, 2) where in the context it stands, in characters, the end exclusive; both 0 for other tokens.
        null: Index of the token that stands for there being no answer: [CLS], or the first where there is none.
    """

    name: Any
    context: str
    inputs: dict[str, list[int]]
    inside: np.ndarray
    offsets: np.ndarray
    null: int

    def __len__(self) -> int:
        return len(self.inside)

    def cut(self, max_length: int | None, stride: int) -> list[Self]:
        """Windows of up to `max_length` tokens, each with the whole question, that overlap by `stride` tokens of the
        context; only this one where it is not longer.

        Raises:
            DataError: The question leaves no room for its context.
            RecipeError: `stride` leaves windows no room to advance.
        """
        if max_length is None or len(self) <= max_length:
            return [self]
        context, outside = np.flatnonzero(self.inside), np.flatnonzero(~self.inside)
        room = max_length - len(outside)
        if room < 1:
            raise DataError(
                f"The question of row {self.name} takes {len(outside)} of {max_length} tokens, those at its ends "
                "included: no room is left for its context, and a question is never cut.",
                "Shorten the question, or raise model.max_length.",
            )
        if stride >= room:
            raise RecipeError(
                f"options.stride is {stride} tokens, and a window has no more than {room} beside the question of row "
                f"{self.name}: it would never come to the end of the context.",
                f"Set options.stride to at most {room // 2}, or raise model.max_length.",
            )
        starts = range(0, len(context) - stride, room - stride)
        return [self._take(np.sort([*outside, *context[start : start + room]])) for start in starts]

    def _take(self, kept: np.ndarray) -> Self:
        inputs = {key: [values[i] for i in kept] for key, values in self.inputs.items()}
        null = int(np.searchsorted(kept, self.null))
        return replace(self, inputs=inputs, inside=self.inside[kept], offsets=self.offsets[kept], null=null)

    def tokens_of(self, span: Place) -> np.ndarray:
        """Indices of the tokens that hold some of a span of the context."""
        starts, ends = self.offsets.T
        return np.flatnonzero((starts < span[1]) & (ends > span[0]) & (ends > starts))

    def best_answer(self, starts: np.ndarray, ends: np.ndarray, longest: int) -> tuple[Place | None, float, float]:
        """Where in the context the best answer stands; the logarithms of its probability and of that of the null token.

        Args:
            starts: (at least T,) logits of each token as an answer's first; what is behind the T tokens is padding.
            ends: Likewise as its last.
            longest: The most tokens of an answer, at least 1. Tokens of blanks alone begin and end none; the place is
                None where there are no others.
        """
        from scipy.special import log_softmax

        starts, ends = (log_softmax(logits[: len(self)].astype(np.float64)) for logits in (starts, ends))
        usable = np.array([bool(self.context[start:end].strip()) for start, end in self.offsets.tolist()])
        first, last, score = _best_span(starts, ends, usable, longest)
        tokens = self.offsets[first : last + 1]
        place = _trim(self.context, int(tokens[:, 0].min()), int(tokens[:, 1].max())) if usable.any() else None
        return place, score, float(starts[self.null] + ends[self.null])


def read_windows(
    questions: Sequence[str], contexts: Sequence[str], names: Sequence[Any], tokenizer: Any
) -> Iterator[Window]:
    """Questions and their contexts as tokens, whole: one window for each pair. `names` are those of the rows; the
    tokenizer is a fast one, which knows where its tokens stand."""
    for begin in range(0, len(contexts), _CHUNK):
        some = slice(begin, begin + _CHUNK)
        encoded = tokenizer(questions[some], contexts[some], truncation=False, verbose=False)
        for index, encoding in enumerate(encoded.encodings):
            sides = encoding.sequence_ids
            inside = np.array([side == 1 for side in sides])
            offsets = np.where(inside[:, None], np.array(encoding.offsets, dtype=np.int32), 0)
            nulls = (i for i, side in enumerate(sides) if side is None and encoding.ids[i] == tokenizer.cls_token_id)
            inputs = {key: encoded[key][index] for key in encoded}
            yield Window(names[begin + index], contexts[begin + index], inputs, inside, offsets, next(nulls, 0))


def label_windows(whole: Window, windows: Sequence[Window], span: Place | None) -> list[list[int]]:
    """First and last token of the answer at `span` in each window, and the window's number of tokens; the null token
    twice where there is no answer, or not the whole of it in the window: half of one would teach a wrong one.

    Raises:
        DataError: The tokenizer leaves nothing of the answer.
        RecipeError: No window holds it whole.
    """
    if span is None:
        return [[window.null, window.null, len(window)] for window in windows]
    size, found = len(whole.tokens_of(span)), [window.tokens_of(span) for window in windows]
    answer = f"{whole.context[slice(*span)][:40]!r} of row {whole.name}"
    if not size:
        raise DataError(f"The tokenizer leaves nothing of the answer {answer}.", "Leave the row out.")
    if size not in map(len, found):
        raise RecipeError(
            f"The answer {answer} has {size} tokens, and no window holds it whole.",
            f"Set options.stride to at least {size}, raise model.max_length, or leave the row out.",
        )
    return [
        [*(tokens[[0, -1]].tolist() if len(tokens) == size else [window.null] * 2), len(window)]
        for window, tokens in zip(windows, found, strict=True)
    ]


def _best_span(starts: np.ndarray, ends: np.ndarray, usable: np.ndarray, longest: int) -> tuple[int, int, float]:
    """First and last token of the span of at most `longest` with the largest sum of scores, among those that begin and
    end at usable tokens, and that sum; exact, not of the n best starts and ends. All arrays are (T,)."""
    width = min(longest, len(starts))
    behind = np.concatenate([np.where(usable, ends, -np.inf), np.full(width - 1, -np.inf)])
    reach = np.lib.stride_tricks.sliding_window_view(behind, width)  # (T, width): the ends that each start can have
    totals = np.where(usable, starts, -np.inf) + reach.max(axis=1)
    first = int(totals.argmax())
    return first, first + int(reach[first].argmax()), float(totals[first])


def _trim(text: str, start: int, end: int) -> Place:
    """A span without blanks at its ends, and with the accents that belong to its first and last character: tokenizers
    that drop accents count them to no token."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end = start + len(piece.strip())
    while end < len(text) and category(text[end]).startswith("M"):
        end += 1
    while start > 0 and category(text[start]).startswith("M") and not text[start - 1].isspace():
        start -= 1
    return start, end
