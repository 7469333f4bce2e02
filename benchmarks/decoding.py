"""Measure decoders on one core: word error rate, and seconds per second of sound.

    OMP_NUM_THREADS=1 python -m benchmarks.decoding MODEL SOURCE [--limit N] [--lm FILE] [--no-hour]

The source is what `w2vkit evaluate` takes. The table has a row for greedy decoding, for beam search with 32 beams, and for
beam search with a language model (by default the bundled one). Then the utterances are repeated to one hour, and their
texts are aligned with it. The memory is what the alignment allocates, measured in a second run. All times are processor
times, so other programs do not count. The last line is JSON.
"""

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

import jiwer
import numpy as np

from w2vkit.align import align
from w2vkit.audio import load
from w2vkit.decode import BeamSearch, Hypothesis, greedy
from w2vkit.decode.lm import BUNDLED
from w2vkit.decode.lm import load as load_language_model
from w2vkit.emissions import Emissions
from w2vkit.pipeline.datasets import open_corpus

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

HOUR = 3600.0  # s
Recognised = list[tuple[Emissions, str]]  # the emissions of each utterance, and its reference


def emit_corpus(model: "CTCModel", source: str, limit: int | None) -> Recognised:
    """Compute the emissions of a data set's utterances."""
    utterances = [u for u in open_corpus(source, limit=limit) if u.reference]
    emissions = model.emit([load(u.audio, sample_rate=model.sample_rate) for u in utterances])
    return [(one, u.reference or "") for one, u in zip(emissions, utterances, strict=True)]


def measure(name: str, decode: Callable[[Emissions], Hypothesis], recognised: Recognised) -> dict[str, Any]:
    """Decode all utterances and give the word error rate and the speed."""
    decode(recognised[0][0])  # the lexicon and the like are built once, so this does not count
    start = time.process_time()
    texts = [decode(one).text for one, _ in recognised]
    spent = time.process_time() - start
    wer = jiwer.wer([text for _, text in recognised], texts)
    return {
        "decoder": name,
        "wer": round(wer, 6),
        "seconds_per_second": round(spent / sum(e.seconds for e, _ in recognised), 5),
    }


def repeat_to(recognised: Recognised, seconds: float) -> tuple[Emissions, str]:
    """Join utterances, repeated if necessary, to a duration (s); give the emissions and the text."""
    parts, texts, frames = [], [], 0
    for one, text in cycle(recognised):
        parts.append(one.log_probs)
        texts.append(text)
        frames += len(one)
        if frames * one.frame_seconds >= seconds:
            return replace(one, log_probs=np.concatenate(parts)), "\n".join(texts)
    raise AssertionError("a cycle has no end")


def measure_alignment(emissions: Emissions, text: str) -> dict[str, Any]:
    """Align, and give the processor time (s) and the peak of the memory that was allocated (bytes)."""
    start = time.process_time()
    words = len(align(emissions, text).hypothesis.words)
    spent = time.process_time() - start
    tracemalloc.start()
    align(emissions, text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"minutes": round(emissions.seconds / 60, 1), "words": words, "seconds": round(spent, 1), "bytes": peak}


def main() -> None:
    """Print the table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name or a folder that w2vkit loads")
    parser.add_argument("source", help="a data set, such as a Parquet file with the columns audio and text")
    parser.add_argument("--limit", type=int, metavar="N", help="use the first N utterances only")
    parser.add_argument("--lm", default=BUNDLED, metavar="FILE", help="the language model (default: the bundled one)")
    parser.add_argument("--no-hour", action="store_true", help="leave out the alignment of an hour")
    options = parser.parse_args()
    from w2vkit.model import CTCModel

    model = CTCModel.load(options.model)
    recognised = emit_corpus(model, options.source, options.limit)
    start = time.process_time()
    language_model = load_language_model(options.lm)
    reading = time.process_time() - start
    print(f"{language_model.name} read in {reading:.2f} s of one core\n")
    decoders: dict[str, Callable[[Emissions], Hypothesis]] = {
        "greedy": greedy,
        "32 beams": BeamSearch(),
        f"beam search with the {language_model.order}-gram": BeamSearch(language_model=language_model),
    }
    results = []
    print("| decoder | WER | seconds per second of sound |\n|---|---|---|")
    for name, decode in decoders.items():
        results.append(measure(name, decode, recognised))
        print("| {} | {:.1%} | {:.4f} |".format(*results[-1].values()), flush=True)
    line = {"benchmark": "decoding", "model": model.name, "utterances": len(recognised), "results": results}
    line["language_model_seconds"] = round(reading, 2)
    if not options.no_hour:
        line["alignment"] = hour = measure_alignment(*repeat_to(recognised, HOUR))
        memory = hour["bytes"] / 2**30
        print("\n{minutes} minutes with {words} words aligned in {seconds} s, {0:.2f} GiB".format(memory, **hour))
    print(json.dumps(line))


if __name__ == "__main__":
    main()
