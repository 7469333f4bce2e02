"""The process of the beam searches: it finds what a search here finds, and whatever becomes of it is told."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.emissions import spell

from w2vkit.decode import BeamSearch, beam_search
from w2vkit.decode.lm import BUNDLED, load, path_of
from w2vkit.decode.lm.build import build_ngram
from w2vkit.errors import DecodingError, LanguageModelError
from w2vkit_demo.server import operations
from w2vkit_demo.server.beam_process import BeamProcess

HEARD = spell(list("HE_L_LO WURL_D"), sure=0.6)


@pytest.fixture(scope="module")
def searcher() -> Iterator[BeamProcess]:
    searcher = BeamProcess()
    yield searcher
    assert searcher._process
    searcher._process.kill()
    searcher._process.communicate()


@pytest.mark.parametrize("search", [BeamSearch(nbest=3), BeamSearch(hotwords={"WURLD": 9.0}), BeamSearch(alpha=0.3)])
def test_it_finds_what_a_search_in_this_process_finds(searcher, search):
    assert searcher.search(HEARD, search) == search(HEARD)
    here = replace(search, language_model=load(BUNDLED))
    assert searcher.search(HEARD, search, language_model=path_of(BUNDLED)) == here(HEARD)


def test_its_errors_are_those_of_the_search(searcher, tmp_path):
    with pytest.raises(DecodingError, match=r"weight -1\.0"):
        searcher.search(HEARD, BeamSearch(hotwords={"A": -1.0}))
    with pytest.raises(LanguageModelError, match=r"gone\.arpa could not be read"):
        searcher.search(HEARD, language_model=tmp_path / "gone.arpa")
    assert searcher.search(HEARD).text == beam_search(HEARD).text


def test_where_it_was_killed_a_new_one_goes_on(searcher):
    searcher.search(HEARD)
    first = searcher._process
    assert first
    first.kill()
    assert searcher.search(HEARD).text == beam_search(HEARD).text
    assert searcher._process and searcher._process.pid != first.pid


def test_where_it_cannot_live_one_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "true")  # ends at once, and says nothing
    with pytest.raises(DecodingError, match="ended from outside"):
        BeamProcess().search(HEARD)


def test_the_page_reads_a_checkpoint_with_the_language_model_that_it_brings(tmp_path):
    model: Any = SimpleNamespace(folder=tmp_path, vocabulary=HEARD.vocabulary)
    assert operations.reading(model) == "greedy" and operations.decoder("", model)(HEARD).text == "HELLO WURLD"
    ours = beam_search(HEARD, language_model=load(BUNDLED)).text
    assert operations.decoder("bundled", model)(HEARD).text == ours  # w2v-mini's, where there is no other
    build_ngram([["HELLO", "WURLT"]] * 3, 2, output=tmp_path / "language_model.arpa.gz")
    assert operations.reading(model) == "bundled" and operations.decoder("", model)(HEARD).text == "HELLO WURLT"


def test_it_ends_with_the_page_even_if_that_is_killed():
    code = (
        "import os; from support.emissions import spell; from w2vkit_demo.server.beam_process import BeamProcess;"
        "searcher = BeamProcess();"
        "searcher.search(spell(['A'])); print(searcher._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    page = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    process = int(page.stdout)
    deadline = time.monotonic() + 60
    while _alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(process: int) -> bool:
    """Whether a process runs; one that has ended but was not asked for its result yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
