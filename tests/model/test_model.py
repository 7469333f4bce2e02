"""`CTCModel` on w2v-mini and on random checkpoints of both norms: batches, windows, dtypes, and bad checkpoints."""

import json
import shutil
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import pytest
import torch
from lesson import flite_clips
from safetensors.numpy import load_file, save_file
from support.checkpoints import make_checkpoint
from support.emissions import LABELS

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.errors import AudioError, ModelError
from w2vkit.examples import examples
from w2vkit.model import CTCModel

NAMES = ["w2v-mini", "random-layer", "random-group"]


@pytest.fixture(scope="session")
def models(checkpoints) -> dict[str, CTCModel]:
    return {name: CTCModel.load(path, device="cpu", dtype="float32") for name, path in checkpoints.items()}


def speechlike(seconds: float, seed: int = 0) -> Waveform:
    """Noise whose level and spectrum change every 100 ms, so that frames differ."""
    rng = np.random.default_rng(seed)
    turns = rng.uniform([1, 0.01], [8, 0.3], (int(seconds * 10) + 1, 2))
    parts = [np.convolve(rng.standard_normal(1600), np.ones(int(k)) / int(k), "same") * v for k, v in turns]
    return Waveform(np.concatenate(parts)[: int(seconds * 16_000)].astype(np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_what_each_clip_gives_alone(models, name):
    shortest = models[name].receptive_field / 16_000
    clips = [speechlike(seconds, i) for i, seconds in enumerate((3.0, 0.4, 7.31, shortest, 3.0, 1.0))]
    together = models[name].emit(clips)
    for clip, emissions in zip(clips, together, strict=True):
        (alone,) = models[name].emit([clip])
        assert emissions.log_probs.shape == alone.log_probs.shape
        # Labels of probability zero are at -30, of which float32 keeps four to five digits.
        assert np.allclose(emissions.log_probs, alone.log_probs, rtol=1e-4, atol=2e-3)
        assert np.allclose(np.exp(emissions.log_probs), np.exp(alone.log_probs), atol=5e-4)
        assert greedy(emissions).text == greedy(alone).text


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_windows_give_nearly_what_one_pass_gives(models, name, monkeypatch):
    model = models[name]
    seconds = 28 if name == "w2v-mini" else 60  # its positions end at 30 s
    speech = np.concatenate([load(clip.path).samples for clip in examples()] * 3)
    clip = Waveform(speech[: seconds * 16_000])
    passes = []
    for longest_pass in (10.0, 100.0):
        monkeypatch.setattr(model, "_grid", replace(model._grid, longest_pass=longest_pass))
        passes += model.emit([clip])
    windowed, whole = passes
    assert windowed.log_probs.shape == whole.log_probs.shape
    agreeing = (windowed.log_probs.argmax(1) == whole.log_probs.argmax(1)).mean()
    # A group norm normalises over the whole window, so the windows of such a network differ.
    assert agreeing > {"random-group": 0.5, "w2v-mini": 0.95}.get(name, 0.97)


def test_bfloat16_gives_nearly_the_text_of_float32(models):
    low = CTCModel.load("w2v-mini", device="cpu", dtype="bfloat16")
    assert low.dtype == "bfloat16"
    clips = [load(clip.path) for clip in examples()]
    pairs = list(zip(low.emit(clips), models["w2v-mini"].emit(clips), strict=True))
    for a, b in pairs:
        assert np.exp(a.log_probs) == pytest.approx(np.exp(b.log_probs), abs=0.1)
    # Only frames with two nearly equal characters can change.
    assert jiwer.cer([greedy(b).text for _, b in pairs], [greedy(a).text for a, _ in pairs]) < 0.05


def test_frames_are_counted_as_the_network_counts_them(models):
    for samples in (400, 401, 719, 720, 16_000, 16_001, 47_999):
        (emissions,) = models["random-layer"].emit([Waveform(np.full(samples, 0.1, np.float32))])
        assert len(emissions) == models["random-layer"].frames(samples)
        assert emissions.seconds <= samples / 16_000


def test_single_words_without_silence_around_them_are_heard_whole(models):
    """Each digit that flite says is cut out at its borders, as recordings of single words are."""
    borders = [402, 684, 892, 1199, 1458, 1892, 2195, 2580, 2819, 3253]  # ms, as in notebook 08
    clip, model = flite_clips()[2], models["w2v-mini"]
    samples = load(clip.path).samples
    words = [Waveform(samples[16 * start : 16 * stop]) for start, stop in pairwise(borders)]
    found = [greedy(emissions) for emissions in model.emit(words)]
    assert [one.text for one in found] == clip.text.split()
    for waveform, one in zip(words, found, strict=True):
        assert all(0 <= word.start < word.end <= waveform.seconds for word in one.words)


def test_a_short_sound_has_the_same_frames_wherever_it_is_computed(models, write):
    model = models["w2v-mini"]
    for seconds in (0.065, 0.7, 1.9, 2.0):
        waveform = speechlike(seconds)
        (emissions,), count = model.emit([waveform]), len(waveform.samples)
        from_file, read = model.emit_file(write("short.wav", waveform.samples, subtype="FLOAT"))
        inside = model.internals(waveform).emissions
        assert len(emissions) == len(from_file) == len(inside) == model.frames(count)
        assert emissions.start_seconds == from_file.start_seconds == inside.start_seconds
        assert (emissions.start_seconds < 0) == (seconds < 2)
        assert read == seconds
        assert 0 <= count / 16_000 - emissions.seconds - 2 * emissions.start_seconds < 0.02
        assert np.allclose(from_file.log_probs, emissions.log_probs, atol=1e-4)
        assert np.allclose(np.exp(inside.log_probs), np.exp(emissions.log_probs), atol=1e-3)


def test_rate_stride_and_mask_are_read_from_the_checkpoint(models):
    layer, group = models["random-layer"], models["random-group"]
    assert (layer.stride, layer.receptive_field, layer.sample_rate) == (320, 400, 16_000)
    assert layer.uses_attention_mask and not group.uses_attention_mask
    assert layer.vocabulary.labels == tuple(LABELS)
    assert (layer.vocabulary.blank, layer.vocabulary.word_boundary, layer.vocabulary.special) == (0, 4, {0, 1, 2, 3})


def test_silence_is_an_empty_transcript(models):
    (emissions,) = models["w2v-mini"].emit([Waveform(np.zeros(32_000, np.float32))])
    assert greedy(emissions).text == ""


def test_progress_rises_to_one(models):
    seen: list[float] = []
    models["random-layer"].emit([speechlike(50.0), speechlike(1.0)], progress=seen.append)
    assert seen == sorted(seen) and len(seen) > 1 and seen[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("samples", "rate", "cause"), [(399, 16_000, "too short: 24.9 ms.*400 samples"), (8000, 8000, "8000 Hz.*needs 16000 Hz")]
)
def test_waveforms_of_wrong_rate_or_length_are_refused(models, samples, rate, cause):
    with pytest.raises(AudioError, match=cause):
        models["random-layer"].emit([Waveform(np.zeros(samples, np.float32), rate)])


def test_a_checkpoint_without_ctc_head_is_refused(tmp_path):
    folder = make_checkpoint(tmp_path / "pretrained", "layer", head=False)
    with pytest.raises(ModelError, match=r"pretrained has no CTC head.*Choose a fine-tuned checkpoint"):
        CTCModel.load(str(folder))


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("bert", "transformers has no bert network with a CTC head"), ("wav2vec2-bert", "does not take the waveform itself")],
)
def test_an_unsupported_architecture_is_refused(tmp_path, kind, cause):
    folder = make_checkpoint(tmp_path / "other", "layer")
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelError, match=cause):
        CTCModel.load(str(folder))


