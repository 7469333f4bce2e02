"""Hot words: names and terms that the beam search should expect."""

from collections import deque
from collections.abc import Mapping

import numpy as np

from w2vkit.decode.lm.ngram import LARGEST_WEIGHT, is_number
from w2vkit.emissions import Vocabulary
from w2vkit.errors import DecodingError

HOTWORD_WEIGHT = 8.0  # the default of what an occurrence adds to the score (natural logarithm)


class HotWords:
    """The scorer of hot words: a bonus that is given character by character and withdrawn if the phrase is not completed.

    A prefix has the same share of a phrase's weight as of its characters, so that the beams that spell it survive until it
    is complete. If the word goes on differently, the share is withdrawn. In the end a text has the weight of each phrase once
    for every time it occurs as whole words.

    The state is a node of the trie of all phrases. It stands for the longest suffix of the text that starts at a word and is a
    prefix of a phrase; inside any other word the state is None. Each node links to the next shorter suffix of this kind. These
    are the failure links of Aho and Corasick, "Efficient string matching" (1975), https://doi.org/10.1145/360825.360855, but
    only to starts of words. Building them takes time in proportion to the characters of the phrases.

    Parameters
    ----------
    hotwords : mapping of str to float
        The weight of each word or phrase (natural logarithm), as `check_hotwords` accepts it. The case is converted to the
        vocabulary's.
    vocabulary : Vocabulary

    Raises
    ------
    DecodingError
        A hot word has characters outside the vocabulary, or the vocabulary has no word boundary.
    """

    def __init__(self, hotwords: Mapping[str, float], vocabulary: Vocabulary) -> None:
        if vocabulary.word_boundary is None:
            raise DecodingError("Hot words need words, and this vocabulary has no word boundary. Leave hotwords out.")
        self.weights = {to_vocabulary(phrase, vocabulary): float(weight) for phrase, weight in hotwords.items()}
        self.start = 0  # the root, an empty beginning
        self._children: list[dict[str, int]] = [{}]
        self._link: list[int | None] = [None]
        # For each node: the share of the weight that its text has got, and what the end of a word there adds.
        self._credit, self._completed = [0.0], [0.0]
        for phrase, weight in self.weights.items():
            self._insert(phrase, weight)
        self._connect()
        self._labels = {column: character for character, column in vocabulary.columns.items()}
        self._size = len(vocabulary)
        self._rows: dict[int | None, np.ndarray] = {}

    def advance(self, state: int | None, label: int) -> int | None:
        """Give the state after one more label."""
        return self._next(state, self._labels[label])

    def increments(self, state: int | None) -> np.ndarray:
        """Give what each label adds: (V,)."""
        if state not in self._rows:
            row = np.zeros(self._size)
            held = 0.0 if state is None else self._credit[state]
            for label, character in self._labels.items():
                following = self._next(state, character)
                row[label] = (0.0 if following is None else self._credit[following]) - held
                if character == " " and state is not None:
                    row[label] += self._completed[state]
            self._rows[state] = row
        return self._rows[state]

    def finish(self, state: int | None) -> float:
        """Give what the end of the text adds: completed phrases get their weight, unfinished ones lose their share."""
        return 0.0 if state is None else self._completed[state] - self._credit[state]

    def _insert(self, phrase: str, weight: float) -> None:
        node = self.start
        for end, character in enumerate(phrase, 1):
            if (child := self._children[node].get(character)) is None:
                child = self._children[node][character] = len(self._children)
                self._children.append({})
                self._link.append(None)
                self._credit.append(0.0)
                self._completed.append(0.0)
            node = child
            self._credit[node] = max(self._credit[node], weight * end / len(phrase))
        self._completed[node] += weight

    def _connect(self) -> None:
        """Link every node, from short to long; a node also gets the credit of the node to which it links."""
        waiting = deque([self.start])
        while waiting:
            node = waiting.popleft()
            for character, child in self._children[node].items():
                link = self._link[child] = self._next(self._link[node], character)
                if link is not None:
                    # A suffix of an unfinished phrase may be a prefix of another phrase, with a larger share.
                    self._credit[child] = max(self._credit[child], self._credit[link])
                    self._completed[child] += self._completed[link]
                waiting.append(child)

    def _next(self, state: int | None, character: str) -> int | None:
        while state is not None:
            if (child := self._children[state].get(character)) is not None:
                return child
            state = self._link[state]
        return self.start if character == " " else None


def check_hotwords(hotwords: Mapping[str, float]) -> None:
    """Refuse empty hot words, and weights that are no numbers above 0, or too large ones."""
    if not isinstance(hotwords, Mapping):
        raise DecodingError(f"Hot words are given with their weights, as in {{'NAME': {HOTWORD_WEIGHT:g}}}.")
    for phrase, weight in hotwords.items():
        if not isinstance(phrase, str) or not phrase.split():
            raise DecodingError("A hot word is empty. Give words or phrases.")
        if not (is_number(weight) and 0 < weight <= LARGEST_WEIGHT):
            raise DecodingError(
                f"The hot word {phrase!r} has the weight {weight!r}. Give a number above 0, as 8, up to {LARGEST_WEIGHT:g}."
            )


def to_vocabulary(phrase: str, vocabulary: Vocabulary) -> str:
    """Write a phrase with the characters of a vocabulary: unchanged, in upper or in lower case."""
    words = " ".join(phrase.split())
    for form in (words, words.upper(), words.lower()):
        if all(character in vocabulary.columns for character in form):
            return form
    form = words.upper() if "A" in vocabulary.columns else words
    strange = "".join(sorted({c for c in form if c not in vocabulary.columns}))
    raise DecodingError(
        f"The hot word {phrase!r} has characters outside the vocabulary: {strange}. "
        f"Write it as it is spoken, with these: {''.join(sorted(vocabulary.columns)).strip()}"
    )
