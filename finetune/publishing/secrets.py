"""What must never go up: access tokens, passwords in addresses, private keys.

detect-secrets brings the patterns of some twenty services. Of its detectors only those by pattern are used: those by
entropy take every hash for a secret, and a model folder is full of hashes. None of them asks a service whether a find
is valid, and no setting or baseline file of the tool is read.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from finetune.errors import SecretFoundError

LARGEST_TEXT = 2_000_000
"""Bytes up to which a file is read whole and searched for all patterns; a larger one is searched for our own."""
_CHUNK, _OVERLAP = 8 << 20, 512
_LEAST_TOKEN = 8  # characters; anything shorter would be found by chance
_OWN = {
    "Hugging Face access token": re.compile(rb"\b(?:hf_[A-Za-z0-9]{16,}|api_org_[A-Za-z0-9]{16,})"),
    "Private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
}
# By entropy, or so general that ordinary words and numbers of a text data set are found.
_GENERAL = {
    "Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector", "ArtifactoryDetector",
    "PrivateKeyDetector",
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Where something that looks like a secret stands; never the secret.

    Attributes:
        path: Relative to the folder, with `/`.
        line: From 1; None in a binary or very large file.
        kind: What it looks like.
    """

    path: str
    line: int | None
    kind: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{place}: {self.kind}"


def find_secrets(folder: Path) -> list[Finding]:
    """What looks like a secret in the files below `folder`, each place once.

    The account's own token is looked for in every byte of every file, its name included; the patterns of services in
    text files of up to `LARGEST_TEXT` bytes.
    """
    token = _own_token()
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return [finding for path in paths for finding in _look(path, path.relative_to(folder).as_posix(), token)]


def refuse_secrets(folder: Path) -> None:
    """Refuse a folder that holds what looks like a secret.

    Raises:
        SecretFoundError: Names files, lines and kinds, not the secrets.
    """
    found = find_secrets(folder)
    if found:
        shown = "; ".join(map(str, found[:5])) + (f"; … ({len(found)} in all)" if len(found) > 5 else "")
        raise SecretFoundError(
            f"What would be published holds what looks like a secret. {shown}.",
            "Take it out of the recipe, the data or the card that it comes from, and publish again. If it is a real "
            "secret, replace it where it was issued: it may have been seen.",
        )


def _own_token() -> bytes | None:
    """The token that this process would use."""
    from huggingface_hub import get_token

    token = get_token() or ""
    return token.encode() if len(token) >= _LEAST_TOKEN else None


def _look(path: Path, name: str, token: bytes | None) -> list[Finding]:
    if token is not None and token in name.encode():
        return [Finding("(a file's name)", None, "Your own access token")]
    if path.stat().st_size > LARGEST_TEXT:
        return [Finding(name, None, kind) for kind in sorted(_kinds_in_stream(path, token))]
    content = path.read_bytes()
    if b"\0" in content[:8192]:
        return [Finding(name, None, kind) for kind in sorted(_own_kinds(content, token))]
    return _look_at_text(content, name, token)


def _look_at_text(content: bytes, name: str, token: bytes | None) -> list[Finding]:
    """The whole text at once: line by line, a tokenizer with a word on each line takes seconds."""
    breaks = [place.start() for place in re.finditer(rb"\n", content)]
    places = {(bisect.bisect_left(breaks, start) + 1, kind) for start, kind in _own_places(content, token)}
    text = content.decode("utf-8", errors="replace")
    breaks = [place.start() for place in re.finditer("\n", text)]
    places |= {(bisect.bisect_left(breaks, start) + 1, kind) for start, kind in _service_places(text)}
    return [Finding(name, line, kind) for line, kind in sorted(places)]


def _own_places(content: bytes, token: bytes | None) -> Iterator[tuple[int, str]]:
    """Byte offset and kind of what we look for ourselves."""
    if token is not None:
        for found in re.finditer(re.escape(token), content):
            yield found.start(), "Your own access token"
    for kind, pattern in _OWN.items():
        for found in pattern.finditer(content):
            if found.group() != token:
                yield found.start(), kind


def _service_places(text: str) -> Iterator[tuple[int, str]]:
    """Character offset and kind of what detect-secrets' patterns find."""
    for detector, pattern in _service_patterns():
        for found in pattern.finditer(text):
            # The detector has the last word: some look at more than the pattern says.
            if any(detector.analyze_string(_line_around(text, found.start()))):
                yield found.start(), str(detector.secret_type)


def _line_around(text: str, place: int) -> str:
    end = text.find("\n", place)
    return text[text.rfind("\n", 0, place) + 1 : end if end >= 0 else len(text)]


@cache
def _service_patterns() -> tuple[tuple[Any, re.Pattern[str]], ...]:
    """The patterns of those detectors of detect-secrets that know one service each."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    kinds = get_mapping_from_secret_type_to_class().values()
    chosen = [kind() for kind in kinds if kind.__name__ not in _GENERAL and hasattr(kind, "denylist")]
    # They are written for single lines, so their ends are those of lines.
    return tuple(
        (each, re.compile(pattern.pattern, pattern.flags | re.MULTILINE))
        for each in chosen
        for pattern in each.denylist
    )


def _kinds_in_stream(path: Path, token: bytes | None) -> set[str]:
    """What we look for ourselves, in a file that is too large to be read at once."""
    kinds: set[str] = set()
    with path.open("rb") as stream:
        rest = b""
        while chunk := stream.read(_CHUNK):
            kinds |= _own_kinds(rest + chunk, token)
            rest = chunk[-_OVERLAP:]
    return kinds


def _own_kinds(content: bytes, token: bytes | None) -> set[str]:
    """In weights, four letters and sixteen more turn up by chance; there only the token itself counts."""
    if b"\0" in content:
        return {"Your own access token"} if token is not None and token in content else set()
    return {kind for _, kind in _own_places(content, token)}
