"""Answers in whole sentences, the one of a text that is most like the question; and scores of groups of questions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Place = tuple[int, int]
"""Characters from the first to after the last."""
Grouping = tuple[str, str, list[str]]
"""By what rows are grouped, a heading for groups, and the group of each row."""
Likeness = Callable[[Sequence[str], Sequence[str]], np.ndarray]
"""Two lists of n texts -> (n,) how alike they are, side by side."""

# A full stop ends no sentence behind a single letter (an initial, U.S.) or before a small one. Scripts without spaces
# have stops of their own; an empty or a broken line ends one too.
_SENTENCE_END = re.compile(r"""(?:[!?…]+|(?<!\b\w)\.+)["'”’»)\]]*(?=\s+[^\sa-z])|[。！？؟।]+["'”’」』)]*|[\r\n]+""")
_LENGTHS = {"1 to 10": 10, "11 to 25": 25, "26 to 50": 50}
"""Lengths of answers in characters."""
_QUESTION_WORD = re.compile(r"\b(how (?:many|much)|what|which|who|when|where|why|how)(?:m|se)?\b", re.IGNORECASE)


def split_sentences(text: str) -> list[Place]:
    """Where the sentences of a text begin and end, blanks between them left out.

    Example:
        >>> split_sentences("J. Smith came. He left.")
        [(0, 14), (15, 23)]
    """
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    places = []
    for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
        piece = text[start:end]
        if piece.strip():
            first = start + len(piece) - len(piece.lstrip())
            places.append((first, first + len(piece.strip())))
    return places


def find_sentences(
    questions: Sequence[str], texts: Sequence[str], likeness: Likeness | None = None, threshold: float = 0.0
) -> list[tuple[Place, float]]:
    """For each question the sentence of its text that is most like it, and how alike they are.

    Args:
        questions: At least one.
        texts: As many, each with the sentences to choose from.
        likeness: Compares questions with sentences, and of equal ones the first sentence counts; None gives the first.
        threshold: Less like its question no sentence is given; (0, 0) is the place of none.

    Example:
        >>> shared = lambda left, right: np.array([len({*a.split()} & {*b.split()}) for a, b in zip(left, right)])
        >>> find_sentences(["who left"], ["It rained. Ada left early."], shared)
        [((11, 26), 1.0)]
    """
    places = [split_sentences(text) or [(0, 0)] for text in texts]
    asked = [question for question, found in zip(questions, places, strict=True) for _ in found]
    told = [text[start:end] for text, found in zip(texts, places, strict=True) for start, end in found]
    alike = likeness(asked, told) if likeness else np.zeros(len(told))
    parts = np.split(alike, np.cumsum([len(found) for found in places])[:-1])
    best = [(found[int(part.argmax())], float(part.max())) for found, part in zip(places, parts, strict=True)]
    return [(place if like >= threshold else (0, 0), like) for place, like in best]


def choose_threshold(scores: Sequence[float], given: Sequence[float], nothing: Sequence[float]) -> float:
    """The score below which it is best to give no answer.

    Args:
        scores: How sure each answer is, at least 0.
        given: What each is worth.
        nothing: What no answer is worth in its place.

    Example:
        >>> 0 < choose_threshold([0.0, 0.9], given=[0.0, 1.0], nothing=[1.0, 0.0]) <= 0.9
        True
    """
    candidates = [0.0, *np.quantile(scores, np.linspace(0.05, 1, 20)), np.nextafter(max(scores), np.inf)]
    return float(max(candidates, key=lambda least: np.where(np.array(scores) >= least, given, nothing).mean()))


def group_questions(questions: Sequence[str], answers: Sequence[Sequence[str]]) -> list[Grouping]:
    """Groups of questions by whether they have an answer, where some have none; and by their English question word, or,
    where most are in another language, by the length of their answer.

    Args:
        questions: Any texts.
        answers: For each the right answers, of which the first is measured; [] where there is none.

    Example:
        >>> group_questions(["In whose house was it?", "How many came?"], [["hers"], ["two"]])
        [('By question word.', 'Question', ['who', 'how many'])]
    """
    found: list[Grouping] = []
    if not all(answers):
        groups = ["with an answer" if texts else "without an answer" for texts in answers]
        found.append(("By whether there is an answer.", "Questions", groups))
    words = [_question_word(question) for question in questions]
    if words.count("other") <= len(words) / 2:
        return [*found, ("By question word.", "Question", words)]
    lengths = [_length(texts) for texts in answers]
    return [*found, ("By the length of the answer, in characters.", "Answer", lengths)]


def score_groups(grouping: Grouping, scores: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Mean scores of groups of rows as a table `{title, columns, rows}`, large groups first.

    Args:
        grouping: Of n rows.
        scores: Name -> (n,) scores.

    Example:
        >>> score_groups(("By colour.", "Colour", ["red", "red"]), {"F1": np.array([0.5, 1.0])})["rows"]
        [['red', 2, 0.75]]
    """
    title, heading, groups = grouping
    of = np.array(groups)
    rows = [
        [group, count, *(float(score[of == group].mean()) for score in scores.values())]
        for group, count in Counter(groups).most_common()
    ]
    return {"title": title, "columns": [heading, "Rows", *scores], "rows": rows}


def _question_word(question: str) -> str:
    match = _QUESTION_WORD.search(question)
    return match[1].lower() if match else "other"


def _length(texts: Sequence[str]) -> str:
    if not texts:
        return "none"
    return next((name for name, most in _LENGTHS.items() if len(texts[0]) <= most), "51 and more")
