"""The data of the linked view, unpacked as its script unpacks it."""

import base64
import io

import numpy as np
import pytest
import soundfile
from support.emissions import LABELS, spell

from w2vkit.audio import Waveform
from w2vkit.decode import greedy
from w2vkit.decode.hypothesis import shade
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit_demo.tabs.linked_view import FLOOR, MOST_LABELS, linked_view, wav


def unpack(view) -> tuple[np.ndarray, np.ndarray]:
    levels = np.frombuffer(base64.b64decode(view.matrix), np.uint8).reshape(-1, len(view.labels))
    return view.floor * (1 - levels / 255), np.frombuffer(base64.b64decode(view.peaks), np.int8).reshape(-1, 2)


@pytest.fixture
def emissions() -> Emissions:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, (50, len(LABELS)))
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return Emissions(log_probs.astype(np.float32), Vocabulary.of(LABELS), 0.02, 0.0025)


def sound(emissions: Emissions) -> Waveform:
    samples = np.sin(np.arange(round(16_000 * emissions.seconds)) / 7).astype(np.float32)
    return Waveform(samples)


def test_probabilities_survive_within_the_stated_error(emissions):
    view = linked_view(sound(emissions), emissions, greedy(emissions))
    found, _ = unpack(view)
    columns = [view.labels.index(emissions.vocabulary.shown(k)) for k in range(len(LABELS))]
    probabilities, truth = np.exp(found[:, columns]), np.exp(emissions.log_probs)
    likely = truth > np.exp(FLOOR) * 1.02
    assert np.abs(probabilities[likely] / truth[likely] - 1).max() < 0.017
    assert (found[:, columns].argmax(axis=1) == emissions.log_probs.argmax(axis=1)).mean() > 0.95


def test_rows_are_named_and_say_which_are_silent(emissions):
    view = linked_view(sound(emissions), emissions, greedy(emissions))
    assert view.labels[view.blank] == "blank" and view.boundary == view.labels.index("space")
    assert {view.labels[i] for i in view.silent} == {"blank", "<s>", "</s>", "<unk>"}
    assert (view.frame_seconds, view.start_seconds) == (0.02, 0.0025)


def test_words_carry_their_times_and_shade():
    emissions = spell(["H", "I", "_", " ", "_", "Y", "O", "U"])
    view = linked_view(sound(emissions), emissions, greedy(emissions))
    assert [word.text for word in view.words] == ["HI", "YOU"]
    assert all(word.shade == shade(word.confidence) and 0 <= word.start < word.end <= view.seconds for word in view.words)


def test_peaks_are_the_extremes_of_all_samples(emissions):
    waveform = sound(emissions)
    samples = waveform.samples.copy()
    samples[[5, 8000]] = [-1, 1]
    view = linked_view(Waveform(samples[:-3]), emissions, greedy(emissions))
    _, peaks = unpack(view)
    assert peaks[0, 0] == -127 and peaks[round(0.5 / view.peak_seconds), 1] == 127
    assert len(peaks) == np.ceil(view.seconds / view.peak_seconds)


def test_a_large_vocabulary_is_cut_to_its_likeliest_rows_and_the_blank():
    labels = ["<pad>", "|", *[chr(0x4E00 + i) for i in range(500)]]
    probabilities = np.full((4, len(labels)), 1e-4)
    probabilities[:, 300] = 1 - 1e-4 * (len(labels) - 1)
    emissions = Emissions(np.log(probabilities).astype(np.float32), Vocabulary.of(labels))
    view = linked_view(sound(emissions), emissions, greedy(emissions))
    assert len(view.labels) <= MOST_LABELS + 1 and labels[300] in view.labels and view.labels[view.blank] == "blank"


def test_wav_holds_the_samples_of_the_waveform():
    waveform = Waveform(np.linspace(-1.2, 1.2, 1600, dtype=np.float32))
    samples, rate = soundfile.read(io.BytesIO(wav(waveform)))
    assert rate == 16_000 and np.abs(samples - waveform.samples.clip(-1, 1)).max() < 1e-4
