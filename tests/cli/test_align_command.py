"""The command ``w2vkit align``, from its arguments to what it writes."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from support.speller import speller

from w2vkit.align.subtitles import cues_of
from w2vkit.cli import align as cli_align
from w2vkit.errors import AlignmentError, FormatError
from w2vkit.pipeline.transcription import align_file


@pytest.fixture
def sound(write, tone: np.ndarray) -> str:
    return str(write("tone.wav", tone))


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    cli_align.add(parser.add_subparsers())
    options = parser.parse_args(["align", *arguments])
    return options.run(options)


def test_align_prints_words_and_names_unknown_characters(sound, checkpoints, capsys) -> None:
    assert call(sound, "Oh, 東!", "--model", checkpoints["random-layer"]) == 0
    out, err = capsys.readouterr()
    header, *rows = [line.split("\t") for line in out.splitlines()]
    assert header == ["start", "end", "confidence", "word"]
    assert [row[3] for row in rows] == ["Oh,", "東!"]
    assert 0 <= float(rows[0][0]) < float(rows[1][1]) <= 1.0
    assert "cannot spell 東" in err


def test_json_has_lines_and_characters(sound, checkpoints, tmp_path: Path) -> None:
    (tmp_path / "said.txt").write_text("Oh.\n\nA 2\n", encoding="utf-8-sig")
    target = tmp_path / "said.json"  # the suffix gives the format
    assert call(sound, str(tmp_path / "said.txt"), "--output", str(target), "--model", checkpoints["random-layer"]) == 0
    content = json.loads(target.read_text(encoding="utf-8"))
    assert content["text"] == "Oh. A 2"
    assert [s["text"] for s in content["segments"]] == ["Oh.", "A 2"]
    assert "".join(c["text"] for c in content["characters"]) == "OHATWO"
    assert content["unmapped"] == []


def test_wrong_calls_are_refused_before_a_model_is_loaded(sound, tmp_path: Path) -> None:
    with pytest.raises(AlignmentError, match=r"no file missing\.txt"):
        call(sound, "missing.txt", "--model", "nowhere")
    with pytest.raises(FormatError, match="'docx'"):
        call(sound, "oh", "--output", "said.docx", "--model", "nowhere")
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Müller".encode("latin-1"))
    with pytest.raises(AlignmentError, match="UTF-8"):
        call(sound, str(latin), "--model", "nowhere")


def test_a_text_longer_than_a_file_name_is_a_text() -> None:
    text = "so it goes " * 1000
    assert cli_align.read_text(text) == text


@pytest.mark.parametrize(
    "name", ["gone.srt", "gone.VTT", "my talk.ass", "a/b.ssa", "gone.lrc", "gone.ttml", "gone.docx", "gone.TextGrid", "./gone"]
)
def test_the_name_of_a_missing_file_is_no_text(name) -> None:
    with pytest.raises(AlignmentError, match="There is no file"):
        cli_align.read_text(name)


@pytest.mark.parametrize("name", ["said.ass", "said.TextGrid", "said.ttml", "said.json", "said.csv"])
def test_a_file_whose_markup_would_be_aligned_is_refused(tmp_path: Path, name) -> None:
    (tmp_path / name).write_text("[Script Info]\nOh no\n")
    with pytest.raises(AlignmentError, match="no plain text"):
        cli_align.read_text(str(tmp_path / name))


@pytest.mark.parametrize("text", ["and/or", "U.S.A.", "well.done", "Open the page w2vkit.org", "zero\0byte"])
def test_a_text_that_looks_a_little_like_a_name_is_a_text(text) -> None:
    assert cli_align.read_text(text) == text


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_subtitles_are_read_as_text_with_a_line_for_each_cue(sound, checkpoints, tmp_path: Path, suffix) -> None:
    path = tmp_path / f"said{suffix}"
    path.write_text("WEBVTT\n\n1\n00:00:00.000 --> 00:00:00.500\n<i>Oh</i>\nno\n\n2\n00:00:00.500 --> 00:00:01.000\n♪ dear ♪\n")
    target = tmp_path / "said.json"
    assert call(sound, str(path), "--output", str(target), "--model", checkpoints["random-layer"]) == 0
    content = json.loads(target.read_text(encoding="utf-8"))
    assert [s["text"] for s in content["segments"]] == ["Oh no", "♪ dear ♪"]
    assert [w["text"] for w in content["words"]] == ["Oh", "no", "dear"]


@pytest.mark.parametrize("format", ["srt", "vtt", "ass"])
@pytest.mark.parametrize("lines", [["Oh no,", "♪ dear & I ♪"], ["Oh", "this line is longer than forty-two characters"]])
def test_the_lines_of_a_text_are_its_subtitles(tone, checkpoints, write, tmp_path: Path, lines, format) -> None:
    sound = str(write("long.wav", np.tile(tone, 4)))
    subtitles = "".join(f"{k}\n00:00:0{k},000 --> 00:00:0{k},900\n{line}\n\n" for k, line in enumerate(lines))
    for text in ("\n".join(lines), "\n\n".join(lines) + "\n", subtitles):
        (tmp_path / "said.srt").write_text(text, encoding="utf-8")
        target = tmp_path / f"timed.{format}"
        arguments = (sound, str(tmp_path / "said.srt"), "--output", str(target), "--overwrite")
        assert call(*arguments, "--model", checkpoints["random-layer"]) == 0
        written = target.read_text(encoding="utf-8")
        if format == "ass":
            found = [line.split(",", 9)[9] for line in written.splitlines() if line.startswith("Dialogue")]
        else:
            found = cues_of(written)
        assert found == lines


@pytest.mark.parametrize("text", ["1" * 1_000_000, "a" * 60])
def test_too_long_a_text_is_refused_before_the_network_runs(tone, text) -> None:
    model = speller()
    with pytest.raises(AlignmentError, match="longer than the sound allows"):
        align_file((16_000, tone[:8_000]), text, model)
    assert not model.read
