"""Writes a checkpoint as an ONNX file, for programs without torch: ONNX Runtime on servers, on phones and in browsers."""

import json
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import w2vkit
from w2vkit.audio import load
from w2vkit.decode import greedy
from w2vkit.emissions import Calibration, Emissions
from w2vkit.errors import ModelError, brief, utf8
from w2vkit.examples import examples
from w2vkit.model.ctc_model import CTCModel
from w2vkit.model.fast_layers import tabulate
from w2vkit.model.hub import Checkpoint
from w2vkit.model.loading import load_parts
from w2vkit.model.normalisation import VARIANCE_FLOOR, normalisation_of
from w2vkit.model.precision import set_dtype

MODEL, METADATA = "model.onnx", "model.json"
DTYPES = ("float32", "float16", "int8")
INPUT, OUTPUT = "waveform", "log_probs"
OPSET = 17  # the first one with a layer norm
TOLERANCE = 1e-3  # of log-probabilities
ONE_FILE = 2**31 - 2**20  # bytes of weights; protobuf takes no more, so more of them lie in a second file
COMPACTED = 1024  # values; smaller tensors are not worth another dtype


@dataclass(frozen=True)
class Export:
    """An exported model, and what its check found.

    Attributes
    ----------
    model, metadata : Path
        The ONNX file, and the JSON file that says how to use it.
    size : int
        Bytes of the model.
    clips : int
        How many bundled clips were compared. The greedy texts are those of the checkpoint.
    rounding : float or None
        The largest difference of log-probabilities from those of the same weights in float64, which is at most `TOLERANCE`;
        None for int8, which also rounds the values between the layers.
    change : float
        The largest difference of probabilities from those that `CTCModel` computes in float32.
    notice : str or None
        Why another model was exported than the default one; None if it was not.
    """

    model: Path
    metadata: Path
    size: int
    clips: int
    rounding: float | None
    change: float
    notice: str | None = None


def export_onnx(name: str, output: Path, *, dtype: str = "float32", revision: str | None = None) -> Export:
    """Write ``model.onnx`` and ``model.json`` into a folder, after comparing them with the checkpoint on the bundled clips.

    The model takes one normalised waveform at a time, (1, N) float32, from one frame to any length (w2v-mini: to 30 s). It
    gives (1, T, V) log-probabilities, not logits: decoders and `Emissions` take them as they are, and a calibration's
    temperature acts on both alike. All is computed in float32, even if weights are stored in float16: an extractor's values
    need it, and most processors compute in no smaller type.

    Parameters
    ----------
    name : str
        What `CTCModel.load` takes.
    output : Path
        The folder; it is created. Files of an older export are replaced once the new ones have passed the check.
    dtype : {"float32", "float16", "int8"}
        Of the stored weights; biases and norms are always float32. int8 is ONNX Runtime's dynamic quantisation of the
        matrix products in the transformer layers; the other weights are float16 then.
    revision : str, optional
        A commit, branch or tag of a Hub repository.

    Returns
    -------
    Export

    Raises
    ------
    ModelError
        onnx or onnxruntime is missing, the checkpoint cannot be loaded or exported, the folder cannot be written, or the
        exported model gives other results.
    """
    if dtype not in DTYPES:
        raise ModelError(f"Weights cannot be exported in {dtype!r}. Choose {', '.join(DTYPES[:-1])} or {DTYPES[-1]}.")
    if utf8(str(output)) != str(output):
        raise ModelError(f"{utf8(str(output))} is no name in UTF-8, and ONNX writes to such names only. Choose another folder.")
    if missing := [library for library in ("onnx", "onnxruntime") if find_spec(library) is None]:
        raise ModelError(f"The export needs {' and '.join(missing)}. Install what it needs with: pip install 'w2vkit[onnx]'")
    with _folder(output) as draft:
        checkpoint = CTCModel.load(name, device="cpu", dtype="float32", revision=revision)
        clips = [load(clip.path, sample_rate=checkpoint.sample_rate) for clip in examples()]
        expected = checkpoint.emit(clips)
        network, extractor, _ = load_parts(Checkpoint(checkpoint.name, checkpoint.folder))
        sounds = [normalisation_of(c.samples).apply(c.samples) if extractor.do_normalize else c.samples for c in clips]
        with _explained(checkpoint.name):
            _prepare(network, dtype)
            _trace(network, checkpoint.receptive_field + 10 * checkpoint.stride, draft / MODEL)
            _store(draft / MODEL, dtype)
            found = _run(draft / MODEL, sounds)
            rounding = None if dtype == "int8" else _difference(found, _exact(network, sounds))
        _check(checkpoint.name, dtype, found, expected, rounding)
        metadata = _metadata(checkpoint, dtype, normalise=extractor.do_normalize)
        (draft / METADATA).write_text(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        size = sum(file.stat().st_size for file in draft.glob(f"{MODEL}*"))
        change = _difference(map(np.exp, found), [np.exp(emissions.log_probs) for emissions in expected])
    return Export(output / MODEL, output / METADATA, size, len(clips), rounding, change, checkpoint.notice)


@contextmanager
def _folder(output: Path) -> Iterator[Path]:
    """Give a temporary folder to write into; without an error its files are moved to the output at the end."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=output) as name:
            draft = Path(name)
            yield draft
            (output / f"{MODEL}.data").unlink(missing_ok=True)
            for file in draft.iterdir():
                file.replace(output / file.name)
    except OSError as error:
        raise ModelError(
            f"The export could not be written into {output}: {error.strerror}. Free space or choose another folder."
        ) from error


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn whatever the libraries raise into one ModelError, and hide their warnings."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ModelError, OSError):
        raise
    except Exception as error:
        raise ModelError(
            f"{name} could not be exported: {brief(error)} Choose a wav2vec 2.0, HuBERT, WavLM or data2vec model, and the "
            "versions of torch, onnx and onnxruntime in constraints.txt."
        ) from error
    finally:
        logging.disable(level)


def _prepare(network: Any, dtype: str) -> None:
    """Prepare a loaded network for its export: round its matrices to float16, except for an export in float32."""
    set_dtype(network, torch.float32)  # computes normalised weights
    tabulate(network)
    if dtype == "float32":
        return
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim > 1 and (rounded := tensor.data.half().float()).isfinite().all():
            tensor.data = rounded


class LogProbs(nn.Module):
    """From (1, N) normalised samples to (1, T, V) log-probabilities."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, waveform: Tensor) -> Tensor:
        """Run the network."""
        return self.network(waveform).logits.log_softmax(dim=-1)


def _trace(network: Any, samples: int, path: Path) -> None:
    # The exporter by TorchScript: the newer one (dynamo=True) gives the same results from a graph of the same size, takes
    # ten times as long, and needs onnxscript.
    torch.onnx.export(
        LogProbs(network).eval(),
        (torch.zeros(1, samples),),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: {1: "samples"}, OUTPUT: {1: "frames"}},
    )


