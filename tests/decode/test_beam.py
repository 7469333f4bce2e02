"""Beam search against brute force over all paths; hot words, times, n-best lists and options."""

import logging
import time
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.emissions import LABELS, VOCABULARIES, WHOLE, ambiguous, brute_force, random_emissions, spell, text_of

from w2vkit.decode import BeamSearch, beam_search, greedy
from w2vkit.decode.beam import ROOT, Tree
from w2vkit.decode.hotwords import HotWords
from w2vkit.decode.hypothesis import Span, words_from_spans
from w2vkit.decode.viterbi import align_decoded_text
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.errors import DecodingError, EmissionsError, W2VKitError


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(VOCABULARIES), st.integers(1, 6), st.integers(0, 10**6))
def test_without_pruning_every_text_has_its_brute_force_probability(vocabulary, frames, seed):
    emissions = random_emissions(frames, vocabulary, seed)
    expected = brute_force(emissions)
    best = beam_search(emissions, **WHOLE, nbest=10**6)
    found = {h.text: np.exp(h.acoustic_score) for h in (best, *best.alternatives)}
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-9)
    assert best.text == max(expected, key=expected.__getitem__)
    scores = [h.score for h in (best, *best.alternatives)]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([v for v in VOCABULARIES if v.word_boundary is not None]), st.integers(1, 6), st.integers(0, 10**6))
def test_hot_words_count_once_per_occurrence(vocabulary, frames, seed):
    hotwords = {"A": 1.0, "AA": 2.5, "A A": 0.7, "AA A": 1.3}
    emissions = random_emissions(frames, vocabulary, seed)
    best = beam_search(emissions, **WHOLE, nbest=10**6, hotwords=hotwords)
    plain = brute_force(emissions)
    for h in (best, *best.alternatives):
        words = h.text.split()
        runs = [" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
        assert h.language_score == pytest.approx(sum(hotwords.get(run, 0.0) for run in runs), abs=1e-9)
        assert h.acoustic_score == pytest.approx(np.log(plain[h.text]), rel=1e-9)


def spans_of(text: str, emissions: Emissions) -> list[Span]:
    """The spans of a text's labels if the search keeps all prefixes in every frame."""
    labels = [emissions.vocabulary.columns[character] for character in text]
    first_frame, last_frame = (np.full(len(labels) + 1, frame) for frame in (0, len(emissions) - 1))
    return align_decoded_text(emissions, labels, first_frame, last_frame)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(VOCABULARIES), st.integers(1, 6), st.integers(0, 10**6))
def test_word_times_are_those_of_the_likeliest_path(vocabulary, frames, seed):
    emissions = random_emissions(frames, vocabulary, seed)
    log_probs = emissions.log_probs.astype(np.float64)
    best = beam_search(emissions, **WHOLE)
    paths = [p for p in product(range(len(vocabulary)), repeat=frames) if text_of(p, vocabulary) == best.text]
    path = max(paths, key=lambda p: log_probs[np.arange(frames), p].sum())
    expected = []
    for label, run in groupby(enumerate(path), key=lambda place: place[1]):
        at = [frame for frame, _ in run]
        if label not in vocabulary.special and label != vocabulary.word_boundary:
            expected.append((label, at[0], at[-1] + 1, pytest.approx(log_probs[at, label].max())))
    spans = spans_of(best.text, emissions)
    found = [(s.label, s.start, s.stop, s.log_prob) for s in spans if s.label != vocabulary.word_boundary]
    assert found == expected
    assert best.words == words_from_spans(spans, emissions)


def test_a_last_word_has_times_though_its_prefix_left_the_beam_for_a_boundary():
    emissions = spell([*"CAT", *[" "] * 30])
    found = beam_search(emissions)
    assert found.words == words_from_spans(spans_of("CAT", emissions), emissions)


def test_a_prefix_that_comes_back_is_the_same_prefix():
    tree = Tree([])
    nodes = [tree.extend(tree.extend(ROOT, 2, frame), 3, frame + 1) for frame in (0, 7)]
    assert nodes[0] == nodes[1]
    assert tree.first_frame[tree.path(nodes[0])].tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(5))
def test_a_narrow_search_gives_the_times_of_a_wide_one(seed):
    emissions = random_emissions(300, VOCABULARIES[0], seed, scale=3.0)
    found = beam_search(emissions, 8)
    assert len(found.words) > 5
    assert found.words == words_from_spans(spans_of(found.text, emissions), emissions)


