"""An estimate of the signal-to-noise ratio from the sound alone."""

import math

import numpy as np

from w2vkit.audio.waveform import Waveform

FRAME = 0.02  # s
QUIET = 0.1  # share of the frames whose mean power is taken for the noise


def signal_to_noise(waveform: Waveform) -> float | None:
    """Estimate the signal-to-noise ratio of speech with pauses, from the mean power of both.

    The quietest tenth of the frames of 20 ms is taken for noise alone, and the noise for steady: with N as their mean power
    and P as that of all frames, the ratio is ``(P - N) / N``. Frames vary by chance, so that white noise comes out about
    0.7 dB too quiet. Without a pause the speech itself is taken for noise, and the ratio is too low.

    Returns
    -------
    float or None
        In decibels, within -10 and 100; None for sound that is shorter than ten frames, or silent.
    """
    size = round(FRAME * waveform.sample_rate)
    count = len(waveform.samples) // size
    if count < 10:
        return None
    frames = waveform.samples[: count * size].astype(np.float64).reshape(count, size)
    power = np.sort(np.square(frames).mean(axis=1))
    noise, both = power[: math.ceil(QUIET * count)].mean(), power.mean()
    if both == 0:
        return None
    ratio = (both - noise) / noise if noise else math.inf
    return round(min(100.0, max(-10.0, 10 * math.log10(ratio) if ratio > 0 else -10.0)), 1)
