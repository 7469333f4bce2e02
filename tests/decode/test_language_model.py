"""Language models: values by hand, independent implementations, and their effect on beam search."""

import gzip
import hashlib
import json
import logging
import math
import sys
import tracemalloc
import zipfile
from pathlib import Path

import kenlm  # pyright: ignore[reportMissingImports]
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.emissions import VOCABULARIES, WHOLE, ambiguous, brute_force, random_emissions, spell

from w2vkit.checkpoints import mini_folder
from w2vkit.decode import BeamSearch, beam_search
from w2vkit.decode.lm import BUNDLED, KenLM, NGram, Weights, load, save, save_weights
from w2vkit.decode.lm.build import build_ngram
from w2vkit.decode.lm.language_model import KENLM_MAGIC
from w2vkit.decode.lm.ngram import BEGIN, END, UNKNOWN
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.errors import LanguageModelError

LN10 = math.log(10)
SMALL = r"""
\data\
ngram 1=5
ngram 2=3
ngram 3=1

\1-grams:
-1.0	<unk>
-99	<s>	-0.5
-0.7	</s>
-0.4	A	-0.3
-0.8	B	-0.2

\2-grams:
-0.2	<s> A	-0.1
-0.6	A B	-0.4
-0.3	B </s>

\3-grams:
-0.05	<s> A B

\end\
"""


@pytest.fixture
def arpa(tmp_path: Path):
    """Write an ARPA file and read it."""

    def reader(content: str = SMALL) -> NGram:
        path = tmp_path / "model.arpa"
        path.write_text(content, encoding="utf-8")
        model = load(path)
        assert isinstance(model, NGram)
        return model

    return reader


@pytest.mark.parametrize(
    ("text", "log10"),
    [
        ("A B", -0.2 - 0.05 + (-0.4 - 0.3)),  # "A B </s>" is not listed: back-off(A B) + P(</s> | B)
        ("B A", (-0.5 - 0.8) + (-0.2 - 0.4) + (-0.3 - 0.7)),  # a context that is not listed has the back-off weight 0
        ("A C", -0.2 + (-0.1 - 0.3 - 1.0) - 0.7),  # C is <unk>, backed off to from <s> A and from A
        ("", -0.5 - 0.7),
    ],
)
def test_back_off_is_what_one_computes_by_hand(arpa, text, log10):
    assert arpa().score(text) == pytest.approx(log10 * LN10, rel=1e-9)


def test_an_ngram_whose_end_is_not_listed_backs_off_to_its_last_word(arpa):
    content = SMALL.replace("-0.6\tA B\t-0.4\n", "").replace("ngram 2=3", "ngram 2=2")
    expected = -0.2 - 0.05 + (-0.2 - 0.4) + (-0.3 - 0.7)  # after "<s> A B" come back-off(B) + P(A) and back-off(A) + P(</s>)
    assert arpa(content).score("A B A") == pytest.approx(expected * LN10, rel=1e-9)


@st.composite
def back_off_models(draw):
    """Random n-grams with all beginnings listed, but not all ends, as after pruning."""
    words = ["<unk>", "<s>", "</s>", "A", "B", "AB"]
    number = st.integers(1, 300).map(lambda n: -n / 100)
    model = {(word,): (draw(number), draw(number)) for word in words}
    level = list(model)
    following = st.sets(st.sampled_from(["A", "B", "AB", "</s>"]), max_size=3)
    for _ in range(2):
        level = [(*old, word) for old in level if old[-1] != "</s>" for word in sorted(draw(following))]
        model |= {ngram: (draw(number), draw(number)) for ngram in level}
    return model


def write_arpa(model: dict[tuple[str, ...], tuple[float, float]]) -> str:
    orders = sorted({len(ngram) for ngram in model})
    lines = ["\\data\\", *(f"ngram {n}={sum(len(g) == n for g in model)}" for n in orders)]
    for n in orders:
        lines.append(f"\\{n}-grams:")
        for ngram, (log_prob, back_off) in model.items():
            if len(ngram) == n:
                lines.append(f"{log_prob}\t{' '.join(ngram)}" + (f"\t{back_off}" if n < orders[-1] else ""))
    return "\n".join([*lines, "\\end\\", ""])


