"""Reading and writing ARPA files.

The format is described by SRILM, http://www.speech.sri.com/projects/srilm/manpages/ngram-format.5.html.
"""

import gzip
import io
import re
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import BinaryIO

import numpy as np

from w2vkit.decode.lm.ngram import AGAIN, LN10, ZERO, Level, NGram, assemble, fingerprint
from w2vkit.errors import LanguageModelError

GZIP_MAGIC = b"\x1f\x8b"
MOST_DIGITS = 15  # of a count
LONGEST_LINE = 65_536  # bytes; no n-gram is longer
BOM = b"\xef\xbb\xbf"  # editors on Windows begin a UTF-8 file with it


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


class _Reader:
    """Builds a model from the lines of a file. It counts the lines, for error messages."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.number = path, 0
        self.lines = self._numbered(file)
        self.words: dict[str, int] = {}
        self.numbers: dict[bytes, int] = {}  # the same, with words as they are in the file
        # From the number of an n-gram, times that of all words, plus a word, to the number of the n-gram that this makes.
        # They are numbered as they are in the file; 0 is the empty one.
        self.child: dict[int, int] = {}
        # The n-gram that was read last without its last word, as word numbers, and its number among the n-grams.
        self.history: list[int] = []
        self.state = 0
        self.beginning, self.word = array("q", [0]), array("q", [-1])
        self.log_prob, self.back_off = array("d", [0.0]), array("d", [0.0])

    def read(self) -> NGram:
        for line in self.lines:
            if line == b"\\data\\":
                break
        else:
            raise self._broken(r"it has no \data\ line", "Give an ARPA file, .arpa or .arpa.gz, or a KenLM binary.")
        counts, line = self._counts()
        starts = [0]
        for order, count in enumerate(counts, 1):
            if line != b"\\%d-grams:" % order:
                raise self._broken(f"expected the section \\{order}-grams:, found {_shown(line)}")
            starts.append(len(self.word))
            line = self._section(order, count, last=order == len(counts))
        if line != b"\\end\\":
            raise self._broken(rf"expected \end\ after the last section, found {_shown(line)}")
        columns = [np.asarray(column) for column in (self.beginning, self.word, self.log_prob, self.back_off)]
        levels = []
        for below, start, end in zip(starts, starts[1:], [*starts[2:], len(self.word)], strict=False):
            beginning, *others = (column[start:end] for column in columns)
            levels.append(Level(beginning - below, *others))
        return assemble(list(self.words), levels)

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
        child[key] = len(self.word)
        self.beginning.append(self.state)
        self.word.append(word)
        self.log_prob.append(log_prob)
        self.back_off.append(back_off)

    def _broken(self, what: str, remedy: str = AGAIN) -> LanguageModelError:
        return LanguageModelError(f"{self.path} is broken at line {self.number}: {what}. {remedy}")


def write(model: NGram, path: Path) -> None:
    """Write an ARPA file, gzipped if its name ends in ``.gz``.

    Raises
    ------
    OSError
    """
    words = list(model.words)
    with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as file:
        levels = model.levels()
        file.write("\\data\\\n")
        file.writelines(f"ngram {n}={len(level.word)}\n" for n, level in enumerate(levels, 1))
        spelled = [""]
        for n, level in enumerate(levels, 1):
            pairs = zip(level.beginning.tolist(), level.word.tolist(), strict=True)
            spelled = [f"{spelled[beginning]} {words[word]}".lstrip() for beginning, word in pairs]
            file.write(f"\n\\{n}-grams:\n")
            numbers = zip((level.log_prob / LN10).tolist(), spelled, (level.back_off / LN10).tolist(), strict=True)
            if n < model.order:
                file.writelines(f"{log_prob:.7g}\t{ngram}\t{back_off:.7g}\n" for log_prob, ngram, back_off in numbers)
            else:
                file.writelines(f"{log_prob:.7g}\t{ngram}\n" for log_prob, ngram, _ in numbers)
        file.write("\n\\end\\\n")


def _shown(field: bytes) -> str:
    return repr(field.decode(errors="replace")[:60]) if field else "the end of the file"
