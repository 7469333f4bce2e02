"""Sound made worse on purpose, to see what a model makes of it: noise, the telephone, another speed."""

import math

import numpy as np

from w2vkit.audio.waveform import Waveform
from w2vkit.errors import AudioError

TELEPHONE_RATE = 8_000  # Hz; of the digital telephone, ITU-T G.711
TELEPHONE_BAND = (300.0, 3_400.0)  # Hz; what it transmits, ITU-T G.712
MOST_SPEED = 4.0
MU = 255  # of the logarithmic scale of G.711 in North America and Japan


def add_noise(waveform: Waveform, snr_db: float, *, seed: int = 0) -> Waveform:
    """Add white Gaussian noise.

    Parameters
    ----------
    waveform : Waveform
    snr_db : float
        The signal's mean power over that of the noise, in decibels: 20 is a quiet room, 0 as loud as the voice.
    seed : int
        The same seed gives the same noise.

    Returns
    -------
    Waveform
        As long as before. Where the sum would leave [-1, 1], signal and noise are made softer together.

    Raises
    ------
    AudioError
        The sound is silent, so that no noise is in proportion to it, or the ratio is not a finite number.
    """
    if not math.isfinite(snr_db):
        raise AudioError(f"A signal-to-noise ratio of {snr_db} dB cannot be made. Give a number such as 10.")
    power = float(np.mean(np.square(waveform.samples, dtype=np.float64)))
    if power == 0:
        raise AudioError("The sound is silent, so no noise can be in proportion to it. Choose a sound with a voice.")
    noise = np.random.default_rng(seed).standard_normal(len(waveform.samples))
    noise *= math.sqrt(power / 10 ** (snr_db / 10) / np.mean(np.square(noise)))
    mixed = waveform.samples + noise
    return Waveform((mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32), waveform.sample_rate)


def telephone(waveform: Waveform) -> Waveform:
    """Send sound through a telephone: 300 to 3,400 Hz, 8 kHz, 8 bits on the mu-law scale.

    Returns
    -------
    Waveform
        At the old rate and as long as before; what the telephone took away is gone.
    """
    import soxr

    rate = waveform.sample_rate
    narrow = soxr.resample(_band_pass(waveform.samples, rate), rate, TELEPHONE_RATE)
    wide = soxr.resample(_mu_law(narrow), TELEPHONE_RATE, rate)
    samples = np.zeros(len(waveform.samples), np.float32)
    kept = min(len(samples), len(wide))
    samples[:kept] = wide[:kept]
    return Waveform(samples, rate)


def change_speed(waveform: Waveform, factor: float) -> Waveform:
    """Play sound faster or slower, as a tape does: the voice gets higher or deeper with it.

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

    if not 1 / MOST_SPEED <= factor <= MOST_SPEED:
        raise AudioError(f"Sound cannot be played {factor:g} times as fast here. Give a number from 0.25 to 4.")
    samples = soxr.resample(waveform.samples, waveform.sample_rate * factor, waveform.sample_rate)
    return Waveform(samples.astype(np.float32), waveform.sample_rate)


def _band_pass(samples: np.ndarray, rate: int) -> np.ndarray:
    """Take out what lies outside of the telephone's band, by the spectrum of the whole sound."""
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / rate)
    low, high = TELEPHONE_BAND
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def _mu_law(samples: np.ndarray) -> np.ndarray:
    """Round samples to the 256 steps of the mu-law scale, which are fine where it is soft."""
    squeezed = np.sign(samples) * np.log1p(MU * np.minimum(np.abs(samples), 1)) / math.log1p(MU)
    stepped = np.rint(squeezed * 127) / 127
    return (np.sign(stepped) * np.expm1(np.abs(stepped) * math.log1p(MU)) / MU).astype(np.float32)
