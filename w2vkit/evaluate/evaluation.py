"""An evaluation: error rates of a model on a data set, their confidence intervals, and where the errors are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.checkpoints import MINI
from w2vkit.decode import BeamSearch, Decode, decoder_settings, greedy
from w2vkit.decode.lm import BUNDLED, NGram
from w2vkit.errors import EvaluationError
from w2vkit.evaluate.analysis import Analysis, analyse
from w2vkit.evaluate.scoring import (
    FEW_SPEAKERS,
    LENGTHS,
    Group,
    Scored,
    between,
    check_case,
    group,
    interval,
    is_scored,
    normaliser,
    score,
    unknown_characters,
)
from w2vkit.pipeline.bulk import Job, LocalRunner, ModelInfo, Runner
from w2vkit.pipeline.datasets import Utterance
from w2vkit.pipeline.journal import Result
from w2vkit.pipeline.stream import Speed

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

SHOWN_NOTES = 5  # on sounds, among the notes of an evaluation
FIRST = 32  # utterances whose case is checked before the run


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of an evaluation. Rates are fractions of 1.

    Attributes
    ----------
    model, dtype, scoring : str
    decoder : str
        How the texts were found, in words, such as "greedy".
    wer, cer : float
        Errors per word, or per character, of all references together.
    interval : (float, float) or None
        The WER's 95 % bootstrap interval; None for a single utterance.
    interval_over : {"utterances", "speakers"}
        What the bootstrap resamples.
    words, substitutions, deletions, insertions : int
    seconds : float
        Of scored sound.
    utterances : tuple of Scored
        In the data set's order.
    failures : tuple of Result
        Utterances that could not be transcribed; no figure includes them.
    speakers, lengths : tuple of Group
        Speakers from the highest WER down; lengths from the shortest up, none where they are unknown.
    unknown : dict
        Characters of the references that the model cannot write, and how often they occur.
    empty : int
        Number of empty references. "card" counts the words recognised there as insertions; the other scorings leave them out.
    notes : tuple of str
        Remarks without which the figures could be misread.
    analysis : Analysis
        Where the errors are.
    speed : Speed or None
        None where an earlier run transcribed everything, and on a cluster.
    """

    model: str
    dtype: str
    scoring: str
    decoder: str
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
    failures: tuple[Result, ...]
    speakers: tuple[Group, ...]
    lengths: tuple[Group, ...]
    unknown: dict[str, int]
    empty: int
    notes: tuple[str, ...]
    analysis: Analysis
    speed: Speed | None

    def worst(self, count: int = 10) -> list[Scored]:
        """Give the utterances with the highest WER, the highest first; of equal ones, that with more errors."""
        wrong = [s for s in self.utterances if s.errors]
        return sorted(wrong, key=lambda s: (s.errors / max(1, s.words), s.errors), reverse=True)[:count]


