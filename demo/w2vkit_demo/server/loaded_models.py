"""The models in a server's memory: the one that it was started with, and the other one that was used last."""

import re
from collections.abc import Callable, Generator
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from w2vkit.errors import ModelError
from w2vkit.model.hub import fetch, listing
from w2vkit_demo import strings
from w2vkit_demo.server.background_download import BackgroundDownload
from w2vkit_demo.server.limits import MAX_DOWNLOAD_BYTES
from w2vkit_demo.server.model_queue import ModelQueue

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
STEP_SECONDS = 0.3  # s; how often the progress of a download is shown
Load = Callable[[str], "CTCModel"]


class LoadedModels:
    """The models that a request can name. At most two are in memory: the first, and the other one that was used last.

    Parameters
    ----------
    first : ModelQueue
        The model of all requests that name none; it is never unloaded.
    load : callable, optional
        Gives the loaded model of a name. Without it there is only the first model.
    downloads : bool
        Whether visitors may download models of the Hub to this machine, one at a time, up to `MAX_DOWNLOAD_BYTES`.
    background : BackgroundDownload, optional
        A download that runs already. `load` waits for it if its model is chosen.
    """

    def __init__(
        self,
        first: ModelQueue,
        load: Load | None = None,
        *,
        downloads: bool = True,
        background: BackgroundDownload | None = None,
    ) -> None:
        self.first = first
        self.background = background
        self.downloads = downloads and load is not None
        self._load = load
        self._other = first
        self._loading = Lock()
        self._downloading = Lock()

    def names(self) -> list[str]:
        """Name the models that can be chosen: those on this machine and, if downloads are allowed, the Hub's default."""
        return self._listed(on_the_hub=self.downloads)

    def here(self) -> list[str]:
        """Name the models that are on this machine."""
        return self._listed(on_the_hub=False)

    def _listed(self, *, on_the_hub: bool) -> list[str]:
        entries = listing() if self._load else []
        names = [entry.name for entry in entries if on_the_hub or entry.where != "on the Hub"]
        return list(dict.fromkeys([self.first.name, *names]))

    def running(self) -> list[str]:
        """Name the models that are in memory."""
        return list(dict.fromkeys([self.first.name, self._other.name]))

    def folder(self, name: str = "") -> Path:
        """Give the folder of a model of this machine without loading it; of the first, if no name is given.

        Raises
        ------
        ModelError
            It is not on this machine.
        """
        if (model := self._in_memory(name)) is not None:
            return model.folder
        self._check_here(name)
        return fetch(name).folder

    def get(self, name: str = "") -> ModelQueue:
        """Give a model of this machine, and load it first if necessary; without a name, the first.

        Raises
        ------
        ModelError
            It is not on this machine, or is damaged.
        """
        if (model := self._in_memory(name)) is not None:
            return model
        return self._load_once(name, self._check_here(name))

    def _check_here(self, name: str) -> Load:
        if self._load is None or name not in self.here():
            raise ModelError(strings.NO_MODEL.format(name=name, choices=", ".join(self.here())))
        return self._load

    def load(self, name: str) -> Generator[float, None, None]:
        """Download a model if necessary, and load it, so that `get` gives it at once.

        Closing the generator stops the download. The next call continues it.

        Yields
        ------
        float
            The share of the download that is done (0 to 1), a few times a second.

        Raises
        ------
        ModelError
            There is no such model, it cannot be downloaded, or it is damaged. The models in memory stay.
        """
        may_download = self.downloads and HUB_NAME.fullmatch(name) and not Path(name).exists()  # no folder of this machine
        if self._load is None or not (may_download or name in self.names()):
            raise ModelError(strings.NO_MODEL.format(name=name, choices=", ".join(self.names())))
        load, stopped, share, done = self._load, Event(), 0.0, Future[ModelQueue]()

        def report(now: float) -> None:
            nonlocal share
            if stopped.is_set():
                raise ModelError(strings.STOPPED.format(name=name))
            share = now

        def work() -> None:
            try:
                if self._in_memory(name) is None and name not in self.here():
                    self._download(name, report)
                done.set_result(self._load_once(name, load))
            except BaseException as error:  # `done.result` raises it
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

    def _download(self, name: str, report: Callable[[float], None]) -> None:
        if self.background and self.background.progress.state == "downloading":
            if name == self.background.name:
                return self.background.wait(report)
            raise ModelError(strings.DOWNLOADING)
        if not self._downloading.acquire(blocking=False):
            raise ModelError(strings.DOWNLOADING)
        try:
            fetch(name, progress=report, max_bytes=MAX_DOWNLOAD_BYTES)
        finally:
            self._downloading.release()

    def _load_once(self, name: str, load: Load) -> ModelQueue:
        with self._loading:
            if (model := self._in_memory(name)) is None:
                model = self._other = ModelQueue(load(name), max_seconds=self.first.max_seconds)
            return model

    def _in_memory(self, name: str) -> ModelQueue | None:
        return next((model for model in (self.first, self._other) if name in ("", model.name)), None)
