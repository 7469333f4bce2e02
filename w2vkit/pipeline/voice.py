"""Live sound before any model: how it is taken in, and whether there is something to hear."""

import math
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from w2vkit.audio.waveform import NOT_FINITE, mono
from w2vkit.errors import AudioError

BACKLOG_SECONDS = 8.0  # s; of what waits longer to be taken, the oldest is dropped
NOTHING = np.empty(0, np.float32)

FRAME_SECONDS = 0.02  # s; the level is measured once in each
MEMORY_SECONDS = 5.0  # s; over these the steady noise is estimated
STEADY = 0.2  # the share of frames that are taken to be no more than noise: even fast speech has as many gaps
STANDS_OUT_DB = 8.0  # above the steady noise; its own frames differ by 1 to 3 dB
FAINT_DB = -50.0  # of full scale; what is below is silence, even where there is no noise at all
NEAR_SECONDS, LEAST_FRAMES = 0.5, 3  # so many frames must stand out so near to each other: a click is no speech


class VoiceDetector:
    """Tells sound from silence and from steady noise, block by block.

    The level of a frame is compared with the quiet frames around it: a fan, a hum or a constant tone is no sound to it,
    however loud.

    Parameters
    ----------
    sample_rate : int
        Hz.

    Attributes
    ----------
    quiet : float
        How long ago the last sound was (s); infinite before the first.
    """

    def __init__(self, sample_rate: int) -> None:
        self._frame = round(FRAME_SECONDS * sample_rate)
        self._rest = self._levels = NOTHING
        self.quiet = math.inf

    def hear(self, samples: np.ndarray) -> bool:
        """Take the next (n,) samples, and say whether there is sound in them."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self._frame * self._frame
        self._rest, frames = samples[whole:], samples[:whole].reshape(-1, self._frame)
        if not len(frames):
            return False
        levels = 10 * np.log10(frames.var(axis=1) + 1e-12)
        self._levels = np.concatenate([self._levels, levels])[-max(len(levels), round(MEMORY_SECONDS / FRAME_SECONDS)) :]
        least = max(FAINT_DB, float(np.quantile(self._levels, STEADY)) + STANDS_OUT_DB)
        loud = np.flatnonzero(self._levels > least) - (len(self._levels) - len(levels))  # from 0 on: in these samples
        near = [i for i in loud if i >= 0 and np.sum((loud <= i) & (loud > i - NEAR_SECONDS / FRAME_SECONDS)) >= LEAST_FRAMES]
        self.quiet = float(len(levels) - 1 - near[-1] if near else self.quiet / FRAME_SECONDS + len(levels)) * FRAME_SECONDS
        return bool(near)


@dataclass(frozen=True, eq=False)
class Waiting:
    """What came and was not taken yet.

    Attributes
    ----------
    skipped : int
        Samples that were dropped before these.
    samples : numpy.ndarray
        (n,) float32 at the rate of the inlet.
    since : float
        When the last of them came (s, by `time.monotonic`).
    """

    skipped: int
    samples: np.ndarray
    since: float


EMPTY = Waiting(0, NOTHING, 0.0)


class InputBuffer:
    """Takes blocks of one sound from one thread, and gives them to another one.

    Parameters
    ----------
    sample_rate : int
        Of what is given (Hz); blocks are resampled as one sound, without seams.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._source_rate, self._resampler = sample_rate, 0, None
        self._door, self._waiting = Lock(), EMPTY
        self._count = self._dropped = 0

    @property
    def seconds(self) -> float:
        """How long the sound is by now (s)."""
        return self._count / self._rate

    @property
    def dropped(self) -> float:
        """How much of it never came, or waited too long (s)."""
        return self._dropped / self._rate

    def put(self, source: Any, missed: float = 0.0) -> None:
        """Take a block from anything that `w2vkit.audio.load` takes; see `LiveTranscript.feed`."""
        rate, blocks = mono(source)
        block = np.concatenate([NOTHING, *blocks])
        if not math.isfinite(float(np.sum(block, dtype=np.float64))):
            raise AudioError(NOT_FINITE)
        with self._door:
            if lost := round(missed * self._rate):  # what waited was late already: the sound goes on after the gap
                gone = len(self._waiting.samples) + lost
                self._waiting = Waiting(self._waiting.skipped + gone, NOTHING, 0.0)
                self._count, self._dropped = self._count + lost, self._dropped + gone
            self._queue(self._resampled(rate, block))

    def close(self) -> None:
        """Give out what the resampler still holds."""
        with self._door:
            if self._resampler is not None:
                self._queue(self._resampler.resample_chunk(NOTHING, last=True))
            self._resampler, self._source_rate = None, 0

    def take(self) -> Waiting:
        """Give all that waits."""
        with self._door:
            taken, self._waiting = self._waiting, EMPTY
        return taken

    def _resampled(self, rate: int, block: np.ndarray) -> np.ndarray:
        import soxr

        if rate != self._source_rate:  # at the beginning, or another microphone
            self._source_rate = rate
            same = rate == self._rate
            self._resampler = None if same else soxr.ResampleStream(rate, self._rate, 1, dtype="float32", quality="HQ")
        return block if self._resampler is None else self._resampler.resample_chunk(block)

    def _queue(self, block: np.ndarray) -> None:
        samples = np.concatenate([self._waiting.samples, block])
        excess = max(0, len(samples) - round(BACKLOG_SECONDS * self._rate))
        self._waiting = Waiting(self._waiting.skipped + excess, samples[excess:], time.monotonic())
        self._count, self._dropped = self._count + len(block), self._dropped + excess
