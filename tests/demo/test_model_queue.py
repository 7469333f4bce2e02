"""The queue: many requests in one pass, each with its own result, and an error reaches its own request only."""

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import numpy as np
import pytest
from support.speller import Speller, sound

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.errors import AudioError
from w2vkit_demo.server.model_queue import ModelQueue

TEXTS = [f"{'ABCDEFGHIJKLMNOP'[k]} GOOD DAY" for k in range(12)]


class Slow(Speller):
    """Waits at the gate before every pass, refuses BAD, and reports progress on long sound after each window."""

    notice, folder, stride, device, pass_seconds = None, None, 320, "cpu", 30.0

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.entered, self.passes = Event(), Event(), list[list[str]]()

    def emit(self, waveforms, *, progress=None) -> list[Any]:
        self.entered.set()
        assert self.gate.wait(30)
        if any(w.seconds > 30 for w in waveforms):
            for share in (0.25, 0.5, 0.75, 1.0):
                self.passes.append(["window"])
                if progress:
                    progress(share)
            return [None for _ in waveforms]
        found = super().emit(waveforms)
        self.passes.append(self.read[-len(waveforms) :])
        if "BAD" in self.passes[-1]:
            raise AudioError("BAD was said. Say something else.")
        return found


@pytest.fixture
def model() -> Slow:
    return Slow()


@pytest.fixture
def ask(model):
    """Request texts, each from its own thread. The gate opens when all but the first wait. Give the results."""

    def one(text: str) -> str:
        return greedy(*shared.emit([load(sound(text))])).text

    def all_at_once(texts: list[str]) -> list[Future]:
        first = pool.submit(one, "FIRST")
        assert model.entered.wait(30)
        futures = [first, *(pool.submit(one, text) for text in texts)]
        while len(shared._short) < len(texts):
            time.sleep(0.001)
        model.gate.set()
        wait(futures, 30)
        return futures

    shared = ModelQueue(model)
    with ThreadPoolExecutor(32) as pool:
        yield all_at_once
        model.gate.set()


def test_requests_that_come_during_a_pass_share_the_next_one(model, ask):
    assert [future.result() for future in ask(TEXTS)] == ["FIRST", *TEXTS]
    assert [len(texts) for texts in model.passes] == [1, len(TEXTS)]


def test_a_pass_takes_no_more_than_pass_seconds_of_sound(model, ask):
    model.pass_seconds = 5 * load(sound(TEXTS[0])).seconds + 0.01
    assert [future.result() for future in ask(TEXTS)] == ["FIRST", *TEXTS]
    assert [len(texts) for texts in model.passes] == [1, 5, 5, 2]


def test_an_error_reaches_only_its_own_request(model, ask):
    futures = ask([*TEXTS[:4], "BAD", *TEXTS[4:]])
    with pytest.raises(AudioError, match="BAD was said"):
        futures.pop(5).result()
    assert [future.result() for future in futures] == ["FIRST", *TEXTS]


def test_short_requests_run_between_the_windows_of_a_long_one(model):
    shared, told = ModelQueue(model), list[float]()
    long_sound = Waveform(np.zeros(16_000 * 31, np.float32))
    with ThreadPoolExecutor(3) as pool:

        def progress(share: float) -> None:
            if not told:  # a short request comes during the first window
                short.append(pool.submit(shared.emit, [load(sound("SHORT"))]))
                while not shared._short:
                    time.sleep(0.001)
            told.append(share)

        short = []
        long = pool.submit(shared.emit, [long_sound], progress=progress)
        model.gate.set()
        assert long.result(30) == [None]
        assert greedy(*short[0].result(30)).text == "SHORT"
    assert told == [0.25, 0.5, 0.75, 1.0]
    assert model.passes.index(["SHORT"]) < 4 and model.passes.count(["window"]) == 4


def test_an_error_in_progress_stops_only_its_own_request(model):
    shared = ModelQueue(model)
    model.gate.set()

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shared.emit([Waveform(np.zeros(16_000 * 31, np.float32))], progress=stop)
    assert greedy(*shared.emit([load(sound("STILL HERE"))])).text == "STILL HERE"
