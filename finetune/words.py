"""Words of a text, and what can be told of a tag from a word and its neighbours alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

OUTSIDE = "O"
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


def tag_words(text: str, spans: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """The words of a text and, for each, what the spans make of it: `B-` and their label, `I-` and it, or `O`.

    Words end where spans do, so that each span is some words, whole.

    Args:
        text: Any text.
        spans: `start` and `end` in characters, and `label`; `text`, where it is given, is what has to stand there.

    Raises:
        ValueError: A span is not inside the text, says another text, holds no word, or overlaps with another.

    Example:
        >>> tag_words("Ada met Alan", [{"start": 0, "end": 3, "label": "PER"}])
        (['Ada', 'met', 'Alan'], ['B-PER', 'O', 'O'])
    """
    ordered = sorted(spans, key=lambda span: (span["start"], span["end"]))
    for span in ordered:
        _check_span(text, span)
    if any(left["end"] > right["start"] for left, right in pairwise(ordered)):
        raise ValueError("overlapping spans, which one tag per word cannot hold")
    places = split_words(text, [place for span in ordered for place in (span["start"], span["end"])])
    tags, at = [OUTSIDE] * len(places), 0
    for span in ordered:
        while at < len(places) and places[at][0] < span["start"]:
            at += 1
        first = at
        while at < len(places) and places[at][1] <= span["end"]:
            tags[at] = f"{'B' if at == first else 'I'}-{span['label']}"
            at += 1
        if at == first:
            raise ValueError(f"a span from {span['start']} to {span['end']} that holds no word")
    return [text[start:end] for start, end in places], tags


def _check_span(text: str, span: Mapping[str, Any]) -> None:
    start, end = span["start"], span["end"]
    if not 0 <= start < end <= len(text):
        raise ValueError(f"a span from {start} to {end} in a text of {len(text)} characters")
    if span.get("text") not in (None, text[start:end]):
        raise ValueError(f"a span from {start} to {end} whose text is another; places count characters, not bytes")


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
