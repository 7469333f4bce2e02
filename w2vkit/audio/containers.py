"""Files that hold more than their header states: joined files, and headers that were never finished.

Programs that join files byte by byte (``cat a.m4a b.mp3``) leave a second header in the middle, at which decoders stop
without an error, or which they take for sound. A recorder that was interrupted leaves a size of 0, or of whatever it had
written by then.
"""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

SCAN = 2**20  # bytes read at a time
LONGEST = 64  # bytes; more than any expression below needs to know the beginning of a file
UNKNOWN_SIZE = {4: 0x7FFF_0000, 8: 2**47}  # by the bytes of the field; programs that write into a pipe state at least this
MOST_CHUNKS = 1000
MOST_PARTS = 10_000
NIST_HEADER = 1024  # bytes
NIST_NUMBER = re.compile(rb"(sample_count|sample_n_bytes|channel_count) -i (\d{1,15})\n")
# By the beginning of a file: where its header states them, in four bytes. The headers of IRCAM, PAF and PVF state no length.
FRAME_COUNTS: dict[bytes, tuple[int, Literal["little", "big"]]] = {
    b"2BIT": (26, "big"),  # AVR
    b"ALawSoundFile**\0": (18, "big"),  # WVE
    b"\x01\x04": (30, "little"),  # Akai MPC 2000
    b"\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\x0b\0\0\0samplerate": (47, "little"),  # MAT4, in its second matrix
    b"\0\0\x03\xe8\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\x0bsamplerate": (47, "big"),
}
MOST_FRAMES = 0x10FFFF  # whose numbers Python encodes
W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
FIRST_BLOCK = bytes(flags for flags in range(256) if flags & 8)  # of a WavPack file, in its flags

FRAMES = 3  # so many MP3 or ADTS frames in a row do not occur by chance
TS_PACKET = 188  # bytes
# Where a file without a header may begin, of a kind that is known by its frames.
SYNC = re.compile(rb"\xff[\xe2-\xe7\xf0-\xf5\xf8-\xfd]|ID3[\x02-\x04]\0|\x0bw|G[@`][\0\x11]")
RATES = (44_100, 48_000, 32_000)  # Hz; of MPEG 1, halved for MPEG 2
BIT_RATES = {  # kbit/s, by version and layer
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
AC3_BIT_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)  # kbit/s


class Part:
    """The bytes ``start`` to ``stop`` of a file, some of them replaced, as a file for decoders.

    Parameters
    ----------
    file : seekable binary file
    start, stop : int
    at : int
        Where, from ``start`` on, the bytes are replaced by ``new``.
    new : bytes
    cut_off : bool
        Whether the file ends within a page, packet or frame.
    """

    def __init__(self, file: BinaryIO, start: int, stop: int, at: int = 0, new: bytes = b"", *, cut_off: bool = False) -> None:
        self.length, self.cut_off = stop - start, cut_off
        self._file, self._start, self._at, self._new, self._position = file, start, at, new, 0

    def with_new(self, at: int, new: bytes) -> "Part":
        """Give the same part with some bytes replaced."""
        return Part(self._file, self._start, self._start + self.length, at, new, cut_off=self.cut_off)

    def up_to(self, stop: int) -> "Part":
        """Give the part up to a position, as it was before any bytes were replaced."""
        return Part(self._file, self._start, self._start + stop)

    def rest(self, start: int) -> "Part":
        """Give the part from a position on, as it was before any bytes were replaced."""
        return Part(self._file, self._start + start, self._start + self.length)

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
    """Cut a file into the files that were joined to it; one part if it is a single file. Tags before the first are left out."""
    stop = file.seek(0, io.SEEK_END)
    whole = Part(file, 0, stop)
    starts, cut_off = [_behind_tags(whole)], False
    kind = _beginning(whole, starts[0])
    while kind and len(starts) < MOST_PARTS:
        position, sure = kind.end(whole, starts[-1]) if kind.end else (starts[-1] + LONGEST, False)
        # The last page, packet or frame goes beyond the end; of an AVI, which is one chunk or a few, no end was found.
        cut_off = position > max(stop, starts[-1] + LONGEST) if sure else kind.end is _end_of_riff
        found = _next(whole, position, kind, sure=sure)
        kind = found[0] if found else None
        starts += [found[1]] if found else []
    stops = [*starts[1:], stop]
    last = len(starts) - 1
    return [Part(file, a, b, cut_off=cut_off and k == last) for k, (a, b) in enumerate(zip(starts, stops, strict=True))]


