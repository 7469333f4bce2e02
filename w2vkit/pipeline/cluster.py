"""Data sets to text on many machines: Ray Data distributes a data set over workers, each with its own model.

A worker reads its sound itself, so that no sound is sent between machines. It returns a shard of texts, which this process
writes. A worker that dies is replaced, and its shard is transcribed again.
"""

import logging
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from w2vkit.audio import MAX_SECONDS
from w2vkit.decode import Decode, decoder_settings
from w2vkit.emissions import Emissions
from w2vkit.errors import ClusterError, W2VKitError, reason
from w2vkit.pipeline.bulk import Job, ModelInfo, Repeats, read, result_of, reused_note
from w2vkit.pipeline.datasets import Corpus, Utterance
from w2vkit.pipeline.journal import Result
from w2vkit.pipeline.shards import Shards, encode
from w2vkit.pipeline.stream import Progress, Sound, Stream

RETRIES = 2  # how often a shard is transcribed again after its worker died


@dataclass(frozen=True)
class Pool:
    """How many workers there are, and how many CPU cores and GPUs each of them has."""

    workers: int
    cpus: int
    gpus: int


class Cluster:
    """The machines of a Ray cluster, on which a model could be loaded.

    Parameters
    ----------
    load : mapping
        The parameters of `CTCModel.load`, by name. Checkpoint and sound must have the same path on every machine.
    cores : int
        CPU cores per worker where no GPU is used. With GPUs there is one worker per GPU.

    Attributes
    ----------
    info : ModelInfo
    notice : str or None
        As for a `CTCModel`.

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
            self.info, self.notice = self._ray.get(tried.remote({**load, "compiled": False}))
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, W2VKitError):
                raise error.cause from None
            raise
        # Every worker must load the same model, whether or not its machine reaches the Hub; so "auto" is resolved once.
        self._load = {**load, **({"name": self.info.model} if load.get("name", "auto") == "auto" else {})}

    def transcribe(
        self,
        corpus: Corpus,
        folder: Path,
        *,
        decode: Decode | None = None,
        max_seconds: float = MAX_SECONDS,
        progress: Progress | None = None,
    ) -> Job:
        """Transcribe a data set into a folder of Parquet shards; shards of an earlier run are kept.

        Parameters
        ----------
        corpus : Corpus
        folder : Path
            Only this process writes to it.
        decode : callable, optional
            Emissions to Hypothesis; the checkpoint's default otherwise (`w2vkit.decode.default_decoder`).
        max_seconds : float
            Refuse longer sound (s).
        progress : callable, optional
            Called with the number of utterances done.

        Raises
        ------
        ClusterError
            The folder holds another job's shards, or a shard cannot be written. An utterance that fails is a result with
            its error instead. So is one whose worker died every time; the next run tries it again.
        """
        source = {"source": corpus.name, "config": corpus.config, "split": corpus.split, **corpus.selection}
        shards = Shards(
            folder,
            {"model": self.info.model, "dtype": self.info.dtype, **source, **decoder_settings(decode)},
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
        for row in self._shards([(shard, shards.parts[shard]) for shard in pending], worker):
            if row["error"]:
                failed[row["shard"]] = row["error"]
            else:
                shards.add(row["shard"], row["table"])
            done += len(shards.parts[row["shard"]])
            tell(done)
        seconds = time.perf_counter() - started
        died = f"Its worker died {RETRIES + 1} times: memory ran out, or a file crashes it. Run again with this file only."
        results: list[Result] = []
        for shard, part in enumerate(shards.parts):
            if shards.path(shard).exists():
                results += shards.results(shard)
            else:
                lost = corpus.part(part.start, part.stop)
                results += [Result(u.id, u.speaker, None, u.reference, error=failed.get(shard, died)) for u in lost]
        if reused:
            return Job(results, reused, notes=[reused_note(reused, len(results), folder)])
        speed = f"{sum(result.seconds or 0 for result in results) / max(seconds, 1e-9):,.1f} seconds of sound per second"
        note = f"Transcribed by {self._pool.workers} workers at {speed}, including their start and reading the files."
        return Job(results, notes=[note])

    def _shards(self, parts: list[tuple[int, range]], worker: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the shards in the order in which the workers finish them."""
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
        shared.context.max_errored_blocks = -1  # a lost shard does not end the job
        shared.context.enable_progress_bars = False
        try:
            yield from shared.iter_rows()
        except self._ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            raise ClusterError(
                f"The workers stopped: {cause}. Install the same w2vkit on every machine and see Ray's logs. Finished shards "
                "are kept; run the same command again to resume."
            ) from error


