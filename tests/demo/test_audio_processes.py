"""Decoding in processes of their own: the samples of `load`, its errors, a deadline and a limit of memory."""

import pickle
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from w2vkit.audio import load
from w2vkit.errors import AudioError
from w2vkit.examples import examples
from w2vkit_demo.server import audio_processes as module
from w2vkit_demo.server.audio_processes import AudioProcesses
from w2vkit_demo.server.worker_process import WorkerProcess

LIMITS = {"sample_rate": 16_000, "max_seconds": 60.0}


@pytest.fixture(scope="module")
def processes() -> Iterator[AudioProcesses]:
    processes = AudioProcesses()
    yield processes
    processes.close()


def test_the_samples_and_the_errors_are_those_of_load(processes, tmp_path):
    path = examples()[0].path
    assert np.array_equal(processes.load(str(path), **LIMITS).samples, load(path).samples)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioError, match="could not be read as audio"):
        processes.load(str(tmp_path / "text.wav"), **LIMITS)
    with pytest.raises(AudioError, match=r"longer|limit"):
        processes.load(str(path), sample_rate=16_000, max_seconds=0.1)


def test_a_process_whose_page_has_ended_ends_without_a_word():
    command = [sys.executable, "-m", WorkerProcess.__module__]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert worker.stdin and worker.stdout and worker.stderr
    worker.stdout.close()  # as when the page is killed during a call
    worker.stdin.write(pickle.dumps((len, ("abc",))))
    worker.stdin.close()
    assert (worker.stderr.read(), worker.wait()) == (b"", 0)


@pytest.mark.slow
def test_a_file_that_takes_too_long_or_too_much_memory_ends_one_request_only(processes, monkeypatch):
    path = examples()[0].path
    monkeypatch.setattr(module, "_load", _sleep)
    monkeypatch.setattr(module, "DECODE_SECONDS", 1.0)
    started = time.monotonic()
    with pytest.raises(AudioError, match=r"longer than 1 s.*export it again"):
        processes.load(str(path), **LIMITS)
    assert time.monotonic() - started < 30
    monkeypatch.setattr(module, "DECODE_SECONDS", 60.0)
    monkeypatch.setattr(module, "_load", _take)
    with pytest.raises(AudioError, match="MemoryError"):
        processes.load(str(path), **LIMITS)
    monkeypatch.undo()
    assert processes.load(str(path), **LIMITS).seconds > 1


def test_a_stopped_call_leaves_other_processes_alone():
    slow, quick = WorkerProcess(), WorkerProcess()
    try:
        assert quick.call(len, "abc", seconds=60.0) == 3
        with pytest.raises(module.ServerError):
            slow.call(time.sleep, 60, seconds=0.5)
        assert quick.call(len, "abc", seconds=60.0) == 3
    finally:
        slow.close()
        quick.close()


def _sleep(path: str, sample_rate: int, max_seconds: float) -> None:
    time.sleep(60)


def _take(path: str, sample_rate: int, max_seconds: float) -> None:
    module._limit_memory()
    np.ones(8 * 2**30, np.uint8)
