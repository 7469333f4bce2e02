"""The result of an evaluation: error rates, how sure they are, where the errors are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.decode import Decode, greedy
from w2vkit.errors import EvaluationError
from w2vkit.evaluate.scoring import (
    FEW_SPEAKERS,
    Group,
    Scored,
    by_length,
    check_case,
    group,
    interval,
    normaliser,
    score,
    unknown_characters,
)
from w2vkit.pipeline.bulk import Run, Speed, read_ahead, transcribe_chunk
from w2vkit.pipeline.datasets import Utterance
from w2vkit.pipeline.journal import Journal, Row

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

from w2vkit.pipeline.bulk import CHUNK, Seen, describe_decoder
from w2vkit.pipeline.cluster import Cluster
from w2vkit.pipeline.datasets import Corpus


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation found. Rates are shares of 1.

    Attributes
    ----------
    model, dtype, scoring : str
    wer, cer : float
        Errors per word, or character, of all references together.
    interval : (float, float) or None
        The WER's 95 % bootstrap interval; None for a single utterance.
    interval_over : {"utterances", "speakers"}
        What was drawn for it.
    words, substitutions, deletions, insertions : int
    seconds : float
        Of sound that was scored.
    utterances : tuple of Scored
        In the data set's order.
    failures : tuple of Row
        What could not be transcribed, and why; it is not in any figure.
    speakers, lengths : tuple of Group
        The worst speaker first; the shortest length first.
    unknown : dict
        Characters of the references that the model cannot write, and how often they occur.
    empty : int
        Empty references: counted with all their insertions by "card", left out by "leaderboard".
    notes : tuple of str
        What people must know to read the figures.
    speed : Speed or None
        None where everything had been transcribed by an earlier run.
    """

    model: str
    dtype: str
    scoring: str
    wer: float
    cer: float
    interval: tuple[float, float] | None
    interval_over: str
    words: int
    substitutions: int
    deletions: int
    insertions: int
    seconds: float
    utterances: tuple[Scored, ...]
    failures: tuple[Row, ...]
    speakers: tuple[Group, ...]
    lengths: tuple[Group, ...]
    unknown: dict[str, int]
    empty: int
    notes: tuple[str, ...]
    speed: Speed | None

    def worst(self, count: int = 10) -> list[Scored]:
        """The utterances with the most errors per word, and of those with the most errors, first."""
        wrong = [s for s in self.utterances if s.errors]
        return sorted(wrong, key=lambda s: (s.errors / max(1, s.words), s.errors), reverse=True)[:count]


def summarise(rows: list[Row], run: Run, *, scoring: str, notes: list[str], speed: Speed | None) -> Evaluation:
    """Score the rows of a run.

    Parameters
    ----------
    rows : list of Row
        In the data set's order.
    run : Run
    scoring : {"card", "leaderboard"}
    notes : list of str
        What people must know of how the rows came about.
    speed : Speed or None

    Raises
    ------
    EvaluationError
        Nothing can be scored, or there is no such scoring.
    """
    import jiwer

    normalise, note = normaliser(scoring)
    failures = tuple(row for row in rows if row.error is not None)
    scored = score([row for row in rows if row.error is None], normalise)
    empty = sum(not s.words for s in scored)
    if scoring == "leaderboard":
        scored = [s for s in scored if s.words]
    words = sum(s.words for s in scored)
    if not words:
        why = f" The first failure: {failures[0].id}: {failures[0].error}" if failures else " Check the text column."
        raise EvaluationError(
            f"Nothing can be scored: of {len(rows)} utterances {len(failures)} failed and {empty} have an empty reference.{why}"
        )
    references = [s.reference for s in scored]
    unknown = unknown_characters([row.reference or "" for row in rows if row.error is None], run.vocabulary, scoring)
    speakers = group(scored, lambda s: s.speaker or "") if all(s.speaker for s in scored) else []
    over_speakers = len(speakers) >= FEW_SPEAKERS
    return Evaluation(
        model=run.model,
        dtype=run.dtype,
        scoring=scoring,
        wer=sum(s.errors for s in scored) / words,
        cer=jiwer.cer(references, [s.hypothesis for s in scored]),
        interval=interval(scored, speakers=over_speakers),
        interval_over="speakers" if over_speakers else "utterances",
        words=words,
        substitutions=sum(s.substitutions for s in scored),
        deletions=sum(s.deletions for s in scored),
        insertions=sum(s.insertions for s in scored),
        seconds=sum(s.seconds for s in scored),
        utterances=tuple(scored),
        failures=failures,
        speakers=tuple(sorted(speakers, key=lambda g: g.wer, reverse=True)),
        lengths=tuple(by_length(scored)),
        unknown=dict(unknown.most_common()),
        empty=empty,
        notes=(*([note] if note else []), *notes, *_notes(unknown, empty, scoring, run.model)),
        speed=speed,
    )


