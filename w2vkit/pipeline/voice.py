"""Voice activity detection, and the buffer for live input."""

import math
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from w2vkit.audio.waveform import NOT_FINITE, mono, resampler
from w2vkit.errors import AudioError

BACKLOG_SECONDS = 8.0  # s; where more than this waits to be taken, the oldest sound is dropped
NO_SAMPLES = np.empty(0, np.float32)

FRAME_SECONDS = 0.02  # s; one level is measured per frame
MEMORY_SECONDS = 5.0  # s; the noise level is estimated over the frames of this time
NOISE_SHARE = 0.2  # quantile of the levels that is taken as the noise level: even fast speech has as many gaps
ABOVE_NOISE_DB = 8.0  # how far speech exceeds the noise level; frames of steady noise differ by 1 to 3 dB
SILENCE_DB = -50.0  # relative to full scale; anything below is silence, whatever the noise level
NEAR_SECONDS, LEAST_FRAMES = 0.5, 3  # speech has this many loud frames within this time (s); a click has fewer


class VoiceDetector:
    """Voice activity detection by level, block by block.

    The level of a frame is compared with that of the quietest recent frames. So a fan, a hum or a constant tone is noise,
    however loud it is.

    Parameters
    ----------
    sample_rate : int
        Hz.

    Attributes
    ----------
    quiet : float
        How long ago voice was detected last (s); infinite before the first time.
    since : float
        How long ago voice was first detected within `MEMORY_SECONDS` (s), by the present noise level: if a sound begins
        within a word, its noise level is known only after the first gap.
    """

    def __init__(self, sample_rate: int) -> None:
        self._frame = round(FRAME_SECONDS * sample_rate)
        self._rest = self._levels = NO_SAMPLES
        self.quiet, self.since = math.inf, 0.0

    def detect(self, samples: np.ndarray) -> bool:
        """Take the next (n,) samples, and return whether there is voice in them."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self._frame * self._frame
        self._rest, frames = samples[whole:], samples[:whole].reshape(-1, self._frame)
        if not len(frames):
            return False
        levels = 10 * np.log10(frames.var(axis=1) + 1e-12)
        self._levels = np.concatenate([self._levels, levels])[-max(len(levels), round(MEMORY_SECONDS / FRAME_SECONDS)) :]
        least = max(SILENCE_DB, float(np.quantile(self._levels, NOISE_SHARE)) + ABOVE_NOISE_DB)
        loud = np.flatnonzero(self._levels > least) - (len(self._levels) - len(levels))  # from 0 on: in these samples
        together = 1 + np.arange(len(loud)) - np.searchsorted(loud, loud - NEAR_SECONDS / FRAME_SECONDS, side="right")
        near = loud[together >= LEAST_FRAMES]
        now = near[near >= 0]
        self.since = (len(levels) - near[0]) * FRAME_SECONDS if len(near) else 0.0
        self.quiet = float(len(levels) - 1 - now[-1] if len(now) else self.quiet / FRAME_SECONDS + len(levels)) * FRAME_SECONDS
        return len(now) > 0


@dataclass(frozen=True, eq=False)
class Waiting:
    """Sound that was put into the buffer and not taken yet.

    Attributes
    ----------
    skipped : int
        Number of samples that were dropped before these.
    samples : numpy.ndarray
        (n,) float32 at the rate of the buffer.
    since : float
        When the last of them arrived (s, by `time.monotonic`).
    """

    skipped: int
    samples: np.ndarray
    since: float


EMPTY = Waiting(0, NO_SAMPLES, 0.0)


class InputBuffer:
    """Passes blocks of one sound from one thread to another.

    Parameters
    ----------
    sample_rate : int
        Of the output (Hz). All blocks go through one resampler, so that there are no clicks between them.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate, self._source_rate, self._resample = sample_rate, 0, None
        self._lock, self._waiting = Lock(), EMPTY
        self._count = self._dropped = 0

    @property
    def seconds(self) -> float:
        """Duration of the sound so far (s)."""
        return self._count / self._rate

    @property
    def dropped(self) -> float:
        """How much of it was lost before it arrived, or waited too long (s)."""
        return self._dropped / self._rate

    def put(self, source: Any, missed: float = 0.0) -> None:
        """Add a block, given as anything that `w2vkit.audio.load` takes; see `LiveTranscript.feed`."""
        blocks = list(mono(source))
        if not all(math.isfinite(float(np.sum(block, dtype=np.float64))) for _, block in blocks):
            raise AudioError(NOT_FINITE)
        with self._lock:
            if lost := round(missed * self._rate):  # the waiting sound is late already, and is dropped too
                gone = len(self._waiting.samples) + lost
                self._waiting = Waiting(self._waiting.skipped + gone, NO_SAMPLES, 0.0)
                self._count, self._dropped = self._count + lost, self._dropped + gone
            for rate, block in blocks:
                if rate != self._source_rate:  # the first block, or another microphone
                    self._source_rate, self._resample = rate, resampler(rate, self._rate)
                self._queue(self._resample(block) if self._resample else block)

    def close(self) -> None:
        """Add the samples that the resampler still holds."""
        with self._lock:
            if self._resample:
                self._queue(self._resample(NO_SAMPLES, last=True))
            self._source_rate, self._resample = 0, None

    def take(self) -> Waiting:
        """Remove and return all that waits."""
        with self._lock:
            taken, self._waiting = self._waiting, EMPTY
        return taken

    def _queue(self, block: np.ndarray) -> None:
        samples = np.concatenate([self._waiting.samples, block])
        excess = max(0, len(samples) - round(BACKLOG_SECONDS * self._rate))
        self._waiting = Waiting(self._waiting.skipped + excess, samples[excess:], time.monotonic())
        self._count, self._dropped = self._count + len(block), self._dropped + excess
