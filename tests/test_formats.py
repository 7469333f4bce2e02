"""The output formats, compared with exact texts."""

import json

import pytest

from w2vkit.align import Alignment
from w2vkit.decode import Hypothesis, Word
from w2vkit.errors import FormatError
from w2vkit.formats import FORMATS, render, to_dict

EXPECTED = {
    "txt": "GOOD DAY O'NEIL\n",
    "srt": "1\n00:00:00,100 --> 00:00:00,620\nGOOD DAY\n\n2\n00:00:01,500 --> 00:00:02,020\nO'NEIL\n",
    "vtt": "WEBVTT\n\n00:00:00.100 --> 00:00:00.620\nGOOD DAY\n\n00:00:01.500 --> 00:00:02.020\nO'NEIL\n",
    "tsv": "start\tend\tconfidence\tword\n"
    "0.100\t0.340\t0.9900\tGOOD\n0.400\t0.620\t0.8000\tDAY\n1.500\t2.020\t0.4567\tO'NEIL\n",
    "ctm": "my_talk.wav 1 0.100 0.240 GOOD 0.9900\nmy_talk.wav 1 0.400 0.220 DAY 0.8000\n"
    "my_talk.wav 1 1.500 0.520 O'NEIL 0.4567\n",
    "json": """{
  "audio": "my talk.wav",
  "seconds": 2.5,
  "text": "GOOD DAY O'NEIL",
  "confidence": 0.7489,
  "score": -1.25,
  "words": [
    {
      "text": "GOOD",
      "start": 0.1,
      "end": 0.34,
      "confidence": 0.99
    },
    {
      "text": "DAY",
      "start": 0.4,
      "end": 0.62,
      "confidence": 0.8
    },
    {
      "text": "O'NEIL",
      "start": 1.5,
      "end": 2.02,
      "confidence": 0.4567
    }
  ]
}
""",
    "TextGrid": """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 2.5
        intervals: size = 7
        intervals [1]:
            xmin = 0
            xmax = 0.1
            text = ""
        intervals [2]:
            xmin = 0.1
            xmax = 0.34
            text = "GOOD"
        intervals [3]:
            xmin = 0.34
            xmax = 0.4
            text = ""
        intervals [4]:
            xmin = 0.4
            xmax = 0.62
            text = "DAY"
        intervals [5]:
            xmin = 0.62
            xmax = 1.5
            text = ""
        intervals [6]:
            xmin = 1.5
            xmax = 2.02
            text = "O'NEIL"
        intervals [7]:
            xmin = 2.02
            xmax = 2.5
            text = ""
""",
}


@pytest.mark.parametrize("format", FORMATS)
def test_render_gives_the_exact_text(greeting, format):
    assert render(greeting, format, seconds=2.5, name="my talk.wav") == EXPECTED[format]


NOTHING = {
    "txt": "\n",
    "srt": "",
    "vtt": "WEBVTT\n",
    "tsv": "start\tend\tconfidence\tword\n",
    "ctm": "",
}


@pytest.mark.parametrize("format", NOTHING)
def test_silence_is_a_valid_empty_file(format):
    assert render(Hypothesis("", (), 0.0), format, seconds=1.0) == NOTHING[format]


def test_silence_in_json_and_textgrid():
    silence = Hypothesis("", (), 0.0)
    assert to_dict(silence, seconds=1.0)["words"] == []
    assert "intervals: size = 1" in render(silence, "TextGrid", seconds=1.0)


def test_json_lists_the_next_best_texts_with_confidence_and_both_scores():
    b = Hypothesis("B B", (Word("B", 0.0, 0.1, 0.25), Word("B", 0.2, 0.3, 0.5)), -3.0, -0.5)
    best = Hypothesis("A", (), -1.0, -0.25, (b, Hypothesis("", (), -4.0)))
    assert to_dict(best, seconds=1.0)["alternatives"] == [
        {"text": "B B", "confidence": 0.375, "acoustic_score": -2.5, "language_score": -0.5},
        {"text": "", "confidence": 1.0, "acoustic_score": -4.0, "language_score": 0.0},
    ]


def test_json_is_the_dictionary_of_a_hypothesis_or_an_alignment(greeting):
    a = Word("a", 0.1, 0.2, 0.5)
    alignment = Alignment(greeting, (a,), (a, a), ("é",))
    found = to_dict(alignment, seconds=2.5, name="a.wav")
    assert json.loads(render(alignment, "JSON", seconds=2.5, name="a.wav")) == found
    timed = {"text": "a", "start": 0.1, "end": 0.2, "confidence": 0.5}
    parts = {"characters": [timed], "segments": [timed, timed], "unmapped": ["é"]}
    assert found == to_dict(greeting, seconds=2.5, name="a.wav") | parts
    assert render(alignment, "srt", seconds=2.5) == render(greeting, "srt", seconds=2.5)


