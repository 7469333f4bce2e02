"""What only a GPU can show; `make test-gpu` runs it where there is one, and the other tests run without it."""

import logging

import numpy as np
import pytest
import torch

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.examples import examples
from w2vkit.model import CTCModel

pytestmark = pytest.mark.cuda


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    """The bundled clips, of mixed lengths, and all of them in a row."""
    heard = [load(clip.path) for clip in examples()]
    return [*heard, Waveform(np.concatenate([clip.samples for clip in heard]))]


@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_a_gpu_says_what_a_cpu_says(clips, dtype):
    there = CTCModel.load("w2v-mini", device="cuda", dtype=dtype)
    here = CTCModel.load("w2v-mini", device="cpu", dtype="float32")
    assert there.device.startswith("cuda")
    for found, expected in zip(there.emit(clips), here.emit(clips), strict=True):
        assert np.abs(np.exp(found.log_probs) - np.exp(expected.log_probs)).max() < (1e-3 if dtype == "float32" else 0.1)
        assert greedy(found).text == greedy(expected).text


def test_lengths_that_are_batched_give_what_each_gives_alone(clips):
    model = CTCModel.load("w2v-mini", device="cuda", dtype="float32")
    for together, clip in zip(model.emit(clips * 8), clips * 8, strict=True):
        assert np.abs(together.log_probs - model.emit([clip])[0].log_probs).max() < 1e-2


def test_a_batch_that_does_not_fit_is_halved_and_no_clip_is_lost(clips, caplog):
    model = CTCModel.load("w2v-mini", device="cuda", dtype="float32")
    expected = [greedy(e).text for e in model.emit(clips)]
    caplog.set_level(logging.WARNING)
    free, total = torch.cuda.mem_get_info()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((total - free + 2**29) / total)  # half a GiB is left
    try:
        found = [greedy(e).text for e in model.emit(clips * 40)]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert found == expected * 40
    assert "Memory ran out" in caplog.text
