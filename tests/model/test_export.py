"""`w2vkit export onnx`: the files, read as a program without w2vkit reads them, and refusals."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession, SessionOptions  # pyright: ignore[reportAttributeAccessIssue]
from support.checkpoints import load, noise
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

from w2vkit.audio import Waveform
from w2vkit.checkpoints import mini_folder
from w2vkit.cli import main
from w2vkit.errors import ModelError
from w2vkit.model import export
from w2vkit.model.export import export_onnx


def read(folder: Path, samples: np.ndarray) -> np.ndarray:
    """The (T, V) log-probabilities of (N,) samples, by what the JSON file says."""
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if about["input"]["normalise"]:
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + about["input"]["variance_floor"])
    options = SessionOptions()
    options.intra_op_num_threads = 1  # more would wait for the other tests
    session = InferenceSession(folder / "model.onnx", options)
    (log_probs,) = session.run([about["output"]["name"]], {about["input"]["name"]: samples[None]})
    return np.asarray(log_probs)[0]


def text_of(about: dict, log_probs: np.ndarray) -> str:
    """Greedy decoding in three lines."""
    vocabulary, best = about["vocabulary"], log_probs.argmax(axis=1)
    kept = [c for c, before in zip(best, [None, *best[:-1]], strict=True) if c != before and c not in vocabulary["special"]]
    return "".join(" " if c == vocabulary["word_boundary"] else vocabulary["labels"][c] for c in kept).strip()


def ignore_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the check take any text: the labels of random weights are so close to each other that rounding chooses."""
    monkeypatch.setattr(export, "greedy", lambda emissions: SimpleNamespace(text=""))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "dtype"),
    [("w2v-mini", "float16"), *((f"random-{norm}", dtype) for norm in ("layer", "group") for dtype in ("float32", "float16"))],
)
def test_sounds_of_all_lengths_give_what_transformers_gives(name, dtype, checkpoints, tmp_path, monkeypatch):
    if name != "w2v-mini" and dtype == "float16":
        ignore_texts(monkeypatch)
    done = export_onnx(checkpoints[name], tmp_path, dtype=dtype)
    assert done.rounding is not None and done.rounding <= 1e-3
    assert done.size == (tmp_path / "model.onnx").stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.onnx"]
    about = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    model = load(checkpoints[name])
    assert about["output"]["stride"] == model.stride and about["vocabulary"]["labels"] == list(model.vocabulary.labels)
    assert about["input"]["most_samples"] == (30 if name == "w2v-mini" else 40) * 16_000
    silence = about["input"]["short_samples"], about["input"]["silence_samples"]
    assert silence == ((32_000, 1_600) if name == "w2v-mini" else (0, 0))

    folder = mini_folder() if name == "w2v-mini" else Path(checkpoints[name])
    network = Wav2Vec2ForCTC.from_pretrained(folder).eval()
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    # w2v-mini's table of positions is its training's; its convolution adds a little to it.
    limit = 0.02 if name == "w2v-mini" else 0.03 if dtype == "float16" else 1e-4
    for samples in (noise(2.37), noise(0.4, 1), noise(30, 2)[: about["input"]["fewest_samples"]]):
        with torch.inference_mode():
            inputs = extractor(samples, sampling_rate=16_000, return_tensors="pt").input_values
            expected = network(inputs).logits.softmax(dim=-1)[0].numpy()
        found = read(tmp_path, samples)
        assert found.shape == expected.shape
        assert np.abs(np.exp(found) - expected).max() < limit


@pytest.mark.slow
def test_int8_keeps_the_texts_of_w2v_mini_in_20_mb_and_takes_30_s(tmp_path, capsys, greedy_texts):
    from w2vkit.audio import load
    from w2vkit.examples import examples

    assert main(["export", "onnx", "w2v-mini", "--output", str(tmp_path), "--dtype", "int8"]) == 0
    printed = capsys.readouterr().err
    assert "texts: equal" in printed and "probabilities: within" in printed and "float64" not in printed
    assert (tmp_path / "model.onnx").stat().st_size < 20e6
    about = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert about["dtype"] == "int8" and about["calibration"]["temperature"] != 1
    for clip in examples():
        assert text_of(about, read(tmp_path, load(clip.path).samples)) == greedy_texts[clip.path.name]
    most = noise(30)
    assert read(tmp_path, most).shape == (1497, 32)
    with pytest.raises(Exception, match="Add"):  # there are no more positions
        read(tmp_path, np.resize(most, 31 * 16_000))


