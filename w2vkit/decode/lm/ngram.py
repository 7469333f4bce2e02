"""Back-off n-gram models, as an automaton over words."""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from w2vkit.decode.scorers import Lexicon
    from w2vkit.emissions import Vocabulary

LN10 = log(10.0)  # ARPA and KenLM count in log10, w2vkit in natural logarithms
ZERO = -99.0  # log10; how SRILM writes a probability of zero
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
SPACES = ("|", "<space>", "▁", "_")  # how character models write the word boundary
LARGEST_WEIGHT = 1000.0  # of a language model or a hot word; with larger ones sums overflow, and no text is better than another
WIDEST_BEAM = 1_000_000  # prefixes
AGAIN = "Make the file again, or fetch it again if it was downloaded."


def is_number(value: object, kind: type = Real) -> bool:
    """Whether a value, such as one of a JSON file, is a real number; true and false are none."""
    return isinstance(value, kind) and not isinstance(value, bool)


@dataclass(frozen=True)
class Weights:
    """The weights of a language model in beam search. They are fitted to one acoustic model.

    Attributes
    ----------
    alpha : float
        The factor of its log-probabilities.
    beta : float
        The bonus per word, which balances that every further word lowers the probability.
    beam_width : int
        How many prefixes the search keeps. A model of longer n-grams can be worth a wider beam.
    """

    alpha: float = 0.5
    beta: float = 1.0
    beam_width: int = 32


@dataclass(frozen=True, eq=False)
class NGram:
    """A back-off n-gram model as an automaton: the state is the longest end of the text that the model lists.

    The n-grams are numbered by order, then by beginning, then by last word. Number 0 is the empty one, and unigrams follow in
    the order of their words. So the n-grams that extend a state by one word are neighbours, and are found by bisection.

    Attributes
    ----------
    order : int
        The n of n-gram.
    words : dict of str to int
        All unigrams and their numbers, 0 to V - 1.
    first : array of int
        The first n-gram that extends an n-gram by one word; the last one is before ``first`` of the next n-gram.
    beginning : array of int
        The n-gram without its last word.
    word : array of int
        The last word of each n-gram; -1 for the empty one.
    log_prob, back_off : array of float
        Of each n-gram (natural logarithms).
    suffix : array of int
        What `shorter` has found so far; -1 where it was not called yet, as a search needs only some.
    longest : int
        The first n-gram of the highest order; these are the last ones.
    weights : Weights
    name : str
        The name of its file; empty for a model that was not loaded from one.
    fingerprint : str
        Identifies the content of that file: the first 16 hexadecimal digits of its SHA-256.
    lexicons : dict of Vocabulary to Lexicon
        What `w2vkit.decode.scorers` has built of this model; building one takes a second.
    """

    order: int
    words: dict[str, int]
    first: array = field(repr=False)
    beginning: array = field(repr=False)
    word: array = field(repr=False)
    log_prob: array = field(repr=False)
    back_off: array = field(repr=False)
    suffix: array = field(repr=False)
    longest: int
    weights: Weights = Weights()
    name: str = ""
    fingerprint: str = ""
    lexicons: "dict[Vocabulary, Lexicon]" = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def start(self) -> int:
        """The state at the start of a text."""
        number = self.words.get(BEGIN)
        return 0 if number is None or self.order == 1 else 1 + number

    @cached_property
    def characters(self) -> bool:
        """Whether the model counts characters instead of words: all its unigrams are single ones."""
        return all(len(word) == 1 or word in (BEGIN, END, UNKNOWN, *SPACES) for word in self.words)

    def step(self, state: int, word: str) -> tuple[int, float]:
        """Give the next state and the log-probability (natural) of a word.

        An unknown word counts as ``<unk>``. In a model without ``<unk>`` it has the probability of the least likely
        unigram, and the next state is that of an empty text.
        """
        number = self.words.get(word, self.words.get(UNKNOWN))
        total = 0.0
        while state:
            if number is not None and (found := self._child(state, number)):
                # No n-gram extends one of the highest order.
                return self.shorter(found) if found >= self.longest else found, total + self.log_prob[found]
            # If "u v w" is not listed: log P(w | u v) = back-off(u v) + log P(w | v). All unigrams are listed.
            total += self.back_off[state]
            state = self.shorter(state)
        if number is None:
            return 0, total + self._rarest
        return 0 if self.order == 1 else 1 + number, total + self.log_prob[1 + number]

    def shorter(self, ngram: int) -> int:
        """Give the n-gram to back off to: the longest listed one without the first word."""
        found = self.suffix[ngram]
        if found < 0:
            number, state = self.word[ngram], self.shorter(self.beginning[ngram])
            while state and not (found := self._child(state, number)) > 0:
                state = self.shorter(state)
            found = self.suffix[ngram] = found if state else 1 + number
        return found

    def _child(self, state: int, number: int) -> int:
        """Give the n-gram that extends another one, which is not empty, by a word; 0 if it is not listed."""
        end = self.first[state + 1]
        found = bisect_left(self.word, number, self.first[state], end)
        return found if found < end and self.word[found] == number else 0

    def score(self, text: str | Iterable[str]) -> float:
        """Give the log-probability (natural) of a sentence from ``<s>`` to ``</s>``; a text is split at its spaces."""
        state, total = self.start, 0.0
        for word in [*(text.split() if isinstance(text, str) else text), END]:
            state, log_prob = self.step(state, word)
            total += log_prob
        return total

    def levels(self) -> "list[Level]":
        """Give the n-grams of each order as the arrays of which `assemble` makes the model."""
        first, word, log_prob, back_off = (np.asarray(a) for a in (self.first, self.word, self.log_prob, self.back_off))
        levels, begin, end = [], 0, 1  # the n-grams of one order
        for _ in range(self.order):
            ends = first[begin : end + 1]
            span = slice(ends[0], ends[-1])
            beginning = np.repeat(np.arange(end - begin), np.diff(ends))
            levels.append(Level(beginning, word[span], log_prob[span], back_off[span]))
            begin, end = int(ends[0]), int(ends[-1])
        return levels

    @cached_property
    def _rarest(self) -> float:
        return min(self.log_prob[1 + number] for word, number in self.words.items() if word != BEGIN)


