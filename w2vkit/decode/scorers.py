"""Language scores for the beam search: what every further label would add to the score of a prefix.

A scorer is an automaton over labels; its state is what it needs to know of a prefix. Only the total of a text has to be
right, not how it is distributed over the labels. So a scorer may add an estimate while a word is unfinished (look-ahead),
if it replaces the estimate by the exact score when the word ends.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from w2vkit.decode.lm import KenLM, LanguageModel
from w2vkit.decode.lm.ngram import BEGIN, END, SPACES, UNKNOWN, NGram
from w2vkit.emissions import Vocabulary
from w2vkit.errors import LanguageModelError

_log = logging.getLogger(__name__)


class Scorer(Protocol):
    """What the search needs from a language model or from hot words."""

    start: Any

    def advance(self, state: Any, label: int) -> Any:
        """Give the state after one more label, which is text or the word boundary."""
        ...

    def increments(self, state: Any) -> np.ndarray:
        """Give what each label adds to the score of a prefix: (V,) natural logarithms."""
        ...

    def finish(self, state: Any) -> float:
        """Give what the end of the text adds to the score."""
        ...


def language_scorer(model: LanguageModel, vocabulary: Vocabulary, *, alpha: float, beta: float, oov_penalty: float) -> Scorer:
    """Make the scorer of a language model, which is one of words or of characters.

    Raises
    ------
    LanguageModelError
        The vocabulary can spell no word of the model, or it has no word boundary and the model is one of words.
    """
    if isinstance(model, NGram) and model.characters:
        return CharacterScorer(model, vocabulary, alpha, beta, oov_penalty)
    if vocabulary.word_boundary is None:
        raise LanguageModelError(
            "A language model of words needs a vocabulary with a word boundary. Give a model of its characters instead."
        )
    if isinstance(model, KenLM):
        return KenLMScorer(model, vocabulary, alpha, beta, oov_penalty)
    return WordScorer(model, vocabulary, alpha, beta, oov_penalty)


class WordScorer:
    """An n-gram model over words, with look-ahead.

    A finished word adds ``alpha * log P(word | words before) + beta``. If the model does not know it, ``oov_penalty`` is
    subtracted for each of its characters: the longer an unknown word is, the less likely is each of its spellings. An
    unfinished word has ``alpha * log P`` of the likeliest word that begins with it, as a unigram. Without this look-ahead,
    prefixes inside a word would rank too high against those that have just finished one. The state is a pair: the model's
    state and the lexicon's node.
    """

    def __init__(self, model: NGram, vocabulary: Vocabulary, alpha: float, beta: float, oov_penalty: float) -> None:
        self.model, self.alpha, self.beta, self.oov_penalty = model, alpha, beta, oov_penalty
        self.boundary = vocabulary.word_boundary
        self.lexicon = Lexicon.of(model, vocabulary)
        self.start = (model.start, 0)
        self._ahead = alpha * self.lexicon.look_ahead
        self._ahead[0] = 0.0
        # The next state and the score of a word (None: unknown) after a context. Prefixes of a beam share most of them.
        self._words: dict[tuple[int, str | None], tuple[int, float]] = {}

    def advance(self, state: tuple[int, int], label: int) -> tuple[int, int]:
        """Give the state after one more label."""
        context, node = state
        if label != self.boundary:
            return context, int(self.lexicon.child[node, label])
        return self._finish_word(context, node)[0], 0

    def increments(self, state: tuple[int, int]) -> np.ndarray:
        """Give what each label adds: (V,)."""
        context, node = state
        child, nowhere = self.lexicon.child[node], len(self._ahead) - 1
        row = self._ahead[child] - self._ahead[node]
        # Where the lexicon is left, all characters so far become those of an unknown word; from then on, each further one.
        row[child == nowhere] -= self.oov_penalty * (self.lexicon.depth[node] + 1)
        row[self.boundary] = self._finish_word(context, node)[1]
        return row

    def finish(self, state: tuple[int, int]) -> float:
        """Give what the end of the text adds: the last word's score and that of the end of the sentence."""
        context, added = self._finish_word(*state)
        return added + _end(self.model, context, self.alpha)

    def _finish_word(self, context: int, node: int) -> tuple[int, float]:
        """Give the next context, and the score of the word less its look-ahead; the empty word changes nothing."""
        if not node:
            return context, 0.0
        word = self.lexicon.word.get(node)
        known = self._words.get((context, word))
        if known is None:
            after, log_prob = self.model.step(context, UNKNOWN if word is None else word)
            known = self._words[context, word] = after, self.alpha * log_prob + self.beta
        spelled = self.oov_penalty * int(self.lexicon.depth[node]) if word is None else 0.0
        return known[0], known[1] - spelled - self._ahead[node]


