"""Measure how much silence w2v-mini needs around single words: ``python -m training.silence SPEECH/train``.

The numbers of AN4 are cut into single words at their pauses, as recordings of single words at 8 kHz. Each is read as it was
cut, and without the silence at both ends, with more and more silence around it. The speakers are those of the training;
what changes from line to line is the silence alone.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import jiwer
import numpy as np
import soxr

from training.corpora import RATE, read_corpora
from training.numbers import DIGITS, TEENS, TENS
from training.pauses import HOP, pauses
from w2vkit.align import align
from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.model import CTCModel

CORPUS = "an4-alphanumeric"
NUMBERS = {*DIGITS, *TEENS, *TENS, "OH"}
SILENCES = (0.0, 0.04, 0.06, 0.1, 0.2)  # s
QUIET = 1e-3  # silence has less than this share of the energy of the loudest 10 ms


def single_words(folder: Path) -> list[tuple[str, np.ndarray]]:
    """Give the spoken numbers of one word, and their (N,) samples."""
    model, found = CTCModel.load("w2v-mini", dtype="float32"), []
    for corpus, _, text, encoded in read_corpora(folder):
        said = text.split()
        if corpus != CORPUS or NUMBERS.isdisjoint(said):
            continue
        samples = load(encoded).samples
        words = align(model.emit([Waveform(samples)])[0], text).hypothesis.words
        places = [(0, 0), *pauses(samples, words), (len(samples), len(words))]
        for (start, first), (stop, last) in pairwise(places):
            if last - first == 1 and said[first] in NUMBERS:
                narrow = soxr.resample(samples[start:stop], RATE, RATE // 2)
                found.append((said[first], soxr.resample(narrow, RATE // 2, RATE).astype(np.float32)))
    return found


def trimmed(samples: np.ndarray) -> np.ndarray:
    """Leave the silence at both ends out."""
    energy = np.square(samples[: len(samples) // HOP * HOP]).reshape(-1, HOP).sum(axis=1)
    loud = np.flatnonzero(energy > QUIET * energy.max())
    return samples[loud[0] * HOP : (loud[-1] + 1) * HOP]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of training Parquet files")
    words = single_words(parser.parse_args().folder)
    said = [text for text, _ in words]
    print(f"{len(words)} words\n\n| silence | as it was cut | without silence at both ends |\n|---|---|---|")
    model = CTCModel.load("w2v-mini", dtype="float32")
    for silence in SILENCES:
        model.silence, rates = round(silence * RATE), []
        for sounds in ([samples for _, samples in words], [trimmed(samples) for _, samples in words]):
            rates.append(jiwer.wer(said, [greedy(one).text for one in model.emit([Waveform(samples) for samples in sounds])]))
        print(f"| {silence} s | {rates[0]:.1%} | {rates[1]:.1%} |", flush=True)


if __name__ == "__main__":
    main()
