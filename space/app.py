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
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.server.service import Service

ZERO = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "t")
LEASE_SECONDS = 8  # s; the time for taking and giving back a GPU
SPEED = 30  # seconds of sound that a GPU computes in one second, a cautious estimate

# On ZeroGPU there is no GPU yet that "auto" could ask for its dtype.
model = CTCModel.load("auto", dtype="bfloat16" if ZERO else "auto")


def lease(waveforms: list[Waveform]) -> int:
    """Give how long a GPU is needed for waveforms (s); a shorter request waits less in ZeroGPU's queue."""
    return math.ceil(LEASE_SECONDS + sum(waveform.seconds for waveform in waveforms) / SPEED)


def emit(waveforms: list[Waveform]) -> list[Emissions]:
    """Compute emissions on the GPU, or on the CPU where there is none."""
    return model.emit(waveforms)


if spaces is not None:
    emit = spaces.GPU(duration=lease)(emit)  # has an effect on ZeroGPU only


class OneByOne(ModelQueue):
    """Computes each request in its own thread, because ZeroGPU knows by the thread which visitor it lends a GPU to."""

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms, as `CTCModel.emit`."""
        found = emit(list(waveforms))
        if progress:
            progress(1.0)
        return found


if __name__ == "__main__":
    # Visitors may choose among the models of the Space, but not download more of them to its disk.
    models = LoadedModels(OneByOne(model)) if ZERO else LoadedModels(ModelQueue(model), CTCModel.load, downloads=False)
    with Service(models) as service:
        serve(service)
