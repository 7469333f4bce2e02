"""Emissions: a model's log-probability of every label in every frame, with the vocabulary and the calibration of the model."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from w2vkit.errors import EmissionsError, ModelError

FRAME_SECONDS = 0.02  # s; wav2vec 2.0's stride of 320 samples at 16 kHz
FILE = "calibration.json"  # in a checkpoint's folder
TEMPERATURES = 0.001, 1000  # with others all confidences are 0, 1 or equal
STEEPEST = 1000  # of shift and slope; more overflows
SMALLEST = 1e-6  # probabilities are clipped to [SMALLEST, 1 - SMALLEST] before log-odds are taken, so these stay finite


@dataclass(frozen=True)
class Vocabulary:
    """What each column of an emission matrix stands for.

    Attributes
    ----------
    labels : tuple of str
        One label per column, as the checkpoint spells it.
    blank : int
        The column of CTC's blank, which separates repeated characters and fills silence.
    word_boundary : int or None
        The column that ends a word; None where words are not separated (phoneme models).
    special : frozenset of int
        Columns that are never text, such as ``<s>``; the blank is one of them.

    Raises
    ------
    EmissionsError
        A label occurs twice, or a column lies outside the labels.
    """

    labels: tuple[str, ...]
    blank: int
    word_boundary: int | None
    special: frozenset[int]

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            doubled = sorted({label for label in self.labels if self.labels.count(label) > 1})
            raise EmissionsError(f"The vocabulary has labels twice: {doubled}. Each column needs a label of its own.")
        columns = {self.blank, *self.special, self.blank if self.word_boundary is None else self.word_boundary}
        if not all(0 <= column < len(self.labels) for column in columns):
            raise EmissionsError(
                f"The blank, word boundary or a special label lies outside the {len(self.labels)} labels. "
                "Check the tokenizer's vocab.json against the model's vocab_size."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def of(cls, labels: str | list[str], blank: str = "<pad>", word_boundary: str | None = "|") -> "Vocabulary":
        """Build a vocabulary from its labels; everything in angle brackets is special.

        Raises
        ------
        EmissionsError
            The blank or the word boundary is not among the labels.
        """
        labels = list(labels)
        for role, label in (("blank", blank), ("word boundary", word_boundary)):
            if label is not None and label not in labels:
                raise EmissionsError(f"The {role} {label!r} is not among the labels {labels}. Name the one that is.")
        special = {i for i, label in enumerate(labels) if label == blank or (label[:1] == "<" and label[-1:] == ">")}
        boundary = None if word_boundary is None else labels.index(word_boundary)
        return cls(tuple(labels), labels.index(blank), boundary, frozenset(special))

    @cached_property
    def columns(self) -> dict[str, int]:
        """The column of every character of text; a space has that of the word boundary."""
        spelled = {label: i for i, label in enumerate(self.labels) if i not in self.special}
        if self.word_boundary is not None:
            spelled.pop(self.labels[self.word_boundary], None)
            spelled[" "] = self.word_boundary
        return spelled

    def shown(self, column: int) -> str:
        """Name a column for display: ``space`` for the word boundary, ``blank`` for the blank, else its label."""
        if column == self.blank:
            return "blank"
        return "space" if column == self.word_boundary else self.labels[column]


@dataclass(frozen=True)
class Calibration:
    """Corrections that turn a checkpoint's confidences into probabilities; the defaults change nothing.

    The checkpoint's folder holds them as ``calibration.json``; `w2vkit.evaluate.calibration` fits them.

    Attributes
    ----------
    temperature : float
        Divides the logits (Guo et al., "On calibration of modern neural networks", 2017,
        https://arxiv.org/abs/1706.04599); above 1 for a model that is too confident.
    language : (float, float) or None
        Shift and slope of the log-odds of words that were decoded with a language model.
    words : int
        On how many words they were fitted.
    language_model : str or None
        The ``fingerprint`` of the language model for which ``language`` was fitted. It holds for no other one.
    acoustic : (float, float) or None
        Shift and slope of the log-odds of words that were decoded without a language model.

    Raises
    ------
    ModelError
        The temperature is not a positive number, or a curve is not two numbers.
    """

    temperature: float = 1.0
    language: tuple[float, float] | None = None
    words: int = 0
    language_model: str | None = None
    acoustic: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        low, high = TEMPERATURES
        if not (_is_number(self.temperature) and low <= self.temperature <= high):
            raise ModelError(
                f"The temperature is {self.temperature!r}. Give a positive number, {low} to {high}; 1 changes nothing."
            )
        for pair in (self.acoustic, self.language):
            if pair is not None and not (len(pair) == 2 and all(_is_number(x) and abs(x) <= STEEPEST for x in pair)):
                raise ModelError(
                    f"The curve of the confidences is {pair!r}. Give two numbers up to {STEEPEST}, shift and slope."
                )
        if not isinstance(self.words, int) or not isinstance(self.language_model, str | None):
            raise ModelError(
                f"words is {self.words!r}, language_model {self.language_model!r}. Give a whole number, and a text."
            )

    def temperature_scaled(self, log_probs: np.ndarray) -> np.ndarray:
        """Give the (T, V) float32 log-probabilities of ``logits / temperature``.

        Log-probabilities differ from logits by a constant per frame, and the softmax cancels it.
        """
        if self.temperature == 1:
            return log_probs
        scaled = log_probs.astype(np.float64) / self.temperature
        return (scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)).astype(np.float32)

    def confidence(self, products: np.ndarray) -> np.ndarray:
        """Correct the confidences of words that were decoded without a language model.

        The characters of a word are not right or wrong independently of each other, so the product of their probabilities
        is too small for most right words and too large for most wrong ones.
        """
        return products if self.acoustic is None else _logistic(self.acoustic, products)

    def lm_confidence(self, confidence: float, characters: int) -> float:
        """Correct the confidence of a word that was decoded with a language model, by its number of characters.

        The language model knows whole words, so a long word is as likely to be right as a short one, although the product
        over its characters is smaller. The curve is therefore over the log-odds of the characters' geometric mean.
        """
        if self.language is None:
            return confidence
        return float(_logistic(self.language, confidence ** (1 / characters)))

    def save(self, folder: Path) -> None:
        """Write `FILE` into a checkpoint's folder."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Calibration":
        """Read `FILE` from a checkpoint's folder; without the file nothing is corrected.

        Raises
        ------
        ModelError
            The file is damaged.
        """
        path = folder / FILE
        if not path.exists():
            return cls()
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))  # editors may have put a mark before it
            curves = {
                name: tuple(content[name]) for name in ("acoustic", "language") if name in content and content[name] is not None
            }
            return cls(content["temperature"], words=content["words"], language_model=content.get("language_model"), **curves)
        except (OSError, ValueError, TypeError, KeyError, RecursionError, ModelError) as error:
            raise ModelError(f"{path} cannot be used: {error}. Fit it again, or delete it to go without.") from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


