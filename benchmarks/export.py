"""Compare the exports of a model with torch: size, speed on a clip of 5 s, and the error rate on a data set.

    python -m benchmarks.export [MODEL] [--source speech.parquet]

All take turns in one run, on as many threads as torch has. The error rate is that of greedy decoding.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime import InferenceSession
from onnxruntime.capi.onnxruntime_pybind11_state import SessionOptions

from benchmarks.inference import speech
from w2vkit.audio import Waveform
from w2vkit.evaluate import evaluate
from w2vkit.model import CTCModel
from w2vkit.model.export import DTYPES, INPUT, export_onnx
from w2vkit.pipeline.datasets import open_corpus

ROUNDS = 15


class Exported(CTCModel):
    """A model whose network is an ONNX file."""

    session: InferenceSession

    def _start(self, clips: list[tuple[np.ndarray, bool]]) -> list[np.ndarray]:
        return [np.asarray(self.session.run(None, {INPUT: clip[None]})[0])[0] for clip, _ in clips]


def load(name: str, folder: Path) -> Exported:
    """Load an export as a `CTCModel`, with the checkpoint that it was made from for the rest."""
    model, options = Exported.load(name, device="cpu", dtype="float32"), SessionOptions()
    assert isinstance(model, Exported)
    options.intra_op_num_threads = torch.get_num_threads()
    model.session = InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return model


def main() -> None:
    """Export, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="w2v-mini")
    parser.add_argument("--source", help="a data set for the error rate")
    options = parser.parse_args()
    models: dict[str, CTCModel] = {"torch": CTCModel.load(options.model, device="cpu", dtype="float32")}
    rows: dict[str, dict[str, Any]] = {"torch": {}}
    with tempfile.TemporaryDirectory() as root:
        for dtype in DTYPES:
            done = export_onnx(options.model, folder := Path(root) / dtype, dtype=dtype)
            rows[dtype] = {"MB": done.size / 1e6, "change of a probability": done.change}
            models[dtype] = load(options.model, folder)
        clip, taken = Waveform(speech(5)), {name: [] for name in models}
        for _ in range(ROUNDS):
            for name, model in models.items():
                started = time.perf_counter()
                model.emit([clip])
                taken[name].append(time.perf_counter() - started)
        for name, model in models.items():
            rows[name]["times torch"] = min(taken["torch"]) / min(taken[name])
            if options.source:
                rows[name]["WER"] = evaluate(model, open_corpus(options.source)).wer
    columns = ["MB", "times torch", "change of a probability", *(["WER"] if options.source else [])]
    print(f"| weights | {' | '.join(columns)} |\n|{'---|' * (1 + len(columns))}")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(f'{row[column]:.3g}' if column in row else '' for column in columns)} |")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