class Level(NamedTuple):
    """The G n-grams of one order, each with its place among the n-grams of the order below."""

    beginning: np.ndarray  # (G,) the row of the n-gram without its last word; 0 for unigrams
    word: np.ndarray  # (G,) the number of the last word
    log_prob: np.ndarray  # (G,) natural logarithms
    back_off: np.ndarray  # (G,)


def assemble(words: Sequence[str], levels: Sequence[Level]) -> NGram:
    """Make the automaton of the n-grams of all orders.

    Parameters
    ----------
    words : sequence of str
        The V words by number.
    levels : sequence of Level
        From unigrams up; row i of the unigrams is word i. The rows of higher orders may be in any order.
    """
    size = len(words)
    key = np.arange(size)  # beginning * V + word of each n-gram: they ascend with its number
    number = 1 + key  # of the rows of the order below
    columns = [(np.array([0]), np.array([-1]), np.zeros(1), np.zeros(1)), (np.zeros_like(key), key, *levels[0][2:])]
    total = 1 + size
    for level in levels[1:]:
        beginning = number[level.beginning]
        key = beginning * size + level.word
        order = slice(None)
        number = total + np.arange(len(key))
        if not (key[1:] > key[:-1]).all():
            order = np.argsort(key, kind="stable")
            number[order] = total + np.arange(len(key))
        columns.append(tuple(column[order] for column in (beginning, *level[1:])))
        total += len(key)
    longest = total - len(levels[-1].word)
    beginning, word, log_prob, back_off = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    extended = np.bincount(beginning[1:], minlength=longest)
    suffix = np.full(total, -1, dtype=np.int32)
    suffix[: 1 + size] = 0
    return NGram(
        len(levels),
        {w: i for i, w in enumerate(words)},
        first=_array("i", 1 + np.append(0, np.cumsum(extended))),
        beginning=_array("i", beginning),
        word=_array("i", word),
        log_prob=_array("d", log_prob),
        back_off=_array("d", back_off),
        suffix=_array("i", suffix),
        longest=longest,
    )


def _array(kind: str, values: np.ndarray) -> array:
    """Make an array whose elements Python reads quickly."""
    return array(kind, values.astype(kind, copy=False).tobytes())


def fingerprint(path: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
