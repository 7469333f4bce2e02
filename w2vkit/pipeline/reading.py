"""Files read and resampled by threads, while the network is busy with those before them."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from w2vkit.audio import MAX_SECONDS, Waveform, load
from w2vkit.errors import EvaluationError, W2VKitError
from w2vkit.pipeline.datasets import Utterance

READERS = 2  # threads; soundfile and soxr let others run while they work
AHEAD = 64  # utterances that are read, or being read, before they are asked for


@dataclass(frozen=True, eq=False)
class Read:
    """An utterance and what came of reading it.

    Attributes
    ----------
    utterance : Utterance
    waveform : Waveform or None
    error : str or None
        Why there is no waveform; None also where it was not needed.
    seconds : float
        How long reading took.
    """

    utterance: Utterance
    waveform: Waveform | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def needed(self) -> bool:
        """Whether anything was to be read."""
        return self.waveform is not None or self.error is not None


def read_ahead(
    utterances: Iterable[Utterance],
    sample_rate: int,
    needed: Callable[[Utterance], bool],
    *,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[Read]:
    """Read utterances in their order, some of them ahead.

    Parameters
    ----------
    utterances : iterable of Utterance
    sample_rate : int
        To resample to (Hz).
    needed : callable
        Whether an utterance's sound is to be read at all.
    max_seconds : float
        What is longer is not read (s).

    Yields
    ------
    Read
    """

    def read(utterance: Utterance) -> Read:
        start = time.perf_counter()
        try:
            if utterance.fault:
                raise EvaluationError(utterance.fault)
            waveform = load(utterance.audio, sample_rate=sample_rate, max_seconds=max_seconds)
        except W2VKitError as error:
            return Read(utterance, error=str(error))
        return Read(utterance, waveform, seconds=time.perf_counter() - start)

    waiting: deque[Future[Read] | Read] = deque()
    pool = ThreadPoolExecutor(READERS)
    try:
        for utterance in utterances:
            waiting.append(pool.submit(read, utterance) if needed(utterance) else Read(utterance))
            if len(waiting) > AHEAD:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _result(waiting: Future[Read] | Read) -> Read:
    return waiting if isinstance(waiting, Read) else waiting.result()
