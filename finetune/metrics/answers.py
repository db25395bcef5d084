"""Comparison of answers in words, by the rules of SQuAD 2.0 (Rajpurkar et al. 2018, "Know what you don't know").

Where every question has an answer, these are also the rules of SQuAD 1.1. They differ in answers that normalise to
nothing, such as "The": 2.0, and so this module, drops them from the references and counts nothing against nothing as
right, 1.1 gives such a pair an F1 of 0.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from finetune.errors import DataError

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalize_answer(text: str) -> str:
    """`text` in lower case, without ASCII punctuation and the articles a, an and the, with single spaces.

    Example:
        >>> normalize_answer("The  U.S. Army")
        'us army'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def normalized_pair(prediction: str, references: Sequence[str], row: int) -> tuple[str, list[str]]:
    """A prediction and the references to compare it with, all normalised.

    Args:
        prediction: An answer; "" says that there is none.
        references: The right answers; [] where there is none.
        row: For messages.

    Returns:
        The prediction and at least one reference: "" stands for there being no answer.

    Raises:
        DataError: The prediction is not a text or the references are not a list of texts; names the row.
    """
    if not isinstance(prediction, str):
        raise DataError(f"Row {row}: the predicted answer is {prediction!r}, not a text.", 'Give "" for no answer.')
    if isinstance(references, str) or not all(isinstance(text, str) for text in references):
        cause = f"Row {row}: the right answers are {references!r}, not a list of texts."
        raise DataError(cause, "Give [] where there is no answer.")
    wanted = [text for text in map(normalize_answer, references) if text]
    return normalize_answer(prediction), wanted or [""]
