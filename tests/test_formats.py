"""The output formats, compared with exact texts."""

import io
import json
import re
from typing import Any

import av
import pytest

from w2vkit.align import Alignment
from w2vkit.decode import Hypothesis, Word
from w2vkit.errors import FormatError
from w2vkit.formats import FORMATS, SUBTITLES, Layout, in_case, render, to_dict

ASS_HEAD = """[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
EXPECTED = {
    "txt": "GOOD DAY O'NEIL\n",
    "srt": "1\n00:00:00,100 --> 00:00:00,620\nGOOD DAY\n\n2\n00:00:01,500 --> 00:00:02,020\nO'NEIL\n",
    "vtt": "WEBVTT\n\n00:00:00.100 --> 00:00:00.620\nGOOD DAY\n\n00:00:01.500 --> 00:00:02.020\nO'NEIL\n",
    "ass": ASS_HEAD + "Dialogue: 0,0:00:00.10,0:00:00.62,Default,,0,0,0,,GOOD DAY\n"
    "Dialogue: 0,0:00:01.50,0:00:02.02,Default,,0,0,0,,O'NEIL\n",
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
  ],
  "pause_seconds": 0.6,
  "segments": [
    {
      "text": "GOOD DAY",
      "start": 0.1,
      "end": 0.62,
      "confidence": 0.895
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
    "ass": ASS_HEAD,
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
    same = to_dict(greeting, seconds=2.5, name="a.wav") | parts
    del same["pause_seconds"]
    assert found == same
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
    with pytest.raises(FormatError, match=r"no format 'docx'.*txt, srt, vtt, ass, json, tsv, TextGrid, ctm"):
        render(Hypothesis("", (), 0.0), "docx", seconds=1)


@pytest.mark.parametrize("format", FORMATS)
def test_no_control_character_reaches_an_output(format):
    text = "A\x1b[2J\x07\x9b1m\x7f\u202eB"
    found = Hypothesis(text, (Word(text, 0.0, 1.0, 0.9),), -1.0)
    written = render(found, format, seconds=1.0, name="a\x1b]0;x\x07.wav")
    assert not set(written) & set("\x1b\x07\x9b\x7f\u202e") and "[2J" in written


def spoken(text: str, gap: float = 0.1) -> tuple[Word, ...]:
    """Words of 0.3 s, the pause between them `gap`, and 1 s before a word that begins with `|`."""
    words, time = list[Word](), 0.0
    for part in text.split():
        time += 1.0 - gap if part.startswith("|") else 0.0
        words.append(Word(part.lstrip("|"), round(time, 3), round(time + 0.3, 3), 0.5))
        time += 0.3 + gap
    return tuple(words)


def subtitle_texts(text: str, **options: Any) -> list[str]:
    """The texts of the subtitles in SRT, with "/" between lines."""
    made = render(Hypothesis("", spoken(text), 0.0), "srt", seconds=20, layout=Layout(**options))
    return ["/".join(block.split("\n")[2:]) for block in made.rstrip("\n").split("\n\n")]


def test_lines_and_words_are_counted_as_whisper_counts_them():
    """A line may have exactly the width; whisper/utils.py: ``line_len + len(word) <= max_line_width``."""
    assert subtitle_texts("AB CD EF GH", line_width=5) == ["AB CD", "EF GH"]
    assert subtitle_texts("AB CD EF GH", line_width=4) == ["AB", "CD", "EF", "GH"]
    assert subtitle_texts("AB CD EF GH IJ", line_width=5, lines=2) == ["AB CD/EF GH", "IJ"]
    assert subtitle_texts("AB CD EF GH IJ", words_per_line=2) == ["AB CD", "EF GH", "IJ"]
    assert subtitle_texts("AB CDEFGHI JK", words_per_line=2, line_width=5, lines=2) == ["AB/CDEFGHI", "JK"]


def test_a_pause_ends_a_subtitle_and_a_segment_and_none_is_shown_during_it():
    text = "AB CD |EF GH"
    assert subtitle_texts(text, lines=2) == ["AB CD", "EF GH"]
    assert subtitle_texts(text, pause=1.0) == ["AB CD", "EF GH"]
    assert subtitle_texts(text, pause=1.01) == ["AB CD EF GH"]
    found = Hypothesis("", spoken(text), 0.0)
    content = json.loads(render(found, "json", seconds=5, layout=Layout(pause=1.0)))
    assert content["pause_seconds"] == 1.0
    assert [(part["text"], part["start"], part["end"]) for part in content["segments"]] == [
        ("AB CD", 0.0, 0.7),
        ("EF GH", 1.7, 2.4),
    ]
    assert len(to_dict(found, seconds=5, pause=1.01)["segments"]) == 1


def test_each_word_is_underlined_while_it_is_said_as_by_whisper():
    """The rule of whisper/utils.py, by hand: the gap between two words is a subtitle without a highlight."""
    said = (Word("A", 0.1, 0.3, 1.0), Word("B", 0.3, 0.5, 1.0), Word("<C", 0.62, 0.9, 1.0))
    found, layout = Hypothesis("A B <C", said, 0.0), Layout(highlight=True)
    assert render(found, "vtt", seconds=1, layout=layout) == (
        "WEBVTT\n\n00:00:00.100 --> 00:00:00.300\n<u>A</u> B &lt;C\n\n00:00:00.300 --> 00:00:00.500\nA <u>B</u> &lt;C\n\n"
        "00:00:00.500 --> 00:00:00.620\nA B &lt;C\n\n00:00:00.620 --> 00:00:00.900\nA B <u>&lt;C</u>\n"
    )
    assert render(found, "srt", seconds=1, layout=layout).startswith("1\n00:00:00,100 --> 00:00:00,300\n<u>A</u> B <C\n\n2\n")
    assert "0:00:00.62,0:00:00.90,Default,,0,0,0,,A B {\\u1}<C{\\u0}\n" in render(found, "ass", seconds=1, layout=layout)


@pytest.mark.parametrize("format", SUBTITLES)
def test_ffmpeg_reads_the_same_times_and_texts(format):
    """FFmpeg's parsers of the three formats are the independent reading; it gives every text as a line of ASS."""
    last = {"srt": "GH", "vtt": "<GH>&", "ass": "{GH}"}[format]  # SubRip has no escapes
    words = (*spoken("AB CD EF"), Word(last, 3661.5, 3662.0, 1.0))
    made = render(Hypothesis("", words, 0.0), format, seconds=4000, layout=Layout(words_per_line=2, lines=2))
    read = list[tuple[float, float, str]]()
    parser: Any = av.open(io.BytesIO(made.encode()), format={"vtt": "webvtt"}.get(format, format))
    with parser:
        for packet in parser.demux(subtitles=0):
            for rect in packet.decode() if packet.pts is not None else ():
                start, end = (float(time * packet.time_base) for time in (packet.pts, packet.pts + packet.duration))
                read.append((start, end, rect.ass.decode().split(",", 8)[8]))
    assert [(round(start, 3), round(end, 3)) for start, end, _ in read] == [(0.0, 1.1), (3661.5, 3662.0)]
    assert [text.replace("\\{", "{").replace("\\}", "}") for _, _, text in read] == ["AB CD\\NEF", last]


