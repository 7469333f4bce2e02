"""Speech to text while it is spoken: words that will not change any more, and a tail that may.

The last seconds are decoded again whenever there is more of them. A word is settled once it ended a while ago and two
decodings in a row agree on it and on all before it: the local agreement of Liu et al., "Low-latency sequence-to-sequence
speech recognition and translation by partial hypothesis selection" (2020), https://arxiv.org/abs/2005.11185. Silence is
not decoded; what was said before it is settled at once.
"""

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
from w2vkit.pipeline.voice import NOTHING, InputBuffer, VoiceDetector

SETTLE_SECONDS = 1.2  # s; a word that ended longer ago is settled if two decodings agree
FORCE_SECONDS = 5.0  # s; after this it is settled in any case
PAUSE_SECONDS = 0.8  # s; after so much silence all is settled
BEFORE_SECONDS = 0.5  # s; silence that is kept, so that the next word is heard from its beginning
CONTEXT_SECONDS = 1.5  # s; settled sound that is decoded again for the sake of what follows
WINDOW_SECONDS = 3.5  # s; a longer window is cut at a gap between settled words, if there is one
MAX_SECONDS = 12.0  # s; a longer one is cut anyway
LEAST_SECONDS = 0.1  # s; no receptive field is longer


@dataclass(frozen=True)
class LiveText:
    """What was said so far.

    Attributes
    ----------
    stable : tuple of Word
        Settled: later results begin with the same words. Times are in seconds from the beginning of the sound.
    tail : tuple of Word
        What follows, as far as can be told by now.
    seconds : float
        How long the sound is by now, with what was dropped.
    dropped : float
        How much of it never came, or waited too long to be decoded (s).
    delay : float
        From the arrival of the newest decoded sound to the end of its decoding (s).
    """

    stable: tuple[Word, ...] = ()
    tail: tuple[Word, ...] = ()
    seconds: float = 0.0
    dropped: float = 0.0
    delay: float = 0.0

    @property
    def text(self) -> str:
        """All words, joined by single spaces."""
        return " ".join(word.text for word in (*self.stable, *self.tail))


class LiveTranscript:
    """One live sound and its text.

    `feed` is quick, and may be called while another thread is in `update`, which runs the model. However long the sound
    is, a few seconds of it are held.

    Parameters
    ----------
    model : Emitter
        Such as a `CTCModel`.
    decode : callable
        Emissions to Hypothesis.

    """

    def __init__(self, model: Emitter, *, decode: Decode = greedy) -> None:
        self._model, self._decode, self._rate = model, decode, model.sample_rate
        self._inlet, self._gate, self._speaking = InputBuffer(self._rate), VoiceDetector(self._rate), False
        self._window, self._start = NOTHING, 0  # what is decoded again, and the number of its first sample
        self._edge = 0.0  # s; all words before it are settled
        self._updating = Lock()
        self._job: Future[LiveText] | None = None
        self._text = LiveText()

    @property
    def now(self) -> LiveText:
        """The latest result."""
        return replace(self._text, seconds=self._inlet.seconds, dropped=self._inlet.dropped)

    def feed(self, source: Any, *, missed: float = 0.0) -> None:
        """Take the next block of sound; `update` decodes it.

        Parameters
        ----------
        source
            What `w2vkit.audio.load` takes, such as (rate, array).
        missed : float
            How much sound was lost just before it (s).

        Raises
        ------
        AudioError
            As for `load`. The block is left out; the next one may be better.
        """
        self._inlet.put(source, missed)

    def update(self) -> LiveText:
        """Decode what was fed, if there is something to hear in it.

        Raises
        ------
        W2VKitError
            As for `CTCModel.emit`.
        """
        with self._updating:
            self._update(last=False)
            return self.now

    def finish(self) -> LiveText:
        """Decode what is left, settle all, and forget the sound."""
        self._inlet.close()
        with self._updating:
            self._update(last=True)
            self._settle(self._text.tail, len(self._text.tail))
            self._keep(0)
            return self.now

    def update_async(self, workers: Executor, *, patience: float) -> LiveText:
        """Have `update` done by a worker, and give what there is after `patience` (s) at most.

        Where the workers do not keep up, several blocks are decoded together, and their text comes later.
        """
        if self._job is None or self._job.done():
            done, self._job = self._job, None
            if done is not None:
                done.result()  # raises what went wrong
            self._job = workers.submit(self.update)
        wait([self._job], patience)
        return self.now

    def _update(self, *, last: bool) -> None:
        came = self._inlet.take()
        if came.skipped:  # no word reaches over a gap
            self._settle(self._text.tail, len(self._text.tail))
            self._window, self._start = NOTHING, self._start + len(self._window) + came.skipped
        self._window = np.concatenate([self._window, came.samples])
        self._speaking |= self._gate.hear(came.samples)
        if self._speaking and len(came.samples) + last and len(self._window) >= LEAST_SECONDS * self._rate:
            self._read(all_is_said=bool(last or self._gate.quiet >= PAUSE_SECONDS))
            self._text = replace(self._text, delay=time.monotonic() - came.since if came.since else self._text.delay)
        if not self._speaking:
            self._keep(BEFORE_SECONDS)

    def _read(self, *, all_is_said: bool) -> None:
        """Decode the window, and settle what can be settled."""
        (emissions,) = self._model.emit([Waveform(self._window, self._rate)])
        shift, end = self._start / self._rate, (self._start + len(self._window)) / self._rate
        found = [replace(word, start=word.start + shift, end=word.end + shift) for word in self._decode(emissions).words]
        words = [word for word in found if (word.start + word.end) / 2 > self._edge]
        if all_is_said:
            self._settle(words, len(words))
            self._speaking = False
            return
        same, count = agreement(words, self._text.tail), 0
        while count < len(words) and words[count].end <= end - (SETTLE_SECONDS if count < same else FORCE_SECONDS):
            count += 1
        self._settle(words, count)
        self._shorten(found, end)

    def _settle(self, words: Sequence[Word], count: int) -> None:
        """Settle the first words; the others are the tail."""
        if count:
            following = words[count].start if count < len(words) else words[count - 1].end
            self._edge = (words[count - 1].end + following) / 2
        self._text = replace(self._text, stable=(*self._text.stable, *words[:count]), tail=tuple(words[count:]))

    def _shorten(self, found: list[Word], end: float) -> None:
        """Cut a long window between settled words, or anywhere if it gets far too long."""
        seconds = len(self._window) / self._rate
        if seconds > WINDOW_SECONDS:
            gaps = [(before.end + after.start) / 2 for before, after in pairwise(found)]
            if past := [gap for gap in gaps if gap <= self._edge - CONTEXT_SECONDS]:
                self._keep(end - past[-1])
            elif seconds > MAX_SECONDS:
                self._keep(WINDOW_SECONDS)
                self._edge = max(self._edge, end - WINDOW_SECONDS)

    def _keep(self, seconds: float) -> None:
        """Forget all but the end of the window."""
        forgotten = max(0, len(self._window) - round(seconds * self._rate))
        self._window, self._start = self._window[forgotten:].copy(), self._start + forgotten


def agreement(words: Sequence[Word], others: Sequence[Word]) -> int:
    """How many words two decodings have in common from their beginning on."""
    pairs = zip(words, others, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a.text != b.text), min(len(words), len(others)))
