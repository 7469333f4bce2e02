"""Long work for the events of the page, which reports its progress and can be stopped."""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

Progress = Callable[[float, float], None]  # takes the seconds of the sound that are done, and all its seconds
T = TypeVar("T")
STEP_SECONDS = 0.5  # s; how long Gradio waits at most for a closed generator


class StoppedError(Exception):
    """Nobody waits for the work any longer."""


def watched(work: Callable[[Progress], T]) -> Generator[tuple[float, float] | None, None, T]:
    """Run ``work(progress)`` in a thread; yield its progress, or None if there is no news; return its result.

    Once the generator is closed, the work ends at its next report: Gradio closes it when the visitor presses Stop, chooses
    another sound, or leaves.
    """
    closed, news, result = Event(), SimpleQueue[tuple[float, float] | None](), Future[T]()

    def progress(done: float, seconds: float) -> None:
        if closed.is_set():
            raise StoppedError
        news.put((done, seconds))

    def run() -> None:
        try:
            result.set_result(work(progress))
        except BaseException as error:  # of any kind: the event must get it
            result.set_exception(error)
        news.put(None)

    Thread(target=run, name="watched", daemon=True).start()
    try:
        while not result.done():
            try:
                latest = news.get(timeout=STEP_SECONDS)
            except Empty:
                latest = None
            if not result.done():
                yield latest
        return result.result()
    finally:
        closed.set()