def test_beam_search_equals_greedy_on_clear_emissions():
    frames = list("___HH_E_LL_LL_OO _  _W_OORRR_L_DD__")
    emissions = spell(frames)
    expected, found = greedy(emissions), beam_search(emissions)
    assert found.text == expected.text == "HELLO WORLD"
    assert [(w.text, w.start, w.end) for w in found.words] == [(w.text, w.start, w.end) for w in expected.words]
    assert [w.confidence for w in found.words] == pytest.approx([w.confidence for w in expected.words])
    assert found.score > expected.score  # it sums over all paths of the text


def test_special_labels_separate_repeats_and_are_no_text():
    assert beam_search(spell(["A", "<s>", "A", "</s>", "|", "<unk>", "|", "B"])).text == "AA B"


@pytest.mark.parametrize("frames", [["_"] * 5, [" "] * 4, [" ", "_", " "], ["<s>"], ["_"]])
def test_blank_emissions_give_an_empty_text(frames):
    found = beam_search(spell(frames))
    assert (found.text, found.words, found.confidence) == ("", (), 1.0)


def test_one_beam_differs_from_greedy_as_the_docstring_says():
    vocabulary = Vocabulary.of(["<pad>", "A", "B"], word_boundary=None)
    emissions = Emissions(np.log(np.array([[0.05, 0.9, 0.05], [0.3, 0.3, 0.4]], dtype=np.float32)), vocabulary)
    assert greedy(emissions).text == "AB"
    assert beam_search(emissions, 1).text == "A"


def test_the_sum_of_paths_beats_the_best_path():
    # Graves' example: the path "blank blank" is likelier than any path of A, but less likely than all of them together.
    vocabulary = Vocabulary.of(["<pad>", "A"], word_boundary=None)
    emissions = Emissions(np.log(np.full((2, 2), [0.6, 0.4], dtype=np.float32)), vocabulary)
    assert greedy(emissions).text == ""
    assert beam_search(emissions).text == "A"
    assert beam_search(emissions).score == pytest.approx(np.log(0.64))


def test_pruning_never_makes_a_text_likelier_than_it_is():
    emissions = random_emissions(6, VOCABULARIES[0], seed=11)
    truth = brute_force(emissions)
    for width in (1, 2, 4):
        found = beam_search(emissions, width, nbest=width)
        for h in (found, *found.alternatives):
            assert h.acoustic_score <= np.log(truth[h.text]) + 1e-9


def test_nbest_texts_differ_and_carry_words_and_both_scores():
    emissions = spell([*"CA", "_", "T"], sure=0.6)
    best = beam_search(emissions, nbest=5, hotwords={"CAT": 1.5})
    texts = [best.text, *(h.text for h in best.alternatives)]
    assert len(texts) == len(set(texts)) == 5
    assert best.text == "CAT" and best.language_score == pytest.approx(1.5)
    for h in (best, *best.alternatives):
        assert " ".join(w.text for w in h.words) == h.text
        assert h.score == pytest.approx(h.acoustic_score + h.language_score)


def test_a_hot_word_wins_only_when_it_is_complete():
    emissions = ambiguous("KC", "A", "T", " ", "S", "A", "T")
    assert beam_search(emissions).text == "KAT SAT"
    assert beam_search(emissions, hotwords={"CAT": 4.0}).text == "CAT SAT"
    assert beam_search(emissions, hotwords={"cat": 4.0}).text == "CAT SAT"
    assert beam_search(emissions, hotwords={"CATS": 4.0}).text == "KAT SAT"
    assert beam_search(emissions, hotwords={"CA": 4.0}).text == "KAT SAT"


def test_a_hot_phrase_of_several_words_wins():
    emissions = ambiguous("M", "NM", "E", "U", " ", "Y", "O", "RU", "K", " ", "I", "S")
    assert beam_search(emissions).text == "MNEU YORK IS"
    found = beam_search(emissions, hotwords={"MMEU YUUK": 2.0, "MNEU YOUK": 5.0, "YOUK": 0.5})
    assert found.text == "MNEU YOUK IS"
    assert found.language_score == pytest.approx(5.5)


