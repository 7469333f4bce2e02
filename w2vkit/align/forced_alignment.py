"""Emissions and the text that was said: where each character, word and line of it is.

`w2vkit.align.spelling` turns the text into labels, `w2vkit.decode.viterbi` finds their frames, `w2vkit.decode.hypothesis` makes
seconds of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from w2vkit.align.spelling import WILDCARD, SpelledWord, segments_of, spell
from w2vkit.decode import Hypothesis, Word
from w2vkit.decode.hypothesis import word_times
from w2vkit.decode.viterbi import BestPath, frames_needed, viterbi
from w2vkit.emissions import Emissions
from w2vkit.errors import AlignmentError

IMPOSSIBLE = -1e4  # in place of log(0), with which no path could be compared


@dataclass(frozen=True)
class Alignment:
    """Where a text was said. It holds a `Hypothesis`, so that all that takes one (formats, views) takes this text too.

    Attributes
    ----------
    hypothesis : Hypothesis
        The words in the text's own spelling. ``score`` is the log-probability of the best path.
    characters : tuple of Word
        One for each character as the model spells it (``42`` has the eight of FORTY TWO); its confidence is
        the highest posterior probability that it has within its run of frames.
    segments : tuple of Word
        The text's lines, or the sentences of a text of one line; confidence is the mean of the words'.
    unmapped : tuple of str
        Characters that the model cannot spell, in order. Each stood as a wildcard for the likeliest
        character of every frame; it has confidence 0, and words are judged by their other characters.
    """

    hypothesis: Hypothesis
    characters: tuple[Word, ...]
    segments: tuple[Word, ...]
    unmapped: tuple[str, ...]


def align(emissions: Emissions, text: str) -> Alignment:
    """Find where a known text was said: the best path through the CTC lattice.

    The result is exact. An hour of speech with its 50,000 characters takes about 20 s of one CPU core and
    200 MB; time grows with the product of both.

    Parameters
    ----------
    emissions : Emissions
        (T, V) log-probabilities.
    text : str
        As people write it; `w2vkit.align.spelling` states how it is mapped. Words of punctuation alone are left out.

    Returns
    -------
    Alignment
        A word's confidence is defined as in `w2vkit.decode.hypothesis.words_from_spans`; it is low where the sound says
        something else. Times follow `w2vkit.decode.hypothesis`.

    Raises
    ------
    AlignmentError
        There is no text, none of it can be spelled, or there is more than the frames can hold.
    """
    words = spell(text, emissions.vocabulary)
    if not words:
        said = "only punctuation" if text.strip() else "empty"
        raise AlignmentError(f"There is nothing to align: the text is {said}. Give the words that were said.")
    if all(column == WILDCARD for word in words for column in word.columns):
        raise AlignmentError(
            f"The model can spell nothing of the text ({words[0].text[:20]!r} ...). "
            "Choose a model for the text's language, or give the text in the model's script."
        )
    labels = _lay_out(words, emissions.vocabulary.word_boundary)
    needed = frames_needed(labels.columns)
    if needed > len(emissions):
        raise AlignmentError(
            f"The text is longer than the sound allows: its {len(labels.columns)} labels need {needed} frames "
            f"({needed * emissions.frame_seconds:.2f} s), the sound has {len(emissions)} ({emissions.seconds:.2f} s). "
            "Check that text and sound belong together, or give only the part of the text that was said."
        )
    log_probs = _with_wildcard(emissions)
    columns = labels.columns % log_probs.shape[1]  # WILDCARD is the last column
    path = viterbi(log_probs, columns, emissions.vocabulary.blank)
    sure = _best(emissions.calibrated, labels.columns, labels.owners < 0, path)
    sure[labels.columns == WILDCARD] = 0.0  # it cannot lower a word's confidence
    characters = _characters(labels, path, sure, emissions)
    spoken = _words(words, labels, characters, sure)
    return Alignment(
        hypothesis=Hypothesis(" ".join(word.text for word in spoken), spoken, path.score),
        characters=characters,
        segments=tuple(_segments(text, words, spoken)),
        unmapped=tuple(text for text, column in zip(labels.texts, labels.columns, strict=True) if column == WILDCARD),
    )


@dataclass(frozen=True, eq=False)
class _Labels:
    """The text as (L,) columns of the vocabulary, the word that each belongs to (-1: a word boundary), and texts."""

    columns: np.ndarray
    owners: np.ndarray
    texts: tuple[str, ...]


def _lay_out(words: list[SpelledWord], boundary: int | None) -> _Labels:
    labels: list[tuple[int, int, str]] = []
    for number, word in enumerate(words):
        if number and boundary is not None:
            labels.append((boundary, -1, " "))
        for column, character in zip(word.columns, word.characters, strict=True):
            labels.append((column, -1 if column == boundary else number, character))
    columns, owners, texts = zip(*labels, strict=True)
    return _Labels(np.array(columns), np.array(owners), texts)


def _with_wildcard(emissions: Emissions) -> np.ndarray:
    """(T, V + 1) finite log-probabilities; in the last column that of each frame's likeliest character."""
    vocabulary = emissions.vocabulary
    characters = [column for column in vocabulary.columns.values() if column != vocabulary.word_boundary]
    log_probs = np.maximum(emissions.log_probs, IMPOSSIBLE)
    return np.column_stack([log_probs, log_probs[:, characters].max(axis=1)])


