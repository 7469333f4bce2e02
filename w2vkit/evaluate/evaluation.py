"""The result of an evaluation: error rates, how sure they are, where the errors are."""

from dataclasses import dataclass

from w2vkit.errors import EvaluationError
from w2vkit.evaluate.scoring import (
    FEW_SPEAKERS,
    Group,
    Scored,
    by_length,
    group,
    interval,
    normaliser,
    score,
    unknown_characters,
)
from w2vkit.pipeline.bulk import Run, Speed
from w2vkit.pipeline.journal import Row


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
