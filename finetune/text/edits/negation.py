"""Negations and what they negate: words that no edit may drop, move or replace, since the label hangs on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from finetune.text.edits.words import Word, find_words

_ENGLISH = """
    not no never none nobody nothing neither nor nowhere without hardly scarcely barely rarely seldom cannot n't
    lack lacks lacked lacking fail fails failed failing aint arent cant couldnt didnt doesnt dont hadnt hasnt havent
    isnt mustnt neednt shouldnt wasnt werent wont wouldnt
"""
_OTHERS = """
    nicht kein keine keinen keinem keiner keines nie niemals niemand nichts ohne weder
    ne pas jamais sans aucun aucune rien personne
    nunca jamás sin ni nada nadie tampoco ningún ninguna ninguno
    non né mai senza nessuno nessuna niente nulla
    não nem sem nenhum nenhuma ninguém
    niet geen nooit niemand niets zonder
"""
"""German, French, Spanish, Italian, Portuguese, Dutch. Where they are words of another language, too much is kept."""
NEGATIONS = frozenset(_ENGLISH.split()) | frozenset(_OTHERS.split())
_REACH = 3
"""Words behind a negation that it may negate: *not a very good* film."""
_CLAUSE = re.compile(r"[.,;:!?\n]")


@lru_cache(2**15)
def is_negation(word: str) -> bool:
    """Whether a word negates, in one of seven languages; of a compound, any part (`not-so-good`, `n'est`)."""
    plain = word.casefold().replace("’", "'")
    parts = plain.split("-")
    return any(part in NEGATIONS or part.endswith("n't") or part.startswith("n'") for part in parts)


def guarded(text: str, words: Sequence[Word]) -> frozenset[int]:
    """Places, among a text's words, of negations and of the up to three words behind each in the same clause."""
    found: set[int] = set()
    for index in (i for i, word in enumerate(words) if is_negation(word.text)):
        found.add(index)
        for place in range(index + 1, min(index + 1 + _REACH, len(words))):
            if _CLAUSE.search(text, words[place - 1].end, words[place].start):
                break
            found.add(place)
    return frozenset(found)


def count_negations(words: Sequence[Word]) -> int:
    """How many of the words negate."""
    return sum(is_negation(word.text) for word in words)


def unless_negated(text: str, edited: str) -> str:
    """The edited text; the old one where a negation came or went, as one letter does to "hot"."""
    return edited if count_negations(find_words(edited)) == count_negations(find_words(text)) else text
