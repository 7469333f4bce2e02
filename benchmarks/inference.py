"""Speed and memory of the path from sound to text: `python -m benchmarks.inference [--model NAME] [--only PART]`.

Prints a table and a line of JSON. The figures depend on the machine and its load, so compare ratios instead of seconds.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

IMPORT = "import time; t = time.perf_counter(); import w2vkit; print(time.perf_counter() - t)"
FILE = """
import math, resource, sys, time
from w2vkit.decode import greedy
from w2vkit.model import CTCModel
from w2vkit.pipeline.transcription import transcribe
model = CTCModel.load(sys.argv[1])
loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
started = time.perf_counter()
result = transcribe(sys.argv[2], model, decode=greedy, keep_sound=False, max_seconds=math.inf)
print(time.perf_counter() - started, loaded, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, len(result.emissions))
"""


def run(code: str, *arguments: str) -> list[float]:
    """Run Python code in a process of its own and give the numbers that it prints."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def import_seconds() -> float:
    """Give the median time of five imports of w2vkit (s)."""
    return sorted(run(IMPORT)[0] for _ in range(5))[2]


def speech(seconds: float) -> np.ndarray:
    """Repeat the bundled clips to a duration (s); give samples at 16 kHz."""
    from w2vkit.audio import load
    from w2vkit.examples import examples

    clips = np.concatenate([load(clip.path).samples for clip in examples()])
    return np.resize(clips, int(seconds * 16_000))


def clip_speeds(name: str, lengths: list[float]) -> dict[str, float]:
    """Measure the speed of single clips by length (times real time): the median of five runs after a warm-up."""
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


def file(name: str, seconds: float) -> dict[str, float]:
    """Measure speed (times real time) and peak memory (GiB) of a long WAV file, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.wav"
        soundfile.write(path, speech(seconds), 16_000)
        taken, loaded, peak, frames = run(FILE, name, str(path))
    return {"times real time": seconds / taken, "GiB after loading": loaded, "GiB at the peak": peak, "frames": frames}


def windows(name: str, seconds: float) -> dict[str, float]:
    """Measure the share of characters that differ between one pass over a sound and the windows of a long file."""
    import jiwer

    from w2vkit.audio import Waveform
    from w2vkit.decode import greedy
    from w2vkit.model import CTCModel

    texts = []
    for longest_pass in (seconds, seconds - 1):
        model = CTCModel.load(name)
        model._grid = replace(model._grid, longest_pass=longest_pass)
        texts.append(greedy(model.emit([Waveform(speech(seconds))])[0]).text)
    return {"characters": len(texts[0]), "share that the windows change": jiwer.cer(*texts)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="w2v-mini")
    parser.add_argument("--only", choices=("clips", "file", "windows", "large", "mix"), help="one part of the table")
    parser.add_argument("--file-minutes", type=float, default=60, help="the long file (default 60)")
    parser.add_argument("--large-seconds", type=float, default=15, help="the clip for the Large architecture (default 15)")
    parser.add_argument("--large-layers", type=int, default=24, help="fewer for a quick look (default 24)")
    parser.add_argument("--compile", action="store_true", help="also the compiled path, in the Large architecture")
    parser.add_argument("--dtype", default="auto", help="of w2vkit in the Large architecture (default auto)")
    options = parser.parse_args()
    name = options.model
    figures: dict[str, float | str] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    if options.only in (None, "clips"):
        figures["import w2vkit (s)"] = import_seconds()
        figures |= {f"times real time, {key}": value for key, value in clip_speeds(name, [2, 5, 15, 30]).items()}
    if options.only in (None, "file"):
        figures |= {
            f"WAV of {options.file_minutes:g} min: {key}": v for key, v in file(name, options.file_minutes * 60).items()
        }
    if options.only == "windows":
        figures |= {f"60 s: {key}": value for key, value in windows(name, 60).items()}
    if options.only in (None, "large", "mix"):
        from benchmarks.large import MIX, compare

        clip = (options.large_seconds,)
        parts = {"large": (f"Large, {clip[0]:g} s", clip), "mix": ("Large, lengths of test-clean", MIX)}
        for part, (key, lengths) in parts.items():
            if options.only in (None, part):
                found = compare(lengths, compiled=options.compile, layers=options.large_layers, dtype=options.dtype)
                figures |= {f"{key}: {what}": value for what, value in found.items()}
    figures["this process, peak (GiB)"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for key, value in figures.items():
        print(f"{key:70} {value if isinstance(value, str) else format(value, '.3g')}")
    print(json.dumps({"model": name, **figures}))


if __name__ == "__main__":
    main()
