"""Cuts sounds into windows, and windows into batches that fit into memory."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from w2vkit.errors import ModelError

WHOLE_SECONDS = 40.0  # s; longer sound is cut into windows. LibriSpeech's longest utterance is 35 s
WINDOW_SECONDS = 20.0  # s; what one window contributes to the emissions
CONTEXT_SECONDS = 2.0  # s; what the network is given in addition, on either side

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """Frames of one sound that are computed together.

    Attributes
    ----------
    clip : int
        Index of the sound.
    start, stop : int
        The frames that are kept.
    before, after : int
        Frames of context on either side, which are computed and then cut off.
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
        """Cut the window in two, with at most `context` frames around each; empty if that would not be much smaller."""
        if self.stop - self.start <= 2 * context:
            return []
        middle = (self.start + self.stop) // 2
        return [
            replace(self, stop=middle, before=min(self.before, context), after=context),
            replace(self, start=middle, before=context, after=min(self.after, context)),
        ]


@dataclass(frozen=True)
class FrameGrid:
    """Where the frames lie on the samples.

    Attributes
    ----------
    stride, receptive_field : int
        Samples from one frame to the next, and samples that one frame is computed from.
    sample_rate : int
        Hz.
    longest_pass : float
        Longer sound is cut into windows (s).
    """

    stride: int
    receptive_field: int
    sample_rate: int
    longest_pass: float = WHOLE_SECONDS

    def frames(self, samples: int) -> int:
        """Return how many frames a sound with so many samples has."""
        return (samples - self.receptive_field) // self.stride + 1

    def frames_in(self, seconds: float) -> int:
        """Convert seconds to a number of frames."""
        return int(seconds * self.sample_rate / self.stride)

    def cut(self, clip: int, samples: int) -> list[Window]:
        """Cut a sound into windows, in the order of time: one up to `longest_pass`, else several with context."""
        frames, context = self.frames(samples), self.frames_in(CONTEXT_SECONDS)
        if samples <= self.longest_pass * self.sample_rate:
            return [Window(clip, 0, frames)]
        edges = [*range(0, frames, self.frames_in(WINDOW_SECONDS)), frames]
        return [Window(clip, start, stop, min(start, context), min(frames - stop, context)) for start, stop in pairwise(edges)]

    def samples_of(self, window: Window, samples: int) -> slice:
        """Return the samples that a window and its context are computed from.

        The last window has all samples up to the end: group norms also use those that are too few for another frame.
        """
        last = window.stop + window.after
        end = samples if last == self.frames(samples) else (last - 1) * self.stride + self.receptive_field
        return slice((window.start - window.before) * self.stride, end)


@dataclass
class Batcher:
    """Puts windows together into batches, and smaller batches after memory ran out.

    Attributes
    ----------
    budget : int
        Frames per batch, padding included. It shrinks for good when a batch does not fit into memory.
    mixed : bool
        Whether windows of different lengths may be padded to one batch.
    context : int
        Frames of context around the halves of a window that does not fit into memory on its own.
    """

    budget: int
    mixed: bool
    context: int

    def next_batch(self, waiting: Sequence[Window]) -> list[Window]:
        """Return as many of the first windows as fit into the budget; at least one."""
        batch, longest = [waiting[0]], waiting[0].frames
        for window in waiting[1:]:
            longest = max(longest, window.frames)
            if (len(batch) + 1) * longest > self.budget or not (self.mixed or window.frames == batch[0].frames):
                break
            batch.append(window)
        return batch

    def smaller(self, batch: list[Window]) -> list[Window]:
        """Lower the budget after memory ran out, and return the windows to try instead.

        Raises
        ------
        ModelError
            The batch is one window of a few seconds, which cannot be cut further.
        """
        if len(batch) > 1:
            self.budget = len(batch) * max(window.frames for window in batch) // 2
            log.warning("Memory ran out with %d sounds at once; going on with half as much.", len(batch))
            return batch
        halves = batch[0].halves(self.context)
        if not halves:
            raise ModelError(
                "The memory does not suffice for a few seconds of sound. Close other programs, "
                "or choose another device, a smaller model or dtype bfloat16."
            )
        self.budget = min(self.budget, max(half.frames for half in halves))
        log.warning("Memory ran out with one sound; it is computed in parts, which can change a few characters.")
        return halves
