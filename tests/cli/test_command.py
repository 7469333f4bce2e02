"""The command `w2vkit`. Tests of the environment or the exit status run it in another process."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.hub import client_of

from w2vkit.cli import main
from w2vkit.cli.command import COMMANDS
from w2vkit.cli.command import _parser as command_parser
from w2vkit.cli.progress import Bar
from w2vkit.examples import examples


def w2vkit(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command with the Hub out of reach."""
    return subprocess.run(
        [sys.executable, "-m", "w2vkit", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        env=os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": os.devnull, "PYTHONUTF8": "1"},
    )


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """A folder with a Chinese name, a space, a subfolder, two equal stems, a text file and a damaged file."""
    folder = tmp_path / "talks"
    (folder / "day two").mkdir(parents=True)
    samples, rate = soundfile.read(examples()[0].path, dtype="float32")
    for name in ("你好.wav", "day two/talk.flac", "day two/talk.wav"):
        soundfile.write(folder / name, samples, rate)
    (folder / "broken.mp3").write_text("not sound")
    (folder / "notes.txt").write_text("not to be transcribed")
    return folder


@pytest.mark.slow
def test_a_folder_goes_on_past_a_bad_file_and_says_which_failed(talks, tmp_path, default_texts, capsys):
    out = tmp_path / "out"
    assert main(["transcribe", str(talks), "--model", "w2v-mini", "--format", "json", "--output-dir", str(out)]) == 1
    written = sorted(str(path.relative_to(out)) for path in out.rglob("[!.]*") if path.is_file())
    assert written == ["day two/talk.flac.json", "day two/talk.wav.json", "你好.json"]
    assert json.loads((out / "你好.json").read_text(encoding="utf-8"))["text"] == default_texts[examples()[0].path.name]
    said = capsys.readouterr().err
    assert "1 of 4 failed" in said and "broken.mp3 could not be read as audio" in said
    assert "\r" not in said  # no progress bar, since standard error is not a terminal


@pytest.mark.slow
def test_a_note_is_printed_and_stays_in_the_json_and_strict_makes_it_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    samples, rate = soundfile.read(examples()[0].path, dtype="float32")
    name = os.fsdecode(b"caf\xe9.wav")
    with Path(name).open("wb") as file:
        soundfile.write(file, np.stack([samples, -samples], axis=1), rate, format="WAV")
    command = ["transcribe", name, "--model", "w2v-mini", "--format", "json"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    (note,) = json.loads(out)["notes"]
    assert "cancel each other" in note
    assert err.count(note) == 1
    assert json.loads(out)["text"]
    assert main([*command, "--strict"]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert "1 of 1 failed" in err and note in err
    assert main([*command, "--track", "2"]) == 1
    assert "no audio track 2" in capsys.readouterr().err


@pytest.mark.slow
def test_patterns_and_single_files_print_to_the_terminal(talks, default_texts, monkeypatch, capsys):
    text = default_texts[examples()[0].path.name]
    monkeypatch.chdir(talks.parent)
    assert main(["transcribe", "talks/你好.wav", "--model", "w2v-mini"]) == 0
    assert capsys.readouterr().out == text + "\n"
    assert main(["transcribe", "talks/**/*.wav", "--model", "w2v-mini"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == [f"talk.wav: {text}", f"你好.wav: {text}"]


@pytest.mark.slow
def test_without_the_hub_w2v_mini_is_announced_once(tmp_path, capsys):
    with client_of("http://127.0.0.1:9", tmp_path):
        assert main(["transcribe", *(str(clip.path) for clip in examples()[:2]), "--decoder", "greedy"]) == 0
    told = capsys.readouterr().err
    assert told.count("w2v-mini is used") == 1
    assert told.splitlines()[0].endswith(": w2vkit models download auto")  # the whole command: it needs no sound


@pytest.mark.slow
def test_a_named_model_out_of_reach_is_an_error_within_15_seconds():
    started = time.monotonic()
    done = w2vkit("transcribe", examples()[0].path, "--model", "facebook/wav2vec2-base-960h")
    assert time.monotonic() - started < 15
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and "cannot be reached" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["transcribe"], "Nothing to transcribe"),
        (["transcribe", "missing.wav"], "missing.wav does not exist"),
        (["transcribe", "*.nothing"], "No file matches"),
        (["transcribe", "."], "no audio in"),
        (["transcribe", "a.wav", "--format", "docx"], "no format 'docx'"),
        (["transcribe", "a.wav", "b.wav", "--format", "srt"], "Add --output-dir"),
        (["transcribe", "--example", "a.wav"], "either --example or paths"),
        (["transcribe", ""], "An argument is empty"),
        (["transcribe", "a.wav", "--output-dir", ""], "An argument is empty"),
        (["transcribe", "a.wav", "--threads", "100000"], "Give 1 to 256 threads"),
    ],
)
def test_wrong_calls_are_answered_with_a_message(tmp_path, monkeypatch, capsys, arguments, cause):
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--model", "w2v-mini"]) == 1
    assert cause in capsys.readouterr().err


def test_results_are_printed_above_the_progress_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bar(2) as bar:
        bar.reach(1)
        bar.reach(1.5)
        bar.write("first.wav: HELLO\n")
    _, printed, after = terminal.getvalue().partition("\rfirst.wav: HELLO\n\r")
    assert printed and after.startswith(" 75% |") and "1 of 2 files" in after


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_same_help_with_and_without_the_others(name, capsys):
    helps = []
    for parser in (command_parser(name), command_parser()):
        with pytest.raises(SystemExit):
            parser.parse_args([name, "--help"])
        helps.append(capsys.readouterr().out)
    assert helps[0] == helps[1] and f"w2vkit {name}" in helps[0]


def test_the_command_line_does_not_import_the_page():
    code = "import sys, w2vkit.cli; sys.exit('w2vkit_demo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_models_lists_what_is_bundled_and_the_default():
    done = w2vkit("models")
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert rows[0][:2] == ["w2v-mini", "bundled"] and int(rows[0][2]) <= 32 and rows[0][-1] == "apache-2.0"
    assert rows[-1][0] == "facebook/wav2vec2-large-960h-lv60-self" and "Hub" in rows[-1]


def test_importing_the_package_does_not_import_torch():
    code = "import sys, w2vkit; sys.exit(any(m in sys.modules for m in ('torch', 'transformers', 'gradio', 'plotly')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.slow
def test_silence_and_too_short_from_the_command_line(tmp_path, monkeypatch, capsys):
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "short.wav", np.zeros(200), 16_000)
    monkeypatch.chdir(tmp_path)
    assert main(["transcribe", "silence.wav", "short.wav", "--model", "w2v-mini"]) == 1
    out, err = capsys.readouterr()
    assert out == "silence.wav: \n"
    assert "short.wav: The audio is too short: 12.5 ms" in err


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start the command with standard output in a pipe, buffered as by default."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "w2vkit", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("transcribe", "--example", "--model", "w2v-mini", "--decoder", "greedy"), ("transcribe", "--help")], ids=str
)
def test_a_closed_pipe_ends_the_command_without_a_traceback(arguments):
    """As in ``w2vkit transcribe --example | head -1``. The status is that of a program that SIGPIPE ends."""
    command = start(*arguments)
    assert command.stdout and command.stderr
    if "--example" in arguments:
        assert command.stdout.readline().startswith(examples()[0].path.name)
    command.stdout.close()
    said = command.stderr.read()
    assert command.wait() == 141
    known = {"Decoding", *(clip.path.name for clip in examples())}
    assert all(line.split(": ")[0] in known for line in said.splitlines())


@pytest.mark.slow
def test_ctrl_c_while_transcribing_ends_with_one_line_and_status_130(tmp_path):
    for number in range(300):
        shutil.copy(examples()[0].path, tmp_path / f"{number}.flac")
    command = start("transcribe", str(tmp_path), "--model", "w2v-mini", "--decoder", "greedy")
    assert command.stdout
    command.stdout.readline()
    command.send_signal(signal.SIGINT)
    _, said = command.communicate()
    assert command.returncode == 130
    lines = [line for line in said.splitlines() if not line.startswith("Decoding: ")]
    assert lines == ["w2vkit: stopped. Results that were already written are kept."]


def test_no_control_character_of_a_name_reaches_the_terminal(capfd):
    assert main(["transcribe", "gone\x1b[2J\x9b\x07.wav", "--model", "w2v-mini"]) == 1
    out, err = capfd.readouterr()
    assert "gone" in err and not set(out + err) & set("\x1b\x9b\x07")
