"""Windows, batches, memory that runs out, normalisation, dtypes, other architectures, the values inside a network."""

import json
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from support.emissions import LABELS
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC
from transformers import models as families

from w2vkit.audio import Waveform
from w2vkit.decode import greedy
from w2vkit.errors import AudioError, ModelError
from w2vkit.model import CTCModel
from w2vkit.model.fast_layers import WideConvolution
from w2vkit.model.normalisation import Normalisation, SlidingBuffer, normalisation_of
from w2vkit.model.precision import pick_dtype
from w2vkit.model.windows import Batcher, FrameGrid, Window

GRID = FrameGrid(stride=320, receptive_field=400, sample_rate=16_000)
KINDS = {"hubert": "Hubert", "wavlm": "WavLM", "data2vec-audio": "Data2VecAudio"}


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose loudness changes every 100 ms, around 0.1: what is normalised has something to do."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(0.01, 0.3, int(seconds * 10) + 1), 1600)[: int(seconds * 16_000)]
    return (0.1 + loud * rng.standard_normal(len(loud))).clip(-1, 1).astype(np.float32)


def load(folder: str | Path, dtype: str = "float32") -> CTCModel:
    return CTCModel.load(str(folder), device="cpu", dtype=dtype)


# Windows and batches, with a "network" that returns the numbers of the frames that it was given.


def emit_numbers(model: CTCModel, windows: list[Window], samples: dict[int, int], most: float = np.inf):
    """Run windows of sounds with so many samples; `most` is the number of frames that fit into memory.

    Gives the frames that were computed, by sound, and the lengths of the batches.
    """
    batches: list[list[int]] = []

    def forward(clips: list[np.ndarray]) -> list[np.ndarray] | None:
        lengths = [model.frames(len(clip)) for clip in clips]
        if len(lengths) * max(lengths) > most:
            return None
        batches.append(lengths)
        return [clip[: 320 * n : 320, None] / 320 for clip, n in zip(clips, lengths, strict=True)]

    counted = {clip: np.arange(n, dtype=np.float32) for clip, n in samples.items()}
    sounds = [SlidingBuffer([counted[clip]], n, Normalisation()) for clip, n in samples.items()]
    found: dict[int, list[int]] = {clip: [] for clip in samples}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "_forward", forward)
        for window, rows in model._log_probs(sounds, windows, None):
            assert rows[:, 0].tolist() == list(range(window.start, window.stop))
            found[window.clip] += range(window.start, window.stop)
    return {clip: sorted(frames) for clip, frames in found.items()}, batches


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
    assert model._batcher.budget <= most  # the next call does not run into it again


def test_memory_for_less_than_a_few_seconds_is_one_clear_error(model):
    with pytest.raises(ModelError, match=r"memory does not suffice.*smaller model"):
        emit_numbers(model, [Window(0, 0, 2000)], {0: 2000 * 320 + 80}, most=0)


