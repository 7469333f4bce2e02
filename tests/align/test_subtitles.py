"""The text of subtitles, whatever programs have written into their files."""

import time

import pytest

from w2vkit.align.subtitles import cues_of, without_times


def test_the_cues_of_an_srt_file_are_read():
    text = (
        "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello,</i> {\\an8}dear\r\n- reader &amp; friend\r\n\r\n"
        "2\r\n00:00:03,000 --> 00:00:04,000 X1:5 Y1:7\r\n42\r\n\r\n3\r\n00:00:05,000 --> 00:00:06,000\r\n\r\n"
        "4\r\n00:00:07.000 --> 00:00:08.000\r\nI <3 you, a < b > c"
    )
    assert cues_of(text) == ["Hello, dear - reader & friend", "42", "I <3 you, a < b > c"]


def test_cues_without_empty_lines_between_them_lose_their_numbers_only():
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:02,000 --> 00:00:03,000\n7\n3\n00:00:03,000 --> 00:00:04,000\nthree\n"
    )
    assert cues_of(text) == ["one", "7", "three"]


def test_the_cues_of_a_vtt_file_are_read_without_its_comments_and_styles():
    text = (
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE not said\nneither\n\nintro\n"
        "00:01.000 --> 00:02.000 align:start\n<v.loud Ann>One <00:01.500><c>two</c>&nbsp;three\n\n"
        "00:03.000 --> 00:04.000\nfour\n"
    )
    assert cues_of(text) == ["One two three", "four"]


def test_texts_that_are_no_subtitles_have_no_cues():
    assert cues_of("") == cues_of("WEBVTT\n") == cues_of("plain text\nof two lines") == []


def test_only_subtitles_lose_their_times():
    assert without_times("WEBVTT\n\n00:01.000 --> 00:02.000\none\n\n00:03.000 --> 00:04.000\ntwo") == "one\ntwo"
    for text in ("plain text\nof two lines", "5 --> 6", "from 00:01 to 00:02", ""):
        assert without_times(text) == text


SRT = "1\n00:00:00,000 --> 00:00:01,000\nONE\n\n2\n00:00:01,000 --> 00:00:02,000\nTWO\n"


@pytest.mark.parametrize(
    "text",
    [
        SRT.replace("\n", "\r"),
        SRT.replace("00:00:00,000", "-00:00:00,500"),
        SRT.replace("-->", "->"),
        SRT.replace(" --> ", "\u2014>"),
        SRT.replace("00:00:01,000 -->", "100:00:01,000 -->"),
        SRT.replace("ONE", "\n\nONE").replace("TWO", "TWO\n\n"),
    ],
)
def test_unusual_times_and_line_ends_are_those_of_subtitles(text):
    assert without_times(text) == "ONE\nTWO"


def test_an_empty_line_within_a_cue_of_srt_loses_no_text():
    assert cues_of(SRT.replace("ONE", "ONE\n\nAND A HALF")) == ["ONE AND A HALF", "TWO"]


@pytest.mark.parametrize("text", ["WEBVTT is a format.", "he said --> go", "from 10:20 --> 10:30 we met"])
def test_a_text_without_times_stays_as_it_is(text):
    assert without_times(text) == text


@pytest.mark.parametrize("part", ["\n", " ", "\n \n", "1", "1:", "0:00 ", "<", "<a", "{\\", "&#", "-", "\r", "1:11-"])
def test_any_text_is_read_in_linear_time(part):
    """A visitor of the page sends it, so that a regular expression must not go back over all that stands before."""
    started = time.perf_counter()
    without_times(part * 40_000)
    without_times(SRT + part * 40_000)
    assert time.perf_counter() - started < 3
