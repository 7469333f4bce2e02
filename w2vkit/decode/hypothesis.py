"""What every decoder gives: a text, its words with their places, and how sure it is."""

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from w2vkit.emissions import Emissions

if TYPE_CHECKING:
    pass

LEGEND = {"sure": 0.8, "likely": 0.5, "doubtful": 0.0}  # the least probability that the word is right


@dataclass(frozen=True)
class Word:
    """A word and where it was said.

    Attributes
    ----------
    text : str
    start, end : float
        Seconds from the beginning of the sound.
    confidence : float
        A probability in [0, 1]; the decoder that made the word says of what.
    """

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Hypothesis:
    """What was said, as a decoder sees it.

    Attributes
    ----------
    text : str
        The words, joined by single spaces.
    words : tuple of Word
        In order, without overlap.
    score : float
        The decoder's log-probability (natural logarithm) of what it found, language and hot words included.
    language_score : float
        The part of the score that is not from the sound: language model, word bonus, hot words.
    alternatives : tuple of Hypothesis
        The next best texts in falling order of their scores; empty unless a decoder was asked for them.
    """

    text: str
    words: tuple[Word, ...]
    score: float
    language_score: float = 0.0
    alternatives: tuple["Hypothesis", ...] = ()

    @property
    def acoustic_score(self) -> float:
        """The part of the score that is from the sound."""
        return self.score - self.language_score

    @property
    def confidence(self) -> float:
        """The mean of the words' confidences: the share of words that should be right; 1 where nothing was said."""
        return float(np.mean([word.confidence for word in self.words])) if self.words else 1.0


@dataclass(frozen=True)
class Span:
    """A character's place: frames [start, stop), and the log-probability, calibrated, that it had at its best."""

    label: int
    start: int
    stop: int
    log_prob: float


def words_from_spans(spans: list[Span], emissions: Emissions) -> tuple[Word, ...]:
    """Group spans of labels into words at the word boundary; special labels are no text.

    A word's confidence is the probability that all its characters and its boundaries to other words are right, were
    they independent: the product of the highest posterior probability of each character within its span, and of the
    boundary anywhere between the two words. Posteriors are those of ``emissions.calibrated``: if the checkpoint is
    calibrated, of the words with confidence 0.8 eight in ten are right. Times follow `w2vkit.decode.hypothesis`.
    """
    vocabulary = emissions.vocabulary
    text = [span for span in spans if span.label not in vocabulary.special]
    groups = groupby(text, key=lambda span: span.label == vocabulary.word_boundary)
    words = [list(group) for boundary, group in groups if not boundary]
    letters = [span for word in words for span in word]
    begins, ends = word_times(
        np.array([span.start for span in letters]),
        np.array([span.stop for span in letters]),
        np.array([span is word[0] for word in words for span in word], bool),
        frames=len(emissions),
        frame_seconds=emissions.frame_seconds,
        start_seconds=emissions.start_seconds,
    )
    gaps = [slice(before[-1].stop, after[0].start) for before, after in pairwise(words)]
    edges = [0.0, *(emissions.calibrated[gap, vocabulary.word_boundary].max() for gap in gaps), 0.0]
    closing = np.cumsum([len(word) for word in words]) - 1
    return tuple(
        Word(
            text="".join(vocabulary.labels[span.label] for span in word),
            start=float(begins[last - len(word) + 1]),
            end=float(ends[last]),
            confidence=float(np.exp(sum(span.log_prob for span in word) + edges[i] + edges[i + 1])),
        )
        for i, (word, last) in enumerate(zip(words, closing, strict=True))
    )


# About what a phone lasts in read speech, and a phone before a pause, which is drawn out. Fitted to no reference.
LEAD_SECONDS = 0.06  # s; the most that a word begins before its first character is emitted
TAIL_SECONDS = 0.10  # s; the most that it goes on after its last


def word_times(
    starts: np.ndarray, stops: np.ndarray, opens: np.ndarray, *, frames: int, frame_seconds: float, start_seconds: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Give every character its time.

    Parameters
    ----------
    starts, stops : numpy.ndarray
        (L,) character i is emitted in frames [starts[i], stops[i]), in order and without overlap.
    opens : numpy.ndarray
        (L,) bool, True where a word begins.
    frames : int
        Frames of the whole sound.
    frame_seconds : float
        Seconds from one frame to the next.
    start_seconds : float
        When frame 0 begins (s); as much sound follows the last frame.

    Returns
    -------
    begins, ends : numpy.ndarray
        (L,) float64 seconds, rounded to milliseconds, in order, inside the sound.
    """
    # Gap i stands before character i, the last one after all; those at the sound's edges are shared with nobody.
    gaps = (np.append(starts, frames) - np.append(0, stops)) * frame_seconds
    reach = gaps / 2
    reach[[0, -1]] = gaps[[0, -1]] + start_seconds
    edges = np.append(opens, True)
    edges[0] = True
    before = np.where(edges, np.minimum(reach, LEAD_SECONDS), reach)
    after = np.where(edges, np.minimum(reach, TAIL_SECONDS), reach)
    begins = start_seconds + starts * frame_seconds - before[:-1]
    ends = start_seconds + stops * frame_seconds + after[1:]
    begins, ends = np.round(begins, 3), np.round(ends, 3)
    ends[:-1] = np.minimum(ends[:-1], begins[1:])  # half a millisecond may round two ways
    return begins, ends


def shade(confidence: float) -> str:
    """Name the shade of a confidence in [0, 1]: a key of `LEGEND`."""
    return next(name for name, least in LEGEND.items() if confidence >= least)