def backed_off(model: dict[tuple[str, ...], tuple[float, float]], context: tuple[str, ...], word: str) -> float:
    """Compute log10 P(word | context) by Katz' recursion, as the ARPA format defines it."""
    if (*context, word) in model:
        return model[*context, word][0]
    return (model[context][1] if context in model else 0.0) + backed_off(model, context[1:], word)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(back_off_models(), st.lists(st.sampled_from(["A", "B", "AB", "C"]), max_size=6))
def test_any_model_scores_as_the_recursion_does(arpa, model, words):
    order = max(len(ngram) for ngram in model)
    history, expected = ["<s>"], 0.0
    for word in [*(w if (w,) in model else "<unk>" for w in words), "</s>"]:
        expected += backed_off(model, tuple(history[-(order - 1) :]) if order > 1 else (), word)
        history.append(word)
    assert arpa(write_arpa(model)).score(words) == pytest.approx(expected * LN10, rel=1e-9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(back_off_models(), st.integers(1, 6), st.integers(0, 10**6))
def test_search_with_a_word_model_is_exact(arpa, model, frames, seed):
    lm = arpa(write_arpa(model))
    emissions = random_emissions(frames, VOCABULARIES[0], seed)
    expected = {}
    for text, probability in brute_force(emissions).items():
        words = text.split()
        unknown = sum(len(word) for word in words if (word,) not in model)
        language = 0.7 * lm.score(words) + 0.9 * len(words) - 2.0 * unknown
        expected[text] = (np.log(probability), language)
    best = beam_search(emissions, **WHOLE, language_model=lm, alpha=0.7, beta=0.9, oov_penalty=2.0, nbest=10**6)
    found = {h.text: (h.acoustic_score, h.language_score) for h in (best, *best.alternatives)}
    assert found.keys() == expected.keys()
    for text, scores in found.items():
        assert scores == pytest.approx(expected[text], rel=1e-7, abs=1e-7), text
    assert best.score == pytest.approx(max(sum(scores) for scores in expected.values()))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(VOCABULARIES[:4]), st.integers(1, 6), st.integers(0, 10**6))
def test_search_with_a_character_model_is_exact(tmp_path, vocabulary, frames, seed):
    # "b" is only in the model in lower case, and every label is another time unknown to it.
    lines = [list("aba|ab|aa"), list("ba|a"), list("b|aab|ba"), list("aa")]
    build_ngram(lines, 3, output=tmp_path / "characters.arpa")
    lm = load(tmp_path / "characters.arpa")
    assert isinstance(lm, NGram) and lm.characters
    emissions = random_emissions(frames, vocabulary, seed)
    best = beam_search(emissions, **WHOLE, language_model=lm, alpha=0.7, beta=0.9, nbest=10**6)
    truth = brute_force(emissions)
    assert len(best.alternatives) == len(truth) - 1
    for h in (best, *best.alternatives):
        language = 0.7 * lm.score(h.text.lower().replace(" ", "|")[k] for k in range(len(h.text))) + 0.9 * len(h.text.split())
        assert h.language_score == pytest.approx(language, abs=1e-9)
        assert h.acoustic_score == pytest.approx(np.log(truth[h.text]))


