"""Personal data in texts: what is found, what only looks like it, and that no value is kept."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import example, settings
from hypothesis import given as each
from hypothesis import strategies as st

from finetune.errors import UsageError
from finetune.text import personal
from finetune.text.personal import KINDS, Found, count_personal, find_personal, redact

# Every part of what the rules look at, so that random texts come near to values and to what is left of them.
PARTS = (
    "ada@example.org", "@", ".", "a", "b.co", "1.2.3.4", "8.8.8.8", "::", "2001:db8::1", ":", "4111 1111 1111 1111",
    "4111", "1111", "378282246310005", "DE89370400440532013000", "DE", "89", "123-45-6789", "-", " ", "+", "(", ")",
    "555", "123", "4567", "0", "30", "/", "https://", "u:p@h.org", "hf_" + "a" * 34, "AKIA" + "A" * 16, "٠", "\u00a0",
    "sk-", "1" * 20, "-----BEGIN PRIVATE KEY-----", "\n", "é", "call ", "$", "<", ">", "eyJ",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=14).map("".join)
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE" + "A" * 60 + "\n-----END RSA PRIVATE KEY-----"


def said(text: str) -> list[tuple[str, str]]:
    return [(found.kind, text[found.start : found.end]) for found in find_personal(text)]


def test_examples_in_the_docstrings() -> None:
    found = doctest.testmod(personal)
    assert found.attempted >= 3
    assert found.failed == 0


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("email", "Mail ada.lovelace+x@mail.example.co.uk.", "ada.lovelace+x@mail.example.co.uk"),
        ("email", "<mailto:jörg@exämple.de>", "jörg@exämple.de"),
        ("email", "o'brien@x.org", "o'brien@x.org"),
        ("phone", "call +44 20 7946 0958!", "+44 20 7946 0958"),
        ("phone", "+1 (555) 123-4567", "+1 (555) 123-4567"),
        ("phone", "+4915123456789", "+4915123456789"),
        ("phone", "at (555) 123-4567.", "(555) 123-4567"),
        ("phone", "555-123-4567", "555-123-4567"),
        ("phone", "1-800-555-1234", "1-800-555-1234"),
        ("phone", "030/1234567", "030/1234567"),
        ("phone", "06 12 34 56 78", "06 12 34 56 78"),
        ("phone", "020 7946 0958", "020 7946 0958"),
        ("phone", "03-1234-5678", "03-1234-5678"),
        ("phone", "0049 30 123456", "0049 30 123456"),
        ("phone", "(11) 91234-5678", "(11) 91234-5678"),
        ("phone", "98765 43210", "98765 43210"),
        ("phone", "phone: 5551234", "5551234"),
        ("phone", "call me at 555-1234", "555-1234"),
        ("phone", "555\u2011123\u20114567", "555\u2011123\u20114567"),
        ("phone", "٠٦ ١٢ ٣٤ ٥٦ ٧٨", "٠٦ ١٢ ٣٤ ٥٦ ٧٨"),
        ("url_login", "see https://ada:pw@example.org/x?y=1 now", "https://ada:pw@example.org/x?y=1"),
        ("url_login", "redis://:pw@localhost:6379", "redis://:pw@localhost:6379"),
        ("ip_address", "from 192.168.0.1:8080", "192.168.0.1"),
        ("ip_address", "8.8.8.8.", "8.8.8.8"),
        ("ip_address", "[2001:db8::1]", "2001:db8::1"),
        ("ip_address", "::ffff:8.8.8.8 there", "::ffff:8.8.8.8"),
        ("credit_card", "4111 1111 1111 1111 12/25", "4111 1111 1111 1111"),
        ("credit_card", "5555-5555-5555-4444", "5555-5555-5555-4444"),
        ("credit_card", "378282246310005", "378282246310005"),
        ("credit_card", "6011111111111117,", "6011111111111117"),
        ("credit_card", "30569309025904", "30569309025904"),
        ("iban", "DE89 3704 0044 0532 0130 00 please", "DE89 3704 0044 0532 0130 00"),
        ("iban", "gb82west12345698765432", "gb82west12345698765432"),
        ("iban", "FR14 2004 1010 0505 0001 3M02 606", "FR14 2004 1010 0505 0001 3M02 606"),
        ("ssn", "SSN 123-45-6789.", "123-45-6789"),
        ("ssn", "123 45 6789", "123 45 6789"),
        ("secret", "hf_" + "aB" * 17, "hf_" + "aB" * 17),
        ("secret", "key=sk-proj-abc123DEF456ghi789jkl", "sk-proj-abc123DEF456ghi789jkl"),
        ("secret", "ghp_" + "a1" * 18, "ghp_" + "a1" * 18),
        ("secret", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("secret", "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMe5", "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMe5"),
        ("secret", f"x {PEM} y", PEM),
    ],
)  # fmt: skip
def test_values_are_found_with_their_bounds(kind: str, text: str, value: str) -> None:
    assert said(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "", "no data here", "@user", "me@home", "a@b", "icon@2x.png", "git@github.com:a/b", "3 @ 5.00", "1.2.3.4.5",
        "v1.2.3.4", "version 1.2.3.4", "256.1.1.1", "127.0.0.1", "0.0.0.0", "12:30:45", "aa:bb:cc:dd:ee:ff",
        "std::vector", "1::2", "2024-01-05", "2024-01-05T10:00:00Z", "01.02.2024", "01/02/2024 10:30", "05-06-2024",
        "2024-01-05 10:30:00", "1234567890", "12345678901234567890", "$1,234,567.89", "1.234.567,89 €", "100 200 3000",
        "4111 1111 1111 1112", "1234 5678 9012 3456", "000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567",
        "123-45-0000", "078-05-1120", "DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "0.123 0.456",
        "https://example.org/a:b@c", "hf_hub_download", "sk-learn-contrib-something-long", "ASIA and AKIA",
        "-----BEGIN CERTIFICATE-----", "ISBN 978-3-16-148410-0", "10-12 people", "+20 degrees", "score 3-2 and 10-9",
        "1 000 000", "3.14159265358979", "<email> <phone> <ip_address>", "#555-123-4567", "tel 2024-01-05",
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert said(text) == []


def test_no_character_counts_twice_and_the_order_is_that_of_the_text() -> None:
    text = "555-123-4567, 4111111111111111, postgres://ada:pw@10.0.0.1/x, ada@example.org"
    assert [kind for kind, _ in said(text)] == ["phone", "credit_card", "url_login", "email"]


def test_asked_for_one_kind_others_do_not_become_it() -> None:
    assert find_personal("4111 1111 1111 1111", ["phone"]) == []
    assert redact("8.8.8.8 ada@example.org", ["ip_address"]) == "<ip_address> ada@example.org"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="'mail' is no kind"):
        find_personal("a", ["mail"])
    with pytest.raises(UsageError, match="Known: credit_card"):
        redact("a", ["names"])


def test_what_is_found_does_not_hold_the_value() -> None:
    [found] = find_personal("ada@example.org")
    assert "ada" not in repr(found)
    assert vars(found) == {"kind": "email", "start": 0, "end": 15}


def test_counts_are_rows_and_values() -> None:
    counts = count_personal(["a@b.org, c@d.org", "a@b.org 8.8.8.8", "none"])
    assert tuple(counts) == KINDS
    assert counts["email"] == (2, 3)
    assert counts["ip_address"] == (1, 1)
    assert counts["secret"] == (0, 0)


@settings(max_examples=300, deadline=None)
@example("a@b.org4111 1111 1111 1111")
@each(TEXTS)
def test_places_are_in_order_apart_and_inside_of_the_text(text: str) -> None:
    places = find_personal(text)
    ends = [0, *(place.end for place in places)]
    assert all(end <= place.start < place.end for end, place in zip(ends, places, strict=False))
    assert ends[-1] <= len(text)
    assert all(isinstance(place, Found) and place.kind in KINDS for place in places)


@settings(max_examples=300, deadline=None)
@each(TEXTS, st.sets(st.sampled_from(KINDS)))
def test_nothing_is_found_in_a_redacted_text(text: str, kinds: set[str]) -> None:
    redacted = redact(text, sorted(kinds))
    assert find_personal(redacted, sorted(kinds)) == []
    assert redact(redacted, sorted(kinds)) == redacted


@pytest.mark.parametrize("sign", ["1 ", "a", "1", "a.", "4111 ", "+1", "::", "@a", "a1-", "eyJa1.", "0 ", "\u00a0"])
def test_long_texts_take_no_time_out_of_proportion(sign: str) -> None:
    assert isinstance(find_personal(sign * 20_000 + "@"), list)