def _behind_tags(whole: Part) -> int:
    """Give the end of ID3v2 tags at the beginning of a file of another kind than MPEG and ADTS frames, which have them."""
    start = 0
    while (end := _end_of_tag(whole, start)) > start:
        start = end
    found = _beginning(whole, start) if start else None
    return start if found and found.text else 0


@dataclass(frozen=True)
class _Kind:
    """How files of a kind begin, and where they end.

    Attributes
    ----------
    text, at : bytes, int
        Bytes that every such file has, and their place. Empty for a kind that is known by its frames.
    beginning : re.Pattern
        Matches the first bytes.
    check : callable, optional
        Takes the file and a position; gives whether a file of this kind begins there.
    end : callable, optional
        Takes the file and the position of this kind's beginning; gives the first position at which another file may begin,
        and whether that is sure. If not, only kinds with a `text` are searched for, as sound may look like frames.
    joined : bool
        Whether its decoder also decodes another file of this kind that follows.
    """

    text: bytes
    at: int
    beginning: re.Pattern[bytes]
    check: Callable[[Part, int], bool] | None = None
    end: Callable[[Part, int], tuple[int, bool]] | None = None
    joined: bool = False

    def begins(self, whole: Part, block: bytes, here: int, start: int) -> bool:
        """Whether a file of this kind begins at ``here`` in a block, which is at ``start`` in the file."""
        return bool(self.beginning.match(block, here)) and (self.check is None or self.check(whole, start))


def _beginning(whole: Part, start: int) -> _Kind | None:
    """Give the kind of the file that begins at a position, if its end, or its successor, can be found."""
    whole.seek(start)
    head = whole.read(LONGEST)
    return next((kind for kind in KINDS if kind.begins(whole, head, 0, start)), None)


def _next(whole: Part, position: int, kind: _Kind, *, sure: bool) -> tuple[_Kind, int] | None:
    """Find the next file, from a position within or behind one of a kind."""
    others = [other for other in KINDS if not (other is kind and kind.joined)]
    size = 4096  # many short files may be joined; most are one
    while position < whole.length:
        whole.seek(position)
        block = whole.read(size + LONGEST)
        found = [(place, other) for other in others if other.text for place in _places(whole, block, position, size, other)]
        if sure:
            last = min((place for place, _ in found), default=position + size)
            found += [(place, other) for place, other in _frames_in(whole, block, position, last, others)]
        if found:
            place, other = min(found, key=lambda one: one[0])
            return other, place
        position, size = position + size, min(2 * size, SCAN)
    return None


def _places(whole: Part, block: bytes, position: int, size: int, kind: _Kind) -> list[int]:
    """Give the first place in a block at which a kind begins; none if it does not."""
    found = -1
    while (found := block.find(kind.text, found + 1)) >= 0:
        here = found - kind.at
        if here >= size:
            return []
        if here >= 0 and kind.begins(whole, block, here, position + here):
            return [position + here]
    return []


def _frames_in(whole: Part, block: bytes, position: int, last: int, kinds: list[_Kind]) -> Iterator[tuple[int, _Kind]]:
    """Give the first place before ``last`` at which a kind without a header begins."""
    for match in SYNC.finditer(block):
        start = position + match.start()
        if start >= last:
            return
        for kind in kinds:
            if not kind.text and kind.begins(whole, block, match.start(), start):
                yield start, kind
                return


Frame = Callable[[bytes], tuple[int, bytes]]


def _mpeg_frame(head: bytes) -> tuple[int, bytes]:
    """Give the length of an MPEG frame by its first bytes, and what frames of one stream share; 0 if it is none."""
    version, layer = {3: 1, 2: 2, 0: 4}.get(head[1] >> 3 & 3, 0), 4 - (head[1] >> 1 & 3)
    bits, rate = head[2] >> 4, head[2] >> 2 & 3
    table = BIT_RATES.get((min(version, 2), layer))
    if head[0] != 0xFF or head[1] < 0xE0 or not version or table is None or bits in (0, 15) or rate == 3:
        return 0, b""
    slots = 72 if version > 1 and layer == 3 else 144
    return slots * table[bits - 1] * 1000 // (RATES[rate] // version) + (head[2] >> 1 & 1), bytes([head[1], head[2] & 0x0C])


