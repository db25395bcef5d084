"""A text file as a stream of UTF-8, whatever its encoding and compression, in bounded memory.

A file is read several times (checked, converted, searched for the line of a fault) rather than held.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from finetune.data.files.signatures import refuse_bare_utf16, refuse_other_formats
from finetune.errors import DataError, EncodingError, RecipeError, SourceError

_STEP = 1 << 20  # bytes read at once
_MARKS = (  # UTF-32 first: its little-endian mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_CONTROLS = bytes(set(range(32)) - {9, 10, 13})
_DOS_END = b"\x1a"


@dataclass
class TextFile:
    """A file that was read once from end to end, and is known to be text.

    Attributes:
        path: Where it is.
        encoding: What its bytes are decoded with.
        sha256: Hash of its text as UTF-8, hex.
        size: Bytes of its text as UTF-8.
        quotes: Number of double quotes.
        notes: What was inferred, or kept although it looks like damage.
    """

    path: Path
    encoding: str
    sha256: str = ""
    size: int = 0
    quotes: int = 0
    notes: list[str] = field(default_factory=list)
    _stamp: tuple[int, int] = (0, 0)

    @classmethod
    def check(cls, path: Path, encoding: str) -> TextFile:
        """Read a file through.

        Args:
            path: Plain, or compressed with gzip, bzip2 or xz, which its first bytes tell.
            encoding: What the recipe says; a byte order mark overrules it, with a note.

        Raises:
            SourceError: It may not be read. RecipeError: No such encoding. EncodingError: Not text in the encoding.
            DataError: It is a workbook, an archive or another format; or its compression is damaged.
        """
        _known(encoding)
        file = cls(path, encoding, _stamp=_stamp(path))
        with file._bytes() as stream:
            head = file._read(stream)
        refuse_other_formats(head, path)
        file._heed_mark(head)
        refuse_bare_utf16(head, path, codecs.lookup(file.encoding).name)
        file._scan()
        return file

    def open(self) -> IO[bytes]:
        """The text as UTF-8, without a byte order mark and without the Ctrl-Z with which DOS ended files."""
        return cast("IO[bytes]", io.BufferedReader(_Stream(self._blocks()), _STEP))

    def open_text(self) -> io.TextIOWrapper:
        """The text with its line ends as they stand; `\\n`, `\\r\\n` and a lone `\\r` each end a line."""
        return io.TextIOWrapper(self.open(), encoding="utf-8", newline="")

    def refuse_change(self) -> None:
        """Stop where the file is not the one that was checked.

        Raises:
            SourceError: Its size or its time of change differ.
        """
        if _stamp(self.path) != self._stamp:
            raise SourceError(f"{self.path} was changed while it was read.", "Run again when nothing writes to it.")

    def _heed_mark(self, head: bytes) -> None:
        marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
        if marked is None:
            return
        if not codecs.lookup(self.encoding).name.startswith(marked[:6]):  # utf-16 and utf-16-le say the same
            self.notes.append(f"The text is decoded as {marked}, as its byte order mark says, not as {self.encoding}.")
            self.encoding = marked
        elif self.encoding.lower().replace("_", "-") in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
            self.encoding = marked

    def _scan(self) -> None:
        digest, controls, nuls, last = hashlib.sha256(), 0, 0, b""
        with closing(self._blocks(keep_end=True)) as blocks:
            for block in blocks:
                digest.update(block)
                self.size += len(block)
                self.quotes += block.count(b'"')
                controls += len(block) - len(block.translate(None, _CONTROLS))
                nuls += block.count(0)
                last = block
        self.sha256 = digest.hexdigest()
        if last.endswith(_DOS_END):
            controls -= len(last) - len(last.rstrip(_DOS_END))
            self.notes.append("A Ctrl-Z at the end, with which DOS ended files, is left out.")
        if controls:
            of = f", {nuls} of them NUL" if nuls else ""
            self.notes.append(f"The text holds {controls} control characters{of}; they are kept.")

    def _blocks(self, *, keep_end: bool = False) -> Generator[bytes, None, None]:
        held = b""  # one block behind, so that the end can be trimmed
        for text in self._texts():
            if text:
                if held:
                    yield held
                held = text.encode("utf-8")
        held = held if keep_end else held.rstrip(_DOS_END)
        if held:
            yield held

    def _texts(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self.encoding)()
        first = True
        with self._bytes() as stream:
            while True:
                block = self._read(stream)
                try:
                    text = decoder.decode(block, final=not block)
                except UnicodeDecodeError as error:
                    raise self._not_text(error) from None
                yield text.removeprefix("\ufeff") if first else text
                if not block:
                    return
                first = first and not text

    def _bytes(self) -> IO[bytes]:
        try:
            with self.path.open("rb") as stream:
                magic = stream.read(6)
            if magic.startswith(b"\x1f\x8b"):
                return cast("IO[bytes]", gzip.open(self.path))
            if magic.startswith(b"BZh"):
                return cast("IO[bytes]", bz2.open(self.path))
            if magic == b"\xfd7zXZ\x00":
                return cast("IO[bytes]", lzma.open(self.path))
            return self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _read(self, stream: IO[bytes]) -> bytes:
        try:
            return stream.read(_STEP)
        except (OSError, zlib.error, lzma.LZMAError, EOFError) as error:
            if isinstance(error, OSError) and error.errno:
                raise _unreadable(self.path, error) from None
            raise DataError(
                f"{self.path} cannot be decompressed: {str(error).rstrip('.')}.",
                "It is damaged or was cut off: fetch it again.",
            ) from None

    def _not_text(self, error: UnicodeDecodeError) -> EncodingError:
        """The error, with the line: only now is it worth counting them."""
        before = error.object[: error.start].decode(self.encoding, "ignore")
        line = 1 + _line_ends(before) + self._lines_before_fault()
        return EncodingError(
            f"{self.path}, line {line}: byte 0x{error.object[error.start]:02x} is not {self.encoding} text.",
            "Set data.reader.encoding to the file's own, often cp1252 (Windows), latin-1 or utf-16.",
        )

    def _lines_before_fault(self) -> int:
        """Line ends in all that was decoded before the faulty block."""
        decoder, lines, held = codecs.getincrementaldecoder(self.encoding)(), 0, ""
        with self._bytes() as stream:
            try:
                while data := self._read(stream):
                    text = held + decoder.decode(data)
                    held = "\r" if text.endswith("\r") else ""  # its other half may stand in the next block
                    lines += _line_ends(text.removesuffix("\r"))
            except UnicodeDecodeError:
                pass
        return lines + len(held)


class _Stream(io.RawIOBase):
    """Blocks of bytes as a stream that Arrow and `csv` can read."""

    def __init__(self, blocks: Generator[bytes, None, None]) -> None:
        super().__init__()
        self._blocks, self._rest = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)

    def close(self) -> None:
        self._blocks.close()  # the file behind it
        super().close()


def _known(encoding: str) -> None:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding).close()  # also refuses codecs such as hex, which give no text
    except LookupError:
        raise RecipeError(
            f"data.reader.encoding {encoding!r} is not known.", "Use utf-8, latin-1, cp1252, utf-16 …"
        ) from None


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return status.st_size, status.st_mtime_ns


def _unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(f"{path} cannot be read: {error.strerror or error}.", "Check its permissions.")
