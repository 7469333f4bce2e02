"""How good a model is on a data set: word and character error rates, how sure they are, where they come from."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.chunks import Speed, transcribe_chunk
from w2vkit.corpora import Utterance
from w2vkit.decode import Decode, greedy
from w2vkit.evaluation import Evaluation, Run, summarise
from w2vkit.journal import Journal
from w2vkit.reading import read_ahead
from w2vkit.scoring import check_case, normaliser

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

CHUNK = 32  # utterances that are read, transcribed and kept together; a kill loses at most these


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
        Such as a `w2vkit.corpora.Corpus`.
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


def _distinct(utterances: Iterable[Utterance]) -> Iterator[Utterance]:
    seen = Seen()
    for utterance in utterances:
        id, fault = seen.check(utterance.id)
        yield replace(utterance, id=id, fault=fault) if fault else utterance


def _part(tell: Callable[[float], None], start: int, count: int) -> Callable[[float], None]:
    return lambda share: tell(start + share * count)
