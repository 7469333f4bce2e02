"""Find pauses between words, so that training can hear parts of an utterance: ``python -m training.pauses training/packed``.

The index of `training.pack` gets the pauses of every utterance that is not a development clip. w2v-mini aligns the text; a
pause is a stretch of at least 60 ms between two words that is 28 dB below the loud parts of the utterance.
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.pack import RATE, unpack
from w2vkit import W2VKitError, Waveform
from w2vkit.align import align
from w2vkit.decode.hypothesis import Word
from w2vkit.model import CTCModel

HOP = RATE // 100
QUIET, SHORTEST = 10 ** (-28 / 10), 6  # of the energy of the loud parts; in steps of 10 ms


def pauses(samples: np.ndarray, words: Sequence[Word]) -> list[tuple[int, int]]:
    """Give the middle of each pause (a sample) and the number of words before it.

    Parameters
    ----------
    samples : numpy.ndarray
        Shape ``(N,)`` at 16 kHz.
    words : sequence of Word
        The words of the whole text with their times (s).
    """
    energy = np.square(samples[: len(samples) // HOP * HOP].astype(np.float64)).reshape(-1, HOP).mean(axis=1)
    quiet = energy < np.percentile(energy, 95) * QUIET
    found = []
    for count, (before, after) in enumerate(itertools.pairwise(words), start=1):
        first, last = (round((word.start + word.end) / 2 * RATE / HOP) for word in (before, after))
        edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet[first:last], [False]]).astype(int)))
        begins, ends = edges[::2], edges[1::2]
        if len(begins) and (ends - begins).max() >= SHORTEST:
            longest = int((ends - begins).argmax())
            found.append((int(first + (begins[longest] + ends[longest]) // 2) * HOP, count))
    return found


def main() -> None:
    """Add the pauses to an index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packed", type=Path, help="folder of training.pack")
    folder = parser.parse_args().packed
    model = CTCModel.load("w2v-mini")
    index, total = json.loads((folder / "index.json").read_text()), 0
    for entry, clip in zip(index, unpack(folder), strict=True):
        if entry["development"] or len(clip.text.split()) < 2:
            continue
        try:
            found = align(model.emit([Waveform(clip.samples.astype(np.float32) / 32768)])[0], clip.text).hypothesis.words
        except W2VKitError:
            continue  # a text too long for its sound: it stays in one piece
        if len(found) == len(clip.text.split()):
            entry["pauses"] = pauses(clip.samples, found)
            total += len(entry["pauses"])
    (folder / "index.json").write_text(json.dumps(index))
    print(f"{total} pauses in {len(index)} utterances")


if __name__ == "__main__":
    main()
