"""The page's service: decoders by name, limits, and alignment."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from support.emissions import spell

from w2vkit.align import align
from w2vkit.align.subtitles import cues_of
from w2vkit.decode import beam_search
from w2vkit.decode.lm import BUNDLED, load
from w2vkit.decode.lm.build import build_ngram
from w2vkit.errors import DecodingError, W2VKitError
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.service import Service, Setup, split_hotwords
from w2vkit_demo.tabs.widgets import downloads

EMISSIONS = spell(list("HE_L_LO WURL_D"), sure=0.6)


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    """The service of one model, whose folder is the temporary one."""
    model: Any = SimpleNamespace(name="model", folder=tmp_path, vocabulary=EMISSIONS.vocabulary)
    with Service(LoadedModels(model)) as service:
        yield service


def test_the_default_decoder_is_greedy_without_a_language_model(service):
    assert service.default_decoder() == "greedy" and "checkpoint" not in service.decoder_names()
    assert service.decoder(Setup())(EMISSIONS).text == "HELLO WURLD"
    with pytest.raises(DecodingError, match="model comes without a language model"):
        service.decoder(Setup(decoder="checkpoint"))


@pytest.mark.slow
def test_checkpoint_is_the_models_own_language_model_and_bundled_is_always_w2v_minis(service, tmp_path):
    bundled = beam_search(EMISSIONS, language_model=load(BUNDLED)).text
    assert service.decoder(Setup(decoder="bundled"))(EMISSIONS).text == bundled
    build_ngram([["HELLO", "WURLT"]] * 3, 2, output=tmp_path / "language_model.arpa.gz")
    assert service.default_decoder() == "checkpoint" and "checkpoint" in service.decoder_names()
    assert [service.decoder(Setup(decoder=name))(EMISSIONS).text for name in ("checkpoint", "")] == ["HELLO WURLT"] * 2
    assert service.decoder(Setup(decoder="bundled"))(EMISSIONS).text == bundled != "HELLO WURLT"


def test_prepare_starts_what_the_first_request_needs_and_close_ends_it(service, tmp_path):
    build_ngram([["HELLO", "WURLT"]] * 3, 2, output=tmp_path / "language_model.arpa.gz")
    service.prepare()
    decoding = service._audio._free.get()  # the one that the first file gets
    processes = [decoding._process, service._short._process]
    assert all(process and process.poll() is None for process in processes)
    service.close()
    assert all(process.poll() is not None for process in processes)
    assert service._short._process is decoding._process is None


class Model:
    """Stands in for a model; counts how often it computes."""

    name, sample_rate, stride, max_seconds, vocabulary = "model", 16_000, 320, 600.0, EMISSIONS.vocabulary

    def __init__(self, folder: Path) -> None:
        self.folder, self.computed = folder, 0

    def emit(self, waveforms, *, progress=None):
        self.computed += 1
        return [EMISSIONS for _ in waveforms]


@pytest.mark.slow
def test_a_text_that_cannot_be_aligned_is_refused_before_the_model_computes(tmp_path):
    model: Any = Model(tmp_path)
    soundfile.write(tmp_path / "a.wav", np.zeros(len(EMISSIONS) * 320), 16_000)
    path = str(tmp_path / "a.wav")
    with Service(LoadedModels(model)) as service:
        for text in ("hello " * 100, "...", "", "中文", "%" * 19_000, "1" * 20_000, "a" * 20_001, "\0"):
            with pytest.raises(W2VKitError, match=r"longer than|nothing to align|spell nothing|characters, the page takes"):
                service.align(path, text)
        assert model.computed == 0
        found, alignment = service.align(path, "Hello, world!")
        assert found.hypothesis == alignment.hypothesis == align(EMISSIONS, "Hello, world!").hypothesis
        assert model.computed == 1 and service._short._process  # not in the process of the page


@pytest.mark.parametrize("words", [",".join(["a"] * 201), " ".join("a" * 11), "a" * 101, "x" * 30_000])
def test_hot_words_are_limited(words):
    with pytest.raises(W2VKitError, match=r"hot words|characters"):
        split_hotwords(words)
    assert split_hotwords(",".join(["RIVER"] * 200)) and split_hotwords("a b c d e f g h i j\nRIVER")


def test_an_alignment_is_downloaded_with_the_lines_of_its_text(tmp_path):
    model: Any = Model(tmp_path)
    soundfile.write(tmp_path / "a.wav", np.zeros(len(EMISSIONS) * 320), 16_000)
    subtitles = "1\n00:00:01,000 --> 00:00:02,000\nHel-\n\n2\n00:00:02,000 --> 00:00:03,000\nlo world\n"
    with Service(LoadedModels(model)) as service:
        for text in ("Hel-\nlo world", subtitles):
            found, alignment = service.align(str(tmp_path / "a.wav"), text)
            srt, content = (
                Path(path).read_text() for path in downloads(alignment, ("srt", "json"), seconds=found.seconds, source="a.wav")
            )
            assert cues_of(srt) == ["Hel-", "lo world"]
            assert {"segments", "characters", "unmapped"} <= json.loads(content).keys()
