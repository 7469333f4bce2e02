"""Estimating n-gram models from text: interpolated modified Kneser-Ney.

Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1998), section 3,
https://dash.harvard.edu/handle/1/25104739. ``<s>``, ``<unk>`` and pruning by counts are treated as in KenLM's lmplz (Heafield
et al., 2013, https://aclanthology.org/P13-2121). Each order has a table of arrays, with one row per n-gram. A row refers to two
rows of the order below: the n-gram's beginning (without its last word) and its end (without its first word).

Pruning by entropy is that of Stolcke, "Entropy-based pruning of backoff language models" (1998),
https://arxiv.org/abs/cs/0006025. Two things adapt it to Kneser-Ney, whose lower orders do not say how often an
n-gram occurs (Chelba et al., "Study on interaction between entropy pruning and Kneser-Ney smoothing", 2010). The probability
of a history is its share of the text, not a product of lower orders. And the lower orders are estimated again after pruning,
with the full counts of the n-grams that were pruned above them, as in Siivola et al., "On growing and pruning Kneser-Ney
smoothed n-gram models" (2007), https://doi.org/10.1109/TASL.2007.894524: they have to predict what is no longer listed.
"""

import logging
import re
import tempfile
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w2vkit.decode.lm.language_model import load, save
from w2vkit.decode.lm.ngram import BEGIN, END, LN10, SPACES, UNKNOWN, ZERO, Level, NGram, assemble
from w2vkit.errors import LanguageModelError

_log = logging.getLogger(__name__)
HIGHEST_ORDER = 6
LONGEST_WORD = 1000  # characters; so the longest n-gram fits into a line of an ARPA file
INSIDE_WORDS = "\u200c\u200d"  # zero-width joiners belong to the spelling of Persian and of Indic scripts
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

    probability: np.ndarray  # (G,)
    left: np.ndarray  # (H,) the back-off weights of the histories, which are the rows of the order below


def sentences(text: str, *, characters: bool = False) -> Iterator[list[str]]:
    """Split a text into sentences of words without punctuation, one sentence per line; ``<s>`` and ``</s>`` in it are left out.

    Parameters
    ----------
    text : str
        It is converted to Unicode's form NFC, and to lower case, so that The and the are one word, unless all of it is in upper
        case. Soft hyphens and other invisible characters are left out.
    characters : bool
        Split words into characters, with ``|`` between words.
    """
    text = unicodedata.normalize("NFC", re.sub(f"{BEGIN}|{END}", " ", text, flags=re.IGNORECASE))
    invisible = {ord(c): None for c in set(text) if unicodedata.category(c) == "Cf" and c not in INSIDE_WORDS + "\u200b"}
    text = text.translate(invisible)
    text = (text if text.isupper() else text.lower()).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    # Words consist of letters, marks and digits, and of apostrophes inside.
    ends = {ord(c): " " for c in set(text) if unicodedata.category(c)[0] not in "LMN" and c not in "'\n" + INSIDE_WORDS}
    for line in text.translate(ends).split("\n"):
        if words := [stripped for word in line.split() if (stripped := word.strip("'"))]:
            yield list(SPACES[0].join(words)) if characters else words


