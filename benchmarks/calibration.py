"""Measure how good the confidences of words are: calibration error, detection of wrong words, and a reliability table.

    python -m benchmarks.calibration MODEL SOURCE [--limit N]

The source is what `w2vkit evaluate` takes. The decoders are greedy decoding and beam search with the bundled language model.
Each is measured without calibration and, if the checkpoint has a ``calibration.json``, with it. Nothing is fitted here;
`python -m training.decoding` fits, on other speakers.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.decoding import Recognised, emit_corpus
from w2vkit.decode import BeamSearch, Hypothesis, greedy
from w2vkit.decode.hypothesis import LEGEND, shade
from w2vkit.decode.lm import BUNDLED
from w2vkit.decode.lm import load as load_language_model
from w2vkit.emissions import UNCALIBRATED, Calibration, Emissions
from w2vkit.evaluate.calibration import Bin, auc, expected_calibration_error, judge, reliability


def measure(
    decode: Callable[[Emissions], Hypothesis], recognised: Recognised, calibration: Calibration
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Compute the words' confidences under a calibration; give figures, (W,) confidences, and (W,) bool: right or not."""
    hypotheses = [decode(replace(one, calibration=calibration)) for one, _ in recognised]
    confidences, right = judge(hypotheses, [text for _, text in recognised])
    if not len(right):
        raise SystemExit("The model recognised no words, so there are no confidences. Use other speech or another model.")
    figures = {
        "words": len(right),
        "right": round(float(right.mean()), 4),
        "confidence": round(float(confidences.mean()), 4),
        "ece": round(expected_calibration_error(confidences, right), 4),
        "auc": round(auc(confidences, right), 4),
    }
    return figures, confidences, right


def table(bins: list[Bin]) -> str:
    """Draw the reliability diagram as text: | marks the mean confidence, # the share of right words."""
    lines = ["confidence      words   mean  right"]
    for b in bins:
        bar = ["#" if i < round(b.accuracy * 40) else " " for i in range(41)]
        bar[round(b.confidence * 40)] = "|"
        figures = f"{b.confidence:6.3f} {b.accuracy:6.3f}  {''.join(bar)}" if b.count else "     -      -"
        lines.append(f"({b.low:.1f}, {b.high:.1f}]  {b.count:9d} {figures}".rstrip())
    return "\n".join(lines)


def shades(confidences: np.ndarray, right: np.ndarray) -> str:
    """Count the words that the page marks as sure, likely and doubtful, with the share of each that is right."""
    named = np.array([shade(confidence) for confidence in confidences])
    parts = [(name, named == name) for name in LEGEND]
    parts = [(name, right[inside]) for name, inside in parts if inside.any()]
    return "; ".join(f"{name}: {len(part)} words, {part.mean():.0%} right" for name, part in parts)


def main() -> None:
    """Print the figures, the table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name or a folder that w2vkit loads")
    parser.add_argument("source", help="a data set, such as a Parquet file with the columns audio and text")
    parser.add_argument("--limit", type=int, metavar="N", help="use the first N utterances only")
    options = parser.parse_args()
    from w2vkit.model import CTCModel

    model = CTCModel.load(options.model)
    recognised = emit_corpus(model, options.source, options.limit)
    calibration = recognised[0][0].calibration
    search = BeamSearch(language_model=load_language_model(BUNDLED))
    results = []
    for name, decode in (("greedy", greedy), ("beam search with the bundled language model", search)):
        for when in ("uncalibrated",) if calibration == UNCALIBRATED else ("uncalibrated", "calibrated"):
            figures, confidences, right = measure(decode, recognised, calibration if when == "calibrated" else UNCALIBRATED)
            results.append({"decoder": name, "as": when, **figures})
            print(f"{name}, {when}: {', '.join(f'{key} {value}' for key, value in figures.items())}")
            print(table(reliability(confidences, right)), shades(confidences, right), sep="\n", end="\n\n", flush=True)
    line = json.dumps({"benchmark": "calibration", "model": model.name, "data": options.source, "results": results})
    print(line.replace("NaN", "null"))  # JSON has no NaN


if __name__ == "__main__":
    main()
