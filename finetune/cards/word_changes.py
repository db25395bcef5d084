"""Two versions of a text, word by word: what is gone and what is new."""

from __future__ import annotations

import difflib
import re

Pieces = tuple[tuple[str, str], ...]
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
LONGEST = 2000
"""Characters of a text that are compared: the time grows with the square of its words."""


def word_changes(before: str, after: str) -> tuple[Pieces, Pieces]:
    """Both texts in parts, each `same`, or `gone` from the first, or `new` in the second.

    Args:
        before: A text; what is behind its first `LONGEST` characters is left out, and that is said.
        after: Likewise.

    >>> word_changes("a good film", "a fine film")[1]
    (('same', 'a '), ('new', 'fine'), ('same', ' film'))
    """
    old, new = _words(before), _words(after)
    left: list[tuple[str, str]] = []
    right: list[tuple[str, str]] = []
    for _, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        same = old[i:j] == new[k:m]
        left += [("same" if same else "gone", "".join(old[i:j]))] if j > i else []
        right += [("same" if same else "new", "".join(new[k:m]))] if m > k else []
    return _ended(left, before), _ended(right, after)


def _words(text: str) -> list[str]:
    return _WORDS.findall(text[:LONGEST])


def _ended(pieces: list[tuple[str, str]], text: str) -> Pieces:
    more = [("same", f" … ({len(text):,} characters)")] if len(text) > LONGEST else []
    return (*pieces, *more)