def build_ngram(
    lines: Iterable[Sequence[str]],
    order: int,
    prune: Sequence[int] = (0,),
    *,
    prune_entropy: float = 0.0,
    vocabulary: int | None = None,
    output: Path,
) -> list[int]:
    """Estimate an n-gram model and write it to a file.

    Parameters
    ----------
    lines : iterable of sequence of str
        Sentences of words or of characters, such as those of `sentences`.
    order : int
        The n of n-gram, 1 to 6; 3 is usual for words, 5 or 6 for characters.
    prune : sequence of int
        One count per order; n-grams that occur as often or less are left out. The last count holds for all higher orders.
        ``(0, 0, 1)`` is usual for large texts.
    prune_entropy : float
        An n-gram of two words or more is left out if the perplexity rises by less than this share of it. ``1e-8`` is usual.
    vocabulary : int, optional
        How many words to keep, the most frequent ones. The others are unknown, and n-grams with them are left out.
    output : Path
        ``.arpa``, ``.arpa.gz`` for a compressed file, or ``.npz`` for the compact format.

    Returns
    -------
    list of int
        The number of n-grams of each order.

    Raises
    ------
    LanguageModelError
        There is no text, a parameter is out of range, pruning leaves no word, or the file cannot be written.
    """
    if not 1 <= order <= HIGHEST_ORDER:
        raise LanguageModelError(f"An order of {order} cannot be built. Give 1 to {HIGHEST_ORDER}; 3 is usual for words.")
    if not prune or min(prune) < 0 or list(prune) != sorted(prune):
        raise LanguageModelError(f"The pruning {list(prune)} is not possible. Give counts from 0 that never decrease: 0 0 1.")
    if not 0 <= prune_entropy < 1:
        raise LanguageModelError(f"Pruning by entropy at {prune_entropy} is not possible. Give 0 to 1, such as 1e-8.")
    if vocabulary is not None and vocabulary < 1:
        raise LanguageModelError(f"A vocabulary of {vocabulary} words is not possible. Give 1 or more.")
    words, text = _numbered(lines)
    tables = _count(text, len(words), order)
    kept = _frequent(tables, [*prune, *[prune[-1]] * order][:order], vocabulary)
    if not kept[0][len(SPECIAL) :].any():
        raise LanguageModelError(f"Pruning of words that occur {prune[0]} times or less leaves no word. Give a smaller count.")
    estimates = _estimate(tables, kept, [np.ones_like(k) for k in kept])
    if prune_entropy:
        kept = _worth(kept, tables, _losses(tables, estimates, kept), prune_entropy)
        estimates = _estimate(tables, kept, kept)
    save(_model(words, tables, estimates, kept), output)
    return [int(k.sum()) for k in kept]


