"""A stand-in for a network: it returns the numbers of the frames that it gets."""

import numpy as np
import pytest

from w2vkit.model import CTCModel
from w2vkit.model.normalisation import Normalisation, SlidingBuffer
from w2vkit.model.windows import FrameGrid, Window

GRID = FrameGrid(stride=320, receptive_field=400, sample_rate=16_000)


def emit_numbers(model: CTCModel, windows: list[Window], samples: dict[int, int], most: float = np.inf):
    """Run windows of sounds with so many samples; `most` is the number of frames that fit into memory.

    Gives the frames that were computed, by sound, and the lengths of the batches.
    """
    batches: list[list[int]] = []

    def start(clips: list[tuple[np.ndarray, bool]]) -> list[np.ndarray] | None:
        lengths = [model.frames(len(clip)) for clip, _ in clips]
        if len(lengths) * max(lengths) > most:
            return None
        batches.append(lengths)
        return [clip[: 320 * n : 320, None] / 320 for (clip, _), n in zip(clips, lengths, strict=True)]

    counted = {clip: np.arange(n, dtype=np.float32) for clip, n in samples.items()}
    sounds = [SlidingBuffer([counted[clip]], n, Normalisation()) for clip, n in samples.items()]
    found: dict[int, list[int]] = {clip: [] for clip in samples}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "_packed", None)
        patch.setattr(model, "_start", start)
        for window, rows in model._log_probs(sounds, windows, None):
            assert rows[:, 0].tolist() == list(range(window.start, window.stop))
            found[window.clip] += range(window.start, window.stop)
    return {clip: sorted(frames) for clip, frames in found.items()}, batches
