"""`transcribe` and `align_file`: their results, and the memory for a long file."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from support.checkpoints import make_checkpoint

from w2vkit import transcribe
from w2vkit.align import align
from w2vkit.audio import Waveform, load
from w2vkit.decode import Hypothesis
from w2vkit.errors import AlignmentError, AudioError
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.pipeline.transcription import align_file

CLIP = examples()[0]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> CTCModel:
    return CTCModel.load(str(make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", "layer")), device="cpu")


def test_transcribe_without_the_sound_gives_the_same_text_and_no_waveform(tiny):
    whole, short = transcribe(CLIP.path, tiny), transcribe(CLIP.path, tiny, keep_sound=False)
    assert whole.waveform is not None and short.waveform is None
    assert whole.text == short.text and np.array_equal(whole.emissions.log_probs, short.emissions.log_probs)
    assert whole.seconds == short.seconds == whole.waveform.seconds
    for keep_sound in (True, False):
        with pytest.raises(AudioError, match="longer"):
            transcribe(CLIP.path, tiny, keep_sound=keep_sound, max_seconds=1)


def test_transcribe_takes_a_waveform_as_it_is(tiny):
    waveform = load(CLIP.path)
    found = transcribe(waveform, tiny)
    assert found.waveform is waveform and found.text == transcribe(CLIP.path, tiny).text


@pytest.mark.slow
def test_transcribe_without_the_sound_never_holds_all_of_it(tmp_path, tiny):
    minutes, path, minute = 20, tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, 60 * 16_000).astype(np.float32)
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for _ in range(minutes):
            file.write(minute)
    tracemalloc.start()
    try:
        found = transcribe(path, tiny, decode=lambda emissions: Hypothesis("", (), 0.0), keep_sound=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.seconds == 60 * minutes
    assert found.emissions.log_probs.nbytes < peak < minute.nbytes * minutes / 3, f"{peak / 2**20:.0f} MiB"


@pytest.mark.slow
def test_align_file_gives_the_alignment_of_the_emissions():
    found, alignment = align_file(CLIP.path, CLIP.text, "w2v-mini")
    assert found.hypothesis is alignment.hypothesis and found.waveform is not None
    assert alignment == align(transcribe(CLIP.path, "w2v-mini").emissions, CLIP.text)
    with pytest.raises(AlignmentError):
        align_file(CLIP.path, "", "w2v-mini")


@pytest.mark.slow
def test_a_text_too_long_for_a_short_sound_is_refused_before_and_after_the_network():
    """Frames of the silence around it are not time in which something can be said."""
    model = CTCModel.load("w2v-mini", dtype="float32")
    short = Waveform(load(CLIP.path).samples[16_000:19_200])
    for way in (lambda text: align_file(short, text, model), lambda text: align(model.emit([short])[0], text)):
        with pytest.raises(AlignmentError, match=r"sound has 0\.(18|20) s"):
            way("QUICK BROWN FOX")
        assert way("THE")
