"""The dtypes of the parts of a network, and the dtype that "auto" chooses."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.checkpoints import load, noise
from transformers import Wav2Vec2ForCTC

from w2vkit.audio import Waveform
from w2vkit.audio import load as load_sound
from w2vkit.decode import greedy
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.model.normalisation import normalisation_of
from w2vkit.model.precision import pick_dtype


@pytest.mark.parametrize(
    ("cpu", "limit", "cuda", "device", "expected"),
    [
        (True, "", False, "cpu", torch.bfloat16),
        (True, "AVX2", False, "cpu", torch.float32),
        (False, "", True, "cpu", torch.float32),
        (False, "AVX2", True, "cuda", torch.bfloat16),
        (True, "", False, "cuda", torch.float16),
        (False, "", False, "mps", torch.float16),
    ],
)
def test_auto_chooses_a_dtype_that_the_device_computes_natively(monkeypatch, cpu, limit, cuda, device, expected):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: cpu)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: cuda)
    assert pick_dtype("auto", torch.device(device)) == expected


def test_the_feature_extractor_computes_in_float32_at_any_dtype(checkpoints, tmp_path):
    """A channel of 20,000 dominates the layer norm. In bfloat16 the others would round to steps of 4."""
    network = Wav2Vec2ForCTC.from_pretrained(checkpoints["random-layer"])
    first: Any = network.wav2vec2.feature_extractor.conv_layers[0]
    with torch.no_grad():
        first.conv.weight[0], first.conv.bias[0] = 0.0, 20_000.0
        constant = torch.zeros(len(first.conv.bias))
        constant[0] = 20_000.0
        first.layer_norm.weight[:] = constant.std(unbiased=False)
        first.layer_norm.bias[:] = constant.mean()
        first.layer_norm.weight[0], first.layer_norm.bias[0] = 0.0, 0.0
    folder = Path(shutil.copytree(checkpoints["random-layer"], tmp_path / "constant"))
    network.save_pretrained(folder)
    samples = noise(4.0)
    exact, ours = (load(folder, dtype).internals(Waveform(samples)).features for dtype in ("float32", "bfloat16"))
    with torch.no_grad():
        inputs = torch.from_numpy(normalisation_of(samples).apply(samples))[None].bfloat16()
        plain = network.bfloat16().wav2vec2.feature_extractor(inputs)[0].T.float().numpy()
    # The extractor is what must stay in float32. The layers after it round as every bfloat16 network does, and how much
    # that changes depends on the processor.
    assert np.abs(ours - exact).max() < 1e-4 * np.abs(exact).max() < np.abs(plain - exact).max() / 100


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_only_the_encoder_has_the_requested_dtype(checkpoints, dtype):
    model = load(checkpoints["random-group"], dtype)
    kinds = {name: {str(p.dtype) for p in part.parameters()} for name, part in model.network.base_model.named_children()}
    assert kinds == {
        "feature_extractor": {"torch.float32"},
        "feature_projection": {"torch.float32"},
        "encoder": {f"torch.{dtype}"},
    }
    assert model.dtype == dtype and model.network.lm_head.weight.dtype == torch.float32
    sums = np.exp(model.emit([Waveform(noise(1.0))])[0].log_probs.astype(np.float64)).sum(axis=1)
    assert np.abs(sums - 1).max() < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "confidence", "seconds"), [("float32", 0.0005, 0.0005), ("bfloat16", 0.03, 0.0201)])
def test_confidences_and_times_depend_little_on_batch_and_threads(dtype, confidence, seconds):
    """The bounds that `CTCModel.load` and the README state."""
    model, clips = CTCModel.load("w2v-mini", device="cpu", dtype=dtype), [load_sound(clip.path) for clip in examples()[::2]]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        runs = [[model.emit([clip])[0] for clip in clips], model.emit(clips)]
        torch.set_num_threads(2)
        runs += [model.emit(clips), model.emit(clips + clips)[: len(clips)]]
    finally:
        torch.set_num_threads(before)
    for decode in (greedy, model.default_decoder):
        first, *others = [[decode(emissions) for emissions in run] for run in runs]
        for other in others:
            assert [one.text for one in other] == [one.text for one in first]
            for a, b in (
                (a, b) for one, two in zip(first, other, strict=True) for a, b in zip(one.words, two.words, strict=True)
            ):
                assert abs(a.confidence - b.confidence) < confidence
                assert max(abs(a.start - b.start), abs(a.end - b.end)) < seconds