def test_partial_scores_keep_a_hot_word_in_a_narrow_beam():
    emissions = ambiguous(*(f"{a}{b}" for a, b in zip("KATARINA", "CETELYNE", strict=True)))
    assert beam_search(emissions, 2, hotwords={"CETELYNE": 12.0}).text == "CETELYNE"


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        *[({"beam_width": width}, "Give 1 to") for width in (0, 10**12, 2.5, "8", True)],
        ({"nbest": 2.5}, "Ask for 1 or more"),
        ({"nbest": 0}, "Ask for 1 or more"),
        ({"token_min_logp": 0.5}, "Give 0 or less"),
        ({"token_min_logp": float("nan")}, "Give 0 or less"),
        ({"beam_threshold": -1.0}, "Give 0 or more"),
        ({"alpha": float("nan")}, "alpha is nan. Give a number from -1000 to 1000"),
        *[({"alpha": weight}, "Give a number from") for weight in (1e308, -1e308, "1", True)],
        ({"oov_penalty": float("inf")}, "Give a number from"),
        ({"hotwords": {" ": 8.0}}, "empty"),
        ({"hotwords": {5: 8.0}}, "empty"),
        ({"hotwords": ["CAT"]}, "with their weights"),
        *[({"hotwords": {"CAT": weight}}, "above 0") for weight in (1e308, "8", None)],
        ({"hotwords": {"CAT": 0.0}}, "above 0"),
        ({"hotwords": {"CAT": float("inf")}}, "above 0"),
    ],
)
def test_bad_options_are_refused_at_construction(options, remedy):
    with pytest.raises(DecodingError, match=remedy):
        BeamSearch(**options)


@pytest.mark.parametrize(("word", "strange"), [("WAV2VEC", "2. Write it as it is spoken"), ("käse", "Ä")])
def test_hot_words_outside_the_vocabulary_are_refused(word, strange):
    with pytest.raises(DecodingError, match=f"outside the vocabulary: {strange}"):
        beam_search(spell(["A"]), hotwords={word: 8.0})


def test_hot_words_without_word_boundary_are_refused():
    with pytest.raises(DecodingError, match="no word boundary"):
        beam_search(random_emissions(2, VOCABULARIES[3], 0), hotwords={"A": 1.0})


@pytest.mark.parametrize(
    "log_probs", [np.zeros((0, 3)), np.full((1, 3), np.nan), np.full((2, 3), 1 / 3), np.zeros((2, 4))], ids=str
)
def test_bad_emissions_are_refused(log_probs):
    vocabulary = Vocabulary.of(["<pad>", "|", "A"])
    with pytest.raises(EmissionsError) as caught:
        beam_search(Emissions(log_probs.astype(np.float32), vocabulary))
    assert isinstance(caught.value, W2VKitError)


def test_search_allows_labels_of_probability_zero():
    vocabulary = Vocabulary.of(["<pad>", "|", "A", "B"])
    sure = np.array([2, 2, 0, 2, 1, 1, 3])  # probabilities of exactly one and zero
    with np.errstate(divide="ignore"):
        emissions = Emissions(np.log(np.eye(4, dtype=np.float32)[sure]), vocabulary)
    found = beam_search(emissions, **WHOLE)
    assert (found.text, found.score) == ("AA B", 0.0)
    assert [w.confidence for w in found.words] == [1.0, 1.0]


def test_the_likeliest_label_is_never_pruned():
    labels = [chr(0x4E00 + k) for k in range(999)]
    vocabulary = Vocabulary.of(["<pad>", *labels], word_boundary=None)
    row = np.full(1000, 1.0)
    row[7] = 1.5  # all are less likely than exp(-6)
    emissions = Emissions(np.log(row / row.sum())[None].astype(np.float32), vocabulary)
    assert beam_search(emissions).text == labels[6]


def test_search_prints_and_logs_nothing(capsys, caplog):
    with caplog.at_level(logging.INFO):
        beam_search(spell(list("CAT")), hotwords={"CAT": 1.0})
    assert not caplog.records and capsys.readouterr() == ("", "")


def test_hot_words_take_time_in_proportion_to_their_characters():
    started = time.process_time()
    HotWords({" ".join(["A"] * 10_000): 8.0, " ".join(["A"] * 9_000 + ["B"]): 8.0, "A" * 20_000: 8.0}, Vocabulary.of(LABELS))
    assert time.process_time() - started < 5


def test_a_long_phrase_of_hot_words_takes_linear_time():
    started = time.perf_counter()
    HotWords({" ".join(["A"] * 20_000): 8.0, "A" * 20_000: 8.0}, Vocabulary.of(LABELS))
    assert time.perf_counter() - started < 5
