"""The compact format of n-gram models: a file ``.npz`` with about two bytes per n-gram.

``docs/guides/language-models.md`` describes it. It holds NumPy arrays, compressed and with checksums. Words are numbered from
the likeliest to the least likely one, so that most numbers are small. Log-probabilities and back-off weights are 8-bit codes; a
table per order has their values.
"""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from w2vkit.decode.lm.ngram import AGAIN, LN10, ZERO, Level, NGram, assemble, fingerprint
from w2vkit.errors import LanguageModelError

VERSION = 1
MAGIC = b"PK\x03\x04"  # of ZIP, as which NumPy writes .npz files
CELLS = 254  # and two codes for zeros
EXPANSION = 100  # times the file's size; arrays of a model expand to less than twice their size


def write(model: NGram, path: Path) -> None:
    """Write a model.

    Raises
    ------
    OSError
    """
    words, levels = _by_likelihood(model)
    arrays = {"version": np.array(VERSION), "order": np.array(model.order)}
    arrays["words"] = np.frombuffer("\n".join(words).encode(), dtype=np.uint8)
    for n, level in enumerate(levels, 1):
        if n > 1:
            children = np.bincount(level.beginning, minlength=len(levels[n - 2].word))
            arrays[f"children_{n}"] = _split(children)
            arrays[f"words_{n}"] = _split(level.word - np.where(_follows(level.beginning), np.roll(level.word, 1) + 1, 0))
        arrays[f"log_probs_{n}"], arrays[f"log_prob_table_{n}"] = _quantise(level.log_prob)
        if n < model.order:
            codes, arrays[f"back_off_table_{n}"] = _quantise(level.back_off)
            arrays[f"back_offs_{n}"] = codes[_parents_first(np.bincount(levels[n].beginning, minlength=len(codes)))]
    with zipfile.ZipFile(path, "w") as file:
        for name, values in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # its time is fixed: equal models make equal files
            entry.compress_type = zipfile.ZIP_LZMA
            with file.open(entry, "w") as member:
                np.lib.format.write_array(member, values, allow_pickle=False)


def read(path: Path) -> NGram:
    """Read a model.

    Raises
    ------
    LanguageModelError
        The file is damaged, or another kind of ``.npz``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > EXPANSION * path.stat().st_size:
                raise ValueError(f"it expands to more than {EXPANSION} times its size")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if "version" not in arrays or "words" not in arrays:
                raise LanguageModelError(
                    f"{path} is not a language model: it has no list of words. Give a .npz file of w2vkit lm, or an ARPA file."
                )
            if arrays["version"] != VERSION:
                raise LanguageModelError(
                    f"{path} has version {arrays['version']} of the format, and w2vkit reads version {VERSION}. Update w2vkit."
                )
            model = _model({name: arrays[name] for name in arrays})
        return replace(model, name=path.name, fingerprint=fingerprint(path))
    except LanguageModelError:
        raise
    except Exception as error:  # zipfile, its decompressors and NumPy raise a dozen kinds for damaged files
        raise LanguageModelError(f"{path} is damaged: {error}. {AGAIN}") from error


def _model(arrays: dict[str, np.ndarray]) -> NGram:
    words = arrays["words"].tobytes().decode().split("\n")
    order = int(arrays["order"])
    levels: list[Level] = []
    for n in range(1, order + 1):
        log_prob = arrays[f"log_prob_table_{n}"][arrays[f"log_probs_{n}"]].astype(np.float64)
        back_off = np.zeros(len(log_prob))
        if n < order:
            children = _join(arrays[f"children_{n + 1}"])
            back_off[_parents_first(children)] = arrays[f"back_off_table_{n}"][arrays[f"back_offs_{n}"]]
        if n == 1:
            beginning, word = np.zeros(len(words), dtype=np.int64), np.arange(len(words))
        else:
            counts, gaps = _join(arrays[f"children_{n}"]), _join(arrays[f"words_{n}"])
            if len(counts) != len(levels[-1].word) or counts.sum() != len(gaps):
                raise ValueError("the orders do not fit together")
            beginning = np.repeat(np.arange(len(counts)), counts)
            word = _undo_gaps(gaps, beginning)
        if not (len(beginning) == len(word) == len(log_prob)) or word.max(initial=0) >= len(words):
            raise ValueError("the arrays do not fit together")
        if not (np.isfinite(log_prob).all() and np.isfinite(back_off).all() and (log_prob <= 0).all()):
            raise ValueError("a number is not a log-probability or a weight")
        levels.append(Level(beginning, word, log_prob, back_off))
    if len(set(words)) != len(words) or not levels:
        raise ValueError("the words do not fit together")
    return assemble(words, levels)


def _by_likelihood(model: NGram) -> tuple[list[str], list[Level]]:
    """Give the words from the likeliest to the least likely one, and all n-grams with these numbers, sorted."""
    levels = model.levels()
    order = np.argsort(-levels[0].log_prob, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    words = list(model.words)
    unigrams = Level(*(column[order] for column in levels[0]))
    longer = [level._replace(word=rank[level.word]) for level in levels[1:]]
    longer[:1] = [level._replace(beginning=rank[level.beginning]) for level in longer[:1]]
    renumbered = assemble([words[i] for i in order], [unigrams, *longer])
    return list(renumbered.words), renumbered.levels()


def _parents_first(children: np.ndarray) -> np.ndarray:
    """Give the rows with children, then those without: most rows without children have a back-off weight of zero."""
    return np.argsort(children == 0, kind="stable")


def _follows(beginning: np.ndarray) -> np.ndarray:
    """Give which rows have the same beginning as the row before."""
    return np.diff(beginning, prepend=-1) == 0


def _undo_gaps(gap: np.ndarray, beginning: np.ndarray) -> np.ndarray:
    """Give the numbers again: the first one of each beginning was stored itself, of the others the distance, less one."""
    follows = _follows(beginning)
    total = np.cumsum(gap + follows)
    before = np.where(follows, 0, total - gap)  # what the rows of other beginnings have added
    return total - np.maximum.accumulate(before)


def _quantise(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give a uint8 code per value, and the table of at most 256 values: the means of cells of equal width.

    No value is off by more than a cell. Quantiles instead would put the most frequent words into one cell, since there are few
    of them, and their codes would take more space. Zeros, of probability or of weight, are exact.
    """
    exact = (values == 0) | (values <= ZERO * LN10)
    low, high = (values[~exact].min(), values[~exact].max()) if not exact.all() else (0.0, 0.0)
    cells = np.floor((values - low) / (high - low or 1) * (CELLS - 1e-6)) + 2
    cells[values == 0], cells[values <= ZERO * LN10] = 1, 0
    used, codes = np.unique(cells, return_inverse=True)
    means = np.bincount(codes, weights=values, minlength=len(used)) / np.bincount(codes, minlength=len(used))
    return codes.astype(np.uint8), means.astype(np.float32)


def _split(numbers: np.ndarray) -> np.ndarray:
    """Give the bytes of (N,) numbers, (B, N): all lowest ones first. The high ones are mostly zeros, which compress well."""
    wide = numbers.astype("<u4").view(np.uint8).reshape(-1, 4).T
    return np.ascontiguousarray(wide[: 1 + max(np.flatnonzero(wide.any(axis=1)), default=0)])


def _join(planes: np.ndarray) -> np.ndarray:
    if planes.dtype != np.uint8:
        raise ValueError(f"numbers are stored as {planes.dtype}")
    return sum((plane.astype(np.int64) << 8 * i for i, plane in enumerate(planes)), np.zeros(planes.shape[1], dtype=np.int64))
