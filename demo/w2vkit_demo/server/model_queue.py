"""One model for many threads: requests that come at the same time go through the network as one batch."""

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

SHORT_SECONDS = 30.0  # s; a longer request lets shorter ones pass between its windows
GATHER_SECONDS = 0.01  # s; how long an idle queue waits for further requests after the first
IDLE_SECONDS = 60.0  # s; the worker thread ends if no request comes for so long

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
    """A `CTCModel` that many threads can use at once.

    One worker thread runs the network. It computes the short requests that wait as one batch, up to the sound that one pass
    holds (`CTCModel.pass_seconds`). After each window of a long request it computes the short ones that came meanwhile, so that
    they do not wait for the end of the long one.

    Attributes
    ----------
    name, notice, folder, vocabulary, sample_rate, stride, device, dtype
        As of the `CTCModel`.
    max_seconds : float
        The longest sound that a request may contain (s).
    """

    def __init__(self, model: "CTCModel", *, max_seconds: float = MAX_SECONDS) -> None:
        self.name = model.name
        self.notice = model.notice
        self.folder = model.folder
        self.vocabulary = model.vocabulary
        self.sample_rate = model.sample_rate
        self.stride = model.stride
        self.device = model.device
        self.dtype = model.dtype
        self.max_seconds = max_seconds
        self._model = model
        self._short = deque[_Request]()
        self._long = deque[_Request]()
        self._changed = Condition()
        self._working = False

    @property
    def default_decoder(self) -> Decode:
        """The default decoder of the `CTCModel`."""
        return self._model.default_decoder

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms, as `CTCModel.emit` does. Errors of other requests do not show here."""
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
            self._compute(self._take_short())
            self._compute_long()

    def _wait(self) -> bool:
        """Wait for a request and, if the queue was empty, a moment for more; give False if none came."""
        with self._changed:
            if not (self._short or self._long):
                if not self._changed.wait_for(lambda: self._short or self._long, IDLE_SECONDS):
                    self._working = False
                    return False
                self._changed.wait_for(lambda: False, GATHER_SECONDS)
        return True

    def _take_short(self) -> list[_Request]:
        """Take the oldest short requests from the queue: as many as one pass holds, and one at least."""
        taken, seconds = list[_Request](), 0.0
        with self._changed:
            while self._short and (not taken or seconds + self._short[0].seconds <= self._model.pass_seconds):
                taken.append(self._short.popleft())
                seconds += taken[-1].seconds
        return taken

    def _compute_long(self) -> None:
        """Compute the oldest long request, if there is one, and short requests after each of its windows."""
        with self._changed:
            request = self._long.popleft() if self._long else None
        if request is None:
            return

        def after_window(share: float) -> None:
            self._compute(self._take_short())
            if request.progress:
                request.progress(share)

        self._compute([request], after_window)

    def _compute(self, requests: list[_Request], progress: Callable[[float], None] | None = None) -> None:
        """Compute requests as one batch and give each its result; after an error, compute each alone to find whose it is."""
        if not requests:
            return
        started = time.perf_counter()
        try:
            emissions = iter(self._model.emit([w for request in requests for w in request.waveforms], progress=progress))
        except BaseException as error:  # of any kind: the thread that waits for the result must get it
            if len(requests) == 1:
                return requests[0].result.set_exception(error)
            for request in requests:
                self._compute([request])
            return
        for request in requests:
            request.result.set_result(list(islice(emissions, len(request.waveforms))))
        seconds, elapsed = sum(request.seconds for request in requests), time.perf_counter() - started
        log.info("%d at once, %.1f s of sound in %.2f s", len(requests), seconds, elapsed)
