"""The words of a language model, spelled with the labels of a vocabulary: a tree that is walked label by label."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from w2vkit.decode.lm.ngram import BEGIN, END, UNKNOWN, NGram
from w2vkit.errors import LanguageModelError
from w2vkit.vocabulary import Vocabulary

_log = logging.getLogger(__name__)
_lexicons: WeakKeyDictionary[NGram, dict[Vocabulary, "Lexicon"]] = WeakKeyDictionary()  # they take seconds to build


@dataclass(frozen=True, eq=False)
class Lexicon:
    """A prefix tree of N nodes; the first is the empty word, the last stands for all that begins no word.

    Attributes
    ----------
    child : numpy.ndarray
        (N, V) int32: the node after one more label.
    look_ahead : numpy.ndarray
        (N,) the highest unigram log-probability of the words that begin so.
    word : dict of int to str
        The language model's word that ends in a node, in the model's spelling.
    """

    child: np.ndarray = field(repr=False)
    look_ahead: np.ndarray = field(repr=False)
    word: dict[int, str] = field(repr=False)

    @classmethod
    def of(cls, model: NGram, vocabulary: Vocabulary) -> "Lexicon":
        """Build the lexicon of a model, or give the one that was built before.

        Words that the vocabulary cannot spell are left out: they can never be found.
        """
        known = _lexicons.setdefault(model, {})
        if vocabulary not in known:
            known[vocabulary] = cls._build(model, vocabulary)
        return known[vocabulary]

    @classmethod
    def _build(cls, model: NGram, vocabulary: Vocabulary) -> "Lexicon":
        words = [word for word in model.words if word not in (BEGIN, END, UNKNOWN)]
        case = case_of(words, vocabulary, "words")
        unigram = {word: model.step(0, word)[1] for word in words}
        columns = {character: column for character, column in vocabulary.columns.items() if character != " "}
        children: dict[tuple[int, int], int] = {}
        look_ahead = [0.0]
        ends: dict[int, str] = {}
        # From the likeliest word to the rarest: the first one that comes by a node is the best that begins so,
        # and of words that differ only in case, such as US and us, the likelier one stands for both.
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
                node = following
            ends.setdefault(node, word)
        nowhere = len(look_ahead)
        child = np.full((nowhere + 1, len(vocabulary)), nowhere, dtype=np.int32)
        parents, labels = np.array(list(children), dtype=np.int64).T
        child[parents, labels] = list(children.values())
        return cls(child, np.array([*look_ahead, model.step(0, UNKNOWN)[1]]), ends)


def case_of(words: Iterable[str], vocabulary: Vocabulary, what: str) -> Callable[[str], str]:
    """Find out how a model's words become the vocabulary's: as they are, in upper or in lower case.

    Raises
    ------
    LanguageModelError
        The vocabulary can spell none of them either way.
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
        _log.warning("The language model's %s are taken %s, like the vocabulary's labels.", what, best)
    if spelled[best] < len(words):
        _log.info("%d of the language model's %d %s cannot be spelled.", len(words) - spelled[best], len(words), what)
    return cases[best]
