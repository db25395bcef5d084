"""Texts out of HTML, or out of texts with a little HTML in them."""

from __future__ import annotations

import re
from html import unescape
from html.entities import html5

# What ends a line or a paragraph leaves a line break, a cell a blank: the words on both sides are two words.
_LINES = (
    "address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form frameset h1 h2 h3 h4 h5 h6 head header hr html legend li main menu nav noframes noscript "
    "ol optgroup option p pre section select summary table tbody template textarea tfoot thead title tr ul video"
)
_CELLS = "td th audio button canvas iframe img input object progress"
_INLINE = (
    "a abbr acronym applet area b base basefont bdi bdo big cite code col colgroup data datalist del dfn em embed font "
    "frame i ins kbd label link map mark marquee meta meter nobr output param picture q rp rt ruby s samp script "
    "search slot small source span strike strong style sub sup svg path time track tt u var wbr"
)
_REPLACED = (
    dict.fromkeys(_LINES.split(), "\n") | dict.fromkeys(_CELLS.split(), " ") | dict.fromkeys(_INLINE.split(), "")
)
# Attributes have a value or are known to need none: in "a <b and c> d" are two comparisons.
_BARE = (
    "async|autofocus|autoplay|checked|controls|default|defer|disabled|hidden|ismap|loop|multiple|muted|nomodule|nowrap|"
    "novalidate|open|readonly|required|reversed|selected"
)
_ATTRIBUTE = rf"""(?:[a-z_:@][\w:.@-]*+\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'=<>`]++)|(?:{_BARE})\b)"""
_NAMES = "|".join(sorted(_REPLACED, key=len, reverse=True))
_TAG = re.compile(rf"</?(?P<name>{_NAMES}|(?:o|v|w|m|st1):[a-z]\w*)(?:\s+{_ATTRIBUTE})*+\s*+/?>", re.IGNORECASE)
_HIDDEN = re.compile(
    r"<!--.*?-->|<!doctype\b[^<>]*>|<\?xml\b[^<>]*>|<(?P<name>script|style)\b[^<>]*>.*?</(?P=name)\s*>",
    re.IGNORECASE | re.DOTALL,
)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_ENTITY = re.compile(r"&(?:amp;)*(?P<entity>#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
"""With its semicolon: `&copy=1` in an address is no entity. What was escaped several times is one."""


def remove_html(text: str) -> str:
    """The text without tags, comments, scripts, styles and entities.

    Only names of HTML elements make a tag: "a < b", "<3", "<url>" and "<Ada>" stay. A second time changes nothing.

    Example:
        >>> remove_html("<b>I</b> &lt;3 <i class='x'>you</i><br>")
        'I <3 you\\n'
    """
    before = None
    while text != before:
        before = text
        if "<" in text:
            text = _TAG.sub(_instead, _HIDDEN.sub("", _CDATA.sub(r"\1", text)))
        if "&" in text:
            text = _ENTITY.sub(_character, text)
    return text


def _instead(match: re.Match[str]) -> str:
    return _REPLACED.get(match["name"].lower(), "")


def _character(match: re.Match[str]) -> str:
    """What an entity stands for; itself where that is nothing, or no character at all."""
    entity = match["entity"] + ";"
    character = unescape("&" + entity) if entity.startswith("#") else html5.get(entity, "")
    return match[0] if character in ("", "\ufffd") else character
