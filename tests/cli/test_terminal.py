"""What the command shows in a terminal: colours, progress, notes, the version, the help, and its exit status."""

import io
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from support.speller import Speller, sound

import w2vkit
from w2vkit.audio import load
from w2vkit.cli import main, progress
from w2vkit.cli.colour import in_colour, takes_colour
from w2vkit.cli.progress import Bar
from w2vkit.decode import Hypothesis, Word
from w2vkit.errors import ModelError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Model(Speller):
    longest_pass = 0.0  # so that `emit_file` is called

    def emit_file(self, source, *, max_seconds, track, note, progress):
        note("Something is missing.")
        waveform = load(source)
        return self.emit([waveform])[0], waveform.seconds


@pytest.fixture
def talks(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("w2vkit.cli.transcribe.load_model", lambda options: Model())
    monkeypatch.chdir(tmp_path)
    Path("talks").mkdir()
    for word in ("ONE", "TWO"):
        soundfile.write(f"talks/{word}.wav", sound(word)[1], 16_000, subtype="FLOAT")
    return Path("talks")


def test_words_have_the_colour_of_their_confidence():
    words = (Word("A", 0, 1, 0.8), Word("B", 1, 2, 0.79), Word("C\x1b", 2, 3, 0.49))
    assert in_colour([Hypothesis("A B C", words, 0.0)]) == "A \x1b[33mB\x1b[0m \x1b[31mC\ufffd\x1b[0m\n"


@pytest.mark.parametrize(
    ("environment", "stream", "expected"),
    [
        ({}, Terminal(), True),
        ({}, io.StringIO(), False),
        ({"TERM": "dumb"}, Terminal(), False),
        ({"NO_COLOR": "1"}, Terminal(), False),
        ({"NO_COLOR": ""}, Terminal(), True),  # https://no-color.org: "when present and not an empty string"
        ({"FORCE_COLOR": "1"}, io.StringIO(), True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, Terminal(), False),
    ],
)
def test_colours_are_for_terminals(monkeypatch, environment, stream, expected):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert takes_colour(stream) is expected


def test_a_pipe_and_a_file_get_no_colours(talks, monkeypatch, capsys):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert main(["transcribe", "talks/ONE.wav"]) == 0
    assert capsys.readouterr().out == "ONE\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("w2vkit.cli.colour.shade", lambda confidence: "doubtful")
    assert main(["transcribe", "talks/ONE.wav"]) == 0
    assert capsys.readouterr().out == "\x1b[31mONE\x1b[0m\n"
    assert main(["transcribe", "talks", "--output-dir", "out"]) == 0
    assert Path("out/ONE.txt").read_text() == "ONE\n"


def test_the_line_of_progress_has_count_speed_and_time_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    bar = Bar(60)
    assert bar.line == "0 of 60 files"
    now[0] = 30.0
    bar.add_sound(30.0 * 340)
    bar.reach(12.0)
    assert bar.line == "12 of 60 files, 340 times real time, 2 min left"
    bar.reach(30.5)
    assert bar.line == "30 of 60 files, 340 times real time, 29 s left"
    now[0] = 20_000.0
    bar.reach(20)
    assert bar.line == "20 of 60 files, 0.5 times real time, 11.1 h left"
    bar.reach(60)
    assert bar.line == "60 of 60 files, 0.5 times real time"


def test_quiet_prints_results_and_errors_only(talks, capsys):
    (talks / "bad.wav").write_text("no sound")
    assert main(["transcribe", "talks", "--quiet"]) == 1
    told = capsys.readouterr()
    assert told.out == "ONE.wav: ONE\nTWO.wav: TWO\n"
    assert told.err.splitlines()[0] == "1 of 3 failed:" and len(told.err.splitlines()) == 2
    assert main(["transcribe", "talks/ONE.wav", "--quiet", "--output-dir", "out"]) == 0
    assert capsys.readouterr() == ("", "")


def test_verbose_prints_a_line_per_file_and_the_log(talks, capsys, caplog):
    assert main(["transcribe", "talks", "--verbose"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if " of 2 files, " in line]
    assert len(lines) == 2 and lines[1].startswith("2 of 2 files, ") and lines[1].endswith("times real time: talks/TWO.wav")
    assert logging.getLogger("w2vkit").getEffectiveLevel() == logging.DEBUG
    assert main(["transcribe", "talks"]) == 0
    assert logging.getLogger("w2vkit").getEffectiveLevel() == logging.getLogger().getEffectiveLevel()
    assert " of 2 files" not in capsys.readouterr().err


def run(*arguments: str) -> int | str | None:
    """The exit status, also where argparse raises it."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


def test_the_version_and_the_exit_statuses(talks, monkeypatch, capsys):
    assert run("--version") == 0 and capsys.readouterr().out == f"w2vkit {w2vkit.__version__}\n"
    assert run("--help") == 0
    told = [line.split() for line in capsys.readouterr().out.partition("exit status:")[2].splitlines()]
    assert [words[0] for words in told if words] == ["0", "1", "2", "130", "141"]
    assert run("transcribe", "talks") == 0
    assert run("transcribe", "talks", "missing.wav") == 1
    assert run("transcribe", "talks", "--colour") == 2
    assert run("transcribe", "talks", "--quiet", "--verbose") == 2

    def raises(error: BaseException) -> int:
        def load_model(options: object) -> None:
            raise error

        monkeypatch.setattr("w2vkit.cli.transcribe.load_model", load_model)
        return main(["transcribe", "talks"])

    assert raises(ModelError("No.")) == 1
    assert raises(KeyboardInterrupt()) == 130
    assert raises(BrokenPipeError()) == 141
    guide = (Path(w2vkit.__file__).parents[1] / "docs" / "guides" / "command-line.md").read_text(encoding="utf-8")
    assert all(f"| {status} |" in guide for status in (0, 1, 2, 130, 141))


def test_the_environment_sets_defaults_and_options_win(talks, monkeypatch, capsys):
    seen = {}

    def load_model(options):
        seen.update(vars(options))
        return Model()

    monkeypatch.setattr("w2vkit.cli.transcribe.load_model", load_model)
    values = {"MODEL": "w2v-mini", "DEVICE": "cpu", "DTYPE": "bfloat16", "MAX_HOURS": "1.5"}
    for name, value in values.items():
        monkeypatch.setenv(f"W2VKIT_{name}", value)
    assert main(["transcribe", "talks", "--dtype", "float32"]) == 0
    assert [seen[name] for name in ("model", "device", "dtype", "max_hours")] == [
        "w2v-mini",
        "cpu",
        "float32",
        1.5,
    ]
    capsys.readouterr()
    assert run("transcribe", "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert all(f"set W2VKIT_{name}" in shown for name in values)
    for wrong in ("long", "0", "nan"):
        monkeypatch.setenv("W2VKIT_MAX_HOURS", wrong)
        assert run("transcribe", "talks") == 2
        assert f"--max-hours: {wrong!r} is no number of hours" in " ".join(capsys.readouterr().err.split())
    monkeypatch.setenv("W2VKIT_MAX_HOURS", "")  # an empty variable counts as not set
    assert run("transcribe", "talks") == 0 and seen["max_hours"] == 2.0


def test_help_does_not_load_torch():
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "w2vkit", "transcribe", "--help"], capture_output=True)
    assert done.returncode == 0 and b" torch\n" not in done.stderr
