"""Damaged texts: which are, what mends them, and that mending twice is mending once."""

from __future__ import annotations

import doctest
import unicodedata

import pytest
from hypothesis import example, settings
from hypothesis import given as each
from hypothesis import strategies as st

from finetune.errors import UsageError
from finetune.text import markup, repair
from finetune.text.repair import CLASSES, STEPS, character_classes, is_damaged, normalize

PARTS = (
    "<b>", "</p>", "<", ">", "b", "&amp;", "amp;", "lt;", "&", "&#60;", "&#0;", "&copy", ";", "<!--", "-->", "<script>",
    "</script>", "<![CDATA[", "]]>", "<url>", "<3", "Ã©", "â€œ", "â€\x9d", "Ã", "\xa0", "\x85", "\ufffd", "\u200b",
    "\u200d", "\u200c", "\ufe0f", "👩", "🚀", "👍🏽", "❤", "1", "\u20e3", "می", "ष", "\u094d", "e", "\u0301", "\u0958",
    "@ada", "@", "a@b.org", "https://x.org/a", "www.", "bit.ly/", ".", ")", "(", " ", "\n", "\t", "\u2028", "\ud83d",
    "\ude00", "\x00", "🏴", "\U000e0067", "\U000e007f", "“", "ﬁ", "Ð", "°",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=14).map("".join)


@pytest.mark.parametrize("module", [markup, repair])
def test_examples_in_the_docstrings(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted >= 1
    assert found.failed == 0


@pytest.mark.parametrize(
    ("text", "damaged"),
    [
        ("", False), ("plain", False), ("café — “naïve” 😀", False), ("Привет, 世界", False), ("ÅÄÖ", False),
        ("cafÃ©", True), ("â€œhiâ€\x9d", True), ("ÐŸÑ€Ð¸Ð²ÐµÑ‚", True), ("caf\ufffd", True), ("it\x92s", True),
        ("\ud83d", True), ("I ❤️ it", False), ("10 °C ± 1", False),
    ],
)  # fmt: skip
def test_damage_is_told(text: str, damaged: bool) -> None:
    assert is_damaged(text) is damaged


@pytest.mark.parametrize(
    ("step", "text", "mended"),
    [
        ("encoding", "cafÃ© â€œhiâ€\x9d", "café “hi”"),
        ("encoding", "“quotes” ﬁ ｗｉｄｅ &amp;", "“quotes” ﬁ ｗｉｄｅ &amp;"),
        ("encoding", "it\x92s", "it’s"),
        ("encoding", "\ud83d\ude00", "😀"),
        ("html", "<p>a</p><p>b<br/>c</p>", "\na\n\nb\nc\n"),
        ("html", "<b>bo</b>ld <a href='x' target=_blank>l</a>", "bold l"),
        ("html", "<td>a</td><td>b</td>", " a  b "),
        ("html", "<script>x<1</script>hi<!-- c --><style>p{}</style>", "hi"),
        ("html", "<input disabled><div class=\"a b\">x</div>", " \nx\n"),
        ("html", "a < b > c; <3 <url> <email> <Ada> <b and c> y", "a < b > c; <3 <url> <email> <Ada> <b and c> y"),
        ("html", "Tom &amp; &lt;3 &eacute; &#233; &#x1F600;", "Tom & <3 é é 😀"),
        ("html", "&amp;amp;lt; &lt;b&gt;x&lt;/b&gt;", "< x"),
        ("html", "AT&T ?a=1&copy=2 &unknown; &#0; &#xD800;", "AT&T ?a=1&copy=2 &unknown; &#0; &#xD800;"),
        ("html", "<![CDATA[a]]><!DOCTYPE html><?xml version='1.0'?><o:p>b</o:p>", "ab"),
        ("unicode", "cafe\u0301 \u200bz\u00adz\ufeff\u202ex\x00", "café zzx"),
        ("unicode", "👩\u200d🚀 ❤\ufe0f 1\ufe0f\u20e3 👍🏽", "👩\u200d🚀 ❤\ufe0f 1\ufe0f\u20e3 👍🏽"),
        ("unicode", "a\u200db a\ufe0f \u200d", "ab a "),
        ("unicode", "می\u200cخواهم क्\u200dष", "می\u200cخواهم क्\u200dष"),
        ("unicode", "می\u200c \u200cخ", "می خ"),
        ("unicode", "🏴\U000e0067\U000e0062\U000e007f a\U000e0067", "🏴\U000e0067\U000e0062\U000e007f a"),
        ("unicode", "葛\U000e0100", "葛\U000e0100"),
        ("users", "@ada_l .@bob: @me@host.social RT @x", "@user .@user: @user RT @user"),
        ("users", "a@b.org @3pm a @ b https://x.org/@ada", "a@b.org @3pm a @ b https://x.org/@ada"),
        ("urls", "see https://en.wikipedia.org/wiki/A_(b). (http://x.y/z)", "see <url>. (<url>)"),
        ("urls", "www.foo.de, bit.ly/2x pic.twitter.com/ab HTTP://X.ORG", "<url>, <url> <url> <url>"),
        ("urls", "e.g./i.e. and/or 1/2 http:// a@b.org", "e.g./i.e. and/or 1/2 http:// a@b.org"),
        ("whitespace", "  a \t b \n\n c\u2028d\u00a0e\r\n", "a b\nc\nd e"),
    ],
)  # fmt: skip
def test_steps(step: str, text: str, mended: str) -> None:
    assert normalize(text, [step]) == mended


def test_without_steps_nothing_changes_and_an_unknown_step_is_refused() -> None:
    assert normalize(" <b>Ã© ", []) == " <b>Ã© "
    with pytest.raises(UsageError, match="'unicod' is no step"):
        normalize("a", ["unicod"])


def test_the_order_is_fixed() -> None:
    text = "&lt;b&gt;@ada&lt;/b&gt;  https://example.org/@ada"
    assert normalize(text, STEPS) == normalize(text, STEPS[::-1]) == "@user <url>"


@settings(max_examples=400, deadline=None)
@example("&amp;amp;lt;b>", {"html"})
@example("<<b>b>", {"html"})
@each(TEXTS, st.sets(st.sampled_from(STEPS)))
def test_mending_twice_is_mending_once(text: str, steps: set[str]) -> None:
    once = normalize(text, steps)
    assert normalize(once, steps) == once


@settings(max_examples=300, deadline=None)
@each(TEXTS)
def test_texts_grow_by_what_is_put_in_place_only(text: str) -> None:
    assert len(normalize(text, ["encoding", "html", "whitespace"])) <= len(text)
    assert len(normalize(text, ["unicode"])) <= len(unicodedata.normalize("NFD", text))
    names, addresses = text.count("@"), text.count("/") + text.lower().count("www.")
    assert len(normalize(text, ["users", "urls"])) <= len(text) + 4 * names + 5 * addresses


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("Año 12!", {"letters": 3, "digits": 2, "punctuation": 1, "spaces": 1}),
        ("e\u0301 👩\u200d🚀 ❤\ufe0f +€", {"letters": 2, "symbols": 7, "spaces": 3}),
        ("\x00\u200b\n", {"controls": 2, "spaces": 1}),
        ("\ufffd\ue000\ud800", {"other": 3}),
    ],
)  # fmt: skip
def test_character_classes(text: str, counts: dict[str, int]) -> None:
    found = character_classes(text)
    assert tuple(found) == CLASSES
    assert {name: count for name, count in found.items() if count} == counts


@each(st.text())
def test_every_character_has_a_class(text: str) -> None:
    assert sum(character_classes(text).values()) == len(text)
