"""A back-off n-gram model: how likely a word is after the words before it."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from math import log

LN10 = log(10.0)  # ARPA and KenLM count in log10, w2vkit in natural logarithms
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
SPACES = ("|", "<space>", "▁", "_")  # how character models write the word boundary


@dataclass(frozen=True)
class Weights:
    """What a language model is worth beside the sound; it depends on the model that hears, too.

    Attributes
    ----------
    alpha : float
        Weight of its log-probabilities.
    beta : float
        Bonus per word, for every word costs probability.
    """

    alpha: float = 0.5
    beta: float = 1.0


@dataclass(frozen=True, eq=False)
class NGram:
    """A back-off n-gram model as an automaton: a state is the longest known end of the text.

    Attributes
    ----------
    order : int
        The n of n-gram.
    words : dict of str to int
        All unigrams and their numbers.
    child : dict of int to int
        ``state * len(words) + word`` to the n-gram that continues a state with a word; state 0 is the empty text.
    log_prob, back_off : array of float
        Of each n-gram (natural logarithms).
    suffix : array of int
        The n-gram to back off to: the longest known one that leaves out the first word.
    longest : int
        Where the n-grams of the highest order begin; they are the last ones.
    weights : Weights
    """

    order: int
    words: dict[str, int]
    child: dict[int, int] = field(repr=False)
    log_prob: array = field(repr=False)
    back_off: array = field(repr=False)
    suffix: array = field(repr=False)
    longest: int
    weights: Weights = Weights()

    @cached_property
    def start(self) -> int:
        """The state at the start of a text."""
        return self.child.get(self.words[BEGIN], 0) if BEGIN in self.words else 0

    @cached_property
    def characters(self) -> bool:
        """Whether the model counts characters instead of words: all its unigrams are single ones."""
        return all(len(word) == 1 or word in (BEGIN, END, UNKNOWN, *SPACES) for word in self.words)

    def step(self, state: int, word: str) -> tuple[int, float]:
        """Give the next state and the log-probability (natural) of a word.

        A word that the model does not know is ``<unk>``; a model without ``<unk>`` gives it the probability of
        its rarest unigram, and forgets what was before.
        """
        number = self.words.get(word, self.words.get(UNKNOWN))
        total = 0.0
        if number is None:
            while state:
                total += self.back_off[state]
                state = self.suffix[state]
            return 0, total + self._rarest
        size = len(self.words)
        while (found := self.child.get(state * size + number)) is None:
            # log P(w | u v) = back-off(u v) + log P(w | v) where "u v w" is not listed; at the latest, "w" is.
            total += self.back_off[state]
            state = self.suffix[state]
        # Nothing follows an n-gram of the highest order, so that its end is all of the state.
        return self.suffix[found] if found >= self.longest else found, total + self.log_prob[found]

    def score(self, text: str | Iterable[str]) -> float:
        """Give the log-probability (natural) of a sentence, from ``<s>`` to ``</s>``; words are split at spaces."""
        state, total = self.start, 0.0
        for word in [*(text.split() if isinstance(text, str) else text), END]:
            state, gain = self.step(state, word)
            total += gain
        return total

    @cached_property
    def _rarest(self) -> float:
        return min(self.log_prob[self.child[number]] for word, number in self.words.items() if word != BEGIN)
