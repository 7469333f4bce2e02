"""Results of a job on many machines, as Parquet files. Each file is complete or absent, so that a stopped job can resume."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.errors import ClusterError
from w2vkit.pipeline import files
from w2vkit.pipeline.journal import UTF8, Result

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 2  # of the folder, in its job.json
JOB = "job.json"
SHARDS = "shards"  # the folder in which `w2vkit evaluate` puts them
MOST = 512  # utterances in a shard; a kill loses at most the shards that are being transcribed
PER_WORKER = 16  # shards for each worker, so that all workers end at nearly the same time


def schema() -> "pa.Schema":
    """Give the columns: a file, its text and words or its error, notes, and reference and speaker where there are some."""
    import pyarrow as pa

    word = {"text": pa.string(), "start": pa.float64(), "end": pa.float64(), "confidence": pa.float64()}
    text, number = pa.string(), pa.float64()
    return pa.schema(
        {"file": text, "seconds": number, "text": text, "words": pa.list_(pa.struct(word)), "confidence": number}
        | {"error": text, "notes": pa.list_(text), "reference": text, "speaker": text}
    )


def encode(results: Iterable[Result]) -> bytes:
    """Write results as a Parquet file in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([_record(result) for result in results], schema=schema()), file)
    return file.getvalue()


class Shards:
    """A folder with the shards of one job.

    Parameters
    ----------
    folder : Path
    settings : dict
        What the results depend on, as values for JSON.
    total : int
        How many utterances the job has.
    workers : int
        How many share it; a job that is resumed keeps its shards, however many workers there are.

    Attributes
    ----------
    parts : list of range
        The numbers of the utterances in each shard.

    Raises
    ------
    ClusterError
        The folder holds another job's results, or cannot be written to.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], total: int, workers: int) -> None:
        self.folder = folder
        head = {"w2vkit": FORMAT, "utterances": total, **settings}
        size = self._begun(head) or min(MOST, -(-total // (PER_WORKER * workers)))
        self.parts = [range(start, min(start + size, total)) for start in range(0, total, size)]
        self._write(JOB, json.dumps(head | {"per shard": size}, ensure_ascii=False, indent=1).encode(*UTF8))

    def path(self, shard: int) -> Path:
        """Give the path of a shard, whether it is there or not."""
        return self.folder / f"part-{shard:05}.parquet"

    def pending(self) -> list[int]:
        """Give the numbers of the shards that are not there yet."""
        return [shard for shard in range(len(self.parts)) if not self.path(shard).exists()]

    def add(self, shard: int, data: bytes) -> None:
        """Store what `encode` gave; the complete file is on the disk when this returns.

        Raises
        ------
        ClusterError
            The disk is full, or the folder cannot be written to.
        """
        self._write(self.path(shard).name, data)

    def results(self, shard: int) -> Iterator[Result]:
        """Read the results of a shard, without their words.

        Raises
        ------
        ClusterError
            Its file is damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = ["file", "speaker", "seconds", "reference", "text", "error", "notes"]
        try:
            table = pq.read_table(self.path(shard), columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise ClusterError(
                f"{self.path(shard)} is damaged. Remove it, and run the same command again to resume."
            ) from error
        return (Result(*others, notes=tuple(notes)) for *others, notes in map(dict.values, table.to_pylist()))

    def _begun(self, head: dict[str, Any]) -> int | None:
        """Give the number of utterances per shard if an earlier run began the job."""
        try:
            found = json.loads((self.folder / JOB).read_text(encoding="utf-8"))
            if not isinstance(size := found.pop("per shard"), int) or size < 1:
                raise ValueError(f"{size!r} utterances per shard")
        except FileNotFoundError:
            if any(self.folder.glob("part-*.parquet")):
                raise ClusterError(
                    f"{self.folder} has files part-*.parquet and no {JOB}: they are not w2vkit's. Choose another --output-dir."
                ) from None
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ClusterError(f"{self.folder / JOB} is not w2vkit's, or damaged. Choose another --output-dir.") from error
        if found != json.loads(json.dumps(head)):
            other = [key for key in {**found, **head} if found.get(key) != head.get(key)]
            raise ClusterError(
                f"{self.folder} holds the shards of another job (another {', '.join(other)}). "
                "Choose another --output-dir, or remove the folder."
            )
        return size

    def _write(self, name: str, data: bytes) -> None:
        try:
            files.replace(self.folder / name, data)
        except OSError as error:
            raise ClusterError(
                f"{self.folder / name} could not be written: {error.strerror}. Finished shards are kept: free space or correct "
                "the permissions, then run the same command again to resume."
            ) from error


def _record(result: Result) -> dict[str, Any]:
    decoded = result.decoded
    return {
        "file": result.id,
        "seconds": result.seconds,
        "text": result.hypothesis,
        "words": decoded and [vars(word) for word in decoded.words],
        "confidence": decoded and decoded.confidence,
        "error": result.error,
        "notes": list(result.notes),
        "reference": result.reference,
        "speaker": result.speaker,
    }
