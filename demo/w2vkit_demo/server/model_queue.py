"""One model for many callers: what they ask for at the same time goes through the network together."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from threading import Condition, Thread
from typing import TYPE_CHECKING

from w2vkit.audio import Waveform
from w2vkit.decode import Decode
from w2vkit.emissions import Emissions
from w2vkit_demo.server.limits import MAX_SECONDS

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

SHORT_SECONDS = 30.0  # s; longer sound gives way to shorter between its windows
GATHER_SECONDS = 0.01  # s; how long the first request waits for company
IDLE_SECONDS = 60.0  # s; how long the worker waits for a request before it ends

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Request:
    waveforms: list[Waveform]
    progress: Callable[[float], None] | None
    result: "Future[list[Emissions]]" = field(default_factory=Future)

    @property
    def seconds(self) -> float:
        return sum(waveform.seconds for waveform in self.waveforms)


class ModelQueue:
    """A model that many threads use at once.

    One worker thread runs the network. What waits for it goes through in one pass, as far as a pass holds it. Between
    the windows of a long sound the short ones that wait are done, so that nobody waits for somebody's lecture.

    Attributes
    ----------
    name, notice, folder, vocabulary, sample_rate, stride, device, dtype
        Those of the `CTCModel`.
    max_seconds : float
        The longest sound that a request may bring (s).
    """

    def __init__(self, model: "CTCModel", *, max_seconds: float = MAX_SECONDS) -> None:
        self.name, self.notice, self.folder, self.vocabulary = model.name, model.notice, model.folder, model.vocabulary
        self.sample_rate, self.stride, self.device, self.dtype = model.sample_rate, model.stride, model.device, model.dtype
        self.max_seconds = max_seconds
        self._model = model
        self._short, self._long = deque[_Request](), deque[_Request]()
        self._changed = Condition()
        self._working = False

    @property
    def default_decoder(self) -> Decode:
        """That of the `CTCModel`."""
        return self._model.default_decoder

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms, as `CTCModel.emit`; an error is that of these waveforms alone."""
        request = _Request(list(waveforms), progress)
        with self._changed:
            (self._short if request.seconds <= SHORT_SECONDS else self._long).append(request)
            if not self._working:
                self._working = True
                Thread(target=self._work, name=f"emit {self.name}", daemon=True).start()
            self._changed.notify()
        return request.result.result()

    def _work(self) -> None:
        while self._wait():
            self._run(self._take())
            self._run_long()

    def _wait(self) -> bool:
        """Wait for a request, and a moment more for those that come with it; False if none came for long."""
        with self._changed:
            if not (self._short or self._long):
                if not self._changed.wait_for(lambda: self._short or self._long, IDLE_SECONDS):
                    self._working = False
                    return False
                self._changed.wait_for(lambda: False, GATHER_SECONDS)
        return True

    def _take(self) -> list[_Request]:
        """Take the short requests that one pass holds, in their order."""
        taken, seconds = list[_Request](), 0.0
        with self._changed:
            while self._short and (not taken or seconds + self._short[0].seconds <= self._model.pass_seconds):
                taken.append(self._short.popleft())
                seconds += taken[-1].seconds
        return taken

    def _run_long(self) -> None:
        """Do the long request that has waited longest; between its windows, one pass of the short ones."""
        with self._changed:
            request = self._long.popleft() if self._long else None
        if request is None:
            return

        def between(share: float) -> None:
            self._run(self._take())
            if request.progress:
                request.progress(share)

        self._run([request], between)

    def _run(self, requests: list[_Request], progress: Callable[[float], None] | None = None) -> None:
        if not requests:
            return
        started = time.perf_counter()
        try:
            found = iter(self._model.emit([w for request in requests for w in request.waveforms], progress=progress))
        except BaseException as error:  # whatever it is, somebody waits for an answer
            if len(requests) == 1:
                return requests[0].result.set_exception(error)
            for request in requests:  # one of them is to blame
                self._run([request])
            return
        for request in requests:
            request.result.set_result(list(islice(found, len(request.waveforms))))
        seconds, elapsed = sum(request.seconds for request in requests), time.perf_counter() - started
        log.info("%d at once, %.1f s of sound in %.2f s", len(requests), seconds, elapsed)
