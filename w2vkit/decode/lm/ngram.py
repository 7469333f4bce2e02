"""Back-off n-gram models, as an automaton over words, and the reader of ARPA files.

The format is described by SRILM, http://www.speech.sri.com/projects/srilm/manpages/ngram-format.5.html.
"""

import gzip
import hashlib
import io
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import isfinite, log
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from w2vkit.errors import LanguageModelError

if TYPE_CHECKING:
    from w2vkit.decode.scorers import Lexicon
    from w2vkit.emissions import Vocabulary

LN10 = log(10.0)  # ARPA and KenLM count in log10, w2vkit in natural logarithms
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
SPACES = ("|", "<space>", "▁", "_")  # how character models write the word boundary


@dataclass(frozen=True)
class Weights:
    """The weights of a language model in beam search. They are fitted to one acoustic model.

    Attributes
    ----------
    alpha : float
        The factor of its log-probabilities.
    beta : float
        The bonus per word, which balances that every further word lowers the probability.
    """

    alpha: float = 0.5
    beta: float = 1.0


@dataclass(frozen=True, eq=False)
class NGram:
    """A back-off n-gram model as an automaton: the state is the longest end of the text that the model lists.

    Attributes
    ----------
    order : int
        The n of n-gram.
    words : dict of str to int
        All unigrams and their numbers.
    child : dict of int to int
        From ``state * len(words) + word`` to the n-gram that extends the state by the word. State 0 is the empty text.
    log_prob, back_off : array of float
        Of each n-gram (natural logarithms).
    suffix : array of int
        The n-gram to back off to: the longest listed one without the first word.
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
    child: dict[int, int] = field(repr=False)
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
        return self.child.get(self.words[BEGIN], 0) if BEGIN in self.words else 0

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
        if number is None:
            while state:
                total += self.back_off[state]
                state = self.suffix[state]
            return 0, total + self._rarest
        size = len(self.words)
        while (found := self.child.get(state * size + number)) is None:
            # If "u v w" is not listed: log P(w | u v) = back-off(u v) + log P(w | v). All unigrams are listed.
            total += self.back_off[state]
            state = self.suffix[state]
        # No n-gram extends one of the highest order, so its suffix is the state.
        return self.suffix[found] if found >= self.longest else found, total + self.log_prob[found]

    def score(self, text: str | Iterable[str]) -> float:
        """Give the log-probability (natural) of a sentence from ``<s>`` to ``</s>``; a text is split at its spaces."""
        state, total = self.start, 0.0
        for word in [*(text.split() if isinstance(text, str) else text), END]:
            state, log_prob = self.step(state, word)
            total += log_prob
        return total

    @cached_property
    def _rarest(self) -> float:
        return min(self.log_prob[self.child[number]] for word, number in self.words.items() if word != BEGIN)


GZIP_MAGIC = b"\x1f\x8b"
MOST_DIGITS = 15  # of a count
LONGEST_LINE = 65_536  # bytes; more is no n-gram, however long its words are
BOM = b"\xef\xbb\xbf"  # editors on Windows begin a UTF-8 file with it
ZERO = -99.0  # log10; SRILM's notation of a probability of zero
AGAIN = "Make the file again, or fetch it again if it was downloaded."


def read(path: Path) -> NGram:
    """Read an ARPA file, plain or gzipped.

    Raises
    ------
    LanguageModelError
        The file is damaged; the message has the number of the line.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
        with io.BufferedReader(gzip.open(path)) if packed else path.open("rb") as file:
            return replace(_Reader(path, file).read(), name=path.name, fingerprint=fingerprint(path))
    except (OSError, EOFError, zlib.error) as error:
        raise LanguageModelError(f"{path} could not be read to its end: {error}. {AGAIN}") from error