def _store(path: Path, dtype: str) -> None:
    """Write a traced model anew, with its weights in a dtype."""
    import onnx

    model = onnx.load(path)
    if dtype == "int8":
        model = _quantised(model, path)
    if dtype != "float32":
        _compact(model.graph)
    for file in path.parent.iterdir():  # the exporter writes one file for each weight of a model above 2 GiB
        file.unlink()
    weights = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    beside = {"save_as_external_data": True, "location": f"{path.name}.data"} if weights > ONE_FILE else {}
    onnx.save(model, path, **beside)


def _quantised(model: Any, path: Path) -> Any:
    """Quantise the products of frames and weights in the transformer layers.

    Weights have a scale for each column. They are unsigned: with signed ones, processors without VNNI may overflow. The
    projection before the layers is left as it is: w2v-mini's frames span too many orders of magnitude there.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    outside = [node.name for node in model.graph.node if node.op_type == "MatMul" and "/encoder/layers." not in node.name]
    quantised = path.with_suffix(".int8")
    quantize_dynamic(
        path,
        quantised,
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QUInt8,
        nodes_to_exclude=outside,
        use_external_data_format=sum(len(tensor.raw_data) for tensor in model.graph.initializer) > ONE_FILE,
    )
    return onnx.load(quantised)


def _compact(graph: Any) -> None:
    """Store large tensors in float16 if that changes no value, and cast them back to float32 in the graph.

    ONNX Runtime does the casts once, when it loads the model.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < COMPACTED:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if np.array_equal(half.astype(np.float32), values):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.float16"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _run(path: Path, sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Compute the (T, V) log-probabilities of (N,) normalised samples each by ONNX Runtime."""
    from onnxruntime import InferenceSession, SessionOptions  # pyright: ignore[reportAttributeAccessIssue]

    options = SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return [np.asarray(session.run([OUTPUT], {INPUT: sound[None]})[0])[0] for sound in sounds]


@torch.inference_mode()
def _exact(network: Any, sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Compute the same in float64, without noticeable rounding; in float32 torch's error is larger than ONNX Runtime's."""
    model = LogProbs(network.double()).eval()
    return [model(torch.from_numpy(sound).double()[None])[0].numpy() for sound in sounds]


def _difference(found: Iterable[np.ndarray], expected: Iterable[np.ndarray]) -> float:
    """The largest difference between two lists of matrices."""
    return max(float(np.abs(a - b).max()) for a, b in zip(found, expected, strict=True))


def _check(name: str, dtype: str, found: Sequence[np.ndarray], expected: Sequence[Emissions], rounding: float | None) -> None:
    """Refuse an export whose log-probabilities or texts are not those of the checkpoint."""
    kept = f"The export of {name} in {dtype} was not kept:"
    remedy = "Choose --dtype float32." if dtype != "float32" else "Choose the versions in constraints.txt, or report this."
    if rounding is not None and not rounding <= TOLERANCE:  # NaN, too
        raise ModelError(f"{kept} its log-probabilities are wrong by {rounding:.1g}, and {TOLERANCE:g} is allowed. {remedy}")
    for clip, log_probs, emissions in zip(examples(), found, expected, strict=True):
        text = greedy(Emissions(log_probs, emissions.vocabulary)).text
        if text != (wanted := greedy(emissions).text):
            raise ModelError(f"{kept} the text of {clip.path.name} is {text!r} instead of {wanted!r}. {remedy}")


def _metadata(model: CTCModel, dtype: str, *, normalise: bool) -> dict[str, Any]:
    """Collect what a program needs, beside the model, to turn sound into text."""
    vocabulary = model.vocabulary
    return {
        "name": model.name,
        "dtype": dtype,
        "w2vkit": w2vkit.__version__,
        "input": {
            "name": INPUT,
            "shape": [1, "samples"],
            "sample_rate": model.sample_rate,
            "normalise": normalise,
            "variance_floor": VARIANCE_FLOOR,
            "fewest_samples": model.receptive_field,
            "most_samples": int(model.longest_pass * model.sample_rate),
            "short_samples": model.short,
            "silence_samples": model.silence,
        },
        "output": {
            "name": OUTPUT,
            "shape": [1, "frames", len(vocabulary)],
            "stride": model.stride,
            "receptive_field": model.receptive_field,
        },
        "vocabulary": {
            "labels": vocabulary.labels,
            "blank": vocabulary.blank,
            "word_boundary": vocabulary.word_boundary,
            "special": sorted(vocabulary.special),
        },
        "calibration": asdict(Calibration.load(model.folder)),
    }