class KenLMScorer:
    """A KenLM model over words, without look-ahead. The state is a pair: the model's state and the word so far."""

    def __init__(self, model: KenLM, vocabulary: Vocabulary, alpha: float, beta: float, oov_penalty: float) -> None:
        self.model, self.alpha, self.beta, self.oov_penalty = model, alpha, beta, oov_penalty
        self.vocabulary = vocabulary
        self.start = (model.start, "")

    def advance(self, state: tuple[Any, str], label: int) -> tuple[Any, str]:
        """Give the state after one more label."""
        context, word = state
        if label != self.vocabulary.word_boundary:
            return context, word + self.vocabulary.labels[label]
        return self._finish_word(context, word)[0], ""

    def increments(self, state: tuple[Any, str]) -> np.ndarray:
        """Give what each label adds: (V,)."""
        row = np.zeros(len(self.vocabulary))
        row[self.vocabulary.word_boundary] = self._finish_word(*state)[1]
        return row

    def finish(self, state: tuple[Any, str]) -> float:
        """Give what the end of the text adds."""
        context, added = self._finish_word(*state)
        return added + self.alpha * self.model.step(context, END)[1]

    def _finish_word(self, context: Any, word: str) -> tuple[Any, float]:
        """Give the next context and the score of the word; the empty word changes nothing."""
        if not word:
            return context, 0.0
        known = next((form for form in (word, word.lower(), word.upper()) if form in self.model), None)
        after, log_prob = self.model.step(context, known or UNKNOWN)
        return after, self.alpha * log_prob + self.beta - (0.0 if known else self.oov_penalty * len(word))


class CharacterScorer:
    """An n-gram model over characters, including the word boundary.

    The state is a pair: the model's state, and what that was before the word boundary, if a boundary is the last label. At
    the end of a text, "A" and "A " are the same text, so `finish` takes the boundary's score back.
    """

    EMPTY, INSIDE = -2, -1  # instead of the state before a boundary: the text is empty; the last label is a character

    def __init__(self, model: NGram, vocabulary: Vocabulary, alpha: float, beta: float, oov_penalty: float) -> None:
        self.model, self.alpha, self.beta = model, alpha, beta
        self.boundary = vocabulary.word_boundary
        self.size = len(vocabulary)
        space = next((s for s in SPACES if s in model.words), UNKNOWN)
        case = case_of((w for w in model.words if len(w) == 1 and w not in SPACES), vocabulary, "characters")
        known = {case(word): word for word in model.words if len(word) == 1}
        self._tokens = {c: space if s == " " else known.get(s, UNKNOWN) for s, c in vocabulary.columns.items()}
        self._penalty = {c: oov_penalty if token == UNKNOWN else 0.0 for c, token in self._tokens.items()}
        self.start = (model.start, self.EMPTY)
        self._rows: dict[tuple[int, bool], np.ndarray] = {}

    def advance(self, state: tuple[int, int], label: int) -> tuple[int, int]:
        """Give the state after one more label."""
        context, before = state
        if label != self.boundary:
            return self._step(context, label)[0], self.INSIDE
        return (self._step(context, label)[0], context) if before == self.INSIDE else state

    def increments(self, state: tuple[int, int]) -> np.ndarray:
        """Give what each label adds: (V,)."""
        context, before = state
        key = context, before == self.INSIDE
        if key not in self._rows:
            row = np.zeros(self.size)
            for label in self._tokens:
                if label != self.boundary:
                    row[label] = self._step(context, label)[1]
                elif before == self.INSIDE:
                    row[label] = self._step(context, label)[1] + self.beta
            self._rows[key] = row
        return self._rows[key]

    def finish(self, state: tuple[int, int]) -> float:
        """Give what the end of the text adds."""
        context, before = state
        if before == self.INSIDE:
            return self.beta + _end(self.model, context, self.alpha)
        if before == self.EMPTY or self.boundary is None:
            return _end(self.model, context, self.alpha)
        return _end(self.model, before, self.alpha) - self._step(before, self.boundary)[1]

    def _step(self, context: int, label: int) -> tuple[int, float]:
        after, log_prob = self.model.step(context, self._tokens[label])
        return after, self.alpha * log_prob - self._penalty[label]


