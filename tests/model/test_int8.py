"""Linear layers in int8: right up to rounding, frame by frame, on any processor with AVX2."""

import numpy as np
import pytest
import torch
from support.checkpoints import load, noise

from benchmarks.gpu_checks import apart
from w2vkit.audio import Waveform
from w2vkit.errors import ModelError
from w2vkit.examples import examples
from w2vkit.model.int8 import MOST, Int8Linear, most_of_weights
from w2vkit.model.precision import pick_dtype
from w2vkit.pipeline import transcribe

pytestmark = pytest.mark.skipif(most_of_weights() is None, reason="this processor has no products in int8")


def layer(inner: int = 96, outer: int = 40, seed: int = 0) -> tuple[Int8Linear, np.ndarray, np.ndarray]:
    random = torch.Generator().manual_seed(seed)
    weight, bias = torch.randn(outer, inner, generator=random), torch.randn(outer, generator=random)
    return Int8Linear(weight, bias, most_of_weights() or MOST), weight.double().numpy(), bias.double().numpy()


@pytest.mark.parametrize("rows", [1, 127, 128, 300])
def test_a_layer_is_the_product_of_rounded_weights_and_rounded_rows(rows):
    linear, weight, bias = layer()
    x = torch.randn(rows, 96, generator=torch.Generator().manual_seed(1))
    most = most_of_weights() or MOST
    ours, exact = linear(x).double().numpy(), x.double().numpy()
    of_weights, of_rows = np.abs(weight).max(1, keepdims=True) / most, np.abs(exact).max(1, keepdims=True) / MOST
    expected = np.rint(exact / of_rows) @ np.rint(weight / of_weights).T * of_rows * of_weights.T + bias
    assert np.abs(ours - expected).max() < 0.1  # a value on the border of two steps may be rounded either way
    assert np.abs(ours - expected).mean() < 1e-3
    whole = exact @ weight.T + bias
    assert np.linalg.norm(ours - whole) / np.linalg.norm(whole) < (0.01 if most == MOST else 0.02)


def test_the_largest_values_do_not_overflow():
    linear = Int8Linear(torch.ones(8, 512), torch.zeros(8), most_of_weights() or MOST)
    ours = linear(torch.cat([torch.full((1, 512), 3.0), torch.full((1, 512), -3.0), torch.zeros(1, 512)]))
    torch.testing.assert_close(ours, torch.tensor([1536.0, -1536.0, 0.0])[:, None].expand(3, 8), rtol=1e-5, atol=0)


def test_a_frame_does_not_depend_on_the_others():
    linear, *_ = layer()
    x = torch.randn(200, 96, generator=torch.Generator().manual_seed(2))
    x[::2] *= 1e4
    assert torch.equal(linear(x)[1:2], linear(x[1:2]))


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_probabilities_stay_near_those_of_float32(checkpoints, norm):
    model, exact = load(checkpoints[f"random-{norm}"], "int8"), load(checkpoints[f"random-{norm}"])
    usual = load(checkpoints[f"random-{norm}"], "auto")
    assert model.dtype == f"int8 with {usual.dtype}"
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((3.0, 1.0, 0.025, 7.7))]
    found = model.emit(clips)
    assert apart(found, exact.emit(clips)) < 0.05
    assert apart(found, usual.emit(clips)) > 1e-6  # it is used
    assert apart(found, [model.emit([clip])[0] for clip in clips]) < 0.02
    assert model.internals(clips[0]).attentions.shape[1] == 4  # by the network's own layers


def test_the_example_clips_have_their_texts():
    model = load("w2v-mini", "int8")
    for example in examples():
        assert transcribe(str(example.path), model).text == example.text


def test_a_network_that_cannot_be_computed_so_is_refused(checkpoints, monkeypatch):
    monkeypatch.setattr("w2vkit.model.packed.FAMILIES", ("hubert",))
    with pytest.raises(ModelError, match=r"int8.*--dtype auto"):
        load(checkpoints["random-layer"], "int8")


def test_a_processor_without_such_products_is_told(checkpoints, monkeypatch):
    monkeypatch.setattr("w2vkit.model.precision.most_of_weights", lambda: None)
    with pytest.raises(ModelError, match=r"AVX2.*--dtype auto"):
        load(checkpoints["random-layer"], "int8")


def test_a_gpu_is_refused():
    with pytest.raises(ModelError, match="int8 is for CPUs"):
        pick_dtype("int8", torch.device("cuda"))
