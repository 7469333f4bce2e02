"""`CTCModel.internals`: the values inside a network, against those of transformers."""

import pytest
import torch
from support.checkpoints import load, noise
from transformers import Wav2Vec2ForCTC

from w2vkit.audio import Waveform
from w2vkit.errors import AudioError
from w2vkit.model.normalisation import normalisation_of


def test_internals_equal_those_of_transformers(checkpoints):
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


def test_internals_of_more_than_one_pass_are_refused(checkpoints):
    with pytest.raises(AudioError, match=r"50 s are too long for one pass\. Cut out 40 s"):
        load(checkpoints["random-layer"]).internals(Waveform(noise(50.0)))
