"""Forced alignment: the times of each character, word and line of a known text.

`w2vkit.align.spelling` turns the text into labels, `w2vkit.decode.viterbi` finds their frames, and
`w2vkit.decode.hypothesis` turns frames into seconds.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from w2vkit.align.spelling import WILDCARD, SpelledWord, lines_of, segments_of, spell
from w2vkit.decode import Hypothesis, Word
from w2vkit.decode.hypothesis import word_times
from w2vkit.decode.viterbi import BestPath, frames_needed, viterbi
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.errors import AlignmentError

IMPOSSIBLE = -1e4  # instead of log(0), so that every path has a finite score


@dataclass(frozen=True)
class Alignment:
    """The times of a known text.

    Attributes
    ----------
    hypothesis : Hypothesis
        The words in the text's own spelling. ``score`` is the log-probability of the best path.
    characters : tuple of Word
        One for each character as the model spells it (``42`` has the eight characters of FORTY TWO). Its confidence is the
        highest posterior probability of the character within its run of frames.
    segments : tuple of Word
        The lines of the text, or the sentences if it is a single line. The confidence is the mean of the words'.
    lines : bool
        Whether they are lines.
    unmapped : tuple of str
        Characters that the model cannot spell, in order. Each was aligned as a wildcard, which has the probability of the
        likeliest character in every frame. Its confidence is 0; that of a word is computed from the other characters.
    """

    hypothesis: Hypothesis
    characters: tuple[Word, ...]
    segments: tuple[Word, ...]
    unmapped: tuple[str, ...]
    lines: bool = False


def align(emissions: Emissions, text: str) -> Alignment:
    """Find when a known text was said: the best path through the CTC lattice.

    The search is exact. An hour of speech with 50,000 characters takes about 20 s on one CPU core and 200 MB; the time is
    proportional to the product of duration and characters.

    Parameters
    ----------
    emissions : Emissions
        (T, V) log-probabilities.
    text : str
        Any spelling; `w2vkit.align.spelling` has the rules. Words that are only punctuation are left out.

    Returns
    -------
    Alignment
        A word's confidence is defined as in `w2vkit.decode.hypothesis.words_from_spans`; it is low where
        something else was said. Times are those of `w2vkit.decode.hypothesis.word_times`.

    Raises
    ------
    AlignmentError
        There is no text, none of it can be spelled, or it has more labels than the frames can hold.
    """
    outside = math.ceil(max(0.0, -2 * emissions.start_seconds) / emissions.frame_seconds)  # frames before and after the sound
    words, labels = lay_out(text, emissions.vocabulary, len(emissions) - outside, emissions.frame_seconds)
    log_probs = _with_wildcard(emissions)
    columns = labels.columns % log_probs.shape[1]  # WILDCARD is the last column
    path = viterbi(log_probs, columns, emissions.vocabulary.blank)
    log_best = _best(emissions.calibrated, labels.columns, labels.owners < 0, path)
    log_best[labels.columns == WILDCARD] = 0.0  # log(1): a wildcard does not change the word's confidence
    characters = _characters(labels, path, log_best, emissions)
    spoken = _words(words, labels, characters, log_best)
    return Alignment(
        hypothesis=Hypothesis(" ".join(word.text for word in spoken), spoken, path.score),
        characters=characters,
        segments=tuple(_segments(text, words, spoken)),
        unmapped=tuple(text for text, column in zip(labels.texts, labels.columns, strict=True) if column == WILDCARD),
        lines=len(lines_of(text)) > 1,
    )


@dataclass(frozen=True, eq=False)
class Labels:
    """The L labels of a text: their columns, the words to which they belong (-1 for a boundary), and their characters."""

    columns: np.ndarray
    owners: np.ndarray
    texts: tuple[str, ...]


def lay_out(text: str, vocabulary: Vocabulary, frames: int, frame_seconds: float) -> tuple[list[SpelledWord], Labels]:
    """Spell a text, and check that its labels fit into the frames; this is quick even for a long text.

    Raises
    ------
    AlignmentError
        As `align`.
    """
    if half := re.search("[\ud800-\udfff]", text):  # half of a character, or a byte of a command line in another encoding
        raise AlignmentError(f"The text holds U+{ord(half[0]):04X}, which is no character. Give it in UTF-8.")
    least = sum(map(str.isalnum, unicodedata.normalize("NFC", text)))  # every letter and digit has at least one label
    if least > frames:
        raise _too_long(least, frames, frame_seconds)
    words = spell(text, vocabulary)
    if not words:
        said = "only punctuation" if text.strip() else "empty"
        raise AlignmentError(f"There is nothing to align: the text is {said}. Give the words that were said.")
    boundary = vocabulary.word_boundary
    if all(column in (WILDCARD, boundary) for word in words for column in word.columns):
        raise AlignmentError(
            f"The model can spell nothing of the text ({words[0].text[:20]!r} ...). "
            "Choose a model for the text's language, or give the text in the model's script."
        )
    rows: list[tuple[int, int, str]] = []
    for number, word in enumerate(words):
        if number and boundary is not None:
            rows.append((boundary, -1, " "))
        for column, character in zip(word.columns, word.characters, strict=True):
            rows.append((column, -1 if column == boundary else number, character))
    columns, owners, texts = zip(*rows, strict=True)
    labels = Labels(np.array(columns), np.array(owners), texts)
    if (needed := frames_needed(labels.columns)) > frames:
        raise _too_long(needed, frames, frame_seconds)
    return words, labels


def _too_long(needed: int, frames: int, frame_seconds: float) -> AlignmentError:
    return AlignmentError(
        f"The text is longer than the sound allows: it would take at least {needed * frame_seconds:.2f} s to say, the sound "
        f"has {frames * frame_seconds:.2f} s. Check that text and sound belong together, or give only the part that was said."
    )


def _with_wildcard(emissions: Emissions) -> np.ndarray:
    """Give (T, V + 1) finite log-probabilities; the last column is the wildcard, each frame's likeliest character."""
    vocabulary = emissions.vocabulary
    characters = [column for column in vocabulary.columns.values() if column != vocabulary.word_boundary]
    log_probs = np.maximum(emissions.log_probs, IMPOSSIBLE)
    return np.column_stack([log_probs, log_probs[:, characters].max(axis=1)])


