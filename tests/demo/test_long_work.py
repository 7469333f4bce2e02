"""Work that tells how far it is and can be stopped."""

from threading import Event

import pytest

from w2vkit_demo.server.long_work import StoppedError, watched


def test_watched_yields_the_progress_and_returns_the_result():
    def work(progress):
        progress(1, 2)
        progress(2, 2)
        return "done"

    steps, told = watched(work), []
    with pytest.raises(StopIteration) as end:
        while True:
            told.append(next(steps))
    assert end.value.value == "done" and set(told) <= {(1, 2), (2, 2), None}


def test_an_error_reaches_the_event():
    def work(progress):
        raise ValueError("no sound")

    with pytest.raises(ValueError, match="no sound"):
        next(watched(work))


def test_closed_work_ends_at_its_next_report():
    going, ended = Event(), Event()

    def work(progress):
        progress(1, 2)
        assert going.wait(30)
        try:
            progress(2, 2)
        except StoppedError:
            ended.set()

    steps = watched(work)
    while next(steps) is None:
        pass
    steps.close()
    going.set()
    assert ended.wait(30)
