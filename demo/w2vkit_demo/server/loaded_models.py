"""The models of a server: the one it was started with, and beside it the one that was asked for last."""

import re
from collections.abc import Callable, Generator
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from w2vkit.errors import ModelError
from w2vkit.model.hub import fetch, listing
from w2vkit_demo import strings
from w2vkit_demo.server.model_queue import ModelQueue

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
STEP_SECONDS = 0.3  # s; how often the share of a download is told
Load = Callable[[str], "CTCModel"]


class Models:
    """The models that people can choose; two at most are in memory.

    Parameters
    ----------
    first : ModelQueue
        The one for all who choose none; it stays.
    load : callable, optional
        A name to a loaded model. Without it there is no choice.
    downloads : bool
        Whether people may have models of the Hub fetched to this machine.
    """

    def __init__(self, first: ModelQueue, load: Load | None = None, *, downloads: bool = True) -> None:
        self.first, self.downloads = first, downloads and load is not None
        self._load, self._other = load, first
        self._loading = Lock()

    def names(self) -> list[str]:
        """Name what can be chosen: the first model, what is on this machine and, where it may come, the default."""
        there = [entry.name for entry in listing() if self.downloads or entry.where != "on the Hub"] if self._load else []
        return list(dict.fromkeys([self.first.name, *there]))

    def here(self) -> list[str]:
        """Name those of them that need no download."""
        there = [entry.name for entry in listing() if entry.where != "on the Hub"] if self._load else []
        return list(dict.fromkeys([self.first.name, *there]))

    def running(self) -> list[str]:
        """Name what is in memory."""
        return list(dict.fromkeys([self.first.name, self._other.name]))

    def get(self, name: str = "") -> ModelQueue:
        """Give a model of this machine, loaded if need be; without a name, the first.

        Raises
        ------
        ModelError
            It is not on this machine, or is damaged.
        """
        if (kept := self._kept(name)) is not None:
            return kept
        if self._load is None or name not in self.here():
            raise ModelError(strings.NO_MODEL.format(name=name, choices=", ".join(self.here())))
        return self._in_memory(name, self._load)

    def load(self, name: str) -> Generator[float, None, None]:
        """Have a model on this machine and in memory, so that `get` gives it at once.

        Closing it stops a download; what came of it is kept for the next time.

        Yields
        ------
        float
            The share of the download that is done (0 to 1), a few times a second.

        Raises
        ------
        ModelError
            There is no such model, it cannot be had, or it is damaged. What was loaded before stays.
        """
        foreign = not self.downloads or not HUB_NAME.fullmatch(name) or Path(name).exists()  # a folder is no Hub name
        if self._load is None or (foreign and name not in self.names()):
            raise ModelError(strings.NO_MODEL.format(name=name, choices=", ".join(self.names())))
        load, stopped, share, done = self._load, Event(), 0.0, Future[ModelQueue]()

        def report(now: float) -> None:
            nonlocal share
            if stopped.is_set():
                raise ModelError(strings.STOPPED.format(name=name))
            share = now

        def work() -> None:
            try:
                if self._kept(name) is None:
                    fetch(name, progress=report)
                done.set_result(self._in_memory(name, load))
            except BaseException as error:  # the one who waits is told
                done.set_exception(error)

        Thread(target=work, name=f"load {name}", daemon=True).start()
        try:
            while True:
                try:
                    done.result(STEP_SECONDS)
                    return
                except TimeoutError:
                    yield share
        finally:
            stopped.set()

    def _in_memory(self, name: str, load: Load) -> ModelQueue:
        with self._loading:
            if (kept := self._kept(name)) is None:
                kept = self._other = ModelQueue(load(name), max_seconds=self.first.max_seconds)
            return kept

    def _kept(self, name: str) -> ModelQueue | None:
        return next((model for model in (self.first, self._other) if name in ("", model.name)), None)
