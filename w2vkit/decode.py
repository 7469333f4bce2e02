"""Emissions to text.

Greedy decoding takes the likeliest label of each frame, merges repeats and drops blanks: the map B of
Graves et al., "Connectionist temporal classification" (2006), section 3.1,
https://www.cs.toronto.edu/~graves/icml_2006.pdf, applied to the best path.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from w2vkit.emissions import Emissions


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
        The decoder's log-probability (natural logarithm) of what it found.
    """

    text: str
    words: tuple[Word, ...]
    score: float

    @property
    def confidence(self) -> float:
        """The mean of the words' confidences; 1 where nothing was said."""
        return float(np.mean([word.confidence for word in self.words])) if self.words else 1.0


@dataclass(frozen=True)
class Span:
    """A character's place: frames [start, stop), and the log-probability it had at its best."""

    label: int
    start: int
    stop: int
    log_prob: float


def greedy(emissions: Emissions) -> Hypothesis:
    """Decode the best path.

    Parameters
    ----------
    emissions : Emissions
        (T, V) log-probabilities.

    Returns
    -------
    Hypothesis
        ``score`` is the log-probability of the best path, a lower bound on that of the text. A word's
        confidence is the geometric mean, over its characters, of the highest posterior probability
        that the character has within its run of frames: one doubtful character lowers it, length
        does not. It starts with the first frame of its first character and ends after the last
        frame of its last.
    """
    path = emissions.log_probs.argmax(axis=1)
    along = emissions.log_probs[np.arange(len(path)), path]
    spans = []
    position = 0
    for label, run in groupby(path.tolist()):
        stop = position + len(list(run))
        spans.append(Span(label, position, stop, float(along[position:stop].max())))
        position = stop
    words = words_of(spans, emissions)
    return Hypothesis(" ".join(word.text for word in words), words, float(along.sum(dtype=np.float64)))


def words_of(spans: list[Span], emissions: Emissions) -> tuple[Word, ...]:
    """Group spans of labels into words at the word boundary; special labels are no text."""
    vocabulary = emissions.vocabulary
    words = []
    text = [span for span in spans if span.label not in vocabulary.special]
    for boundary, group in groupby(text, key=lambda span: span.label == vocabulary.word_boundary):
        if boundary:
            continue
        letters = list(group)
        words.append(
            Word(
                text="".join(vocabulary.labels[span.label] for span in letters),
                start=round(letters[0].start * emissions.frame_seconds, 3),
                end=round(letters[-1].stop * emissions.frame_seconds, 3),
                confidence=float(np.exp(np.mean([span.log_prob for span in letters]))),
            )
        )
    return tuple(words)
