"""Hot words: names and terms that the beam search should expect."""

from collections.abc import Mapping
from math import isfinite

import numpy as np

from w2vkit.emissions import Vocabulary
from w2vkit.errors import DecodingError

HOTWORD_WEIGHT = 8.0  # the default of what an occurrence adds to the score (natural logarithm)


class HotWords:
    """The scorer of hot words: a bonus that is given character by character and withdrawn if the phrase is not completed.

    A prefix has the same share of a phrase's weight as of its characters, so that the beams that spell it survive until it
    is complete. If the word goes on differently, the share is withdrawn. In the end a text has the weight of each phrase once
    for every time it occurs as whole words.

    The state is the longest end of the text that begins with a word and is the beginning of a phrase; it is None inside
    any other word (Aho and Corasick, "Efficient string matching", 1975, https://doi.org/10.1145/360825.360855, with words
    as the alphabet).

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
        self.start = ""
        self._credit = {"": 0.0}
        shares: dict[str, float] = {}
        for phrase, weight in self.weights.items():
            for end in range(1, len(phrase) + 1):
                shares[phrase[:end]] = max(shares.get(phrase[:end], 0.0), weight * end / len(phrase))
        for prefix in shares:  # the end of a prefix may be the beginning of another phrase with a larger share
            self._credit[prefix] = max(shares.get(end, 0.0) for end in _word_ends(prefix))
        self._labels = {column: character for character, column in vocabulary.columns.items()}
        self._size = len(vocabulary)
        self._rows: dict[str | None, np.ndarray] = {}

    def advance(self, state: str | None, label: int) -> str | None:
        """Give the state after one more label."""
        return self._next(state, self._labels[label])

    def increments(self, state: str | None) -> np.ndarray:
        """Give what each label adds: (V,)."""
        if state not in self._rows:
            row = np.zeros(self._size)
            held = self._credit[state] if state else 0.0
            for label, character in self._labels.items():
                following = self._next(state, character)
                row[label] = (self._credit[following] if following else 0.0) - held
                if character == " ":
                    row[label] += self._completed(state)
            self._rows[state] = row
        return self._rows[state]

    def finish(self, state: str | None) -> float:
        """Give what the end of the text adds: completed phrases get their weight, unfinished ones lose their share."""
        return self._completed(state) - (self._credit[state] if state else 0.0)

    def _next(self, state: str | None, character: str) -> str | None:
        if character == " ":
            text = f"{state} " if state else ""
        elif state is None:
            return None
        else:
            text = state + character
        return next((end for end in _word_ends(text) if end in self._credit), "" if character == " " else None)

    def _completed(self, state: str | None) -> float:
        """Add up the weights of the phrases that are complete if the word ends here."""
        return sum(self.weights.get(end, 0.0) for end in _word_ends(state)) if state else 0.0


def check_hotwords(hotwords: Mapping[str, float]) -> None:
    """Refuse empty hot words, and weights that are not finite or not above 0."""
    for phrase, weight in hotwords.items():
        if not phrase.split():
            raise DecodingError("A hot word is empty. Give words or phrases.")
        if not (isfinite(weight) and weight > 0):
            raise DecodingError(f"The hot word {phrase!r} has the weight {weight}. Give a number above 0, such as 8.")


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


def _word_ends(text: str) -> list[str]:
    """Give the text and all its ends that begin with a word, longest first."""
    return [text, *(text[i + 1 :] for i, character in enumerate(text) if character == " " and i + 1 < len(text))]
