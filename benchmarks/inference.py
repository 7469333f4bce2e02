"""Speed and memory of the path from sound to text: `python -m benchmarks.inference [--model NAME]`.

Prints one table and one JSON line. Every figure is of this machine and this run; compare ratios, not seconds.
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
from pathlib import Path

import numpy as np
import soundfile

IMPORT = "import time; t = time.perf_counter(); import w2vkit; print(time.perf_counter() - t)"
HOUR = """
import resource, sys, time
from w2vkit.model import CTCModel
from w2vkit.transcribe import transcribe
model = CTCModel.load(sys.argv[1])
loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
started = time.perf_counter()
result = transcribe(sys.argv[2], model)
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="w2v-mini")
    name = parser.parse_args().model
    figures = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "import w2vkit (s)": import_seconds(),
        **{f"times real time, {key}": value for key, value in clip_speeds(name, [2, 5, 15, 30]).items()},
        **{f"one-hour WAV: {key}": value for key, value in hour(name).items()},
        "this process, peak (GiB)": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    for key, value in figures.items():
        print(f"{key:40} {value if isinstance(value, str) else format(value, '.3g')}")
    print(json.dumps({"model": name, **figures}))


if __name__ == "__main__":
    main()