BROKEN = {
    "no data": (lambda s: s.replace("\\data\\", ""), r"no \\data\\ line"),
    "empty": (lambda s: "", r"no \\data\\ line"),
    "no counts": (lambda s: s.replace("ngram ", "gram "), "counts no unigrams"),
    "absurd count": (
        lambda s: s.replace("ngram 1=5", "ngram 1=" + "9" * 5000),
        "line 3: .* more n-grams than any file can hold",
    ),
    "absurd order": (lambda s: s.replace("ngram 2", "ngram " + "9" * 5000), "line 4: .* more n-grams than any file can hold"),
    "large count": (lambda s: s.replace("ngram 1=5", "ngram 1=99999999999"), "promises 99999999999 1-grams, there are 5"),
    "long line": (lambda s: s.replace("\tA B\t", "\tA " + "B" * 100_000 + "\t"), "line 16: the line has more than 65536 bytes"),
    "count jump": (lambda s: s.replace("ngram 2", "ngram 4"), "jump to order 4"),
    "missing end": (lambda s: s.replace("\\end\\", ""), r"expected \\end\\.*the end of the file"),
    "cut in a section": (lambda s: s[: s.index("-0.6\tA B")], "promises 3 2-grams, there are 1"),
    "missing section": (lambda s: s.replace("\\2-grams:", "\\3-grams:", 1), r"expected the section \\2-grams:"),
    "too many": (lambda s: s.replace("ngram 2=3", "ngram 2=2"), "promises 2 2-grams, there are more"),
    "too many unigrams": (lambda s: s.replace("ngram 1=5", "ngram 1=4"), "promises 4 1-grams, there are more"),
    "no number": (lambda s: s.replace("-0.6\t", "x.6\t"), "line 16: 'x.6'.*is no number"),
    "nan": (lambda s: s.replace("-0.6\t", "nan\t"), "line 16: nan is no log10 probability"),
    "probability": (lambda s: s.replace("-0.6\t", "0.6\t"), "line 16: 0.6 is no log10 probability"),
    "weight": (lambda s: s.replace("-0.4\n", "inf\n"), "inf no weight"),
    "missing word": (lambda s: s.replace("A B\t-0.4", "A"), "line 16: a 2-gram needs a number, 2 word"),
    "unknown word": (lambda s: s.replace("\tA B\t", "\tA C\t"), "line 16: 'C' is not among the unigrams"),
    "twice": (lambda s: s.replace("\tA B\t", "\t<s> A\t"), "line 16: the n-gram is there twice"),
    "unigram twice": (lambda s: s.replace("\tB\t", "\tA\t"), "'A' is there twice"),
    "no beginning": (lambda s: s.replace("<s> A B", "B A B"), "beginning is not listed"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_refused_with_its_line(arpa, what):
    change, message = BROKEN[what]
    with pytest.raises(LanguageModelError, match=message) as caught:
        arpa(change(SMALL))
    assert "again" in str(caught.value) or "Give an ARPA file" in str(caught.value)


def test_a_byte_order_mark_and_odd_white_space_in_words_are_read(arpa, tmp_path):
    path = tmp_path / "odd.arpa"
    for odd in ("\v", "\f", "\r"):  # SRILM and KenLM separate fields by spaces and tabs only
        path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("B", f"B{odd}B").replace("\n", "\r\n").encode())
        model = load(path)
        assert isinstance(model, NGram) and f"B{odd}B" in model.words
        assert model.score(["A", f"B{odd}B"]) == arpa().score("A B")


def test_a_small_gzip_of_one_endless_line_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "bomb.arpa.gz"
    path.write_bytes(gzip.compress(b"a" * 200_000_000, 1))
    tracemalloc.start()
    with pytest.raises(LanguageModelError, match="line 1: the line has more than"):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_files_of_other_kinds_are_refused(tmp_path, monkeypatch):
    with pytest.raises(LanguageModelError, match="Check the path"):
        load(tmp_path / "missing.arpa")
    path = tmp_path / "model.arpa.gz"
    path.write_bytes(gzip.compress(SMALL.encode())[:-20])
    with pytest.raises(LanguageModelError, match="fetch it again"):
        load(path)
    path.write_bytes(SMALL.replace("\tB\t", "\tÄ\t").encode("latin-1"))
    with pytest.raises(LanguageModelError, match="not in UTF-8"):
        load(path)
    path.write_bytes(KENLM_MAGIC + b" 5\n\0")
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(LanguageModelError, match="pip install ufal-kenlm"):
        load(path)


def test_ngram_scores_are_those_of_kenlm(arpa, tmp_path):
    lm = arpa()
    theirs = kenlm.Model(str(tmp_path / "model.arpa"))
    for text in ("A B", "B A A B", "A C B", ""):
        assert lm.score(text) == pytest.approx(theirs.score(text) * LN10, rel=1e-5)


def test_a_search_with_kenlm_scores_as_one_with_our_ngram(arpa, tmp_path):
    lm = arpa(SMALL.replace("B", "AB"))
    through_kenlm = KenLM(tmp_path / "model.arpa", lm.weights)  # kenlm reads ARPA files, too
    assert (through_kenlm.name, through_kenlm.fingerprint) == (lm.name, lm.fingerprint)
    emissions = random_emissions(5, VOCABULARIES[0], seed=5)
    ours, theirs = (beam_search(emissions, **WHOLE, language_model=m, nbest=10**6) for m in (lm, through_kenlm))
    expected = {h.text: h.language_score for h in (ours, *ours.alternatives)}
    assert {h.text: h.language_score for h in (theirs, *theirs.alternatives)} == pytest.approx(expected, rel=1e-5)
    assert len(expected) > 50


def test_a_gzipped_file_gives_the_same_model(arpa, tmp_path):
    path = tmp_path / "model.arpa.gz"
    path.write_bytes(gzip.compress(SMALL.encode()))
    model = load(path)
    assert isinstance(model, NGram)
    assert model.score("A B B") == arpa().score("A B B")


def unigrams(**log10: float) -> str:
    return write_arpa({(word,): (value, 0.0) for word, value in {"</s>": -1.0, **log10}.items()})


def test_lower_case_words_are_mapped_with_a_log_message(arpa, caplog):
    emissions = ambiguous("KC", "A", "T", " ", "S", "A", "T")
    assert beam_search(emissions).text == "KAT SAT"
    with caplog.at_level(logging.WARNING):
        found = beam_search(emissions, language_model=arpa(unigrams(cat=-1.0, sat=-1.0)))
    assert found.text == "CAT SAT"
    assert found.language_score == pytest.approx(0.5 * LN10 * -3 + 2 * 1.0)
    assert "upper case" in caplog.text


def test_of_words_that_differ_in_case_only_the_likelier_one_counts(arpa):
    lm = arpa(unigrams(us=-1.0, US=-3.0, We=-1.0))
    assert beam_search(spell(list("US")), language_model=lm, alpha=1.0, beta=0.0).language_score == pytest.approx(-2 * LN10)


def test_stored_weights_are_used_unless_others_are_given(arpa, tmp_path):
    emissions = spell(list("US"))
    content = unigrams(US=-1.0)
    found = {name: tmp_path / f"{name}.arpa.gz" for name in ("plain", "v1.2")}
    for path in found.values():
        path.write_bytes(gzip.compress(content.encode()))
    save_weights(found["v1.2"], Weights(alpha=2.0, beta=0.25))
    plain, weighed = load(found["plain"]), load(found["v1.2"])
    assert (plain.weights, weighed.weights) == (Weights(0.5, 1.0), Weights(2.0, 0.25))

    def score(lm, **given) -> float:
        return beam_search(emissions, language_model=lm, **given).language_score

    assert score(plain) == pytest.approx(0.5 * -2 * LN10 + 1.0)
    assert score(weighed) == pytest.approx(2.0 * -2 * LN10 + 0.25)
    assert score(weighed, alpha=1.0) == pytest.approx(-2 * LN10 + 0.25)
    assert score(weighed, beta=0.0) == pytest.approx(2.0 * -2 * LN10)
    assert score(weighed, alpha=0.0, beta=0.0) == 0.0


def test_the_stored_beam_width_is_used_unless_another_is_given(arpa, tmp_path):
    lm = arpa(unigrams(KAT=-1.0, CAT=-1.1, KET=-1.2))
    save_weights(tmp_path / "model.arpa", Weights(beam_width=1))
    narrow = load(tmp_path / "model.arpa")
    emissions = ambiguous("KC", "AE", "T")
    found = {
        name: len(beam_search(emissions, nbest=99, **options).alternatives)
        for name, options in {
            "default": {"language_model": lm},
            "stored": {"language_model": narrow},
            "given": {"language_model": narrow, "beam_width": 32},
            "without a model": {},
        }.items()
    }
    assert found["stored"] == 0 < found["default"] == found["given"]
    assert found["without a model"] > 0
    widths = [BeamSearch(language_model=model).settings()["beam_width"] for model in (None, lm, narrow)]
    assert widths == [32, 32, 1]


@pytest.mark.parametrize(
    "content",
    [
        *("", "[1]", '"ab"', '{"alpha": "x"}', '{"alpha": NaN}', '{"gamma": 1}'),
        *('{"alpha": 1e308}', '{"alpha": true}', '{"beam_width": true}', '{"beam_width": 99999999999}'),
        *('{"beam_width": 0}', '{"beam_width": 2.5}', '{"beam_width": "64"}', '{"beam_width": Infinity}'),
    ],
)
def test_damaged_weights_are_named(tmp_path, content):
    (tmp_path / "model.arpa").write_text(SMALL)
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(LanguageModelError, match=r"model\.json cannot be used.*delete it"):
        load(tmp_path / "model.arpa")


def test_the_bundled_model_has_stored_weights():
    tuned = json.loads((mini_folder() / "language_model.json").read_text())  # written by training.decoding
    assert load(BUNDLED).weights == Weights(**tuned)


def test_another_script_is_refused(arpa):
    with pytest.raises(LanguageModelError, match="can spell none of the language model's 2 words"):
        beam_search(spell(["A"]), language_model=arpa(unigrams(привет=-1.0, мир=-1.0)))


def test_words_need_a_word_boundary(arpa):
    with pytest.raises(LanguageModelError, match="model of its characters"):
        beam_search(random_emissions(2, VOCABULARIES[3], 0), language_model=arpa(unigrams(AB=-1.0)))


def test_look_ahead_keeps_a_long_word_in_a_narrow_beam(arpa):
    emissions = ambiguous(*(f"{a}{b}" for a, b in zip("KATARINA", "CETELYNE", strict=True)))
    lm = arpa(unigrams(CETELYNE=-1.0, KATARINA=-5.0, KETARINA=-5.0, CATARINA=-5.0))
    assert beam_search(emissions, 2, language_model=lm, alpha=1.0).text == "CETELYNE"
    assert beam_search(emissions, 2, language_model=lm, alpha=0.1).text == "KATARINA"


def test_one_lexicon_serves_all_weights(arpa):
    lm = arpa(unigrams(CAT=-1.0, KAT=-2.0))
    emissions = ambiguous("KC", "A", "T")
    for alpha in (0.0, 0.5, 2.0):
        scores = {"CAT": -1.0, "KAT": -2.0}
        found = beam_search(emissions, language_model=lm, alpha=alpha, beta=0.0, nbest=2)
        for h in (found, *found.alternatives):
            assert h.language_score == pytest.approx(alpha * LN10 * (scores[h.text] - 1.0))


def test_each_vocabulary_has_its_own_lexicon(arpa):
    """The lexicon that is kept for one vocabulary is not used for another."""
    lm = arpa(unigrams(AB=-1.0, BA=-2.0))
    for labels in (["<pad>", "|", "A", "B"], ["B", "A", "|", "<pad>"]):
        vocabulary = Vocabulary.of(labels)
        frames = [vocabulary.columns[c] for c in "BA"]
        rows = np.full((2, 4), 0.01, dtype=np.float32)
        rows[[0, 1], frames] = 0.97
        found = beam_search(Emissions(np.log(rows), vocabulary), language_model=lm, alpha=1.0, beta=0.0)
        assert (found.text, found.language_score) == ("BA", pytest.approx(-3 * LN10))


def load_ngram(path: Path) -> NGram:
    model = load(path)
    assert isinstance(model, NGram)
    return model


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(back_off_models(), st.lists(st.sampled_from(["A", "B", "AB", "C"]), max_size=6))
def test_the_compact_format_keeps_a_small_model_but_for_the_width_of_a_cell(arpa, tmp_path, model, words):
    lm = arpa(write_arpa(model))
    save(lm, tmp_path / "model.npz")
    compact = load_ngram(tmp_path / "model.npz")
    assert (compact.order, set(compact.words), len(compact.word)) == (lm.order, set(lm.words), len(lm.word))
    cell = 3 * LN10 / 254  # the numbers of these models are 0.01 to 3 below 0
    assert compact.score(words) == pytest.approx(lm.score(words), abs=(len(words) + 1) * lm.order * cell)
    save(compact, tmp_path / "again.arpa")
    assert load_ngram(tmp_path / "again.arpa").score(words) == pytest.approx(compact.score(words), abs=1e-4)


def zipf_model(path: Path) -> list[list[str]]:
    """Build a 3-gram of 5,000 words out of 600 different ones, and give its sentences."""
    generator = np.random.default_rng(5)
    numbers = np.minimum(generator.zipf(1.3, (500, 10)), 600)
    lines = [[f"w{number}" for number in line] for line in numbers.tolist()]
    build_ngram(lines, 3, output=path)
    return lines


ANY_WORD = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=6).filter(
    lambda word: word not in (BEGIN, END, UNKNOWN)  # such a text is refused
)
ANY_SENTENCES = st.lists(st.lists(ANY_WORD, min_size=1, max_size=8), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentences=ANY_SENTENCES, suffix=st.sampled_from([".arpa", ".arpa.gz", ".npz"]))
@example(sentences=[["0"] * 7 + ["00"]], suffix=".npz")  # two of its log-probabilities are in one cell of the compact format
def test_a_model_of_any_words_is_read_as_it_was_written(tmp_path, sentences, suffix):
    build_ngram(sentences, 3, output=tmp_path / "built.arpa")
    model = load(tmp_path / "built.arpa")
    assert isinstance(model, NGram)
    save(model, tmp_path / f"a{suffix}")
    again = load(tmp_path / f"a{suffix}")
    assert isinstance(again, NGram) and again.order == model.order
    precision = 1e-4  # of a word
    if suffix == ".npz":  # each log-probability and back-off weight is off by a cell at most
        log_probs = np.array([value for value in model.log_prob if value > -200])
        precision += model.order * max(np.ptp(log_probs), np.ptp(model.back_off)) / 254
    for words in [*sentences, [*reversed(sentences[0]), "NOWHERE"]]:
        text = " ".join(words)
        assert again.score(text) == pytest.approx(model.score(text), abs=precision * (len(words) + 1))


