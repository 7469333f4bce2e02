"""`w2vkit transcribe` on many files: one bad file is one row, nothing of a user is replaced, and a stopped run resumes."""

import io
import json
import os
import signal
import subprocess
import sys
import unicodedata
from dataclasses import replace as replace_field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support.speller import Speller, sound

from w2vkit.audio import load
from w2vkit.audio.waveform import channels
from w2vkit.cli import main
from w2vkit.cli.common import write_text
from w2vkit.cli.files import SUFFIXES, find_jobs
from w2vkit.cli.outputs import RECORD
from w2vkit.decode import BeamSearch
from w2vkit.decode.lm import Weights, save_weights
from w2vkit.decode.lm.build import build_ngram, ngram_from_text
from w2vkit.formats import FORMATS
from w2vkit.pipeline.files import LOCK, locked, replace

WORDS = ("ONE", "TWO", "THREE", "FOUR", "FIVE")


class Model(Speller):
    """A stand-in for a model that raises `fault` where it reads the word `bad`."""

    longest_pass = 0.0  # all files go by themselves; tests/pipeline/test_stream.py has the others
    fault: BaseException | None = None
    bad = "THREE"

    def emit_file(self, source, *, max_seconds, track, note, progress):
        source = source.read_bytes() if isinstance(source, Path) else source  # names: see the tests of the decoders
        waveform = load(source, max_seconds=max_seconds)
        (emissions,) = self.emit([waveform])
        if self.fault and self.read[-1] == self.bad:
            raise self.fault
        return emissions, waveform.seconds


@pytest.fixture
def model(monkeypatch) -> Any:
    model = Model()
    monkeypatch.setattr("w2vkit.cli.transcribe.load_model", lambda options: model)
    return model