def _start() -> Any:
    """Connect to the cluster at RAY_ADDRESS or on this machine; without one, start one on this machine."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ClusterError("The engine ray needs Ray. Install it with: pip install 'w2vkit[ray]'") from error
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # Ray's exceptions have no common base class
            raise ClusterError(
                f"Ray did not start, or its cluster cannot be reached: {error} Check RAY_ADDRESS (without it this machine "
                "is used); on a machine that is very busy, try again."
            ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _pool(nodes: list[dict[str, Any]], device: str, cores: int) -> Pool:
    """Plan one worker per GPU, or without GPUs one per `cores` CPU cores.

    If no machine has that many cores, a worker takes all cores of the largest one.
    """
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    with_gpu = [machine for machine in machines if machine.get("GPU", 0) >= 1 and not device.startswith(("cpu", "mps"))]
    if with_gpu:
        share = min(int(machine.get("CPU", 1) // machine["GPU"]) for machine in with_gpu)
        return Pool(sum(int(machine["GPU"]) for machine in with_gpu), max(1, min(cores, share)), 1)
    most = max((int(machine.get("CPU", 0)) for machine in machines), default=0)
    if most < 1 or cores < 1:
        raise ClusterError(
            f"The cluster has no room for a worker with {cores} cores: it has {len(machines)} machines "
            f"with at most {most} cores. Add machines, or change --cores-per-worker."
        )
    cores = min(cores, most)
    return Pool(sum(int(machine.get("CPU", 0)) // cores for machine in machines), cores, 0)


class Worker:
    """A Ray actor: holds a model in a process of its own, and turns parts of a data set into shards."""

    def __init__(self, load: dict[str, Any], corpus: Corpus, decode: Decode | None, max_seconds: float) -> None:
        from w2vkit.model import CTCModel

        self.model, self.corpus, self.max_seconds = CTCModel.load(**load), corpus, max_seconds
        self.decode = decode or self.model.default_decoder

    def __call__(self, task: dict[str, Any]) -> dict[str, Any]:
        """Give the shard as a Parquet file, or the error that kept all of it from being transcribed."""
        table, error = b"", ""
        try:
            table = encode(self._transcribe(self.corpus.part(task["start"], task["stop"])))
        except Exception as fault:  # no error in one shard may end the job
            error = reason(fault)
        return {"shard": task["shard"], "table": table, "error": error}

    def _transcribe(self, utterances: Iterator[Utterance]) -> Iterator[Result]:
        short = partial(read, model=self.model, max_seconds=self.max_seconds)
        for outcomes in Stream(self.model, self.decode, short, whole=self._emit_long).run(utterances):
            yield from map(result_of, outcomes)

    def _emit_long(self, utterance: Utterance, progress: Progress) -> tuple[Sound, list[Emissions]]:
        """Compute sound that is too long for a batch block by block."""
        notes = list[str]()
        emissions, seconds = self.model.emit_file(utterance.audio, max_seconds=self.max_seconds, note=notes.append)
        return Sound([], seconds, notes), [emissions]


def probe(load: dict[str, Any]) -> tuple[ModelInfo, str | None]:
    """Load the model once on a worker's machine, so that a bad checkpoint is one error before the job begins."""
    from w2vkit.model import CTCModel

    model = CTCModel.load(**load)
    return ModelInfo.of(model), model.notice


class ClusterRunner:
    """Transcribes a data set on a cluster; a `w2vkit.pipeline.bulk.Runner`.

    Parameters
    ----------
    cluster : Cluster
    folder : Path
        Of the shards. If it holds shards of the same job, the run resumes from them.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.info = cluster.info
        self._cluster, self._folder = cluster, folder

    def run(self, utterances: Iterable[Utterance], *, decode: Decode, progress: Progress | None = None) -> Job:
        """Transcribe a `Corpus`, as `Runner.run`.

        Raises
        ------
        ClusterError
            As for `Cluster.transcribe`, or the utterances are no `Corpus`: workers read its parts themselves.
        """
        if not isinstance(utterances, Corpus):
            raise ClusterError("A cluster needs a data set that its workers can read. Open one with open_corpus.")
        job = self._cluster.transcribe(utterances, self._folder, decode=decode, progress=progress)
        repeats, results = Repeats(), []
        for result in job.results:
            id, error = repeats.check(result.id)
            results.append(replace(result, id=id, hypothesis=None, error=error) if error else result)
        return replace(job, results=results)
