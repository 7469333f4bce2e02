"""Many sounds to text in one stream: read ahead in threads, computed in batches of similar length, given in their order.

`bulk` transcribes data sets by it, `cluster` the part of a worker, and `w2vkit transcribe` files.
"""

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from w2vkit.audio import Waveform
from w2vkit.decode import Decode, Hypothesis, greedy, greedy_batch
from w2vkit.emissions import Emissions
from w2vkit.errors import TooLongError

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

T = TypeVar("T")

READERS = min(4, os.cpu_count() or 1)  # threads; soundfile, FFmpeg and soxr release the GIL while they work
WINDOW_SECONDS = 120.0  # s of sound that is sorted by length together; a kill loses at most the work on this much
WINDOW_BATCHES = 4  # at least this many batches are sorted together; on a GPU they last longer than WINDOW_SECONDS
LEAST = 0.5  # s; shorter and bad sounds count as this much, which limits how many are in memory

Progress = Callable[[float], None]  # called with how many items, or what share of one, are done


@dataclass(frozen=True)
class Speed:
    """How long transcribing took, without loading the model and without the first pass that warms it up.

    Attributes
    ----------
    utterances : int
        How many this run transcribed; those of an earlier run are not timed.
    seconds : float
        Of sound.
    reading : float
        Seconds for decoding and resampling the files, in threads beside the network.
    forward : float
        Seconds for normalising, padding and the network.
    decoding : float
        Seconds from emissions to text.
    """

    utterances: int = 0
    seconds: float = 0.0
    reading: float = 0.0
    forward: float = 0.0
    decoding: float = 0.0

    def __add__(self, other: "Speed") -> "Speed":
        return Speed(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def rtfx(self) -> float:
        """Seconds of sound per second; as on the Open ASR Leaderboard, reading the files is not counted."""
        return self.seconds / max(self.forward + self.decoding, 1e-9)


@dataclass(frozen=True, eq=False)
class Sound:
    """The sound of an item.

    Attributes
    ----------
    waveforms : sequence of Waveform
        One, or one of each channel.
    seconds : float
        The duration.
    notes : sequence of str
        As `Waveform.notes`.
    noise : float or None
        Signal-to-noise ratio (dB).
    """

    waveforms: Sequence[Waveform]
    seconds: float
    notes: Sequence[str] = ()
    noise: float | None = None


@dataclass(eq=False)
class Outcome(Generic[T]):
    """The result of an item.

    Attributes
    ----------
    item
    sound : Sound
        Without waveforms; of 0 s where it could not be read.
    found : dict
        The hypothesis of each waveform, by its index.
    error : Exception or None
        Why some or all are missing.

    The other fields are for the stream itself.
    """

    item: T
    sound: Sound = Sound((), 0.0)
    found: dict[int, Hypothesis] = field(default_factory=dict)
    error: Exception | None = None
    read: bool = False  # whether reading has ended, with or without an error
    alone: bool = False  # whether it is too long to be computed together with others
    wanted: int = 1  # the number of its waveforms
    held: float = LEAST  # s; its sound in memory
    reading: float = 0.0  # s; how long reading took

    @property
    def hypotheses(self) -> list[Hypothesis]:
        """The hypotheses in the order of the waveforms."""
        return [text for _, text in sorted(self.found.items())]

    @property
    def done(self) -> bool:
        """Whether all are found, or there is an error."""
        return self.error is not None or len(self.found) == self.wanted


Clip = tuple[Outcome[T], int, Waveform]  # an item, and the number and the sound of one of its channels


class Stream(Generic[T]):
    """Transcribes items. One that fails is an outcome with its error.

    Parameters
    ----------
    model : CTCModel
    decode : callable
        Emissions to Hypothesis.
    read : callable
        Called in a thread with an item and a limit (s); gives its sound. Raises `TooLongError` for an item that is longer, or
        is to be computed on its own for another reason.
    whole : callable, optional
        Called with an item that is computed on its own, and a function to report the share that is done (0 to 1). Gives the
        sound, whose waveforms may be left out, and the emissions of each. By default all of the item is read.
    threads : int, optional
        That read (default `READERS`).
    warm_up : bool
        Compute the longest of the first sounds once before: kernels are chosen and memory is allocated in the first pass.
    progress : callable, optional

    Attributes
    ----------
    speed : Speed
        So far.
    """

    def __init__(
        self,
        model: "CTCModel",
        decode: Decode,
        read: Callable[[T, float], Sound],
        *,
        whole: Callable[[T, Progress], tuple[Sound, list[Emissions]]] | None = None,
        threads: int | None = None,
        warm_up: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.speed = Speed()
        self._model, self._decode, self._read, self._whole = model, decode, read, whole
        self._threads, self._warm_up, self._tell = threads or READERS, warm_up, progress or (lambda done: None)
        self._window = max(WINDOW_SECONDS, WINDOW_BATCHES * model.pass_seconds)
        self._done = 0  # outcomes that were given

    def run(self, items: Iterable[T]) -> Generator[list[Outcome[T]], None, None]:
        """Transcribe items, which are drawn in a thread, and give their outcomes in the order of the items.

        An exception of the iterator ends the stream, after the items before it.

        Yields
        ------
        list of Outcome
            Those that are done, as soon as all before them are.
        """
        longest = self._model.longest_pass
        ahead = ReadAhead(items, self._load, self._threads, longest=longest, most=2 * max(self._window, longest, LEAST))
        window, seconds, enough = list[Outcome[T]](), 0.0, self._model.pass_seconds
        try:
            for outcome in ahead:
                window.append(outcome)
                seconds += outcome.held
                if seconds >= enough or outcome.alone:
                    yield from self._transcribe(window)
                    ahead.free(seconds)
                    # The first windows are small, so that the first texts come soon.
                    window, seconds, enough = [], 0.0, min(2 * enough, self._window)
            yield from self._transcribe(window)
            if ahead.fault:
                raise ahead.fault
        finally:
            ahead.close()

    def _load(self, outcome: Outcome[T]) -> None:
        started, longest = time.perf_counter(), self._model.longest_pass
        try:
            sound = self._read(outcome.item, longest)
            seconds = sum(waveform.seconds for waveform in sound.waveforms)
            if seconds > longest:  # several channels
                raise TooLongError
            outcome.sound, outcome.held, outcome.wanted = sound, max(LEAST, seconds), len(sound.waveforms)
            for waveform in sound.waveforms:
                self._model.check(waveform)  # here, as it would be an error of its whole batch
        except TooLongError:
            outcome.alone = True
        except BaseException as error:  # of this item only; in a thread, what is no Exception would be lost
            outcome.error = error if isinstance(error, Exception) else RuntimeError(repr(error))
        outcome.reading = time.perf_counter() - started

    def _transcribe(self, window: list[Outcome[T]]) -> Iterator[list[Outcome[T]]]:
        """Transcribe items together, and then the last one on its own if it is too long for that."""
        good = [outcome for outcome in window if not outcome.error]
        clips = [(outcome, channel, w) for outcome in good for channel, w in enumerate(outcome.sound.waveforms)]
        self.speed += Speed(len(clips), sum(w.seconds for *_, w in clips), sum(outcome.reading for outcome in good))
        waiting = deque(window)
        for _ in self._find_texts(clips):
            yield from self._ready(waiting)
        yield from self._ready(waiting)
        if waiting:
            self._transcribe_whole(waiting[0])
            yield from self._ready(waiting)

    def _ready(self, waiting: deque[Outcome[T]]) -> Iterator[list[Outcome[T]]]:
        """Give the first outcomes up to one that is not done, and report the progress."""
        ready = list[Outcome[T]]()
        while waiting and waiting[0].done:
            ready.append(outcome := waiting.popleft())
            outcome.sound = replace(outcome.sound, waveforms=())
        self._done += len(ready)
        self._tell(self._done + sum(outcome.done for outcome in waiting))
        if ready:
            yield ready

    def _find_texts(self, clips: list[Clip[T]]) -> Iterator[None]:
        """Give clips their texts, in any order, and pause after each group of about one batch."""
        waveforms = [waveform for *_, waveform in clips]
        if waveforms and self._warm_up:
            self._warm_up = False
            list(self._emitted([max(waveforms, key=lambda waveform: waveform.seconds)]))
        started, seconds, group = time.perf_counter(), 0.0, []
        for number, (index, emissions) in enumerate(self._emitted(waveforms), 1):
            group.append((clips[index], emissions))
            seconds += waveforms[index].seconds
            if seconds >= self._model.pass_seconds or number == len(waveforms):
                computed = time.perf_counter()
                self._decode_group(group)
                self.speed += Speed(forward=computed - started, decoding=time.perf_counter() - computed)
                yield
                started, seconds, group = time.perf_counter(), 0.0, []

    def _emitted(self, waveforms: Sequence[Waveform]) -> Iterator[tuple[int, Emissions | Exception]]:
        """Compute emissions; after an error the rest is computed one by one, so that only the bad ones are errors."""
        left = dict(enumerate(waveforms))
        try:
            for index, emissions in self._model.emit_each(waveforms):
                del left[index]
                yield index, emissions
        except Exception as error:
            if len(waveforms) == 1:
                yield 0, error.with_traceback(None)  # its frames hold the tensors of the failed pass
                return
        for index, waveform in left.items():
            for _, emissions in self._emitted([waveform]):
                yield index, emissions

    def _decode_group(self, group: list[tuple[Clip[T], Emissions | Exception]]) -> None:
        """Decode emissions: all together by the greedy decoder, one by one by others."""
        together = None
        if self._decode is greedy:
            with suppress(Exception):  # then they are decoded one by one, to find the bad one
                together = iter(greedy_batch([emissions for _, emissions in group if isinstance(emissions, Emissions)]))
        for (outcome, channel, _), emissions in group:
            try:
                if isinstance(emissions, Exception):
                    raise emissions
                outcome.found[channel] = next(together) if together else self._decode(emissions)
            except Exception as error:  # of this item only
                outcome.error = error

    def _transcribe_whole(self, outcome: Outcome[T]) -> None:
        """Transcribe an item on its own."""

        def tell(share: float) -> None:
            self._tell(self._done + share)

        try:
            started = read = time.perf_counter()
            if self._whole:
                sound, emissions = self._whole(outcome.item, tell)
            else:
                sound = self._read(outcome.item, math.inf)
                read = time.perf_counter()
                emissions = self._model.emit(sound.waveforms, progress=tell)
            outcome.sound, emitted = sound, time.perf_counter()
            outcome.found = dict(enumerate(map(self._decode, emissions)))
            outcome.wanted = len(emissions)
            ended = time.perf_counter()
            self.speed += Speed(len(emissions), sound.seconds * len(emissions), read - started, emitted - read, ended - emitted)
        except Exception as error:  # of this item only
            outcome.error = error


class ReadAhead(Generic[T]):
    """Reads items ahead in daemon threads, in their order, up to a limit of sound in memory.

    Parameters
    ----------
    items : iterable
        Drawn by the threads, one at a time.
    load : callable
        Reads the sound of an outcome, and sets its ``held``.
    threads : int
    longest, most : float
        How much sound an item, and all items in memory together, can have (s); `free` reports what is no longer in memory.

    Attributes
    ----------
    fault : BaseException or None
        What ended the items early.
    """

    def __init__(
        self, items: Iterable[T], load: Callable[[Outcome[T]], None], threads: int, *, longest: float, most: float
    ) -> None:
        self._items, self._load, self._longest, self._most = iter(items), load, longest, most
        self._turn, self._change = threading.Lock(), threading.Condition()
        self._waiting, self._held, self._ended = deque[Outcome[T]](), 0.0, False
        self.fault: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, name="reader", daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Iterator[Outcome[T]]:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting[0].read if self._waiting else self._ended)
                if not self._waiting:
                    break
                outcome = self._waiting.popleft()
            yield outcome

    def free(self, seconds: float) -> None:
        """Report that so much sound (s) is no longer in memory."""
        with self._change:
            self._held -= seconds
            self._change.notify_all()

    def close(self) -> None:
        """Let each thread end after the item that it is reading."""
        with self._change:
            self._ended = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join(1.0)  # s; a read from a network drive can take for ever

    def _work(self) -> None:
        while outcome := self._begin():
            self._load(outcome)
            with self._change:
                outcome.read = True
                self._held += outcome.held - self._longest
                self._change.notify_all()

    def _begin(self) -> Outcome[T] | None:
        """Take the next item when there is room for the longest sound; None at the end."""
        with self._turn:  # one thread after the other, as the order counts
            with self._change:
                self._change.wait_for(lambda: self._ended or self._held + self._longest <= self._most)
                if self._ended:
                    return None
            try:
                outcome, fault = Outcome(next(self._items)), None
            except StopIteration:
                outcome, fault = None, None
            except BaseException as error:
                outcome, fault = None, error
            with self._change:
                if outcome:
                    self._waiting.append(outcome)
                    self._held += self._longest
                else:
                    self._ended, self.fault = True, fault
                    self._change.notify_all()
            return outcome