def test_a_compact_model_scores_as_its_arpa_file_and_as_kenlm(tmp_path):
    lines = zipf_model(tmp_path / "model.arpa")
    lm = load_ngram(tmp_path / "model.arpa")
    save(lm, tmp_path / "model.npz")
    compact, theirs = load_ngram(tmp_path / "model.npz"), kenlm.Model(str(tmp_path / "model.arpa"))
    assert compact.fingerprint == hashlib.sha256((tmp_path / "model.npz").read_bytes()).hexdigest()[:16] != lm.fingerprint
    width = max(np.ptp(np.array(lm.log_prob)[2:][np.array(lm.log_prob)[2:] > -200]), np.ptp(lm.back_off)) / 254
    errors = []
    for line in lines[:50]:
        state, shadow, total = lm.start, compact.start, 0.0
        for word in [*line, "unheard", "</s>"]:
            (state, exact), (shadow, rounded) = lm.step(state, word), compact.step(shadow, word)
            errors.append(rounded - exact)
            total += rounded
            assert abs(errors[-1]) <= 3 * width  # a probability and two back-off weights
        assert total == pytest.approx(theirs.score(" ".join([*line, "unheard"])) * LN10, abs=14 * width)
    assert abs(np.mean(errors)) < width / 4


def test_equal_models_make_equal_compact_files(tmp_path):
    zipf_model(tmp_path / "model.arpa")
    files = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for path in files:
        save(load_ngram(tmp_path / "model.arpa"), path)
    save(load_ngram(files[0]), tmp_path / "again.npz")
    assert files[0].read_bytes() == files[1].read_bytes()
    again, one = load_ngram(tmp_path / "again.npz"), load_ngram(files[0])
    assert again.score("w1 w2 w3 w9 w1") == pytest.approx(one.score("w1 w2 w3 w9 w1"), abs=1e-5)


