"""`w2vkit info`, compared with signals whose levels are known."""

import json

import av
import numpy as np
import pytest
import soundfile

from w2vkit.audio.inspection import inspect
from w2vkit.cli import main

RATE = 44_100


@pytest.fixture
def stereo(tmp_path):
    """Two seconds: a sine of half of full scale (power 1/8), and a square wave at full scale."""
    time = np.arange(2 * RATE) / RATE
    channels = [0.5 * np.sin(2 * np.pi * 441 * time), np.sign(np.sin(2 * np.pi * 100.5 * time + 0.1))]
    path = tmp_path / "two.wav"
    soundfile.write(path, np.stack(channels, axis=1), RATE, subtype="FLOAT")
    return path


def test_info_prints_a_table_for_a_file(stereo, capsys):
    assert main(["info", str(stereo)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(stereo),
        "  container    WAV / WAVE (Waveform Audio)",
        "  track 1      pcm_f32le, 44100 Hz, 2 channels",
        "  length       2.000 s",
        "  level 1      -9.0 dB, peak -6.0 dB",
        "  clipping 1   0.00% of the samples at 99.9% of full scale or above",
        "  level 2      0.0 dB, peak 0.0 dB",
        "  clipping 2   100.00% of the samples at 99.9% of full scale or above",
        "  model input  the mean of its 2 channels at 16000 Hz, resampled from 44100 Hz: sounds up to 8 kHz; level -5.5 dB",
    ]


def test_json_of_several_files_and_one_that_cannot_be_read(stereo, tmp_path, capsys):
    silence, bad = tmp_path / "silence.flac", tmp_path / "bad.mp3"
    soundfile.write(silence, np.zeros(8000), 8000)
    bad.write_text("no sound")
    assert main(["info", "--json", str(stereo), str(bad), str(silence)]) == 1
    told = capsys.readouterr()
    two, none = json.loads(told.out)
    assert "could not be read as audio" in told.err
    assert (two["sample_rate"], two["channels"], two["seconds"]) == (RATE, 2, 2.0)
    assert two["levels"] == pytest.approx([10 * np.log10(1 / 8), 0.0], abs=0.001) and two["clipped"] == [0.0, 1.0]
    assert none["levels"] == none["peaks"] == [None] and none["heard_level"] is None and none["clipped"] == [0.0]
    assert none["heard"] == "its one channel at 16000 Hz, resampled from 8000 Hz: sounds up to 4 kHz"
    assert none["tracks"] == [{"codec": "flac", "sample_rate": 8000, "channels": 1, "language": None}]


def test_an_undetermined_language_is_none(tmp_path):
    file = tmp_path / "talk.m4a"
    with av.open(str(file), "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with av.open(str(file)) as container:
        assert container.streams.audio[0].metadata["language"] == "und"
    assert inspect(file).tracks[0].language is None


def test_no_control_character_of_a_file_reaches_the_terminal(tmp_path, capsys):
    file = tmp_path / "talk.mka"
    with av.open(str(file), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        stream.metadata["language"] = "\x9b31m"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for options in ([], ["--json"]):
        assert main(["info", str(file), *options]) == 0
        out = capsys.readouterr().out
        assert "31m" in out and "\x9b" not in out
    assert json.loads(out)[0]["tracks"][0]["language"] == "\x9b31m"


def test_channels_that_cancel_and_the_tracks_of_a_film(stereo, tmp_path, capsys):
    samples, _ = soundfile.read(stereo)
    inverted = tmp_path / "inverted.wav"
    soundfile.write(inverted, np.stack([samples[:, 0], -samples[:, 0]], axis=1), 16_000)
    found = inspect(inverted)
    assert found.heard_level == pytest.approx(-9.03, abs=0.01) and "cancel each other" in found.notes[0]
    film = tmp_path / "film.mkv"
    with av.open(str(film), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=rate, layout="mono") for rate in (16_000, 48_000)]
        streams[1].metadata["language"] = "ger"
        for stream, rate in zip(streams, (16_000, 48_000), strict=True):
            frame = av.AudioFrame.from_ndarray(np.full((1, rate), 8192, np.int16), format="s16", layout="mono")
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
    assert main(["info", str(film), "--track", "2"]) == 0
    shown = capsys.readouterr().out
    assert "track 1      pcm_s16le, 16000 Hz, 1 channel\n" in shown
    assert "track 2      pcm_s16le, 48000 Hz, 1 channel, ger\n" in shown
    assert "level        -12.0 dB, peak -12.0 dB\n" in shown
    assert "Track 1 was taken" in inspect(film).notes[0]
