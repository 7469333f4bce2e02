"""The estimate of the signal-to-noise ratio, against noise that was added in a known ratio."""

import numpy as np
import pytest

from w2vkit.audio import Waveform
from w2vkit.audio.effects import add_noise
from w2vkit.audio.noise import signal_to_noise


def bursts(quiet: float = 0.3) -> Waveform:
    """Tones of 0.5 s with pauses between, which take a share of the time."""
    time = np.arange(8000) / 16_000
    tone = 0.2 * np.sin(2 * np.pi * 200 * time)
    pause = np.zeros(int(8000 * quiet / (1 - quiet)))
    return Waveform(np.concatenate([tone, pause] * 6).astype(np.float32), 16_000)


@pytest.mark.parametrize("ratio", [0, 10, 20, 30])
def test_added_noise_is_found(ratio):
    found = signal_to_noise(add_noise(bursts(), ratio))
    assert found == pytest.approx(ratio + 0.7, abs=0.5)  # the quietest tenth of noise is 0.7 dB quieter than its mean


def test_sound_without_an_answer_has_none():
    assert signal_to_noise(bursts()) == 100  # pauses of digital silence
    assert signal_to_noise(Waveform(np.zeros(16_000, np.float32), 16_000)) is None
    assert signal_to_noise(Waveform(np.ones(1000, np.float32), 16_000)) is None
    steady = np.tile(np.sin(2 * np.pi * 200 * np.arange(320) / 16_000), 50).astype(np.float32)
    assert signal_to_noise(Waveform(steady, 16_000)) == -10  # nothing but what is taken for noise
