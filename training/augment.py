"""Random augmentation of training speech: noise, rooms, telephones. All functions take (N,) samples at 16 kHz."""

import numpy as np
import soxr
from scipy.signal import fftconvolve

from w2vkit.audio.effects import TELEPHONE_RATE, mu_law

RATE = 16_000


def normalise(samples: np.ndarray) -> np.ndarray:
    """Scale to zero mean and unit variance, as the checkpoint's feature extractor does."""
    return ((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)).astype(np.float32)


def coloured_noise(count: int, rng: np.random.Generator, slope: float | None = None) -> np.ndarray:
    """Give noise between white (slope 0), pink (0.5) and brown (1); the slope is random if it is not given."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    slope = rng.uniform(0, 1) if slope is None else slope
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** slope
    return normalise(np.fft.irfft(spectrum, count))


def add_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise of equal length at a signal-to-noise ratio in decibels. The sum may leave [-1, 1]."""
    scale = np.sqrt(samples.var() / (noise.var() + 1e-9) / 10 ** (snr_db / 10))
    return samples + scale * noise


def room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Convolve with a synthetic room response: an impulse, then noise that decays exponentially over 0.15 to 0.5 s."""
    decay = rng.uniform(0.15, 0.5)
    time = np.arange(int(decay * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / decay) * rng.uniform(0.02, 0.12)
    tail[0] = 1.0
    return fftconvolve(samples, tail)[: len(samples)]


def telephone(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Limit to what a sampling rate of 8 kHz holds; half of the time, quantise on the mu-law scale as well."""
    narrow = soxr.resample(samples, RATE, TELEPHONE_RATE)
    if rng.random() < 0.5:
        peak = np.abs(narrow).max() + 1e-9
        narrow = mu_law(narrow / peak) * peak
    wide = soxr.resample(narrow, TELEPHONE_RATE, RATE)
    return np.pad(wide, (0, max(0, len(samples) - len(wide))))[: len(samples)]


def band_stop(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Attenuate one random band of up to a fifth of the mel scale: SpecAugment's frequency mask, on the waveform."""
    spectrum = np.fft.rfft(samples)
    width = rng.uniform(0, 0.2)
    low = rng.uniform(0, 1 - width)
    hertz = 700 * (np.exp(np.array([low, low + width]) * np.log(1 + 8000 / 700)) - 1)
    first, last = (hertz / RATE * len(samples)).astype(int)
    spectrum[first:last] *= 0.01
    return np.fft.irfft(spectrum, len(samples))


def distort(samples: np.ndarray, babble: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Apply each effect with a probability proportional to ``strength`` (0 to 1)."""
    if rng.random() < 0.25 * strength:
        samples = room(samples, rng)
    if rng.random() < strength:
        kind = babble if rng.random() < 0.3 else coloured_noise(len(samples), rng)
        samples = add_noise(samples, kind, rng.uniform(5, 30))
    if rng.random() < 0.2 * strength:
        samples = telephone(samples, rng)
    if rng.random() < strength:
        samples = band_stop(samples, rng)
    return normalise(samples)
