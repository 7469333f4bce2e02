"""Past one machine: Ray Data shares a data set out among workers, each with a model of its own.

A worker reads its sound itself, so that hours of it never pass through the network between machines; what comes back is
a shard of texts, which this process writes. A worker that dies is replaced, and its shard begun again.
"""

import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from w2vkit.audio import MAX_SECONDS
from w2vkit.decode import Decode, default_decoder
from w2vkit.errors import ClusterError, W2VKitError
from w2vkit.pipeline.bulk import CHUNK, Heard, Read, Run, Speed, read_ahead, transcribe_chunk
from w2vkit.pipeline.datasets import Corpus, Utterance
from w2vkit.pipeline.journal import Row
from w2vkit.pipeline.shards import Shards, encode

RETRIES = 2  # how often a shard is begun again after its worker died


@dataclass(frozen=True)
class Pool:
    """How many workers there are, and what each of them takes."""

    workers: int
    cpus: int
    gpus: int


@dataclass(frozen=True, eq=False)
class ClusterJob:
    """What a job on a cluster came to.

    Attributes
    ----------
    rows : list of Row
        Of every utterance, in the data set's order.
    reused : int
        How many of them are an earlier run's.
    workers : int
    seconds : float
        How long this run took, from the first shard to the last.
    """

    rows: list[Row]
    reused: int
    workers: int
    seconds: float


