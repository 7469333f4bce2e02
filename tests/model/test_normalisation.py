"""Normalisation to mean 0 and variance 1, and the buffer that slides over a long file."""

import numpy as np
import pytest
from support.checkpoints import noise
from transformers import Wav2Vec2FeatureExtractor

from w2vkit.errors import AudioError
from w2vkit.model.normalisation import Normalisation, SlidingBuffer, normalisation_of


def test_normalisation_equals_that_of_transformers():
    samples = noise(70.0)
    (theirs,) = Wav2Vec2FeatureExtractor(do_normalize=True)(samples, sampling_rate=16_000, return_tensors="np").input_values
    assert np.abs(normalisation_of(samples).apply(samples) - theirs).max() < 1e-4
    assert np.all(np.isfinite(normalisation_of(np.zeros(500, np.float32)).apply(np.zeros(500, np.float32))))


def test_the_default_normalisation_changes_nothing():
    assert np.array_equal(Normalisation().apply(noise(0.1)), noise(0.1))


def test_sliding_buffer_gives_the_samples_of_the_array_and_frees_the_past():
    samples = np.arange(1000, dtype=np.float32)
    sliding = SlidingBuffer(np.array_split(samples, 7), 1000, Normalisation())
    assert np.array_equal(sliding.read(slice(10, 400)), samples[10:400])
    sliding.forget(300)
    assert np.array_equal(sliding.read(slice(300, 990)), samples[300:990])
    with pytest.raises(AudioError, match="became shorter"):
        sliding.read(slice(900, 1001))