def changed(**arrays: np.ndarray | None):
    def change(path: Path) -> None:
        with np.load(path) as file:
            content = {name: file[name] for name in file} | arrays
        np.savez(path, allow_pickle=True, **{name: values for name, values in content.items() if values is not None})

    return change


DAMAGE = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-200]), "damaged.*Make the file again"),
    "head": (lambda path: path.write_bytes(path.read_bytes()[:30]), "damaged"),
    "changed bytes": (lambda path: path.write_bytes(path.read_bytes()[:600] + bytes(20) + path.read_bytes()[620:]), "damaged"),
    "another npz": (lambda path: np.savez(path, values=np.arange(3)), "is not a language model.*ARPA"),
    "pickle": (lambda path: np.savez(path, words=np.array([{}]), version=np.array(1)), "damaged"),
    "a zip of other files": (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "A"), "is not a language model"),
    "a later version": (changed(version=np.array(2)), "version 2.*Update"),
    "a missing array": (changed(words_2=None), "damaged"),
    "a missing order": (changed(order=np.array(4)), "damaged"),
    "no order": (changed(order=np.array(0)), "damaged"),
    "no number of orders": (changed(order=np.array([[1, 2]])), "damaged"),
    "too few words": (changed(words=np.frombuffer(b"A\nB", np.uint8)), "damaged"),
    "a word twice": (changed(words=np.frombuffer(b"A\nA\n<s>\n</s>\n<unk>", np.uint8)), "damaged"),
    "no text": (changed(words=np.frombuffer(b"\xff\n", np.uint8)), "damaged"),
    "a code without a value": (changed(log_probs_1=np.full(5, 200, np.uint8)), "damaged"),
    "a probability above 1": (changed(log_prob_table_1=np.full(5, 0.5, np.float32)), "damaged"),
    "no number": (changed(back_off_table_1=np.full(5, np.nan, np.float32)), "damaged"),
    "children of another model": (changed(children_2=np.ones((1, 7), np.uint8)), "damaged"),
    "a word beyond the list": (changed(words_2=np.full((1, 3), 77, np.uint8)), "damaged"),
    "numbers of another kind": (changed(words_2=np.ones((1, 3))), "damaged"),
    "flat numbers": (changed(words_2=np.ones(3, np.uint8)), "damaged"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_or_foreign_compact_file_is_refused(arpa, tmp_path, what):
    path = tmp_path / "model.npz"
    save(arpa(), path)
    load(path)
    change, message = DAMAGE[what]
    change(path)
    with pytest.raises(LanguageModelError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_small_compact_file_of_large_arrays_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("words.npy", "w") as member:
        np.lib.format.write_array(member, np.zeros(100_000_000, np.uint8))
    tracemalloc.start()
    with pytest.raises(LanguageModelError, match="expands to more than 100 times its size"):
        load(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_file_that_cannot_be_written_is_named(arpa, tmp_path):
    (tmp_path / "folder").write_text("a file")
    for name in ("model.npz", "model.arpa"):
        with pytest.raises(LanguageModelError, match=f"{name} could not be written"):
            save(arpa(), tmp_path / "folder" / name)
