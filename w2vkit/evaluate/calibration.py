"""Measure how well confidences are calibrated, and fit a calibration.

Confidences are calibrated if eight in ten of the words with confidence 0.8 are correct. Bins and expected calibration error
follow Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning" (2015), and Guo et al., "On calibration
of modern neural networks" (2017). A calibration is fitted on speakers that the model was not trained on, and stored beside
the checkpoint as a `w2vkit.emissions.Calibration`. It changes confidences, never the text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from w2vkit.decode import Hypothesis, greedy
from w2vkit.emissions import SMALLEST, UNCALIBRATED, Calibration, Emissions, log_odds
from w2vkit.errors import ModelError

TEMPERATURES = (0.2, 10.0)  # the range that is searched
NO_WORDS = "No word was recognised, so there is nothing to fit. Give speech in a language of the model."


@dataclass(frozen=True)
class Bin:
    """Words of similar confidence.

    Attributes
    ----------
    low, high : float
        Confidences in (low, high]; the first bin includes 0.
    count : int
    confidence : float
        The words' mean confidence; 0 in an empty bin.
    accuracy : float
        Fraction of correct words; 0 in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def temperature_scaled(emissions: Emissions, temperature: float) -> Emissions:
    """Give the emissions of ``logits / temperature``, without any other calibration.

    Raises
    ------
    ModelError
        The temperature is not a positive number.
    """
    return replace(
        emissions, log_probs=Calibration(temperature).temperature_scaled(emissions.log_probs), calibration=UNCALIBRATED
    )


def match_words(reference: str, hypothesis: str) -> list[tuple[int, int]]:
    """Give (index in the reference, index in the hypothesis) of the words that are equal in a Levenshtein alignment."""
    from jiwer import process_words

    reference, hypothesis = (" ".join(text.split()) for text in (reference, hypothesis))
    if not (reference and hypothesis):
        return []
    chunks = [chunk for chunk in process_words(reference, hypothesis).alignments[0] if chunk.type == "equal"]
    return [
        (chunk.ref_start_idx + i, chunk.hyp_start_idx + i)
        for chunk in chunks
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]


def judge(hypotheses: Sequence[Hypothesis], references: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Give the (W,) confidences of all words, and (W,) bool: whether each is correct."""
    confidences = [word.confidence for hypothesis in hypotheses for word in hypothesis.words]
    right = np.zeros(len(confidences), bool)
    first = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        right[[first + place for _, place in match_words(reference, hypothesis.text)]] = True
        first += len(hypothesis.words)
    return np.array(confidences), right


def reliability(confidences: np.ndarray, right: np.ndarray, bins: int = 10) -> list[Bin]:
    """Sort words into bins of equal width by confidence."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    result = []
    for i in range(bins):
        inside = place == i
        count = int(inside.sum())
        means = (float(confidences[inside].mean()), float(right[inside].mean())) if count else (0.0, 0.0)
        result.append(Bin(float(edges[i]), float(edges[i + 1]), count, *means))
    return result


def expected_calibration_error(confidences: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Compute the mean difference between confidence and accuracy of the bins, weighted by their number of words."""
    table = reliability(confidences, right, bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in table) / max(1, len(confidences))


def auc(confidences: np.ndarray, right: np.ndarray) -> float:
    """Compute the area under the ROC curve: the probability that a correct word has more confidence than a wrong one.

    It is the Mann-Whitney statistic with ties counted half. 0.5 is chance; NaN where all words are correct, or all wrong.
    """
    good, bad = np.sort(confidences[right]), confidences[~right]
    if not (len(good) and len(bad)):
        return float("nan")
    above = len(good) - np.searchsorted(good, bad, "right")
    ties = np.searchsorted(good, bad, "right") - np.searchsorted(good, bad, "left")
    return float((above + ties / 2).mean() / len(good))


def negative_log_likelihood(confidences: np.ndarray, right: np.ndarray) -> float:
    """Compute the mean of ``-log(confidence)`` over correct words and ``-log(1 - confidence)`` over wrong ones (nats)."""
    p = np.clip(confidences, SMALLEST, 1 - SMALLEST)
    return float(-np.where(right, np.log(p), np.log1p(-p)).mean())


def fit_temperature(emissions: Sequence[Emissions], references: Sequence[str]) -> Calibration:
    """Fit the temperature at which the confidences of greedy words predict best which of them are correct.

    Parameters
    ----------
    emissions : sequence of Emissions
        Of speakers that are neither in the training nor in the test data.
    references : sequence of str
        Their transcripts, in the model's spelling.

    Raises
    ------
    ModelError
        No word was recognised.
    """
    _, right = judge([greedy(one) for one in emissions], references)
    if not len(right):
        raise ModelError(NO_WORDS)

    def loss(log_temperature: float) -> float:
        hypotheses = [greedy(temperature_scaled(one, float(np.exp(log_temperature)))) for one in emissions]
        return negative_log_likelihood(np.array([word.confidence for one in hypotheses for word in one.words]), right)

    best = _golden(loss, *np.log(TEMPERATURES))
    return Calibration(round(float(np.exp(best)), 4), words=len(right))


def fit_curve(hypotheses: Sequence[Hypothesis], references: Sequence[str], *, language: bool) -> tuple[float, float]:
    """Fit the curve of `Calibration.confidence`, or with ``language`` that of `Calibration.lm_confidence`, by Newton's method.

    Parameters
    ----------
    hypotheses : sequence of Hypothesis
        Decoded without or with a language model, with confidences that are not corrected by such a curve.
    references : sequence of str
        Their transcripts.

    Returns
    -------
    shift, slope : float

    Raises
    ------
    ModelError
        No word was recognised.
    """
    confidences, right = judge(hypotheses, references)
    if not len(right):
        raise ModelError(NO_WORDS)
    if language:
        characters = np.array([len(word.text) for hypothesis in hypotheses for word in hypothesis.words])
        confidences = confidences ** (1 / characters)
    inputs = np.column_stack([np.ones(len(right)), log_odds(confidences)])
    weights = np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-inputs @ weights))
        # Regularised: if all words were correct, or all wrong, the curve would diverge.
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + 0.1 * np.eye(2)
        weights += np.linalg.solve(curvature, inputs.T @ (right - p) - 0.1 * weights)
    shift, slope = weights.round(4).tolist()
    return shift, slope


def _golden(function: Callable[[float], float], low: float, high: float) -> float:
    """Find the minimum of a unimodal function by golden-section search (Kiefer, 1953)."""
    ratio = (np.sqrt(5) - 1) / 2
    points = [high - ratio * (high - low), low + ratio * (high - low)]
    values = [function(point) for point in points]
    for _ in range(16):  # makes the interval 2000 times smaller
        if values[0] < values[1]:
            high, points[1], values[1] = points[1], points[0], values[0]
            points[0] = high - ratio * (high - low)
            values[0] = function(points[0])
        else:
            low, points[0], values[0] = points[0], points[1], values[1]
            points[1] = low + ratio * (high - low)
            values[1] = function(points[1])
    return (low + high) / 2
