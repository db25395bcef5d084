"""WordNet's database files, read in place: no import, no index of our own, a few microseconds a word."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from finetune.errors import IntegrityError, NotFoundError

KINDS = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
"""Number of a part of speech in a sense key -> the ending of its data file; 5 are adjectives beside a main one."""
FILES = ("index.sense", "data.noun", "data.verb", "data.adj", "data.adv")
_PLACES = (
    "/usr/share/wordnet", "/usr/share/wordnet-*/dict", "/usr/local/share/wordnet*/dict", "/usr/local/WordNet-*/dict",
    "/opt/homebrew/opt/wordnet/dict", "/opt/wordnet*/dict",
)  # fmt: skip
_RANK = 2
"""A word stands for a sense only where that is its first or second (`machine` means `car`, but nobody reads it so), and
was met in a text with it (`twelvemonth` never was)."""


class Sense(NamedTuple):
    """One meaning of a lemma.

    Attributes:
        kind: `noun`, `verb`, `adj` or `adv`.
        offset: Byte of its synset in the data file of that kind.
        rank: Its place among the lemma's meanings of that kind, from 1, most frequent first.
        uses: How often it was tagged in the texts that WordNet counts in.
    """

    kind: str
    offset: int
    rank: int
    uses: int


def find_wordnet() -> Path | None:
    """The folder where this system keeps WordNet's files: $WNSEARCHDIR, $WNHOME/dict, then usual places."""
    stated = [os.environ.get("WNSEARCHDIR"), os.environ["WNHOME"] + "/dict" if "WNHOME" in os.environ else None]
    usual = [path for pattern in _PLACES for path in sorted(Path("/").glob(pattern.lstrip("/")))]
    return next((path for path in [*(Path(p) for p in stated if p), *usual] if not missing_files(path)), None)


def missing_files(folder: Path) -> list[str]:
    """Names of the database files that a folder lacks."""
    return [name for name in FILES if not (folder / name).is_file()]


class WordNet:
    """The files of one folder (formats: the manual pages senseidx(5WN) and wndb(5WN)).

    The files are sorted, so a lemma is found by bisection; they are mapped, so processes share their memory.

    Args:
        folder: Has `index.sense` and `data.noun`, `.verb`, `.adj`, `.adv`; or a folder `dict` that has them.

    Raises:
        NotFoundError: It is not a WordNet.
    """

    def __init__(self, folder: Path | str) -> None:
        given = Path(folder).expanduser()
        self.folder = given / "dict" if missing_files(given) and (given / "dict").is_dir() else given
        absent = missing_files(self.folder)
        if absent:
            what = "is not a folder" if not self.folder.is_dir() else f"lacks {', '.join(absent)}"
            raise NotFoundError(
                f"{folder} {what}; a WordNet holds {', '.join(FILES)}.",
                "Name the folder of WordNet's database files (Debian: /usr/share/wordnet, package wordnet-base), or "
                "leave lexicon out.",
            )
        self._known: dict[str, tuple[Sense, ...]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "_known": {}}  # a worker process maps the files itself

    def senses(self, lemma: str) -> tuple[Sense, ...]:
        """All meanings of a lemma, most frequent first; none where it is unknown.

        Args:
            lemma: In lower case; several words joined by underscores.
        """
        if lemma not in self._known:
            if len(self._known) > 100_000:  # bounded, whatever the texts hold
                self._known.clear()
            found = [_sense(line) for line in self._lines(f"{lemma}%".encode())]
            self._known[lemma] = tuple(sorted(found, key=lambda s: (-s.uses, s.rank, s.kind, s.offset)))
        return self._known[lemma]

    def lemmas(self, sense: Sense) -> list[str]:
        """The words of a sense's synset, as they are written there: underscores join words, names have capitals.

        Adjectives that stand only before or only behind a noun are left out.

        Raises:
            IntegrityError: The data file does not hold a synset at that place.
        """
        file = self._files[f"data.{sense.kind}"]
        fields = file[sense.offset : file.find(b"\n", sense.offset)].decode("utf-8", "replace").split()
        if len(fields) < 6 or fields[0] != f"{sense.offset:08d}":
            raise IntegrityError(
                f"{self.folder}/data.{sense.kind} has no synset at byte {sense.offset}, where index.sense sees one.",
                "The files are of different releases or damaged: install them again.",
            )
        words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        return [word for word in words if not word.endswith(")")]

    def synonyms(self, lemma: str) -> tuple[str, tuple[str, ...]] | None:
        """The part of speech of a lemma's usual meaning, and the other single words for it; None without any.

        A lemma has a usual meaning where one makes up half of its tagged occurrences, or where it has only one:
        which of several is meant cannot be told without reading the text. Names and abbreviations are left out.
        """
        senses = self.senses(lemma)
        if not senses or (len(senses) > 1 and 2 * senses[0].uses < max(1, sum(s.uses for s in senses))):
            return None
        usual = senses[0]
        others = tuple(
            dict.fromkeys(w for w in self.lemmas(usual) if w != lemma and _is_plain(w) and self._stands_for(w, usual))
        )
        return (usual.kind, others) if others else None

    def _stands_for(self, word: str, sense: Sense) -> bool:
        same = (s for s in self.senses(word) if (s.kind, s.offset) == (sense.kind, sense.offset))
        return any(s.rank <= _RANK and s.uses for s in same)

    @cached_property
    def _files(self) -> dict[str, mmap.mmap]:
        return {name: _map(self.folder / name) for name in FILES}

    def _lines(self, prefix: bytes) -> Iterator[bytes]:
        """The lines of the sorted `index.sense` that begin so."""
        file = self._files["index.sense"]
        low, high = 0, len(file)
        while low < high:  # the first line that is not below the prefix begins in [low, high]
            middle = max(low, file.rfind(b"\n", 0, (low + high) // 2) + 1)
            end = file.find(b"\n", middle) + 1 or len(file)
            low, high = (end, high) if file[middle:end] < prefix else (low, middle)
        while file[low : low + len(prefix)] == prefix:
            end = file.find(b"\n", low) + 1 or len(file)
            yield file[low:end]
            low = end


def _map(path: Path) -> mmap.mmap:
    if not path.stat().st_size:
        raise IntegrityError(f"{path} is empty.", "Install WordNet's files again.")
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _sense(line: bytes) -> Sense:
    try:
        key, offset, rank, count = line.decode("utf-8", "replace").split()
        return Sense(KINDS[key.split("%")[1][0]], int(offset), int(rank), int(count))
    except (ValueError, KeyError, IndexError):
        cause = f"index.sense holds {line[:60]!r}; a line is a sense key and three numbers."
        raise IntegrityError(cause, "Install WordNet's files again.") from None


def _is_plain(word: str) -> bool:
    return len(word) > 2 and word.isalpha() and word.islower()
