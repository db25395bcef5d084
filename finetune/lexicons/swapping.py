"""Texts in which groups of people are exchanged by the tables of the lexicon."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finetune.lexicons.identities import Identities, Table, TermMatch


def _words(written: str) -> frozenset[str]:
    return frozenset(written.split())


_NEXT_WORD = re.compile(r"\s+([^\W\d_]+)")
_JOINED = re.compile(r"\s+(?:and|or)\s+[^\W\d_]+(?=\s+[^\W\d_])")
_LAST_WORD = re.compile(r"([^\W\d_]+)(?:['’][a-z]+)?\s+$")
_ARTICLE = re.compile(r"(?<!\w)(an?)(\s+)$", re.IGNORECASE)
# Words that no noun phrase begins with: before them "her" is an object, and "Christian" a noun.
_NO_NOUN = _words(
    "a about after again against all alone along already also although always am an and another any anymore are around "
    "as asked at away back be because been before being but by came can could did do does down during each either else "
    "even ever every everything for forever from had has have he her here him his how i if in instead into is it just "
    "last like maybe me might more much must my never next no not nothing now of off often on once one only or our out "
    "outside over please quite rather really said says shall she should since so some something sometimes soon still "
    "than that the their them then there these they this those though through till to today together tomorrow tonight "
    "too toward towards under unless until up upon very was we well went were what when where whether which while who "
    "whom whose why will with within without would yesterday yet you your"
)
# "let her go", "made her cry": what follows these is what she does, where it is one of the common verbs and adjectives.
_CAUSES = _words("let lets letting make makes making made help helps helped helping see saw hear heard watch watched")
_DONE = _words(
    "be become believe breathe call come cry dance die do drink drive eat fall feel finish forget get give go grow "
    "happy have hurt keep know laugh learn leave live look lose move pay play read realize remember run sad see sing "
    "sleep smile speak stand start stay stop take talk tell think try understand wait walk want watch win work write"
)
_FORMS_OF_BE = _words("am is are was were be been being i'm")


def swap_groups(identities: Identities, text: str, rng: random.Random, held_out: bool) -> str | None:
    """See `Identities.swap`."""
    found = identities.find(text)
    choices = []
    for table in identities.tables:
        matches = [match for match in found if match.axis == table.axis]
        fits = any(identities.held_out(match.term) for match in matches) == held_out
        rows = [_row(table, match, text) for match in matches]
        if matches and fits and all(rows):
            choices.append((table, [(match, row) for match, row in zip(matches, rows, strict=True) if row]))
    if not choices:
        return None
    table, pairs = rng.choice(choices)
    return _exchange(text, pairs, _partners(table.columns, rng))


def _partners(columns: tuple[str, ...], rng: random.Random) -> dict[int, int]:
    """A column for each column, none for itself and no two the same."""
    order = rng.sample(range(len(columns)), len(columns))
    return dict(zip(order, [*order[1:], order[0]], strict=True))


def _row(table: Table, match: TermMatch, text: str) -> tuple[str, ...] | None:
    """The row of a term in a table, None where it has none that its place in the text allows."""
    if match.group not in table.columns:
        return None
    column = table.columns.index(match.group)
    rows = [row for row in table.rows if row[column] == match.term]
    if not rows and _describes(text, match):
        rows = [row for row in table.adjectives if row[column] == match.term]
    if match.term in ("his", "her"):
        # Rows are in this order: him and her, his and her, his and hers.
        return rows[0 if _owns(text, match) == (match.term == "his") else 1]
    return rows[0] if rows else None


def _describes(text: str, match: TermMatch) -> bool:
    """Whether a term is an adjective: before a word that may be a noun, or right behind a form of "to be"."""
    before = _LAST_WORD.search(text[max(0, match.start - 40) : match.start])
    joined = _JOINED.match(text, match.end)  # "Christian and Muslim schools"
    end = joined.end() if joined else match.end
    return _before_noun(text, end) or bool(before and before[1].lower() in _FORMS_OF_BE)


def _owns(text: str, match: TermMatch) -> bool:
    """Whether "her" or "his" belongs to a noun that follows it."""
    following = _NEXT_WORD.match(text, match.end)
    before = _LAST_WORD.search(text[max(0, match.start - 40) : match.start])
    if following and before and before[1].lower() in _CAUSES and following[1].lower() in _DONE:
        return False
    return _before_noun(text, match.end)


def _before_noun(text: str, end: int) -> bool:
    following = _NEXT_WORD.match(text, end)
    return bool(following and following[1].lower() not in _NO_NOUN)


def _exchange(text: str, pairs: list[tuple[TermMatch, tuple[str, ...]]], partners: dict[int, int]) -> str:
    parts, after = [], 0
    for match, row in pairs:
        new = row[partners[row.index(match.term)]]
        before = _with_article(text[after : match.start], new)
        parts += [before, _in_case(new, text[match.start : match.end], match.term, text)]
        after = match.end
    return "".join(parts) + text[after:]


def _with_article(before: str, word: str) -> str:
    """`before` with "a" or "an" at its end as `word` wants it: by its first letter, U and Eu of a consonant's sound."""
    article = _ARTICLE.search(before)
    if not article:
        return before
    vowel = word[0].lower() in "aeiou" and not word.lower().startswith(("eu", "uk"))
    letter = article[1][0]
    new = letter + ("N" if before.isupper() and len(before.strip()) > 1 else "n") if vowel else letter
    return before[: article.start()] + new + article[2]


def _in_case(new: str, written: str, term: str, text: str) -> str:
    """A word in the case of the one that it takes the place of."""
    if written == term or not written.isascii():
        return new.lower() if text.islower() else new
    if written.isupper() and len(written) > 1:
        return new.upper()
    if written.islower():
        return new.lower()
    return new[0].upper() + new[1:] if written[0].isupper() else new
