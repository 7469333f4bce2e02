"""Estimating n-gram models from text: interpolated modified Kneser-Ney.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1998), section 3,
https://dash.harvard.edu/handle/1/25104739. ``<s>``, ``<unk>`` and pruning are treated as in KenLM's lmplz (Heafield et al.,
2013, https://aclanthology.org/P13-2121). Each order has a table of arrays, with one row per n-gram. A row refers to two rows
of the order below: the n-gram's beginning (without its last word) and its end (without its first word).
"""

import gzip
import logging
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w2vkit.decode.lm.ngram import BEGIN, END, SPACES, UNKNOWN, NGram, read
from w2vkit.errors import LanguageModelError

_log = logging.getLogger(__name__)
HIGHEST_ORDER = 6
DISCOUNTS = (0.5, 1.0, 1.5)  # for texts that are too small to estimate them, as with KenLM's --discount_fallback
SPECIAL = (UNKNOWN, BEGIN, END)  # have the numbers 0, 1 and 2; the words of the text follow


@dataclass(frozen=True, eq=False)
class _Table:
    """All n-grams of one order; G rows."""

    beginning: np.ndarray  # (G,) its row in the table of the order below
    end: np.ndarray  # (G,) its row in the table of the order below
    word: np.ndarray  # (G,) the last word
    count: np.ndarray  # (G,) how often the n-gram occurs
    at_start: np.ndarray  # (G,) whether it begins with <s>


@dataclass(frozen=True, eq=False)
class _Estimate:
    """The estimates of one order."""

    kept: np.ndarray  # (G,) bool
    probability: np.ndarray  # (G,)
    left: np.ndarray  # (H,) the back-off weights of the histories, which are the rows of the order below


def sentences(text: str, *, characters: bool = False) -> list[list[str]]:
    """Split a text into sentences of words without punctuation, one sentence per line; its marks ``<s>`` and ``</s>`` drop out.

    Parameters
    ----------
    text : str
        It is converted to lower case, so that The and the are one word, unless all of it is in upper case.
    characters : bool
        Split words into characters, with ``|`` between words.
    """
    text = re.sub(f"{BEGIN}|{END}", " ", text, flags=re.IGNORECASE)
    text = (text if text.isupper() else text.lower()).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    # Words consist of letters, marks and digits, and of apostrophes inside.
    ends = {ord(c): " " for c in set(text) if unicodedata.category(c)[0] not in "LMN" and c not in "'\n"}
    lines = ([word.strip("'") for word in line.split()] for line in text.translate(ends).split("\n"))
    lines = [[word for word in words if word] for words in lines]
    return [list(SPACES[0].join(words)) if characters else words for words in lines if words]


def build_ngram(lines: Iterable[Sequence[str]], order: int, prune: Sequence[int] = (0,), *, output: Path) -> list[int]:
    """Estimate an n-gram model and write it as an ARPA file.

    Parameters
    ----------
    lines : iterable of sequence of str
        Sentences of words or of characters, such as those of `sentences`.
    order : int
        The n of n-gram, 1 to 6; 3 is usual for words, 5 or 6 for characters.
    prune : sequence of int
        One count per order; n-grams that occur as often or less are left out. The last count holds for all higher orders.
        ``(0, 0, 1)`` is usual for large texts.
    output : Path
        ``.arpa``, or ``.arpa.gz`` for a compressed file.

    Returns
    -------
    list of int
        The number of n-grams of each order.

    Raises
    ------
    LanguageModelError
        There is no text, a parameter is out of range, or the file cannot be written.
    """
    lines = list(lines)
    if not 1 <= order <= HIGHEST_ORDER:
        raise LanguageModelError(f"An order of {order} cannot be built. Give 1 to {HIGHEST_ORDER}; 3 is usual for words.")
    if not prune or min(prune) < 0 or list(prune) != sorted(prune):
        raise LanguageModelError(f"The pruning {list(prune)} is not possible. Give counts from 0 that never decrease: 0 0 1.")
    thresholds = [*prune, *[prune[-1]] * order][:order]
    words = [*SPECIAL, *sorted({word for line in lines for word in line})]
    if len(words) == len(SPECIAL):
        raise LanguageModelError("The text has no words. Give one sentence per line.")
    if clash := set(words[len(SPECIAL) :]) & set(SPECIAL):
        raise LanguageModelError(f"The text contains {sorted(clash)}, which are reserved in models. Remove them.")
    tables = _count(lines, words, order)
    estimates = _estimate(tables, thresholds)
    _write(output, words, tables, estimates)
    return [int(estimate.kept.sum()) for estimate in estimates]


