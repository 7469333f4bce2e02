"""The download of the large model while the page already works with the bundled one."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Thread

from w2vkit.errors import ModelError, W2VKitError
from w2vkit.model.hub import DEFAULT, DEFAULT_BYTES, UnavailableError, fetch
from w2vkit_demo import strings

SAY_SECONDS = 10.0  # s; how often the terminal shows the progress
WAIT_SECONDS = 0.3  # s; how often `wait` reports

log = logging.getLogger("w2vkit_demo")


@dataclass(frozen=True)
class Progress:
    """The state of a download.

    Attributes
    ----------
    state : str
        "downloading", "ready", "stopped" or "failed".
    share : float
        The share of the bytes that were downloaded (0 to 1).
    seconds_left : float or None
        How long the rest takes at the present rate (s); None if that is not known yet.
    error : str
        Why it failed, as the page says it; empty if it did not.
    """

    state: str
    share: float = 0.0
    seconds_left: float | None = None
    error: str = ""


class BackgroundDownload:
    """Downloads a model in its own thread. A stopped download can be continued.

    Parameters
    ----------
    name : str
        The model's name on the Hub.
    size : float
        Its size (bytes), for the messages.
    """

    def __init__(self, name: str = DEFAULT, size: float = DEFAULT_BYTES) -> None:
        self.name = name
        self.size = size
        self._progress = Progress("stopped")
        self._stopped = Event()
        self._lock = Lock()
        self._thread: Thread | None = None

    @property
    def progress(self) -> Progress:
        """The present state of the download."""
        return self._progress

    def start(self) -> None:
        """Begin the download, or continue it after a stop or a failure."""
        with self._lock:
            if self._progress.state in ("downloading", "ready"):
                return
            self._stopped = stopped = Event()
            self._progress = Progress("downloading", self._progress.share)
            self._thread = Thread(target=self._work, args=[stopped], name=f"download {self.name}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop the download; what has come is kept."""
        with self._lock:
            if self._progress.state == "downloading":
                self._stopped.set()
                self._progress = Progress("stopped", self._progress.share)
                log.info("%s", strings.STOPPED.format(name=self.name))

    def wait(self, report: Callable[[float], None]) -> None:
        """Wait for the end of the download and report its share meanwhile. An error that `report` raises ends the waiting only.

        Raises
        ------
        ModelError
            The download failed or was stopped.
        """
        while (now := self._progress).state == "downloading":
            report(now.share)
            time.sleep(WAIT_SECONDS)
        if now.state != "ready":
            raise ModelError(now.error or strings.STOPPED.format(name=self.name))

    def describe(self) -> str:
        """Say in one sentence where the download stands."""
        now = self._progress
        if now.state == "downloading":
            left = "" if now.seconds_left is None else strings.LARGE_LEFT.format(time=_time(now.seconds_left))
            return strings.LARGE_COMES.format(done=now.share * self.size / 1e6, total=self.size / 1e6, left=left)
        return {"ready": strings.LARGE_READY, "stopped": strings.LARGE_STOPPED}.get(now.state, now.error)

    def _work(self, stopped: Event) -> None:
        began: tuple[float, float] | None = None  # time and share of the first report
        said = time.monotonic()

        def report(share: float) -> None:
            nonlocal began, said
            if stopped.is_set():
                raise ModelError(strings.STOPPED.format(name=self.name))
            now = time.monotonic()
            began = began or (now, share)
            gained = share - began[1]
            left = (1 - share) / gained * (now - began[0]) if gained > 0 else None
            self._set(stopped, Progress("downloading", share, left))
            if now - said >= SAY_SECONDS:
                said = now
                log.info("%s", self.describe())

        try:
            fetch(self.name, progress=report)
            end = Progress("ready", 1.0)
            said_at_end = strings.LARGE_READY
        except W2VKitError as error:
            # The terminal gets the whole reason. A visitor of the page cannot change proxy or folder.
            said_at_end = str(error)
            reason = strings.LARGE_FAILED if isinstance(error, UnavailableError) else said_at_end
            end = Progress("failed", self._progress.share, error=reason)
        if self._set(stopped, end):
            log.info("%s", said_at_end)

    def _set(self, stopped: Event, progress: Progress) -> bool:
        """Set the progress, unless this run of the thread was stopped meanwhile."""
        with self._lock:
            if stopped.is_set():
                return False
            self._progress = progress
            return True


def _time(seconds: float) -> str:
    return f"{max(1, round(seconds)):.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