@pytest.fixture
def talks(tmp_path, monkeypatch) -> Path:
    """The folder "talks" in the current folder, with one file for each of `WORDS`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talks").mkdir()
    for k, word in enumerate(WORDS):
        write(Path("talks") / f"{k}.wav", word)
    return Path("talks")


def write(path: Path, word: str) -> None:
    with path.open("wb") as file:
        soundfile.write(file, sound(word)[1], 16_000, format="WAV", subtype="FLOAT")


def transcribe(*arguments: object) -> int:
    return main(["transcribe", *map(str, arguments)])


def texts(folder: str | Path = "out") -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(Path(folder).rglob("[!.]*.txt"))}


ALL = {f"{k}.txt": f"{word}\n" for k, word in enumerate(WORDS)}
FAULTS = [
    ValueError("bad\nvalue"),
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    AttributeError(),
    RecursionError("deep"),
    OSError(36, "too long"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("output", [(), ("--output-dir", "out")], ids=["printed", "written"])
def test_any_exception_of_one_file_is_one_row(model, talks, capsys, fault, output):
    model.fault = fault
    assert transcribe(talks, *output) == 1
    told = capsys.readouterr()
    written = "".join(texts().values()) if output else told.out
    assert [word in written for word in WORDS] == [True, True, False, True, True]
    assert told.err.splitlines()[-2] == "1 of 5 failed:" and told.err.splitlines()[-1].startswith(f"  {talks / '2.wav'}: ")
    assert "Memory ran out" in told.err or type(fault).__name__ in told.err


def test_names_that_cannot_be_opened_or_printed_are_rows(model, talks, capsys):
    (talks / "loop.wav").symlink_to("loop.wav")
    write(Path(os.fsdecode(b"talks/caf\xe9 \x1b[31m.wav")), "SIX")
    assert transcribe("x" * 5000, talks, talks / "loop.wav" / "x.wav", "--output-dir", "out") == 1
    told = capsys.readouterr().err
    assert "File name too long" in told and "loop.wav" in told and "\x1b" not in told
    assert "6 of 9 files written" in told and texts() == ALL | {os.fsdecode(b"caf\xe9 \x1b[31m.txt"): "SIX\n"}
    assert transcribe(talks) == 1
    assert "caf\\udce9 \ufffd[31m.wav: SIX\n" in capsys.readouterr().out


def test_a_file_that_w2vkit_did_not_write_is_kept(model, talks, capsys):
    mine = talks / "0.txt"
    mine.write_text("my own text")
    assert transcribe(talks, "--output-dir", talks) == 1
    assert f"{mine}: there already" in capsys.readouterr().err
    assert mine.read_text() == "my own text" and not model.read and len(texts(talks)) == 1
    assert transcribe(talks, "--output-dir", talks, "--overwrite") == 0
    assert texts(talks) == ALL
    assert transcribe(talks, "--output-dir", talks) == 0  # w2vkit's own results may be replaced
    (talks / "1.txt").write_text("TWO, corrected\n")
    assert transcribe(talks, "--output-dir", talks) == 1
    assert (talks / "1.txt").read_text() == "TWO, corrected\n"


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_an_output_never_replaces_an_input(model, talks, capsys, more):
    (talks / "0.wav").rename("sound.txt")
    before = Path("sound.txt").read_bytes()
    assert transcribe("sound.txt", "--output-dir", ".", *more) == 1
    assert "would replace an input" in capsys.readouterr().err and Path("sound.txt").read_bytes() == before


def stop(model: Model, talks: Path) -> None:
    model.fault = KeyboardInterrupt()
    assert transcribe(talks, "--output-dir", "out") == 130
    assert list(texts()) == ["0.txt", "1.txt"]
    model.fault = None
    model.read.clear()


def test_a_stopped_run_resumes_where_it_stopped(model, talks, capsys):
    stop(model, talks)
    assert transcribe(talks, "--output-dir", "out", "--resume") == 0
    assert texts() == ALL and model.read == ["THREE", "FOUR", "FIVE"]
    assert "5 of 5 files written to out, 2 of them by an earlier run" in capsys.readouterr().err
    record = (Path("out") / RECORD).read_bytes()
    assert transcribe(talks, "--output-dir", "whole") == 0
    assert (Path("whole") / RECORD).read_bytes() == record and texts("whole") == ALL


def test_a_run_resumes_with_the_same_settings_and_inputs_only(model, talks, capsys):
    stop(model, talks)
    assert transcribe(talks, "--output-dir", "out", "--resume", "--decoder", "greedy") == 1
    assert "other settings (decoder)" in capsys.readouterr().err and not model.read
    (talks / "1.wav").unlink()
    write(talks / "1.wav", "NINE")
    (Path("out") / "0.txt").write_text("ONE, corrected\n")
    assert transcribe(talks, "--output-dir", "out", "--resume") == 0
    assert texts() == ALL | {"0.txt": "ONE, corrected\n", "1.txt": "NINE\n"}
    assert transcribe(talks, "--resume") == 1 and "Add --output-dir" in capsys.readouterr().err


@pytest.mark.parametrize("cut", [10, 0])
def test_a_kill_between_the_record_and_the_output_loses_nothing(model, talks, cut):
    stop(model, talks)
    record, last = Path("out") / RECORD, Path("out") / "1.txt"
    last.unlink()
    record.write_bytes(record.read_bytes()[: -cut or None])
    assert transcribe(talks, "--output-dir", "out", "--resume") == 0
    assert texts() == ALL and model.read == list(WORDS[1:])


def test_the_second_of_two_runs_into_one_folder_is_an_error(model, talks, capsys):
    with locked(Path("out")):
        assert transcribe(talks, "--output-dir", "out") == 1
    assert f"Another run of w2vkit (process {os.getpid()} on " in capsys.readouterr().err
    (Path("out") / LOCK).write_text("left by a run that was killed")
    assert transcribe(talks, "--output-dir", "out") == 0
    assert texts() == ALL and not (Path("out") / LOCK).exists()


def test_the_first_line_says_how_the_sound_is_read(model, talks, capsys):
    model.default_decoder = BeamSearch(language_model=replace_field(ngram_from_text("ONE TWO", 1), name="words.arpa"))
    assert transcribe(talks / "0.wav") == 0
    told = capsys.readouterr().err
    assert told.startswith("Decoding: beam search with the language model words.arpa; w2vkit evaluate is greedy unless")
    assert transcribe(talks / "0.wav", "--decoder", "beam") == 0
    assert capsys.readouterr().err.startswith("Decoding: beam search without a language model.\n")


def test_a_full_disk_is_one_line_and_damages_no_older_result(model, talks, capsys):
    resource = pytest.importorskip("resource")
    assert transcribe(talks, "--output-dir", "out") == 0
    capsys.readouterr()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((Path("out") / RECORD).stat().st_size + 100, limits[1]))
    try:
        assert transcribe(talks, "--output-dir", "out") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    told = capsys.readouterr().err
    assert (
        told.count("\n") == 2
        and told.startswith("Decoding: greedy.\n")
        and "could not be written" in told
        and "--resume" in told
    )
    assert texts() == ALL and {file.name for file in Path("out").iterdir()} == {*ALL, RECORD}


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path):
    resource = pytest.importorskip("resource")
    (path := tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt.new").write_text("a user's file")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            replace(path, b"new" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.txt": "old", "a.txt.new": "a user's file"}
    replace(long := tmp_path / ("n" * 250), b"new")  # the name of a temporary file must not be longer
    assert long.read_bytes() == b"new"


def test_folders_take_every_medium_and_follow_links_once(tmp_path, capsys, model):
    (folder := tmp_path / "media").mkdir()
    (other := tmp_path / "elsewhere").mkdir()
    names = [f"talk{suffix.upper() if k % 2 else suffix}" for k, suffix in enumerate(sorted(SUFFIXES))]
    for place, those in ((folder, names[::2]), (other, names[1::2])):
        for name in those:
            (place / name).touch()
    (folder / "linked").symlink_to(other, target_is_directory=True)
    (folder / "again").symlink_to(other, target_is_directory=True)
    (other / "up").symlink_to(folder, target_is_directory=True)
    for name in ("a.txt", "b.TXT", "c.jpg", "README", ".talk.wav", RECORD):
        (folder / name).touch()
    found = find_jobs([str(folder)])
    assert sorted(job.path.name for job in found.jobs) == sorted(names)
    assert found.left_out == {".txt": 2, ".jpg": 1, "without a suffix": 1, "hidden": 1} and not found.failures
    wanted = ".avi .m4v .mka .wmv .ts .mpg .mp2 .ac3 .wv .flv .wav .flac .mp3 .ogg .opus .m4a .mp4 .webm .mkv .aac .wma"
    assert set(wanted.split()) <= SUFFIXES
    transcribe(folder)
    assert "5 files were left out, hidden or no sound by the suffix: 2 .txt, 1 " in capsys.readouterr().err


def test_every_suffix_of_the_decoders_is_searched_for():
    av = pytest.importorskip("av")
    formats = ("aac", "ac3", "ape", "avi", "dts", "eac3", "flac", "flv", "mp3", "ogg", "tak", "tta", "wv", "nut")
    named = {f".{suffix}" for name in formats for suffix in av.ContainerFormat(name, "r").extensions}
    assert named - {".apl", ".mac"} <= SUFFIXES


def test_lm_build_and_align_replace_no_file(talks, capsys, monkeypatch):
    text = Path("w.txt")
    text.write_text("a text of mine\n")
    for more in ((), ("--overwrite",)):
        assert main(["lm", "build", "w.txt", "--output", "w.txt", *more]) == 1
        assert "is the input itself" in capsys.readouterr().err and text.read_text() == "a text of mine\n"
    Path("x.arpa").write_text("mine")
    assert main(["lm", "build", "w.txt", "--output", "x.arpa"]) == 1
    assert "--overwrite" in capsys.readouterr().err and Path("x.arpa").read_text() == "mine"
    assert main(["lm", "build", "w.txt", "--output", "x.arpa", "--overwrite"]) == 0
    assert Path("x.arpa").read_text().startswith("\\data\\")
    assert main(["lm", "build", "w.txt", "--output", "new/x.arpa.gz"]) == 0
    assert Path("new/x.arpa.gz").read_bytes()[:2] == b"\x1f\x8b" and len(list(Path("new").iterdir())) == 1
    for output in ("w.txt", "talks/0.wav", "x.arpa"):
        before = Path(output).read_bytes()
        assert main(["align", "talks/0.wav", "w.txt", "--output", output, "--format", "tsv"]) == 1
        assert Path(output).read_bytes() == before


def test_a_device_or_pipe_is_never_replaced(talks, capsys):
    os.mkfifo("pipe")
    Path("w.txt").write_text("a text of mine\n")
    assert main(["lm", "build", "w.txt", "--output", "pipe", "--overwrite"]) == 1
    assert "pipe is not a file" in capsys.readouterr().err and Path("pipe").is_fifo()
    (talks / "0.txt").symlink_to("/dev/zero")  # it has no end
    assert transcribe(talks, "--output-dir", talks) == 1
    assert f"{talks / '0.txt'}: there already" in capsys.readouterr().err and (talks / "0.txt").is_char_device()


def test_output_into_a_stream_is_appended(tmp_path):
    """As in ``w2vkit align ... --output /dev/stdout >> results.tsv``."""
    path = tmp_path / "results.tsv"
    path.write_text("older\n")
    with path.open("ab") as stream:
        write_text(Path(f"/dev/fd/{stream.fileno()}"), "newer\n")
    assert path.read_text() == "older\nnewer\n"


@pytest.mark.parametrize("options", [("--hotword", "É"), ("--lm", "russian.arpa")])
def test_a_decoder_that_does_not_fit_the_model_is_one_error_before_any_file_is_read(model, talks, capsys, options):
    build_ngram([["ПРИВЕТ"]], 1, output=Path("russian.arpa"))
    assert transcribe(talks, *options) == 1
    told = capsys.readouterr().err
    assert told.startswith("w2vkit: ") and "failed" not in told and not model.read


def test_a_pipe_or_a_folder_is_no_language_model_and_no_text(talks, capsys):
    os.mkfifo("pipe")
    assert main(["transcribe", "talks/0.wav", "--lm", "pipe"]) == 1
    assert "pipe is not a file" in capsys.readouterr().err
    for name in ("pipe", "talks"):
        assert main(["align", "talks/0.wav", name, "--model", "w2v-mini"]) == 1
        assert f"{name} is not a file" in capsys.readouterr().err


def test_lm_convert_replaces_no_weights_of_the_user(talks, capsys):
    Path("w.txt").write_text("a text of mine\n")
    assert main(["lm", "build", "w.txt", "--output", "w.npz"]) == 0
    save_weights("w.npz", Weights(0.7, 2.5))
    Path("x.json").write_text("mine")
    assert main(["lm", "convert", "w.npz", "x.arpa"]) == 1
    assert "x.json is there already" in capsys.readouterr().err
    assert Path("x.json").read_text() == "mine" and not Path("x.arpa").exists()


@pytest.mark.parametrize("line", ["[" * 100_000, "5", '{"settings": 5}', '{"output": 5}', "\xff"])
def test_a_damaged_record_is_an_error(model, talks, capsys, line):
    Path("out").mkdir()
    (Path("out") / RECORD).write_text(line + "\n", encoding="latin-1")
    assert transcribe(talks, "--output-dir", "out") == 1
    assert f"{RECORD} is damaged" in capsys.readouterr().err


def test_names_that_differ_in_case_only_have_outputs_that_differ_in_more(model, talks):
    for folder, name in (("a", "Talk.wav"), ("b", "talk.wav"), ("c", "caf\u00e9.wav"), ("d", "cafe\u0301.wav")):
        Path(folder).mkdir()
        Path(folder, name).write_bytes((talks / "0.wav").read_bytes())
    assert transcribe("a/Talk.wav", "b/talk.wav", "c/caf\u00e9.wav", "d/cafe\u0301.wav", "--output-dir", "out") == 0
    names = {unicodedata.normalize("NFC", path.name).casefold() for path in Path("out").glob("*.txt")}
    assert len(names) == 4


def run(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "w2vkit", *arguments], stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_line():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = run("models", stdout=full)
        _, told = command.communicate()
    assert command.returncode == 1 and told.count("\n") == 1 and "No space left on device" in told


@pytest.mark.slow
@pytest.mark.parametrize("module", ["w2vkit.errors", "numpy.version", "torch.torch_version", "transformers.utils.logging"])
def test_ctrl_c_while_libraries_load_is_one_line(module):
    command = [sys.executable, "-X", "importtime", "-m", "w2vkit", "transcribe", "missing.wav", "--model", "w2v-mini"]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)  # which prints each module after its import
    assert started.stderr and any(line.rstrip().endswith(f" {module}") for line in started.stderr)
    started.send_signal(signal.SIGINT)
    told = [line for line in started.stderr if not line.startswith("import time:")]
    assert (started.wait(), told) == (130, ["w2vkit: stopped. Results that were already written are kept.\n"])


def test_a_closed_output_is_no_traceback():
    code = "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, '-m', 'w2vkit', 'models'])"
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_several_formats_are_written_from_one_reading(model, talks, capsys):
    assert transcribe(talks, "--output-dir", "out", "--format", "srt,JSON", "--format", "txt") == 0
    assert sorted(path.name for path in Path("out").glob("[!.]*")) == sorted(
        f"{k}.{format}" for k in range(5) for format in ("srt", "json", "txt")
    )
    assert texts() == ALL and len(model.read) == 5
    assert transcribe(talks / "0.wav", "--output-dir", "every", "--format", "all") == 0
    assert {path.suffix[1:] for path in Path("every").glob("[!.]*")} == set(FORMATS)
    assert transcribe(talks / "0.wav", "--format", "srt,txt") == 1
    assert "srt and txt of 1 file cannot be printed together. Add --output-dir" in capsys.readouterr().err


def test_a_run_resumes_inside_a_file_of_several_formats(model, talks):
    assert transcribe(talks, "--output-dir", "out", "--format", "txt") == 0
    (Path("out") / "0.txt").write_text("ONE, corrected\n")
    model.read.clear()
    assert transcribe(talks, "--output-dir", "out", "--format", "txt,srt", "--resume") == 0
    assert texts() == ALL | {"0.txt": "ONE, corrected\n"} and len(model.read) == 5
    assert len(list(Path("out").glob("*.srt"))) == 5


@pytest.mark.parametrize("option", [("--case", "lower"), ("--max-lines", "2"), ("--start", "0.01"), ("--duration", "9")])
def test_a_run_resumes_with_the_same_texts_only(model, talks, capsys, option):
    assert transcribe(talks, "--output-dir", "out", "--format", "srt") == 0
    assert transcribe(talks, "--output-dir", "out", "--format", "srt", "--resume", *option) == 1
    assert "other settings" in capsys.readouterr().err


def test_existing_outputs_are_skipped_whoever_wrote_them(model, talks, capsys):
    Path("out").mkdir()
    for name in ("0.txt", "0.srt", "1.txt"):
        (Path("out") / name).write_text("mine\n")
    assert transcribe(talks, "--output-dir", "out", "--format", "txt,srt", "--skip-existing") == 0
    assert texts() == ALL | {"0.txt": "mine\n", "1.txt": "mine\n"} and model.read == list(WORDS[1:])
    assert (Path("out") / "0.srt").read_text() == "mine\n" and "TWO" in (Path("out") / "1.srt").read_text()
    assert "5 of 5 files written to out, 1 of them were there" in capsys.readouterr().err
    assert transcribe(talks, "--skip-existing") == 1 and "Add --output-dir" in capsys.readouterr().err
    assert transcribe(talks, "--skip-existing", "--overwrite", "--output-dir", "out") == 1


def test_an_option_without_an_effect_on_the_format_is_refused(model, talks, capsys):
    for option in (("--max-line-width", "9"), ("--max-lines", "1"), ("--highlight-words",), ("--pause", "1")):
        assert transcribe(talks, *option) == 1
        assert f"{option[0]} would change nothing in txt" in capsys.readouterr().err
    assert transcribe(talks, "--pause", "1", "--case", "sentence") == 0
    assert capsys.readouterr().out.startswith("0.wav: One\n1.wav: Two\n")
    assert transcribe(talks, "--pause", "0", "--format", "json", "--output-dir", "out") == 1
    assert "A pause of 0 s" in capsys.readouterr().err


def test_whispers_name_of_an_option_works(model, talks, capsys):
    write(talks / "0.wav", "ONE TWO THREE FOUR")
    arguments = ("--format", "srt", "--max-words-per-line", "1", "--max-line-count", "2")
    assert transcribe(talks / "0.wav", *arguments) == 0
    assert [block.split("\n")[2:4] for block in capsys.readouterr().out.split("\n\n")] == [["ONE", "TWO"], ["THREE", "FOUR"]]


class Input:
    """Standard input that holds bytes."""

    def __init__(self, data: bytes, terminal: bool = False) -> None:
        self.buffer, self.isatty = io.BytesIO(data), lambda: terminal


def test_sound_comes_from_standard_input(model, talks, monkeypatch, capsys):
    data = (talks / "3.wav").read_bytes()
    monkeypatch.setattr(sys, "stdin", Input(data))
    assert transcribe("-", "--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["text"], content["audio"]) == ("FOUR", "stdin")
    monkeypatch.setattr(sys, "stdin", Input(data))
    assert transcribe(talks / "0.wav", "-", "--output-dir", "out") == 0
    assert texts() == {"0.txt": "ONE\n", "stdin.txt": "FOUR\n"}
    monkeypatch.setattr(sys, "stdin", Input(b"no sound"))
    assert transcribe("-") == 1 and "could not be read as audio" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", Input(b""))
    assert transcribe("-") == 1 and "is empty" in capsys.readouterr().err
    assert transcribe("-", "--resume", "--output-dir", "out") == 1 and "need files" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", Input(data, terminal=True))
    assert transcribe("-") == 1 and "Pipe a file in" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", None)
    assert transcribe("-") == 1 and "Pipe a file in" in capsys.readouterr().err


def test_a_part_is_transcribed_with_the_times_of_the_whole(model, talks, capsys):
    """A character lasts 25 ms: " TWO THREE" begins after 75 ms."""
    write(talks / "0.wav", "ONE TWO THREE")
    assert transcribe(talks / "0.wav", "--format", "json") == 0
    whole = json.loads(capsys.readouterr().out)
    assert transcribe(talks / "0.wav", "--format", "json", "--start", 0.1, "--duration", 0.075) == 0
    part = json.loads(capsys.readouterr().out)
    assert part["text"] == "TWO" and part["seconds"] == 0.175
    assert part["words"][0]["start"] == pytest.approx(whole["words"][1]["start"], abs=0.03)
    assert part["notes"] == ["Only 0.1 s to 0.175 s were transcribed. Times count from the beginning of the recording."]
    assert transcribe(talks / "0.wav", "--start", 0.2) == 0 and capsys.readouterr().out == "THREE\n"
    assert transcribe(talks / "0.wav", "--start", 99) == 1 and "no sound from 99 s on" in capsys.readouterr().err
    assert transcribe(talks / "0.wav", "--start", 0.1, "--max-hours", 0.00001) == 1
    assert "longer" in capsys.readouterr().err
    for wrong in (("--start", -1), ("--start", "nan"), ("--duration", 0), ("--duration", "inf")):
        assert transcribe(talks, *wrong) == 1 and "no such part" in capsys.readouterr().err


def test_each_channel_of_a_call_is_a_speaker(model, talks, capsys):
    left, right = sound("ONE" + " " * 60 + "THREE")[1], sound(" " * 20 + "TWO")[1]
    both = np.zeros((max(len(left), len(right)), 2), np.float32)
    both[: len(left), 0], both[: len(right), 1] = left, right
    soundfile.write("call.wav", both, 16_000, subtype="FLOAT")
    assert transcribe("call.wav", "--channels", "--case", "sentence") == 0
    assert capsys.readouterr().out == "Speaker 1: One\nSpeaker 2: Two\nSpeaker 1: Three\n"
    assert transcribe("call.wav", "--channels", "--pause", 9) == 0
    assert capsys.readouterr().out == "Speaker 1: ONE THREE\nSpeaker 2: TWO\n"
    assert transcribe("call.wav", "--channels", "--format", "json", "--start", 0.5) == 0
    content = json.loads(capsys.readouterr().out)
    assert [(s["speaker"], s["text"]) for s in content["segments"]] == [("Speaker 2", "TWO"), ("Speaker 1", "THREE")]
    assert content["segments"][0]["start"] == pytest.approx(0.5, abs=0.05)
    assert content["seconds"] == pytest.approx(len(left) / 16_000)
    assert transcribe("call.wav", "--channels", "--start", 9) == 1 and "no sound from 9 s on" in capsys.readouterr().err
    assert transcribe(talks / "0.wav", "--channels") == 1 and "It has one channel" in capsys.readouterr().err
    assert transcribe("call.wav", "--channels", "--max-hours", 0.0001) == 1 and "longer" in capsys.readouterr().err
    assert transcribe("missing.wav", "--channels") == 1 and "does not exist" in capsys.readouterr().err


def test_the_channels_of_a_compressed_stereo_file_are_kept_apart(tmp_path):
    time = np.arange(44_100) / 44_100
    soundfile.write(tmp_path / "a.flac", np.stack([0.5 * np.sin(2 * np.pi * 440 * time), 0 * time], axis=1), 44_100)
    left, right = channels(tmp_path / "a.flac")
    assert left.sample_rate == 16_000 and len(left.samples) == len(right.samples) == 16_000
    assert left.samples.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.01) and not right.samples.any()
