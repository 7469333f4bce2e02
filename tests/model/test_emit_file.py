"""`CTCModel.emit_file`: the emissions of a file of any length, in little memory."""

import tracemalloc

import numpy as np
import pytest
import soundfile
from support.checkpoints import load, noise
from support.emissions import LABELS

from w2vkit.audio import Waveform
from w2vkit.errors import AudioError
from w2vkit.model import CTCModel


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_emit_file_gives_what_emit_gives(checkpoints, norm, write):
    model = load(checkpoints[f"random-{norm}"])
    samples = noise(63.3)
    path = write("long.wav", samples, subtype="FLOAT")
    shares: list[float] = []
    emissions, seconds = model.emit_file(path, progress=shares.append)
    (truth,) = model.emit([Waveform(samples)])
    assert np.abs(emissions.log_probs - truth.log_probs).max() < 1e-4
    assert seconds == pytest.approx(63.3) and shares == sorted(shares) and len(shares) > 1 and shares[-1] == pytest.approx(1)
    with path.open("rb") as file:
        assert np.array_equal(model.emit_file(file)[0].log_probs, emissions.log_probs)
    short = write("short.wav", samples[:16_000], subtype="FLOAT")
    assert np.array_equal(model.emit_file(short)[0].log_probs, model.emit([Waveform(samples[:16_000])])[0].log_probs)


def test_emit_file_holds_only_a_few_windows_in_memory(checkpoints, tmp_path, monkeypatch):
    model = load(checkpoints["random-layer"])
    model._packed = None
    even = np.full((10_000, len(LABELS)), -np.log(len(LABELS)), np.float32)
    monkeypatch.setattr(CTCModel, "_start", lambda self, clips: [even[: self.frames(len(clip))] for clip, _ in clips])
    path = tmp_path / "ten minutes.wav"
    soundfile.write(path, np.tile(noise(60.0), 10), 16_000)
    tracemalloc.start()
    emissions, seconds = model.emit_file(path)
    peak = tracemalloc.get_traced_memory()[1] - 3 * emissions.log_probs.nbytes
    tracemalloc.stop()
    assert seconds == 600 and peak < 600 * 16_000 * 4 / 2  # half of what the samples alone would take


def test_emit_file_refuses_nan_and_too_long_files(checkpoints, write):
    model = load(checkpoints["random-layer"])
    samples = noise(50.0)
    samples[-5] = np.nan
    with pytest.raises(AudioError, match="NaN or infinite"):
        model.emit_file(write("nan.wav", samples, subtype="FLOAT"))
    with pytest.raises(AudioError, match=r"longer \(0:50 min\) than the limit of 0:45 min"):
        model.emit_file(write("long.wav", noise(50.0)), max_seconds=45)