def _best(calibrated: np.ndarray, columns: np.ndarray, boundary: np.ndarray, path: BestPath) -> np.ndarray:
    """Give the (L,) highest log-probability of each label within its frames; of a boundary, between its neighbours."""
    starts, stops = path.starts.copy(), path.stops.copy()
    (gaps,) = np.nonzero(boundary)
    starts[gaps], stops[gaps] = path.stops[gaps - 1], path.starts[gaps + 1]
    spans = zip(starts, stops, columns, strict=True)
    return np.array([calibrated[start:stop, column].max() for start, stop, column in spans], np.float64)


def _characters(labels: Labels, path: BestPath, log_best: np.ndarray, emissions: Emissions) -> tuple[Word, ...]:
    (letters,) = np.nonzero(labels.owners >= 0)
    # A word begins after a boundary, including the one inside "42", and where another word of the text begins.
    opens = (np.diff(letters, prepend=-2) > 1) | (np.diff(labels.owners[letters], prepend=-1) > 0)
    begins, ends = word_times(
        path.starts[letters],
        path.stops[letters],
        opens,
        frames=len(emissions),
        frame_seconds=emissions.frame_seconds,
        start_seconds=emissions.start_seconds,
    )
    confidences = np.where(labels.columns[letters] == WILDCARD, 0.0, np.exp(log_best[letters]))
    texts = [labels.texts[i] for i in letters]
    return tuple(Word(*parts) for parts in zip(texts, begins.tolist(), ends.tolist(), confidences.tolist(), strict=True))


def _words(words: list[SpelledWord], labels: Labels, characters: tuple[Word, ...], log_best: np.ndarray) -> tuple[Word, ...]:
    (letters,) = np.nonzero(labels.owners >= 0)
    (firsts,) = np.nonzero(np.diff(labels.owners[letters], prepend=-1))
    lasts = np.append(firsts[1:], len(letters)) - 1
    edge = int(0 < len(letters) < len(labels.owners))  # if there are boundaries, those around a word count too
    spoken = []
    for word, first, last in zip(words, firsts, lasts, strict=True):
        known = any(column != WILDCARD for column in word.columns)
        around = slice(max(0, letters[first] - edge), letters[last] + 1 + edge)
        confidence = float(np.exp(log_best[around].sum())) if known else 0.0
        spoken.append(Word(word.text, characters[first].start, characters[last].end, confidence))
    return tuple(spoken)


def _segments(text: str, words: list[SpelledWord], spoken: tuple[Word, ...]) -> Iterator[Word]:
    lines = segments_of(text)
    for number, group in groupby(zip(words, spoken, strict=True), key=lambda pair: pair[0].segment):
        said = [word for _, word in group]
        line = " ".join(lines[number].split())
        yield Word(line, said[0].start, said[-1].end, float(np.mean([word.confidence for word in said])))
