"""Batches: their size, and what happens when memory runs out."""

from typing import Any

import numpy as np
import pytest
import torch
from support.checkpoints import load, noise
from support.frames import GRID, emit_numbers

from w2vkit.audio import Waveform
from w2vkit.errors import ModelError
from w2vkit.model import CTCModel
from w2vkit.model.windows import Batcher, Window


@pytest.fixture
def model(checkpoints) -> CTCModel:
    return load(checkpoints["random-layer"])


@pytest.mark.parametrize("mixed", [True, False])
def test_batches_keep_to_the_budget_and_lose_nothing(model, mixed):
    lengths = [5, 900, 30, 30, 31, 400, 401, 30, 2]
    windows = sorted((Window(i, 0, n) for i, n in enumerate(lengths)), key=lambda window: -window.frames)
    model._batcher = Batcher(800, mixed=mixed, context=100)
    found, batches = emit_numbers(model, windows, {i: 320 * n + 80 for i, n in enumerate(lengths)})
    assert found == {i: list(range(n)) for i, n in enumerate(lengths)}
    assert all(len(batch) == 1 or len(batch) * max(batch) <= 800 for batch in batches)
    assert mixed or all(len(set(batch)) == 1 for batch in batches)
    assert len(batches) < len(lengths)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("most", [3000, 1000, 401])
def test_when_memory_runs_out_no_frame_is_lost(model, most, ordered):
    samples = {0: 2000 * 320 + 80, 1: 70 * 16_000, **{i: 20 * i * 320 + 80 for i in range(2, 12)}}
    windows = [Window(0, 0, 2000), *GRID.cut(1, samples[1]), *(Window(i, 0, 20 * i) for i in range(2, 12))]
    if ordered:
        windows.sort(key=lambda window: -window.frames)
    model._batcher = Batcher(6000, mixed=True, context=100)
    found, _ = emit_numbers(model, windows, samples, most)
    assert found == {clip: list(range(GRID.frames(n))) for clip, n in samples.items()}
    assert model._batcher.budget <= most  # the next call starts with the smaller budget


def test_too_little_memory_for_any_window_is_an_error(model):
    with pytest.raises(ModelError, match=r"memory does not suffice.*smaller model"):
        emit_numbers(model, [Window(0, 0, 2000)], {0: 2000 * 320 + 80}, most=0)


def test_errors_other_than_out_of_memory_are_raised(model, monkeypatch):
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    model._packed = None
    monkeypatch.setattr(model, "_run", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        model.emit([Waveform(noise(1.0))])


def test_emit_file_uses_smaller_windows_when_memory_runs_out(model, write):
    path = write("long.wav", noise(90.0), subtype="FLOAT")
    truth = model.emit_file(path)[0].log_probs
    shapes, model._packed = [], None

    def limit(_, inputs):
        shapes.append(inputs[0].numel())
        if shapes[-1] > 15 * 16_000:
            raise torch.OutOfMemoryError("CUDA")

    model.network.register_forward_pre_hook(limit)
    found = model.emit_file(path)[0].log_probs
    assert max(shapes) > 15 * 16_000 and found.shape == truth.shape
    assert (found.argmax(1) == truth.argmax(1)).mean() > 0.95


@pytest.mark.parametrize("fault", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_emissions_stay_the_same_when_memory_runs_out(checkpoints, fault):
    model = load(checkpoints["random-layer"])
    model._packed = None
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((3.0, 1.0, 8.0, 2.0, 8.0))]
    truth = model.emit(clips)

    def limit(_, inputs):
        if inputs[0].numel() > 10 * 16_000:
            raise fault

    model.network.register_forward_pre_hook(limit)
    for ours, theirs in zip(model.emit(clips), truth, strict=True):
        assert np.abs(ours.log_probs - theirs.log_probs).max() < 1e-3
