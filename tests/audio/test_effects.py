"""Noise, telephone and speed, checked by spectra and power."""

import numpy as np
import pytest

from w2vkit.audio import Waveform
from w2vkit.audio.effects import add_noise, change_speed, telephone
from w2vkit.errors import AudioError


def tones(*frequencies: float, rate: int = 16_000) -> Waveform:
    times = np.arange(rate) / rate
    waves = np.stack([0.2 * np.sin(2 * np.pi * f * times) for f in frequencies])
    return Waveform(waves.sum(axis=0).astype(np.float32), rate)


def level(waveform: Waveform, frequency: int) -> float:
    """The amplitude of a tone in one second of sound, where a bin of the spectrum is 1 Hz wide."""
    return 2 * abs(np.fft.rfft(waveform.samples)[frequency]) / len(waveform.samples)


@pytest.mark.parametrize("snr_db", [20, 0, -5])
def test_the_noise_has_the_ratio_that_was_asked_for(snr_db):
    clean = tones(440)
    noisy = add_noise(clean, snr_db)
    share = level(noisy, 440) / level(clean, 440)  # below 1 if both were scaled down
    noise = noisy.samples - share * clean.samples
    measured = 10 * np.log10(np.mean((share * clean.samples) ** 2) / np.mean(noise**2))
    assert measured == pytest.approx(snr_db, abs=0.2)
    assert np.abs(noisy.samples).max() <= 1 and noisy.sample_rate == clean.sample_rate


def test_noise_is_the_same_for_the_same_seed_and_white():
    clean = tones(1000)
    assert np.array_equal(add_noise(clean, 5).samples, add_noise(clean, 5).samples)
    assert not np.array_equal(add_noise(clean, 5).samples, add_noise(clean, 5, seed=1).samples)
    spectrum = np.abs(np.fft.rfft(add_noise(clean, 5).samples - clean.samples)) ** 2
    low, high = spectrum[1100:4000].mean(), spectrum[4000:7900].mean()
    assert low == pytest.approx(high, rel=0.15)


def test_noise_for_silence_or_without_a_finite_ratio_is_refused():
    with pytest.raises(AudioError, match="silent"):
        add_noise(Waveform(np.zeros(1600, np.float32)), 10)
    with pytest.raises(AudioError, match="not possible"):
        add_noise(tones(440), float("nan"))


@pytest.mark.parametrize("rate", [16_000, 8_000, 44_100])
def test_a_telephone_keeps_the_voice_band_and_nothing_else(rate):
    inside, below, above = 1000, 100, 3800
    clean = tones(inside, below, above, rate=rate)
    distorted = telephone(clean)
    assert len(distorted.samples) == len(clean.samples) and distorted.sample_rate == rate
    assert level(distorted, inside) == pytest.approx(0.2, rel=0.05)
    assert level(distorted, below) < 0.004 and level(distorted, above) < 0.004


def test_a_telephone_has_eight_bits_on_a_logarithmic_scale():
    rng = np.random.default_rng(0)
    voice = Waveform((0.3 * rng.standard_normal(8000)).clip(-1, 1).astype(np.float32), 8000)
    assert len(np.unique(telephone(voice).samples)) <= 256


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_change_speed_scales_frequencies_and_length(factor):
    clean = tones(1000)
    distorted = change_speed(clean, factor)
    assert len(distorted.samples) == pytest.approx(16_000 / factor, abs=2) and distorted.sample_rate == 16_000
    spectrum = np.abs(np.fft.rfft(distorted.samples * np.hanning(len(distorted.samples))))
    assert spectrum.argmax() * 16_000 / len(distorted.samples) == pytest.approx(1000 * factor, abs=2)


@pytest.mark.parametrize("factor", [0, -1, 5, float("nan")])
def test_a_speed_out_of_range_is_refused(factor):
    with pytest.raises(AudioError, match=r"from 0\.25 to 4"):
        change_speed(tones(440), factor)
