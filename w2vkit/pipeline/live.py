"""Live speech to text: final words, which do not change any more, and partial ones, which may.

Whenever sound arrives, a window of the last seconds is decoded again. A word becomes final when it ended some time ago and
two decodings in a row agree on it and on all words before it. This is the local agreement of Liu et al., "Low-latency
sequence-to-sequence speech recognition and translation by partial hypothesis selection" (2020),
https://arxiv.org/abs/2005.11185. Silence is not decoded; the words before a pause become final at once.
"""

import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, replace
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np

from w2vkit.audio import Waveform
from w2vkit.decode import Decode, Word, greedy
from w2vkit.pipeline.transcription import Emitter
from w2vkit.pipeline.voice import MEMORY_SECONDS, NO_SAMPLES, InputBuffer, VoiceDetector

FINAL_SECONDS = 1.2  # s; a word that ended longer ago becomes final if two decodings agree on it
FORCE_SECONDS = 5.0  # s; a word that ended longer ago becomes final without agreement
PAUSE_SECONDS = 0.8  # s; after this much silence all words become final
BEFORE_SECONDS = 0.5  # s; silence that is kept, so that the beginning of the next word is in the window
CONTEXT_SECONDS = 1.5  # s; sound of final words that stays in the window as context for what follows
WINDOW_SECONDS = 3.5  # s; a longer window is cut at a gap between final words, if there is one
MAX_SECONDS = 12.0  # s; a longer window is cut in any case
LEAST_SECONDS = 0.1  # s; no receptive field is longer


@dataclass(frozen=True)
class LiveText:
    """The text so far.

    Attributes
    ----------
    final : tuple of Word
        Words that later results begin with too. Times are in seconds from the beginning of the sound.
    partial : tuple of Word
        The words after them, which may still change.
    seconds : float
        Duration of the sound so far, including what was dropped.
    dropped : float
        How much of it was lost before it arrived, or was dropped because it waited too long (s).
    delay : float
        Time from the arrival of the newest decoded sound to the end of its decoding (s).
    """

    final: tuple[Word, ...] = ()
    partial: tuple[Word, ...] = ()
    seconds: float = 0.0
    dropped: float = 0.0
    delay: float = 0.0

    @property
    def text(self) -> str:
        """All words, joined by single spaces."""
        return " ".join(word.text for word in (*self.final, *self.partial))