@pytest.mark.parametrize(
    "options", [{"line_width": 0}, {"lines": 0}, {"words_per_line": 0}, {"pause": 0.0}, {"pause": float("nan")}]
)
def test_a_layout_that_shows_nothing_is_refused(options):
    with pytest.raises(FormatError, match="Give"):
        Layout(**options)


def test_case_changes_letters_only_and_sentence_case_is_what_it_says():
    best = Hypothesis("", spoken("'TWAS I AND IT I'M Élan |WHO ISN'T ÜBER"), -1.0)
    found = Hypothesis(" ".join(w.text for w in best.words), best.words, -2.0, -1.0, (best,))
    sentence = in_case(found, "sentence")
    assert sentence.text == "'Twas I and it I'm élan Who isn't über" == sentence.alternatives[0].text
    assert [(w.start, w.end, w.confidence) for w in sentence.words] == [(w.start, w.end, w.confidence) for w in found.words]
    assert (sentence.score, sentence.language_score) == (-2.0, -1.0)
    assert in_case(found, "sentence", pause=2.0).text == "'Twas I and it I'm élan who isn't über"
    assert in_case(found, "lower").text == "'twas i and it i'm élan who isn't über"
    assert in_case(in_case(found, "lower"), "upper").text == "'TWAS I AND IT I'M ÉLAN WHO ISN'T ÜBER"
    assert in_case(Hypothesis("", (), 0.0), "sentence").text == ""
    with pytest.raises(FormatError, match="lower, upper, sentence"):
        in_case(found, "title")


