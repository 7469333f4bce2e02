"""Measure the errors of word times against a reference: median and 95th percentile of |start| and |end| errors.

    python -m benchmarks.times MODEL PARQUET [--limit N]

The Parquet file has the columns audio (with bytes), words, word_starts and word_ends (s). Forced alignment gets the words,
and all of them count. For a decoder only the words that it recognised correctly count.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from w2vkit.align import align
from w2vkit.audio import load
from w2vkit.decode import BeamSearch, Hypothesis, beam_search, greedy
from w2vkit.decode.lm import BUNDLED
from w2vkit.decode.lm import load as load_language_model
from w2vkit.emissions import Emissions
from w2vkit.evaluate.calibration import match_words

Finder = Callable[[Emissions, str], Hypothesis]


def finders() -> dict[str, Finder]:
    """Give the methods by name. Each takes emissions and the reference, which only alignment uses."""
    search = BeamSearch(language_model=load_language_model(BUNDLED))
    return {
        "greedy": lambda emissions, text: greedy(emissions),
        "32 beams": lambda emissions, text: beam_search(emissions),
        "beam search with the bundled language model": lambda emissions, text: search(emissions),
        "alignment": lambda emissions, text: align(emissions, text).hypothesis,
    }


def errors(hypothesis: Hypothesis, row: dict[str, Any]) -> np.ndarray:
    """Give (W, 2) signed errors (s) of start and end, for the words that are right."""
    pairs = match_words(" ".join(row["words"]), hypothesis.text)
    found = [(hypothesis.words[h].start, hypothesis.words[h].end) for _, h in pairs]
    true = [(row["word_starts"][r], row["word_ends"][r]) for r, _ in pairs]
    return np.array(found).reshape(-1, 2) - np.array(true).reshape(-1, 2)


def measure(rows: list[dict[str, Any]], emissions: list[Emissions]) -> list[dict[str, Any]]:
    """Compare the word times of every method with the reference."""
    total = sum(len(row["words"]) for row in rows)
    results = []
    for name, find in finders().items():
        each = [errors(find(one, " ".join(row["words"])), row) for one, row in zip(emissions, rows, strict=True)]
        off = np.concatenate(each) * 1000
        result: dict[str, Any] = {"method": name, "words": len(off), "of": total}
        for column, edge in enumerate(("start", "end")):
            values = off[:, column] if len(off) else np.array([np.nan])
            result[f"{edge}_median_ms"] = round(float(np.median(np.abs(values))), 1)
            result[f"{edge}_p95_ms"] = round(float(np.percentile(np.abs(values), 95)), 1)
            result[f"{edge}_bias_ms"] = round(float(np.median(values)), 1)
        results.append(result)
    return results


def main() -> None:
    """Print the table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name or a folder that w2vkit loads")
    parser.add_argument("parquet", type=Path)
    parser.add_argument("--limit", type=int, metavar="N", help="use the first N utterances only")
    arguments = parser.parse_args()
    from w2vkit.model import CTCModel

    rows = pq.read_table(arguments.parquet).slice(0, arguments.limit).to_pylist()
    model = CTCModel.load(arguments.model)
    waveforms = [load(row["audio"]["bytes"], sample_rate=model.sample_rate) for row in rows]
    results = measure(rows, model.emit(waveforms))
    print("| method | words | start: median, 95th, bias (ms) | end: median, 95th, bias (ms) |\n|---|---|---|---|")
    for r in results:
        cells = [", ".join(f"{r[f'{edge}_{k}_ms']:.0f}" for k in ("median", "p95", "bias")) for edge in ("start", "end")]
        print(f"| {r['method']} | {r['words']} of {r['of']} | {cells[0]} | {cells[1]} |")
    line = json.dumps({"benchmark": "times", "model": model.name, "data": arguments.parquet.stem, "results": results})
    print(line.replace("NaN", "null"))  # JSON has no NaN


if __name__ == "__main__":
    main()
