"""Architectures related to wav2vec 2.0: HuBERT, WavLM and data2vec."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from support.checkpoints import load, noise
from transformers import models as families

from w2vkit.audio import Waveform
from w2vkit.model.export import export_onnx

KINDS = {"hubert": "Hubert", "wavlm": "WavLM", "data2vec-audio": "Data2VecAudio"}


@pytest.fixture(scope="module", params=KINDS)
def relative(request, checkpoints, tmp_path_factory) -> Path:
    """A tiny random checkpoint of another architecture, with the tokenizer of wav2vec 2.0."""
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


def test_related_architectures_run_in_batches_and_in_bfloat16(relative):
    model, low = load(relative), load(relative, "bfloat16")
    clips = [Waveform(noise(seconds, i)) for i, seconds in enumerate((1.5, 0.6, 1.1))]
    for clip, batched, half in zip(clips, model.emit(clips), low.emit(clips), strict=True):
        (alone,) = model.emit([clip])
        assert np.abs(batched.log_probs - alone.log_probs).max() < 1e-3
        assert np.abs(np.exp(half.log_probs) - np.exp(alone.log_probs)).max() < 0.25
    assert model.internals(clips[0]).attentions.shape == (2, 4, *(2 * [model.frames(24_000)]))


@pytest.mark.slow
def test_related_architectures_can_be_exported(relative, tmp_path):
    done = export_onnx(str(relative), tmp_path)
    assert done.rounding is not None and done.rounding < 1e-3
    assert done.change < 1e-4  # also for clips of other lengths than the one that was traced
