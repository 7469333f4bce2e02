"""The packed way of a batch through a network, on a CPU: the same emissions as those of transformers, clip by clip."""

from typing import Any

import numpy as np
import pytest
import torch
from support.checkpoints import noise
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from benchmarks.gpu_checks import apart
from w2vkit.audio import Waveform
from w2vkit.model import CTCModel
from w2vkit.model.normalisation import SlidingBuffer
from w2vkit.model.packed import GemmExtractor, GemmPosition, PackedNetwork, Packing, packed_attention, products_attention
from w2vkit.model.precision import set_dtype

LENGTHS = (3.0, 1.0, 2.37, 0.025, 7.7, 3.0)


def load_both(folder, dtype: str, **options) -> tuple[CTCModel, CTCModel]:
    """A checkpoint as transformers computes it, in float32, and packed."""
    plain, packed = (CTCModel.load(str(folder), device="cpu", dtype=kind) for kind in ("float32", dtype))
    plain._packed, packed._packed = None, PackedNetwork(packed.network, **options)
    return plain, packed


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"tanh_gelu": True}])
@pytest.mark.parametrize("norm", ["layer", "group"])
def test_in_float32_the_emissions_are_those_of_transformers(checkpoints, norm, options):
    plain, packed = load_both(checkpoints[f"random-{norm}"], "float32", **options)
    assert PackedNetwork.pays(packed.network)
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate(LENGTHS)]
    assert apart(packed.emit(clips), plain.emit(clips)) < (1e-3 if "tanh_gelu" in options else 1e-5)


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_in_bfloat16_probabilities_stay_within_a_hundredth(checkpoints, norm):
    plain, packed = load_both(checkpoints[f"random-{norm}"], "bfloat16")
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate(LENGTHS)]
    assert apart(packed.emit(clips), plain.emit(clips)) < 0.01


def test_w2v_mini_keeps_its_front_end_and_gives_the_emissions_of_transformers():
    packed, plain = (CTCModel.load("w2v-mini", device="cpu", dtype="float32") for _ in range(2))
    plain._packed = None
    network = CTCModel.load("w2v-mini", device="cpu", dtype="bfloat16").network
    assert not GemmExtractor.fits(network.base_model.feature_extractor)
    assert {p.dtype for p in network.base_model.feature_extractor.parameters()} == {torch.float32}
    assert network.base_model.encoder.pos_conv_embed.conv.weight.dtype == torch.float32
    clips = [Waveform(noise(max(seconds, 0.1), i)) for i, seconds in enumerate(LENGTHS)]
    assert packed._packed and apart(packed.emit(clips), [plain.emit([clip])[0] for clip in clips]) < 1e-3


@pytest.mark.parametrize(("width", "taps"), [(8, 16), (64, 128)])
def test_positions_in_bfloat16_are_those_in_float32(width, taps):
    """On AMX, oneDNN 3.12 convolves groups of fewer than 16 channels wrongly in bfloat16."""
    config = Wav2Vec2Config(
        conv_dim=(8,) * 7, feat_extract_norm="layer", num_hidden_layers=1, hidden_size=4 * width, num_attention_heads=4
    )
    config.num_conv_pos_embeddings, config.num_conv_pos_embedding_groups = taps, 4
    network: Any = Wav2Vec2ForCTC(config).eval()
    x = torch.randn(1, 90, 4 * width)
    with torch.inference_mode():
        exact = network.wav2vec2.encoder.pos_conv_embed(x)
        set_dtype(network, torch.bfloat16)
        ours = PackedNetwork(network).position(x.bfloat16()).float()
    assert (ours - exact).norm() / exact.norm() < 0.01


@pytest.mark.parametrize(("dtype", "most"), [(torch.float16, 0.002), (torch.bfloat16, 0.02)])
def test_a_channel_that_drowns_the_others_before_the_norm_does_no_harm(checkpoints, dtype, most):
    """A constant of 20,000 in one channel of the first layer, whose norm is a mere scaling then."""
    network: Any = Wav2Vec2ForCTC.from_pretrained(checkpoints["random-layer"])
    for layer in network.wav2vec2.feature_extractor.conv_layers[:2]:
        with torch.no_grad():
            layer.conv.weight[0], layer.conv.bias[0] = 0.0, 20_000.0
            constant = torch.zeros(len(layer.conv.bias))
            constant[0] = 20_000.0
            layer.layer_norm.weight[:], layer.layer_norm.bias[:] = constant.std(unbiased=False), constant.mean()
            layer.layer_norm.weight[0], layer.layer_norm.bias[0] = 0.0, 0.0
    samples = torch.from_numpy(noise(4.0))[None]
    with torch.inference_mode():
        exact = network.wav2vec2.feature_extractor(samples).transpose(1, 2)
        ours = GemmExtractor(network.wav2vec2.feature_extractor, dtype)(samples)[:, : exact.shape[1]].float()
    assert (ours - exact).norm() / exact.norm() < most


