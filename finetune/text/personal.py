"""Personal data in texts, by patterns and checksums: what kind it is and where it stands, never what it says.

What these rules find is likely to be what it is called; what they do not find may still be personal. Names, addresses
and dates of birth have no pattern and are not looked for, nor is what is spelled out ("ada at example dot
org"). Limits:

- `phone`: numbers with + or (by their digits) national forms of North America, of countries with a leading 0, with
  an area code in brackets, of India and Spain; others, and numbers of digits alone, behind a word such as "phone" only.
  Five numbers of two digits, the first below 10, look like a French number.
- `credit_card`: one of ten numbers with an issuer's first digits and length passes the Luhn check by chance.
- `ssn`: of the United States, with separators. Nine digits alone are any number.
- `ip_address`: loopback, unspecified, multicast and reserved addresses point to nobody and are not counted.
- `secret`: tokens of providers that give them a prefix of their own, JSON web tokens and private keys in PEM form.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_args

from finetune.errors import UsageError, did_you_mean
from finetune.recipe.cleaning import PersonalKind
from finetune.text.account_numbers import Place, find_credit_cards, find_ibans, find_ssns
from finetune.text.phone_numbers import find_phones

KINDS: tuple[str, ...] = get_args(PersonalKind)


@dataclass(frozen=True)
class Found:
    """Where a value of a kind stands in a text. It does not hold the value, so that no log or report can show it.

    Attributes:
        kind: One of `KINDS`.
        start: Its first character.
        end: The one after its last.
    """

    kind: str
    start: int
    end: int


def find_personal(text: str, kinds: Sequence[str] = KINDS) -> list[Found]:
    """Personal data of a text, in the order of the text, none overlapping another.

    All kinds are looked for whatever `kinds` says: part of a card number is no phone number, asked for cards or not.

    Args:
        text: Any text.
        kinds: Some of `KINDS`.

    Raises:
        UsageError: An unknown kind.

    Example:
        >>> find_personal("Mail ada@example.org or call +44 20 7946 0958.")
        [Found(kind='email', start=5, end=20), Found(kind='phone', start=29, end=45)]
    """
    _check(tuple(kinds))
    if not _may_hold(text):
        return []
    return [found for found in _find_all(text) if found.kind in kinds]


def redact(text: str, kinds: Sequence[str] = KINDS) -> str:
    """The text with `<email>`, `<phone>`, … in the place of personal data; nothing is found in it any more.

    Args:
        text: Any text.
        kinds: Some of `KINDS`.

    Raises:
        UsageError: An unknown kind.

    Example:
        >>> redact("From 8.8.8.8, by ada@example.org", ["email"])
        'From 8.8.8.8, by <email>'
    """
    # What stood beside a value may show another one when it is gone. Each round takes digits or signs away, so it ends.
    while places := find_personal(text, kinds):
        text = _replaced(text, places, lambda place: f"<{place.kind}>")
    return text


def count_personal(texts: Sequence[str]) -> dict[str, tuple[int, int]]:
    """For each kind in how many of the texts there is some, and how many values there are in all.

    Example:
        >>> count_personal(["a@b.org c@d.org", "no"])["email"]
        (1, 2)
    """
    rows: Counter[str] = Counter()
    values: Counter[str] = Counter()
    for text in texts:
        kinds = [found.kind for found in find_personal(text)]
        values.update(kinds)
        rows.update(set(kinds))
    return {kind: (rows[kind], values[kind]) for kind in KINDS}


@cache
def _check(kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"{kind!r} is no kind of personal data.", did_you_mean(kind, KINDS))


# Everything that is found has a digit or an @, or begins like one of the secrets that may have neither.
_SIGN = re.compile(r"[@\d]").search
# Cards, accounts and phones have seven digits or more, near each other.
_SEVEN = re.compile(r"\d(?:[^\dA-Za-z]{0,4}\d){6}").search
_NUMBERS = {"iban", "credit_card", "ssn", "phone"}
_SPACES = dict.fromkeys("\u00a0\u2007\u202f", " ")
_FOLDED = str.maketrans(_SPACES | dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"))


def _may_hold(text: str) -> bool:
    return bool(_SIGN(text)) or "hf_" in text or "AKIA" in text or "ASIA" in text or "-----BEGIN" in text


def _find_all(text: str) -> list[Found]:
    """What is found stands as `<<<` for those that look later, so that no character counts twice."""
    text, places, before = _fold(text), list[Found](), -1
    numbers = _SEVEN(text) is not None
    kinds = [kind for kind in _FINDERS if numbers or kind not in _NUMBERS]
    while len(places) > before:
        before = len(places)
        for kind in kinds:
            new = [Found(kind, start, end) for start, end in _FINDERS[kind](text)]
            text = _replaced(text, new, lambda place: "<" * (place.end - place.start)) if new else text
            places += new
    return sorted(places, key=lambda place: place.start)


def _replaced(text: str, places: Sequence[Found], put: Callable[[Found], str]) -> str:
    """The text with something else in places, which are in order."""
    ends = [0, *(place.end for place in places)]
    parts = [text[end : place.start] + put(place) for end, place in zip(ends, places, strict=False)]
    return "".join(parts) + text[ends[-1] :]


def _fold(text: str) -> str:
    """Digits of all scripts, blanks and dashes as ASCII has them; as long as before."""
    if text.isascii():
        return text
    return re.sub(r"(?![0-9])\d", lambda match: str(unicodedata.decimal(match[0])), text.translate(_FOLDED))


# -- secrets, addresses on the net

_SECRET = re.compile(
    r"""(?<![A-Za-z0-9])(?:
    hf_[A-Za-z0-9]{30,} | (?:AKIA|ASIA)[A-Z0-9]{16}
    | (?=\S{0,200}?\d)(?: gh[pousr]_[A-Za-z0-9]{30,} | github_pat_\w{40,} | glpat-[\w-]{20,} | npm_[A-Za-z0-9]{36}
        | sk-[A-Za-z0-9_-]{20,} | [srp]k_(?:live|test)_[A-Za-z0-9]{16,} | AIza[\w-]{35} | xox[abeoprs]-[A-Za-z0-9-]{10,}
        | eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,} )
    )(?![A-Za-z0-9])
    | -----BEGIN\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY-----
      (?:[\s\S]{0,9999}?-----END\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY----- | (?:(?:\s|\\[nr])+[A-Za-z0-9+/=]{30,})*)""",
    re.VERBOSE | re.ASCII,
)
_PREFIX = re.compile(r"hf_|A[KS]IA|gh[pousr]_|github_|glpat|npm_|sk-|k_live_|k_test_|AIza|xox|eyJ|-----BEGIN").search
_URL_LOGIN = re.compile(r"""(?<!\w)[a-z][a-z0-9+.-]{1,20}://[^\s/?#<>"'@:]*:[^\s/?#<>@]+@[^\s<>"']+""", re.IGNORECASE)
_EMAIL = re.compile(
    r"(?<![\w.+'-])\w[\w.+'-]{0,63}@(?:\w(?:[\w-]{0,61}\w)?\.)+(?P<top>xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?!\w)"
)
# Files of two resolutions (icon@2x.png) and remotes of git are written like addresses.
_NO_TOP = {"png", "jpg", "jpeg", "gif", "svg", "webp", "pdf", "css", "js", "py", "md", "txt", "html"}
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\w|\.\d|-[A-Za-z])", re.ASCII)
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4})(?![\w:]|\.\d)", re.ASCII
)
_NUMBERED = re.compile(r"\b(?:v|ver|version|release|build|section|chapter|firmware)[.:]?\s{0,2}$", re.IGNORECASE)


