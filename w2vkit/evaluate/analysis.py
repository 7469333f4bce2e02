"""Where the errors are: by pair of words, frequency, noise, rate of speech and position; and further measures.

A word of a reference is wrong if it was substituted or left out. Insertions belong to no word of a reference; they count
where whole utterances are summed, as in a WER.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from w2vkit.evaluate.calibration import Bin, expected_calibration_error, reliability
from w2vkit.evaluate.scoring import Group, Scored, between, score
from w2vkit.pipeline.journal import Result

OFTEN = (2, 6, 21, 101)  # occurrences in the references; the edges of the table by frequency
NOISE = (0.0, 10.0, 20.0, 30.0)  # dB
RATES = (2.0, 2.5, 3.0, 3.5)  # words per second
PARTS = 5  # of an utterance, in the table by position
BINS = 10  # of confidence


@dataclass(frozen=True)
class Share:
    """How many of some words of the references are wrong."""

    name: str
    words: int
    wrong: int

    @property
    def rate(self) -> float:
        """Wrong ones per word; NaN where there are none."""
        return self.wrong / self.words if self.words else float("nan")


@dataclass(frozen=True)
class Oracle:
    """The WER if the best text of each n-best list were known; see `oracle`.

    Attributes
    ----------
    utterances : int
        How many have a list; both rates are computed over these.
    most : int
        Of texts in a list.
    wer, first : float
        Of the text with the fewest errors, and of the first one; fractions of 1.
    """

    utterances: int
    most: int
    wer: float
    first: float


@dataclass(frozen=True)
class Confidence:
    """How well the confidences of the recognised words are calibrated; see `confidence`.

    Attributes
    ----------
    words : int
    error : float
        The expected calibration error; see `w2vkit.evaluate.calibration.expected_calibration_error`.
    bins : tuple of Bin
    """

    words: int
    error: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Analysis:
    """Where the errors of an evaluation are.

    Attributes
    ----------
    substitutions : tuple of (str, str, int)
        Word of the reference, word recognised in its place, and how often; the most frequent first.
    frequency : tuple of Share
        By how often the word occurs in all references.
    positions : tuple of Share
        By fifths of the utterance, counted in words.
    noise, rates : tuple of Group
        Utterances by signal-to-noise ratio (`w2vkit.audio.noise`) and by words of the reference per second; none where they
        are unknown.
    unknown : Share or None
        The words that the language model does not list in any case; None without a language model of words.
    oracle : Oracle or None
        None without n-best lists.
    keywords : tuple of Share
        The occurrences of each keyword.
    confidence : Confidence or None
        None where confidences are unknown.
    """

    substitutions: tuple[tuple[str, str, int], ...]
    frequency: tuple[Share, ...]
    positions: tuple[Share, ...]
    noise: tuple[Group, ...]
    rates: tuple[Group, ...]
    unknown: Share | None
    oracle: Oracle | None
    keywords: tuple[Share, ...]
    confidence: Confidence | None

    @property
    def recall(self) -> float:
        """The share of the occurrences of all keywords that were recognised; NaN where there are none."""
        return 1 - Share("", sum(k.words for k in self.keywords), sum(k.wrong for k in self.keywords)).rate


def analyse(
    scored: Sequence[Scored],
    results: Mapping[str, Result],
    *,
    scoring: str,
    normalise: Callable[[str], str],
    keywords: Iterable[str] = (),
    known: Callable[[str], bool] | None = None,
) -> Analysis:
    """Find where the errors are.

    Parameters
    ----------
    scored : sequence of Scored
    results : mapping of str to Result
        By id: what is known of the same utterances.
    scoring : str
    normalise : callable
        Of the scoring.
    keywords : iterable of str
        Words and phrases, which are normalised, too.
    known : callable, optional
        Whether the language model lists a word.
    """
    places = [(a, a == b) for s in scored for a, b in s.pairs if a is not None]
    noisy = [s for s in scored if results[s.id].noise is not None]
    timed = [s for s in scored if s.seconds and s.words]
    return Analysis(
        substitutions=tuple(
            (a, b, n)
            for (a, b), n in Counter(
                (a, b) for s in scored for a, b in s.pairs if a is not None and b is not None and a != b
            ).most_common()
        ),
        frequency=_by_frequency(places),
        positions=_by_position(scored),
        noise=between(noisy, NOISE, "dB", lambda s: results[s.id].noise or 0.0),
        rates=between(timed, RATES, "words/s", lambda s: s.words / s.seconds),
        unknown=_share("not in the language model", places, lambda word: not _listed(word, known)) if known else None,
        oracle=oracle([results[s.id] for s in scored], scoring=scoring, normalise=normalise),
        keywords=tuple(keyword(one, scored, normalise) for one in keywords),
        confidence=confidence(scored, results),
    )


def _share(name: str, places: Iterable[tuple[str, bool]], belongs: Callable[[str], bool]) -> Share:
    right = [right for word, right in places if belongs(word)]
    return Share(name, len(right), right.count(False))


def _listed(word: str, known: Callable[[str], bool]) -> bool:
    return known(word) or known(word.upper()) or known(word.lower())


def _by_frequency(places: Sequence[tuple[str, bool]]) -> tuple[Share, ...]:
    times = Counter(word for word, _ in places)
    edges = (1, *OFTEN)
    names = ["once", *(f"{low} to {high - 1} times" for low, high in pairwise(OFTEN)), f"{OFTEN[-1]} times and more"]
    highs = (*OFTEN, len(places) + 1)
    shares = (
        _share(name, places, lambda word, low=low, high=high: low <= times[word] < high)
        for name, low, high in zip(names, edges, highs, strict=True)
    )
    return tuple(share for share in shares if share.words)


def _by_position(scored: Iterable[Scored]) -> tuple[Share, ...]:
    words, wrong = [0] * PARTS, [0] * PARTS
    for one in scored:
        right = [a == b for a, b in one.pairs if a is not None]
        for place, correct in enumerate(right):
            part = int(PARTS * (place + 0.5) / len(right))
            words[part] += 1
            wrong[part] += not correct
    names = ("first fifth", "second", "third", "fourth", "last fifth")
    return tuple(Share(*values) for values in zip(names, words, wrong, strict=True) if values[1])


def oracle(results: Sequence[Result], *, scoring: str, normalise: Callable[[str], str]) -> Oracle | None:
    """Compute the WER of the text with the fewest errors in each n-best list: the bound for any choice among them.

    Utterances without a list, such as those of an earlier run without ``--nbest``, are left out.
    """
    listed = [result for result in results if result.alternatives]
    if not listed:
        return None
    fewest, first, words, most = 0, 0, 0, 0
    for result in listed:
        texts = [result.hypothesis, *(result.alternatives or ())]
        every = score([Result(result.id, reference=result.reference, hypothesis=text) for text in texts], normalise, scoring)
        fewest += min(s.errors for s in every)
        first += every[0].errors
        words += every[0].words
        most = max(most, len(texts))
    return Oracle(len(listed), most, fewest / max(1, words), first / max(1, words))


def keyword(phrase: str, scored: Iterable[Scored], normalise: Callable[[str], str]) -> Share:
    """Count the occurrences of a keyword in the references, and those of which a word was not recognised.

    Occurrences may overlap. Words that were inserted within one do not make it wrong.
    """
    wanted = normalise(phrase).split()
    words, wrong = 0, 0
    for one in scored if wanted else ():
        places = [(a, a == b) for a, b in one.pairs if a is not None]
        for start in range(len(places) - len(wanted) + 1):
            part = places[start : start + len(wanted)]
            if [word for word, _ in part] == wanted:
                words += 1
                wrong += not all(right for _, right in part)
    return Share(phrase, words, wrong)


def confidence(scored: Iterable[Scored], results: Mapping[str, Result]) -> Confidence | None:
    """Measure the calibration of the words' confidences: a word is right if the alignment has it opposite an equal one.

    Utterances whose hypothesis has another number of words after normalisation are left out, because their confidences
    belong to other words.
    """
    given: list[float] = []
    right: list[bool] = []
    for one in scored:
        correct = [a == b for a, b in one.pairs if b is not None]
        confidences = results[one.id].confidences or ()
        if len(confidences) == len(correct):
            given += confidences
            right += correct
    if not given:
        return None
    values, truth = np.array(given), np.array(right)
    bins = tuple(b for b in reliability(values, truth, BINS) if b.count)
    return Confidence(len(given), float(expected_calibration_error(values, truth, BINS)), bins)
