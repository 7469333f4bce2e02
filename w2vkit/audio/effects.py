"""Degrade audio on purpose, to see how a model copes: noise, a telephone line, another speed."""

import math

import numpy as np

from w2vkit.audio.waveform import Waveform
from w2vkit.errors import AudioError

TELEPHONE_RATE = 8_000  # Hz; ITU-T G.711
TELEPHONE_BAND = (300.0, 3_400.0)  # Hz; ITU-T G.712
MAX_SPEED = 4.0
MU = 255  # the parameter of the mu-law scale, ITU-T G.711


def add_noise(waveform: Waveform, snr_db: float, *, seed: int = 0) -> Waveform:
    """Add white Gaussian noise.

    Parameters
    ----------
    waveform : Waveform
    snr_db : float
        Signal-to-noise ratio in decibels, from the mean power of both. 20 is a quiet room; at 0 the noise is as loud
        as the voice.
    seed : int
        The same seed gives the same noise.

    Returns
    -------
    Waveform
        As long as before. If the sum leaves [-1, 1], signal and noise are attenuated together.

    Raises
    ------
    AudioError
        The audio is silent, so that no ratio is defined, or the ratio is not a finite number.
    """
    if not math.isfinite(snr_db):
        raise AudioError(f"A signal-to-noise ratio of {snr_db} dB is not possible. Give a finite number such as 10.")
    power = float(np.mean(np.square(waveform.samples, dtype=np.float64)))
    if power == 0:
        raise AudioError("The audio is silent, so it has no signal-to-noise ratio. Choose audio with a voice.")
    noise = np.random.default_rng(seed).standard_normal(len(waveform.samples))
    noise *= math.sqrt(power / 10 ** (snr_db / 10) / np.mean(np.square(noise)))
    mixed = waveform.samples + noise
    return Waveform((mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32), waveform.sample_rate, waveform.notes)


def telephone(waveform: Waveform) -> Waveform:
    """Simulate a telephone line: 300 to 3,400 Hz, sampled at 8 kHz, quantised to 8 bits on the mu-law scale.

    Returns
    -------
    Waveform
        At the rate and of the length of the input.
    """
    import soxr

    rate = waveform.sample_rate
    narrow = soxr.resample(_band_pass(waveform.samples, rate), rate, TELEPHONE_RATE)
    wide = soxr.resample(mu_law(narrow), TELEPHONE_RATE, rate)
    samples = np.zeros(len(waveform.samples), np.float32)
    kept = min(len(samples), len(wide))
    samples[:kept] = wide[:kept]
    return Waveform(samples, rate, waveform.notes)


def change_speed(waveform: Waveform, factor: float) -> Waveform:
    """Play audio faster or slower, as a tape does: the pitch changes with the speed.

    Parameters
    ----------
    waveform : Waveform
    factor : float
        2 is twice as fast and an octave higher.

    Returns
    -------
    Waveform
        1 / factor as long as before.

    Raises
    ------
    AudioError
        The factor is not between 0.25 and 4.
    """
    import soxr

    if not 1 / MAX_SPEED <= factor <= MAX_SPEED:
        raise AudioError(f"The speed {factor:g} is out of range. Give a number from 0.25 to 4.")
    samples = soxr.resample(waveform.samples, waveform.sample_rate * factor, waveform.sample_rate)
    return Waveform(samples.astype(np.float32), waveform.sample_rate, waveform.notes)


def _band_pass(samples: np.ndarray, rate: int) -> np.ndarray:
    """Remove the frequencies outside the telephone band, in the spectrum of the whole waveform."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    low, high = TELEPHONE_BAND
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def mu_law(samples: np.ndarray) -> np.ndarray:
    """Quantise samples to the mu-law scale, whose steps are finer at low amplitudes.

    Parameters
    ----------
    samples : numpy.ndarray
        (N,), clipped to [-1, 1].

    Returns
    -------
    numpy.ndarray
        (N,) float32, at most 255 different values.
    """
    compressed = np.sign(samples) * np.log1p(MU * np.minimum(np.abs(samples), 1)) / math.log1p(MU)
    quantised = np.rint(compressed * 127) / 127
    return (np.sign(quantised) * np.expm1(np.abs(quantised) * math.log1p(MU)) / MU).astype(np.float32)
