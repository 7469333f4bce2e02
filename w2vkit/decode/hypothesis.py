"""The result of a decoder: a text, and its words with times and confidences."""

from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from w2vkit.emissions import Calibration, Emissions

LEGEND = {"sure": 0.8, "likely": 0.5, "doubtful": 0.0}  # the least confidence of a word, for display


@dataclass(frozen=True)
class Word:
    """A word and its time.

    Attributes
    ----------
    text : str
    start, end : float
        Seconds from the beginning of the sound.
    confidence : float
        A probability in [0, 1]; the decoder's documentation defines it.
    """

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """The text that a decoder has found.

    Attributes
    ----------
    text : str
        The words, joined by single spaces.
    words : tuple of Word
        In order, without overlap.
    score : float
        The decoder's log-probability (natural logarithm) of the text, including language model and hot words.
    language_score : float
        The part of the score that is not from the emissions: language model, word bonus, hot words.
    alternatives : tuple of Hypothesis
        The next best texts, best first; empty unless the decoder was asked for them.
    """

    text: str
    words: tuple[Word, ...]
    score: float
    language_score: float = 0.0
    alternatives: tuple["Hypothesis", ...] = ()

    @property
    def acoustic_score(self) -> float:
        """The part of the score that is from the emissions."""
        return self.score - self.language_score

    @property
    def confidence(self) -> float:
        """The mean confidence of the words, which is the expected share of right words; 1 for an empty text."""
        return float(np.mean([word.confidence for word in self.words])) if self.words else 1.0


@dataclass(frozen=True)
class Span:
    """The frames [start, stop) of a label, and its highest log-probability among them, temperature-scaled."""

    label: int
    start: int
    stop: int
    log_prob: float


def words_from_spans(spans: list[Span], emissions: Emissions) -> tuple[Word, ...]:
    """Group the spans of labels into words at the word boundary; spans of special labels are left out.

    A word's confidence is the probability that all its characters and its boundaries to other words are right, under the
    assumption that they are independent. It is the product of each character's highest posterior probability within its
    span, and of the highest one of the boundary anywhere between two words. The posteriors are those of
    ``emissions.calibrated``: with a calibrated checkpoint, eight in ten words of confidence 0.8 are right. Times are those
    of `word_times`.
    """
    vocabulary = emissions.vocabulary
    text = [span for span in spans if span.label not in vocabulary.special]
    groups = groupby(text, key=lambda span: span.label == vocabulary.word_boundary)
    words = [list(group) for boundary, group in groups if not boundary]
    begins, ends = word_times(
        np.array([word[0].start for word in words]),
        np.array([word[-1].stop for word in words]),
        np.ones(len(words), bool),
        frames=len(emissions),
        frame_seconds=emissions.frame_seconds,
        start_seconds=emissions.start_seconds,
    )
    gaps = [slice(before[-1].stop, after[0].start) for before, after in pairwise(words)]
    edges = [0.0, *(emissions.calibrated[gap, vocabulary.word_boundary].max() for gap in gaps), 0.0]
    return tuple(
        Word(
            text="".join(vocabulary.labels[span.label] for span in word),
            start=float(begins[i]),
            end=float(ends[i]),
            confidence=float(np.exp(sum(span.log_prob for span in word) + edges[i] + edges[i + 1])),
        )
        for i, word in enumerate(words)
    )


def corrected(words: tuple[Word, ...], calibration: Calibration) -> tuple[Word, ...]:
    """Correct the confidences of words that were decoded without a language model; see `Calibration.confidence`."""
    if calibration.acoustic is None:
        return words
    confidences = calibration.confidence(np.array([word.confidence for word in words]))
    return tuple(replace(word, confidence=value) for word, value in zip(words, confidences.tolist(), strict=True))


# About the duration of a phone in read speech, and of a phone before a pause, which is longer. They are not fitted to data.
LEAD_SECONDS = 0.06  # s; a word begins at most this long before its first character is emitted
TAIL_SECONDS = 0.10  # s; it ends at most this long after its last one
LEAST_SECONDS = 0.001  # s; of a character that was emitted before or after the sound


def word_times(
    starts: np.ndarray,
    stops: np.ndarray,
    opens: np.ndarray,
    *,
    frames: int | np.ndarray,
    frame_seconds: float,
    start_seconds: float | np.ndarray = 0.0,
    first: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn the frames of characters into times.

    A model emits a character for only a few of the frames that it lasts. So the gap between two characters of a word is
    divided in the middle; at the edges of a word the times reach into the gap by half of it, but at most by `LEAD_SECONDS`
    and `TAIL_SECONDS`.

    Parameters
    ----------
    starts, stops : numpy.ndarray
        (L,) int; character i is emitted in frames [starts[i], stops[i]), in order and without overlap.
    opens : numpy.ndarray
        (L,) bool, True where a word begins.
    frames : int or numpy.ndarray
        The number of frames of the sound, or (L,) of the sound of each character.
    frame_seconds : float
        Seconds from one frame to the next.
    start_seconds : float or numpy.ndarray
        When frame 0 begins (s), as in `Emissions`, or (L,) that of the sound of each character; the sound goes on as long after
        the last frame, or ends so long before it if this is negative.
    first : numpy.ndarray, optional
        (L,) bool, True where a sound begins. By default all characters are of one sound.

    Returns
    -------
    begins, ends : numpy.ndarray
        (L,) float64 seconds, rounded to milliseconds, in order, inside the sound.
    """
    at_start = np.arange(len(starts)) == 0 if first is None else first
    at_end, closes = np.append(at_start[1:], True), np.append(opens[1:], True)
    before = (starts - np.where(at_start, 0, np.append(0, stops[:-1]))) * frame_seconds
    after = (np.where(at_end, frames, np.append(starts[1:], 0)) - stops) * frame_seconds
    # Two characters share the gap between them; one at the edge of the sound has all of it.
    before = np.where(at_start, before + start_seconds, before / 2)
    after = np.where(at_end, after + start_seconds, after / 2)
    before = np.where(opens | at_start, np.minimum(before, LEAD_SECONDS), before)
    after = np.where(closes | at_end, np.minimum(after, TAIL_SECONDS), after)
    begins = np.round(start_seconds + starts * frame_seconds - before, 3)
    ends = np.round(start_seconds + stops * frame_seconds + after, 3)
    # What is emitted in frames before or after the sound is moved into it, 1 ms for each character.
    numbers = np.arange(len(starts))
    before_it = numbers - np.maximum.accumulate(np.where(at_start, numbers, 0))  # characters of the same sound
    after_it = np.minimum.accumulate(np.where(at_end, numbers, len(starts))[::-1])[::-1] - numbers
    seconds = np.round(frames * frame_seconds + 2 * start_seconds, 3)
    begins = np.round(np.clip(begins, before_it * LEAST_SECONDS, seconds - (after_it + 1) * LEAST_SECONDS), 3)
    ends = np.round(np.clip(ends, (before_it + 1) * LEAST_SECONDS, seconds - after_it * LEAST_SECONDS), 3)
    # Half a millisecond may round up or down: neighbours share one border, without an overlap or a gap of 1 ms.
    ends[:-1] = np.where(~at_end[:-1] & (begins[1:] - ends[:-1] < 0.0015), begins[1:], ends[:-1])
    return begins, ends


def shade(confidence: float) -> str:
    """Name the shade of a confidence in [0, 1]: a key of `LEGEND`."""
    return next(name for name, least in LEGEND.items() if confidence >= least)
