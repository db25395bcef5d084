"""Words of a text, and what can be told of a tag from a word and its neighbours alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

Place = tuple[int, int]
"""Characters from the first to after the last."""


def split_words(text: str, cuts: Iterable[int] = ()) -> list[Place]:
    """Where the words of a text are: between white space, with punctuation and every Han or Kana character alone.

    Args:
        text: Any text.
        cuts: Characters before which a word ends in any case.

    Returns:
        The words' places; `text[start:end]` is a word.

    Example:
        >>> split_words("Hi, Ada!")
        [(0, 2), (2, 3), (4, 7), (7, 8)]
    """
    places = [place for _, place in _splitter().pre_tokenize_str(text)]
    ends = sorted({0, len(text), *cuts})
    for cut in ends[1:-1]:
        inside = next((i for i, (start, end) in enumerate(places) if start < cut < end), None)
        if inside is not None:
            start, end = places[inside]
            places[inside : inside + 1] = [(start, cut), (cut, end)]
    return places


@cache
def _splitter() -> Any:
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import BertPreTokenizer, Sequence, Split

    # Scripts without spaces: one word for a whole sentence could carry one tag only.
    alone = Split(Regex(r"[\p{Han}\p{Hiragana}\p{Katakana}]"), "isolated")
    return Sequence([BertPreTokenizer(), alone])


def find_words(text: str, words: Sequence[str]) -> list[Place]:
    """The places of words that stand in a text one after the other.

    Raises:
        ValueError: One does not stand there.
    """
    places, cursor = [], 0
    for word in words:
        start = text.index(word, cursor)
        cursor = start + len(word)
        places.append((start, cursor))
    return places


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
