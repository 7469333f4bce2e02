"""Greedy decoding of emissions that are written by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.emissions import VOCABULARIES, random_emissions, spell

from w2vkit.decode import greedy, greedy_batch
from w2vkit.emissions import Calibration, Emissions, Vocabulary
from w2vkit.errors import EmissionsError

LABELS = ["<pad>", "<s>", "|", "A", "B", "'"]


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ("_A_", "A"),
        ("AAB", "AB"),
        ("A_A", "AA"),
        ("A__A_BB", "AAB"),
        ("A B", "A B"),
        ("  A _ B  ", "A B"),
        ("____", ""),
        ("    ", ""),
        ("A'B", "A'B"),
    ],
)
def test_repeats_merge_and_blanks_vanish(frames, text):
    assert greedy(spell(list(frames), LABELS)).text == text


def test_word_times_reach_a_little_beyond_their_frames():
    hypothesis = greedy(spell(list("____AA_B__ _BB__________")))
    # 60 ms before the first A, four frames shared between B and B, 100 ms after the last B
    assert [(w.text, w.start, w.end) for w in hypothesis.words] == [("AB", 0.02, 0.2), ("B", 0.2, 0.38)]


def test_special_labels_are_never_text():
    assert greedy(spell(["A", "<s>", "A", " ", "<s>", "B"], LABELS)).text == "AA B"


def test_confidence_is_the_product_of_the_characters_best_posteriors():
    vocabulary = Vocabulary.of(LABELS)
    probabilities = np.array(
        [
            [0.1, 0, 0, 0.6, 0.3, 0],  # A, first frame
            [0.1, 0, 0, 0.8, 0.1, 0],  # A at its best: 0.8
            [0.3, 0, 0.1, 0.1, 0.5, 0],  # B: 0.5
        ]
    )
    emissions = Emissions(np.log(probabilities + 1e-9).astype(np.float32), vocabulary)
    hypothesis = greedy(emissions)
    assert hypothesis.words[0].confidence == pytest.approx(0.8 * 0.5, abs=1e-4)
    assert hypothesis.score == pytest.approx(np.log(0.6 * 0.8 * 0.5), abs=1e-4)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.floats(0.3, 0.999))
def test_words_are_ordered_inside_the_sound_and_never_overlap(path, sure):
    emissions = spell([("_", "<s>", " ", "A", "B", "'")[i] for i in path], LABELS, sure)
    hypothesis = greedy(emissions)
    edges = [time for word in hypothesis.words for time in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(0 <= time <= emissions.seconds + 1e-6 for time in edges)
    assert all(word.start < word.end and 0 <= word.confidence <= 1 for word in hypothesis.words)
    assert hypothesis.text == " ".join(word.text for word in hypothesis.words)


@pytest.mark.parametrize(
    ("matrix", "cause"),
    [
        (np.zeros((4, 5), np.float32), "vocabulary has 6 labels"),
        (np.zeros((0, 6), np.float32), "no frames"),
        (np.full((4, 6), np.nan, np.float32), "NaN"),
        (np.full((4, 6), 1 / 6, np.float32), "the logarithm of probabilities"),
    ],
)
def test_a_matrix_without_log_probabilities_is_refused(matrix, cause):
    with pytest.raises(EmissionsError, match=cause):
        Emissions(matrix, Vocabulary.of(LABELS))


@pytest.mark.parametrize(
    ("labels", "options", "cause"),
    [
        (["<pad>", "A", "A", "|"], {}, "labels twice"),
        (["A", "|"], {}, "blank '<pad>' is not among"),
        (["<pad>", "A"], {}, "word boundary '|' is not among"),
    ],
)
def test_an_inconsistent_vocabulary_is_refused(labels, options, cause):
    with pytest.raises(EmissionsError, match=cause):
        Vocabulary.of(labels, **options)


def test_a_vocabulary_without_word_boundary_makes_one_word():
    vocabulary = Vocabulary.of(["<pad>", "A", "B"], word_boundary=None)
    emissions = Emissions(np.log(np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], np.float32)), vocabulary)
    assert greedy(emissions).text == "AB"


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("calibration", [Calibration(), Calibration(temperature=1.7, acoustic=(0.4, 1.3))])
def test_many_at_once_are_decoded_as_one_by_one(vocabulary, calibration):
    batch = [random_emissions(1 + seed % 40, vocabulary, seed) for seed in range(60)]
    starts = [-0.0775 if len(emissions) > 12 else 0.0025 for emissions in batch]
    batch = [replace(one, calibration=calibration, start_seconds=start) for one, start in zip(batch, starts, strict=True)]
    blank = np.full((3, len(vocabulary)), -50.0, np.float32)
    blank[:, vocabulary.blank] = 0.0
    batch.insert(7, replace(batch[0], log_probs=blank))
    for found, emissions in zip(greedy_batch(batch), batch, strict=True):
        expected = greedy(emissions)
        assert found.text == expected.text
        assert found.score == pytest.approx(expected.score, rel=1e-9)
        assert [(w.text, w.start, w.end) for w in found.words] == [(w.text, w.start, w.end) for w in expected.words]
        assert [w.confidence for w in found.words] == pytest.approx([w.confidence for w in expected.words], rel=1e-5)
    assert greedy_batch([]) == []