def _best(calibrated: np.ndarray, columns: np.ndarray, boundary: np.ndarray, path: BestPath) -> np.ndarray:
    """(L,) best log-probability of each label within its frames, of a boundary anywhere between its neighbours."""
    starts, stops = path.starts.copy(), path.stops.copy()
    (places,) = np.nonzero(boundary)
    starts[places], stops[places] = path.stops[places - 1], path.starts[places + 1]
    spans = zip(starts, stops, columns, strict=True)
    return np.array([calibrated[start:stop, column].max() for start, stop, column in spans], np.float64)


def _characters(labels: _Labels, path: BestPath, sure: np.ndarray, emissions: Emissions) -> tuple[Word, ...]:
    (letters,) = np.nonzero(labels.owners >= 0)
    # A word opens behind a boundary, also that inside of "42", or where another word of the text begins.
    opens = (np.diff(letters, prepend=-2) > 1) | (np.diff(labels.owners[letters], prepend=-1) > 0)
    begins, ends = word_times(
        path.starts[letters],
        path.stops[letters],
        opens,
        frames=len(emissions),
        frame_seconds=emissions.frame_seconds,
        start_seconds=emissions.start_seconds,
    )
    confidences = np.where(labels.columns[letters] == WILDCARD, 0.0, np.exp(sure[letters]))
    texts = [labels.texts[i] for i in letters]
    return tuple(Word(*parts) for parts in zip(texts, begins.tolist(), ends.tolist(), confidences.tolist(), strict=True))


def _words(words: list[SpelledWord], labels: _Labels, characters: tuple[Word, ...], sure: np.ndarray) -> tuple[Word, ...]:
    (letters,) = np.nonzero(labels.owners >= 0)
    (firsts,) = np.nonzero(np.diff(labels.owners[letters], prepend=-1))
    lasts = np.append(firsts[1:], len(letters)) - 1
    edge = int(0 < len(letters) < len(labels.owners))  # a boundary on either side counts too, where there is one
    spoken = []
    for word, first, last in zip(words, firsts, lasts, strict=True):
        known = any(column != WILDCARD for column in word.columns)
        around = slice(max(0, letters[first] - edge), letters[last] + 1 + edge)
        confidence = float(np.exp(sure[around].sum())) if known else 0.0
        spoken.append(Word(word.text, characters[first].start, characters[last].end, confidence))
    return tuple(spoken)


def _segments(text: str, words: list[SpelledWord], spoken: tuple[Word, ...]) -> Iterator[Word]:
    lines = segments_of(text)
    for number, group in groupby(zip(words, spoken, strict=True), key=lambda pair: pair[0].segment):
        said = [word for _, word in group]
        line = " ".join(lines[number].split())
        yield Word(line, said[0].start, said[-1].end, float(np.mean([word.confidence for word in said])))
