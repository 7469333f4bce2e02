"""Beam search and alignment in another process: the same results and errors, and what happens if the process ends."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.emissions import spell

from w2vkit.align import align
from w2vkit.decode import BeamSearch, beam_search
from w2vkit.decode.lm import BUNDLED, load, path_of
from w2vkit.errors import AlignmentError, DecodingError, LanguageModelError, ServerError
from w2vkit_demo.server import beam_process
from w2vkit_demo.server.beam_process import BeamProcess

EMISSIONS = spell(list("HE_L_LO WURL_D"), sure=0.6)


@pytest.fixture(scope="module")
def process() -> Iterator[BeamProcess]:
    process = BeamProcess()
    yield process
    process.close()


@pytest.mark.slow
@pytest.mark.parametrize("search", [BeamSearch(nbest=3), BeamSearch(hotwords={"WURLD": 9.0}), BeamSearch(alpha=0.3)])
def test_search_gives_what_beam_search_gives(process, search):
    assert process.search(EMISSIONS, search) == search(EMISSIONS)
    here = replace(search, language_model=load(BUNDLED))
    assert process.search(EMISSIONS, search, language_model=path_of(BUNDLED)) == here(EMISSIONS)


def test_errors_are_those_of_beam_search(process, tmp_path):
    with pytest.raises(DecodingError, match=r"weight -1\.0"):
        process.search(EMISSIONS, BeamSearch(hotwords={"A": -1.0}))
    with pytest.raises(LanguageModelError, match=r"gone\.arpa could not be read"):
        process.search(EMISSIONS, language_model=tmp_path / "gone.arpa")
    assert process.search(EMISSIONS).text == beam_search(EMISSIONS).text


def test_a_killed_process_is_started_again(process):
    process.search(EMISSIONS)
    first = process._process
    assert first
    first.kill()
    assert process.search(EMISSIONS).text == beam_search(EMISSIONS).text
    assert process._process and process._process.pid != first.pid


def test_a_process_that_cannot_run_is_one_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "true")  # ends at once without output
    with pytest.raises(ServerError, match="this work twice"):
        BeamProcess().search(EMISSIONS)


def test_a_search_that_takes_too_long_is_ended_and_the_next_one_runs(process, monkeypatch):
    monkeypatch.setattr(beam_process, "SEARCH_SECONDS", 0.5)
    monkeypatch.setattr(beam_process, "PER_SECOND", 0.0)
    process.search(EMISSIONS)
    slow = spell(["A", "_"] * 20_000, sure=0.3)
    started = time.monotonic()
    with pytest.raises(ServerError, match=r"longer than 0 s and was stopped"):
        process.search(slow, BeamSearch(2_000, token_min_logp=-float("inf")))
    assert time.monotonic() - started < 30
    monkeypatch.setattr(beam_process, "SEARCH_SECONDS", 60.0)
    assert process.search(EMISSIONS).text == beam_search(EMISSIONS).text


@pytest.mark.slow
def test_alignments_are_the_same_and_those_that_take_too_long_are_ended(process, monkeypatch):
    assert process.align(EMISSIONS, "Hello, world!") == align(EMISSIONS, "Hello, world!")
    with pytest.raises(AlignmentError, match="nothing to align"):
        process.align(EMISSIONS, "...")
    long = spell(["A", "_"] * 100_000)
    monkeypatch.setattr(beam_process, "SEARCH_SECONDS", 1.0)
    monkeypatch.setattr(beam_process, "PER_SECOND", 0.0)
    started = time.monotonic()
    with pytest.raises(ServerError, match=r"longer than 1 s and was stopped"):
        process.align(long, "a " * 50_000)
    assert time.monotonic() - started < 30
    monkeypatch.setattr(beam_process, "SEARCH_SECONDS", 60.0)
    assert process.align(EMISSIONS, "Hello") == align(EMISSIONS, "Hello")


def test_an_unexpected_error_is_one_readable_error(process):
    with pytest.raises(ServerError, match=r"ValueError: invalid literal"):
        process.call(int, "x", seconds=60.0)
    assert process.call(int, "5", seconds=60.0) == 5


def test_the_process_ends_when_the_page_is_killed():
    code = (
        "import os; from support.emissions import spell; from w2vkit_demo.server.beam_process import BeamProcess;"
        "process = BeamProcess();"
        "process.search(spell(['A'])); print(process._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    page = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    process = int(page.stdout)
    deadline = time.monotonic() + 60
    while _alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(process: int) -> bool:
    """Whether a process runs. A zombie, which has ended but was not waited for, does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