def test_float16_does_not_overflow_before_a_norm(checkpoints):
    network: Any = Wav2Vec2ForCTC.from_pretrained(checkpoints["random-layer"])
    extractor = network.wav2vec2.feature_extractor
    samples = torch.from_numpy(noise(4.0))[None]
    with torch.inference_mode():
        for layer in extractor.conv_layers[1:]:
            layer.conv.weight *= 1e5
            layer.conv.bias *= 1e5
        exact = extractor(samples).transpose(1, 2)
        ours = GemmExtractor(extractor, torch.float16)(samples)[:, : exact.shape[1]].float()
    assert (ours - exact).norm() / exact.norm() < 0.005


@pytest.mark.parametrize(("name", "size"), [("PIECE", 1), ("PIECE", 7), ("PIECE", 64), ("CHUNK", 1), ("CHUNK", 1 << 22)])
@pytest.mark.parametrize("samples", [400, 719, 720, 16_000, 16_321])
def test_the_extractor_gives_every_frame_of_every_clip(samples, name, size, monkeypatch):
    monkeypatch.setattr(f"w2vkit.model.packed.{name}", size)
    config = Wav2Vec2Config(
        conv_dim=(8,) * 7, feat_extract_norm="layer", num_hidden_layers=1, hidden_size=16, num_attention_heads=2
    )
    extractor = Wav2Vec2ForCTC(config).wav2vec2.feature_extractor
    sound = torch.randn(3, samples)
    with torch.inference_mode():
        exact, gemm = extractor(sound).transpose(1, 2), GemmExtractor(extractor, torch.float32)
        gemm.in_pieces = name == "PIECE"
        ours = gemm(sound)
    torch.testing.assert_close(ours[:, : exact.shape[1]], exact, atol=1e-4, rtol=1e-4)


def test_attention_by_products_is_the_fused_one_clip_by_clip():
    query, key, value = torch.randn(3, 307, 3, 20)
    packing = Packing.of([1, 5, 1, 300], 300, torch.device("cpu"))
    ours, fused = (attend(query, key, value, packing) for attend in (products_attention, packed_attention))
    torch.testing.assert_close(ours, fused, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("taps", [15, 128])
@pytest.mark.parametrize("frames", [1, 8, 93])
def test_positions_are_those_of_the_convolution(frames, taps):
    conv = torch.nn.Conv1d(48, 48, taps, padding=taps // 2, groups=4)
    x = torch.randn(2, frames, 48)
    with torch.inference_mode():
        exact = torch.nn.functional.gelu(conv(x.transpose(1, 2))[..., :frames]).transpose(1, 2)
        torch.testing.assert_close(GemmPosition(conv)(x), exact, atol=1e-5, rtol=1e-4)


def test_two_batches_in_flight_lose_nothing_when_memory_runs_out(checkpoints, monkeypatch):
    plain, packed = load_both(checkpoints["random-layer"], "float32")
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((50.0, 3.0, 1.0, 22.0, 8.0, 2.0, 8.0))]
    truth, run = plain.emit(clips), packed._packed.run  # type: ignore[union-attr]
    batches, shares = [], []
    packed._packed.in_flight = 2  # type: ignore[union-attr]

    def limited(sounds, lengths, raw):
        batches.append(len(sounds))
        if sum(map(len, sounds)) > 12 * 16_000 and len(sounds) > 1:
            raise torch.OutOfMemoryError("CUDA")
        return run(sounds, lengths, raw)

    monkeypatch.setattr(packed._packed, "run", limited)
    assert apart(packed.emit(clips, progress=shares.append), truth) < 1e-4
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)


def test_halves_of_a_clip_that_does_not_fit_are_normalised_as_the_whole(checkpoints, monkeypatch):
    plain, packed = load_both(checkpoints["random-layer"], "float32")
    samples = noise(24.0)
    samples[: len(samples) // 2] *= 9
    given = []
    packed._packed.normalises = True  # type: ignore[union-attr]

    def limited(sounds, lengths, raw):
        given.extend(zip(sounds, raw, strict=True))
        if len(sounds[0]) > 20 * 16_000:
            raise torch.OutOfMemoryError("CUDA")
        return iter([np.zeros((frames, 32), np.float32) for frames in lengths])

    monkeypatch.setattr(packed._packed, "run", limited)
    list(packed._log_probs([SlidingBuffer([samples], len(samples), None)], packed._grid.cut(0, len(samples)), None))
    (whole, first), *halves = given
    assert first and not any(raw for _, raw in halves) and len(halves) == 2
    expected = plain._normalisation(samples).apply(samples)
    assert np.array_equal(halves[0][0], expected[: len(halves[0][0])])
    assert np.array_equal(whole, samples)
