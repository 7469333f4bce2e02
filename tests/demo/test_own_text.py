"""The text as its reader changes it."""

import time

import pytest
from support.emissions import spell

from w2vkit.align import Alignment
from w2vkit.decode import Hypothesis, Word, greedy
from w2vkit.errors import AlignmentError, W2VKitError
from w2vkit_demo.tabs.own_text import edited, first_version, paragraphs, restored_version, shown


@pytest.fixture
def emissions():
    return spell([*"FINE", "|", *"DAY", "|", *"LENA"])


def test_only_changed_words_are_marked_and_undo_gives_the_text_before(emissions):
    first = first_version(greedy(emissions))
    seen = shown(first, sentence=True).text
    assert seen == "Fine day lena"
    second = edited(first, "Fine day Lena", emissions, sentence=True)
    assert second.changed == (False, False, True)
    assert shown(second, sentence=True).text == "Fine day Lena" and shown(second, sentence=False).text == "FINE DAY Lena"
    third = edited(second, "A day Lena", emissions, sentence=True)
    assert third.changed == (True, False, True) and third.before is second and second.before is first
    assert edited(third, "A day  Lena", emissions, sentence=True) is third


def test_a_text_that_cannot_be_aligned_is_refused(emissions):
    with pytest.raises(AlignmentError):
        edited(first_version(greedy(emissions)), "", emissions, sentence=False)


def test_an_edit_of_words_that_repeat_is_quick():
    """Programs that compare any sequences, as difflib, take minutes for them, in the process of the page."""

    def align_at_once(_, text: str) -> Alignment:
        words = tuple(Word(word, k, k + 1, 1.0) for k, word in enumerate(text.split()))
        return Alignment(Hypothesis(text, words, 0.0), (), (), ())

    before = align_at_once(None, "ONE TWO " * 2_000).hypothesis
    started = time.perf_counter()
    after = edited(first_version(before), "two ONE ONE " * 1_000, spell(["A"]), sentence=False, align=align_at_once)
    assert time.perf_counter() - started < 20  # a second, on a machine with nothing else to do
    assert len(after.changed) == 3_000 and not all(after.changed)


def test_paragraphs_begin_after_pauses(greeting):
    assert paragraphs(greeting, 0.6) == "0:00  GOOD DAY\n0:01  O'NEIL"


def test_a_damaged_result_of_the_browser_is_refused(greeting):
    words = [
        {"text": w.text.lower(), "start": w.start, "end": w.end, "confidence": w.confidence, "changed": False}
        for w in greeting.words
    ]
    version = restored_version({"words": words, "own": [w.text for w in greeting.words]})
    assert version.hypothesis.words == greeting.words
    for wrong in (
        None,
        [],
        {},
        {"words": 5},
        {"words": [{}]},
        {"words": words, "own": ["A"]},
        {"words": [words[0] | {"end": "x"}]},
        {"words": [words[0] | {"end": float("nan")}]},
        {"words": [words[0] | {"start": -1}]},
    ):
        with pytest.raises(W2VKitError, match="could not be read"):
            restored_version(wrong)