def evaluate(
    model: "CTCModel | Runner",
    utterances: Iterable[Utterance],
    *,
    scoring: str = "card",
    decode: Decode = greedy,
    keywords: Iterable[str] = (),
    results_file: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Transcribe utterances and score the texts.

    Parameters
    ----------
    model : CTCModel or Runner
        A model runs in this process; a `w2vkit.pipeline.cluster.ClusterRunner` runs it on many machines.
    utterances : iterable of Utterance
        Such as a `w2vkit.pipeline.datasets.Corpus`.
    scoring : {"card", "whisper", "leaderboard"}
        "card" compares the texts as they are, as model cards do. "leaderboard" scores as the Open ASR Leaderboard does:
        its English normaliser on both sides, compounds match however they are written, and empty references are left
        out. "whisper" does it with Whisper's normaliser and without compounds, as the leaderboard did until 2025.
    decode : callable
        Emissions to Hypothesis. The default is greedy, as on model cards, whatever the checkpoint's default is.
    keywords : iterable of str
        Words and phrases whose recall is measured.
    results_file : Path, optional
        For a model: JSON lines to which results are appended. If the file is there, the run resumes from it. A runner has
        its own place for results.
    progress : callable, optional
        Called with the number of utterances done, including a fraction of the current ones.

    Returns
    -------
    Evaluation

    Raises
    ------
    EvaluationError
        Nothing can be scored, the references are in a case that the model cannot write, the file of results belongs to
        another run, or it cannot be written. An utterance that fails is among `failures` instead.
    ClusterError
        On a cluster, as for `w2vkit.pipeline.cluster.Cluster.transcribe`.
    """
    normaliser(scoring)  # an unknown scoring is an error before hours are spent
    runner = model if isinstance(model, Runner) else LocalRunner(model, results_file)
    if scoring == "card":
        first, utterances = _first(utterances)
        check_case([utterance.reference or "" for utterance in first], runner.info.vocabulary)
    job = runner.run(utterances, decode=decode, progress=progress)
    known = _known_words(decode)
    return summarise(job, runner.info, scoring=scoring, decoder=decoder_settings(decode), keywords=keywords, known=known)


def _known_words(decode: Decode) -> Callable[[str], bool] | None:
    """Give the check whether the decoder's language model lists a word; None without a language model of words."""
    model = decode.language_model if isinstance(decode, BeamSearch) else None
    if isinstance(model, NGram):
        return None if model.characters else model.words.__contains__
    return model.__contains__ if model else None


def _first(utterances: Iterable[Utterance]) -> tuple[list[Utterance], Iterable[Utterance]]:
    """Give the first utterances, and then all of them: an iterator can be read only once."""
    if isinstance(utterances, Iterator):
        first = list(islice(utterances, FIRST))
        return first, chain(first, utterances)
    return list(islice(utterances, FIRST)), utterances


def summarise(
    job: Job,
    info: ModelInfo,
    *,
    scoring: str,
    decoder: Mapping[str, Any],
    keywords: Iterable[str] = (),
    known: Callable[[str], bool] | None = None,
) -> Evaluation:
    """Score the results of a job.

    Parameters
    ----------
    job : Job
    info : ModelInfo
    scoring : {"card", "whisper", "leaderboard"}
    decoder : mapping
        Its settings.
    keywords : iterable of str
    known : callable, optional
        Whether the language model lists a word.

    Raises
    ------
    EvaluationError
        Nothing can be scored, or there is no such scoring.
    """
    import jiwer

    normalise, note = normaliser(scoring)
    failures = tuple(result for result in job.results if result.error is not None)
    transcribed = [result for result in job.results if result.error is None]
    scored = score(transcribed, normalise, scoring)
    empty = sum(not s.words for s in scored)
    ignored = sum(s.words > 0 and not is_scored(s, scoring) for s in scored)
    scored = [s for s in scored if is_scored(s, scoring)]
    words = sum(s.words for s in scored)
    if not words:
        why = f" The first failure: {failures[0].id}: {failures[0].error}" if failures else " Check the text column."
        raise EvaluationError(
            f"Nothing can be scored: of {len(job.results)} utterances {len(failures)} failed and {empty} have an empty "
            f"reference.{why}"
        )
    references = [s.reference for s in scored]
    unknown = unknown_characters([result.reference or "" for result in transcribed], info.vocabulary, scoring)
    speakers = group(scored, lambda s: s.speaker or "") if all(s.speaker for s in scored) else []
    over_speakers = len(speakers) >= FEW_SPEAKERS
    analysis = analyse(
        scored, {r.id: r for r in transcribed}, scoring=scoring, normalise=normalise, keywords=keywords, known=known
    )
    notes = [*([note] if note else []), *job.notes, *_on_sound(job.results), *_notes(unknown, empty, scoring, info, decoder)]
    if ignored:
        notes.append(f"{ignored} references say to ignore the segment in scoring: left out.")
    if absent := [k.name for k in analysis.keywords if not k.words]:
        more = ", ..." if len(absent) > 5 else ""
        notes.append(f"{len(absent)} keywords do not occur in the references: {', '.join(absent[:5])}{more}.")
    return Evaluation(
        model=info.model,
        dtype=info.dtype,
        scoring=scoring,
        decoder=in_words(decoder),
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
        lengths=between(scored, LENGTHS, "s", lambda s: s.seconds) if any(s.seconds for s in scored) else (),
        unknown=dict(unknown.most_common()),
        empty=empty,
        notes=tuple(notes),
        analysis=analysis,
        speed=job.speed,
    )


def in_words(decoder: Mapping[str, Any]) -> str:
    """Describe a decoder by its settings, such as "beam search, beam_width 32"; settings that are None are left out."""
    name, *settings = [
        f"{key} {value}" if key != "decoder" else str(value).replace("_", " ")
        for key, value in decoder.items()
        if value is not None
    ]
    return ", ".join([name, *settings])


def _on_sound(results: list[Result]) -> Iterator[str]:
    ids: dict[str, list[str]] = {}  # many utterances can be parts of one recording
    for result in results:
        for note in result.notes:
            ids.setdefault(note, []).append(result.id)
    for note, those in list(ids.items())[:SHOWN_NOTES]:
        yield f"{those[0]}{f' and {len(those) - 1} more' if len(those) > 1 else ''}: {note}"
    if len(ids) > SHOWN_NOTES:
        yield f"There are {len(ids) - SHOWN_NOTES} more such notes on sounds. They are beside the transcripts (--output-dir)."


def _notes(unknown: dict[str, int], empty: int, scoring: str, info: ModelInfo, decoder: Mapping[str, Any]) -> Iterator[str]:
    if unknown:
        shown = ", ".join(f"{character} {count}" for character, count in list(unknown.items())[:10])
        yield f"{sum(unknown.values())} characters of the references are not in the vocabulary of {info.model}: {shown}."
    if empty:
        fate = "kept; every word recognised there counts as an insertion" if scoring == "card" else "left out"
        yield f"{empty} references are empty: {fate}."
    if info.language_model and not decoder.get("language_model"):
        name = BUNDLED if info.model == MINI else info.language_model
        yield (
            f"By default w2vkit transcribe decodes {info.model} with the language model of its checkpoint, which this "
            f"evaluation did not use. To measure that: --decoder beam --lm {name}"
        )
