"""What the tab Align says of an alignment, and what a browser keeps of it."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from support.emissions import spell

from w2vkit.align import Alignment, align
from w2vkit.errors import W2VKitError
from w2vkit.formats import FORMATS, render
from w2vkit_demo import strings
from w2vkit_demo.tabs.align import Placed, fit, kept, restored, written
from w2vkit_demo.tabs.linked_view import shown_words

EMISSIONS = spell([frame for label in "FINE|DAY|LENA" for frame in (label, label, "_")])
TEXT = "Fine 日\nday, Lena"


def placed(text: str = TEXT) -> Placed:
    return Placed(align(EMISSIONS, text), "/somewhere/a b.wav", 1.0, ("a note",), "1.0 s of sound")


def from_browser(one: Placed, **changes) -> dict:
    """What the browser sends after a reload."""
    words = [asdict(word) for word in shown_words(one.alignment.hypothesis)]
    kept_parts = kept(one, TEXT) | changes
    return json.loads(json.dumps({"words": words, "name": "a b.wav", "seconds": one.seconds, "kept": kept_parts}))


def test_the_fit_of_each_word_and_of_the_text_is_shown():
    assert [fit(confidence) for confidence in (1.0, 0.5, 0.49, 0.2, 0.19, 0.0)] == ["sure"] * 2 + ["likely"] * 2 + [
        "doubtful"
    ] * 2
    remarks, summary, times, *_ = written(placed("Fine night Lena"))
    assert "the text fits well" in summary and "words that fit poorly: 1" in summary and "warning" not in remarks
    assert times.count("fits well (") == 2 and times.count("fits poorly (0 %)") == 1
    remarks, summary, *_ = written(placed("Ox ox"))
    assert "Is it the right text?" in remarks and "the text fits poorly" in summary


def test_all_formats_of_the_core_have_all_of_the_alignment():
    files = dict(zip(FORMATS, written(placed())[3:], strict=True))
    content = {name: Path(path).read_text(encoding="utf-8") for name, path in files.items()}
    alignment = placed().alignment
    expected = {name: render(alignment, name, seconds=1.0, name="a b.wav", notes=["a note"]) for name in FORMATS}
    assert content == expected
    assert content["srt"].count(" --> ") == 2 and "day, Lena" in content["srt"].splitlines()  # the lines are the cues
    everything = json.loads(content["json"])
    assert len(everything["characters"]) > 10 and everything["unmapped"] == ["日"] and len(everything["segments"]) == 2


def test_a_restored_alignment_gives_the_same_files():
    one = placed()
    again, text = restored(from_browser(one))
    assert text == TEXT and again.path == "a b.wav"
    assert isinstance(again.alignment, Alignment) and again.alignment.lines and again.alignment.unmapped == ("日",)
    for name in FORMATS:
        assert render(again.alignment, name, seconds=1.0) == render(one.alignment, name, seconds=1.0)


def test_a_kept_result_without_words_is_restored():
    assert restored(from_browser(placed()) | {"words": []})[0].alignment.hypothesis.words == ()


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {"kept": 5},
        {"kept": {}},
        {"seconds": "x"},
        {"characters": [["A", 0, 1]]},
        {"characters": [["A", -1, 1, 1]]},
        {"characters": [["A", 0, 10**400, 1]]},
        {"segments": 5},
        {"segments": {"a": 1}},
        {"score": None},
        {"unmapped": 5},
    ],
    ids=str,
)
def test_a_damaged_kept_result_is_refused(wrong):
    given = wrong
    if isinstance(wrong, dict):
        whole = from_browser(placed())
        outer = {name: value for name, value in wrong.items() if name in whole}
        given = whole | {"kept": whole["kept"] | wrong} | outer
    with pytest.raises(W2VKitError) as error:
        restored(given)
    assert str(error.value) == strings.NOT_RESTORED