def _notes(unknown: dict[str, int], empty: int, scoring: str, model: str) -> list[str]:
    notes = []
    if unknown:
        shown = ", ".join(f"{character} {count}" for character, count in list(unknown.items())[:10])
        notes.append(f"{sum(unknown.values())} characters of the references are not in the vocabulary of {model}: {shown}.")
    if empty:
        fate = "left out" if scoring == "leaderboard" else "kept; every word heard there counts as an insertion"
        notes.append(f"{empty} references are empty: {fate}.")
    return notes


def evaluate(
    model: "CTCModel",
    utterances: Iterable[Utterance],
    *,
    scoring: str = "card",
    decode: Decode = greedy,
    settings: Mapping[str, Any] | None = None,
    results_file: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Transcribe utterances and score the transcripts.

    Parameters
    ----------
    model : CTCModel
    utterances : iterable of Utterance
        Such as a `w2vkit.pipeline.datasets.Corpus`.
    scoring : {"card", "leaderboard"}
        "card" compares the texts as they are, as the model card does. "leaderboard" applies Whisper's English
        normaliser to both sides and leaves out empty references, as the Open ASR Leaderboard does.
    decode : callable
        Emissions to Hypothesis.
    settings : mapping, optional
        What the decoder's texts depend on, as values for JSON. It goes into the results file, and only a run with
        the same settings goes on from it.
    results_file : Path, optional
        JSON lines to which results are appended as they come. If it is there, the run goes on from it.
    progress : callable, optional
        Called with the number of utterances done, a part of one included.

    Returns
    -------
    Evaluation

    Raises
    ------
    EvaluationError
        Nothing could be scored, the references are in a case the model cannot write, the results file
        belongs to another run, or it cannot be written. Utterances that fail are among `failures` instead.
    """
    normaliser(scoring)  # before hours are spent
    about, notes = describe_decoder(decode, settings or {})
    journal = Journal(results_file, {"model": model.name, "dtype": model.dtype, **about})
    speed: Speed | None = None
    ids: list[str] = []
    reused = 0
    tell = progress or (lambda done: None)
    source = read_ahead(_distinct(utterances), model.sample_rate, lambda u: not journal.has(u.id, u.reference))
    while chunk := list(islice(source, CHUNK)):
        if not ids and scoring == "card":
            check_case([read.utterance.reference or "" for read in chunk], model.vocabulary)
        pending = [read for read in chunk if read.needed]
        if pending:
            start = len(ids) + len(chunk) - len(pending)
            part = _part(tell, start, len(pending))
            heard, speed = transcribe_chunk(model, pending, decode, speed, part)
            journal.add([one.row for one in heard])
        ids += [read.utterance.id for read in chunk]
        reused += len(chunk) - len(pending)
        tell(len(ids))
    rows = journal.finish(ids)
    if reused:
        notes.append(
            f"{reused} of {len(rows)} transcripts are an earlier run's, from {results_file}; remove it to transcribe again."
        )
    return summarise(rows, Run(model.name, model.dtype, model.vocabulary), scoring=scoring, notes=notes, speed=speed)


def _distinct(utterances: Iterable[Utterance]) -> Iterator[Utterance]:
    seen = Seen()
    for utterance in utterances:
        id, fault = seen.check(utterance.id)
        yield replace(utterance, id=id, fault=fault) if fault else utterance


def _part(tell: Callable[[float], None], start: int, count: int) -> Callable[[float], None]:
    return lambda share: tell(start + share * count)


def evaluate_shared(
    cluster: Cluster,
    corpus: Corpus,
    folder: Path,
    *,
    scoring: str = "card",
    decode: Decode = greedy,
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Transcribe a data set on a cluster and score the transcripts.

    Parameters and errors are those of `Cluster.transcribe` and of `w2vkit.evaluate.evaluate`.
    """
    normaliser(scoring)  # before hours are spent
    if scoring == "card":
        check_case([utterance.reference or "" for utterance in corpus.part(0, CHUNK)], cluster.run.vocabulary)
    about, notes = describe_decoder(decode, settings or {})
    shared = cluster.transcribe(corpus, folder, decode=decode, about=about, progress=progress)
    seen, rows = Seen(), []
    for row in shared.rows:
        id, fault = seen.check(row.id)
        rows.append(replace(row, id=id, hypothesis=None, error=fault) if fault else row)
    if shared.reused:
        notes.append(f"{shared.reused} of {len(rows)} transcripts are an earlier run's, from {folder}; remove it to redo them.")
    else:
        heard = sum(row.seconds or 0 for row in rows)
        speed = f"{heard / max(shared.seconds, 1e-9):,.1f} seconds of sound per second"
        notes.append(f"Transcribed by {shared.workers} workers at {speed}, their start and all reading included.")
    return summarise(rows, cluster.run, scoring=scoring, notes=notes, speed=None)