UNCALIBRATED = Calibration()


def log_odds(p: np.ndarray | float) -> np.ndarray:
    """``log(p / (1 - p))`` of probabilities that are clipped by `SMALLEST`."""
    clipped = np.clip(p, SMALLEST, 1 - SMALLEST)
    return np.log(clipped) - np.log1p(-clipped)


def _logistic(curve: tuple[float, float], p: np.ndarray | float) -> np.ndarray:
    """Shift and stretch the log-odds of probabilities."""
    shift, slope = curve
    return 1 / (1 + np.exp(-shift - slope * log_odds(p)))


@dataclass(frozen=True, eq=False)
class Emissions:
    """The emission matrix of one waveform.

    Attributes
    ----------
    log_probs : numpy.ndarray
        (T, V) float32 natural logarithms; every row is a distribution over the V labels.
    vocabulary : Vocabulary
        What the V columns stand for.
    frame_seconds : float
        Seconds from one frame to the next; frame t covers ``start_seconds + [t, t + 1) * frame_seconds``.
    start_seconds : float
        When frame 0 begins (s). A frame stands for the middle of its receptive field, so this is above 0 where the field is
        wider than the stride. It is below 0 if there are frames before the sound; then there are as many after it.
    calibration : Calibration
        Corrects the confidences of words; it changes no text.

    Raises
    ------
    EmissionsError
        The matrix is empty, does not fit the vocabulary, or does not hold log-probabilities.
    """

    log_probs: np.ndarray
    vocabulary: Vocabulary
    frame_seconds: float = FRAME_SECONDS
    start_seconds: float = 0.0
    calibration: Calibration = UNCALIBRATED

    def __post_init__(self) -> None:
        shape = self.log_probs.shape
        if len(shape) != 2 or shape[1] != len(self.vocabulary):
            raise EmissionsError(
                f"The emissions have shape {shape}, but the vocabulary has {len(self.vocabulary)} labels. "
                f"Give (frames, {len(self.vocabulary)}) log-probabilities."
            )
        if shape[0] == 0:
            raise EmissionsError("The emissions have no frames. Give at least 25 ms of sound.")
        with np.errstate(invalid="ignore", over="ignore"):  # NaN has its own message below
            if np.abs(np.exp(self.log_probs).sum(axis=1) - 1).max() < 0.01:
                return  # the usual case, in a fifth of the time
            totals = np.logaddexp.reduce(self.log_probs, axis=1)
        if not np.isfinite(totals).all():
            raise EmissionsError("The emissions hold NaN or infinity. Run the model in float32 (dtype='float32').")
        if np.abs(totals).max() > 0.02:
            raise EmissionsError(
                "The rows of the emissions are not log-probabilities: they do not sum to one. "
                "Give log_softmax(logits), or the logarithm of probabilities."
            )

    def __len__(self) -> int:
        return len(self.log_probs)

    @property
    def seconds(self) -> float:
        """The duration of the frames (s), including those before and after the sound."""
        return len(self) * self.frame_seconds

    @cached_property
    def calibrated(self) -> np.ndarray:
        """(T, V) float32 log-probabilities at the calibration's temperature; confidences are computed on them."""
        return self.calibration.temperature_scaled(self.log_probs)