def ngram_from_text(text: str, order: int = 3) -> NGram:
    """Estimate a model of words from a text, one sentence per line.

    Raises
    ------
    LanguageModelError
        As `build_ngram`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.arpa"
        build_ngram(sentences(text), order, output=path)
        model = load(path)
    assert isinstance(model, NGram)
    return model


def _numbered(lines: Iterable[Sequence[str]]) -> tuple[list[str], np.ndarray]:
    """Give the words, and the text as their numbers, each sentence between <s> and </s>."""
    number = {word: i for i, word in enumerate(SPECIAL)}
    reserved, text = set(SPECIAL), array("i")
    for line in lines:
        if clash := reserved.intersection(line):
            raise LanguageModelError(f"The text contains {sorted(clash)}, which are reserved in models. Remove them.")
        text.append(1)
        text.extend([number.setdefault(word, len(number)) for word in line])
        text.append(2)
    if len(number) == len(SPECIAL):
        raise LanguageModelError("The text has no words. Give one sentence per line.")
    if (longest := max(map(len, number))) > LONGEST_WORD:
        raise LanguageModelError(
            f"The text has a word of {longest} characters; at most {LONGEST_WORD} are possible. Put spaces between the words."
        )
    return list(number), np.asarray(text)


def _count(text: np.ndarray, size: int, order: int) -> list[_Table]:
    """Count the n-grams of all orders in a text of N words out of ``size`` different ones."""
    ends = np.flatnonzero(text == 2)
    starts = np.append(0, ends[:-1] + 1)
    place = np.arange(len(text), dtype=np.int32)  # within the sentence
    place -= np.repeat(starts.astype(np.int32), ends + 1 - starts)
    all_words = np.arange(size, dtype=np.int32)
    none = np.zeros(size, dtype=np.int32)
    tables = [_Table(none, none, all_words, np.bincount(text, minlength=size).astype(np.int32), all_words == 1)]
    row = text  # (N,) the row of the n-gram that ends at each position of the text
    for n in range(2, order + 1):
        at = np.flatnonzero(place >= n - 1).astype(np.int32)
        keys, first, inverse, count = np.unique(
            row[at - 1] * np.int64(size) + text[at], return_index=True, return_inverse=True, return_counts=True
        )
        first = at[first]
        beginning, word = (part.astype(np.int32) for part in np.divmod(keys, size))
        tables.append(_Table(beginning, row[first], word, count.astype(np.int32), place[first] == n - 1))
        longer = np.zeros(len(text), dtype=np.int32)
        longer[at] = inverse
        row = longer
    return tables


def _frequent(tables: list[_Table], thresholds: list[int], vocabulary: int | None) -> list[np.ndarray]:
    """Choose the n-grams that occur more often than the thresholds and consist of the most frequent words."""
    kept = [table.count > threshold for table, threshold in zip(tables, thresholds, strict=True)]
    if vocabulary is not None:
        rank = np.argsort(-tables[0].count[len(SPECIAL) :], kind="stable")
        kept[0][len(SPECIAL) + rank[vocabulary:]] = False
    kept[0][: len(SPECIAL)] = True
    for n, table in enumerate(tables[1:], 1):
        kept[n] &= kept[n - 1][table.beginning] & kept[n - 1][table.end]
    return kept


def _estimate(tables: list[_Table], kept: list[np.ndarray], counted: list[np.ndarray]) -> list[_Estimate]:
    """Give every n-gram its probability, interpolated with that of the next lower order, from unigrams up.

    An n-gram that is ``counted`` is one context of its end; the end of any other one has its full count.
    """
    counts = _adjusted(tables, counted)
    estimates: list[_Estimate] = []
    for n, (table, count, keep) in enumerate(zip(tables, counts, kept, strict=True), 1):
        share, left = _discounted(table, count, keep, n, len(tables[n - 2].count) if n > 1 else 1)
        # The order below unigrams is uniform over the words, including <unk> and without <s>.
        lower = estimates[-1].probability[table.end] if n > 1 else 1 / (keep.sum() - 1)
        estimates.append(_Estimate(share + left[table.beginning] * lower, left))
    return estimates


def _adjusted(tables: list[_Table], counted: list[np.ndarray]) -> list[np.ndarray]:
    """Give the counts to estimate from: below the highest order, in how many different contexts an n-gram occurs."""
    counts = [tables[-1].count]
    for table, longer, one in zip(tables[-2::-1], tables[:0:-1], counted[:0:-1], strict=True):
        contexts = np.bincount(longer.end, weights=np.where(one, 1, counts[0]), minlength=len(table.count)).astype(np.int32)
        counts.insert(0, np.where(table.at_start, table.count, contexts))  # nothing precedes <s>
    counts[0] = np.where(tables[0].at_start, 0, counts[0])  # <s> itself is never predicted
    return counts


def _losses(tables: list[_Table], estimates: list[_Estimate], kept: list[np.ndarray]) -> list[np.ndarray]:
    """Give the relative entropy per word (natural) between the model with and without each n-gram of two words or more.

    Without the n-gram, its history h backs off to the next lower order, with another weight so that its probabilities add up
    to one. All others stay as they are (Stolcke, equation 6).
    """
    total = tables[0].count.sum() - tables[0].count[1]
    losses = []
    for n in range(1, len(tables)):
        table, h = tables[n], tables[n].beginning
        histories = len(tables[n - 1].count)
        p, q = estimates[n].probability, estimates[n - 1].probability[table.end]
        rest_p = 1 - np.bincount(h, weights=np.where(kept[n], p, 0), minlength=histories)[h]  # P(all that is not listed | h)
        rest_q = 1 - np.bincount(h, weights=np.where(kept[n], q, 0), minlength=histories)[h]
        weight = _logarithm(rest_p + p) - _logarithm(rest_q + q)
        change = p * (_logarithm(q) + weight - _logarithm(p)) + rest_p * (weight - _logarithm(estimates[n].left)[h])
        losses.append(-tables[n - 1].count[h] / total * change)
    return losses


def _worth(kept: list[np.ndarray], tables: list[_Table], losses: list[np.ndarray], threshold: float) -> list[np.ndarray]:
    """Keep the n-grams that are worth their place, and the beginnings of those, from the highest order down."""
    chosen = list(kept)
    begins = np.zeros(len(kept[-1]), dtype=bool)
    for n in range(len(tables) - 1, 0, -1):
        chosen[n] = kept[n] & ((np.expm1(losses[n - 1]) >= threshold) | begins)
        begins = np.bincount(tables[n].beginning[chosen[n]], minlength=len(kept[n - 1])) > 0
    return chosen


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


def _model(words: list[str], tables: list[_Table], estimates: list[_Estimate], kept: list[np.ndarray]) -> NGram:
    """Make the model of the n-grams that are kept."""
    number = np.cumsum(kept[0]) - 1  # of the words that are kept
    row = np.zeros(1, dtype=np.int64)  # of the n-grams that are kept, among those of their order
    levels = []
    for n, (table, keep) in enumerate(zip(tables, kept, strict=True)):
        log_prob = _logarithm(estimates[n].probability[keep])
        if n == 0:
            log_prob[1] = ZERO * LN10  # <s>
        back_off = _logarithm(estimates[n + 1].left[keep]) if n + 1 < len(tables) else np.zeros(len(log_prob))
        levels.append(Level(row[table.beginning[keep]], number[table.word[keep]], log_prob, back_off))
        row = np.cumsum(keep) - 1
    return assemble([words[i] for i in np.flatnonzero(kept[0])], levels)


def _logarithm(probability: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probability, 1e-99))