CALL = (
    Hypothesis("HELLO YES", (Word("HELLO", 0.1, 0.4, 0.9), Word("YES", 2.0, 2.3, 0.8)), -1.0),
    Hypothesis("<WHO IS", (Word("<WHO", 0.5, 0.8, 0.7), Word("IS", 0.9, 1.0, 0.5)), -2.0),
)
CALL_EXPECTED = {
    "txt": "Speaker 1: HELLO\nSpeaker 2: <WHO IS\nSpeaker 1: YES\n",
    "srt": "1\n00:00:00,100 --> 00:00:00,400\nSpeaker 1: HELLO\n\n2\n00:00:00,500 --> 00:00:01,000\nSpeaker 2: <WHO IS\n\n"
    "3\n00:00:02,000 --> 00:00:02,300\nSpeaker 1: YES\n",
    "vtt": "WEBVTT\n\n00:00:00.100 --> 00:00:00.400\n<v Speaker 1>HELLO\n\n"
    "00:00:00.500 --> 00:00:01.000\n<v Speaker 2>&lt;WHO IS\n\n00:00:02.000 --> 00:00:02.300\n<v Speaker 1>YES\n",
    "ass": ASS_HEAD + "Dialogue: 0,0:00:00.10,0:00:00.40,Default,Speaker 1,0,0,0,,HELLO\n"
    "Dialogue: 0,0:00:00.50,0:00:01.00,Default,Speaker 2,0,0,0,,<WHO IS\n"
    "Dialogue: 0,0:00:02.00,0:00:02.30,Default,Speaker 1,0,0,0,,YES\n",
    "tsv": "start\tend\tconfidence\tword\tspeaker\n0.100\t0.400\t0.9000\tHELLO\tSpeaker 1\n"
    "0.500\t0.800\t0.7000\t<WHO\tSpeaker 2\n0.900\t1.000\t0.5000\tIS\tSpeaker 2\n2.000\t2.300\t0.8000\tYES\tSpeaker 1\n",
    "ctm": "call.wav 1 0.100 0.300 HELLO 0.9000\ncall.wav 1 2.000 0.300 YES 0.8000\n"
    "call.wav 2 0.500 0.300 <WHO 0.7000\ncall.wav 2 0.900 0.100 IS 0.5000\n",
}


@pytest.mark.parametrize("format", CALL_EXPECTED)
def test_the_speakers_of_a_call_are_merged_in_time(format):
    assert render(CALL, format, seconds=3, name="call.wav") == CALL_EXPECTED[format]


def test_the_speakers_of_a_call_in_json_and_textgrid():
    content = json.loads(render(CALL, "json", seconds=3, name="call.wav", notes=["Late."]))
    assert list(content) == ["audio", "seconds", "notes", "pause_seconds", "speakers", "segments"]
    assert [(s["speaker"], s["channel"], s["text"], s["score"]) for s in content["speakers"]] == [
        ("Speaker 1", 1, "HELLO YES", -1.0),
        ("Speaker 2", 2, "<WHO IS", -2.0),
    ]
    assert content["segments"][1] == {"speaker": "Speaker 2", "text": "<WHO IS", "start": 0.5, "end": 1.0, "confidence": 0.6}
    assert [s["text"] for s in content["segments"]] == ["HELLO", "<WHO IS", "YES"]
    grid = render(CALL, "TextGrid", seconds=3)
    assert "size = 2\nitem []:\n    item [1]:\n" in grid and grid.count("\n        xmax = 3\n") == 2
    assert [line.strip() for line in grid.splitlines() if "name" in line] == ['name = "Speaker 1"', 'name = "Speaker 2"']


@pytest.mark.parametrize(("lines", "third"), [(True, "lines"), (False, "sentences")])
def test_a_textgrid_of_an_alignment_has_tiers_of_words_characters_and_lines(greeting, lines, third):
    characters = tuple(Word(c, 0.1 + 0.06 * k, 0.16 + 0.06 * k, 0.9) for k, c in enumerate("GOOD"))
    parts = (Word("GOOD DAY", 0.1, 0.62, 0.9), Word('"O\'NEIL"', 1.5, 2.02, 0.5))
    grid = render(Alignment(greeting, characters, parts, (), lines), "TextGrid", seconds=2.5)
    assert "size = 3\nitem []:\n    item [1]:\n" in grid and grid.count("\n        xmax = 2.5\n") == 3
    tiers = [tier.split('"')[0] for tier in grid.split('name = "')[1:]]
    assert tiers == ["words", "characters", third]
    found = [re.findall(r'text = "(.+)"', tier) for tier in grid.split("item [")[2:]]
    assert found == [["GOOD", "DAY", "O'NEIL"], list("GOOD"), ["GOOD DAY", '""O\'NEIL""']]


def test_the_name_of_a_speaker_counts_as_a_part_of_the_line_in_subrip():
    long = Hypothesis("", spoken("AB CD EF"), 0.0)
    made = render([long, long], "srt", seconds=3, layout=Layout(line_width=len("Speaker 1: AB CD")))
    assert max(len(line) for line in made.splitlines() if line.startswith("Speaker")) == len("Speaker 1: AB CD")