class LiveTranscript:
    """The text of one sound while it is being recorded.

    `update` runs the model. `feed` is quick, and may be called while another thread is in `update`. However long the sound
    is, only a few seconds of it are kept.

    Parameters
    ----------
    model : Emitter
        Such as a `CTCModel`.
    decode : callable
        Emissions to Hypothesis.
    """

    def __init__(self, model: Emitter, *, decode: Decode = greedy) -> None:
        self._model, self._decode = model, decode
        self._rate = model.sample_rate
        self._buffer, self._detector = InputBuffer(self._rate), VoiceDetector(self._rate)
        self._speaking = False
        self._window, self._start = NO_SAMPLES, 0  # what is decoded again, and the number of its first sample
        self._edge = 0.0  # s; all words before it are final
        self._pause = math.inf  # s; where the present pause was noticed
        self._updating = Lock()
        self._job: Future[LiveText] | None = None
        self._text = LiveText()

    @property
    def now(self) -> LiveText:
        """The latest result."""
        return replace(self._text, seconds=self._buffer.seconds, dropped=self._buffer.dropped)

    def feed(self, source: Any, *, missed: float = 0.0) -> None:
        """Add the next block of sound; `update` decodes it.

        Parameters
        ----------
        source
            What `w2vkit.audio.load` takes, such as (rate, array).
        missed : float
            How much sound was lost just before it (s).

        Raises
        ------
        AudioError
            As for `load`. The block is left out; the following ones can still be used.
        """
        self._buffer.put(source, missed)

    def update(self) -> LiveText:
        """Decode what was fed since the last call, unless it is silence.

        Raises
        ------
        W2VKitError
            As for `CTCModel.emit`.
        """
        with self._updating:
            self._update(last=False)
            return self.now

    def finish(self) -> LiveText:
        """Decode the rest, make all words final, and drop the sound."""
        self._buffer.close()
        with self._updating:
            self._update(last=True)
            self._commit(self._text.partial, len(self._text.partial))
            self._keep(0)
            return self.now

    def update_async(self, workers: Executor, *, patience: float) -> LiveText:
        """Run `update` in a worker, and return the latest result after at most `patience` seconds.

        Where the workers are too slow, several blocks are decoded together, and their text comes later.
        """
        if self._job is None or self._job.done():
            done, self._job = self._job, None
            if done is not None:
                done.result()  # raises the error of that update
            self._job = workers.submit(self.update)
        wait([self._job], patience)
        return self.now

    def _update(self, *, last: bool) -> None:
        taken = self._buffer.take()
        if taken.skipped:  # no word spans a gap
            self._commit(self._text.partial, len(self._text.partial))
            self._window, self._start = NO_SAMPLES, self._start + len(self._window) + taken.skipped
        self._window = np.concatenate([self._window, taken.samples])
        if self._detector.detect(taken.samples) and not self._speaking:
            self._speaking = True
            self._keep(self._detector.since + BEFORE_SECONDS)
        if self._speaking and len(taken.samples) + last and len(self._window) >= LEAST_SECONDS * self._rate:
            self._decode_window(pause=self._detector.quiet >= PAUSE_SECONDS, last=last)
            self._text = replace(self._text, delay=time.monotonic() - taken.since if taken.since else self._text.delay)
        if not self._speaking:
            self._keep(BEFORE_SECONDS if self._detector.quiet < math.inf else MEMORY_SECONDS)

    def _decode_window(self, *, pause: bool, last: bool) -> None:
        """Decode the window, and make words final where possible: before a pause, and in the last window, all of them."""
        (emissions,) = self._model.emit([Waveform(self._window, self._rate)])
        shift, end = self._start / self._rate, (self._start + len(self._window)) / self._rate
        found = [replace(word, start=word.start + shift, end=word.end + shift) for word in self._decode(emissions).words]
        words = [word for word in found if (word.start + word.end) / 2 > self._edge]
        if pause or last:
            # A word in the silence just before the end is the beginning of one that is not all there: it is decoded again,
            # even if it is too soft for the detector. What is found in the silence after that is no word.
            self._pause = min(self._pause, end)
            count = sum(last or word.start < end - BEFORE_SECONDS for word in words)
            self._speaking = not last and any(word.start < self._pause for word in words[count:])
            self._commit(words if self._speaking else words[:count], count)
            return
        self._pause = math.inf
        same, count = agreement(words, self._text.partial), 0
        while count < len(words) and words[count].end <= end - (FINAL_SECONDS if count < same else FORCE_SECONDS):
            count += 1
        self._commit(words, count)
        self._shorten(found, end)

    def _commit(self, words: Sequence[Word], count: int) -> None:
        """Make the first `count` words final; the others are partial."""
        if count:
            following = words[count].start if count < len(words) else words[count - 1].end
            self._edge = (words[count - 1].end + following) / 2
        self._text = replace(self._text, final=(*self._text.final, *words[:count]), partial=tuple(words[count:]))

    def _shorten(self, found: list[Word], end: float) -> None:
        """Cut a long window between final words, or anywhere if it exceeds `MAX_SECONDS`."""
        seconds = len(self._window) / self._rate
        if seconds > WINDOW_SECONDS:
            gaps = [(before.end + after.start) / 2 for before, after in pairwise(found)]
            if past := [gap for gap in gaps if gap <= self._edge - CONTEXT_SECONDS]:
                self._keep(end - past[-1])
            elif seconds > MAX_SECONDS:
                self._keep(WINDOW_SECONDS)
                self._edge = max(self._edge, end - WINDOW_SECONDS)

    def _keep(self, seconds: float) -> None:
        """Drop all but the last `seconds` of the window."""
        dropped = max(0, len(self._window) - round(seconds * self._rate))
        self._window, self._start = self._window[dropped:].copy(), self._start + dropped


def agreement(words: Sequence[Word], others: Sequence[Word]) -> int:
    """Count the words that two decodings have in common at their beginning."""
    pairs = zip(words, others, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a.text != b.text), min(len(words), len(others)))
