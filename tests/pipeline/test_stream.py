"""The stream: read ahead in bounded memory, computed in batches, given in the order of the items; a bad one is one row."""

import json
import threading
import time
import weakref
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soundfile
from support.speller import Speller, sound, speller

from w2vkit.audio import Waveform, load
from w2vkit.cli import main
from w2vkit.decode import greedy
from w2vkit.errors import AudioError, ModelError, TooLongError
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.pipeline import stream
from w2vkit.pipeline.stream import Sound, Stream

WORDS = ["ONE", "FOURTEEN", "A", "TWENTY SEVEN", "SIX"]


def read(item, most):
    if isinstance(item, BaseException):
        raise item
    waveform = load(sound(item), max_seconds=most)
    return Sound([waveform], waveform.seconds)


def run(model, items, **options):
    """Give the texts and errors of all items in the order in which they come."""
    outcomes = [o for some in Stream(model, greedy, read, **options).run(items) for o in some]
    assert [o.item for o in outcomes] == list(items)
    return [o.error or o.hypotheses[0].text for o in outcomes]


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "reader"]


def test_the_order_is_that_of_the_items_whatever_their_length(monkeypatch):
    monkeypatch.setattr(stream, "WINDOW_SECONDS", 1.0)
    model, told = speller(), []
    assert run(model, WORDS * 20, progress=told.append, threads=5) == WORDS * 20
    assert model.read != WORDS * 20 and sorted(model.read) == sorted(WORDS * 20)  # sorted within a window
    assert told == sorted(told) and told[-1] == 100
    assert not readers()


@pytest.mark.parametrize("bad", [AudioError("bad"), MemoryError(), SystemExit(3), TooLongError("long")], ids=repr)
def test_a_fault_of_a_reader_is_one_row_in_its_place(bad):
    found = run(speller(), [*WORDS, bad, *WORDS], whole=None)
    assert found[:5] == found[6:] == WORDS and (found[5] is bad or "SystemExit(3)" in str(found[5]))


def test_a_sound_that_fails_in_a_batch_is_one_error_and_the_others_are_computed():
    class Model(Speller):
        def emit(self, waveforms, *, progress=None):
            found = super().emit(waveforms, progress=progress)
            if self.read[-1] == "A":
                raise ValueError("bad")
            return found

    found = run(cast(Any, Model()), WORDS)
    assert isinstance(found.pop(2), ValueError) and found == WORDS[:2] + WORDS[3:]


def test_emissions_that_cannot_be_decoded_are_one_error():
    def decode(emissions):
        if (found := greedy(emissions)).text == "A":
            raise ValueError("bad")
        return found

    outcomes = [o for some in Stream(speller(), decode, read).run(WORDS) for o in some]
    assert [o.error is None for o in outcomes] == [True, True, False, True, True]


def test_a_fault_of_the_iterator_comes_after_the_items_before_it():
    def items():
        yield from WORDS
        raise ModelError("no more")

    found = []
    with pytest.raises(ModelError, match="no more"):
        for some in Stream(speller(), greedy, read).run(items()):
            found += [o.hypotheses[0].text for o in some]
    assert found == WORDS and not readers()


def test_long_items_go_by_themselves_in_their_place():
    model = speller()
    model.longest_pass = 0.3  # s; a character has 25 ms
    items = ["ONE", "TWENTY SEVEN TWO", "SIX", "TWENTY SEVEN SEVEN", "A"]
    told = []
    assert run(model, items, progress=told.append) == items and told[-1] == 5
    assert model.read.index("ONE") < model.read.index("TWENTY SEVEN TWO") < model.read.index("SIX")


def test_the_consumer_can_stop_and_the_readers_end():
    outcomes = Stream(speller(), greedy, read).run(WORDS * 1000)
    next(outcomes)
    outcomes.close()
    time.sleep(0.1)
    assert not readers()


@pytest.mark.parametrize("threads", [1, 4])
def test_only_two_windows_of_sound_are_in_memory(monkeypatch, threads):
    monkeypatch.setattr(stream, "WINDOW_SECONDS", 20.0)
    alive, most, drawn = weakref.WeakSet(), [0.0], []

    def read(item, longest):
        waveform = Waveform(np.zeros(item * 16_000, np.float32))
        alive.add(waveform)
        most[0] = max(most[0], sum(w.seconds for w in list(alive)))
        return Sound([waveform], waveform.seconds)

    def items():
        for k in range(200):
            drawn.append(k)
            yield 1 + k % 5

    model = speller()
    model.longest_pass, done = 5.0, 0
    for some in Stream(model, greedy, read, threads=threads).run(items()):
        done += len(some)
        assert len(drawn) - done <= 2 * 20 / 1  # what was read, but not given
        time.sleep(0.002)  # a slow consumer: the readers would run away
    assert done == 200 and 20 < most[0] <= 2 * 20


