"""The scorings "whisper" and "leaderboard" on texts where they differ; expected values are derived by hand from their rules."""

import random
import sys

import kaldialign
import pytest
from support.speller import sound, speller

from w2vkit.errors import EvaluationError, ModelError
from w2vkit.evaluate import evaluate
from w2vkit.evaluate.compare import compare
from w2vkit.evaluate.hypotheses import System
from w2vkit.evaluate.scoring import normaliser, score
from w2vkit.model import leaderboard_text
from w2vkit.pipeline.datasets import Utterance
from w2vkit.pipeline.journal import Result

LISTS = """
english_spelling_normalizer = {"ok": "okay", "colour": "color"}
english_name_normalizer = {
    # a comment
    "ann": "anne",
}
english_compound_normalizer = {r"\\ball\\s+right\\b": "alright", r"\\be\\s+mail\\b": "email"}
raise SystemExit("this file must not be run")
"""


@pytest.fixture
def lists(monkeypatch, tmp_path):
    file = tmp_path / "english_abbreviations.py"
    file.write_text(LISTS)
    monkeypatch.setattr(leaderboard_text, "lists_file", lambda: file)
    return file


@pytest.mark.parametrize(
    ("text", "leaderboard", "whisper"),
    [
        ("Er, uhh, I AHEM think", "i think", "er uhh i ahem think"),
        ("Ah-ha, an error", "an error", "ah ha an error"),
        ("Smith's dog; it's here", "smith s dog it is here", "smith is dog it is here"),
        ("Oh no", "oh no", "0 no"),
        ("oh oh", "oh oh", "00"),
        ("four oh one", "401", "401"),
        ("oh seven nine", "079", "079"),
        ("call oh seven now", "call oh 7 now", "call 07 now"),
        ("double oh seven", "007", "007"),
        ("three hundred and oh five", "30005", "30005"),
        ("half past two", "2 30", "half past 2"),
        ("a quarter to one", "12 45", "a quarter to one"),
        ("twenty-five minutes before nine o'clock", "8 35", "25 minutes before 90 clock"),
        ("at 07:00 or 7:05", "at 7 or 75", "at 7 0 or 7 5"),
        ("seven o'clock", "7", "70 clock"),
        ("half past ninety", "half past 90", "half past 90"),
        ("the B. B. C. and 5 G", "the bbc and 5g", "the b b c and 5 g"),
        ("a b and a i c", "a b and aic", "a b and a i c"),
        ("He paid $5. It is 50%.", "he paid $5 it is 50%", "he paid $5 it is 50%"),
        ("the sign $", "the sign", "the sign $"),
        ("E-mail Ann: all right, OK", "email anne alright okay", "e mail ann all right ok"),
        ("Mr. Smith won't pay twenty five dollars", "mister smith will not pay $25", "mister smith will not pay $25"),
    ],
)
def test_texts_that_the_two_normalisers_write_otherwise(lists, monkeypatch, text, leaderboard, whisper):
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *name: None)
    found = {name: " ".join(normaliser(name)[0](text).split()) for name in ("leaderboard", "whisper")}
    assert found == {"leaderboard": leaderboard, "whisper": whisper}


def test_missing_lists_are_noted_and_damaged_ones_refused(lists):
    assert normaliser("leaderboard")[1] is None
    lists.write_text("english_name_normalizer = {")
    with pytest.raises(ModelError, match="does not hold the leaderboard's lists"):
        normaliser("leaderboard")
    lists.unlink()
    normalise, note = normaliser("leaderboard")
    assert "ANN and ANNE" in str(note) and str(lists) in str(note)
    assert normalise("Ann").strip() == "ann"


def one(reference: str, hypothesis: str, scoring: str = "leaderboard"):
    (found,) = score([Result("u", reference=reference, hypothesis=hypothesis)], str, scoring)
    return found


def test_compounds_match_however_they_are_written():
    assert one("the white paper is here", "the whitepaper was here").pairs == (
        ("the", "the"),
        ("white", "white"),
        ("paper", "paper"),
        ("is", "was"),
        ("here", "here"),
    )
    assert one("a whitepaper", "a white paper").errors == 0
    assert one("a whitepaper", "a white paper").words == 2
    assert one("a whitepaper", "a white paper", "whisper").errors == 2
    assert one("ab cd", "a bcd").errors == 2  # each word of one side is to match whole words of the other
    assert one("", "a b").insertions == 2
    assert one("a b", "").deletions == 2


def test_counts_are_those_of_the_leaderboards_script():
    draw = random.Random(3)
    texts = [[" ".join(draw.choices(["a", "b", "ab", "ba", "aba"], k=draw.randrange(7))) for _ in range(2)] for _ in range(400)]
    found = [one(*pair) for pair in texts]
    truth = kaldialign.batch_error_rate([r.split() for r, _ in texts], [h.split() for _, h in texts], merge_compounds=True)
    kinds = [sum(getattr(s, kind) for s in found) for kind in ("insertions", "deletions", "substitutions", "words")]
    assert kinds == [truth[key] for key in ("ins", "del", "sub", "ref_len")]
    assert all(s.hypothesis.split() == [b for _, b in s.pairs if b is not None] for s in found)


def test_a_segment_that_is_to_be_ignored_is_left_out(lists):
    made = [Utterance("a", sound("ONE"), "ONE"), Utterance("b", sound("TWO"), "ignore_time_segment_in_scoring")]
    found = evaluate(speller(), made, scoring="leaderboard")
    assert found.wer == 0 and found.words == 1 and "1 references say to ignore the segment in scoring: left out." in found.notes


def test_a_comparison_counts_compounds_alike(lists):
    texts = {
        "u1": Result("u1", reference="Ann's e-mail", hypothesis="anne s email"),
        "u2": Result("u2", reference="uh", hypothesis="a"),
    }
    other = {id: Result(id, hypothesis=text) for id, text in {"u1": "Ann s mail", "u2": ""}.items()}
    c = compare([System("a", texts), System("b", other)], scoring="leaderboard")
    assert [(s.substitutions, s.deletions, s.insertions) for s in c.systems] == [(0, 0, 0), (1, 0, 0)]
    assert [u.id for u in c.utterances] == ["u1"]  # an empty reference is left out


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "kaldialign", None)
    with pytest.raises(EvaluationError, match="pip install kaldialign"):
        normaliser("leaderboard")
