"""Many utterances to text: sound is read ahead in threads, chunks go through the model, and the time is taken.

An utterance that fails becomes a result with its error. A `Runner` does this for a whole data set: `LocalRunner` in this
process, `w2vkit.pipeline.cluster.Cluster` on many machines.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from w2vkit.audio import MAX_SECONDS, Waveform, load
from w2vkit.audio.noise import signal_to_noise
from w2vkit.decode import Decode, decoder_settings
from w2vkit.decode.lm import of_checkpoint
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.errors import EvaluationError, reason
from w2vkit.pipeline.datasets import Utterance
from w2vkit.pipeline.journal import Journal, Result

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

READERS = 2  # threads; soundfile and soxr release the GIL while they work
AHEAD = 64  # utterances that are read, or being read, before they are asked for
CHUNK = 32  # utterances that are read, transcribed and stored together; a kill loses at most these

Progress = Callable[[float], None]  # called with how many utterances, or what share of them, are done


@dataclass(frozen=True)
class Speed:
    """How long transcribing took, without loading the model and without a first pass of one utterance that warms it up.

    Attributes
    ----------
    utterances : int
        How many this run transcribed; those of an earlier run are not timed.
    seconds : float
        Of sound.
    reading : float
        Seconds for decoding and resampling the files, in threads beside the network.
    forward : float
        Seconds for normalising, padding and the network.
    decoding : float
        Seconds from emissions to text.
    """

    utterances: int = 0
    seconds: float = 0.0
    reading: float = 0.0
    forward: float = 0.0
    decoding: float = 0.0

    @property
    def rtfx(self) -> float:
        """Seconds of sound per second; as on the Open ASR Leaderboard, reading the files is not counted."""
        return self.seconds / max(self.forward + self.decoding, 1e-9)


@dataclass(frozen=True)
class ModelInfo:
    """What scoring and reports need to know of a model.

    Attributes
    ----------
    model, dtype : str
        Its name and dtype.
    vocabulary : Vocabulary
    language_model : str or None
        Path of the language model in the checkpoint's folder; with one, the checkpoint is decoded with it by default.
    """

    model: str
    dtype: str
    vocabulary: Vocabulary
    language_model: str | None = None

    @classmethod
    def of(cls, model: "CTCModel") -> "ModelInfo":
        """Take the information from a loaded model."""
        path = of_checkpoint(model.folder)
        return cls(model.name, model.dtype, model.vocabulary, str(path) if path else None)


@dataclass(frozen=True, eq=False)
class Job:
    """What a runner did.

    Attributes
    ----------
    results : list of Result
        Of every utterance, in the data set's order.
    reused : int
        How many of them an earlier run had transcribed.
    speed : Speed or None
        None where nothing was transcribed or no time was taken.
    notes : list of str
        What the reader of an evaluation must know of the run.
    """

    results: list[Result]
    reused: int = 0
    speed: Speed | None = None
    notes: list[str] = field(default_factory=list)


@runtime_checkable
class Runner(Protocol):
    """What transcribes a whole data set: in this process, or on a cluster."""

    info: ModelInfo

    def run(self, utterances: Iterable[Utterance], *, decode: Decode, progress: Progress | None = None) -> Job:
        """Transcribe utterances; one that fails is a result with its error.

        Parameters
        ----------
        utterances : iterable of Utterance
        decode : callable
            Emissions to Hypothesis. Results of a decoder with other settings are not reused.
        progress : callable, optional
            Called with the number of utterances done.
        """
        ...


class LocalRunner:
    """Transcribes a data set in this process.

    Parameters
    ----------
    model : CTCModel
    results_file : Path, optional
        JSON lines to which results are appended. If the file is there, the run resumes from it.
    """

    def __init__(self, model: "CTCModel", results_file: Path | None = None) -> None:
        self.info = ModelInfo.of(model)
        self._model, self._file = model, results_file

    def run(self, utterances: Iterable[Utterance], *, decode: Decode, progress: Progress | None = None) -> Job:
        """Transcribe utterances, as `Runner.run`.

        Raises
        ------
        EvaluationError
            The file of results belongs to another run, or it cannot be written.
        """
        journal = Journal(self._file, {"model": self.info.model, "dtype": self.info.dtype, **decoder_settings(decode)})
        tell = progress or (lambda done: None)
        speed: Speed | None = None
        ids: list[str] = []
        reused = 0
        source = read_ahead(
            with_distinct_ids(utterances), self._model.sample_rate, lambda u: not journal.has(u.id, u.reference)
        )
        while chunk := list(islice(source, CHUNK)):
            pending = [read for read in chunk if read.needed]
            if pending:
                start, count = len(ids) + len(chunk) - len(pending), len(pending)
                results, speed = transcribe_chunk(
                    self._model,
                    pending,
                    decode,
                    speed,
                    lambda share, start=start, count=count: tell(start + share * count),
                )
                journal.add(results)
            ids += [read.utterance.id for read in chunk]
            reused += len(chunk) - len(pending)
            tell(len(ids))
        results = journal.finish(ids)
        notes = [reused_note(reused, len(results), self._file)] if reused else []
        return Job(results, reused, speed, notes)


def reused_note(reused: int, total: int, place: Path | None) -> str:
    """Say that results of an earlier run were used."""
    return f"{reused} of {total} transcripts are an earlier run's, from {place}; remove it to transcribe again."


class Repeats:
    """Finds ids that occur more than once: scored twice, or mixed up on resuming, they would falsify the result."""

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()

    def check(self, id: str) -> tuple[str, str | None]:
        """Give the id and None; for one that occurred before, give a new id and an error message."""
        self._times[id] += 1
        if (count := self._times[id]) == 1:
            return id, None
        return f"{id} ({count})", f"The id {id} occurs more than once. Remove the duplicate, or give each row an id of its own."


def with_distinct_ids(utterances: Iterable[Utterance]) -> Iterator[Utterance]:
    """Turn each utterance whose id occurred before into one with a new id and an error."""
    repeats = Repeats()
    for utterance in utterances:
        id, error = repeats.check(utterance.id)
        yield replace(utterance, id=id, error=error) if error else utterance


@dataclass(frozen=True, eq=False)
class Read:
    """An utterance and its sound: either a waveform, or an error, or neither where it need not be read."""

    utterance: Utterance
    waveform: Waveform | None = None
    error: str | None = None
    noise: float | None = None  # signal-to-noise ratio (dB)
    seconds: float = 0.0  # that reading took

    @property
    def needed(self) -> bool:
        """Whether the sound had to be read."""
        return self.waveform is not None or self.error is not None

    def result(self, emissions: Emissions | Exception | None, decode: Decode) -> Result:
        """Decode the emissions, or give the error in their place."""
        one = self.utterance
        if self.waveform is None or emissions is None:
            return Result(one.id, one.speaker, None, one.reference, error=self.error)
        seconds, notes = round(self.waveform.seconds, 3), self.waveform.notes
        result = Result(one.id, one.speaker, seconds, one.reference, noise=self.noise, notes=notes)
        try:
            if isinstance(emissions, Exception):
                raise emissions
            hypothesis = decode(emissions)
        except Exception as error:  # of this utterance only: the job goes on
            return replace(result, error=reason(error))
        return replace(
            result,
            hypothesis=hypothesis.text,
            confidences=[round(word.confidence, 4) for word in hypothesis.words],
            alternatives=[other.text for other in hypothesis.alternatives] or None,
            decoded=hypothesis,
        )


def read_ahead(
    utterances: Iterable[Utterance],
    sample_rate: int,
    needed: Callable[[Utterance], bool],
    *,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[Read]:
    """Read the sound of utterances in threads, in their order, up to `AHEAD` of them before they are asked for.

    Parameters
    ----------
    utterances : iterable of Utterance
    sample_rate : int
        To resample to (Hz).
    needed : callable
        Whether an utterance's sound is to be read at all.
    max_seconds : float
        Longer sound is an error (s).

    Yields
    ------
    Read
    """

    def read(utterance: Utterance) -> Read:
        start = time.perf_counter()
        try:
            if utterance.error:
                raise EvaluationError(utterance.error)
            waveform = load(utterance.audio, sample_rate=sample_rate, max_seconds=max_seconds)
        except Exception as error:  # of this utterance only: the job goes on
            return Read(utterance, error=reason(error))
        return Read(utterance, waveform, noise=signal_to_noise(waveform), seconds=time.perf_counter() - start)

    waiting: deque[Future[Read] | Read] = deque()
    pool = ThreadPoolExecutor(READERS)
    try:
        for utterance in utterances:
            waiting.append(pool.submit(read, utterance) if needed(utterance) else Read(utterance))
            if len(waiting) > AHEAD:
                yield _done(waiting.popleft())
        while waiting:
            yield _done(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _done(waiting: Future[Read] | Read) -> Read:
    return waiting if isinstance(waiting, Read) else waiting.result()


def transcribe_chunk(
    model: "CTCModel",
    chunk: list[Read],
    decode: Decode,
    speed: Speed | None,
    progress: Progress,
) -> tuple[list[Result], Speed | None]:
    """Transcribe utterances together.

    Parameters
    ----------
    model : CTCModel
    chunk : list of Read
    decode : callable
        Emissions to Hypothesis.
    speed : Speed or None
        Of the run so far; None before the first utterance.
    progress : callable
        Called with the share of the chunk that is done (0 to 1).

    Returns
    -------
    results : list of Result
        In the order of the utterances; those that failed have an error.
    speed : Speed or None
        With this chunk added.
    """
    waveforms = [read.waveform for read in chunk if read.waveform]
    if speed is None and waveforms:
        # Warm up: kernels are chosen and memory is allocated in the first pass.
        _emit(model, [max(waveforms, key=lambda w: w.seconds)], None)
    started = time.perf_counter()
    emissions = iter(_emit(model, waveforms, progress))
    emitted = time.perf_counter()
    results = [read.result(next(emissions) if read.waveform else None, decode) for read in chunk]
    decoded = time.perf_counter()
    if waveforms:
        old = speed or Speed()
        speed = Speed(
            old.utterances + len(waveforms),
            old.seconds + sum(w.seconds for w in waveforms),
            old.reading + sum(read.seconds for read in chunk),
            old.forward + emitted - started,
            old.decoding + decoded - emitted,
        )
    return results, speed


def _emit(
    model: "CTCModel", waveforms: list[Waveform], progress: Progress | None
) -> list[Emissions] | list[Emissions | Exception]:
    """Compute emissions; where a batch fails, its waveforms go through one by one, and only the bad ones are errors."""
    try:
        return model.emit(waveforms, progress=progress) if waveforms else []
    except Exception as error:
        if len(waveforms) == 1:
            return [error.with_traceback(None)]  # its frames hold the tensors of the failed pass
        return [result for waveform in waveforms for result in _emit(model, [waveform], None)]
