"""Utterances to transcripts, a chunk at a time: what fails is reported, what works is timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from w2vkit.audio import Waveform
from w2vkit.decode import Decode, Hypothesis
from w2vkit.emissions import Emissions
from w2vkit.errors import W2VKitError
from w2vkit.pipeline.datasets import Utterance
from w2vkit.pipeline.journal import Row

if TYPE_CHECKING:
    from w2vkit.model import CTCModel
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from w2vkit.audio import MAX_SECONDS, load
from w2vkit.emissions import Vocabulary
from w2vkit.errors import EvaluationError

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


CHUNK = 32  # utterances that are read, transcribed and kept together; a kill loses at most these


@dataclass(frozen=True, eq=False)
class Heard:
    """What came of listening to an utterance.

    Attributes
    ----------
    utterance : Utterance
    seconds : float or None
        The duration of its sound; None where it could not be read.
    hypothesis : Hypothesis or None
    error : str or None
        Why there is no hypothesis.
    """

    utterance: Utterance
    seconds: float | None = None
    hypothesis: Hypothesis | None = None
    error: str | None = None

    @property
    def row(self) -> Row:
        """What an evaluation keeps of it."""
        text = self.hypothesis.text if self.hypothesis else None
        return Row(self.utterance.id, self.utterance.speaker, self.seconds, self.utterance.reference, text, self.error)


@dataclass(frozen=True)
class Speed:
    """How long transcribing took, without loading the model and without a first, warming pass of one utterance.

    Attributes
    ----------
    utterances : int
        How many this run transcribed; those that an earlier run had done are not timed.
    seconds : float
        Of sound.
    reading, forward, decoding : float
        Seconds for decoding and resampling the files, in threads beside the network; for normalising, padding and the
        network; for the text.
    """

    utterances: int
    seconds: float
    reading: float
    forward: float
    decoding: float

    @property
    def rtfx(self) -> float:
        """Audio seconds per second; as on the Open ASR Leaderboard, the clock starts with decoded audio."""
        return self.seconds / max(self.forward + self.decoding, 1e-9)


def transcribe_chunk(
    model: "CTCModel",
    chunk: list[Read],
    decode: Decode,
    speed: Speed | None,
    progress: Callable[[float], None],
) -> tuple[list[Heard], Speed | None]:
    """Transcribe utterances; what fails is among them with its error.

    Parameters
    ----------
    model : CTCModel
    chunk : list of Read
    decode : callable
        Emissions to Hypothesis.
    speed : Speed or None
        Of the run so far; before the first utterance, None.
    progress : callable
        Called with the share of the chunk that is done (0 to 1).

    Returns
    -------
    heard : list of Heard
        In the order of the utterances.
    speed : Speed or None
        With this chunk added.
    """
    waveforms = [read.waveform for read in chunk if read.waveform]
    if speed is None and waveforms:
        _emit(model, [max(waveforms, key=lambda w: w.seconds)], None)  # warm up: kernels are chosen, memory is taken
    warm = time.perf_counter()
    emissions = iter(_emit(model, waveforms, progress))
    seen = time.perf_counter()
    heard = [
        _hear(read, next(emissions), decode) if read.waveform else Heard(read.utterance, error=read.error) for read in chunk
    ]
    done = time.perf_counter()
    if waveforms:
        old = speed or Speed(0, 0.0, 0.0, 0.0, 0.0)
        speed = Speed(
            old.utterances + len(waveforms),
            old.seconds + sum(w.seconds for w in waveforms),
            old.reading + sum(read.seconds for read in chunk),
            old.forward + seen - warm,
            old.decoding + done - seen,
        )
    return heard, speed


def _hear(read: Read, result: Emissions | W2VKitError, decode: Decode) -> Heard:
    seconds = round(read.waveform.seconds, 3) if read.waveform else None
    try:
        if isinstance(result, W2VKitError):
            raise result
        return Heard(read.utterance, seconds, decode(result))
    except W2VKitError as error:
        return Heard(read.utterance, seconds, error=str(error))


def _emit(
    model: "CTCModel", waveforms: list[Waveform], progress: Callable[[float], None] | None
) -> list[Emissions] | list[Emissions | W2VKitError]:
    """Emissions, or the error of those that have none: one bad clip must not lose its batch."""
    try:
        return model.emit(waveforms, progress=progress) if waveforms else []
    except W2VKitError as error:
        if len(waveforms) == 1:
            return [error]
        return [result for waveform in waveforms for result in _emit(model, [waveform], None)]


def describe_decoder(decode: Decode, settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give what the texts of a decoder depend on, for a file of results, and the same as notes for people."""
    decoder = getattr(getattr(decode, "func", decode), "__name__", type(decode).__name__)
    listed = ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)
    return {"decoder": decoder, **settings}, [f"Decoded by {decoder.replace('_', ' ')}: {listed}."] if settings else []


class Seen:
    """Tells an id's second utterance: scored twice, or mixed up on resuming, it would falsify the result."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def check(self, id: str) -> tuple[str, str | None]:
        """Give the id, and no fault; for one that was there before another id, and the fault."""
        self._times[id] += 1
        if (count := self._times[id]) == 1:
            return id, None
        return f"{id} ({count})", f"The id {id} occurs more than once. Remove the duplicate, or give each row an id of its own."


@dataclass(frozen=True)
class Run:
    """Whose texts are scored: the model's name, its arithmetic and the labels that it can write."""

    model: str
    dtype: str
    vocabulary: Vocabulary
