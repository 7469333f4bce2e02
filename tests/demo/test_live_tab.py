"""What the tab Live takes from a browser: short mono PCM in WAV files, and numbers that make sense."""

import base64
import io
from typing import Any

import numpy as np
import pytest
import soundfile
from support.speller import speller

from w2vkit.errors import AudioError
from w2vkit.pipeline.live import LiveTranscript
from w2vkit_demo.tabs import live as module

SAMPLES = np.arange(-800, 800, dtype=np.int16)


def packed(samples: np.ndarray = SAMPLES, rate: int = 16_000, format: str = "WAV", subtype: str = "PCM_16") -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=format, subtype=subtype)
    return base64.b64encode(buffer.getvalue()).decode()


def feed(live: LiveTranscript, **block: Any) -> None:
    module._feed(live, block, 600.0)


@pytest.fixture
def live() -> LiveTranscript:
    return LiveTranscript(speller())


def test_the_block_of_a_browser_is_taken(live):
    rate, samples = module._samples(packed(rate=48_000))
    assert rate == 48_000 and np.array_equal(samples, SAMPLES)
    feed(live, sound=packed())
    feed(live, sound=packed(), missed=0.5)
    assert live.now.seconds == pytest.approx(0.7) and live.now.dropped == pytest.approx(0.6)


@pytest.mark.parametrize("missed", [float("inf"), float("nan"), 1e300, 1e12, -5, "x", [], {"a": 1}])
def test_a_number_that_makes_no_sense_is_refused(live, missed):
    feed(live, sound=packed())
    if missed:
        with pytest.raises(AudioError, match="Reload the page"):
            feed(live, sound=packed(), missed=missed)
    assert live.now.seconds == pytest.approx(0.1)


@pytest.mark.parametrize(
    "sound",
    [
        5,
        [1],
        {"a": 1},
        "////",
        "no base64!",
        packed()[:-7],
        packed()[:40],
        packed(format="FLAC"),
        packed(np.zeros((100, 2), np.int16)),
        packed(subtype="FLOAT"),
        packed(subtype="PCM_24"),
        packed(np.zeros(0, np.int16)),
        packed(rate=100),
        packed(rate=1_000_000),
        packed(np.zeros(31 * 16_000, np.int16)),
        base64.b64encode(b"RIFF\xff\xff\xff\x7fWAVEjunk\xff\xff\xff\x7f").decode(),  # Python's reader raises a RuntimeError
        base64.b64encode(base64.b64decode(packed())[:24] + bytes(4) + base64.b64decode(packed())[28:]).decode(),
    ],
    ids=lambda sound: str(sound)[:20],
)
def test_anything_but_a_short_pcm_wav_is_refused(live, sound):
    with pytest.raises(AudioError, match="Reload the page"):
        feed(live, sound=sound)
    assert live.now.seconds == 0
