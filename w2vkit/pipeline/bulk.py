"""Data sets to text; an utterance that fails becomes a result with its error.

A `Runner` transcribes a whole data set: `LocalRunner` in this process, `w2vkit.pipeline.cluster.ClusterRunner` on others.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from w2vkit.audio import MAX_SECONDS, load
from w2vkit.audio.noise import signal_to_noise
from w2vkit.decode import Decode, decoder_settings
from w2vkit.decode.lm import of_checkpoint
from w2vkit.emissions import Vocabulary
from w2vkit.errors import EvaluationError, TooLongError, reason
from w2vkit.pipeline.datasets import Utterance
from w2vkit.pipeline.journal import Journal, Result
from w2vkit.pipeline.stream import Outcome, Progress, Sound, Speed, Stream

if TYPE_CHECKING:
    from w2vkit.model import CTCModel


@dataclass(frozen=True)
class ModelInfo:
    """The facts about a model that scoring and reports need.

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
    """The results of a run.

    Attributes
    ----------
    results : list of Result
        Of every utterance, in the data set's order.
    reused : int
        How many of them an earlier run had transcribed.
    speed : Speed or None
        None where nothing was transcribed or no time was taken.
    notes : list of str
        Remarks on the run, without which the figures of an evaluation could be misread.
    """

    results: list[Result]
    reused: int = 0
    speed: Speed | None = None
    notes: list[str] = field(default_factory=list)


@runtime_checkable
class Runner(Protocol):
    """Transcribes a whole data set, in this process or on a cluster."""

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
    threads : int, optional
        That read sound ahead, as for `Stream`.
    """

    def __init__(self, model: "CTCModel", results_file: Path | None = None, *, threads: int | None = None) -> None:
        self.info = ModelInfo.of(model)
        self._model, self._file, self._threads = model, results_file, threads

    def run(self, utterances: Iterable[Utterance], *, decode: Decode, progress: Progress | None = None) -> Job:
        """Transcribe utterances, as `Runner.run`.

        Raises
        ------
        EvaluationError
            The file of results belongs to another run, or it cannot be written.
        """
        journal = Journal(self._file, {"model": self.info.model, "dtype": self.info.dtype, **decoder_settings(decode)})
        ids: list[str] = []
        reused: list[str] = []
        tell = progress or (lambda done: None)

        def pending() -> Iterator[Utterance]:
            for utterance in with_distinct_ids(utterances):
                ids.append(utterance.id)
                if journal.has(utterance.id, utterance.reference):
                    reused.append(utterance.id)
                else:
                    yield utterance

        stream = Stream(
            self._model,
            decode,
            partial(read, model=self._model),
            threads=self._threads,
            warm_up=True,
            progress=lambda done: tell(len(reused) + done),
        )
        for outcomes in stream.run(pending()):
            journal.add(result_of(outcome) for outcome in outcomes)
        tell(len(ids))
        results = journal.finish(ids)
        notes = [reused_note(len(reused), len(results), self._file)] if reused else []
        return Job(results, len(reused), stream.speed if stream.speed.utterances else None, notes)


def reused_note(reused: int, total: int, place: Path | None) -> str:
    """Say that results of an earlier run were used."""
    return f"{reused} of {total} transcripts are an earlier run's, from {place}; remove it to transcribe again."


class Repeats:
    """Finds ids that occur more than once, which would be scored twice, or be confused when a run resumes."""

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


def read(utterance: Utterance, most: float, model: "CTCModel", max_seconds: float = MAX_SECONDS) -> Sound:
    """Read an utterance's sound, for a `Stream`.

    Raises
    ------
    TooLongError
        It is longer than `most` or `max_seconds` (s).
    W2VKitError
        It cannot be read.
    """
    if utterance.error:
        raise EvaluationError(utterance.error)
    try:
        waveform = load(utterance.audio, sample_rate=model.sample_rate, max_seconds=min(most, max_seconds))
    except TooLongError:
        if seek := getattr(utterance.audio, "seek", None):
            seek(0)  # a file object, which is read again
        raise
    return Sound([waveform], waveform.seconds, waveform.notes, signal_to_noise(waveform))


def result_of(outcome: Outcome[Utterance]) -> Result:
    """Make the stored result of an utterance."""
    one, sound = outcome.item, outcome.sound
    seconds = round(sound.seconds, 3) or None
    result = Result(one.id, one.speaker, seconds, one.reference, noise=sound.noise, notes=tuple(sound.notes))
    if outcome.error:
        return replace(result, error=reason(outcome.error))
    (hypothesis,) = outcome.hypotheses
    return replace(
        result,
        hypothesis=hypothesis.text,
        confidences=[round(word.confidence, 4) for word in hypothesis.words],
        alternatives=[other.text for other in hypothesis.alternatives] or None,
        decoded=hypothesis,
    )
