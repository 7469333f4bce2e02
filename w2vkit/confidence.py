"""From what a network claims to a probability that can be believed: the two corrections of a checkpoint.

A network that was trained to be right on its training speakers is too sure of others. One number, the temperature
of Guo et al., "On calibration of modern neural networks" (2017), https://arxiv.org/abs/1706.04599, divides its logits
before a confidence is read off them. Where a language model had a say the sound alone no longer tells how likely a
word is right, and a logistic curve (Platt, "Probabilistic outputs for support vector machines", 1999) does.
`w2vkit.evaluate.calibration` fits and measures both.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from w2vkit.errors import ModelError

FILE = "calibration.json"  # stands beside a checkpoint's weights
SMALLEST = 1e-6  # log-odds end here: a wrong word with confidence 1 costs 14 nats, not infinity


@dataclass(frozen=True)
class Calibration:
    """What ``calibration.json`` holds; as it is without one, it changes nothing.

    Attributes
    ----------
    temperature : float
        Divides the logits; above 1 the model had been too sure.
    language : (float, float) or None
        Shift and slope of the log-odds of words that a language model helped to find; fitted with the bundled one.
    words : int
        On how many words they were fitted.

    Raises
    ------
    ModelError
        The temperature is not a positive number, or the curve not two numbers.
    """

    temperature: float = 1.0
    language: tuple[float, float] | None = None
    words: int = 0

    def __post_init__(self) -> None:
        if not (isinstance(self.temperature, int | float) and 0 < self.temperature < np.inf):
            raise ModelError(f"The temperature is {self.temperature!r}. Give a positive number; 1 changes nothing.")
        if self.language is not None:
            pair = self.language
            if not (len(pair) == 2 and all(isinstance(x, int | float) and np.isfinite(x) for x in pair)):
                raise ModelError(f"The curve for language models is {pair!r}. Give two numbers, shift and slope.")

    def soften(self, log_probs: np.ndarray) -> np.ndarray:
        """Give the (T, V) float32 log-probabilities of ``logits / temperature``.

        Log-probabilities are logits but for a constant per frame, which the softmax takes out.
        """
        if self.temperature == 1:
            return log_probs
        scaled = log_probs.astype(np.float64) / self.temperature
        return (scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)).astype(np.float32)

    def helped(self, confidence: float, characters: int) -> float:
        """Correct the confidence of a word of so many characters that a language model helped to find.

        It vouches for words as wholes, so a long one is as likely right as a short one: the curve is over the
        log-odds of the characters' geometric mean.
        """
        if self.language is None:
            return confidence
        shift, slope = self.language
        return float(1 / (1 + np.exp(-shift - slope * log_odds(confidence ** (1 / characters)))))

    def save(self, folder: Path) -> None:
        """Write `FILE` into a checkpoint's folder."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Calibration":
        """Read `FILE` from a checkpoint's folder; where there is none, nothing is corrected.

        Raises
        ------
        ModelError
            The file is damaged.
        """
        path = folder / FILE
        if not path.exists():
            return cls()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            pair = content["language"]
            return cls(content["temperature"], None if pair is None else tuple(pair), content["words"])
        except (OSError, ValueError, TypeError, KeyError, ModelError) as error:
            raise ModelError(f"{path} cannot be used: {error}. Fit it again, or delete it to go without.") from error


UNCALIBRATED = Calibration()


def log_odds(p: np.ndarray | float) -> np.ndarray:
    """``log(p / (1 - p))``, no farther from 0 than that of `SMALLEST`."""
    clipped = np.clip(p, SMALLEST, 1 - SMALLEST)
    return np.log(clipped) - np.log1p(-clipped)
