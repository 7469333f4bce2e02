"""Build the site that runs w2v-mini in the browser, ready for any static host: ``python site/build.py [FOLDER]``.

The page of this folder becomes the front. The documentation, which ``make docs`` has built, lies behind it in ``docs/``.
Three things are made here: the model as ONNX with rounded weights, the language model for JavaScript, and the results of the
bundled clips, which show before the model has loaded. ONNX Runtime comes from the npm registry, checked by its hash.
"""

import argparse
import base64
import hashlib
import io
import json
import shutil
import sys
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from npm import SiteError, from_npm

import w2vkit
from w2vkit.audio import load
from w2vkit.decode import BeamSearch, greedy, lm
from w2vkit.emissions import Emissions
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.model.export import export_onnx
from w2vkit.model.normalisation import normalisation_of
from w2vkit.model.windows import CONTEXT_SECONDS, WINDOW_SECONDS
from w2vkit_demo import strings
from w2vkit_demo.tabs import linked_view

SOURCE = Path(__file__).parent
ROOT = SOURCE.parent
DOORS = ("index.html", "course/index.html")  # pages of the documentation that lead to the front: <!-- front -->
NOT_COPIED = ("service.js",)  # the build fills in its lists
# Name, version and hash. Newer versions have larger WebAssembly, and were no faster.
RUNTIME = (
    "onnxruntime-web",
    "1.22.0",
    "sha512-Ud/+EBo6mhuaQWt/OjaOk0iNWjXqJoeeMFr6xQEERZdIZH2OWpGzuujz7lfuOBjUa6TEE/sc4nb7Da5dNL34fg==",
)
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.mjs")
WEBGPU_FILES = ("ort.webgpu.min.mjs", "ort-wasm-simd-threaded.jsep.wasm", "ort-wasm-simd-threaded.jsep.mjs")
PIECE = 4_000_000  # bytes; what is fetched at a time, and again after a lost connection
PARTS = 400  # steps that make up the RMS of a column of weights
TOLERANCE = 0.01  # of the confidence of a word


