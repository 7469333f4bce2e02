"""Loading sound: every kind of source, resampling, limits, and bad sources."""

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from w2vkit.audio import Waveform, load, stream
from w2vkit.errors import AudioError


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("8.wav", "PCM_U8", 1e-2),
        ("16.wav", "PCM_16", 1e-4),
        ("24.wav", "PCM_24", 1e-6),
        ("32.wav", "PCM_32", 1e-6),
        ("float.wav", "FLOAT", 0),
        ("double.wav", "DOUBLE", 0),
        ("ulaw.wav", "ULAW", 2e-2),
        ("a.flac", "PCM_16", 1e-4),
    ],
)
def test_every_sample_format_gives_the_same_samples(write, tone, name, subtype, tolerance):
    waveform = load(write(name, tone, subtype=subtype))
    assert waveform.samples.dtype == np.float32
    assert np.abs(waveform.samples - tone).max() <= tolerance


@pytest.mark.parametrize(("name", "format"), [("a.mp3", "MP3"), ("a.ogg", "OGG"), ("a.opus", "OGG")])
def test_compressed_files_keep_pitch_and_length(write, tone, name, format):
    options = {"format": format} | ({"subtype": "OPUS"} if name.endswith("opus") else {})
    waveform = load(write(name, np.tile(tone, 2), **options))
    assert waveform.seconds == pytest.approx(2.0, abs=0.1)
    assert _pitch(waveform.samples) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(("suffix", "codec"), [("m4a", "aac"), ("mp4", "aac"), ("webm", "libopus"), ("mkv", "aac")])
def test_formats_of_phones_and_browsers_are_read(tmp_path, tone, suffix, codec):
    path = tmp_path / f"会议 录音.{suffix}"
    _encode(path, codec, np.tile(tone, 2))
    waveform = load(path)
    assert waveform.seconds == pytest.approx(2.0, abs=0.15)
    assert _pitch(waveform.samples) == pytest.approx(440, abs=2)


def test_every_kind_of_source_is_one_waveform(write, tone):
    path = write("a.wav", tone, subtype="FLOAT")
    data = path.read_bytes()
    sources = [
        str(path),
        path,
        data,
        bytearray(data),
        io.BytesIO(data),
        path.open("rb"),
        (16_000, tone),
        (tone, 16_000),
        {"array": tone, "sampling_rate": 16_000},
        {"bytes": data, "path": None},
        {"bytes": None, "path": str(path)},
        {"audio": {"bytes": data, "path": "x.wav"}, "text": "HELLO"},
    ]
    for source in sources:
        assert np.array_equal(load(source).samples, tone)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32, np.float16, np.float32, np.float64])
def test_integers_are_scaled_by_their_type(tone, dtype):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        array = tone.astype(dtype)
    elif kind.kind == "u":
        array = np.round(tone * 128 + 128).astype(dtype)
    else:
        array = np.round(tone * -float(np.iinfo(dtype).min)).astype(dtype)
    assert np.abs(load((16_000, array)).samples - tone).max() < 1e-2


def test_channels_are_mixed_by_their_mean_whichever_axis_they_are_on(tone):
    stereo = np.stack([tone, np.zeros_like(tone)], axis=1)
    for array in (stereo, stereo.T):
        assert np.allclose(load((16_000, array)).samples, tone / 2)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_resampling_keeps_pitch_length_and_level(rate):
    time = np.arange(3 * rate) / rate
    waveform = load((rate, (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)))
    assert abs(len(waveform.samples) - 48_000) <= 1
    assert _pitch(waveform.samples) == pytest.approx(440, abs=1)
    assert np.abs(waveform.samples[4000:-4000]).max() == pytest.approx(0.5, abs=0.01)


def test_reading_by_blocks_gives_what_reading_at_once_gives(write, monkeypatch):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (5 * 44_100, 2)).astype(np.float32)
    path = write("a.wav", noise, 44_100, subtype="FLOAT")
    monkeypatch.setattr("w2vkit.audio.decoders.BLOCK_SAMPLES", 32_000)
    blocks = list(stream(path))
    import soxr

    whole = soxr.resample(noise.mean(axis=1), 44_100, 16_000, quality="HQ")
    assert len(blocks) > 10
    joined = np.concatenate(blocks)
    assert len(joined) == len(whole)
    assert np.abs(joined - whole).max() < 1e-5


def test_the_length_is_checked_before_the_file_is_decoded(write, monkeypatch):
    path = write("long.wav", np.zeros(16_000 * 60, dtype=np.float32))

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("decoded although the header says that it is too long")

    monkeypatch.setattr(soundfile.SoundFile, "read", fail)
    with pytest.raises(AudioError, match=r"long\.wav is longer \(1:00 min\) than the limit of 0:30 min"):
        load(path, max_seconds=30)


