"""The analysis of errors, against counts by hand and other libraries."""

import json
import random
from collections import Counter

import jiwer
import numpy as np
import pytest
from support.speller import sound, speller, utterances

from w2vkit.cli import main
from w2vkit.decode import BeamSearch
from w2vkit.decode.lm.build import ngram_from_text
from w2vkit.evaluate import evaluate
from w2vkit.evaluate.analysis import Share, analyse, keyword, oracle
from w2vkit.evaluate.html import to_html
from w2vkit.evaluate.report import table, to_json
from w2vkit.evaluate.scoring import score
from w2vkit.pipeline.datasets import Corpus, Utterance
from w2vkit.pipeline.journal import Result


def analysed(*pairs: tuple[str, str], keywords=(), **known):
    results = [Result(f"u{k}", None, 2.0, r, h) for k, (r, h) in enumerate(pairs)]
    scored = score(results, str)
    return analyse(scored, {r.id: r for r in results}, scoring="card", normalise=str, keywords=keywords, **known)


def test_substitutions_are_counted_by_pair():
    a = analysed(("A CAT SAT", "A BAT SAT"), ("A CAT RAN", "A BAT RUN"), ("GO", "GO NOW"), ("GO ON", "GO"))
    assert a.substitutions == (("CAT", "BAT", 2), ("RAN", "RUN", 1))


def test_words_are_sorted_by_how_often_the_references_have_them():
    a = analysed(("THE CAT", "THE BAT"), ("THE DOG THE END", "A DOG END"), ("THE DOG", "THE FOG NOW"))
    # THE occurs four times and is wrong twice, DOG twice and once, CAT and END once each and CAT is wrong
    assert a.frequency == (Share("once", 2, 1), Share("2 to 5 times", 6, 3))
    often = analysed(*[("THE END", "THE AND")] * 21)
    assert often.frequency == (Share("21 to 100 times", 42, 21),)
    assert analysed(*[("A", "A")] * 101).frequency == (Share("101 times and more", 101, 0),)


def test_positions_are_fifths_of_the_utterance():
    a = analysed(("A B C D E F G H I J", "X B C D E F G H J"), ("A", "B"), ("", "A"))
    # X for A in the first fifth and I left out in the last; the middle of one word is the third fifth
    assert [(s.words, s.wrong) for s in a.positions] == [(2, 1), (2, 0), (3, 1), (2, 0), (2, 1)]
    assert analysed(("", "A")).positions == ()


def test_words_that_the_language_model_does_not_list():
    a = analysed(("THE CAT sat", "THE BAT sat"), known={"THE", "SAT"}.__contains__)
    assert a.unknown == Share("not in the language model", 1, 1)
    assert analysed(("A", "A")).unknown is None


def test_an_evaluation_asks_the_language_model_of_its_decoder():
    model = ngram_from_text("ONE TWO THREE FOUR FIVE", 1)
    made = utterances(12)
    found = evaluate(speller(), made, decode=BeamSearch(language_model=model)).analysis.unknown
    words = [word for u in made for word in (u.reference or "").split()]
    assert found is not None and found.words == sum(word in ("SIX", "SEVEN") for word in words) > 0
    letters = ngram_from_text("A B C D", 1)
    assert evaluate(speller(), made, decode=BeamSearch(language_model=letters)).analysis.unknown is None


def test_keywords_are_found_as_whole_phrases():
    pairs = [("NEW YORK IS NOT YORK", "NEW YORK IS NOT CORK"), ("NEW YORK NEW YORK", "NEW JERSEY NEW OLD YORK")]
    a = analysed(*pairs, keywords=("NEW YORK", "YORK", "PARIS"))
    assert [(k.name, k.words, k.wrong) for k in a.keywords] == [("NEW YORK", 3, 1), ("YORK", 4, 2), ("PARIS", 0, 0)]
    assert a.recall == pytest.approx(4 / 7)
    scored = score([Result("u", reference="a a a", hypothesis="a a")], str)
    assert keyword("A A", scored, str.lower).words == 2 and keyword("...", scored, lambda text: "").words == 0


def test_the_oracle_takes_the_best_text_of_each_list():
    draw = random.Random(1)
    words = ["A", "B", "C"]
    lists = [[" ".join(draw.choices(words, k=draw.randint(1, 5))) for _ in range(4)] for _ in range(60)]
    results = [Result(str(k), None, 1.0, r, first, alternatives=rest) for k, (r, first, *rest) in enumerate(lists)]
    found = oracle([*results, Result("x", None, 1.0, "A", "B")], scoring="card", normalise=str)
    total = sum(len(r.split()) for r, *_ in lists)
    errors = [[round(jiwer.wer(r, text) * len(r.split())) for text in texts] for r, *texts in lists]
    assert found is not None and (found.utterances, found.most) == (60, 3)
    assert found.wer == pytest.approx(sum(map(min, errors)) / total) and found.wer < found.first
    assert found.first == pytest.approx(sum(e[0] for e in errors) / total)


