"""Sound that spells a text, and a stand-in for a model that reads it without errors. As a program it runs an evaluation."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from support.emissions import LABELS, spell
from w2vkit.decode import greedy
from w2vkit.emissions import Vocabulary
from w2vkit.evaluate import evaluate
from w2vkit.pipeline import stream
from w2vkit.pipeline.datasets import Utterance

HOLD = 400  # samples per character


def sound(text: str) -> tuple[int, np.ndarray]:
    """(16000, samples): every character is a stretch whose amplitude is its code."""
    return 16_000, np.repeat(np.array([ord(c) for c in text] or [0], dtype=np.float32) / 128, HOLD)


class Speller:
    """Reads `sound` back, and keeps all texts that it has read."""

    folder, default_decoder = Path(), staticmethod(greedy)
    name, dtype, sample_rate, stride, vocabulary = "speller", "float32", 16_000, HOLD // 2, Vocabulary.of(LABELS)

    def __init__(self, pause: float = 0.0) -> None:
        self.pause, self.read = pause, list[str]()

    longest_pass, pass_seconds = 40.0, 0.01  # s; texts are given one by one, and sorted within a window

    def check(self, waveform):
        pass

    def emit_each(self, waveforms, *, progress=None):
        for index, waveform in sorted(enumerate(waveforms), key=lambda pair: -len(pair[1].samples)):
            yield index, self.emit([waveform], progress=progress)[0]

    def emit(self, waveforms, *, progress=None):
        time.sleep(self.pause)
        texts = ["".join(chr(round(128 * x)) for x in w.samples[HOLD // 2 :: HOLD] if x > 0) for w in waveforms]
        self.read += texts
        if progress:
            progress(1.0)
        written = [[c if c == " " or c in LABELS else "_" for c in text] for text in texts]  # others cannot be written
        return [spell([f for c in text for f in (c, "_")] or ["_"]) for text in written]


def speller(pause: float = 0.0) -> Any:
    """A `Speller`, which stands in for a CTCModel."""
    return Speller(pause)


def utterances(count: int) -> list[Utterance]:
    """Utterances of eleven speakers; every third differs from its reference."""
    numbers = ["ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN"]
    made = []
    for k in range(count):
        spoken = " ".join(numbers[(k + j) % 7] for j in range(1 + k % 5))
        read = spoken.replace("ONE", "WON", 1) + " TOO" if k % 3 == 0 else spoken
        made.append(Utterance(f"utterance-{k}", sound(read), spoken, f"speaker-{k % 11}"))
    return made


if __name__ == "__main__":
    stream.WINDOW_SECONDS = float(sys.argv[3])
    evaluate(speller(pause=0.01), utterances(int(sys.argv[2])), results_file=Path(sys.argv[1]))
