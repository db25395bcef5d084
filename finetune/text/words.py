"""Words of a text: where they stand, and what can be told of their tags from them and their neighbours alone."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

Place = tuple[int, int]
"""Characters from the first to after the last."""


def split_words(text: str, cuts: Iterable[int] = ()) -> list[Place]:
    """Where the words of a text are: between white space, with punctuation and every character of a script without
    spaces alone.

    Args:
        text: Any text.
        cuts: Characters before which a word ends in any case.

    Returns:
        The words' places; `text[start:end]` is a word.

    Example:
        >>> split_words("Hi, Ada!")
        [(0, 2), (2, 3), (4, 7), (7, 8)]
    """
    ends = sorted(set(cuts))
    places: list[Place] = []
    at = 0
    for _, (start, end) in _splitter().pre_tokenize_str(encodable(text)):
        while at < len(ends) and ends[at] <= start:
            at += 1
        while at < len(ends) and ends[at] < end:
            places.append((start, ends[at]))
            start, at = ends[at], at + 1  # noqa: PLW2901 - the rest of the word
        places.append((start, end))
    return places


@cache
def _splitter() -> Any:
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import BertPreTokenizer, Sequence, Split

    # One word for a whole sentence could carry one tag only. Marks stay with the character that they belong to.
    scripts = "".join(f"\\p{{{name}}}" for name in ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"))
    return Sequence([BertPreTokenizer(), Split(Regex(f"[{scripts}]\\p{{M}}*"), "isolated")])


def encodable(text: str) -> str:
    """The text, equally long, with a question mark for every half of a surrogate pair: no tokenizer takes one."""
    return text.encode("utf-8", "replace").decode("utf-8")


def find_words(text: str, words: Iterable[str]) -> list[Place]:
    """The places of words that stand in a text one after the other, with white space only between them.

    Raises:
        ValueError: One does not stand there.

    Example:
        >>> find_words("Hi, Ada", ["Hi", ",", "Ada"])
        [(0, 2), (2, 3), (4, 7)]
    """
    places, end = [], 0
    for number, word in enumerate(words, start=1):
        start = end
        while not text.startswith(word, start):
            if not text[start : start + 1].isspace():
                raise ValueError(f"word {number} does not stand in the text behind the one before it")
            start += 1
        end = start + len(word)
        places.append((start, end))
    return places


def text_of_words(words: Sequence[str], text: Any = None) -> str:
    """The text in which words stand; their own, joined, where there is no other.

    Raises:
        ValueError: They do not stand in it.

    Example:
        >>> text_of_words(["do", "n't"]), text_of_words(["do", "n't"], "don't")
        ("do n't", "don't")
    """
    whole = " ".join(words) if text is None else str(text)
    find_words(whole, words)
    return whole


def read_words(value: Any) -> str | list[str]:
    """Words, or a text that is not split into words yet.

    Args:
        value: A list of words, the same as one text (as JSON or Python write it), or any other text.

    Raises:
        ValueError: Neither of both, or a gap in the list ("missing …").

    Example:
        >>> read_words('["Hi", "Ada"]'), read_words("Hi Ada")
        (['Hi', 'Ada'], 'Hi Ada')
    """
    if isinstance(value, str):
        listed = read_list(value) if value.lstrip().startswith("[") else None
        return listed if isinstance(listed, list) and all(isinstance(word, str) for word in listed) else value
    if not isinstance(value, list | tuple | np.ndarray):
        raise ValueError(f"words as {type(value).__name__}; known: a list of words, or a text")
    if any(word is None for word in value):
        raise ValueError("missing word in a list of words")
    return [str(word) for word in value]


def read_list(text: str) -> Any:
    """What a cell of a text file holds: a list, or any other value, as JSON or Python write it; else the text."""
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return read(text)
    return text


class MostFrequentTag:
    """The tag that a word had most often in training.

    Words that training does not have get `unknown`: at first the most frequent tag of all words; `rare` is that of
    words seen once, which may be nearer to what unknown words are.

    Args:
        rows: Words of each training row.
        tags: Their tag ids.
        size: Number of tags.
    """

    def __init__(self, rows: Sequence[Sequence[str]], tags: Sequence[Sequence[int]], size: int) -> None:
        counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(size))
        for words, ids in zip(rows, tags, strict=True):
            for word, tag in zip(words, ids, strict=True):
                counts[word][tag] += 1
        once = sum((c for c in counts.values() if c.sum() == 1), np.zeros(size))
        self.unknown = int(sum(counts.values(), np.zeros(size)).argmax())
        self.rare = int(once.argmax()) if once.any() else self.unknown
        self.known = {word: int(c.argmax()) for word, c in counts.items()}

    def __call__(self, words: Sequence[str]) -> list[int]:
        """Tag ids of a row's words."""
        return [self.known.get(word, self.unknown) for word in words]


class WordFeatures:
    """Logistic regression on the word, its shape, its first and last characters, and the two words on either side.

    Args:
        rows: Words of each training row.
        tags: Their tag ids.
        seed: Of the order in which it learns.
    """

    def __init__(self, rows: Sequence[Sequence[str]], tags: Sequence[Sequence[int]], seed: int = 0) -> None:
        from sklearn.feature_extraction import FeatureHasher
        from sklearn.linear_model import SGDClassifier

        self.hasher = FeatureHasher(2**18, input_type="string")
        features = self.hasher.transform(f for words in rows for f in word_features(words))
        self.model = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=200, tol=1e-3, random_state=seed)
        self.model.fit(features, [tag for ids in tags for tag in ids])

    def __call__(self, words: Sequence[str]) -> list[int]:
        """Tag ids of a row's words."""
        return self.model.predict(self.hasher.transform(word_features(words))).tolist()  # type: ignore[no-any-return]


def word_features(words: Sequence[str]) -> list[list[str]]:
    """Features of each word of a row, as texts."""
    padded = ["<<", "<", *words, ">", ">>"]
    return [
        [f"w={word}", f"l={word.lower()}", f"s={_shape(word)}", *(f"p{n}={word[:n]}" for n in (1, 2, 3)),
         *(f"e{n}={word[-n:]}" for n in (1, 2, 3)), f"-1={padded[i + 1].lower()}", f"-2={padded[i].lower()}",
         f"+1={padded[i + 3].lower()}", f"+2={padded[i + 4].lower()}", f"-1s={_shape(padded[i + 1])}",
         f"+1s={_shape(padded[i + 3])}", f"first={i == 0}"]
        for i, word in enumerate(words)
    ]  # fmt: skip


def _shape(word: str) -> str:
    """Upper and lower case, digits and the rest, runs shortened: "McKay7" is "XxXxd"."""
    kinds = ["X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word[:20]]
    return "".join(kind for i, kind in enumerate(kinds) if i == 0 or kind != kinds[i - 1])