def _adts_frame(head: bytes) -> tuple[int, bytes]:
    """Give the length of an ADTS frame by its first bytes, and what frames of one stream share; 0 if it is none."""
    if head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return 0, b""
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return (length if length > 7 else 0), bytes([head[1], head[2]])


def _ac3_frame(head: bytes) -> tuple[int, bytes]:
    """Give the length of an AC-3 or E-AC-3 frame by its first bytes, and what frames of one stream share; 0 if it is none."""
    rate, code = head[4] >> 6, head[4] & 63
    if head[:2] != b"\x0bw" or head[5] >> 3 > 16 or (head[5] >> 3 <= 10 and (rate == 3 or code > 37)):
        return 0, b""
    if head[5] >> 3 > 10:
        return 2 * ((head[2] & 7) << 8 | head[3]) + 2, bytes([head[5] >> 3])
    hertz = (48_000, 44_100, 32_000)[rate]
    return 2 * (AC3_BIT_RATES[code >> 1] * 96_000 // hertz + (rate == 1 and code & 1)), bytes([rate, head[5] >> 3])


def _in_a_row(frame: Frame) -> Callable[[Part, int], bool]:
    def check(whole: Part, start: int) -> bool:
        shared = set[bytes]()
        for _ in range(FRAMES):
            whole.seek(start)
            if len(head := whole.read(6)) < 6:
                return False
            length, same = frame(head)
            shared.add(same)
            if not length or len(shared) > 1:
                return False
            start += length
        return True

    return check


def _is_ts(whole: Part, start: int) -> bool:
    whole.seek(start)
    return whole.read(4 * TS_PACKET + 1)[::TS_PACKET] == b"GGGGG"


def _end_of_tag(whole: Part, start: int) -> int:
    """Give the end of the ID3v2 tag that begins at a position; the position itself if none does."""
    whole.seek(start)
    head = whole.read(10)
    if not re.match(rb"ID3[\x02-\x04]\0.[\0-\x7f]{4}", head, re.DOTALL):
        return start
    return start + 10 + sum(byte << 7 * index for index, byte in enumerate(reversed(head[6:])))


def _first_frame(whole: Part, start: int) -> int:
    """Pass the ID3v2 tag that begins at a position, and the zeros behind it; give the position itself if none does."""
    if (end := _end_of_tag(whole, start)) == start:
        return start
    whole.seek(end)
    padding = whole.read(4096)
    return end + len(padding) - len(padding.lstrip(b"\0"))


def _tagged(frame: Frame) -> Callable[[Part, int], bool]:
    """Check for frames after a tag; a tag without frames belongs to the file before it."""
    check = _in_a_row(frame)
    return lambda whole, start: check(whole, _first_frame(whole, start))


def _end_of_frames(frame: Frame) -> Callable[[Part, int], tuple[int, bool]]:
    """Follow the frames up to the first bytes that are none."""

    def end(whole: Part, start: int) -> tuple[int, bool]:
        position, at = _first_frame(whole, start), 1
        while at:
            whole.seek(position)
            block, at = whole.read(SCAN), 0
            while at + 6 <= len(block) and (length := frame(block[at : at + 6])[0]):
                at += length
            position += at
        return max(position, start + LONGEST), True

    return end


def _at_once(whole: Part, start: int) -> tuple[int, bool]:
    return start + LONGEST, True


def _end_of_sound(whole: Part, start: int) -> tuple[int, bool]:
    """Skip the sound, most of the file, if its header states a size that fits."""
    rest = whole.rest(start)
    size = _size(rest)
    fits = size is not None and size.sound + size.stated <= rest.length
    return start + (size.sound + size.stated if size and fits else LONGEST), fits


def _end_of_riff(whole: Part, start: int) -> tuple[int, bool]:
    """Follow the parts of an AVI; all but the first are called AVIX."""
    position, names = start, b"AVI "
    while True:
        whole.seek(position)
        head = whole.read(12)
        if head[:4] != b"RIFF" or head[8:12] != names:
            return (position, True) if position > start else (start + LONGEST, False)
        size, names = int.from_bytes(head[4:8], "little"), b"AVIX"
        if not 0 < size <= whole.length - position - 8:
            return position + LONGEST, False
        position += 8 + size + size % 2


def _end_of_boxes(whole: Part, start: int) -> tuple[int, bool]:
    """Follow the boxes of an MP4 up to the first bytes that are none."""
    position = start
    while position < whole.length:
        whole.seek(position)
        head = whole.read(16)
        name, size = head[4:8], int.from_bytes(head[:4], "big")
        if not re.fullmatch(rb"[\x20-\x7e]{4}", name) or (name == b"ftyp" and position > start):
            return position, True
        size = int.from_bytes(head[8:], "big") if size == 1 else size
        if not 8 <= size <= whole.length - position:  # up to the end, or cut off before another file
            return position + 8, False
        position += size
    return position, True


def _end_of_segment(whole: Part, start: int) -> tuple[int, bool]:
    """Give the end of a Matroska file; where it states no length, the end of the whole, up to which FFmpeg decodes."""
    position = start
    for name in (b"\x1aE\xdf\xa3", b"\x18S\x80g"):
        whole.seek(position)
        head = whole.read(12)
        width = 9 - head[4].bit_length() if len(head) > 4 and head[4] else 9
        size = int.from_bytes(head[4 : 4 + width], "big") & (1 << 7 * min(width, 8)) - 1
        if head[:4] != name or width > 8 or size == (1 << 7 * width) - 1 or size > whole.length - position:
            return whole.length, False
        position += 4 + width + size
    return position, True


def _end_of_pages(whole: Part, start: int) -> tuple[int, bool]:
    """Follow the pages of an Ogg file up to the first bytes that are none, or to another codec, rate or number of channels."""
    position, streams, sound = start, set[bytes](), False
    while True:
        whole.seek(position)
        head = whole.read(27)
        if len(head) < 27 or head[:5] != b"OggS\0":
            return max(position, start + LONGEST), True
        lacing = whole.read(head[26])
        if head[5] & 2:
            stream = whole.read(min(LONGEST, sum(lacing)))  # its first packet has all of them
            if sound and stream not in streams:
                return position, True
            streams.add(stream)
        else:
            sound = True
        position += 27 + len(lacing) + sum(lacing)


def _end_of_packets(whole: Part, start: int) -> tuple[int, bool]:
    """Follow the packets of an MPEG transport stream."""
    position, count = start, SCAN // TS_PACKET
    while True:
        whole.seek(position)
        marks = whole.read(count * TS_PACKET)[::TS_PACKET]
        whole_ones = len(marks) - len(marks.lstrip(b"G"))
        position += whole_ones * TS_PACKET
        if whole_ones < count:
            return position, True


def _end_of_tags(whole: Part, start: int) -> tuple[int, bool]:
    """Follow the tags of an FLV file: each states its type and length, and is followed by its whole length."""
    position = last = start + 13
    while True:
        whole.seek(position)
        head = whole.read(11)
        if len(head) < 11:
            return max(position, start + LONGEST), True
        if head[0] not in (8, 9, 18) or any(head[8:]):
            return max(last, start + LONGEST), True  # another file may begin within the last tag, if that was cut off
        last, position = position, position + 15 + int.from_bytes(head[1:4], "big")


def _end_of_asf(whole: Part, start: int) -> tuple[int, bool]:
    whole.seek(start)
    head = whole.read(SCAN // 16)
    found = head.find(ASF_PROPERTIES)
    size = int.from_bytes(head[found + 40 : found + 48], "little") if found > 0 else 0
    return (start + size, True) if LONGEST <= size <= whole.length - start else (start + LONGEST, False)


def _end_of_flac(whole: Part, start: int) -> tuple[int, bool]:
    """Skip all of a file whose last frame is there, else its metadata, which may hold the header of the original WAV.

    The end of a FLAC frame cannot be found without decoding it, which would take as long as reading the whole file. To look for
    another FLAC file is quick. FFmpeg reads on there, but takes frames twice if their size has changed.
    """
    position, final = start + 4, False
    while not final and position < whole.length:
        whole.seek(position)
        head = whole.read(4)
        final = head[:1] >= b"\x80"
        position += 4 + int.from_bytes(head[1:4], "big")
    position = here = max(position, start + LONGEST)
    while here < whole.length:
        whole.seek(here)
        block = whole.read(SCAN + LONGEST)
        if found := FLAC.search(block):
            return here + found.start(), True
        here += SCAN
    whole.seek(start + 8)
    about = whole.read(34)
    block, longest, samples = (int.from_bytes(about[a:b], "big") for a, b in ((2, 4), (7, 10), (13, 18)))
    last = ((samples & (1 << 36) - 1) - 1) // block if block else -1
    if 0 <= last <= MOST_FRAMES:
        number = chr(last).encode("utf-8", "surrogatepass")  # frames are numbered like this
        whole.seek(max(start, whole.length - (min(longest, SCAN // 4) or SCAN // 16) - LONGEST - 128))
        if re.search(rb"\xff\xf8.." + re.escape(number), whole.read(), re.DOTALL):
            return whole.length, True
    return position, True


def _end_of_wavpack(whole: Part, start: int) -> tuple[int, bool]:
    """Follow the blocks; the first may hold the header of the original WAV."""
    position = last = start
    while True:
        whole.seek(position)
        head = whole.read(LONGEST)
        if position < whole.length and head[:4] != b"wvpk":
            return last + LONGEST, True  # another file may begin within the last block, if that was cut off
        if not head or (position > start and WAVPACK.match(head)):
            return max(position, start + LONGEST), True
        last, position = position, position + 8 + max(LONGEST, int.from_bytes(head[4:8], "little"))


def _re(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


FLAC = _re(rb"fLaC[\0\x80]\0\0\x22")
WAVPACK = _re(rb"wvpk.{5}\x04\0.{5}\0\0\0\0(?!\0\0\0\0).{5}[" + re.escape(FIRST_BLOCK) + rb"]")
KINDS = (
    _Kind(b"ftyp", 4, _re(rb"\0\0\0[\x08-\xff]ftyp"), end=_end_of_boxes),  # MP4, M4A, MOV, 3GP
    _Kind(b"RIFF", 0, _re(rb"RIFF....(WAVE|QLCM)"), end=_end_of_sound),
    _Kind(b"RIFF", 0, _re(rb"RIFF....AVI "), end=_end_of_riff),
    _Kind(b"RF64", 0, _re(rb"RF64....WAVE"), end=_end_of_sound),
    _Kind(b"FORM", 0, _re(rb"FORM....AIF[FC]"), end=_end_of_sound),
    _Kind(b".snd\0\0", 0, _re(rb"\.snd\0\0.{6}\0\0\0.\0\0..\0\0\0[\x01-\x06]"), end=_end_of_sound),
    _Kind(W64_RIFF, 0, _re(re.escape(W64_RIFF)), end=_end_of_sound),
    _Kind(b"caff\0\x01", 0, _re(rb"caff\0\x01..desc\0\0\0\0\0\0\0\x20"), end=_end_of_sound),
    _Kind(b"\x1aE\xdf\xa3", 0, _re(rb"\x1aE\xdf\xa3.{1,48}(webm|matroska)"), end=_end_of_segment),
    _Kind(b"OggS\0\x02", 0, _re(rb"OggS\0\x02\0{8}"), end=_end_of_pages),
    _Kind(b"fLaC\0\0\0\x22", 0, _re(rb"fLaC\0\0\0\x22"), end=_end_of_flac),
    _Kind(b"fLaC\x80\0\0\x22", 0, _re(rb"fLaC\x80\0\0\x22"), end=_end_of_flac),  # without further metadata
    _Kind(b"FLV\x01", 0, _re(rb"FLV\x01[\0-\x05]\0\0\0\t"), end=_end_of_tags),
    _Kind(b"wvpk", 0, WAVPACK, end=_end_of_wavpack),
    _Kind(b"TTA1", 0, _re(rb"TTA1\x01\0[\x01-\x06]\0[\x08\x10\x18]\0"), end=_at_once),
    _Kind(b"#!AMR", 0, _re(rb"#!AMR(-WB)?\n"), end=_at_once),
    _Kind(b"Creative Voice File\x1a", 0, _re(rb"Creative Voice File\x1a"), end=_at_once),
    _Kind(b"NIST_1A\n", 0, _re(rb"NIST_1A\n   1024\n")),
    _Kind(ASF[:8], 0, _re(re.escape(ASF)), end=_end_of_asf),
    _Kind(b"nut/multimedia container\0", 0, _re(rb"nut/multimedia container\0")),
    _Kind(b".RMF\0\0\0", 0, _re(rb"\.RMF\0\0\0\x12\0[\0\x01]")),
    _Kind(b"", 0, _re(rb"\xff|ID3"), check=_tagged(_mpeg_frame), end=_end_of_frames(_mpeg_frame), joined=True),
    _Kind(b"", 0, _re(rb"\xff|ID3"), check=_tagged(_adts_frame), end=_end_of_frames(_adts_frame), joined=True),
    _Kind(b"", 0, _re(rb"\x0bw"), check=_in_a_row(_ac3_frame), end=_end_of_frames(_ac3_frame), joined=True),
    _Kind(b"", 0, _re(rb"G"), check=_is_ts, end=_end_of_packets, joined=True),
)


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
    """Give a part whose header states all of its sound, and whether it stated less before.

    The header is changed only if it states no size or an impossible one, or if sound follows: a recorder was interrupted.
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


def without_rest(part: Part) -> Part:
    """Give a W64 file without what follows its sound and is none; libsndfile would take it for sound."""
    size = _size(part)
    rest = size is not None and size.width == 8 and size.header and size.stated < part.length - size.sound
    return part.up_to(size.sound + size.stated) if size and rest and not _is_sound(part, size) else part


def stated_share(part: Part) -> float:
    """Give how much sound a header states, as a share of what is there: above 1 if its end is missing, 1 if that is unknown."""
    size = _size(part)
    stated, sound = (size.stated, size.sound) if size else _stated_elsewhere(part)
    unknown = not stated or (size and stated >= UNKNOWN_SIZE[size.width])
    return 1.0 if unknown else stated / max(1, part.length - sound)


def _stated_elsewhere(part: Part) -> tuple[int, int]:
    """Give how many bytes of sound a header states in another way, 0 if it states none, and where they begin."""
    part.seek(0)
    head = part.read(NIST_HEADER)
    if head.startswith(b"NIST_1A\n"):
        found = {name: int(number) for name, number in NIST_NUMBER.findall(head)}
        return found.get(b"sample_count", 0) * found.get(b"sample_n_bytes", 0) * found.get(b"channel_count", 1), NIST_HEADER
    if head.startswith(b"Creative Voice File\x1a"):  # VOC: the first block
        at = int.from_bytes(head[20:22], "little")
        part.seek(at)
        return int.from_bytes(part.read(4)[1:], "little"), at + 4
    if head.startswith(b"MATLAB 5.0 MAT-file"):  # the second matrix; the first is the sampling rate
        order = "little" if head[126:128] == b"IM" else "big"
        at = 136 + int.from_bytes(head[132:136], order)
        part.seek(at)
        return int.from_bytes(part.read(8)[4:], order), at + 8
    return 0, 0


def stated_frames(part: Part) -> int:
    """Give the number of frames, which some headers state instead of bytes; 0 if this one does not."""
    part.seek(0)
    head = part.read(LONGEST)
    at, order = next((field for magic, field in FRAME_COUNTS.items() if head.startswith(magic)), (LONGEST, "big"))
    stated = int.from_bytes(head[at : at + 4], order)
    return stated if stated < UNKNOWN_SIZE[4] else 0


def has_several_sounds(part: Part) -> bool:
    """Whether a WAV has its sound in several chunks, of which decoders read the last one only."""
    part.seek(0)
    size = _size(part) if part.read(4) == b"RIFF" else None
    if size is None or not size.stated:
        return False
    further = _chunk(part, b"data", size.sound + size.stated + size.stated % 2, 4, 4, "little")
    return further is not None and further.stated > 0


def _is_sound(part: Part, size: _Size) -> bool:
    """Whether sound follows the stated size, and not a further chunk or tag, whose name is ASCII, or zeros."""
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
    if head[:4] == b"FORM" and head[8:12] in (b"8SVX", b"16SV"):
        return _chunk(part, b"BODY", 12, 4, 4, "big")
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