def test_bad_items_are_limited_in_number_too(monkeypatch):
    monkeypatch.setattr(stream, "WINDOW_SECONDS", 10.0)
    model, drawn, done = speller(), list[int](), 0

    def items():
        for k in range(500):
            drawn.append(k)
            yield AudioError(f"{k} is bad")

    model.longest_pass = 5.0
    for some in Stream(model, greedy, read).run(items()):
        done += len(some)
        assert len(drawn) - done <= 2 * 10 / stream.LEAST
    assert done == 500


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Speech of many lengths, from 0.2 s to one that is longer than a pass; a file that is no sound, and one without any."""
    folder = tmp_path_factory.mktemp("clips")
    speech = np.concatenate([load(example.path).samples for example in examples()])
    for k, seconds in enumerate((3.0, 0.2, 7.5, 1.1, 31.0, 4.2, 0.5, 12.0)):
        samples = np.resize(speech[16_000 * k :], round(16_000 * seconds))
        soundfile.write(folder / f"{k}.wav", samples, 16_000, subtype="FLOAT")
    (folder / "3b.wav").write_bytes(b"no sound")
    soundfile.write(folder / "5b.wav", np.zeros(10, np.float32), 16_000)
    return folder


@pytest.mark.slow
def test_a_folder_gives_what_its_files_give_one_by_one(clips, tmp_path, capsys):
    options = ["--model", "w2v-mini", "--dtype", "float32", "--decoder", "greedy", "--format", "json", "--quiet"]
    assert main(["transcribe", str(clips), *options, "--output-dir", str(tmp_path), "--threads", "2"]) == 1
    told = capsys.readouterr().err
    assert "2 of 10 failed" in told and "3b.wav: 3b.wav could not be read" in told and "too short" in told
    files = sorted(clips.glob("?.wav"))
    assert len(list(tmp_path.glob("*.json"))) == len(files) == 8
    model = CTCModel.load("w2v-mini", dtype="float32")
    for file in files:
        emissions, seconds = model.emit_file(file)
        alone, found = greedy(emissions), json.loads((tmp_path / f"{file.stem}.json").read_text())
        assert (found["text"], found["seconds"]) == (alone.text, pytest.approx(seconds, abs=1e-3))
        numbers = [(w["start"], w["end"], w["confidence"]) for w in found["words"]]
        assert np.array(numbers).reshape(-1, 3) == pytest.approx(
            np.array([(w.start, w.end, w.confidence) for w in alone.words]).reshape(-1, 3), abs=1.001e-3
        )


def test_a_stopped_run_keeps_the_windows_before_and_resumes(tmp_path, monkeypatch, capsys):
    class Model(Speller):
        fault = True

        def emit(self, waveforms, *, progress=None):
            found = super().emit(waveforms, progress=progress)
            if self.fault and self.read[-1] == "STOP":
                raise KeyboardInterrupt
            return found

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stream, "WINDOW_SECONDS", 0.5)
    model: Any = Model()
    monkeypatch.setattr("w2vkit.cli.transcribe.load_model", lambda options: model)
    Path("talks").mkdir()
    words = [*WORDS * 3, "STOP", *WORDS]
    for k, word in enumerate(words):
        soundfile.write(f"talks/{k:02d}.wav", sound(word)[1], 16_000, subtype="FLOAT")
    assert main(["transcribe", "talks", "--output-dir", "out"]) == 130
    kept = len(list(Path("out").glob("*.txt")))
    assert 10 <= kept <= 15 and not readers()
    model.fault = False
    model.read.clear()
    assert main(["transcribe", "talks", "--output-dir", "out", "--resume"]) == 0
    assert f"{kept} of them by an earlier run" in capsys.readouterr().err and len(model.read) == len(words) - kept
    assert [file.read_text().strip() for file in sorted(Path("out").glob("*.txt"))] == words


@pytest.mark.parametrize("wrong", [("--threads", "0"), ("--batch-seconds", "0"), ("--batch-seconds", "nan")])
def test_a_wrong_number_is_refused(wrong, tmp_path, capsys):
    (tmp_path / "a.wav").touch()
    assert main(["transcribe", str(tmp_path), "--model", "w2v-mini", *wrong]) == 1
    assert "Give 1 to 256 threads" in capsys.readouterr().err
    assert main(["transcribe", str(tmp_path), "--engine", "ray", "--output-dir", str(tmp_path), "--threads", "2"]) == 1
    assert "Leave out --threads" in capsys.readouterr().err
