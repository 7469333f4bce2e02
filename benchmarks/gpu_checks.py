"""Checks of w2vkit on a GPU, as functions for `tests/model/test_cuda.py` and `benchmarks.gpu`.

Each takes the device, "cuda", or "cpu" to try the check itself. It gives one line about its result, and raises an
AssertionError if the check fails.
"""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from support.checkpoints import make_checkpoint

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.emissions import Emissions
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.model.packed import PackedNetwork


def clips(device: str) -> list[Waveform]:
    """The bundled clips, of mixed lengths, and all of them in a row. To try a check on a CPU, two of them are enough."""
    some = examples()[:2] if device == "cpu" else examples()
    heard = [load(clip.path) for clip in some]
    return [*heard, Waveform(np.concatenate([clip.samples for clip in heard]))]


def bundled() -> np.ndarray:
    """All bundled clips in a row."""
    return np.concatenate([load(clip.path).samples for clip in examples()])


def apart(found: list[Emissions], expected: list[Emissions]) -> float:
    """The largest difference of a probability."""
    pairs = zip(found, expected, strict=True)
    return max(float(np.abs(np.exp(a.log_probs) - np.exp(b.log_probs)).max()) for a, b in pairs)


def mini_as_on_a_cpu(device: str, dtype: str, most: float) -> str:
    """w2v-mini gives the emissions, and in float32 also the texts, that it gives on a CPU in float32."""
    there, here = (
        CTCModel.load("w2v-mini", device=device, dtype=dtype),
        CTCModel.load("w2v-mini", device="cpu", dtype="float32"),
    )
    assert there.device.startswith(device)
    found, expected = there.emit(clips(device)), here.emit(clips(device))
    difference = apart(found, expected)
    assert difference < most, difference
    if there.dtype != "float32":  # rounding may turn a letter that is nearly as likely as another
        return f"{there.dtype}: probabilities within {difference:.2g}"
    texts = [[greedy(emissions).text for emissions in some] for some in (found, expected)]
    assert texts[0] == texts[1], [pair for pair in zip(*texts, strict=True) if pair[0] != pair[1]]
    return f"{there.dtype}: probabilities within {difference:.2g}"


def random_as_on_a_cpu(device: str, norm: str) -> str:
    """A tiny random model of either norm gives, in bfloat16, nearly the emissions of a CPU in float32."""
    folder = tiny(norm)
    there, here = packed(folder, device), CTCModel.load(folder, device="cpu", dtype="float32")
    lengths = (3.0, 1.0, 2.37, 0.025, 7.7, 45.0)
    sounds = [Waveform(np.resize(bundled(), int(seconds * 16_000))) for seconds in lengths]
    difference = apart(there.emit(sounds), here.emit(sounds))
    assert difference < 0.1, difference
    return f"probabilities within {difference:.2g}, {'packed' if there._packed else 'not packed'}"


def packed(folder: str, device: str) -> CTCModel:
    """Load a model in bfloat16, packed on a CPU too."""
    model = CTCModel.load(folder, device=device, dtype="bfloat16")
    if device == "cpu":
        model._packed = PackedNetwork(model.network)
    return model


def tiny(norm: str) -> str:
    """Save a tiny random checkpoint."""
    return str(make_checkpoint(Path(tempfile.mkdtemp()) / norm, norm))


def mixed_lengths(device: str) -> str:
    """Clips in a batch give what each gives alone: w2v-mini in float32, a tiny model in bfloat16."""
    found = []
    for model, most in (
        (CTCModel.load("w2v-mini", device=device, dtype="float32"), 1e-2),
        (packed(tiny("layer"), device), 0.1),
    ):
        sounds = clips(device) * (1 if device == "cpu" else 3)
        difference = apart(model.emit(sounds), [model.emit([sound])[0] for sound in sounds])
        assert difference < most, difference
        found.append(f"{model.name.rpartition('/')[2]} within {difference:.2g}")
    return ", ".join(found)


def out_of_memory(device: str) -> str:
    """A batch that does not fit is halved, and no clip is lost: w2v-mini, and a tiny packed model."""
    warnings: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("w2vkit.model.windows")
    logger.addHandler(handler)
    try:
        copies = 1 if device == "cpu" else 40
        for model in (CTCModel.load("w2v-mini", device=device, dtype="float32"), packed(tiny("layer"), device)):
            model._batcher.budget = model._grid.frames_in(100 if device == "cpu" else 20_000)
            sounds = clips(device)
            expected = [emissions.log_probs.argmax(1) for emissions in model.emit(sounds)]
            with little_memory(device, model):
                found = model.emit(sounds * copies)
            same = [float((a.log_probs.argmax(1) == b).mean()) for a, b in zip(found, expected * copies, strict=True)]
            assert min(same) > (0.99 if model.name == "w2v-mini" else 0.9), min(same)
    finally:
        logger.removeHandler(handler)
    assert device == "cpu" or any("Memory ran out" in text for text in warnings), warnings
    return f"{len(warnings)} times a smaller batch, no clip lost"


class little_memory:  # noqa: N801
    """Leave half a GiB of a GPU's memory, for the batches of a model that counts on much more."""

    def __init__(self, device: str, model: CTCModel) -> None:
        self.gpu, self.model = device == "cuda", model

    def __enter__(self) -> None:
        if self.gpu:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            total = torch.cuda.mem_get_info()[1]
            torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_reserved() + 2**29) / total))

    def __exit__(self, *_: object) -> None:
        if self.gpu:
            torch.cuda.set_per_process_memory_fraction(1.0)


CHECKS: dict[str, Callable[[str], str]] = {
    "w2v-mini in float32 as on a CPU": lambda device: mini_as_on_a_cpu(device, "float32", 1e-3),
    "w2v-mini in the usual dtype as on a CPU": lambda device: mini_as_on_a_cpu(device, "auto", 0.1),
    "a random model with layer norms as on a CPU": lambda device: random_as_on_a_cpu(device, "layer"),
    "a random model with a group norm as on a CPU": lambda device: random_as_on_a_cpu(device, "group"),
    "mixed lengths as each alone": mixed_lengths,
    "memory that runs out": out_of_memory,
}
