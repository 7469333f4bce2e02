"""What goes through the network at once: sounds cut into pieces, pieces into batches, and less when memory runs out."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from w2vkit.errors import ModelError

WHOLE_SECONDS = 40.0  # s; LibriSpeech's longest utterance is 35 s. Longer sound goes through in windows
WINDOW_SECONDS = 20.0  # s; what one window contributes to the emissions
CONTEXT_SECONDS = 2.0  # s; what it hears in addition, on either side

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """Frames of one sound that are computed together.

    Attributes
    ----------
    clip : int
        Which sound.
    start, stop : int
        The frames that count.
    before, after : int
        Frames of context, which are heard and then cut off.
    """

    clip: int
    start: int
    stop: int
    before: int = 0
    after: int = 0

    @property
    def frames(self) -> int:
        """How many frames go through the network."""
        return self.before + self.stop - self.start + self.after

    def halves(self, context: int) -> "list[Window]":
        """Cut it in two, each half with at most `context` frames around it; none if that would not be much smaller."""
        if self.stop - self.start <= 2 * context:
            return []
        middle = (self.start + self.stop) // 2
        return [
            replace(self, stop=middle, before=min(self.before, context), after=context),
            replace(self, start=middle, before=context, after=min(self.after, context)),
        ]


@dataclass(frozen=True)
class FrameGrid:
    """Where frames lie on samples.

    Attributes
    ----------
    stride, receptive_field : int
        Samples from one frame to the next, and samples that one frame sees.
    sample_rate : int
        Hz.
    longest_pass : float
        How much sound is one piece (s).
    """

    stride: int
    receptive_field: int
    sample_rate: int
    longest_pass: float = WHOLE_SECONDS

    def frames(self, samples: int) -> int:
        """How many frames so many samples have."""
        return (samples - self.receptive_field) // self.stride + 1

    def span(self, seconds: float) -> int:
        """Seconds as a number of frames."""
        return int(seconds * self.sample_rate / self.stride)

    def cut(self, clip: int, samples: int) -> list[Window]:
        """Cut a sound into pieces: one up to `longest_pass`, else windows with context on both sides."""
        frames, context = self.frames(samples), self.span(CONTEXT_SECONDS)
        if samples <= self.longest_pass * self.sample_rate:
            return [Window(clip, 0, frames)]
        edges = [*range(0, frames, self.span(WINDOW_SECONDS)), frames]
        return [Window(clip, start, stop, min(start, context), min(frames - stop, context)) for start, stop in pairwise(edges)]

    def reach(self, piece: Window, samples: int) -> slice:
        """The samples that a piece hears: at the sound's end all, as group norms look at those of no frame too."""
        last = piece.stop + piece.after
        end = samples if last == self.frames(samples) else (last - 1) * self.stride + self.receptive_field
        return slice((piece.start - piece.before) * self.stride, end)


Read = Callable[[Window], np.ndarray]
Forward = Callable[[list[np.ndarray]], list[np.ndarray]]


class Batcher:
    """Groups pieces by a budget of padded frames, and takes a smaller one when memory does not suffice.

    Parameters
    ----------
    budget : int
        Padded frames per batch. It is halved, and stays so, when a batch does not fit into memory.
    mixed : bool
        Whether pieces of different lengths may be padded to one batch.
    context : int
        Frames around the halves of a piece that does not fit on its own.
    out_of_memory : callable
        Tells from an exception whether memory ran out.
    """

    def __init__(self, budget: int, *, mixed: bool, context: int, out_of_memory: Callable[[BaseException], bool]) -> None:
        self.budget, self.mixed, self.context, self.out_of_memory = budget, mixed, context, out_of_memory

    def run(self, pieces: Sequence[Window], read: Read, forward: Forward) -> Iterator[tuple[Window, np.ndarray]]:
        """Compute pieces, the longest first.

        Parameters
        ----------
        pieces : sequence of Window
        read : callable
            A piece to its samples, context included.
        forward : callable
            The samples of B pieces to B arrays of (piece.frames, V).

        Yields
        ------
        Window
            One of the pieces, or a part of one.
        numpy.ndarray
            (stop - start, V); its context is cut off.

        Raises
        ------
        ModelError
            The memory does not suffice for a few seconds of one sound.
        """
        waiting = sorted(pieces, key=lambda piece: -piece.frames)
        while waiting:
            batch = waiting[: self._fitting(waiting)]
            results = self._try(batch, read, forward)
            if results is None:
                waiting[: len(batch)] = self._smaller(batch)
                continue
            del waiting[: len(batch)]
            for piece, rows in zip(batch, results, strict=True):
                yield piece, rows[piece.before : piece.before + piece.stop - piece.start]

    def _fitting(self, waiting: list[Window]) -> int:
        """How many of the next pieces make a batch; a network that hears the padding takes equal lengths only."""
        longest = waiting[0].frames
        most = max(1, self.budget // longest)
        same = (i for i, piece in enumerate(waiting[:most]) if not self.mixed and piece.frames != longest)
        return next(same, min(most, len(waiting)))

    def _try(self, batch: list[Window], read: Read, forward: Forward) -> list[np.ndarray] | None:
        # The exception holds the failed batch's tensors: they are free only when it is gone, after this returns.
        try:
            return forward([read(piece) for piece in batch])
        except (RuntimeError, MemoryError) as error:
            if self.out_of_memory(error):
                return None
            raise

    def _smaller(self, batch: list[Window]) -> list[Window]:
        if len(batch) > 1:
            self.budget = len(batch) * batch[0].frames // 2
            log.warning("Memory ran out with %d sounds at once; going on with half as much.", len(batch))
            return batch
        halves = batch[0].halves(self.context)
        if not halves:
            raise ModelError(
                "The memory does not suffice for a few seconds of sound. Close other programs, "
                "or choose another device, a smaller model or dtype bfloat16."
            )
        self.budget = min(self.budget, halves[0].frames)
        log.warning("Memory ran out with one sound; it is heard in parts, which can change a few characters.")
        return sorted(halves, key=lambda piece: -piece.frames)
