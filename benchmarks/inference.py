"""Speed and memory of the path from sound to text: `python -m benchmarks.inference [--model NAME] [--only PART]`.

Prints one table and one JSON line. Every figure is of this machine and this run; compare ratios, not seconds.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

IMPORT = "import time; t = time.perf_counter(); import w2vkit; print(time.perf_counter() - t)"
HOUR = """
import resource, sys, time
from w2vkit.model import CTCModel
from w2vkit.transcribe import transcribe_file
model = CTCModel.load(sys.argv[1])
loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
started = time.perf_counter()
result = transcribe_file(sys.argv[2], model)
print(time.perf_counter() - started, loaded, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, len(result.emissions))
"""


def run(code: str, *arguments: str) -> list[float]:
    """Run Python code in a process of its own and give the numbers that it prints."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def import_seconds() -> float:
    """Take the median of five imports of w2vkit, in seconds."""
    return sorted(run(IMPORT)[0] for _ in range(5))[2]


def speech(seconds: float) -> np.ndarray:
    """Repeat the bundled clips to a length."""
    from w2vkit.audio import load
    from w2vkit.examples import examples

    clips = np.concatenate([load(clip.path).samples for clip in examples()])
    return np.resize(clips, int(seconds * 16_000))


def clip_speeds(name: str, lengths: list[float]) -> dict[str, float]:
    """Times real time of one clip at a time, by its length; the median of five after a warm-up."""
    from w2vkit.audio import Waveform
    from w2vkit.decode import greedy
    from w2vkit.model import CTCModel

    model = CTCModel.load(name)
    speeds = {}
    for seconds in lengths:
        clip, taken = Waveform(speech(seconds)), []
        for _ in range(6):
            started = time.perf_counter()
            greedy(model.emit([clip])[0])
            taken.append(time.perf_counter() - started)
        speeds[f"{seconds:g} s clip"] = seconds / sorted(taken[1:])[2]
    return speeds


def hour(name: str) -> dict[str, float]:
    """Times real time and peak memory (GiB) of a one-hour WAV file, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hour.wav"
        soundfile.write(path, speech(3600), 16_000)
        taken, loaded, peak, frames = run(HOUR, name, str(path))
    return {"times real time": 3600 / taken, "GiB after loading": loaded, "GiB at the peak": peak, "frames": frames}


def large(folder: Path) -> Path:
    """Save the default model's architecture with random weights: as fast as the trained ones."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    from w2vkit.hub import mini_folder

    # config.json of facebook/wav2vec2-large-960h-lv60-self
    config = Wav2Vec2Config(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )
    shutil.copytree(mini_folder(), folder)
    torch.manual_seed(0)
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    return folder


def against_card(seconds: float) -> dict[str, float | str]:
    """Seconds for one clip through the Large architecture: the model card's lines, and w2vkit."""
    import torch
    from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

    from w2vkit.audio import Waveform
    from w2vkit.decode import greedy
    from w2vkit.model import CTCModel

    clip = Waveform(speech(seconds))
    with tempfile.TemporaryDirectory() as place:
        folder = large(Path(place) / "large")
        processor: Any = Wav2Vec2Processor.from_pretrained(folder)
        theirs = Wav2Vec2ForCTC.from_pretrained(folder)
        ours = CTCModel.load(str(folder), device="cpu")

    def card() -> None:
        input_values = processor(clip.samples, return_tensors="pt", padding="longest", sampling_rate=16_000).input_values
        logits = theirs(input_values).logits
        processor.batch_decode(torch.argmax(logits, dim=-1))

    def kit() -> None:
        greedy(ours.emit([clip])[0])

    taken: dict[str, list[float]] = {"card": [], "kit": []}
    for _ in range(4):  # in turn, so that a busy moment falls on both
        for name, way in (("card", card), ("kit", kit)):
            started = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - started)
    slow, fast = (sorted(times[1:])[1] for times in taken.values())
    return {"dtype": ours.dtype, "model card's lines (s)": slow, "w2vkit (s)": fast, "ratio": slow / fast}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="w2v-mini")
    parser.add_argument("--only", choices=("clips", "hour", "large"), help="one part of the table")
    parser.add_argument("--large-seconds", type=float, default=15, help="the clip for the Large architecture (default 15)")
    options = parser.parse_args()
    name = options.model
    figures: dict[str, float | str] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    if options.only in (None, "clips"):
        figures["import w2vkit (s)"] = import_seconds()
        figures |= {f"times real time, {key}": value for key, value in clip_speeds(name, [2, 5, 15, 30]).items()}
    if options.only in (None, "hour"):
        figures |= {f"one-hour WAV: {key}": value for key, value in hour(name).items()}
    if options.only in (None, "large"):
        key = f"Large, random weights, {options.large_seconds:g} s"
        figures |= {f"{key}: {part}": value for part, value in against_card(options.large_seconds).items()}
    figures["this process, peak (GiB)"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for key, value in figures.items():
        print(f"{key:60} {value if isinstance(value, str) else format(value, '.3g')}")
    print(json.dumps({"model": name, **figures}))


if __name__ == "__main__":
    main()
