"""Layers compiled by torch.compile."""

import numpy as np
import pytest
import torch
from support.checkpoints import load, noise

from w2vkit.audio import Waveform
from w2vkit.decode import greedy
from w2vkit.errors import ModelError
from w2vkit.model import CTCModel
from w2vkit.model.int8 import most_of_weights


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "packed"), [("layer", True), ("layer", False), ("group", False)])
def test_compiled_layers_give_the_same_emissions(checkpoints, norm, packed, monkeypatch):
    if not packed:
        monkeypatch.setattr("w2vkit.model.packed.PackedNetwork.pays", lambda network: False)
    plain, before = load(checkpoints[f"random-{norm}"]), programs()
    compiled = CTCModel.load(checkpoints[f"random-{norm}"], device="cpu", dtype="float32", compiled=True)
    assert packed or programs() - before == 1, "the layers do not share a program"
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((2.0, 0.025, 1.1, 3.3, 0.5))]
    for batch in (clips, clips[:1], clips[2:]):
        for ours, theirs in zip(compiled.emit(batch), plain.emit(batch), strict=True):
            assert np.abs(ours.log_probs - theirs.log_probs).max() < 1e-3
            assert greedy(ours).text == greedy(theirs).text
    used = programs()
    compiled.emit([Waveform(noise(seconds, 9)) for seconds in (0.7, 1.7, 2.9)])
    compiled.emit([Waveform(noise(2.2, 9))])
    assert programs() == used and (packed or used <= before + 3), "other lengths were compiled anew"
    look, exact = compiled.internals(clips[2]), plain.internals(clips[2])
    assert look.attentions == pytest.approx(exact.attentions, abs=1e-4)
    assert programs() == used, "the attention with maps was compiled"


@pytest.mark.slow
@pytest.mark.skipif(most_of_weights() is None, reason="this processor has no products in int8")
def test_compiled_layers_in_int8_give_nearly_the_same_emissions(checkpoints):
    name = checkpoints["random-layer"]
    compiled = CTCModel.load(name, device="cpu", dtype="int8", compiled=True)
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((2.0, 0.025, 1.1))]
    for ours, theirs in zip(compiled.emit(clips), load(name, "int8").emit(clips), strict=True):
        assert np.abs(np.exp(ours.log_probs) - np.exp(theirs.log_probs)).max() < 0.05


def programs() -> int:
    """How many programs torch has compiled in this process."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.mark.slow
def test_a_missing_compiler_is_an_error_with_advice(checkpoints):
    import torch._inductor.config as inductor  # here, as it takes a second

    torch._dynamo.reset()
    # A setting that pytest's monkeypatch changes is gone afterwards: no later test could compile anything.
    settings = inductor.patch({"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True})
    with settings, pytest.raises(ModelError, match=r"could not be compiled.*Leave out --compile"):
        CTCModel.load(checkpoints["random-layer"], device="cpu", dtype="float32", compiled=True)
