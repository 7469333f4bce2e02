"""What every decoder gives: a text, its words with their places, and how sure it is."""

from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from w2vkit.decode.times import extents
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
    """A character's place: frames [start, stop), and the log-probability, tempered, that it had at its best."""

    label: int
    start: int
    stop: int
    log_prob: float


def words_of(spans: list[Span], emissions: Emissions) -> tuple[Word, ...]:
    """Group spans of labels into words at the word boundary; special labels are no text.

    A word's confidence is the probability that all its characters and its boundaries to other words are right, were
    they independent: the product of the highest posterior probability of each character within its span, and of the
    boundary anywhere between the two words. Posteriors are those of ``emissions.tempered``: if the checkpoint is
    calibrated, of the words with confidence 0.8 eight in ten are right. Times follow `w2vkit.decode.times`.
    """
    vocabulary = emissions.vocabulary
    text = [span for span in spans if span.label not in vocabulary.special]
    groups = groupby(text, key=lambda span: span.label == vocabulary.word_boundary)
    words = [list(group) for boundary, group in groups if not boundary]
    letters = [span for word in words for span in word]
    begins, ends = extents(
        np.array([span.start for span in letters]),
        np.array([span.stop for span in letters]),
        np.array([span is word[0] for word in words for span in word], bool),
        frames=len(emissions),
        frame_seconds=emissions.frame_seconds,
        start_seconds=emissions.start_seconds,
    )
    gaps = [slice(before[-1].stop, after[0].start) for before, after in pairwise(words)]
    edges = [0.0, *(emissions.tempered[gap, vocabulary.word_boundary].max() for gap in gaps), 0.0]
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
