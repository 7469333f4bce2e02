"""Forced alignment: times, confidences, spelling, wildcards, and the texts that are refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.emissions import LABELS, spell

from w2vkit.align import align
from w2vkit.align.spelling import WILDCARD
from w2vkit.align.spelling import spell as spell_text
from w2vkit.decode import greedy
from w2vkit.decode.hypothesis import word_times
from w2vkit.decode.viterbi import frames_needed
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.errors import AlignmentError
from w2vkit.formats import FORMATS, render

#          0    5    10        15
CAT_SAT = [*"__C_AA_T_ ___S_A_T_____________"]


def test_align_gives_words_characters_and_score() -> None:
    emissions = spell(CAT_SAT)
    alignment = align(emissions, "Cat sat!")
    assert alignment.hypothesis.text == "Cat sat!"
    assert [w.text for w in alignment.hypothesis.words] == ["Cat", "sat!"]
    assert [c.text for c in alignment.characters] == [*"CATSAT"]
    assert alignment.hypothesis.score == pytest.approx(len(CAT_SAT) * np.log(0.98), rel=1e-4)
    cat, sat = alignment.hypothesis.words
    assert cat.confidence == pytest.approx(0.98**4, rel=1e-4)  # three letters and a boundary
    assert cat.start <= 2 * 0.02 and 8 * 0.02 <= cat.end <= sat.start <= 13 * 0.02
    assert 18 * 0.02 <= sat.end < emissions.seconds  # without the long silence after it
    assert not alignment.unmapped


def test_words_that_were_not_said_have_low_confidence() -> None:
    right, wrong = align(spell(CAT_SAT), "cat mad").hypothesis.words
    assert right.confidence > 0.9
    assert wrong.confidence < 0.1


def test_confidences_by_hand() -> None:
    """A character has the best posterior of its frames, a word the product over its characters and boundaries."""
    vocabulary = Vocabulary.of(["<pad>", "|", "A", "B"])
    rows = [
        [0.01, 0.01, 0.97, 0.01],  # A
        [0.04, 0.01, 0.7, 0.25],  # A, less sure
        [0.05, 0.2, 0.25, 0.5],  # B
        [0.05, 0.75, 0.1, 0.1],  # boundary
        [0.75, 0.15, 0.05, 0.05],  # blank
        [0.1, 0.1, 0.2, 0.6],  # B
    ]
    emissions = Emissions(np.log(np.array(rows)).astype(np.float32), vocabulary)
    alignment = align(emissions, "ab b")
    assert [c.confidence for c in alignment.characters] == pytest.approx([0.97, 0.5, 0.6], rel=1e-5)
    assert [w.confidence for w in alignment.hypothesis.words] == pytest.approx([0.97 * 0.5 * 0.75, 0.6 * 0.75], rel=1e-5)
    assert alignment.hypothesis.confidence == pytest.approx((0.97 * 0.5 * 0.75 + 0.6 * 0.75) / 2, rel=1e-5)
    for mine, greedys in zip(alignment.hypothesis.words, greedy(emissions).words, strict=True):
        assert (mine.text.upper(), mine.start, mine.end) == (greedys.text, greedys.start, greedys.end)
        assert mine.confidence == pytest.approx(greedys.confidence, rel=1e-5)


def test_a_boundary_counts_at_its_best_between_two_words() -> None:
    vocabulary = Vocabulary.of(["<pad>", "|", "A", "B"])
    # The best path with one boundary has it in the second frame; greedy has another in the fourth.
    rows = [[0.1, 0.1, 0.7, 0.1], [0.05, 0.6, 0.05, 0.3], [0.8, 0.1, 0.05, 0.05], [0.2, 0.75, 0.03, 0.02], [0.1, 0.1, 0.1, 0.7]]
    emissions = Emissions(np.log(np.array(rows)).astype(np.float32), vocabulary)
    for hypothesis in (greedy(emissions), align(emissions, "a b").hypothesis):
        assert [w.confidence for w in hypothesis.words] == pytest.approx([0.7 * 0.75, 0.7 * 0.75], rel=1e-5)


def test_repeated_characters_need_a_blank() -> None:
    emissions = spell([*"A_A"])
    first, second = align(emissions, "aa").characters
    assert first.end <= second.start
    with pytest.raises(AlignmentError, match=r"at least 0\.06 s to say, the sound has 0\.04 s"):
        align(spell([*"AA"]), "aa")


def test_numbers_are_aligned_as_words_and_shown_as_digits() -> None:
    alignment = align(spell([*"F_O_R_T_Y_ _T_W_O_ _N_O_W"]), "42 now")
    assert [w.text for w in alignment.hypothesis.words] == ["42", "now"]
    assert "".join(c.text for c in alignment.characters) == "FORTYTWONOW"


def test_wildcards_stand_for_anything_and_are_reported() -> None:
    emissions = spell([*"_I_N_ _O_S_L_O_ _N_O_W_"])
    alignment = align(emissions, "in 東京 now")
    assert alignment.unmapped == ("東", "京")
    before, wild, after = alignment.hypothesis.words
    assert wild.text == "東京"
    assert wild.confidence == 0.0
    assert min(before.confidence, after.confidence) > 0.9
    assert 4 * 0.02 <= wild.start < wild.end <= 18 * 0.02  # between the N of "in" and that of "now"
    (mixed,) = align(spell([*"A_X_B"]), "aжb").hypothesis.words
    assert mixed.confidence == pytest.approx(0.98**2, rel=1e-4)  # computed from the characters that can be spelled


def test_lines_and_sentences_have_times() -> None:
    emissions = spell(CAT_SAT)
    words = align(emissions, "cat sat").hypothesis.words
    for text, lines in (("cat\nsat\n", ["cat", "sat"]), ("Cat. Sat?", ["Cat.", "Sat?"]), ("cat sat", ["cat sat"])):
        segments = align(emissions, text).segments
        assert [s.text for s in segments] == lines
        assert (segments[0].start, segments[-1].end) == (words[0].start, words[-1].end)


def test_a_vocabulary_without_word_boundary() -> None:
    vocabulary = Vocabulary.of(["<pad>", "A", "B"], word_boundary=None)
    log_probs = np.log(np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])).astype(np.float32)
    assert [w.text for w in align(Emissions(log_probs, vocabulary), "a b").hypothesis.words] == ["a", "b"]


def test_every_format_renders_an_alignment() -> None:
    emissions = spell(CAT_SAT)
    alignment = align(emissions, "Cat sat!")
    for name in FORMATS:
        assert "sat!" in render(alignment.hypothesis, name, seconds=emissions.seconds)


@pytest.mark.parametrize(
    ("text", "cause"), [("", "empty"), (" \n", "empty"), ("?! —", "only punctuation"), ("A \udce9", r"U\+DCE9")]
)
def test_a_text_without_words_is_refused(text: str, cause: str) -> None:
    with pytest.raises(AlignmentError, match=cause):
        align(spell(CAT_SAT), text)


def test_a_text_in_another_script_is_refused() -> None:
    with pytest.raises(AlignmentError, match=r"'Привет,'.*script"):
        align(spell(CAT_SAT), "Привет, мир")
    with pytest.raises(AlignmentError, match="script"):  # the hyphen can be spelled, as a word boundary
        align(spell(CAT_SAT), "東-京")


def test_labels_of_probability_zero_are_allowed() -> None:
    log_probs = np.full((4, len(LABELS)), -np.inf, np.float32)
    log_probs[:, 0] = 0.0
    alignment = align(Emissions(log_probs, Vocabulary.of(LABELS)), "on")
    assert [c.confidence for c in alignment.characters] == [0.0, 0.0]
    assert np.isfinite(alignment.hypothesis.score)


def test_a_single_blank_frame_can_be_aligned() -> None:
    (word,) = align(spell(["_"]), "a").hypothesis.words
    assert (word.start, word.end) == (0.0, 0.02)


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="ab1é東'- .\n", max_size=12), st.integers(1, 80), st.integers(0, 2**32))
def test_any_text_gives_ordered_times_or_is_refused_for_a_reason(text: str, frames: int, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 4, (frames, len(LABELS)))
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    emissions = Emissions(log_probs.astype(np.float32), Vocabulary.of(LABELS))
    words = spell_text(text, emissions.vocabulary)
    columns = [column for word in words for column in (*word.columns, emissions.vocabulary.word_boundary)][:-1]
    if all(column in (WILDCARD, emissions.vocabulary.word_boundary) for column in columns):  # also for an empty text
        with pytest.raises(AlignmentError, match=r"nothing|longer than the sound"):
            align(emissions, text)
        return
    if frames_needed(np.array(columns)) > frames:
        with pytest.raises(AlignmentError, match="longer than the sound"):
            align(emissions, text)
        return
    alignment = align(emissions, text)
    assert [word.text for word in alignment.hypothesis.words] == [word.text for word in words]
    for parts in (alignment.hypothesis.words, alignment.characters, alignment.segments):
        assert all(0 <= part.confidence <= 1 for part in parts)
        edges = [edge for part in parts for edge in (part.start, part.end)]
        assert edges == sorted(edges)
        assert edges[0] >= 0 and edges[-1] <= round(emissions.seconds, 3)
        assert all(part.start < part.end for part in parts)


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5), st.booleans()), min_size=1, max_size=8),
    st.integers(0, 50),
    st.sampled_from([0.0, 0.0225]),
)
def test_word_times_hold_their_frames_and_never_overlap(runs: list[tuple[int, int, bool]], silence: int, first: float) -> None:
    edges = list(itertools.accumulate(n for gap, length, _ in runs for n in (gap, length)))
    starts, stops = np.array(edges[::2]), np.array(edges[1::2])
    opens = np.array([True, *(opening for _, _, opening in runs[1:])])
    frames = edges[-1] + silence
    begins, ends = word_times(starts, stops, opens, frames=frames, frame_seconds=0.02, start_seconds=first)
    assert (begins <= first + starts * 0.02 + 6e-4).all() and (ends >= first + stops * 0.02 - 6e-4).all()
    assert (ends[:-1] <= begins[1:]).all()
    assert begins[0] >= 0 and ends[-1] <= 2 * first + frames * 0.02 + 6e-4


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=6), st.integers(0, 6))
def test_word_times_of_frames_before_and_after_the_sound_lie_inside_it(runs: list[tuple[int, int]], silence: int) -> None:
    edges = list(itertools.accumulate(n for gap, length in runs for n in (gap, length)))
    frames = max(edges[-1] + silence, 12)
    starts, stops, opens = np.array(edges[::2]), np.array(edges[1::2]), np.ones(len(runs), bool)
    begins, ends = word_times(starts, stops, opens, frames=frames, frame_seconds=0.02, start_seconds=-0.0775)
    assert (begins < ends).all() and (ends[:-1] <= begins[1:]).all()
    assert begins[0] >= 0 and ends[-1] <= frames * 0.02 - 0.155 + 6e-4
    assert np.array_equal(np.concatenate([begins, ends]), np.round(np.concatenate([begins, ends]), 3))


def test_word_times_meet_for_near_words_and_leave_silence_between_far_ones() -> None:
    near = word_times(np.array([5, 10]), np.array([6, 11]), np.array([True, True]), frames=100, frame_seconds=0.02)
    assert near[1][0] == near[0][1]
    far = word_times(np.array([5, 80]), np.array([6, 81]), np.array([True, True]), frames=100, frame_seconds=0.02)
    assert far[0][1] - far[1][0] > 1.0
    assert far[1][1] < 1.9
    inside = word_times(np.array([5, 15]), np.array([6, 16]), np.array([True, False]), frames=100, frame_seconds=0.02)
    assert inside[1][0] == inside[0][1] == pytest.approx(0.21)
