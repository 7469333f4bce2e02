"""How honest confidences are (of the words that got 0.8, eight in ten should be right), and how to mend them.

Bins and expected calibration error follow Naeini et al., "Obtaining well calibrated probabilities using
Bayesian binning" (2015), and Guo et al. (2017). What is fitted here, on speakers that the model has not seen, is
stored beside a checkpoint and applied by `w2vkit.emissions`, which says what it is. It changes no text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from w2vkit.decode import Hypothesis, greedy
from w2vkit.emissions import SMALLEST, UNCALIBRATED, Calibration, Emissions, log_odds
from w2vkit.errors import ModelError

TEMPERATURES = (0.2, 10.0)  # the range that is searched
NOTHING = "No word was recognised, so nothing can be fitted. Give speech that the model knows."


@dataclass(frozen=True)
class Bin:
    """Words of similar confidence.

    Attributes
    ----------
    low, high : float
        Confidences in (low, high]; the first bin holds 0 too.
    count : int
    confidence : float
        The words' mean confidence; 0 in an empty bin.
    accuracy : float
        Which share of them is right; 0 in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def temperature_scaled(emissions: Emissions, temperature: float) -> Emissions:
    """Give the emissions of ``logits / temperature``, softer above 1, harder below, without any other calibration.

    Raises
    ------
    ModelError
        The temperature is not a positive number.
    """
    return replace(
        emissions, log_probs=Calibration(temperature).temperature_scaled(emissions.log_probs), calibration=UNCALIBRATED
    )


def match_words(reference: str, hypothesis: str) -> list[tuple[int, int]]:
    """Give (index in the reference, index in the hypothesis) of the words that are equal, by the fewest edits."""
    from jiwer import process_words

    if not (reference.split() and hypothesis.split()):
        return []
    chunks = [chunk for chunk in process_words(reference, hypothesis).alignments[0] if chunk.type == "equal"]
    return [
        (chunk.ref_start_idx + i, chunk.hyp_start_idx + i)
        for chunk in chunks
        for i in range(chunk.ref_end_idx - chunk.ref_start_idx)
    ]


def judge(hypotheses: Sequence[Hypothesis], references: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Give the (W,) confidences of all words, and (W,) bool whether each is right."""
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
    """Mean distance between a word's confidence and its bin's accuracy, weighted by the bins' words."""
    table = reliability(confidences, right, bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in table) / max(1, len(confidences))


def auc(confidences: np.ndarray, right: np.ndarray) -> float:
    """Probability that a right word has more confidence than a wrong one, ties half: the area under the ROC curve.

    It is the Mann-Whitney statistic; 0.5 is chance, and NaN is given where all words are right or all wrong.
    """
    good, bad = np.sort(confidences[right]), confidences[~right]
    if not (len(good) and len(bad)):
        return float("nan")
    above = len(good) - np.searchsorted(good, bad, "right")
    ties = np.searchsorted(good, bad, "right") - np.searchsorted(good, bad, "left")
    return float((above + ties / 2).mean() / len(good))


def negative_log_likelihood(confidences: np.ndarray, right: np.ndarray) -> float:
    """Mean over words of ``-log(confidence)`` where right, ``-log(1 - confidence)`` where wrong (nats)."""
    p = np.clip(confidences, SMALLEST, 1 - SMALLEST)
    return float(-np.where(right, np.log(p), np.log1p(-p)).mean())


def fit_temperature(emissions: Sequence[Emissions], references: Sequence[str]) -> Calibration:
    """Fit the temperature at which the greedy words' confidences predict best which of them are right.

    Parameters
    ----------
    emissions : sequence of Emissions
        Of speakers that neither trained the model nor will evaluate it.
    references : sequence of str
        What each of them said, in the model's spelling.

    Raises
    ------
    ModelError
        Nothing was recognised, so there is nothing to fit to.
    """
    _, right = judge([greedy(one) for one in emissions], references)
    if not len(right):
        raise ModelError(NOTHING)

    def loss(log_temperature: float) -> float:
        hypotheses = [greedy(temperature_scaled(one, float(np.exp(log_temperature)))) for one in emissions]
        return negative_log_likelihood(np.array([word.confidence for one in hypotheses for word in one.words]), right)

    best = _golden(loss, *np.log(TEMPERATURES))
    return Calibration(round(float(np.exp(best)), 4), words=len(right))


def fit_language(hypotheses: Sequence[Hypothesis], references: Sequence[str]) -> tuple[float, float]:
    """Fit the curve of `Calibration.helped` by Newton's method.

    Parameters
    ----------
    hypotheses : sequence of Hypothesis
        Found with a language model, with confidences that no curve has corrected yet.
    references : sequence of str
        What was said.

    Returns
    -------
    shift, slope : float

    Raises
    ------
    ModelError
        Nothing was recognised, so there is nothing to fit to.
    """
    confidences, right = judge(hypotheses, references)
    if not len(right):
        raise ModelError(NOTHING)
    characters = np.array([len(word.text) for hypothesis in hypotheses for word in hypothesis.words])
    inputs = np.column_stack([np.ones(len(right)), log_odds(confidences ** (1 / characters))])
    weights = np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-inputs @ weights))
        # A little is added to the curvature, as all words right, or all wrong, would send the curve to infinity.
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + 0.1 * np.eye(2)
        weights += np.linalg.solve(curvature, inputs.T @ (right - p) - 0.1 * weights)
    shift, slope = weights.round(4).tolist()
    return shift, slope


def _golden(function: Callable[[float], float], low: float, high: float, steps: int = 16) -> float:
    """Find the minimum of a function with one valley (Kiefer, 1953); 16 steps narrow the interval 2000 times."""
    ratio = (np.sqrt(5) - 1) / 2
    points = [high - ratio * (high - low), low + ratio * (high - low)]
    values = [function(point) for point in points]
    for _ in range(steps):
        if values[0] < values[1]:
            high, points[1], values[1] = points[1], points[0], values[0]
            points[0] = high - ratio * (high - low)
            values[0] = function(points[0])
        else:
            low, points[0], values[0] = points[0], points[1], values[1]
            points[1] = low + ratio * (high - low)
            values[1] = function(points[1])
    return (low + high) / 2