def ngram_from_text(text: str, order: int = 3) -> NGram:
    """Estimate a model of words from a text, one sentence per line, in memory.

    Raises
    ------
    LanguageModelError
        As `build_ngram`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.arpa"
        build_ngram(sentences(text), order, output=path)
        return read(path)


def _count(lines: Sequence[Sequence[str]], words: list[str], order: int) -> list[_Table]:
    """Count the n-grams of all orders, each sentence between <s> and </s>."""
    number = {word: i for i, word in enumerate(words)}
    text = np.array([n for line in lines for n in (1, *(number[word] for word in line), 2)], dtype=np.int64)
    lengths = np.array([len(line) + 2 for line in lines])
    place = np.arange(len(text)) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # within the sentence
    all_words = np.arange(len(words))
    none = np.zeros(len(words), dtype=np.int64)
    tables = [_Table(none, none, all_words, np.bincount(text, minlength=len(words)), all_words == 1)]
    row = text  # (N,) the row of the n-gram that ends at each position of the text
    for n in range(2, order + 1):
        at = np.flatnonzero(place >= n - 1)
        keys, first, inverse, count = np.unique(
            row[at - 1] * len(words) + text[at], return_index=True, return_inverse=True, return_counts=True
        )
        tables.append(_Table(keys // len(words), row[at[first]], keys % len(words), count, place[at[first]] == n - 1))
        longer = np.zeros(len(text), dtype=np.int64)
        longer[at] = inverse
        row = longer
    return tables


def _estimate(tables: list[_Table], thresholds: list[int]) -> list[_Estimate]:
    """Give every n-gram its probability, interpolated with that of the next lower order, from unigrams up."""
    estimates: list[_Estimate] = []
    for n, (table, threshold) in enumerate(zip(tables, thresholds, strict=True), 1):
        kept = table.count > threshold
        if n == 1:
            kept[: len(SPECIAL)] = True
        count = _adjusted(tables, n)
        share, left = _discounted(table, count, kept, n, len(tables[n - 2].count) if n > 1 else 1)
        # The order below unigrams is uniform over the words, including <unk> and without <s>.
        lower = estimates[-1].probability[table.end] if n > 1 else 1 / (kept.sum() - 1)
        estimates.append(_Estimate(kept, share + left[table.beginning] * lower, left))
    return estimates


def _adjusted(tables: list[_Table], n: int) -> np.ndarray:
    """Give the counts to estimate from: below the highest order, in how many different contexts an n-gram occurs."""
    table = tables[n - 1]
    count = table.count
    if n < len(tables):
        contexts = np.bincount(tables[n].end, minlength=len(count))
        count = np.where(table.at_start, count, contexts)  # nothing precedes <s>
    return np.where(table.at_start, 0, count) if n == 1 else count  # <s> itself is never predicted


def _discounted(table: _Table, count: np.ndarray, kept: np.ndarray, n: int, histories: int) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the discounts: give the (G,) shares of each history, and (H,) what is left for the order below."""
    discount = np.array([0.0, *_discounts(count, n)])[np.minimum(count, 3)]
    total = np.bincount(table.beginning, weights=count, minlength=histories)
    share = np.where(kept, count - discount, 0.0) / total[table.beginning]
    return share, 1.0 - np.bincount(table.beginning, weights=share, minlength=histories)


def _discounts(count: np.ndarray, n: int) -> tuple[float, ...]:
    """Estimate the discounts of counts of 1, 2, and 3 or more (Chen and Goodman, equation 26)."""
    ones, twos, threes, fours = (int((count == k).sum()) for k in (1, 2, 3, 4))
    if ones and twos and threes and fours:
        y = ones / (ones + 2 * twos)
        found = (1 - 2 * y * twos / ones, 2 - 3 * y * threes / twos, 3 - 4 * y * fours / threes)
        if all(0 <= discount <= k for k, discount in enumerate(found, 1)):
            return found
    _log.info("The text is small, so the discounts of %d-grams are %s.", n, DISCOUNTS)
    return DISCOUNTS


def _write(path: Path, words: list[str], tables: list[_Table], estimates: list[_Estimate]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as file:
            file.write("\\data\\\n")
            file.writelines(f"ngram {n}={estimate.kept.sum()}\n" for n, estimate in enumerate(estimates, 1))
            spelled = words
            for n, table in enumerate(tables, 1):
                if n > 1:
                    pairs = zip(table.beginning.tolist(), table.word.tolist(), strict=True)
                    spelled = [f"{spelled[beginning]} {words[word]}" for beginning, word in pairs]
                file.write(f"\n\\{n}-grams:\n")
                file.writelines(_rows(n, spelled, tables, estimates))
            file.write("\n\\end\\\n")
    except OSError as error:
        raise LanguageModelError(f"{path} could not be written: {error.strerror}. Choose another output.") from error


def _rows(n: int, spelled: list[str], tables: list[_Table], estimates: list[_Estimate]) -> Iterable[str]:
    estimate = estimates[n - 1]
    log_prob = _log10(estimate.probability)
    if n == 1:
        log_prob[1] = -99.0  # <s>
    kept = np.flatnonzero(estimate.kept).tolist()
    if n == len(tables):
        return (f"{log_prob[i]:.7g}\t{spelled[i]}\n" for i in kept)
    back_off = _log10(estimates[n].left)
    return (f"{log_prob[i]:.7g}\t{spelled[i]}\t{back_off[i]:.7g}\n" for i in kept)


def _log10(probability: np.ndarray) -> np.ndarray:
    return np.log10(np.maximum(probability, 1e-99))
