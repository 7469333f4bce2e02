"""The decoder door: what is refused, what is read to its end although a header says otherwise, and what is said about it.

Sound is a tone of 440 Hz followed by one of 880 Hz, so that a test sees which parts arrived, when, and at which speed.
"""

import io
import math
import os
import time
from fractions import Fraction
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import soxr
from av.stream import Disposition

from w2vkit.audio import load
from w2vkit.audio.containers import SCAN, parts
from w2vkit.audio.decoders import BLOCK_SAMPLES, open_file
from w2vkit.errors import AudioError

LOW, HIGH = 440.0, 880.0  # Hz
NOT_OPENED = r"does not exist|cannot be opened"


def sine(frequency: float, seconds: float = 2.0, rate: int = 16_000) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def written(samples: np.ndarray, format: str, rate: int = 16_000, **options: Any) -> bytes:
    """Encode by libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, **options)
    return file.getvalue()


def encoded(
    container: str,
    codec: str,
    *tracks: np.ndarray,
    rate: int = 44_100,
    layout: str = "mono",
    options: dict[str, str] | None = None,
    starts: tuple[float, ...] = (0.0,),
    default: int | None = None,
    bit_rate: int = 64_000,
) -> bytes:
    """Encode 16 kHz mono tracks by FFmpeg; with several starts (s), the first track is cut into parts of that many."""
    with NamedTemporaryFile() as file, av.open(file.name, "w", format=container, options=options or {}) as output:
        streams: list[Any] = []
        for number in range(len(tracks)):
            stream: Any = output.add_stream(codec, rate=rate, layout=layout)
            stream.bit_rate = bit_rate
            if default is not None:
                stream.disposition = Disposition.default if number == default else Disposition(0)
            streams.append(stream)
        for stream, samples in zip(streams, tracks, strict=True):
            context = stream.codec_context
            if not context.is_open:
                context.open()
            resampler = av.AudioResampler(context.format.name, layout, rate, frame_size=context.frame_size or 1024)
            wide = soxr.resample(samples, 16_000, rate).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(wide[None], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            frames = [*resampler.resample(frame), *resampler.resample(None)]
            for index, piece in enumerate(frames):
                start = starts[index * len(starts) // len(frames)]
                piece.pts = (piece.pts or 0) + round(start * rate)
                output.mux(stream.encode(piece))
            output.mux(stream.encode(None))
        output.close()
        return file.read()


def pitches(samples: np.ndarray, rate: int = 16_000) -> list[float]:
    """The frequency (Hz) of each half second."""
    half = rate // 2
    parts = [samples[start : start + half] for start in range(0, len(samples) - half + 1, half)]
    return [float(np.abs(np.fft.rfft(part)).argmax() * 2) if np.abs(part).max() > 0.05 else 0.0 for part in parts]


def check_both(data: Any, seconds: float, *, slack: float = 0.2, notes: int = 0) -> None:
    """Check that the low and then the high tone arrived, each at its pitch, and that all of it took so long."""
    waveform = load(data)
    found = pitches(waveform.samples)
    assert waveform.seconds == pytest.approx(seconds, abs=slack)
    assert found[1] == pytest.approx(LOW, abs=4)
    assert found[-2] == pytest.approx(HIGH, abs=4)
    assert len(waveform.notes) == notes


# What is refused


@pytest.fixture
def secret(write) -> Path:
    """Another file of the server, which no upload may read."""
    return write("secret.wav", sine(LOW))


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{path}\n#EXT-X-ENDLIST\n",
    "hls with a protocol": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:{path}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{path}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S">'
    '<Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{path}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "smooth playlist": "[playlist]\nFile1={path}\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="{path}"/></entry></asx>',
    "metadata": ";FFMETADATA1\ntitle=x\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", ["m3u8", "wav", "mp3", "ogg"])
def test_a_file_that_names_another_one_is_refused_by_its_content(tmp_path, secret, kind, suffix):
    text = PLAYLISTS[kind].format(path=secret)
    path = tmp_path / f"upload.{suffix}"
    path.write_text(text)
    for source in (path, text.encode(), {"bytes": text.encode(), "path": None}):
        with pytest.raises(AudioError, match="could not be read as audio"):
            load(source)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/a.wav", "data:audio/wav;base64,UklGRg==", "file:{path}", "concat:{path}"]
)
def test_an_address_is_a_file_name_that_does_not_exist(secret, address):
    with pytest.raises(AudioError, match=NOT_OPENED):
        load(address.format(path=secret))


def test_a_text_that_a_source_gives_is_not_a_path(secret):
    with pytest.raises(AudioError, match="Open it as binary"):
        load(io.StringIO(str(secret)))
    for row in ({"bytes": str(secret)}, {"path": 5}, {"path": [str(secret)]}, {"audio": {"bytes": {"path": str(secret)}}}):
        with pytest.raises(AudioError, match="is of type"):
            load(row)


@pytest.mark.parametrize(
    "name", [b"caf\xe9.wav", b"a:b.wav", b"~take2.wav", b"-i.wav", b"line\nbreak.wav", b"%d.wav", b"x\x1b[2J.wav"]
)
def test_a_file_of_any_name_is_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(os.fsdecode(name)).write_bytes(written(sine(LOW), "WAV"))
    assert load(os.fsdecode(name)).seconds == 2
    Path(os.fsdecode(name)).write_bytes(b"no sound" * 100)
    with pytest.raises(AudioError) as caught:
        load(os.fsdecode(name))
    str(caught.value).encode()  # no lone surrogate
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["x" * 5000, "x/" * 2500, "a\0b.wav", "~nobody-has-this-name/a.wav", "loop/a.wav"])
def test_an_impossible_name_is_one_short_message(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    with pytest.raises(AudioError, match=NOT_OPENED) as caught:
        load(name)
    assert len(str(caught.value)) < 6000


@pytest.mark.parametrize("library", ["soundfile.SoundFile", "soundfile.SoundFile.read", "av.open", "soxr.ResampleStream"])
@pytest.mark.parametrize("error", [ValueError("odd"), MemoryError(), AttributeError("x"), OSError(5, "I/O"), RecursionError()])
def test_whatever_a_library_raises_is_an_audio_error(monkeypatch, library, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    data = encoded("mp3", "libmp3lame", sine(LOW)) if library == "av.open" else written(sine(LOW), "WAV", 8000)
    monkeypatch.setattr(library, fail)
    with pytest.raises(AudioError):
        load(data)


@pytest.mark.parametrize("rate", [0, 1, 999, 192_001, 655_350, 4_000_000_000])
def test_a_file_with_an_impossible_rate_is_refused(rate):
    data = bytearray(written(sine(LOW, 0.1), "WAV"))
    data[24:28] = rate.to_bytes(4, "little")
    data[28:32] = (2 * rate % 2**32).to_bytes(4, "little")
    with pytest.raises(AudioError, match=r"\d Hz|could not be read as audio"):
        load(bytes(data))


def test_an_impossible_rate_within_a_container_is_refused():
    with pytest.raises(AudioError, match="384000 Hz"):
        load(encoded("matroska", "pcm_s16le", sine(LOW, 0.1), rate=384_000))


@pytest.mark.parametrize("format", ["WAV", "FLAC"])
def test_blocks_are_bounded_in_samples(format):
    data = written(np.zeros((192_000 * 2, 6), np.float32), format, 192_000)
    sizes = [block.size for _, block in open_file(io.BytesIO(data), "x", note=print).blocks]
    assert max(sizes) <= BLOCK_SAMPLES
    assert sum(sizes) == 192_000 * 2 * 6


def test_packets_of_one_sample_take_linear_time():
    start = time.process_time()
    assert load(_one_sample_packets(60_000)).seconds == pytest.approx(3.75)
    assert time.process_time() - start < 20  # it was more than 30 s, and four times that for twice the length


def _one_sample_packets(count: int) -> bytes:
    """Matroska with PCM in packets of one sample, written by hand."""

    def element(name: str, data: bytes) -> bytes:
        return bytes.fromhex(name) + (1 << 56 | len(data)).to_bytes(8, "big") + data

    def number(name: str, value: int) -> bytes:
        return element(name, value.to_bytes(4, "big"))

    head = element("1A45DFA3", element("4282", b"matroska") + number("4287", 4) + number("4285", 2))
    sound = element("E1", element("B5", np.array(16_000, ">f8").tobytes()) + number("9F", 1) + number("6264", 8))
    track = element("AE", number("D7", 1) + number("73C5", 1) + number("83", 2) + element("86", b"A_PCM/INT/LIT") + sound)
    block = element("A3", b"\x81\x00\x00\x80\x80")
    clusters = [element("1F43B675", number("E7", start // 16) + block * 1000) for start in range(0, count, 1000)]
    info = element("1549A966", number("2AD7B1", 1_000_000))
    return head + element("18538067", info + element("1654AE6B", track) + b"".join(clusters))


# What is read to its end

JOINED = {
    "mp3": lambda x: encoded("mp3", "libmp3lame", x),
    "mp3 without tags": lambda x: encoded("mp3", "libmp3lame", x, options={"write_xing": "0", "id3v2_version": "0"}),
    "mp3 of libsndfile": lambda x: written(x, "MP3"),
    "vorbis": lambda x: written(x, "OGG", subtype="VORBIS"),
    "opus": lambda x: written(x, "OGG", subtype="OPUS"),
    "opus of FFmpeg": lambda x: encoded("ogg", "libopus", x, rate=48_000),
    "flac": lambda x: written(x, "FLAC"),
    "flac of FFmpeg": lambda x: encoded("flac", "flac", x),
    "flac in ogg": lambda x: encoded("ogg", "flac", x),
    "aac": lambda x: encoded("adts", "aac", x),
    "mp2": lambda x: encoded("mp2", "mp2", x),
    "ac3": lambda x: encoded("ac3", "ac3", x),
    "mpegts": lambda x: encoded("mpegts", "aac", x),
    "matroska": lambda x: encoded("matroska", "aac", x),
    "webm": lambda x: encoded("webm", "libopus", x, rate=48_000),
    "m4a": lambda x: encoded("ipod", "aac", x),
    "fast m4a": lambda x: encoded("ipod", "aac", x, options={"movflags": "faststart"}),
    "fragmented mp4": lambda x: encoded("mp4", "aac", x, options={"movflags": "frag_keyframe+empty_moov"}),
    "alac": lambda x: encoded("ipod", "alac", x),
    "mov": lambda x: encoded("mov", "pcm_s16le", x),
    "3gp": lambda x: encoded("3gp", "aac", x),
    "flv": lambda x: encoded("flv", "aac", x),
    "wavpack": lambda x: encoded("wv", "wavpack", x),
    "stereo wavpack": lambda x: encoded("wv", "wavpack", x, layout="stereo"),
    "5.1 wavpack": lambda x: encoded("wv", "wavpack", x, layout="5.1"),  # of several blocks for each time
    "tta": lambda x: encoded("tta", "tta", x),
    "amr": lambda x: encoded("amr", "libopencore_amrnb", x, rate=8_000),
    "asf": lambda x: encoded("asf", "wmav2", x),
    "avi": lambda x: encoded("avi", "mp3", x),
    "nut": lambda x: encoded("nut", "aac", x),
    "real media": lambda x: encoded("rm", "ac3", x),
    "caf": lambda x: written(x, "CAF", subtype="PCM_16"),
    "alac in caf": lambda x: encoded("caf", "alac", x),
    "wav": lambda x: written(x, "WAV"),
    "wav of FFmpeg": lambda x: encoded("wav", "pcm_s16le", x),
    "adpcm in wav": lambda x: encoded("wav", "adpcm_ms", x),
    "mp3 in wav": lambda x: encoded("wav", "libmp3lame", x),
    "rf64": lambda x: written(x, "RF64"),
    "w64": lambda x: written(x, "W64"),
    "aiff": lambda x: written(x, "AIFF"),
    "au": lambda x: written(x, "AU"),
    "au of FFmpeg": lambda x: encoded("au", "pcm_s16be", x),
    "voc": lambda x: written(x, "VOC"),
    "nist": lambda x: written(x, "NIST"),
}


@pytest.mark.parametrize("kind", JOINED)
def test_joined_files_are_read_to_the_end(kind):
    make = JOINED[kind]
    check_both(make(sine(LOW)) + make(sine(HIGH)), 4)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[(first, "wav") for first in JOINED if first not in ("nut", "real media", "nist", "mp2", "wav")],
        *[("wav", second) for second in JOINED if second not in ("nist", "mp2", "wav", "wav of FFmpeg")],
        *[
            ("flac", "opus"),
            ("vorbis", "opus"),
            ("mp3", "m4a"),
            ("m4a", "mp3"),
            ("webm", "mp3 without tags"),
            ("matroska", "webm"),
        ],
        *[("flv", "aac"), ("mpegts", "mp3"), ("asf", "aac"), ("avi", "mp3"), ("flac", "mp3"), ("aac", "mp3"), ("ac3", "aac")],
    ],
)
def test_joined_files_of_different_kinds_are_read_to_the_end(first, second):
    data = JOINED[first](sine(LOW)) + JOINED[second](sine(HIGH))
    check_both(data, 4)
    assert len(parts(io.BytesIO(data))) == 2


def _flac_with(data: bytes) -> bytes:
    """FLAC whose metadata hold something, as that of the WAV that it was made from."""
    flac = written(sine(LOW), "FLAC")
    application = b"\x82" + (len(data) + 4).to_bytes(3, "big") + b"riff" + data
    return flac[:4] + b"\0" + flac[5:42] + application + flac[flac.index(b"\xff\xf8", 42) :]


def _tag_with(data: bytes) -> bytes:
    frame = b"GEOB" + len(data).to_bytes(4, "big") + b"\0\0" + data
    size = len(frame)
    return b"ID3\x03\0\0" + bytes([size >> 21, size >> 14 & 127, size >> 7 & 127, size & 127]) + frame


WITHIN = {
    "a WAV header in the metadata of a FLAC": lambda: _flac_with(written(sine(HIGH), "WAV")[:2000]),
    "a WAV in the tag of an MP3": lambda: _tag_with(written(sine(HIGH), "WAV")[:4000]) + JOINED["mp3"](sine(LOW)),
    "a tag in a chunk of a WAV": lambda: written(sine(LOW), "WAV") + b"id3 \x8e\x0f\0\0" + _tag_with(b"x" * 3968),
    "FLAC in Matroska": lambda: encoded("matroska", "flac", sine(LOW)),
    "FLAC in Ogg": lambda: encoded("ogg", "flac", sine(LOW)),
    "FLAC in MP4": lambda: encoded("mp4", "flac", sine(LOW)),
    "MP3 in MP4": lambda: encoded("mp4", "libmp3lame", sine(LOW)),
    "MP3 in AVI": lambda: encoded("avi", "libmp3lame", sine(LOW)),
    "MP3 in ASF": lambda: encoded("asf", "libmp3lame", sine(LOW)),
    "MP3 in FLV": lambda: encoded("flv", "libmp3lame", sine(LOW)),
    "MP3 in MPEG-TS": lambda: encoded("mpegts", "libmp3lame", sine(LOW)),
    "MP3 in NUT": lambda: encoded("nut", "libmp3lame", sine(LOW)),
    "MP3 in WAV": lambda: encoded("wav", "libmp3lame", sine(LOW)),
    "MP3 in Matroska": lambda: encoded("matroska", "libmp3lame", sine(LOW)),
    "AC-3 in MP4": lambda: encoded("mp4", "ac3", sine(LOW)),
}


@pytest.mark.parametrize("kind", WITHIN)
def test_headers_within_a_file_are_not_taken_for_another_file(kind):
    data = WITHIN[kind]()
    assert len(parts(io.BytesIO(data))) == 1
    waveform = load(data)
    assert waveform.seconds == pytest.approx(2, abs=0.2) and not waveform.notes
    assert set(pitches(waveform.samples)) == {LOW}


def test_boxes_that_lead_to_the_same_place_take_linear_time():
    def box(name, content=b""):
        return (len(content) + 8).to_bytes(4, "big") + name + content

    tail = box(b"free") * 100_000 + b"\x7f\0\0\0mdat"
    heads, left = [], 2_000 * 64
    while left:
        left -= 64
        heads.append(box(b"ftyp", bytes(16)) + (left + 40).to_bytes(4, "big") + b"free" + bytes(32))
    started = time.process_time()
    assert parts(io.BytesIO(b"".join(heads) + tail))
    assert time.process_time() - started < 10


@pytest.mark.parametrize("kind", ["m4a", "flv", "wav", "tta"])
def test_a_part_of_joined_files_that_cannot_be_read_is_a_note(kind):
    make = JOINED[kind]
    second = make(sine(HIGH))
    waveform = load(make(sine(LOW)) + second[:60])
    assert waveform.seconds == pytest.approx(2, abs=0.2)
    (note,) = waveform.notes
    assert "joined from 2 files" in note or "Part 2 of The audio" in note
    with pytest.raises(AudioError, match="Part 2 of"):
        load(make(sine(LOW)) + second[:60], strict=True)


@pytest.mark.parametrize("shift", [*range(-70, 10, 5), -1, 1])
def test_a_further_beginning_is_found_once_wherever_it_lies(shift):
    header = b"FLV\1\5\0\0\0\t"
    first = header + bytes(SCAN + shift - len(header))
    file = io.BytesIO(first + header + bytes(2 * SCAN) + header + bytes(100))
    assert [part.length for part in parts(file)] == [len(first), len(header) + 2 * SCAN, len(header) + 100]


def test_a_million_joined_headers_are_refused_quickly():
    started = time.process_time()
    with pytest.raises(AudioError):
        load(b"FLV\1\5\0\0\0\t" * 1_000_000)
    assert time.process_time() - started < 10


@pytest.mark.parametrize("rates", [(32_000, 160_000), (160_000, 32_000)])
def test_an_mp3_whose_bit_rate_varies_needs_no_tag(rates):
    low, high = (
        encoded("mp3", "libmp3lame", x, bit_rate=rate, options={"write_xing": "0", "id3v2_version": "0"})
        for x, rate in zip((sine(LOW), sine(HIGH)), rates, strict=True)
    )
    check_both(low + high, 4)


@pytest.mark.parametrize("frames", [0, 16_000, 32_000, 2**36 - 1])
def test_a_flac_whose_header_states_a_wrong_length_is_read_to_the_end(frames):
    data = bytearray(written(np.concatenate([sine(LOW), sine(HIGH)]), "FLAC"))
    data[21] = data[21] & 0xF0 | frames >> 32
    data[22:26] = (frames % 2**32).to_bytes(4, "big")
    if frames > 1_000_000:  # 49 days: the header is the only thing to know before decoding
        with pytest.raises(AudioError, match="longer"):
            load(bytes(data))
    else:
        check_both(bytes(data), 4)


@pytest.mark.parametrize("riff", [None, 0])
@pytest.mark.parametrize(("size", "notes"), [(0, 1), (1000, 1), (64_000, 1), (0xFFFFFFFF, 0), (0x7FFFFFFF, 0), (0x80000000, 0)])
def test_a_wav_whose_recorder_stopped_is_read_to_the_end(size, notes, riff):
    data = bytearray(written(np.concatenate([sine(LOW), sine(HIGH)]), "WAV"))
    data[40:44] = size.to_bytes(4, "little")
    if riff is not None:
        data[4:8] = riff.to_bytes(4, "little")
    check_both(bytes(data), 4, notes=notes)


# The place of the size of the sound, and its bytes; W64 counts 24 bytes before the sound, too.
SIZES = {
    "AU": (lambda data: 8, 4, "big", 0),
    "AIFF": (lambda data: data.index(b"SSND") + 4, 4, "big", 0),
    "RF64": (lambda data: 28, 8, "little", 0),
    "W64": (lambda data: data.index(b"data\xf3\xac") + 16, 8, "little", 24),
    "CAF": (lambda data: data.index(b"data") + 4, 8, "big", 0),
}


@pytest.mark.parametrize("size", ["nothing", "half", "unknown", "as much as possible", "almost all bits"])
@pytest.mark.parametrize("format", SIZES)
def test_the_sound_of_an_interrupted_recorder_is_read_to_the_end(format, size, capfd):
    data = bytearray(written(np.concatenate([sine(LOW), sine(HIGH)]), format, subtype="PCM_16"))
    place, width, order, counted = SIZES[format]
    at, most = place(bytes(data)), 256**width - 1
    sizes = {"nothing": 0, "half": 64_000, "unknown": most, "as much as possible": most // 2, "almost all bits": most - 1}
    data[at : at + width] = min(most, sizes[size] + counted).to_bytes(width, order)
    check_both(bytes(data), 4, notes=size in ("nothing", "half"))
    assert not any(capfd.readouterr())  # a library prints where seeking fails


@pytest.mark.parametrize("behind", [b"LIST\x04\0\0\0INFO", b"id3 \x04\0\0\0xxxx", b"TAG" + bytes(125), bytes(4096)])
def test_chunks_and_tags_after_the_sound_are_left_out(behind):
    for format in ("WAV", "W64"):
        check_both(written(np.concatenate([sine(LOW), sine(HIGH)]), format) + behind, 4, slack=0)


@pytest.mark.parametrize("kind", ["wav", "aiff", "wavpack", "vorbis", "m4a", "flac"])
def test_tags_before_a_file_are_passed(kind):
    tag = b"ID3\4\0\0\0\3\0\0" + bytes(3 * 2**14)
    check_both(tag + JOINED[kind](np.concatenate([sine(LOW), sine(HIGH)])), 4)


@pytest.mark.parametrize("format", ["SDS", "XI"])
def test_what_libsndfile_reads_wrongly_is_refused_in_silence(format, capfd):
    """Its decoder of SDS prints to the terminal, and an instrument (XI) states no rate."""
    with pytest.raises(AudioError, match="could not be read as audio"):
        load(written(sine(LOW), format, subtype="PCM_16" if format == "SDS" else "DPCM_16"))
    assert not any(capfd.readouterr())


@pytest.mark.parametrize(("container", "codec"), [("adts", "aac"), ("mp3", "libmp3lame"), ("ac3", "ac3"), ("flac", "flac")])
def test_where_the_rate_changes_each_part_keeps_its_pitch(container, codec):
    options = {"write_xing": "0", "id3v2_version": "0"} if container == "mp3" else {}
    low, high = (
        encoded(container, codec, x, rate=rate, options=options) for x, rate in ((sine(LOW), 48_000), (sine(HIGH), 44_100))
    )
    check_both(low + high, 4)


def test_where_the_rate_changes_far_each_frame_is_decoded_once():
    """The blocks of FLAC have another size there."""
    low, high = (encoded("flac", "flac", x, rate=rate) for x, rate in ((sine(LOW), 44_100), (sine(HIGH), 16_000)))
    check_both(low + high, 4)


@pytest.mark.parametrize(
    ("container", "codec"),
    [("adts", "aac"), ("mp3", "libmp3lame"), ("ac3", "ac3"), ("flac", "flac"), ("ogg", "libopus"), ("ogg", "flac")],
)
@pytest.mark.parametrize("layouts", [("mono", "stereo"), ("stereo", "mono")])
def test_where_the_channels_change_each_part_is_mixed_by_its_own(container, codec, layouts):
    options = {"write_xing": "0", "id3v2_version": "0"} if container == "mp3" else {}
    low, high = (
        encoded(container, codec, x, layout=layout, options=options, rate=48_000)
        for x, layout in zip((sine(LOW), sine(HIGH)), layouts, strict=True)
    )
    check_both(low + high, 4)


# What is missing, and is said

DAMAGED = {
    "mp3": lambda x: encoded("mp3", "libmp3lame", x),
    "aac": lambda x: encoded("adts", "aac", x),
    "m4a": lambda x: encoded("ipod", "aac", x, options={"movflags": "faststart"}),
    "alac": lambda x: encoded("ipod", "alac", x, options={"movflags": "faststart"}),
    "flac": lambda x: written(x, "FLAC"),
    "opus": lambda x: encoded("ogg", "libopus", x, rate=48_000),
    "mp2 in a stream": lambda x: encoded("mpegts", "mp2", x),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_packets_are_skipped_and_said_once(kind):
    noise = np.random.default_rng(0).normal(0, 0.01, 64_000).astype(np.float32)
    data = bytearray(DAMAGED[kind](np.concatenate([sine(LOW), sine(HIGH)]) + noise))
    middle = len(data) // 2
    data[middle : middle + 1200] = b"\xa5" * 1200
    check_both(bytes(data), 4, notes=1, slack=1.1)
    (note,) = load(bytes(data)).notes
    assert "damaged" in note
    with pytest.raises(AudioError, match="could not be decoded"):
        load(bytes(data), strict=True)


CUT = {
    "fragmented mp4": lambda x: encoded("mp4", "aac", x, options={"movflags": "empty_moov", "frag_duration": "500000"}),
    "m4a": lambda x: encoded("ipod", "aac", x, options={"movflags": "faststart"}),
    "mkv": lambda x: encoded("matroska", "aac", x),
    "mp3": lambda x: encoded("mp3", "libmp3lame", x),
    "mp3 of libsndfile": lambda x: written(x, "MP3"),
    "aac": lambda x: encoded("adts", "aac", x),
    "flac": lambda x: written(x, "FLAC"),
    "wav": lambda x: written(x, "WAV"),
    "aiff": lambda x: written(x, "AIFF"),
    "au": lambda x: written(x, "AU"),
    "w64": lambda x: written(x, "W64"),
    "caf": lambda x: written(x, "CAF", subtype="PCM_16"),
    "nist": lambda x: written(x, "NIST"),
    "8svx": lambda x: written(x, "SVX", subtype="PCM_S8"),
    "16sv": lambda x: written(x, "SVX", subtype="PCM_16"),
    "voc": lambda x: written(x, "VOC"),
    "voc of 8 bits": lambda x: written(x, "VOC", subtype="PCM_U8"),
    "avr": lambda x: written(x, "AVR"),
    "mat4": lambda x: written(x, "MAT4"),
    "mat4 in stereo": lambda x: written(np.stack([x, x], axis=1), "MAT4", subtype="PCM_16", endian="BIG"),
    "mat5": lambda x: written(x, "MAT5"),
    "mat5 big": lambda x: written(x, "MAT5", subtype="FLOAT", endian="BIG"),
    "mpc": lambda x: written(x, "MPC2K"),
    "wve": lambda x: written(x[::2], "WVE", rate=8_000),
    "opus": lambda x: encoded("ogg", "libopus", x, rate=48_000),
    "flac in ogg": lambda x: encoded("ogg", "flac", x),
    "mp2": lambda x: encoded("mp2", "mp2", x),
    "ac3": lambda x: encoded("ac3", "ac3", x, bit_rate=192_000),
    "mp3 without tags": lambda x: encoded("mp3", "libmp3lame", x, options={"write_xing": "0", "id3v2_version": "0"}),
    "mpegts": lambda x: encoded("mpegts", "mp2", x),
    "flv": lambda x: encoded("flv", "aac", x),
    "avi": lambda x: encoded("avi", "mp3", x),
}


def test_a_damaged_frame_of_fifteen_channels_is_skipped():
    """In one frame of an AAC stream an element says that there are 15 channels; PyAV has room for the addresses of 8."""
    data = bytearray(encoded("adts", "aac", sine(LOW), rate=16_000))
    frame = 0
    for _ in range(12):
        frame += int.from_bytes(data[frame + 3 : frame + 6], "big") >> 5 & 0x1FFF  # the length of a frame, in 13 bits
    # ISO/IEC 14496-3, 4.4.1.1, program_config_element: LC, 16 kHz, 15 front elements of one channel.
    element = "101" + "0000" + "01" + "1000" + "1111" + "0" * 20 + "".join(f"0{tag:04b}" for tag in range(15))
    element += "0" * (-len(element) % 8) + "00000000"
    inserted = int(element, 2).to_bytes(len(element) // 8, "big")
    data[frame + 7 : frame + 7] = inserted
    head = int.from_bytes(data[frame + 3 : frame + 6], "big") + (len(inserted) << 5)
    data[frame + 3 : frame + 6] = head.to_bytes(3, "big")
    waveform = load(bytes(data))
    (note,) = waveform.notes
    assert "is damaged: 0.1 s" in note and waveform.seconds == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("kind", CUT)
def test_a_file_that_is_cut_off_gives_what_is_there(kind):
    data = CUT[kind](sine(LOW, 4))
    waveform = load(data[: len(data) * 3 // 5 + 99])  # not at the end of a packet
    assert waveform.seconds == pytest.approx(2.3, abs=0.6)
    assert pitches(waveform.samples)[1] == pytest.approx(LOW, abs=4)
    (note,) = waveform.notes
    assert "ends early" in note or "damaged" in note
    assert not load(data).notes


@pytest.mark.parametrize("kind", ["flv", "wavpack", "wav", "opus", "flac"])
def test_what_follows_a_file_that_is_cut_off_is_read(kind):
    first, second = JOINED[kind](sine(LOW, 4)), JOINED[kind](sine(HIGH))
    assert pitches(load(first[: len(first) * 3 // 5] + second).samples)[-3:] == pytest.approx([HIGH] * 3, abs=4)


def test_of_several_chunks_of_sound_in_a_wav_what_is_left_out_is_said():
    low, high = (written(x, "WAV") for x in (sine(LOW), sine(HIGH)))
    data = low[:4] + (len(low) + len(high) - 52).to_bytes(4, "little") + low[8:] + high[36:]
    (note,) = load(data).notes
    assert "several chunks" in note


def test_zeros_behind_an_mp3_are_no_sound():
    waveform = load(encoded("mp3", "libmp3lame", sine(LOW)) + bytes(60_000))
    assert waveform.seconds == pytest.approx(2, abs=0.1)
    assert len(waveform.notes) == 1


# Times and tracks


@pytest.mark.parametrize(
    ("container", "codec"), [("mp4", "aac"), ("matroska", "aac"), ("mov", "aac"), ("matroska", "pcm_s16le")]
)
def test_a_late_start_is_silence(container, codec):
    found = pitches(load(encoded(container, codec, sine(LOW), starts=(2.0,))).samples)
    assert found[:4] == [0, 0, 0, 0]
    assert found[5] == pytest.approx(LOW, abs=4)


@pytest.mark.parametrize(
    ("container", "codec"), [("matroska", "aac"), ("mp4", "aac"), ("mpegts", "aac"), ("webm", "libopus"), ("flv", "aac")]
)
def test_a_gap_is_silence(container, codec):
    sound = np.concatenate([sine(LOW), sine(HIGH)])
    data = encoded(container, codec, sound, rate=48_000 if codec == "libopus" else 44_100, starts=(0.0, 5.0))
    waveform = load(data)
    found = pitches(waveform.samples)
    assert waveform.seconds == pytest.approx(9, abs=0.2)
    assert found[1] == pytest.approx(LOW, abs=4)
    assert found[6:12] == [0] * 6
    assert found[15] == pytest.approx(HIGH, abs=4)
    assert not waveform.notes


def test_a_jump_of_days_is_no_silence():
    sound = np.concatenate([sine(LOW), sine(HIGH)])
    waveform = load(encoded("matroska", "pcm_s16le", sound, starts=(0.0, 1e6)), max_seconds=math.inf)
    assert waveform.seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("default", [0, 1])
def test_the_default_track_is_taken_with_a_note(default):
    data = encoded("matroska", "aac", sine(LOW), sine(HIGH), default=default)
    waveform = load(data)
    assert pitches(waveform.samples)[1] == pytest.approx((LOW, HIGH)[default], abs=4)
    (note,) = waveform.notes
    assert f"2 audio tracks. Track {default + 1} was taken" in note
    for track, pitch in ((1, LOW), (2, HIGH)):
        waveform = load(data, track=track, strict=True)
        assert pitches(waveform.samples)[1] == pytest.approx(pitch, abs=4)
        assert not waveform.notes


def test_a_track_that_is_not_there_is_an_error():
    for data in (written(sine(LOW), "WAV"), encoded("matroska", "aac", sine(LOW))):
        assert load(data, track=1).seconds > 1.9
        for track in (0, 2, -1):
            with pytest.raises(AudioError, match="number from 1 to 1"):
                load(data, track=track)


# Antiphase

VOICE = np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32)
OTHER = np.random.default_rng(2).normal(0, 0.1, 48_000).astype(np.float32)


@pytest.mark.parametrize(
    "channels", [[VOICE, -VOICE], [VOICE, -0.9 * VOICE], [VOICE + 0.1, 0.1 - VOICE], [VOICE, -VOICE, VOICE, -VOICE]]
)
def test_channels_that_cancel_each_other_are_not_mixed(channels):
    waveform = load(written(np.stack(channels, axis=1), "WAV", subtype="FLOAT"))
    assert np.allclose(waveform.samples, channels[0])
    (note,) = waveform.notes
    assert "cancel" in note


@pytest.mark.parametrize(
    "channels", [[VOICE, VOICE], [VOICE, OTHER], [VOICE, 0 * VOICE], [VOICE, *[0 * VOICE] * 5], [0 * VOICE] * 2]
)
def test_other_channels_are_mixed_by_their_mean(channels):
    waveform = load((16_000, np.stack(channels)))
    assert np.allclose(waveform.samples, np.mean(channels, axis=0), atol=1e-7)
    assert not waveform.notes
