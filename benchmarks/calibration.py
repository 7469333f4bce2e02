"""What confidences are worth: calibration error, detection of wrong words, and a reliability table.

    python -m benchmarks.calibration MODEL PARQUET [--fit FOLDER]

The Parquet file has the columns audio (bytes inside) and text. Where a temperature stands beside the checkpoint,
both are measured, without and with it. ``--fit`` fits a temperature on the file, which must hold speakers that the
model was not trained on and will not be evaluated on, and writes it into a checkpoint's folder.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from w2vkit.audio import load
from w2vkit.calibration import Bin, Calibration, auc, expected_calibration_error, fit_temperature, judge, reliability, temper
from w2vkit.decode import greedy
from w2vkit.emissions import Emissions
from w2vkit.hub import fetch


def measure(emissions: list[Emissions], references: list[str], temperature: float) -> tuple[dict[str, Any], list[Bin]]:
    """Judge the greedy words' confidences at a temperature."""
    confidences, right = judge([greedy(temper(one, temperature)) for one in emissions], references)
    if not len(right):
        raise SystemExit("The model recognised no word at all: there is no confidence to judge.")
    figures = {
        "temperature": temperature,
        "words": len(right),
        "right": round(float(right.mean()), 4),
        "confidence": round(float(confidences.mean()), 4),
        "ece": round(expected_calibration_error(confidences, right), 4),
        "auc": round(auc(confidences, right), 4),
    }
    return figures, reliability(confidences, right)


def table(bins: list[Bin]) -> str:
    """Draw the reliability diagram in text: | is the mean confidence, # the share of right words."""
    lines = ["confidence      words   mean  right"]
    for b in bins:
        bar = ["#" if i < round(b.accuracy * 40) else " " for i in range(41)]
        bar[round(b.confidence * 40)] = "|"
        figures = f"{b.confidence:6.3f} {b.accuracy:6.3f}  {''.join(bar)}" if b.count else "     -      -"
        lines.append(f"({b.low:.1f}, {b.high:.1f}]  {b.count:9d} {figures}".rstrip())
    return "\n".join(lines)


def main() -> None:
    """Print the figures, the table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name or a folder that w2vkit loads")
    parser.add_argument("parquet", type=Path)
    parser.add_argument("--fit", type=Path, metavar="FOLDER", help="fit on this file, write calibration.json into FOLDER")
    arguments = parser.parse_args()
    from w2vkit.model import CTCModel

    model = CTCModel.load(arguments.model)
    rows = pq.read_table(arguments.parquet, columns=["audio", "text"]).to_pylist()
    waveforms = [load(row["audio"]["bytes"], sample_rate=model.sample_rate) for row in rows]
    references = [row["text"] for row in rows]
    emissions = model.emit(waveforms)
    if arguments.fit:
        calibration = fit_temperature(emissions, references)
        calibration.save(arguments.fit)
    else:
        calibration = Calibration.load(fetch(arguments.model).folder)
    results = []
    for temperature in sorted({1.0, calibration.temperature if calibration else 1.0}):
        figures, bins = measure(emissions, references, temperature)
        print(", ".join(f"{name} {value}" for name, value in figures.items()), table(bins), sep="\n", end="\n\n")
        results.append(figures)
    line = json.dumps({"benchmark": "calibration", "model": model.name, "data": arguments.parquet.stem, "results": results})
    print(line.replace("NaN", "null"))  # JSON has no NaN


if __name__ == "__main__":
    main()
