"""How good a model is on a data set: word and character error rates, how sure they are, where they come from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.decode import Decode, greedy
from w2vkit.evaluate.evaluation import Evaluation, summarise
from w2vkit.evaluate.scoring import check_case, normaliser
from w2vkit.pipeline.bulk import Run, Speed, transcribe_chunk
from w2vkit.pipeline.datasets import Utterance
from w2vkit.pipeline.journal import Journal
from w2vkit.pipeline.reading import read_ahead

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

from w2vkit.pipeline.bulk import CHUNK, Seen, describe_decoder
from w2vkit.pipeline.cluster import Cluster
from w2vkit.pipeline.datasets import Corpus


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
