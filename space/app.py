"""The page as a Hugging Face Space. The same file runs on a CPU, a GPU and ZeroGPU."""

import math
import os
from collections.abc import Callable, Sequence

try:
    import spaces  # must come before torch, which it changes on ZeroGPU  # pyright: ignore[reportMissingImports]
except ImportError:  # exists on the Hub only
    spaces = None

from w2vkit.audio import Waveform
from w2vkit.emissions import Emissions
from w2vkit.model import CTCModel
from w2vkit_demo.app import serve
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.server.service import Service

ZERO = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "true", "t")
LEASE_SECONDS = 8  # s; the time to get and to return a GPU
SPEED = 30  # seconds of sound per second on a GPU, a cautious estimate

# At this point ZeroGPU has no GPU whose dtypes "auto" could look up.
model = CTCModel.load("auto", dtype="bfloat16" if ZERO else "auto")


def lease(waveforms: list[Waveform]) -> int:
    """Estimate how long waveforms need a GPU (s). ZeroGPU serves shorter requests earlier."""
    return math.ceil(LEASE_SECONDS + sum(waveform.seconds for waveform in waveforms) / SPEED)


def emit(waveforms: list[Waveform]) -> list[Emissions]:
    """Compute emissions on the GPU, or on the CPU if there is no GPU."""
    return model.emit(waveforms)


if spaces is not None:
    emit = spaces.GPU(duration=lease)(emit)  # has an effect on ZeroGPU only


class OneByOne(ModelQueue):
    """Computes each request in the thread that asks: ZeroGPU assigns a GPU to a visitor by the thread."""

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms, as `CTCModel.emit`."""
        found = emit(list(waveforms))
        if progress:
            progress(1.0)
        return found


if __name__ == "__main__":
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "*")  # only the Hub's proxy reaches a Space; it names the visitor's address
    # Visitors can choose among the models of the Space, but cannot download others to its disk.
    models = LoadedModels(OneByOne(model)) if ZERO else LoadedModels(ModelQueue(model), CTCModel.load, downloads=False)
    with Service(models) as service:
        serve(service)
