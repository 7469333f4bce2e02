"""What each part of the recipe is worth: short runs on the same batches, each without one part.

``python -m training.ablate --run training/runs/ablations`` prints a Markdown table; runs that are done are not repeated.
A short run shows what helps at first; distortion, which is there against overfitting, pays late.
"""

import argparse
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch

from training import train
from training.corpora import OTHER, WEIGHTS
from training.position import OFFSET
from training.student import build

SYNTHETIC = ("kokoro", "piper", "books", "synthetic")
SCRATCH_RATE = 5e-4  # what Whisper's weights would not survive


class Shortened(train.Run):
    """A run with the settings of the stage `again`. The classes below each leave one part out."""

    def _restore(self) -> None:
        super()._restore()
        self.change()

    def change(self) -> None:
        """Leave nothing out."""


class Undistorted(Shortened):
    """Speech as it was recorded."""

    def change(self) -> None:
        """Turn augmentation and masking off."""
        self.options = self.options | dict(strength=0.0, mask=0.0)


class RealOnly(Shortened):
    """Without synthetic voices."""

    def change(self) -> None:
        """Never draw an utterance of a synthetic corpus."""
        weights = np.array([WEIGHTS.get(u.corpus, OTHER) * (u.corpus not in SYNTHETIC) for u in self.corpus.train])
        self.corpus.probabilities = weights / weights.sum()


class RandomLayers(Shortened):
    """The constructed front end and position code, with random transformer layers."""

    def change(self) -> None:
        """Put random layers and a random head into the student."""
        fresh = build(None, self.arguments.seed).state_dict()
        layers = {name: value for name, value in fresh.items() if "encoder.layer" in name or "lm_head" in name}
        self.model.load_state_dict(layers, strict=False)
        self._begin()

    def _rate(self, name: str) -> float:
        return SCRATCH_RATE if "encoder.layer" in name or "lm_head" in name else 0.0

    def _begin(self) -> None:
        self.average.load_state_dict(self.model.state_dict())


class Scratch(RandomLayers):
    """wav2vec 2.0's architecture with random weights: nothing of Whisper but the position code."""

    def change(self) -> None:
        """Put random weights everywhere, and take back the constant that the built front end needs."""
        self.model.load_state_dict(build(None, self.arguments.seed).state_dict())
        self.trainee.code -= OFFSET
        self.listener.code -= OFFSET
        self._begin()

    def _rate(self, name: str) -> float:
        return 0.0 if "pos_conv_embed" in name else SCRATCH_RATE


VARIANTS: dict[str, tuple[Callable[[argparse.Namespace], train.Run], int]] = {  # and how many times the steps
    "the recipe": (Shortened, 1),
    "without distortion": (Undistorted, 1),
    "without synthetic voices": (RealOnly, 1),
    "random layers, built front end": (RandomLayers, 2),
    "from scratch": (Scratch, 2),
}


def main() -> None:
    """Run the variants that have no result yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--start", type=Path, required=True, help="state.pt of the head stage")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seed", type=int, default=71)
    arguments = parser.parse_args()
    torch._dynamo.config.cache_size_limit = 64
    rest = dict(stage="again", seconds=68, data=Path("training/data"), teacher=Path("training/teacher/model.bin"), dev=150)
    print("| variant | steps | audio heard | minutes | dev WER | dev CER |\n|---|---|---|---|---|---|")
    for name, (kind, factor) in VARIANTS.items():
        own = deepcopy(arguments)
        vars(own).update(rest, run=arguments.run / name.replace(" ", "-"), steps=factor * arguments.steps)
        vars(own).update(every=own.steps, minutes=None, consistency=0.0, workers=1, compile=True)
        log = own.run / "log.jsonl"
        if not log.exists() or "dev_cer" not in log.read_text():
            kind(own).train()
        *_, last, end = map(json.loads, log.read_text().splitlines())
        figures = f"{own.steps} | {last['hours']:.1f} h | {last['minutes']:.0f} | {end['dev_wer']:.1%} | {end['dev_cer']:.1%}"
        print(f"| {name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
