"""Normalisation to mean 0 and variance 1, and normalised samples of long sounds that are read block by block."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from w2vkit.audio.waveform import NOT_FINITE
from w2vkit.errors import AudioError

VARIANCE_FLOOR = 1e-7  # added to the variance, as transformers' Wav2Vec2FeatureExtractor does, for silence
MEASURED = 2**19  # samples; measured at a time, so that hours are not held in float64


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of a sound."""

    mean: float = 0.0
    deviation: float = 1.0

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """Normalise (n,) float32 samples to mean 0 and variance 1."""
        return (samples - np.float32(self.mean)) / np.float32(self.deviation)


@dataclass
class NormalisationMeter:
    """Measures a sound block by block, in float64.

    Attributes
    ----------
    samples : int
        How many samples were measured.
    """

    samples: int = 0
    _sum: float = 0.0
    _squares: float = 0.0

    def add(self, block: np.ndarray) -> None:
        """Measure (n,) further samples."""
        exact = block.astype(np.float64)
        self.samples += len(block)
        self._sum += float(exact.sum())
        # Not exact @ exact: a thread of NumPy's BLAS would keep spinning afterwards, on a core that the network needs.
        self._squares += float(np.square(exact).sum())

    @property
    def normalisation(self) -> Normalisation:
        """Statistics of all samples, computed as transformers' Wav2Vec2FeatureExtractor does.

        Raises
        ------
        AudioError
            A sample is NaN or infinite.
        """
        if not math.isfinite(self._sum):
            raise AudioError(NOT_FINITE)
        mean = self._sum / max(1, self.samples)
        return Normalisation(mean, math.sqrt(max(0.0, self._squares / max(1, self.samples) - mean**2) + VARIANCE_FLOOR))


def normalisation_of(samples: np.ndarray) -> Normalisation:
    """Measure (N,) samples."""
    meter = NormalisationMeter()
    for start in range(0, len(samples), MEASURED):
        meter.add(samples[start : start + MEASURED])
    return meter.normalisation


class SlidingBuffer:
    """Normalised samples of a sound that is read block by block, only as far as needed.

    Parameters
    ----------
    blocks : iterable of numpy.ndarray
        (n,) float32 each.
    length : int
        Samples in all blocks together.
    normalisation : Normalisation or None
        None leaves the samples as they are, for a GPU to normalise.
    """

    def __init__(self, blocks: Iterable[np.ndarray], length: int, normalisation: Normalisation | None) -> None:
        self.length, self.normalisation = length, normalisation
        self._blocks: Iterator[np.ndarray] = iter(blocks)
        self._held, self._offset = np.empty(0, np.float32), 0

    def read(self, stretch: slice) -> np.ndarray:
        """Return (stop - start,) normalised samples; none of them may lie before the sample that `forget` was given."""
        new = []
        missing = stretch.stop - self._offset - len(self._held)
        while missing > 0:
            block = next(self._blocks, None)
            if block is None:
                raise AudioError("The sound became shorter while it was read. Wait until its file is complete.")
            new.append(block)
            missing -= len(block)
        if new:
            parts = [self._held, *new] if len(self._held) else new
            self._held = np.concatenate(parts) if len(parts) > 1 else parts[0]
        samples = self._held[stretch.start - self._offset : stretch.stop - self._offset]
        return samples if self.normalisation is None else self.normalisation.apply(samples)

    def forget(self, sample: int) -> None:
        """Free everything before a sample."""
        self._held, self._offset = self._held[sample - self._offset :].copy(), sample
