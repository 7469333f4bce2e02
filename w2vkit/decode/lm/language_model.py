"""N-gram language models: what words (or characters) tend to follow each other.

Models are read from ARPA files, plain or gzipped, by `w2vkit.decode.lm.ngram`, or from KenLM's binary files by
the package ``kenlm`` where that is installed. `w2vkit.decode.lm.build` makes one from a text. Beside ``NAME.arpa.gz``
may stand ``NAME.json`` with the weights that were found for it, as they are for the bundled one.
"""

import json
from dataclasses import asdict, replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from w2vkit.checkpoints import mini_folder
from w2vkit.decode.lm.ngram import LN10, NGram, Weights, fingerprint, read
from w2vkit.errors import LanguageModelError

__all__ = ["BUNDLED", "KenLM", "LanguageModel", "NGram", "Weights", "load", "of_checkpoint", "path_of", "save_weights"]

BUNDLED = "bundled"  # the name of the model that comes with w2v-mini: old books and read speech, for any English model
FILE = "language_model.arpa.gz"  # in a checkpoint's folder: what it brings
KENLM_MAGIC = b"mmap lm http://kheafield.com/code"  # what its binary files begin with


class KenLM:
    """A KenLM binary, through the package ``kenlm``.

    The package does not list a model's words, so that there is no look-ahead into unfinished words.
    """

    def __init__(self, path: Path, weights: Weights) -> None:
        self.path, self.name, self.weights = path, path.name, weights
        try:
            import kenlm  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise LanguageModelError(
                f"{path} is a KenLM binary, and the package kenlm is not installed. "
                "Install it (pip install ufal-kenlm), or give the ARPA file from which the binary was made."
            ) from error
        try:
            self.model = kenlm.Model(str(path))
        except (OSError, RuntimeError) as error:
            raise LanguageModelError(f"{path} could not be read by kenlm: {error}. Make it again with build_binary.") from error
        self._state = kenlm.State
        self.order: int = self.model.order
        self.start = kenlm.State()
        self.model.BeginSentenceWrite(self.start)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the content of the file, as that of an `NGram`; read when it is needed, as such files are large."""
        return fingerprint(self.path)

    def __contains__(self, word: str) -> bool:
        return word in self.model

    def step(self, state: Any, word: str) -> tuple[Any, float]:
        """Give the next state and the log-probability (natural) of a word."""
        after = self._state()
        return after, self.model.BaseScore(state, word, after) * LN10


LanguageModel = NGram | KenLM


def load(path: str | Path) -> LanguageModel:
    """Read a language model.

    Parameters
    ----------
    path : str or Path
        ``.arpa``, ``.arpa.gz`` or a KenLM binary; what it is, is seen from its first bytes. ``"bundled"`` is the
        word 3-gram that comes with w2v-mini.

    Returns
    -------
    LanguageModel
        With the weights that `save_weights` has put beside it, or the usual ones.

    Raises
    ------
    LanguageModelError
        The file is missing, broken or of another kind, or ``kenlm`` is needed and not installed.
    """
    path = path_of(path)
    try:
        with path.open("rb") as file:
            head = file.read(len(KENLM_MAGIC))
    except OSError as error:
        raise LanguageModelError(f"{path} could not be read: {error.strerror}. Check the path.") from error
    weights = _weights(path)
    return KenLM(path, weights) if head == KENLM_MAGIC else replace(read(path), weights=weights)


def save_weights(path: str | Path, weights: Weights) -> None:
    """Put weights beside a language model's file, where `load` finds them."""
    _beside(path_of(path)).write_text(json.dumps(asdict(weights)) + "\n", encoding="utf-8")


def _beside(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".gz")).with_suffix(".json")


def _weights(path: Path) -> Weights:
    beside = _beside(path)
    if not beside.is_file():
        return Weights()
    try:
        weights = Weights(**json.loads(beside.read_text(encoding="utf-8")))
        if not (isfinite(weights.alpha) and isfinite(weights.beta)):
            raise ValueError("a weight is no finite number")
    except (OSError, ValueError, TypeError) as error:
        raise LanguageModelError(
            f"{beside} cannot be used: {error}. Write alpha and beta into it as numbers, or delete it to go without."
        ) from error
    return weights


def path_of(path: str | Path) -> Path:
    """Give the file that a path or the name ``"bundled"`` stands for."""
    if str(path) == BUNDLED:
        return mini_folder() / FILE
    return Path(path)


def of_checkpoint(folder: Path) -> Path | None:
    """Give the language model that a checkpoint brings in its folder, if it does."""
    path = folder / FILE
    return path if path.is_file() else None
