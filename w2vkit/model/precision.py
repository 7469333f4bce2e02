"""Where a network runs, in which dtype, and how much sound it takes at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from w2vkit.errors import NO_MEMORY, ModelError
from w2vkit.model.int8 import most_of_weights

DTYPES = ("float32", "bfloat16", "float16", "int8")
BATCH_SECONDS = 30.0  # s; the padded sound in one forward pass. The Large model's extractor takes 26 MB per second of it
SECONDS_PER_CORE = 6.0  # s; less on a CPU with few cores: a batch that leaves the caches costs more than several passes
GPU_SECONDS_PER_GIB = 16.0  # s; on a GPU, for each GiB that is free


def pick_device(device: str) -> torch.device:
    """Return the device with this name; for "auto" the best one of this machine."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    best = next(kind for kind, available in there.items() if available)
    if device == "auto":
        return torch.device(best)
    kind = device.partition(":")[0]
    if kind not in there:
        raise ModelError(f"There is no device {device!r}. Choose auto, cpu, cuda or mps.")
    if not there[kind]:
        raise ModelError(f"This machine, or its torch, has no {kind} device. Use device='auto' (here: {best}).")
    return torch.device(device)


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """Return the dtype with this name; for "auto" the fastest one that the device computes in natively."""
    if dtype == "auto":
        if device.type == "cuda":
            dtype = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
        elif device.type == "mps":
            dtype = "float16"
        else:
            native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
            # oneDNN computes the products. If it must do without newer instructions, it takes 20 times as long in bfloat16.
            dtype = "bfloat16" if native and "AVX2" not in os.environ.get("ONEDNN_MAX_CPU_ISA", "") else "float32"
    if dtype not in DTYPES:
        raise ModelError(f"There is no dtype {dtype!r}. Choose auto, float32, bfloat16, float16 or int8.")
    if dtype == "int8" and device.type != "cpu":
        raise ModelError("int8 is for CPUs. Use --dtype auto, or --device cpu.")
    if dtype == "int8" and not most_of_weights():
        raise ModelError("This processor, or its torch, has no fast products in int8: they need AVX2. Use --dtype auto.")
    return getattr(torch, dtype)


def set_dtype(network: Any, dtype: torch.dtype) -> None:
    """Let the encoder of a float32 network compute in another dtype; with int8, which is for products alone, in that of "auto".

    The time goes into the encoder. The rest stays in float32, as it is sensitive to rounding: the values in the
    convolutional extractor span five orders of magnitude before its norms, and the head's logits would be rounded to
    steps of a tenth.
    """
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):  # weight normalisation: computed once, in float32
            parametrize.remove_parametrizations(module, "weight")
    network.base_model.encoder.to(pick_dtype("auto", torch.device("cpu")) if dtype == torch.int8 else dtype)
    cast_inputs(network.base_model.encoder)
    cast_inputs(network.lm_head)


def cast_inputs(module: nn.Module) -> None:
    """Cast the inputs of a module to the dtype of its first parameter."""
    module.register_forward_pre_hook(lambda module, inputs: (inputs[0].to(next(module.parameters()).dtype), *inputs[1:]))


def default_batch(device: torch.device) -> float:
    """Return how many seconds of padded sound a device takes in one pass."""
    if device.type == "cpu":
        return min(BATCH_SECONDS, SECONDS_PER_CORE * torch.get_num_threads())
    if device.type == "mps":
        return BATCH_SECONDS
    return max(BATCH_SECONDS, GPU_SECONDS_PER_GIB * torch.cuda.mem_get_info(device)[0] / 2**30)


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the memory of any device ran out."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(phrase in str(error) for phrase in NO_MEMORY)


@contextmanager
def true_float32(device: torch.device) -> Iterator[None]:
    """Switch off TF32 in a GPU's convolutions: its mantissa of 10 bits is too coarse for the extractor's values."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