def test_a_three_hour_file_is_over_the_limit(tmp_path):
    path = tmp_path / "three-hours.wav"
    header = io.BytesIO()
    soundfile.write(header, np.zeros(8, dtype=np.int16), 8000, format="WAV")
    seconds, head = 3 * 3600, bytearray(header.getvalue()[:44])
    head[4:8] = (36 + seconds * 16_000).to_bytes(4, "little")
    head[40:44] = (seconds * 16_000).to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(44 + seconds * 16_000)
    with pytest.raises(AudioError, match=r"3:00:00 h.*limit of 2:00:00 h.*Cut it"):
        load(path)


def _bad(kind: str, folder: Path, tone: np.ndarray) -> object:
    """Make a bad source."""
    path = folder / f"{kind}.wav"
    if kind == "missing":
        return path
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is not sound, whatever its name says")
    elif kind == "no samples":
        soundfile.write(path, tone[:0], 16_000)
    elif kind == "7 channels":
        soundfile.write(path, np.stack([tone] * 7, axis=1), 16_000)
    elif kind == "NaN":
        soundfile.write(path, np.where(np.arange(len(tone)) == 5000, np.nan, tone), 16_000, subtype="FLOAT")
    elif kind == "infinite":
        return (16_000, np.where(np.arange(len(tone)) == 5000, np.inf, tone))
    elif kind == "folder":
        return folder
    elif kind == "no rate":
        return tone
    elif kind == "silent video":
        path = folder / "silent.mp4"
        with av.open(str(path), "w") as container:
            track = container.add_stream("mpeg4", rate=10)
            track.width = track.height = 32
            frame = av.VideoFrame(32, 32, "yuv420p")
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    else:
        return {
            "unscaled": (16_000, tone * 32768),
            "three axes": (16_000, np.zeros((2, 3, 4))),
            "rate of zero": (0, tone),
            "fractional rate": (16_000.5, tone),
            "text samples": (16_000, np.array(["a", "b"])),
            "boolean samples": (16_000, tone > 0),
            "row without audio": {"text": "HELLO"},
            "number": 42,
            "empty bytes": b"",
            "many channels": (16_000, np.zeros((100, 100), dtype=np.float32)),
        }[kind]
    return path


@pytest.mark.parametrize(
    ("kind", "cause", "remedy"),
    [
        ("missing", "does not exist", "Check the spelling"),
        ("empty", r"empty \(0 bytes\)", "Record or copy it again"),
        ("empty bytes", r"empty \(0 bytes\)", "Record or copy it again"),
        ("text", "damaged, or not an audio file", "export it as"),
        ("no samples", "no samples", "Record or export it again"),
        ("7 channels", "7 channels", "export them as mono"),
        ("many channels", "more than 6 channels", "Mix it down"),
        ("NaN", "NaN or infinite", "Export it again"),
        ("infinite", "NaN or infinite", "Export it again"),
        ("folder", "not a file", "Give the path of one audio file"),
        ("no rate", "does not state its sampling rate", r"Give \(rate, array\)"),
        ("silent video", "no audio track", "Choose a file that has one"),
        ("unscaled", r"should lie in \[-1, 1\]", "Divide 16-bit values by 32768"),
        ("three axes", "3 axes", "Give"),
        ("rate of zero", "0 Hz is not between", "Give the rate"),
        ("fractional rate", "not a whole number", "Give"),
        ("text samples", "samples of type", "Give int8"),
        ("boolean samples", "samples of type bool", "Give int8"),
        ("row without audio", "holds no audio", "It needs"),
        ("number", "Cannot load audio from int", "Give a path"),
    ],
)
def test_bad_sources_name_cause_and_remedy(tmp_path, tone, kind, cause, remedy):
    with pytest.raises(AudioError, match=cause) as caught:
        load(_bad(kind, tmp_path, tone))
    assert caught.match(remedy)


def test_invalid_waveforms_are_refused():
    for samples in (np.zeros((2, 3), np.float32), np.zeros(3), np.zeros(0, np.float32)):
        with pytest.raises(AudioError):
            Waveform(samples)


def _pitch(samples: np.ndarray) -> float:
    """The frequency (Hz) of the highest peak of the middle of a 16 kHz waveform."""
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 16 * len(middle)))
    return float(spectrum.argmax() * 16_000 / (16 * len(middle)))


def _encode(path: Path, codec: str, samples: np.ndarray) -> None:
    """Encode mono 16 kHz samples with FFmpeg, at 48 kHz stereo as browsers do."""
    import soxr

    wide = soxr.resample(samples, 16_000, 48_000)
    with av.open(str(path), "w") as container:
        track: Any = container.add_stream(codec, rate=48_000, layout="stereo")
        for start in range(0, len(wide) // 1024 * 1024, 1024):
            block = np.tile(wide[start : start + 1024], (2, 1)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