@pytest.mark.slow
def test_weights_that_one_file_cannot_hold_lie_in_a_second_one(checkpoints, tmp_path, monkeypatch):
    samples, name = noise(1), checkpoints["random-layer"]
    (expected,) = load(name).emit([Waveform(samples)])
    monkeypatch.setattr(export, "ONE_FILE", 0)
    ignore_texts(monkeypatch)
    weights = []
    for dtype, limit in (("float32", 1e-3), ("float16", 0.1), ("int8", 0.5)):
        done = export_onnx(name, tmp_path, dtype=dtype)
        weights.append((tmp_path / "model.onnx.data").stat().st_size)
        assert done.size == weights[-1] + (tmp_path / "model.onnx").stat().st_size
        assert np.abs(np.exp(read(tmp_path, samples)) - np.exp(expected.log_probs)).max() < limit
    assert weights[1] < 0.6 * weights[0] and weights[2] < weights[1]
    monkeypatch.undo()
    export_onnx(name, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.onnx"]


@pytest.mark.slow
def test_an_export_with_other_results_is_not_kept_and_an_older_one_is(checkpoints, tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_bytes(b"older")
    run = export._run

    def refused(match: str, dtype: str = "float32") -> None:
        with pytest.raises(ModelError, match=match):
            export_onnx(checkpoints["random-layer"], tmp_path, dtype=dtype)
        assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
        assert (tmp_path / "model.onnx").read_bytes() == b"older"

    monkeypatch.setattr(export, "_run", lambda path, sounds: [found + 2e-3 for found in run(path, sounds)])
    refused("not kept: its log-probabilities are wrong by 0.002, and 0.001 is allowed")
    monkeypatch.setattr(export, "_run", lambda path, sounds: [found * np.nan for found in run(path, sounds)])
    refused("not kept: its log-probabilities are wrong by nan")
    monkeypatch.setattr(export, "_run", lambda path, sounds: [np.roll(found, 1, axis=1) for found in run(path, sounds)])
    refused("not kept: the text of 1-quiet-room.flac is '.*' instead of '.*'. Choose --dtype float32", "int8")
    monkeypatch.setattr(export, "_trace", lambda *_: torch.zeros(2) @ torch.zeros(3))
    refused("could not be exported: .* Choose a wav2vec 2.0")


def test_wrong_calls_of_export_are_refused(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"'int4'\. Choose float32, float16 or int8"):
        export_onnx("w2v-mini", tmp_path, dtype="int4")
    with pytest.raises(ModelError, match=r"is no name in UTF-8"):
        export_onnx("w2v-mini", tmp_path / "caf\udce9")
    with pytest.raises(ModelError, match=r"could not be written into .*file"):
        export_onnx("w2v-mini", tmp_path / "file")
    with pytest.raises(ModelError, match="There is no folder"):
        export_onnx("./none", tmp_path / "new")
    for name in ("model.json", "model.onnx.data"):
        mine = tmp_path / name.partition(".")[2] / name  # a folder for each
        mine.parent.mkdir()
        mine.write_text("mine")
        assert main(["export", "onnx", "w2v-mini", "--output", str(mine.parent)]) == 1
        assert "--overwrite" in capsys.readouterr().err and mine.read_text() == "mine"
    monkeypatch.setattr(export, "find_spec", lambda library: None if library == "onnxruntime" else library)
    assert main(["export", "onnx", "w2v-mini", "--output", str(tmp_path / "new")]) == 1
    assert (
        capsys.readouterr().err
        == "w2vkit: The export needs onnxruntime. Install what it needs with: pip install 'w2vkit[onnx]'\n"
    )
