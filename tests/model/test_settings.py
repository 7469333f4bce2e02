"""Settings of a checkpoint that make no sense are refused when it is loaded; unusual tokenizers are read."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from support.checkpoints import make_checkpoint, noise
from support.emissions import LABELS

from w2vkit.audio import Waveform
from w2vkit.decode import greedy
from w2vkit.emissions import Emissions
from w2vkit.errors import ModelError
from w2vkit.model import CTCModel


@pytest.fixture
def change(tmp_path, checkpoints):
    """Copy a checkpoint with one changed file and give its folder; a part names a dictionary inside the file."""

    def changed(file: str, settings: Any, part: str = "") -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(checkpoints["random-layer"], folder)
        content = json.loads((folder / file).read_text())
        if isinstance(settings, dict):
            (content[part] if part else content).update(settings)
        else:
            content = settings
        (folder / file).write_text(json.dumps(content))
        return folder

    return changed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("sampling_rate", value) for value in (0, "x", -5, 1_000_000_000, None, [], 1.5, True)),
        ("do_normalize", "x"),
        ("return_attention_mask", []),
    ],
)
def test_nonsense_in_the_settings_of_the_sound_is_refused(change, name, value):
    folder = change("processor_config.json", {name: value}, "feature_extractor")
    with pytest.raises(ModelError, match=name):
        CTCModel.load(str(folder), device="cpu")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("num_hidden_layers", value) for value in (0, -1, "x", [], None, 10**9, 10**30)),
        *(("num_attention_heads", value) for value in (0, -1, 3, 10**9)),
        *(("hidden_size", value) for value in (0, -1, {}, 10**9)),
        *(("conv_stride", value) for value in (5, [0] * 7, [-1] * 7, ["x"] * 7, [4_000] * 7, [2] * 3)),
        *(("conv_kernel", value) for value in (None, [0] * 7, [10**9] * 7)),
        *(("vocab_size", value) for value in (0, -1, "x", 10**9)),
        ("num_conv_pos_embeddings", 10**9),
        ("hidden_act", "no such function"),
    ],
)
def test_nonsense_in_the_settings_of_the_network_is_refused(change, name, value):
    with pytest.raises(ModelError):
        CTCModel.load(str(change("config.json", {name: value})), device="cpu")


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("vocab_size", 31, r"no CTC head that fits \(lm_head"),
        ("vocab_size", 33, r"no CTC head that fits \(lm_head"),
        ("num_conv_pos_embeddings", 17, r"other shapes than its config.json describes \(.*pos_conv"),
        ("layer_norm_eps", math.nan, "computes NaN"),
    ],
)
def test_settings_that_do_not_fit_the_weights_are_named(change, name, value, cause):
    with pytest.raises(ModelError, match=cause):
        CTCModel.load(str(change("config.json", {name: value})), device="cpu")


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["lm_head.weight", "conv_layers.0.conv.weight", "layers.1.attention.k_proj.weight"])
def test_weights_that_compute_nan_are_refused(change, name, value):
    folder = change("config.json", {})
    weights = load_file(folder / "model.safetensors")
    (key,) = (key for key in weights if key.endswith(name))
    weights[key][..., 0] = value
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelError, match="computes NaN: its weights are damaged"):
        CTCModel.load(str(folder), device="cpu")


def test_a_network_far_larger_than_its_weights_is_refused_before_it_takes_memory(change):
    folder = change("config.json", {"hidden_size": 16_384, "intermediate_size": 65_536, "num_hidden_layers": 100})
    with pytest.raises(ModelError, match=r"million weights, its files hold 0 MB"):
        CTCModel.load(str(folder), device="cpu")


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "vocab.json", "processor_config.json"])
@pytest.mark.parametrize("content", [[], 5, "x", None])
def test_a_file_that_is_no_dictionary_is_refused(change, file, content):
    with pytest.raises(ModelError, match=r"could not be loaded|It needs"):
        CTCModel.load(str(change(file, content)), device="cpu")


def test_a_tokenizer_without_a_blank_is_refused(change):
    with pytest.raises(ModelError, match="no pad_token, which is the blank"):
        CTCModel.load(str(change("tokenizer_config.json", {"pad_token": None})), device="cpu")


def _with_tokenizer(folder: Path, labels: list[str], **settings: Any) -> CTCModel:
    """Make a checkpoint with these labels, whose tokenizer has these settings, and load it."""
    make_checkpoint(folder, "layer", labels=labels)
    path = folder / "tokenizer_config.json"
    content = json.loads(path.read_text())
    content.pop("added_tokens_decoder")
    path.write_text(json.dumps(content | settings))
    return CTCModel.load(str(folder), device="cpu")


@pytest.mark.parametrize("label", [" ", "|"])
@pytest.mark.parametrize("delimiter", [" ", "|", "@", None])
def test_the_word_boundary_is_found_whatever_the_tokenizer_calls_it(tmp_path, label, delimiter):
    labels = [label if one == "|" else one for one in LABELS]
    model = _with_tokenizer(tmp_path / "model", labels, word_delimiter_token=delimiter)
    boundary, a = labels.index(label), labels.index("A")
    assert model.vocabulary.word_boundary == boundary and model.vocabulary.columns[" "] == boundary
    log_probs = np.full((3, len(labels)), -20.0, np.float32)
    log_probs[range(3), [a, boundary, a]] = 0.0
    assert greedy(Emissions(log_probs, model.vocabulary)).text == "A A"


@pytest.mark.parametrize("phonemize", [True, False])
def test_phonemes_have_no_word_boundary(tmp_path, phonemize):
    labels = ["aI" if one == "|" else one for one in LABELS]
    settings = {"tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer", "word_delimiter_token": None, "phone_delimiter_token": " "}
    model = _with_tokenizer(tmp_path / "phonemes", labels, **settings, do_phonemize=phonemize, phonemizer_backend="espeak")
    assert model.vocabulary.word_boundary is None and "aI" in model.vocabulary.columns
    (emissions,) = model.emit([Waveform(noise(1.0))])
    assert len(greedy(emissions).words) <= 1


@pytest.mark.parametrize("label", ["", "\ud800", "\n", "A\nB", "A\u2028B"])
def test_a_label_that_no_file_can_hold_on_a_line_is_refused(change, checkpoints, label):
    vocabulary = json.loads((Path(checkpoints["random-layer"]) / "vocab.json").read_text())
    folder = change("vocab.json", [])
    (folder / "vocab.json").write_text(json.dumps({label if text == "A" else text: k for text, k in vocabulary.items()}))
    with pytest.raises(ModelError, match="which is no text"):
        CTCModel.load(str(folder), device="cpu")
