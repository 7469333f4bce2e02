"""Where a network runs, in which arithmetic, and how much goes through it at once. `model.py` alone imports this."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from w2vkit.errors import ModelError

DTYPES = ("float32", "bfloat16", "float16")
BATCH_SECONDS = 30.0  # s; the padded sound in one forward pass. The Large model's extractor takes 26 MB per second of it
SECONDS_PER_CORE = 6.0  # s; on a CPU less of it: what leaves its caches costs more than passes do
GPU_SECONDS_PER_GIB = 16.0  # s; the same on a GPU, for each GiB that is free


def pick_device(device: str) -> torch.device:
    """The device that was asked for, or the best there is."""
    found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if device == "auto":
        return torch.device(found)
    kind = device.partition(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind not in there:
        raise ModelError(f"There is no device {device!r}. Choose auto, cpu, cuda or mps.")
    if not there[kind]:
        raise ModelError(f"This machine, or its torch, has no {kind} device. Use device='auto' (here: {found}).")
    return torch.device(device)


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The arithmetic that was asked for, or the fastest that the device computes in itself."""
    if dtype == "auto":
        if device.type == "cuda":
            dtype = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        elif device.type == "mps":
            dtype = "float16"
        else:
            dtype = "bfloat16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "float32"
    if dtype not in DTYPES:
        raise ModelError(f"There is no arithmetic {dtype!r}. Choose auto, float32, bfloat16 or float16.")
    return getattr(torch, dtype)


def batch_seconds(device: torch.device) -> float:
    """How many seconds of padded sound go through a device at once."""
    if device.type == "cpu":
        return min(BATCH_SECONDS, SECONDS_PER_CORE * torch.get_num_threads())
    if device.type == "mps":
        return BATCH_SECONDS
    return max(BATCH_SECONDS, GPU_SECONDS_PER_GIB * torch.cuda.mem_get_info(device)[0] / 2**30)


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whatever device."""
    says = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(words in str(error) for words in says)


@contextmanager
def true_float32(device: torch.device) -> Iterator[None]:
    """Keep a GPU's convolutions from rounding float32 to TF32, whose 10 bits the extractor's values do not fit in."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