def build(folder: Path, docs: Path | None) -> None:
    """Write the site into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    runtime(folder / "runtime")
    for path in SOURCE.iterdir():
        if path.suffix in (".html", ".css", ".js") and path.name not in NOT_COPIED:
            shutil.copyfile(path, folder / path.name)
    shutil.copyfile(ROOT / "docs" / "favicon.svg", folder / "favicon.svg")
    (folder / "linked_view.js").write_text(linked_view.SCRIPT, encoding="utf-8")
    (folder / "linked_view.css").write_text(linked_view.CSS, encoding="utf-8")
    network = CTCModel.load("w2v-mini", device="cpu", dtype="float32")
    language = lm.load(lm.BUNDLED)
    assert isinstance(language, lm.NGram)
    about, model = small_model(network)
    parts = {
        "model": pieces(folder / "model", "model", zipped(model)),
        "language": pieces(folder / "model", "language", packed()),
    }
    parts["runtime"], webgpu = (
        [{"path": f"runtime/{name}", "bytes": (folder / "runtime" / name).stat().st_size}]
        for name in (RUNTIME_FILES[1], WEBGPU_FILES[1])
    )
    rate, stride = network.sample_rate, network.stride
    about |= {
        "parts": parts,
        "webgpu": webgpu,
        "weights": asdict(language.weights),
        "search": {name: getattr(BeamSearch(), name) for name in ("token_min_logp", "beam_threshold", "oov_penalty")},
        "fingerprint": language.fingerprint,
        "window_frames": int(WINDOW_SECONDS * rate / stride),
        "context_frames": int(CONTEXT_SECONDS * rate / stride),
        "texts": strings.VIEW,
        "examples": results(network, language, folder / "examples"),
    }
    (folder / "about.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    kept = sorted(str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
    worker = (SOURCE / "service.js").read_text(encoding="utf-8")
    later = {part["path"] for some in parts.values() for part in some}  # the page fetches them, with progress
    later |= {f"runtime/{name}" for name in WEBGPU_FILES}  # if the visitor wants them
    listing = json.dumps(["./", *(name for name in kept if name not in later)])
    worker = worker.replace("/* FILES */ []", listing).replace("/* VERSION */", digest(folder, [*kept]))
    (folder / "service.js").write_text(worker, encoding="utf-8")
    if docs:
        shutil.copytree(docs, folder / "docs")
        for page in DOORS:
            path = folder / "docs" / page
            front = "../" * (page.count("/") + 1) + "index.html"
            link = f'<p><a href="{front}">Hear and see it in the browser</a>: w2v-mini, and a tour in eight steps.</p>'
            path.write_text(path.read_text(encoding="utf-8").replace("<!-- front -->", link), encoding="utf-8")


def runtime(folder: Path) -> None:
    """Unpack the files of ONNX Runtime that the page needs."""
    folder.mkdir()
    wanted = {f"package/dist/{name}": folder / name for name in (*RUNTIME_FILES, *WEBGPU_FILES)}
    with tarfile.open(fileobj=io.BytesIO(from_npm(*RUNTIME))) as files:
        for entry in files:  # in their order: a step back would unpack all before it anew
            if entry.name in wanted:
                member = files.extractfile(entry)
                assert member is not None
                wanted.pop(entry.name).write_bytes(member.read())
    assert not wanted


def small_model(network: CTCModel) -> tuple[dict[str, Any], bytes]:
    """Export w2v-mini with rounded weights, and compare its words with those of the checkpoint.

    The exporter's own int8 also rounds what goes through the network, which changes confidences by up to 0.07. Here
    only weights are rounded, and the arithmetic is float32.
    """
    from onnxruntime import InferenceSession

    with TemporaryDirectory() as name:
        export = export_onnx("w2v-mini", Path(name), dtype="float16")
        about = json.loads(export.metadata.read_text(encoding="utf-8"))
        model = _rounded(export.model)
    session = InferenceSession(model, providers=["CPUExecutionProvider"])
    clips = [load(clip.path) for clip in examples()]
    for clip, emissions in zip(clips, network.emit(clips), strict=True):
        sound = normalisation_of(clip.samples).apply(clip.samples)
        log_probs = np.asarray(session.run(None, {about["input"]["name"]: sound[None]})[0])[0]
        found, wanted = greedy(replace(emissions, log_probs=log_probs)), greedy(emissions)
        far = [abs(a.confidence - b.confidence) for a, b in zip(found.words, wanted.words, strict=False)]
        if found.text != wanted.text or max(far, default=0) > TOLERANCE:
            raise SiteError(
                f"With rounded weights, w2v-mini reads {found.text!r} instead of {wanted.text!r}, with confidences within "
                f"{max(far, default=0):.3f}. Make PARTS larger, or store the weights in float16."
            )
    return about, model


def _rounded(path: Path) -> bytes:
    """Round the matrices of the transformer to multiples of a step, which is a part of the RMS of each column.

    Each number is stored as two bytes, all lower ones first. The higher ones are small, so that gzip packs them well: a
    number takes 11 bits. In float16 it takes 16; with 8 bits, confidences of doubtful words move by up to 0.04.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    graph = model.graph
    layers = {node.input[1] for node in graph.node if node.op_type == "MatMul" and "/encoder/layers." in node.name}
    casts = {node.input[0]: node for node in graph.node if node.op_type == "Cast" and node.output[0] in layers}
    nodes = []
    for tensor in [tensor for tensor in graph.initializer if tensor.name in casts]:
        name, values = tensor.name, numpy_helper.to_array(tensor).astype(np.float32)
        step = np.sqrt((values**2).mean(axis=0)) / PARTS
        numbers = np.rint(values / np.maximum(step, 1e-12)).astype(np.int32)
        high = (numbers + 128) >> 8
        codes = np.stack([numbers - 256 * high, high])
        if np.abs(high).max() > 127:
            raise SiteError(f"{name} has a value far above the others of its column. Store it in float16.")
        graph.initializer.remove(tensor)
        for part, array in (("codes", codes.astype(np.int8)), ("steps", np.stack([step, 256 * step])[:, None])):
            graph.initializer.append(numpy_helper.from_array(array, f"{name}.{part}"))
        nodes += [
            helper.make_node("Cast", [f"{name}.codes"], [f"{name}.wide"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.wide", f"{name}.steps"], [f"{name}.parts"]),
            helper.make_node("ReduceSum", [f"{name}.parts", "first_axis"], casts[name].output, keepdims=0),
        ]
        graph.node.remove(casts[name])
    graph.initializer.append(numpy_helper.from_array(np.array([0], dtype=np.int64), "first_axis"))
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)
    return model.SerializeToString()


def packed() -> bytes:
    """Pack the bundled language model for JavaScript: the arrays of the compact format, with gzip, which browsers can undo.

    Four bytes give the length of a JSON header, which names each array, its type, its shape and where it begins.
    """
    arrays = np.load(lm.path_of(lm.BUNDLED), allow_pickle=False)
    header: dict[str, Any] = {}
    body, place = [], 0
    for name in arrays:
        array = np.ascontiguousarray(arrays[name])
        header[name] = {"type": array.dtype.name, "shape": array.shape, "at": place}
        body.append(array.tobytes())
        place += array.nbytes
    head = json.dumps(header).encode()
    return zipped(b"".join([len(head).to_bytes(4, "little"), head, *body]))


def zipped(content: bytes) -> bytes:
    """Pack bytes with gzip, which looks only for runs of one byte: other matches are rare in a model, and take long to find."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return packer.compress(content) + packer.flush()


def pieces(folder: Path, name: str, content: bytes) -> list[dict[str, Any]]:
    """Write bytes as files of at most `PIECE` bytes, which are named by their content."""
    folder.mkdir(exist_ok=True)
    listed = []
    for start in range(0, len(content), PIECE):
        part = content[start : start + PIECE]
        path = folder / f"{name}-{start // PIECE}-{hashlib.sha256(part).hexdigest()[:12]}.bin"
        path.write_bytes(part)
        listed.append({"path": f"{folder.name}/{path.name}", "bytes": len(part)})
    return listed


def results(network: CTCModel, language: lm.NGram, folder: Path) -> list[dict[str, Any]]:
    """Write what Python finds in the bundled clips, one file for each, and give the list of them."""
    folder.mkdir()
    listed = []
    for clip in examples():
        shutil.copyfile(clip.path, folder / clip.path.name)
        waveform = load(clip.path)
        (emissions,) = network.emit([waveform])
        found = {"greedy": greedy(emissions), "beam": BeamSearch(language_model=language)(emissions)}
        views = {name: asdict(linked_view.linked_view(waveform, emissions, hypothesis)) for name, hypothesis in found.items()}
        shared = views["greedy"] | {"audio": {"url": f"examples/{clip.path.name}"}}
        words = {name: view["words"] for name, view in views.items()}
        path = folder / f"{clip.path.stem}.json"
        path.write_text(json.dumps({"view": shared, "words": words, "log_probs": _sixteen_bits(emissions)}), encoding="utf-8")
        listed.append(
            {"name": clip.path.stem, "audio": f"examples/{clip.path.name}", "result": f"examples/{path.name}",
             "about": clip.about, "text": clip.text, "seconds": round(waveform.seconds, 2)}
        )  # fmt: skip
    return listed


def _sixteen_bits(emissions: Emissions) -> str:
    """Give base64 of (T, V) int16 log-probabilities in 1/1000; lower ones than -32 become -32."""
    return base64.b64encode(np.rint(1000 * emissions.log_probs.clip(-32, 0)).astype("<i2").tobytes()).decode()


def digest(folder: Path, names: Iterable[str]) -> str:
    """Identify the content of files by 16 hexadecimal digits."""
    total = hashlib.sha256(w2vkit.__version__.encode())
    for name in names:
        total.update(name.encode() + hashlib.sha256((folder / name).read_bytes()).digest())
    return total.hexdigest()[:16]


def main() -> None:
    """Build the site; without the documentation if it was not built."""
    parser = argparse.ArgumentParser(description="Build the site that runs w2v-mini in the browser.")
    parser.add_argument("folder", nargs="?", type=Path, default=SOURCE / "dist")
    folder = parser.parse_args().folder
    docs = ROOT / "build" / "docs"
    try:
        build(folder, docs if docs.is_dir() else None)
    except SiteError as error:
        sys.exit(str(error))
    size = sum(path.stat().st_size for path in (folder / "model").iterdir()) / 1e6
    if not docs.is_dir():
        print(f"The documentation was not built, so it is missing behind the page: {docs} does not exist. Run: make site")
    print(f"The site is in {folder}; its models take {size:.1f} MB. To see it: python -m http.server --directory {folder}")


if __name__ == "__main__":
    main()