def test_other_errors_are_not_taken_for_lack_of_memory(model, monkeypatch):
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(model, "_run", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        model._forward([noise(1.0)])


def test_a_file_of_many_windows_survives_memory_that_runs_out(model, write):
    path = write("long.wav", noise(90.0), subtype="FLOAT")
    truth = model.emit_file(path)[0].log_probs
    shapes = []

    def limit(_, inputs):
        shapes.append(inputs[0].numel())
        if shapes[-1] > 15 * 16_000:
            raise torch.OutOfMemoryError("CUDA")

    model.network.register_forward_pre_hook(limit)
    found = model.emit_file(path)[0].log_probs
    assert max(shapes) > 15 * 16_000 and found.shape == truth.shape
    assert (found.argmax(1) == truth.argmax(1)).mean() > 0.95


@pytest.mark.parametrize("fault", [torch.OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_a_network_that_runs_out_of_memory_gives_the_same_emissions(checkpoints, fault):
    model = load(checkpoints["random-layer"])
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((3.0, 1.0, 8.0, 2.0, 8.0))]
    truth = model.emit(clips)

    def limit(_, inputs):
        if inputs[0].numel() > 10 * 16_000:
            raise fault

    model.network.register_forward_pre_hook(limit)
    for ours, theirs in zip(model.emit(clips), truth, strict=True):
        assert np.abs(ours.log_probs - theirs.log_probs).max() < 1e-3


# Long sound.


def test_the_level_is_that_of_transformers():
    samples = noise(70.0)
    (theirs,) = Wav2Vec2FeatureExtractor(do_normalize=True)(samples, sampling_rate=16_000, return_tensors="np").input_values
    assert np.abs(normalisation_of(samples).apply(samples) - theirs).max() < 1e-4
    assert np.all(np.isfinite(normalisation_of(np.zeros(500, np.float32)).apply(np.zeros(500, np.float32))))


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_a_file_gives_what_its_waveform_gives(checkpoints, norm, write):
    model = load(checkpoints[f"random-{norm}"])
    samples = noise(63.3)
    path = write("long.wav", samples, subtype="FLOAT")
    shares: list[float] = []
    emissions, seconds = model.emit_file(path, progress=shares.append)
    (truth,) = model.emit([Waveform(samples)])
    assert np.abs(emissions.log_probs - truth.log_probs).max() < 1e-4
    assert seconds == pytest.approx(63.3) and shares == sorted(shares) and len(shares) > 1 and shares[-1] == pytest.approx(1)
    with path.open("rb") as file:
        assert np.array_equal(model.emit_file(file)[0].log_probs, emissions.log_probs)
    short = write("short.wav", samples[:16_000], subtype="FLOAT")
    assert np.array_equal(model.emit_file(short)[0].log_probs, model.emit([Waveform(samples[:16_000])])[0].log_probs)


def test_windows_of_a_network_that_hears_less_than_the_context_are_those_of_one_pass(checkpoints, monkeypatch):
    model = load(checkpoints["random-layer"])
    for layer in model.network.base_model.encoder.layers:
        torch.nn.init.zeros_(layer.attention.out_proj.weight)  # what is left hears 16 frames
    check_windows(model, monkeypatch)


def test_windows_of_a_network_that_attends_within_the_context_are_those_of_one_pass(checkpoints, monkeypatch):
    """Two layers that see 46 frames to either side, and 8 of the positional convolution: the 2 s of context, with attention."""
    model = load(checkpoints["random-layer"])
    for layer in model.network.base_model.encoder.layers:
        layer.register_forward_pre_hook(near, with_kwargs=True)
    check_windows(model, monkeypatch)


def check_windows(model, monkeypatch):
    """Windows give what one pass over a minute gives."""
    clip = Waveform(noise(63.0))
    (windowed,) = model.emit([clip])
    monkeypatch.setattr(model, "_grid", replace(model._grid, longest_pass=100.0))
    (whole,) = model.emit([clip])
    assert np.abs(windowed.log_probs - whole.log_probs).max() < 1e-3
    assert greedy(windowed).text == greedy(whole).text != ""


def near(layer: Any, inputs: tuple, options: dict) -> tuple[tuple, dict]:
    """Let a layer attend to 46 frames on either side only, as far as nothing else is masked."""
    states = inputs[0] if inputs else options["hidden_states"]
    frames = torch.arange(states.shape[1])
    band = (frames[:, None] - frames).abs() <= 46
    kept = options.get("attention_mask")
    options["attention_mask"] = band[None, None] if kept is None else band & kept
    return inputs, options


@pytest.mark.parametrize(("taps", "frames"), [(3000, 850), (3000, 1), (601, 40), (512, 700), (1000, 500)])
def test_a_wide_convolution_gives_what_torchs_gives(taps, frames):
    conv = torch.nn.Conv1d(8, 8, taps, padding=taps // 2, groups=8)
    x = torch.randn(2, 8, frames) + 10
    assert WideConvolution.fits(conv) and not WideConvolution.fits(torch.nn.Conv1d(8, 8, 128, groups=8))
    with torch.no_grad():
        torch.testing.assert_close(WideConvolution(conv)(x), conv(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("silent", [slice(0, 700), slice(300, 1200), slice(0, 1200), slice(0, 100)])
@pytest.mark.parametrize("frames", [64, 500])
def test_a_wide_convolution_may_leave_out_taps_that_are_zero_and_keeps_its_spectrum_no_longer_than_its_weight(silent, frames):
    conv = torch.nn.Conv1d(4, 4, 1200, padding=600, groups=4)
    wide, x = WideConvolution(conv), torch.randn(2, 4, frames)
    with torch.no_grad():
        conv.weight[..., silent] = 0
        torch.testing.assert_close(wide(x), conv(x), atol=1e-4, rtol=1e-4)
    wide(x)  # where gradients are on, an optimiser may change the weight at any time
    with torch.no_grad():
        conv.weight += torch.randn_like(conv.weight)
        torch.testing.assert_close(wide(x), conv(x), atol=1e-3, rtol=1e-3)


def test_a_network_that_knows_places_for_30_seconds_hears_longer_sound_in_windows(checkpoints):
    model = load(checkpoints["w2v-mini"])
    shapes = []
    model.network.base_model.encoder.register_forward_hook(lambda _, inputs, __: shapes.append(inputs[0].shape[1]))
    model.emit([Waveform(noise(31.0))])
    assert len(shapes) >= 1 and max(shapes) * model.stride / model.sample_rate < 30


def test_the_memory_for_a_file_is_that_of_its_windows(checkpoints, tmp_path, monkeypatch):
    model = load(checkpoints["random-layer"])
    even = np.full((10_000, len(LABELS)), -np.log(len(LABELS)), np.float32)
    monkeypatch.setattr(CTCModel, "_forward", lambda self, clips: [even[: self.frames(len(clip))] for clip in clips])
    path = tmp_path / "ten minutes.wav"
    soundfile.write(path, np.tile(noise(60.0), 10), 16_000)
    tracemalloc.start()
    emissions, seconds = model.emit_file(path)
    peak = tracemalloc.get_traced_memory()[1] - 3 * emissions.log_probs.nbytes
    tracemalloc.stop()
    assert seconds == 600 and peak < 600 * 16_000 * 4 / 2  # half of what the samples alone would take


def test_what_a_long_file_must_not_hold(checkpoints, write):
    model = load(checkpoints["random-layer"])
    samples = noise(50.0)
    samples[-5] = np.nan
    with pytest.raises(AudioError, match="NaN or infinite"):
        model.emit_file(write("nan.wav", samples, subtype="FLOAT"))
    with pytest.raises(AudioError, match=r"longer \(0:50 min\) than the limit of 0:45 min"):
        model.emit_file(write("long.wav", noise(50.0)), max_seconds=45)


def test_sliding_samples_are_those_of_the_array_and_the_past_is_freed():
    samples = np.arange(1000, dtype=np.float32)
    sliding = SlidingBuffer(np.array_split(samples, 7), 1000, Normalisation())
    assert np.array_equal(sliding.read(slice(10, 400)), samples[10:400])
    sliding.forget(300)
    assert np.array_equal(sliding.read(slice(300, 990)), samples[300:990])
    with pytest.raises(AudioError, match="became shorter"):
        sliding.read(slice(900, 1001))


# Dtypes.


@pytest.mark.parametrize(
    ("cpu", "cuda", "device", "expected"),
    [
        (True, False, "cpu", torch.bfloat16),
        (False, True, "cpu", torch.float32),
        (False, True, "cuda", torch.bfloat16),
        (True, False, "cuda", torch.float16),
        (False, False, "mps", torch.float16),
    ],
)
def test_auto_takes_what_the_processor_computes_in(monkeypatch, cpu, cuda, device, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: cpu)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: cuda)
    assert pick_dtype("auto", torch.device(device)) == expected


def test_half_precision_leaves_the_extractor_in_float32(checkpoints, tmp_path):
    """A channel of 20,000 makes the layer norm a mere scaling; in bfloat16 what is beside it would round to steps of 4."""
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
def test_weights_have_the_dtype_that_was_asked_for(checkpoints, dtype):
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


# Compiled.


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["layer", "group"])
def test_a_compiled_network_emits_the_same(checkpoints, norm):
    plain, before = load(checkpoints[f"random-{norm}"]), programs()
    compiled = CTCModel.load(checkpoints[f"random-{norm}"], device="cpu", dtype="float32", compiled=True)
    assert programs() - before == 1, "the layers do not share a program"
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((2.0, 0.025, 1.1, 3.3, 0.5))]
    for batch in (clips, clips[:1], clips[2:]):
        for ours, theirs in zip(compiled.emit(batch), plain.emit(batch), strict=True):
            assert np.abs(ours.log_probs - theirs.log_probs).max() < 1e-3
            assert greedy(ours).text == greedy(theirs).text
    used = programs()
    compiled.emit([Waveform(noise(seconds, 9)) for seconds in (0.7, 1.7, 2.9)])
    compiled.emit([Waveform(noise(2.2, 9))])
    assert programs() == used <= before + 3, "other lengths were compiled anew"
    look, exact = compiled.internals(clips[2]), plain.internals(clips[2])
    assert look.attentions == pytest.approx(exact.attentions, abs=1e-4)


def programs() -> int:
    """How many programs torch has compiled in this process."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.mark.slow
def test_where_nothing_compiles_it_is_one_clear_error(checkpoints, monkeypatch):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    torch._dynamo.reset()
    with pytest.raises(ModelError, match=r"could not be compiled.*Leave out --compile"):
        CTCModel.load(checkpoints["random-layer"], device="cpu", dtype="float32", compiled=True)


# Other architectures.


@pytest.fixture(scope="module", params=KINDS)
def relative(request, checkpoints, tmp_path_factory) -> Path:
    """A tiny random checkpoint of another architecture, beside the tokenizer of the usual one."""
    folder = tmp_path_factory.mktemp("relatives") / request.param
    shutil.copytree(checkpoints["random-layer"], folder)
    settings = json.loads((folder / "config.json").read_text())
    kept = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "conv_dim")
    config = getattr(families, request.param.replace("-", "_").replace("_audio", ""))
    config = getattr(config, f"{KINDS[request.param]}Config")(
        **{key: settings[key] for key in kept},
        conv_bias=True,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=15,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    import transformers

    network = getattr(transformers, f"{KINDS[request.param]}ForCTC")(config)
    with torch.no_grad():
        network.lm_head.weight.mul_(12.0)
    network.save_pretrained(folder)
    return folder


def test_relatives_of_wav2vec_2_emit_in_batches_and_in_half_precision(relative):
    model, low = load(relative), load(relative, "bfloat16")
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((1.5, 0.6, 1.1))]
    for clip, batched, half in zip(clips, model.emit(clips), low.emit(clips), strict=True):
        (alone,) = model.emit([clip])
        assert np.abs(batched.log_probs - alone.log_probs).max() < 1e-3
        assert np.abs(np.exp(half.log_probs) - np.exp(alone.log_probs)).max() < 0.25
    assert model.internals(clips[0]).attentions.shape == (2, 4, *(2 * [model.frames(24_000)]))


# A look inside.


def test_exploring_shows_what_transformers_computes(checkpoints):
    model = load(checkpoints["random-layer"])
    plain = Wav2Vec2ForCTC.from_pretrained(checkpoints["random-layer"], attn_implementation="eager").eval()
    clip = Waveform(noise(2.0))
    inside = model.internals(clip)
    with torch.no_grad():
        inputs = torch.from_numpy(normalisation_of(clip.samples).apply(clip.samples))[None]
        theirs = plain(inputs, output_hidden_states=True, output_attentions=True)
        features = plain.wav2vec2.feature_extractor(inputs)[0].T
        last = plain.wav2vec2(inputs).last_hidden_state
    frames = model.frames(32_000)
    assert inside.features == pytest.approx(features.numpy(), abs=1e-4)
    assert inside.attentions == pytest.approx(torch.cat(theirs.attentions).numpy(), abs=1e-5)
    assert inside.hidden_states == pytest.approx(torch.cat([*theirs.hidden_states[:-1], last]).numpy(), abs=1e-4)
    assert inside.hidden_states.shape == (3, frames, 32) and inside.attentions.shape == (2, 4, frames, frames)
    assert inside.attentions.sum(-1) == pytest.approx(1, abs=1e-5)
    assert inside.emissions.log_probs == pytest.approx(model.emit([clip])[0].log_probs, abs=1e-3)
    assert model.network.config._attn_implementation == "sdpa"


def test_exploring_minutes_is_refused(checkpoints):
    with pytest.raises(AudioError, match=r"50 s are too long for one pass\. Cut out 40 s"):
        load(checkpoints["random-layer"]).internals(Waveform(noise(50.0)))


def test_a_level_of_nothing_changes_nothing():
    assert np.array_equal(Normalisation().apply(noise(0.1)), noise(0.1))