def _secrets(text: str) -> Iterator[Place]:
    return (match.span() for match in _SECRET.finditer(text)) if _PREFIX(text) else iter(())


def _url_logins(text: str) -> Iterator[Place]:
    return (match.span() for match in _URL_LOGIN.finditer(text)) if "://" in text and "@" in text else iter(())


def _emails(text: str) -> Iterator[Place]:
    for match in _EMAIL.finditer(text) if "@" in text else ():
        if match["top"].lower() not in _NO_TOP and not match[0].startswith("git@"):
            yield match.span()


def _ip_addresses(text: str) -> Iterator[Place]:
    found = []
    if text.count(":") >= 2:
        # 1::2 and ab::cd1 may be anything (times, names in a program): addresses have a group of three or more.
        longer = (m for m in _IPV6.finditer(text) if any(len(group) >= 3 for group in m[0].split(":")) and _SIGN(m[0]))
        found = [match.span() for match in longer if _points(match[0])]
    for match in _IPV4.finditer(text) if "." in text else ():
        inside = any(start <= match.start() < end for start, end in found)
        if not inside and _points(match[0]) and not _NUMBERED.search(text[max(0, match.start() - 12) : match.start()]):
            found.append(match.span())
    return iter(sorted(found))


def _points(address: str) -> bool:
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (
        read.is_loopback or read.is_unspecified or read.is_multicast or (read.version == 4 and read.is_reserved)
    )


_FINDERS: dict[str, Callable[[str], Iterator[Place]]] = {
    "secret": _secrets, "url_login": _url_logins, "email": _emails, "iban": find_ibans,
    "credit_card": find_credit_cards, "ssn": find_ssns, "ip_address": _ip_addresses, "phone": find_phones,
}  # fmt: skip
"""In the order in which they look: what is surer, or holds what another may take for its own, comes first."""
