"""What a job on many machines found: Parquet files that are whole or not there, so that the job can go on after a stop."""

import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.errors import ClusterError
from w2vkit.pipeline.bulk import Heard
from w2vkit.pipeline.journal import Row

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1  # of the folder, in its job.json
JOB = "job.json"
MOST = 512  # utterances in a shard; a kill loses at most those that are under way
PER_WORKER = 16  # shards for each worker, so that none waits long for the last one


def schema() -> "pa.Schema":
    """The columns: file and what was heard in it, or why nothing was; reference and speaker where a data set has them."""
    import pyarrow as pa

    word = {"text": pa.string(), "start": pa.float64(), "end": pa.float64(), "confidence": pa.float64()}
    text, number = pa.string(), pa.float64()
    return pa.schema(
        {"file": text, "seconds": number, "text": text, "words": pa.list_(pa.struct(word)), "confidence": number}
        | {"error": text, "reference": text, "speaker": text}
    )


def encode(heard: Iterable[Heard]) -> bytes:
    """Write a Parquet file into memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([_record(one) for one in heard], schema=schema()), file)
    return file.getvalue()


class Shards:
    """A folder of shards of one job.

    Parameters
    ----------
    folder : Path
    about : dict
        What the results depend on, as values for JSON.
    total : int
        How many utterances the job has.
    workers : int
        How many share it; a job that goes on keeps the division it began with.

    Attributes
    ----------
    parts : list of range
        The numbers of the utterances in each shard.

    Raises
    ------
    ClusterError
        The folder holds another job's results, or cannot be written to.
    """

    def __init__(self, folder: Path, about: dict[str, Any], total: int, workers: int) -> None:
        self.folder = folder
        head = {"w2vkit": FORMAT, "utterances": total, **about}
        size = self._begun(head) or min(MOST, -(-total // (PER_WORKER * workers)))
        self.parts = [range(start, min(start + size, total)) for start in range(0, total, size)]
        self._write(JOB, json.dumps(head | {"per shard": size}, ensure_ascii=False, indent=1).encode("utf-8"))

    def path(self, shard: int) -> Path:
        """Where a shard is, or will be."""
        return self.folder / f"part-{shard:05}.parquet"

    def pending(self) -> list[int]:
        """The shards that are not there yet."""
        return [shard for shard in range(len(self.parts)) if not self.path(shard).exists()]

    def add(self, shard: int, data: bytes) -> None:
        """Keep what `encode` gave; it is on the disk, and whole, when this returns.

        Raises
        ------
        ClusterError
            The disk is full, or the folder cannot be written to.
        """
        self._write(self.path(shard).name, data)

    def rows(self, shard: int) -> Iterator[Row]:
        """What an evaluation needs of a shard."""
        import pyarrow.parquet as pq

        table = pq.read_table(self.path(shard), columns=["file", "speaker", "seconds", "reference", "text", "error"])
        return (Row(*record.values()) for record in table.to_pylist())

    def _begun(self, head: dict[str, Any]) -> int | None:
        """How many utterances a shard has, if the job was begun before."""
        try:
            found = json.loads((self.folder / JOB).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ClusterError(f"{self.folder / JOB} cannot be read: {error}. Choose another --output-dir.") from error
        size = found.pop("per shard", None)
        if found != json.loads(json.dumps(head)):
            other = [key for key in {**found, **head} if found.get(key) != head.get(key)]
            raise ClusterError(
                f"{self.folder} holds the shards of another job (another {', '.join(other)}). "
                "Choose another --output-dir, or remove the folder."
            )
        return size

    def _write(self, name: str, data: bytes) -> None:
        new = self.folder / f"{name}.new"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with new.open("wb", buffering=0) as file:
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            new.replace(self.folder / name)
        except OSError as error:
            raise ClusterError(
                f"{self.folder / name} could not be written: {error.strerror}. Finished shards are kept: free space or mend "
                "the permissions, and run the same command again to go on."
            ) from error


def _record(heard: Heard) -> dict[str, Any]:
    hypothesis = heard.hypothesis
    return {
        "file": heard.utterance.id,
        "seconds": heard.seconds,
        "text": hypothesis and hypothesis.text,
        "words": hypothesis and [vars(word) for word in hypothesis.words],
        "confidence": hypothesis and hypothesis.confidence,
        "error": heard.error,
        "reference": heard.utterance.reference,
        "speaker": heard.utterance.speaker,
    }