def test_subtitle_lines_break_before_42_characters_and_never_inside_a_word():
    words = tuple(Word(text, 0.3 * i, 0.3 * i + 0.25, 1.0) for i, text in enumerate(["ABCDEFGHI"] * 9 + ["X" * 60]))
    lines = render(Hypothesis("", words, 0.0), "srt", seconds=9).split("\n")[2::4]
    assert lines == ["ABCDEFGHI ABCDEFGHI ABCDEFGHI ABCDEFGHI"] * 2 + ["ABCDEFGHI", "X" * 60]


def test_hours_and_rounding_in_times():
    hypothesis = Hypothesis("A", (Word("A", 3661.9996, 3662.5, 1.0),), 0.0)
    assert "01:01:42,000 --> 01:02:02,500" not in render(hypothesis, "srt", seconds=4000)
    assert "01:01:02,000 --> 01:01:02,500" in render(hypothesis, "srt", seconds=4000)


def words(*times: tuple[float, float]) -> Hypothesis:
    return Hypothesis("", tuple(Word(f"W{k}", start, end, 1.0) for k, (start, end) in enumerate(times)), 0.0)


@pytest.mark.parametrize("start", [0.0, 999.0, 1000.0, 12_345.0, 123_456.0])
def test_textgrid_and_ctm_keep_milliseconds_at_any_length(start):
    hypothesis = words((start + 0.123, start + 0.457), (start + 0.789, start + 1.012))
    grid = render(hypothesis, "TextGrid", seconds=start + 2.345)
    found = [float(line.split("=")[1]) for line in grid.splitlines() if "xmin =" in line or "xmax =" in line]
    edges = [round(start + part, 3) for part in (0.123, 0.457, 0.789, 1.012, 2.345)]
    assert found[4:] == [edge for pair in zip([0.0, *edges], edges, strict=False) for edge in pair]
    assert found[1] == found[3] == edges[-1]
    times = [tuple(map(float, line.split()[2:4])) for line in render(hypothesis, "ctm", seconds=start + 2.345).splitlines()]
    assert times == [(edges[0], 0.334), (edges[2], 0.223)]


def test_words_that_meet_share_one_border():
    """Rounded alone, 0.3004 and 0.3006 would become a gap of 1 ms, and 0.6006 and 0.6004 an overlap."""
    hypothesis = words((0.1, 0.3004), (0.3006, 0.6006), (0.6004, 0.6008), (0.603, 0.9))
    edges = [(0.1, 0.3), (0.3, 0.601), (0.601, 0.602), (0.602, 0.9)]
    grid = render(hypothesis, "TextGrid", seconds=0.9)
    found = [float(line.split("=")[1]) for line in grid.splitlines() if line.startswith("            x")]
    assert found == [0.0, 0.1, *(time for pair in edges for time in pair)]
    rows = [line.split() for line in render(hypothesis, "ctm", seconds=0.9).splitlines()]
    assert [(float(row[2]), round(float(row[2]) + float(row[3]), 3)) for row in rows] == edges


@pytest.mark.parametrize("format", FORMATS)
def test_control_characters_reach_no_file_raw(format):
    name, text = "a\x1b]0;\x07\udce9\nb.wav", "A\x1b[31m\x9b\u202eB\x7f"
    made = render(Hypothesis(text, (Word(text, 0.0, 0.5, 1.0),), 0.0), format, seconds=1, name=name)
    made.encode("utf-8")
    assert not any(character in made for character in "\x1b\x07\x9b\u202e\x7f")
    if format == "json":
        assert json.loads(made)["words"][0]["end"] == 0.5


def test_markup_in_a_vocabulary_is_text_in_webvtt():
    hypothesis = Hypothesis("<i>&", (Word("<i>&", 0.0, 1.0, 1.0),), 0.0)
    assert "&lt;i&gt;&amp;" in render(hypothesis, "vtt", seconds=1)


def test_an_unknown_format_names_those_there_are():
    with pytest.raises(FormatError, match=r"no format 'docx'.*txt, srt, vtt, json, tsv, TextGrid, ctm"):
        render(Hypothesis("", (), 0.0), "docx", seconds=1)


@pytest.mark.parametrize("format", FORMATS)
def test_no_control_character_reaches_an_output(format):
    text = "A\x1b[2J\x07\x9b1m\x7f\u202eB"
    found = Hypothesis(text, (Word(text, 0.0, 1.0, 0.9),), -1.0)
    written = render(found, format, seconds=1.0, name="a\x1b]0;x\x07.wav")
    assert not set(written) & set("\x1b\x07\x9b\x7f\u202e") and "[2J" in written
