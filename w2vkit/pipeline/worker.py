"""One of the processes that share a data set on a cluster: a model, and parts of the data set turned into shards."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from w2vkit.decode import Decode, suited
from w2vkit.errors import W2VKitError
from w2vkit.pipeline.bulk import CHUNK, Heard, Run, Speed, transcribe_chunk
from w2vkit.pipeline.datasets import Corpus, Utterance
from w2vkit.pipeline.reading import Read, read_ahead
from w2vkit.pipeline.shards import encode

LONG_SECONDS = 60.0  # s; longer sound is not batched but read block by block
UNTIMED = Speed(0, 0.0, 0.0, 0.0, 0.0)  # no warming pass: nobody times a worker


class Worker:
    """Holds a model in a process of its own, and turns a part of a data set into a shard."""

    def __init__(self, load: dict[str, Any], corpus: Corpus, decode: Decode | None, max_seconds: float) -> None:
        from w2vkit.model import CTCModel

        self.model, self.corpus, self.max_seconds = CTCModel.load(**load), corpus, max_seconds
        self.decode = decode or suited(self.model.folder)

    def __call__(self, task: dict[str, Any]) -> dict[str, Any]:
        """Give the shard as a Parquet file, or what went wrong with all of it."""
        table, error = b"", ""
        try:
            table = encode(self._hear(self.corpus.part(task["start"], task["stop"])))
        except Exception as fault:  # whatever it is must not end the job
            error = f"{type(fault).__name__}: {fault}" if not isinstance(fault, W2VKitError) else str(fault)
        return {"shard": task["shard"], "table": table, "error": error}

    def _hear(self, utterances: Iterator[Utterance]) -> Iterator[Heard]:
        short = min(LONG_SECONDS, self.max_seconds)
        reads = read_ahead(utterances, self.model.sample_rate, lambda utterance: True, max_seconds=short)
        while chunk := list(islice(reads, CHUNK)):
            heard, _ = transcribe_chunk(self.model, [r for r in chunk if r.waveform], self.decode, UNTIMED, lambda share: None)
            batched = iter(heard)
            yield from (next(batched) if read.waveform else self._hear_alone(read) for read in chunk)

    def _hear_alone(self, read: Read) -> Heard:
        """What could not be read as a short clip: it is long, or reading it again says what is wrong with it."""
        utterance = read.utterance
        if utterance.fault:
            return Heard(utterance, error=read.error)
        try:
            emissions, seconds = self.model.emit_file(utterance.audio, max_seconds=self.max_seconds)
            return Heard(utterance, round(seconds, 3), self.decode(emissions))
        except W2VKitError as error:
            return Heard(utterance, error=str(error))


def probe(load: dict[str, Any]) -> tuple[Run, str | None]:
    """Load the model once where the work will be: what is wrong with it is one error, before the job begins."""
    from w2vkit.model import CTCModel

    model = CTCModel.load(**load)
    return Run(model.name, model.dtype, model.vocabulary), model.notice