def test_calibration_is_that_of_the_words_one_by_one():
    draw = np.random.default_rng(0)
    results, all_words = [], []
    for k in range(40):
        right = draw.random(5) < 0.6
        confidences = draw.random(5).round(4).tolist()
        hypothesis = " ".join(f"W{i}" if ok else f"X{i}" for i, ok in enumerate(right))
        results.append(Result(str(k), None, 1.0, "W0 W1 W2 W3 W4", hypothesis, confidences=confidences))
        all_words += zip(confidences, right, strict=True)
    results.append(Result("other", None, 1.0, "W0", "W0", confidences=[0.1, 0.2]))  # not one for each word
    scored = score(results, str)
    found = analyse(scored, {r.id: r for r in results}, scoring="card", normalise=str).confidence
    expected = 0.0
    for low in range(10):
        inside = [(c, ok) for c, ok in all_words if low / 10 < c <= (low + 1) / 10]
        if inside:
            expected += len(inside) / 200 * abs(np.mean([c for c, _ in inside]) - np.mean([ok for _, ok in inside]))
    assert found is not None and found.words == 200 and found.error == pytest.approx(expected)
    assert sum(b.count for b in found.bins) == 200


def test_utterances_are_summed_by_noise_and_rate_of_speech():
    results = [
        Result("a", None, 1.0, "A B", "A B", noise=-3.0),  # 2 words per second
        Result("b", None, 2.0, "A B", "A C", noise=10.0),
        Result("c", None, 0.5, "A B", "A B D", noise=35.0),
        Result("d", None, None, "A B", "A"),
    ]
    a = analyse(score(results, str), {r.id: r for r in results}, scoring="card", normalise=str)
    assert [(g.name, g.utterances, g.errors) for g in a.noise] == [
        ("under 0 dB", 1, 0),
        ("10 to 20 dB", 1, 1),
        ("30 dB and more", 1, 1),
    ]
    assert [(g.name, g.utterances, g.errors) for g in a.rates] == [
        ("under 2 words/s", 1, 1),
        ("2 to 2.5 words/s", 1, 0),
        ("3.5 words/s and more", 1, 1),
    ]


def test_an_evaluation_holds_and_reports_its_analysis(tmp_path):
    made = [*utterances(12), Utterance("quiet", sound("ONE TWO"), "ONE TWO", "x")]
    path = tmp_path / "results.jsonl"
    options = {"decode": BeamSearch(nbest=3), "keywords": ["FOUR FIVE", "HELLO"], "results_file": path}
    first = evaluate(speller(), made, **options)
    again = evaluate(speller(), made, **options)
    assert again.analysis == first.analysis and again.analysis.confidence is not None
    assert any("1 keywords do not occur in the references: HELLO." in note for note in first.notes)
    data = json.loads(to_json(first, Corpus.of("made", made)), parse_constant=pytest.fail)["analysis"]
    pairs = Counter(p for u in first.utterances for p in u.pairs if p[0] != p[1] and None not in p)
    assert {(a, b): n for a, b, n in data["substitutions"]} == pairs and first.substitutions == pairs.total()
    assert data["keywords"][1] == {"name": "HELLO", "words": 0, "wrong": 0, "rate": None} and data["keyword_recall"] == 1
    page = to_html(first, Corpus.of("made", made))
    for heading in ("rate of speech", "how often they occur", "position", "Keywords", "Words by confidence"):
        assert heading in page, heading
    said = table(first, Corpus.of("made", made))
    assert "keyword recall" in said and "calibration" in said


def test_evaluate_reads_a_file_of_keywords(tmp_path, capsys):
    (tmp_path / "references.tsv").write_text("id\ttext\na\tNEW YORK\n")
    (tmp_path / "texts.tsv").write_text("id\ttext\na\tNEW CORK\n")
    (tmp_path / "words.txt").write_text("NEW\n\n NEW  YORK \nNEW\n")
    call = ["evaluate", str(tmp_path / "references.tsv"), "--hypotheses", str(tmp_path / "texts.tsv"), "--keywords"]
    assert main([*call, str(tmp_path / "words.txt")]) == 0
    assert "keyword recall   50.00 %" in capsys.readouterr().out
    (tmp_path / "words.txt").write_text("\n")
    assert main([*call, str(tmp_path / "words.txt")]) == 1
    assert "is empty" in capsys.readouterr().err
