"""Windows of long sound: they cover every frame, and give nearly the emissions of one pass."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from support.checkpoints import load, noise
from support.frames import GRID, emit_numbers

from w2vkit.audio import Waveform
from w2vkit.decode import greedy
from w2vkit.model import CTCModel


@pytest.fixture
def model(checkpoints) -> CTCModel:
    return load(checkpoints["random-layer"])


@pytest.mark.parametrize("seconds", [0.025, 39.99, 40.0, 40.001, 60.0, 61.7, 200.0])
def test_windows_cover_every_frame_once_with_context_on_both_sides(model, seconds):
    samples = int(seconds * 16_000)
    windows, frames = GRID.cut(0, samples), GRID.frames(samples)
    assert emit_numbers(model, windows, {0: samples})[0] == {0: list(range(frames))}
    for window in windows:
        stretch = GRID.samples_of(window, samples)
        assert 0 <= stretch.start < stretch.stop <= samples and GRID.frames(stretch.stop - stretch.start) == window.frames
        assert window.before == min(100, window.start) and window.after == min(100, frames - window.stop)
    assert GRID.samples_of(windows[-1], samples).stop == samples


def test_windows_equal_one_pass_if_no_layer_attends(checkpoints, monkeypatch):
    model = load(checkpoints["random-layer"])
    for layer in model.network.base_model.encoder.layers:
        torch.nn.init.zeros_(layer.attention.out_proj.weight)  # the convolutions alone see 16 frames
    check_windows(model, monkeypatch)


def test_windows_equal_one_pass_if_the_layers_attend_within_the_context(checkpoints, monkeypatch):
    """Two layers with 46 frames on either side and the positional convolution with 8 make the 100 frames of context."""
    model = load(checkpoints["random-layer"])
    model._packed = None
    for layer in model.network.base_model.encoder.layers:
        layer.register_forward_pre_hook(near, with_kwargs=True)
    check_windows(model, monkeypatch)


def check_windows(model, monkeypatch):
    """Compare the emissions of windows with those of one pass over a minute."""
    clip = Waveform(noise(63.0))
    (windowed,) = model.emit([clip])
    monkeypatch.setattr(model, "_grid", replace(model._grid, longest_pass=100.0))
    (whole,) = model.emit([clip])
    assert np.abs(windowed.log_probs - whole.log_probs).max() < 1e-3
    assert greedy(windowed).text == greedy(whole).text != ""


def near(layer: Any, inputs: tuple, options: dict) -> tuple[tuple, dict]:
    """Mask all frames that are more than 46 away, beside those that are masked already."""
    states = inputs[0] if inputs else options["hidden_states"]
    frames = torch.arange(states.shape[1])
    band = (frames[:, None] - frames).abs() <= 46
    kept = options.get("attention_mask")
    options["attention_mask"] = band[None, None] if kept is None else band & kept
    return inputs, options


def test_w2v_mini_processes_sound_over_30_seconds_in_windows(checkpoints):
    model = load(checkpoints["w2v-mini"])
    shapes, model._packed = [], None
    model.network.base_model.encoder.register_forward_hook(lambda _, inputs, __: shapes.append(inputs[0].shape[1]))
    model.emit([Waveform(noise(31.0))])
    assert len(shapes) >= 1 and max(shapes) * model.stride / model.sample_rate < 30
