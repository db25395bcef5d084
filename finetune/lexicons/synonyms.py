"""Synonyms of English words: from WordNet where its files are, else from a small list of our own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import yaml

from finetune.lexicons.wordnet import WordNet, find_wordnet

_DOUBLES = re.compile(r"[^aeiou][aeiou][^aeiouwxy]$")
"""Verbs that may double their last letter before an ending (stop, stopped; but visit, visited)."""
_UNSTRESSED = re.compile(r"[aeiou].*[^aeiouf](er|en|on|or)$")
"""Of these, those that do not (whisper, happen; but refer, and the four below)."""
_STRESSED = frozenset({"abhor", "aver", "deter", "inter"})


class Groups(Protocol):
    """Where groups of synonyms come from."""

    def synonyms(self, lemma: str) -> tuple[str, tuple[str, ...]] | None:
        """Part of speech (`noun`, `verb`, `adj`, `adv`) and the other words of the lemma's group; None without any."""


class Synonyms:
    """Synonyms in the form that a text needs.

    Lemmas are looked up as they are; plurals and third persons in -s, and verbs in -ed and -ing, by their lemma, and
    what is found gets the same ending. Words with irregular forms are left out on both sides: few synonyms, right ones.

    Args:
        groups: Where they come from.
        note: The same in words, for the record: other lists make other texts.
    """

    def __init__(self, groups: Groups, note: str) -> None:
        self._groups = groups
        self.note = note

    def of(self, word: str) -> tuple[str, ...]:
        """Synonyms of a word in lower case, with its ending; none for words of grammar and unknown ones.

        Example:
            >>> load_builtin().of("movies")
            ('films',)
        """
        if len(word) < 3 or word in _words("function_words") or word in _words("irregular_forms"):
            return ()
        found = self._groups.synonyms(word)
        others = found[1] if found else self._inflected(word)
        return tuple(other for other in others if other not in _words("function_words"))

    def _inflected(self, word: str) -> tuple[str, ...]:
        for ending, (kinds, inflect, stems) in _ENDINGS.items():
            if not word.endswith(ending):
                continue
            for stem in (stem for stem in stems(word) if inflect(stem) == word):
                found = self._groups.synonyms(stem)
                if found and found[0] in kinds:
                    return tuple(form for form in map(inflect, found[1]) if form)
        return ()


class _Builtin:
    """The groups of `synonyms.yaml`."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, tuple[str, ...]]] = {}
        for kind in ("noun", "verb", "adj", "adv"):
            for group in _file()[kind]:
                self._of |= {word: (kind, tuple(other for other in group if other != word)) for word in group}

    def __len__(self) -> int:
        return len(self._of)

    def synonyms(self, lemma: str) -> tuple[str, tuple[str, ...]] | None:
        return self._of.get(lemma)


def load_synonyms(lexicon: str | None = None) -> Synonyms:
    """The best synonyms that this machine has.

    Args:
        lexicon: Folder of WordNet's database files. Default: where systems keep them, else the small own list.

    Raises:
        NotFoundError: The folder is not a WordNet.
    """
    folder = Path(lexicon) if lexicon is not None else find_wordnet()
    if folder is None:
        return load_builtin()
    wordnet = WordNet(folder)
    return Synonyms(wordnet, f"Synonyms come from the WordNet in {wordnet.folder}.")


def load_builtin() -> Synonyms:
    """The small list alone, on any machine the same."""
    groups = _Builtin()
    note = f"Synonyms come from the built-in list of {len(groups)} English words: no WordNet was found."
    return Synonyms(groups, note)


def is_function_word(word: str) -> bool:
    """Whether a word in lower case says how others go together, or means little by itself."""
    return word in _words("function_words")


def with_s(lemma: str) -> str | None:
    """Plural of a noun, third person of a verb; None where it is not regular, or cannot be told."""
    if lemma in _words("irregular_nouns") or re.search(r"(f|fe|o|is|us|um|man)$", lemma) or lemma in ("be", "have"):
        return None
    if re.search(r"(s|x|z|ch|sh)$", lemma):
        return f"{lemma}es"
    return f"{lemma[:-1]}ies" if re.search(r"[^aeiou]y$", lemma) else f"{lemma}s"


def with_ed(lemma: str) -> str | None:
    """Past of a verb; None where it is not regular, or cannot be told."""
    if lemma in _words("irregular_verbs") or _may_double(lemma):
        return None
    if lemma.endswith("e"):
        return f"{lemma}d"
    return f"{lemma[:-1]}ied" if re.search(r"[^aeiou]y$", lemma) else f"{lemma}ed"


def with_ing(lemma: str) -> str | None:
    """Present participle of a verb; None where it cannot be told."""
    if _may_double(lemma) or lemma.endswith(("ie", "ee", "oe", "ye", "c")):
        return None
    return f"{lemma[:-1]}ing" if lemma.endswith("e") else f"{lemma}ing"


def _may_double(lemma: str) -> bool:
    return bool(_DOUBLES.search(lemma)) and (lemma in _STRESSED or not _UNSTRESSED.search(lemma))


_Ending = tuple[tuple[str, ...], Callable[[str], str | None], Callable[[str], tuple[str, ...]]]
_ENDINGS: dict[str, _Ending] = {
    "s": (("noun", "verb"), with_s, lambda word: (word[:-1], word[:-2], f"{word[:-3]}y")),
    "ed": (("verb",), with_ed, lambda word: (word[:-2], word[:-1], f"{word[:-3]}y")),
    "ing": (("verb",), with_ing, lambda word: (word[:-3], f"{word[:-3]}e")),
}
"""Ending -> parts of speech that take it, the rule, and what a word with it may come from (the rule confirms it)."""


@cache
def _file() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("synonyms.yaml").read_text(encoding="utf-8"))
    return values


@cache
def _words(section: str) -> frozenset[str]:
    return frozenset(_file()[section].split())