def _end(model: NGram, context: int, alpha: float) -> float:
    return alpha * model.step(context, END)[1] if END in model.words else 0.0


@dataclass(frozen=True, eq=False)
class Lexicon:
    """A prefix tree of the words of a language model, in the labels of a vocabulary.

    It has N nodes. The first is the empty word; the last stands for everything that no word begins with.

    Attributes
    ----------
    child : numpy.ndarray
        (N, V) int32: the node after one more label.
    look_ahead : numpy.ndarray
        (N,) the highest unigram log-probability of the words that begin so.
    depth : numpy.ndarray
        (N,) int32: the number of characters; 0 for the last node, in which any number can end.
    word : dict of int to str
        The language model's word that ends in a node, in the model's spelling.
    """

    child: np.ndarray = field(repr=False)
    look_ahead: np.ndarray = field(repr=False)
    depth: np.ndarray = field(repr=False)
    word: dict[int, str] = field(repr=False)

    @classmethod
    def of(cls, model: NGram, vocabulary: Vocabulary) -> "Lexicon":
        """Give the lexicon of a model, which is built once per vocabulary; it leaves out words that cannot be spelled."""
        if vocabulary not in model.lexicons:
            model.lexicons[vocabulary] = cls._build(model, vocabulary)
        return model.lexicons[vocabulary]

    @classmethod
    def _build(cls, model: NGram, vocabulary: Vocabulary) -> "Lexicon":
        words = [word for word in model.words if word not in (BEGIN, END, UNKNOWN)]
        case = case_of(words, vocabulary, "words")
        unigram = {word: model.step(0, word)[1] for word in words}
        columns = {character: column for character, column in vocabulary.columns.items() if character != " "}
        children: dict[tuple[int, int], int] = {}
        look_ahead, depth = [0.0], [0]
        ends: dict[int, str] = {}
        # From the likeliest word to the least likely. So the word that creates a node is the best that begins with it, and of
        # words that differ only in case, such as US and us, the likelier one stands for both.
        for word in sorted(words, key=unigram.__getitem__, reverse=True):
            spelled = case(word)
            if not columns.keys() >= set(spelled):
                continue
            node = 0
            for label in map(columns.__getitem__, spelled):
                following = children.get((node, label))
                if following is None:
                    following = children[node, label] = len(look_ahead)
                    look_ahead.append(unigram[word])
                    depth.append(depth[node] + 1)
                node = following
            ends.setdefault(node, word)
        nowhere = len(look_ahead)
        child = np.full((nowhere + 1, len(vocabulary)), nowhere, dtype=np.int32)
        parents, labels = np.array(list(children), dtype=np.int64).T
        child[parents, labels] = list(children.values())
        return cls(child, np.array([*look_ahead, model.step(0, UNKNOWN)[1]]), np.array([*depth, 0], dtype=np.int32), ends)


def case_of(words: Iterable[str], vocabulary: Vocabulary, what: str) -> Callable[[str], str]:
    """Give the conversion with which the vocabulary can spell most words: none, to upper or to lower case.

    Raises
    ------
    LanguageModelError
        The vocabulary can spell no word in any case.
    """
    words = list(words)
    columns = vocabulary.columns.keys()
    cases: dict[str, Callable[[str], str]] = {"as they are": str, "in upper case": str.upper, "in lower case": str.lower}
    spelled = {name: sum(columns >= set(case(word)) for word in words) for name, case in cases.items()}
    best = max(spelled, key=spelled.__getitem__)
    if not spelled[best]:
        raise LanguageModelError(
            f"The vocabulary can spell none of the language model's {len(words)} {what}: its labels are "
            f"{''.join(sorted(columns)).strip()}. Give a language model of the same language and script."
        )
    if best != "as they are":
        _log.warning("The language model's %s are used %s, like the vocabulary's labels.", what, best)
    if spelled[best] < len(words):
        _log.info("%d of the language model's %d %s cannot be spelled.", len(words) - spelled[best], len(words), what)
    return cases[best]