class Cluster:
    """The machines of a Ray cluster, on which a model could be loaded.

    Parameters
    ----------
    load : mapping
        What `CTCModel.load` takes, by name. Checkpoint and sound must be found on every machine under the same name.
    cores : int
        CPU cores of one worker, where no GPU is used; there is one worker for each GPU otherwise.

    Attributes
    ----------
    run : Run
        The model's name, arithmetic and vocabulary.
    notice : str or None
        As that of a `CTCModel`.

    Raises
    ------
    ClusterError
        Ray is not installed, or its cluster cannot be reached or has no cores.
    ModelError
        As for `CTCModel.load`.
    """

    def __init__(self, load: Mapping[str, Any], *, cores: int) -> None:
        self._ray = _start()
        self._pool = _pool(self._ray.nodes(), str(load.get("device", "auto")), cores)
        tried = self._ray.remote(probe).options(num_cpus=self._pool.cpus, num_gpus=self._pool.gpus)
        try:
            self.run, self.notice = self._ray.get(tried.remote({**load, "compiled": False}))
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, W2VKitError):
                raise error.cause from None
            raise
        # What "auto" is must not depend on which machine can reach the Hub just then.
        self._load = {**load, **({"name": self.run.model} if load.get("name", "auto") == "auto" else {})}

    def transcribe(
        self,
        corpus: Corpus,
        folder: Path,
        *,
        decode: Decode | None = None,
        about: Mapping[str, Any] | None = None,
        max_seconds: float = MAX_SECONDS,
        progress: Callable[[float], None] | None = None,
    ) -> ClusterJob:
        """Transcribe a data set into a folder of Parquet shards; those that are there already are kept.

        Parameters
        ----------
        corpus : Corpus
        folder : Path
            Seen by this process only.
        decode : callable, optional
            Emissions to Hypothesis; by default what suits the checkpoint (`w2vkit.decode.default_decoder`).
        about : mapping, optional
            What else the texts depend on, as values for JSON; only a run with the same goes on from the shards.
        max_seconds : float
            Refuse longer sound (s).
        progress : callable, optional
            Called with the number of utterances done.

        Raises
        ------
        ClusterError
            The folder holds another job's shards, or a shard cannot be written. An utterance that fails, and one whose
            worker died again and again, is a row with its error instead; the latter is tried again by the next run.
        """
        source = {"source": corpus.name, "config": corpus.config, "split": corpus.split, **corpus.selection}
        shards = Shards(
            folder,
            {"model": self.run.model, "dtype": self.run.dtype, **source, **(about or {})},
            len(corpus),
            self._pool.workers,
        )
        pending = shards.pending()
        done = reused = len(corpus) - sum(len(shards.parts[shard]) for shard in pending)
        tell = progress or (lambda done: None)
        tell(done)
        started = time.perf_counter()
        worker = {"load": self._load, "corpus": corpus, "decode": decode, "max_seconds": max_seconds}
        failed: dict[int, str] = {}
        for row in self._results([(shard, shards.parts[shard]) for shard in pending], worker):
            if row["error"]:
                failed[row["shard"]] = row["error"]
            else:
                shards.add(row["shard"], row["table"])
            done += len(shards.parts[row["shard"]])
            tell(done)
        seconds = time.perf_counter() - started
        died = (
            f"Its worker died {RETRIES + 1} times, for lack of memory or by a fault in a file. Run again with this file only."
        )
        rows: list[Row] = []
        for shard, part in enumerate(shards.parts):
            if shards.path(shard).exists():
                rows += shards.rows(shard)
            else:
                lost = corpus.part(part.start, part.stop)
                rows += [Row(u.id, u.speaker, None, u.reference, error=failed.get(shard, died)) for u in lost]
        return ClusterJob(rows, reused, self._pool.workers, seconds)

    def _results(self, parts: list[tuple[int, range]], worker: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Give what the workers give, as it comes."""
        if not parts:
            return
        tasks = [{"shard": shard, "start": part.start, "stop": part.stop} for shard, part in parts]
        data = self._ray.data
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")  # Ray 2.64 drops it: see pyproject.toml
            shared = data.from_items(tasks, override_num_blocks=len(tasks)).map(
                Worker,
                fn_constructor_kwargs=worker,
                # One task at a time: what waits behind one that kills its worker would be counted as tried.
                compute=data.ActorPoolStrategy(size=min(self._pool.workers, len(tasks)), max_tasks_in_flight_per_actor=1),
                num_cpus=self._pool.cpus,
                num_gpus=self._pool.gpus,
                max_restarts=-1,
                max_task_retries=RETRIES,
            )
        shared.context.max_errored_blocks = -1  # a shard that is lost does not end the job
        shared.context.enable_progress_bars = False
        try:
            yield from shared.iter_rows()
        except self._ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            raise ClusterError(
                f"The workers could not go on: {cause}. Install the same w2vkit on every machine and see Ray's logs; finished "
                "shards are kept, and the same command goes on from them."
            ) from error


def _start() -> Any:
    """Connect to the cluster of RAY_ADDRESS or of this machine; where there is none, this machine is one."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError("The engine ray needs Ray. Install it with: pip install 'w2vkit[ray]'") from error
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # Ray's own are of no common family
            raise ClusterError(
                f"Ray did not start, or its cluster cannot be reached: {error} Check RAY_ADDRESS (without it this machine "
                "is used); on a machine that is very busy, try again."
            ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _pool(nodes: list[dict[str, Any]], device: str, cores: int) -> Pool:
    """One worker for each GPU, or for so many cores of a machine; of a smaller machine all cores."""
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    with_gpu = [machine for machine in machines if machine.get("GPU", 0) >= 1 and not device.startswith(("cpu", "mps"))]
    if with_gpu:
        share = min(int(machine.get("CPU", 1) // machine["GPU"]) for machine in with_gpu)
        return Pool(sum(int(machine["GPU"]) for machine in with_gpu), max(1, min(cores, share)), 1)
    most = max((int(machine.get("CPU", 0)) for machine in machines), default=0)
    if most < 1 or cores < 1:
        raise ClusterError(f"There is nothing to work on: {len(machines)} machines, {most} cores, {cores} cores per worker.")
    cores = min(cores, most)
    return Pool(sum(int(machine.get("CPU", 0)) // cores for machine in machines), cores, 0)


LONG_SECONDS = 60.0  # s; longer sound is not batched but read block by block
UNTIMED = Speed(0, 0.0, 0.0, 0.0, 0.0)  # no warming pass: nobody times a worker


class Worker:
    """Holds a model in a process of its own, and turns a part of a data set into a shard."""

    def __init__(self, load: dict[str, Any], corpus: Corpus, decode: Decode | None, max_seconds: float) -> None:
        from w2vkit.model import CTCModel

        self.model, self.corpus, self.max_seconds = CTCModel.load(**load), corpus, max_seconds
        self.decode = decode or default_decoder(self.model.folder)

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