def test_a_vocabulary_that_does_not_fit_is_refused(tmp_path):
    folder = make_checkpoint(tmp_path / "short", "layer", labels=LABELS[:-3])
    with pytest.raises(ModelError, match=r"29 labels for 32 logits.*Take vocab\.json"):
        CTCModel.load(str(folder))


def test_pickled_weights_are_never_loaded(tmp_path):
    folder = make_checkpoint(tmp_path / "pickled", "layer")
    torch.save(
        {k: torch.from_numpy(v) for k, v in load_file(folder / "model.safetensors").items()}, folder / "pytorch_model.bin"
    )
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        CTCModel.load(str(folder))


def test_missing_weights_are_named_except_those_for_training(tmp_path):
    folder = make_checkpoint(tmp_path / "partial", "layer")
    weights = load_file(folder / "model.safetensors")
    used = {key: value for key, value in weights.items() if "masked_spec_embed" not in key}
    save_file(used, folder / "model.safetensors", metadata={"format": "pt"})
    CTCModel.load(str(folder))
    partial = {key: value for key, value in used.items() if "pos_conv_embed" not in key}
    save_file(partial, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks weights \(.*pos_conv_embed.*Save it again"):
        CTCModel.load(str(folder))


def test_remote_code_is_never_run(tmp_path):
    folder = make_checkpoint(tmp_path / "remote", "layer")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "unheard-of", "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCTC": "evil.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(ModelError, match="could not be loaded"):
        CTCModel.load(str(folder))
    assert not (tmp_path / "ran").exists()


def _damage(folder: Path, kind: str) -> None:
    if kind == "truncated":
        data = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    elif kind == "no tokenizer":
        for file in ("vocab.json", "tokenizer_config.json"):
            (folder / file).unlink()
    elif kind == "no config":
        (folder / "config.json").unlink()
    elif kind == "broken config":
        (folder / "config.json").write_text("{")


@pytest.mark.parametrize("kind", ["truncated", "no tokenizer", "no config", "broken config"])
def test_damaged_checkpoints_are_refused(tmp_path, checkpoints, kind):
    folder = tmp_path / "damaged"
    shutil.copytree(checkpoints["random-layer"], folder)
    _damage(folder, kind)
    with pytest.raises(ModelError, match=r"damaged.*(It needs|Name the folder)"):
        CTCModel.load(str(folder))


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"name": "/no/such/folder"}, "no folder"),
        ({"name": "plain-name"}, "no folder plain-name"),
        ({"name": "w2v-mini", "device": "tpu"}, "no device 'tpu'. Choose auto, cpu, cuda or mps"),
        ({"name": "w2v-mini", "dtype": "int4"}, "no dtype 'int4'"),
    ],
)
def test_wrong_names_of_device_dtype_or_model_are_refused(arguments, cause):
    with pytest.raises(ModelError, match=cause):
        CTCModel.load(**arguments)


@pytest.fixture
def unreachable_hub(monkeypatch, tmp_path):
    """A Hub that cannot be reached, and an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.hf_api.ENDPOINT", "http://127.0.0.1:9", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))


def test_without_the_hub_a_named_model_is_an_error_within_15_seconds(unreachable_hub):
    started = time.monotonic()
    with pytest.raises(
        ModelError, match=r"facebook/wav2vec2-base is not on this machine.*cannot be reached.*name a local folder"
    ):
        CTCModel.load("facebook/wav2vec2-base")
    assert time.monotonic() - started < 15


def test_without_the_hub_auto_gives_w2v_mini_with_a_notice(unreachable_hub):
    stand_in = CTCModel.load("auto", device="cpu")
    assert stand_in.name == "w2v-mini"
    assert stand_in.notice and "facebook/wav2vec2-large-960h-lv60-self is not on this machine" in stand_in.notice
    assert CTCModel.load("w2v-mini", device="cpu").notice is None
