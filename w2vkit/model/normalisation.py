"""Sound that is read as it is needed: its level in a first pass, its windows in a second one."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from w2vkit.audio.waveform import NOT_FINITE
from w2vkit.errors import AudioError

MEASURED = 2**19  # samples; measured at a time, so that hours are not held in float64


@dataclass(frozen=True)
class Normalisation:
    """What is subtracted from a sound and what it is divided by, so that it has mean 0 and variance 1."""

    mean: float = 0.0
    deviation: float = 1.0

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """(n,) float32 to (n,) float32."""
        return (samples - np.float32(self.mean)) / np.float32(self.deviation)


@dataclass
class NormalisationMeter:
    """Measures a sound block by block, in float64.

    Attributes
    ----------
    samples : int
        How many were heard.
    """

    samples: int = 0
    _sum: float = 0.0
    _squares: float = 0.0

    def hear(self, block: np.ndarray) -> None:
        """Add (n,) samples."""
        exact = block.astype(np.float64)
        self.samples += len(block)
        self._sum += float(exact.sum())
        # Not exact @ exact: NumPy's BLAS would leave a thread spinning, and the network wait for that core.
        self._squares += float(np.square(exact).sum())

    def check(self) -> None:
        """Raise an AudioError if a sample was no number, which the sum then is not either."""
        if not math.isfinite(self._sum):
            raise AudioError(NOT_FINITE)

    @property
    def level(self) -> Normalisation:
        """The level of all that was heard; as transformers' Wav2Vec2FeatureExtractor, with its 1e-7 for silence."""
        mean = self._sum / max(1, self.samples)
        return Normalisation(mean, math.sqrt(max(0.0, self._squares / max(1, self.samples) - mean**2) + 1e-7))


def normalisation_of(samples: np.ndarray) -> Normalisation:
    """The level of (N,) samples."""
    blocks = (samples[start : start + MEASURED] for start in range(0, len(samples), MEASURED))
    return measure(blocks, 0)[0].level


def measure(blocks: Iterable[np.ndarray], most: int) -> tuple[NormalisationMeter, np.ndarray | None]:
    """Measure (n,) blocks of one sound, and give all its samples if there are no more than `most`, else None."""
    meter, kept = NormalisationMeter(), [np.empty(0, np.float32)]
    for block in blocks:
        meter.hear(block)
        if meter.samples <= most:
            kept.append(block)
        else:
            kept.clear()
    meter.check()
    return meter, np.concatenate(kept) if kept else None


class SlidingBuffer:
    """Samples of a stream that can be sliced as if all were there, as long as what is forgotten is not asked for."""

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self._blocks: Iterator[np.ndarray] = iter(blocks)
        self._held, self._offset = np.empty(0, np.float32), 0

    def __getitem__(self, stretch: slice) -> np.ndarray:
        """Give (stop - start,) samples, reading on up to there."""
        missing = stretch.stop - self._offset - len(self._held)
        new = []
        while missing > 0:
            block = next(self._blocks, None)
            if block is None:
                raise AudioError("The sound is shorter than it was a moment ago. Wait until its file is complete.")
            new.append(block)
            missing -= len(block)
        if new:
            self._held = np.concatenate([self._held, *new])
        return self._held[stretch.start - self._offset : stretch.stop - self._offset]

    def forget(self, sample: int) -> None:
        """Free everything before a sample."""
        self._held, self._offset = self._held[sample - self._offset :].copy(), sample