def fingerprint(path: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


class _Reader:
    """Builds a model from the lines of a file, and counts the lines for error messages."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.number = path, 0
        self.lines = self._numbered(file)
        self.words: dict[str, int] = {}
        self.numbers: dict[bytes, int] = {}  # the same, with words as they are in the file
        # The n-gram that was read last without its last word, as word numbers, and its number among the n-grams.
        self.history: list[int] = []
        self.state = 0
        self.child: dict[int, int] = {}
        # N-gram 0 is the empty one. `step` never backs off from it, since all words are unigrams.
        self.log_prob, self.back_off = array("d", [0.0]), array("d", [0.0])
        self.suffix = array("q", [0])

    def read(self) -> NGram:
        for line in self.lines:
            if line == b"\\data\\":
                break
        else:
            raise self._broken(r"it has no \data\ line", "Give an ARPA file, .arpa or .arpa.gz, or a KenLM binary.")
        counts, line = self._counts()
        longest = 0
        for order, count in enumerate(counts, 1):
            if line != b"\\%d-grams:" % order:
                raise self._broken(f"expected the section \\{order}-grams:, found {_shown(line)}")
            longest = len(self.log_prob)
            line = self._section(order, count, last=order == len(counts))
        if line != b"\\end\\":
            raise self._broken(rf"expected \end\ after the last section, found {_shown(line)}")
        return NGram(len(counts), self.words, self.child, self.log_prob, self.back_off, self.suffix, longest)

    def _numbered(self, file: BinaryIO) -> Iterator[bytes]:
        for line in iter(partial(file.readline, LONGEST_LINE), b""):  # a gzipped line of 1 MB can be one of 1 GB
            self.number += 1
            if len(line) == LONGEST_LINE:
                raise self._broken(f"the line has more than {LONGEST_LINE} bytes")
            if stripped := (line.removeprefix(BOM) if self.number == 1 else line).strip(b" \t\r\n"):
                yield stripped

    def _counts(self) -> tuple[list[int], bytes]:
        counts = []
        for line in self.lines:
            match = re.fullmatch(rb"ngram\s+(\d+)\s*=\s*(\d+)", line)
            if not match:
                break
            if max(map(len, match.groups())) > MOST_DIGITS:
                raise self._broken(f"{_shown(line)} counts more n-grams than any file can hold")
            if int(match[1]) != len(counts) + 1:
                raise self._broken(f"the counts jump to order {int(match[1])}")
            counts.append(int(match[2]))
        else:
            line = b""
        if not counts or not counts[0]:
            raise self._broken("it counts no unigrams")
        return counts, line

    def _section(self, order: int, count: int, *, last: bool) -> bytes:
        """Read the n-grams of one order and give the line after them."""
        seen = 0
        line = b""
        for line in self.lines:
            if line.startswith(b"\\"):
                break
            odd = b"\v" in line or b"\f" in line or b"\r" in line  # bytes.split() takes these for spaces, ARPA files do not
            self._ngram(re.split(rb"[ \t]+", line) if odd else line.split(), order, last=last)
            seen += 1
            if order == 1 and seen > count:
                break  # the keys in `child` depend on the number of unigrams, which must be right before the next section
        else:
            line = b""
        if seen != count:
            raise self._broken(f"\\data\\ promises {count} {order}-grams, there are {'more' if seen > count else seen}")
        return line

    def _ngram(self, fields: list[bytes], order: int, *, last: bool) -> None:
        if len(fields) != order + 1 and (last or len(fields) != order + 2):
            raise self._broken(f"a {order}-gram needs a number, {order} word(s){'' if last else ' and perhaps a number'}")
        try:
            log_prob = float(fields[0])
            back_off = float(fields[-1]) if len(fields) == order + 2 else 0.0
        except ValueError:
            raise self._broken(f"{_shown(fields[0])} or {_shown(fields[-1])} is no number") from None
        if not (log_prob <= 0 and isfinite(back_off)):
            raise self._broken(f"{log_prob:g} is no log10 probability or {back_off:g} no weight")
        if order == 1:
            self._unigram(fields[1])
        try:
            numbers = [self.numbers[word] for word in fields[1 : order + 1]]
        except KeyError as error:
            raise self._broken(f"{_shown(error.args[0])} is not among the unigrams") from None
        self._add(numbers, max(log_prob, ZERO) * LN10, back_off * LN10)

    def _unigram(self, word: bytes) -> None:
        try:
            spelled = word.decode()
        except UnicodeDecodeError:
            raise self._broken(f"the word {_shown(word)} is not in UTF-8", "Convert the file to UTF-8.") from None
        if word in self.numbers:
            raise self._broken(f"the unigram {spelled!r} is there twice")
        self.words[spelled] = self.numbers[word] = len(self.words)

    def _add(self, numbers: list[int], log_prob: float, back_off: float) -> None:
        """Store an n-gram as a child of the one without its last word; unigrams are children of the empty one."""
        child, size = self.child, len(self.words)
        *history, word = numbers
        if history != self.history:  # most files are sorted, so an n-gram often begins like the one before
            state = 0
            for number in history:
                state = child.get(state * size + number, -1)
                if state < 0:
                    raise self._broken("the n-gram's beginning is not listed in the section before")
            self.history, self.state = history, state
        key = self.state * size + word
        if key in child:
            raise self._broken("the n-gram is there twice")
        suffix = 0
        if history:
            shorter = self.suffix[self.state]
            while (suffix := child.get(shorter * size + word, -1)) < 0:
                shorter = self.suffix[shorter]
        child[key] = len(self.log_prob)
        self.log_prob.append(log_prob)
        self.back_off.append(back_off)
        self.suffix.append(suffix)

    def _broken(self, what: str, remedy: str = AGAIN) -> LanguageModelError:
        return LanguageModelError(f"{self.path} is broken at line {self.number}: {what}. {remedy}")


def _shown(field: bytes) -> str:
    return repr(field.decode(errors="replace")[:60]) if field else "the end of the file"
