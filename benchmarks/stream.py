"""Many clips: one file after the other against the stream of `w2vkit transcribe` and `w2vkit evaluate`.

    python -m benchmarks.stream [--clips 1000] [--model w2v-mini] [--batch-seconds 6 12 24] [--large]

The clips are cut from the bundled ones, as long as those of LibriSpeech's test-clean, and written as FLAC. All ways read them
and decode greedily. They take turns over parts of the clips, so that other load on the machine slows all of them alike: compare
the ratios. On a busy machine the ratio of CPU times is the more reliable one; it does not show what reading ahead gains.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.large import MIX, save
from w2vkit.audio import load
from w2vkit.decode import greedy
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.pipeline.stream import READERS, Sound, Stream

PART = 32  # clips after which the ways take turns, the next time in another order


def write_clips(folder: Path, count: int) -> list[Path]:
    """Write clips of the lengths of `MIX`, in random order."""
    speech = np.concatenate([load(example.path).samples for example in examples()])
    random, files = np.random.default_rng(0), []
    for k, seconds in enumerate(random.permutation(np.resize(MIX, count))):
        begin = int(random.integers(len(speech)))
        samples = np.take(speech, np.arange(begin, begin + round(16_000 * seconds)), mode="wrap")
        files.append(folder / f"{k:04d}.flac")
        soundfile.write(files[-1], samples, 16_000)
    return files


def one_by_one(model: CTCModel, files: list[Path]) -> list[str]:
    """Read and compute one file after the other."""
    return [greedy(model.emit_file(file)[0]).text for file in files]


def streamed(model: CTCModel, files: list[Path], threads: int) -> list[str]:
    """Transcribe by the stream."""

    def read(file: Path, most: float) -> Sound:
        waveform = load(file, max_seconds=most)
        return Sound([waveform], waveform.seconds)

    outcomes = [o for some in Stream(model, greedy, read, threads=threads).run(files) for o in some]
    return [str(o.error) if o.error else o.hypotheses[0].text for o in outcomes]


def main() -> None:
    """Print the table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000, metavar="N")
    parser.add_argument("--model", default="w2v-mini")
    parser.add_argument("--large", action="store_true", help="the default model's architecture with random weights instead")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--threads", type=int, default=READERS, metavar="N", help="that read ahead (default %(default)s)")
    parser.add_argument("--batch-seconds", type=float, nargs="*", default=[], metavar="S", help="beside the default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        name = str(save(Path(place) / "large")) if options.large else options.model
        files = write_clips(Path(place), options.clips)
        seconds = sum(soundfile.info(file).duration for file in files)
        load_model = partial(CTCModel.load, name, device=options.device, dtype=options.dtype)
        model = load_model()
        ways: dict[str, Callable[[list[Path]], list[str]]] = {
            "file by file": partial(one_by_one, model),
            f"stream, batches of {model.pass_seconds:g} s (default)": partial(streamed, model, threads=options.threads),
        }
        for batch in options.batch_seconds:
            ways[f"stream, batches of {batch:g} s"] = partial(
                streamed, load_model(batch_seconds=batch), threads=options.threads
            )
        for work in ways.values():
            work(files[:1])  # kernels are chosen
        taken, busy, texts = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0), {way: list[str]() for way in ways}
        for turn, first in enumerate(range(0, len(files), PART)):
            for way in list(ways)[:: 1 if turn % 2 else -1]:
                started, worked = time.perf_counter(), time.process_time()
                texts[way] += ways[way](files[first : first + PART])
                taken[way] += time.perf_counter() - started
                busy[way] += time.process_time() - worked
    slow, work = taken["file by file"], busy["file by file"]
    print(f"{len(files)} clips, {seconds / 60:.0f} min; {options.model} on {model.device} in {model.dtype}")
    print("| way | audio s per s | times file by file | times file by file, CPU time | other texts |\n|---|---|---|---|---|")
    for way in ways:
        differ = sum(a != b for a, b in zip(texts[way], texts["file by file"], strict=True))
        print(f"| {way} | {seconds / taken[way]:,.1f} | {slow / taken[way]:.2f} | {work / busy[way]:.2f} | {differ} |")
    print(json.dumps({"benchmark": "stream", "clips": len(files), "seconds": seconds, "taken": taken, "busy": busy}))


if __name__ == "__main__":
    main()
