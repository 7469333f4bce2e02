"""The page as a Hugging Face Space: on a CPU, a GPU or ZeroGPU, from one file."""

import math
import os
from collections.abc import Callable, Sequence

try:
    import spaces  # before torch, which it changes on ZeroGPU  # pyright: ignore[reportMissingImports]
except ImportError:  # it is there on the Hub only
    spaces = None

from w2vkit.audio import Waveform
from w2vkit.emissions import Emissions
from w2vkit.model import CTCModel
from w2vkit_demo.app import serve
from w2vkit_demo.server.loaded_models import Models
from w2vkit_demo.server.model_queue import ModelQueue

ZERO = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "t")
LEASE_SECONDS = 8  # s; what taking up and giving back a GPU needs
SPEED = 30  # s of sound in a second of GPU, with much to spare

# ZeroGPU lends a GPU later: before, nothing can ask it in which arithmetic it computes.
model = CTCModel.load("auto", dtype="bfloat16" if ZERO else "auto")


def lease(waveforms: list[Waveform]) -> int:
    """How long a GPU is lent for waveforms (s); who asks for less waits less."""
    return math.ceil(LEASE_SECONDS + sum(waveform.seconds for waveform in waveforms) / SPEED)


def emit(waveforms: list[Waveform]) -> list[Emissions]:
    """Compute emissions on whatever hardware there is."""
    return model.emit(waveforms)


if spaces is not None:
    emit = spaces.GPU(duration=lease)(emit)  # does nothing but on ZeroGPU


class Lent(ModelQueue):
    """ZeroGPU knows a visitor by the thread of the request, and lends each a GPU: so every request asks for itself."""

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms, as `CTCModel.emit`."""
        found = emit(list(waveforms))
        if progress:
            progress(1.0)
        return found


if __name__ == "__main__":
    # Strangers choose among the models of the Space, but do not fill its disk.
    serve(Models(Lent(model)) if ZERO else Models(ModelQueue(model), CTCModel.load, downloads=False))
