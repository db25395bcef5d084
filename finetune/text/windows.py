"""Windows of words: the tokens of a row, or of overlapping parts of a long one, and which one answers for a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from finetune.errors import UsageError

_CHUNK = 500
"""Rows that are tokenized at a time; what a tokenizer returns is many times as large as what is kept of it."""


@dataclass(frozen=True)
class Window:
    """The tokens (T) of a row's words, or of a part of them.

    Attributes:
        row: Index of the row.
        length: Tokens of the whole row, special ones among them.
        inputs: What the model takes: name -> one value per token.
        words: (T,) the word that each token belongs to; None for special tokens.
        begun: Word -> the place of its first token, for the words that begin here.
        answered: Those of `begun` that are further from an end here than in other windows. Each word of a row is in
            that of one window, unless the tokenizer leaves nothing of it.
    """

    row: int
    length: int
    inputs: dict[str, list[int]]
    words: list[int | None]
    begun: dict[int, int]
    answered: dict[int, int]

    def labels(self, tags: Sequence[int], pieces: Literal["first", "all"]) -> list[int]:
        """(T,) the tag of each token's word, on its first token or on all; -100 elsewhere, which a loss leaves out.

        Args:
            tags: Ids of the tags of the row's words.
            pieces: Which tokens of a word have its tag.
        """
        if pieces == "all":
            return [-100 if word is None else tags[word] for word in self.words]
        labels = [-100] * len(self.words)
        for word, token in self.begun.items():
            labels[token] = tags[word]
        return labels


def read_windows(
    rows: Sequence[Sequence[str]], tokenizer: Any, max_length: int | None, stride: int
) -> Iterator[Window]:
    """The windows of rows, those of a row together; none of a row without words.

    Args:
        rows: Words.
        tokenizer: A fast one, which knows to which word a token belongs.
        max_length: The most tokens of a window; None: no row is cut.
        stride: Tokens that two windows of a row share (at most half of what one holds).

    Raises:
        UsageError: `max_length` leaves no token for words.
    """
    filled = [index for index, words in enumerate(rows) if words]
    for begin in range(0, len(filled), _CHUNK):
        some = filled[begin : begin + _CHUNK]
        encoded = tokenizer([list(rows[i]) for i in some], is_split_into_words=True, truncation=False, verbose=False)
        for place, index in enumerate(some):
            inputs = {key: encoded[key][place] for key in encoded}
            yield from _cut(index, inputs, encoded.encodings[place].word_ids, max_length, stride)


def _cut(
    row: int, inputs: dict[str, list[int]], words: Sequence[int | None], max_length: int | None, stride: int
) -> Iterator[Window]:
    inside = np.array([word is not None for word in words], dtype=bool)
    room = len(words) + 1 if max_length is None else max_length - int((~inside).sum())
    if room < 1:
        raise UsageError(f"max_length {max_length} leaves no token for the text.", "Raise model.max_length.")
    windows, nearest = cut_tokens(inside, room, min(stride, room // 2))
    first = {word: token for token, word in reversed(list(enumerate(words))) if word is not None}
    begins = {token: word for word, token in first.items()}
    for number, kept in enumerate(window.tolist() for window in windows):
        begun = {begins[token]: place for place, token in enumerate(kept) if token in begins}
        answered = {word: place for word, place in begun.items() if nearest[kept[place]] == number}
        taken = {key: [values[token] for token in kept] for key, values in inputs.items()}
        yield Window(row, len(words), taken, [words[token] for token in kept], begun, answered)


def cut_tokens(inside: np.ndarray, room: int, stride: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Windows that overlap, of the tokens (T) of a text and of others, such as [CLS], that every window has.

    Args:
        inside: (T,) whether a token is of the text.
        room: The most tokens of the text in a window, at least 1.
        stride: Tokens of the text that two windows share, at most half of `room`.

    Returns:
        The tokens of each window, as ascending indices; and (T,) the window in which a token of the text stands
        furthest from an end (behind which more of the text is hidden), -1 for the others.

    Example:
        >>> windows, nearest = cut_tokens(np.array([False, True, True, True, True, True, False]), room=3, stride=1)
        >>> [kept.tolist() for kept in windows], nearest.tolist()
        ([[0, 1, 2, 3, 6], [0, 3, 4, 5, 6]], [-1, 0, 0, 0, 1, 1, -1])
    """
    own, others = np.flatnonzero(inside), np.flatnonzero(~inside)
    step = room - stride
    starts = range(0, max(1, len(own) - stride), step)
    windows = [np.sort(np.concatenate([others, own[start : start + room]])) for start in starts]
    nearest = np.full(len(inside), -1)  # of what two windows share, each is better for the half on its own side
    nearest[own] = ((np.arange(len(own)) - (stride + 1) // 2) // step).clip(0, len(starts) - 1)
    return windows, nearest
