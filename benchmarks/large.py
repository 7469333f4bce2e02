"""Speed of the Large architecture with random weights: the model card's code, HF's pipeline and w2vkit.

Random weights are as fast as trained ones. All ways take turns in one run, so that other load on the machine slows all of
them alike. Compare the ratios.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Processor, pipeline

from benchmarks.inference import speech
from w2vkit.audio import Waveform
from w2vkit.checkpoints import mini_folder
from w2vkit.decode import greedy
from w2vkit.model import CTCModel
from w2vkit.model.int8 import most_of_weights

ROUNDS = 4  # the first one, in which kernels are chosen, does not count
# s; spread as the utterances of LibriSpeech's test-clean are: many short ones, few long ones, 7.4 s on average
MIX = (1.6, 2.2, 2.7, 3.1, 3.6, 4.1, 4.7, 5.3, 6.0, 6.8, 7.7, 8.9, 10.4, 12.6, 15.6, 22.7)
LAYERS = 24


def save(folder: Path, layers: int = LAYERS) -> Path:
    """Save the default model's architecture with random weights."""
    # config.json of facebook/wav2vec2-large-960h-lv60-self
    config = Wav2Vec2Config(
        hidden_size=1024,
        num_hidden_layers=layers,
        num_attention_heads=16,
        intermediate_size=4096,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )
    shutil.copytree(mini_folder(), folder, ignore=shutil.ignore_patterns("calibration.json"))
    torch.manual_seed(0)
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    return folder


def compare(lengths: tuple[float, ...], *, compiled: bool, layers: int = LAYERS, dtype: str = "auto") -> dict[str, float | str]:
    """Time every way on clips of given lengths (s), and give the ratios to the model card's code."""
    clips = [Waveform(speech(seconds)) for seconds in lengths]
    with tempfile.TemporaryDirectory() as place:
        folder = save(Path(place) / "large", layers)
        processor: Any = Wav2Vec2Processor.from_pretrained(folder)
        ours = CTCModel.load(str(folder), dtype=dtype)
        theirs = Wav2Vec2ForCTC.from_pretrained(folder).eval().to(ours.device)  # type: ignore[arg-type]
        quick = CTCModel.load(str(folder), dtype=dtype, compiled=True) if compiled else None
        rough = CTCModel.load(str(folder), dtype="int8") if ours.device == "cpu" and most_of_weights() else None
    pipe: Any = pipeline(
        "automatic-speech-recognition",
        model=theirs,
        tokenizer=processor.tokenizer,
        feature_extractor=processor.feature_extractor,
        device=torch.device(ours.device),
    )

    def card() -> None:
        for clip in clips:
            values = processor(clip.samples, return_tensors="pt", padding="longest", sampling_rate=16_000).input_values
            with torch.no_grad():  # as the card's evaluation has it
                logits = theirs(values.to(theirs.device)).logits
            processor.batch_decode(torch.argmax(logits, dim=-1))

    ways: dict[str, Callable[[], object]] = {
        "model card's lines": card,
        "HF pipeline": lambda: [pipe({"raw": clip.samples, "sampling_rate": 16_000}) for clip in clips],
        "w2vkit": lambda: [greedy(emissions) for emissions in ours.emit(clips)],
    }
    if quick:
        ways["w2vkit, compiled"] = lambda: [greedy(emissions) for emissions in quick.emit(clips)]
    if rough:
        ways["w2vkit, int8"] = lambda: [greedy(emissions) for emissions in rough.emit(clips)]
    taken = in_turn(ways)
    peak, work = matrix_peak(ours), operations(ours.network, clips)
    figures: dict[str, float | str] = {"w2vkit computes on": f"{ours.device} in {ours.dtype}"}
    figures |= {f"{way} (audio s per s)": sum(lengths) / seconds for way, seconds in taken.items()}
    figures |= {f"{way}: times the card's": taken["model card's lines"] / taken[way] for way in list(taken)[1:]}
    figures |= {"matrix product's peak (GFLOP/s)": peak / 1e9, "work (GFLOP)": work / 1e9}
    return figures | {f"{way}: share of the peak": work / taken[way] / peak for way in list(taken)[2:]}


def in_turn(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Measure how long each way takes (s): the median of all rounds except the first."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - started)
    return {name: sorted(times[1:])[(ROUNDS - 1) // 2] for name, times in taken.items()}


@torch.inference_mode()
def matrix_peak(model: CTCModel) -> float:
    """Time ten matrix products of the layers' size, on the model's device and in its dtype; give the best (FLOP/s)."""
    dtype = next(model.network.base_model.encoder.layers.parameters()).dtype
    left, right = torch.randn(2048, 4096, dtype=dtype), torch.randn(4096, 4096, dtype=dtype)
    left, right, best = left.to(model.device), right.to(model.device), float("inf")
    for _ in range(10):
        started = time.perf_counter()
        product = left @ right
        product[0, 0].item()  # a GPU is done only when something is read
        best = min(best, time.perf_counter() - started)
    return 2 * 2048 * 4096 * 4096 / best


@torch.inference_mode()
def operations(network: Any, clips: list[Waveform]) -> float:
    """Count the network's additions and multiplications (FLOP) for clips, each in a pass of its own."""
    counter = FlopCounterMode(display=False)
    with counter:
        for clip in clips:
            network(torch.from_numpy(clip.samples)[None].to(network.device))
    return float(counter.get_total_flops())
