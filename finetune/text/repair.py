"""Texts that were decoded, copied or scraped badly: whether one is damaged, and the steps that mend it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from functools import cache
from typing import Any, get_args

from finetune.errors import UsageError, did_you_mean
from finetune.recipe.cleaning import Normalization
from finetune.text.markup import remove_html

STEPS: tuple[str, ...] = get_args(Normalization)
CLASSES = ("letters", "digits", "punctuation", "spaces", "symbols", "controls", "other")

# Bytes of another encoding (C1 controls), what no byte could be decoded to, and halves of surrogate pairs.
_BROKEN = re.compile(r"[\x80-\x9f\ufffd\ud800-\udfff]").search


def is_damaged(text: str) -> bool:
    """Whether a text was decoded wrongly somewhere: mojibake, replacement characters, C1 controls, half surrogates.

    Args:
        text: Any text; one of ASCII alone is never damaged.

    Example:
        >>> is_damaged("cafÃ©"), is_damaged("café")
        (True, False)
    """
    return not text.isascii() and bool(_BROKEN(text) or _ftfy().badness.is_bad(text))


def normalize(text: str, steps: Collection[str]) -> str:
    """The text after some of the steps, always done in this order:

    - `encoding`: text in UTF-8 that was read as another encoding is read rightly (ftfy); quotes, ligatures and widths
      stay as they are. What was lost (the replacement character) stays lost.
    - `html`: tags, comments, scripts and styles go, with a line break for those that end a paragraph or a line;
      entities become characters. Of escaped tags (`&lt;b&gt;`) nothing is left either.
    - `unicode`: characters are composed (NFC); control characters, zero-width ones and those that set the direction of
      writing go. Joiners stay in emoji and in the scripts that need them, and so do the selectors of variants.
    - `users`: `@name` becomes `@user`, for names in Latin letters that begin with one; no address of e-mail does.
    - `urls`: addresses on the web become `<url>`.
    - `whitespace`: runs of blanks become one blank, or one line break where they have any; none is left at the ends.

    What a step leaves can be work for one before it, so they are done until nothing changes: a second time changes
    nothing. A text becomes longer by `@user` and `<url>` only, and by the few characters that NFC writes as two.

    Args:
        text: Any text.
        steps: Some of `STEPS`.

    Raises:
        UsageError: An unknown step.

    Example:
        >>> normalize("<p>Tom &amp; @ada:  see https://example.org/a</p>", STEPS)
        'Tom & @user: see <url>'
    """
    for step in steps:
        if step not in STEPS:
            raise UsageError(f"{step!r} is no step of normalization.", did_you_mean(step, STEPS))
    # Entities of entities are undone at once, so a few rounds are enough; the bound is for what nobody foresaw.
    for _ in range(20):
        before = text
        for step in STEPS:
            text = _STEPS[step](text) if step in steps else text
        if text == before:
            break
    return text


def character_classes(text: str) -> dict[str, int]:
    """How many characters of a text are of each class of `CLASSES`.

    Marks count with the letters that they belong to; emoji, their joiners and variants are symbols; "other" is what has
    no meaning of its own: unassigned and private characters, half surrogates and the replacement character.

    Example:
        >>> {name: count for name, count in character_classes("Año 1!").items() if count}
        {'letters': 3, 'digits': 1, 'punctuation': 1, 'spaces': 1}
    """
    counts = dict.fromkeys(CLASSES, 0)
    for character, count in Counter(text).items():
        counts[_class(character)] += count
    return counts


_BY_CATEGORY = {"L": "letters", "M": "letters", "N": "digits", "P": "punctuation", "Z": "spaces", "S": "symbols"}


@cache
def _class(character: str) -> str:
    if character.isspace():
        return "spaces"
    if character == "\ufffd":
        return "other"
    if character in "\u200d\ufe0e\ufe0f\u20e3" or "\U000e0020" <= character <= "\U000e007f":
        return "symbols"
    category = unicodedata.category(character)
    return "controls" if category in ("Cc", "Cf") else _BY_CATEGORY.get(category[0], "other")


# -- the steps


@cache
def _ftfy() -> Any:
    import ftfy.badness
    import ftfy.fixes

    return ftfy


def _mend_encoding(text: str) -> str:
    if text.isascii():
        return text
    ftfy = _ftfy()
    return str(ftfy.fix_encoding(ftfy.fixes.fix_surrogates(text)))


# Those that never show; marks that do (Arabic number signs) are not among them. C0 and C1 blanks stay for `whitespace`.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
)
_JOINER = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0000-\U000e01ef]")
_PICTURES = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_JOINING = "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\ua8e0-\ua8ff\ufb50-\ufdff\ufe70-\ufefc"
"""Arabic and its relatives, the scripts of India, Burmese, Khmer, Mongolian."""
_VARIED = "\u2200-\u22ff\u3000-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Signs and ideographs with standard variants."""
_KEPT = re.compile(
    f"(?P<kept>(?<=[{_PICTURES}])[\ufe0e\ufe0f] | [#*0-9]\ufe0f(?=\u20e3)"
    f" | (?<=[{_PICTURES}\ufe0f])\u200d(?=[{_PICTURES}]) | (?<=[{_JOINING}])\u200c(?=[{_JOINING}])"
    f" | (?<=[{_JOINING}])\u200d | (?<=[{_JOINING}{_VARIED}])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
    " | (?<=\U0001f3f4)[\U000e0030-\U000e007a]+\U000e007f)"
    " | [\u200c\u200d\ufe00-\ufe0f\U000e0000-\U000e01ef]".replace(" ", "")
)


def _compose(text: str) -> str:
    text = _INVISIBLE.sub("", text)
    if text.isascii():
        return text
    if _JOINER.search(text):
        text = _KEPT.sub(lambda match: match["kept"] or "", re.sub("([\u200c\u200d])[\u200c\u200d]+", r"\1", text))
    return unicodedata.normalize("NFC", text)


_LETTERS = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f_"
_USER = re.compile(rf"(?<![\w@/])@[{_LETTERS}][{_LETTERS}0-9]*(?:@\w[\w-]*(?:\.\w[\w-]*)+)?")
_URL = re.compile(
    r"""(?<![\w@])(?:(?:https?|ftp)://(?=\w|\[) | www\.(?=\w)
    | (?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|info|io|co|ly|me|gl|tv|be|uk|de|fr)/(?=\w) )
    (?:[^\s<>"()\[\]]|\([^\s<>"()]*\)|\[[^\s<>"\[\]]*\])*(?<![.,;:!?'’”»…*])""",
    re.IGNORECASE | re.VERBOSE,
)
_BLANKS = re.compile(r"\s+")
_BREAK = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def _name_users(text: str) -> str:
    return _USER.sub("@user", text) if "@" in text else text


def _name_urls(text: str) -> str:
    return _URL.sub("<url>", text) if "/" in text or "www" in text.lower() else text


_UNTIDY = re.compile(r"[^\S ]|\s\s|^\s|\s$").search


def _join_blanks(text: str) -> str:
    if not _UNTIDY(text):  # most texts: looking is far cheaper than rewriting
        return text
    return _BLANKS.sub(lambda match: "\n" if _BREAK.search(match[0]) else " ", text).strip()


_STEPS: dict[str, Callable[[str], str]] = {
    "encoding": _mend_encoding, "html": remove_html, "unicode": _compose, "users": _name_users, "urls": _name_urls,
    "whitespace": _join_blanks,
}  # fmt: skip
