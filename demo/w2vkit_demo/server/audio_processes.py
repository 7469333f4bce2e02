"""Decoding of files in separate processes, with a deadline and a limit of memory.

A malicious file can make its decoder run for hours, or take all memory: here that ends one process, and with it one request.
"""

from queue import LifoQueue

from w2vkit.audio import Waveform, load
from w2vkit.errors import AudioError, ServerError
from w2vkit.examples import examples
from w2vkit_demo import strings
from w2vkit_demo.server.limits import MAX_SECONDS
from w2vkit_demo.server.worker_process import WorkerProcess

PROCESSES = 2  # so that one visitor's file does not wait for another one's
DECODE_SECONDS = 60.0  # s; ten minutes of any format take a few seconds
MOST_MEMORY = 4 * 2**30  # bytes of address space


class AudioProcesses:
    """Processes that decode one file each."""

    def __init__(self) -> None:
        self._processes = [WorkerProcess() for _ in range(PROCESSES)]
        self._free = LifoQueue[WorkerProcess]()  # gives the one that was used last, so that a quiet server starts only one
        for process in self._processes:
            self._free.put(process)

    def prepare(self) -> None:
        """Start a process and decode a clip in it, which loads the libraries, so that the first visitor does not wait."""
        self.load(str(examples()[0].path), sample_rate=16_000, max_seconds=MAX_SECONDS)

    def load(self, path: str, *, sample_rate: int, max_seconds: float) -> Waveform:
        """Load a file, as `w2vkit.audio.load` does.

        Raises
        ------
        AudioError
            As for `load`, or the file takes too much time or memory.
        """
        process = self._free.get()
        try:
            return process.call(_load, path, sample_rate, max_seconds, seconds=DECODE_SECONDS)
        except ServerError as error:
            raise AudioError(strings.NOT_DECODED.format(error=error)) from error
        finally:
            self._free.put(process)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.close()


def _load(path: str, sample_rate: int, max_seconds: float) -> Waveform:
    _limit_memory()
    return load(path, sample_rate=sample_rate, max_seconds=max_seconds)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY if most < 0 else min(MOST_MEMORY, most), most))
