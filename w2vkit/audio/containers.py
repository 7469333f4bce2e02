"""Where a source holds more than its header states: files that were joined, and headers that were never finished.

Programs that join files byte by byte (``cat a.m4a b.m4a``) leave a second header in the middle, at which decoders stop
without an error. A recorder that was interrupted leaves a size of 0, or of whatever it had written by then.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Literal

SCAN = 2**20  # bytes read at a time
LONGEST = 64  # bytes of a beginning, more than any expression below takes
UNKNOWN_SIZE = {4: 0x7FFF_0000, 8: 2**47}  # by the bytes of the field; programs that write into a pipe state at least this
MOST_CHUNKS = 1000
MOST_PARTS = 10_000
W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
FIRST_BLOCK = bytes(flags for flags in range(256) if flags & 8)  # of a WavPack file, in its flags

# How files begin of which a decoder reads one, where several are joined: a fixed text, its place, and the whole beginning.
BEGINNINGS = [
    (text, at, re.compile(beginning, re.DOTALL))
    for text, at, beginning in (
        (b"ftyp", 4, rb"\0\0\0[\x08-\xff]ftyp"),  # MP4, M4A, MOV, 3GP
        (b"RIFF", 0, rb"RIFF....(WAVE|QLCM)"),
        (b"RF64", 0, rb"RF64....WAVE"),
        (b"FORM", 0, rb"FORM....AIF[FC]"),
        (b".snd\0\0", 0, rb"\.snd\0\0.{6}\0\0\0.\0\0..\0\0\0[\x01-\x06]"),
        (W64_RIFF, 0, re.escape(W64_RIFF)),
        (b"caff\0\x01", 0, rb"caff\0\x01..desc\0\0\0\0\0\0\0\x20"),
        (b"FLV\x01", 0, rb"FLV\x01[\0-\x05]\0\0\0\t"),
        (b"wvpk", 0, rb"wvpk.{5}\x04\0.{5}\0\0\0\0(?!\0\0\0\0).{5}[" + re.escape(FIRST_BLOCK) + rb"]"),
        (b"TTA1", 0, rb"TTA1\x01\0[\x01-\x06]\0[\x08\x10\x18]\0"),
        (b"#!AMR", 0, rb"#!AMR(-WB)?\n"),
        (b"Creative Voice File\x1a", 0, rb"Creative Voice File\x1a"),
        (b"NIST_1A\n", 0, rb"NIST_1A\n   1024\n"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0, rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),  # ASF
        (b"nut/multimedia container\0", 0, rb"nut/multimedia container\0"),
        (b".RMF\0\0\0", 0, rb"\.RMF\0\0\0\x12\0[\0\x01]"),
    )
]


class Part:
    """The bytes ``start`` to ``stop`` of a file, of which some are replaced; what decoders take for a file.

    Parameters
    ----------
    file : seekable binary file
    start, stop : int
    at : int
        Where, from ``start`` on, the bytes are replaced by ``new``.
    new : bytes
    """

    def __init__(self, file: BinaryIO, start: int, stop: int, at: int = 0, new: bytes = b"") -> None:
        self.length = stop - start
        self._file, self._start, self._at, self._new, self._position = file, start, at, new, 0

    def with_new(self, at: int, new: bytes) -> "Part":
        """Give the same part with some bytes replaced."""
        return Part(self._file, self._start, self._start + self.length, at, new)

    def tell(self) -> int:
        """Give the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position, or to the nearest end: damaged headers lead anywhere."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.length}[whence]
        self._position = min(max(0, base + offset), self.length)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read bytes, all that are left by default."""
        left = self.length - self._position
        self._file.seek(self._start + self._position)
        data = self._file.read(left if size < 0 else min(size, left))
        first, last = max(self._at, self._position), min(self._at + len(self._new), self._position + len(data))
        if first < last:
            new = self._new[first - self._at : last - self._at]
            data = data[: first - self._position] + new + data[last - self._position :]
        self._position += len(data)
        return data


def parts(file: BinaryIO) -> list[Part]:
    """Cut a file into the files that were joined to it; one part if it is a single file."""
    starts = [0, *islice(_further_beginnings(file), MOST_PARTS - 1)]
    stops = [*starts[1:], file.seek(0, io.SEEK_END)]
    return [Part(file, start, stop) for start, stop in zip(starts, stops, strict=True)]


def _further_beginnings(file: BinaryIO) -> Iterator[int]:
    file.seek(0)
    head = file.read(LONGEST)
    kind = next((kind for kind in BEGINNINGS if kind[2].match(head)), None)
    if kind is None:
        return
    text, at, beginning = kind
    whole = Part(file, 0, file.seek(0, io.SEEK_END))
    size = _size(whole)
    # No further file begins within the sound of a header that is right, which is most of the file.
    position = size.sound + size.stated if size and size.sound + size.stated <= whole.length else LONGEST
    while position < whole.length:
        whole.seek(position - LONGEST)
        block, found = whole.read(SCAN), -1
        while (found := block.find(text, found + 1)) >= 0:
            start, here = position - LONGEST + found - at, found - at
            # What begins in the last bytes of a block is found again in the next one.
            if start > 0 and 0 <= here < SCAN - LONGEST and beginning.match(block, here):
                yield start
        position += SCAN - LONGEST


@dataclass(frozen=True)
class _Size:
    """The field that states how many bytes of sound there are."""

    at: int  # where it is
    width: int
    order: Literal["little", "big"]
    stated: int
    sound: int  # where the sound begins
    header: int = 0  # bytes that are counted too


def finished(part: Part) -> tuple[Part, bool]:
    """Give a part whose header states all of its sound, and whether it stated less.

    Only where a header states no size, an impossible one, or where sound follows: a recorder was interrupted.
    """
    size = _size(part)
    if size is None:
        return part, False
    there = part.length - size.sound
    unknown = size.stated > there and size.stated >= UNKNOWN_SIZE[size.width]
    less = size.stated < there and _is_sound(part, size)
    if not (unknown or less):
        return part, False
    new = min(there + size.header, 256**size.width - 1).to_bytes(size.width, size.order)
    return part.with_new(size.at, new), less


def _is_sound(part: Part, size: _Size) -> bool:
    """Whether sound follows what a header states: not the name of a further chunk or a tag, which is ASCII, nor zeros."""
    part.seek(size.sound + size.stated + size.stated % 2)
    behind = part.read(4096)
    return (size.stated == 0 or any(behind)) and not (behind[:3].isascii() and behind[:3].decode().isprintable())


def _size(part: Part) -> _Size | None:
    part.seek(0)
    head = part.read(40)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        size = _chunk(part, b"data", 12, 4, 4, "big" if head[:4] == b"RIFX" else "little")
        if size and head[:4] == b"RF64" and head[12:16] == b"ds64" and size.stated == 2**32 - 1:
            return _Size(28, 8, "little", int.from_bytes(head[28:36], "little"), size.sound)
        return size
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return _chunk(part, b"SSND", 12, 4, 4, "big")
    if head[:4] == b".snd":
        return _Size(8, 4, "big", int.from_bytes(head[8:12], "big"), int.from_bytes(head[4:8], "big"))
    if head[:16] == W64_RIFF:
        return _chunk(part, W64_DATA, 40, 16, 8, "little", counted=True)
    if head[:4] == b"caff":
        return _chunk(part, b"data", 8, 4, 8, "big")
    return None


def _chunk(
    part: Part, name: bytes, at: int, name_width: int, width: int, order: Literal["little", "big"], *, counted: bool = False
) -> _Size | None:
    """Find a chunk: its name, the size of its content, and the content. W64 counts name and size, and aligns to 8 bytes."""
    before = name_width + width
    for _ in range(MOST_CHUNKS):
        part.seek(at)
        head = part.read(before)
        if len(head) < before:
            return None
        stated = int.from_bytes(head[name_width:], order) - (before if counted else 0)
        if head.startswith(name):
            return _Size(at + name_width, width, order, max(0, stated), at + before, before if counted else 0)
        content = max(0, stated)
        at += before + content + (-content % 8 if counted else content % 2 if width == 4 else 0)
    return None
