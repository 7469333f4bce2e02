"""Finding and loading n-gram language models of words or characters.

`w2vkit.decode.lm.arpa` reads ARPA files, plain or gzipped, and `w2vkit.decode.lm.compact` reads the compact format. The
package ``kenlm`` reads KenLM's binary files, if it is installed. `w2vkit.decode.lm.build` makes a model from a text. A file
``NAME.json`` beside ``NAME.npz`` or ``NAME.arpa.gz`` can hold the weights that were fitted for the model.
"""

import json
from dataclasses import asdict, replace
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

from w2vkit.checkpoints import mini_folder
from w2vkit.decode.lm import arpa, compact
from w2vkit.decode.lm.ngram import LARGEST_WEIGHT, LN10, WIDEST_BEAM, NGram, Weights, fingerprint, is_number
from w2vkit.errors import LanguageModelError

BUNDLED = "bundled"  # names w2v-mini's language model, which fits any English model
FILES = ("language_model.npz", "language_model.arpa.gz")  # a checkpoint's language model, in its folder
SUFFIXES = (".npz", ".arpa", ".gz")  # of what is written; .json would be taken for the weights
KENLM_MAGIC = b"mmap lm http://kheafield.com/code"  # the first bytes of its binary files


class KenLM:
    """A KenLM binary, read by the package ``kenlm``.

    The package does not list a model's words, so there is no look-ahead into unfinished words.
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
        """Identifies the content of the file, as for an `NGram`. It is computed on demand, since such files are large."""
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
        An ARPA file, plain or gzipped, a file in the compact format, or a KenLM binary; its first bytes tell which.
        ``"bundled"`` is the word 4-gram of w2v-mini.

    Returns
    -------
    LanguageModel
        With the weights that `save_weights` has stored beside the file, or else the defaults.

    Raises
    ------
    LanguageModelError
        The file is missing, damaged or of another kind, or it needs ``kenlm``, which is not installed.
    """
    path = path_of(path)
    if path.exists() and not path.is_file():  # a pipe could be read but once, or never ends
        raise LanguageModelError(f"{path} is not a file. Give the path of an ARPA file, an .npz file or a KenLM binary.")
    try:
        with path.open("rb") as file:
            head = file.read(len(KENLM_MAGIC))
    except OSError as error:
        raise LanguageModelError(f"{path} could not be read: {error.strerror}. Check the path.") from error
    weights = _weights(path)
    if head == KENLM_MAGIC:
        return KenLM(path, weights)
    return replace((compact if head.startswith(compact.MAGIC) else arpa).read(path), weights=weights)


def save(model: NGram, path: Path) -> None:
    """Write a language model: in the compact format if the name ends in ``.npz``, else as an ARPA file.

    Raises
    ------
    LanguageModelError
        The name ends in something else than ``.npz``, ``.arpa`` or ``.gz``, or the file cannot be written.
    """
    check_suffix(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        (compact if path.suffix == ".npz" else arpa).write(model, path)
    except OSError as error:
        raise LanguageModelError(f"{path} could not be written: {error.strerror}. Choose another output.") from error


def check_suffix(path: Path) -> None:
    """Refuse to write a language model into a file whose name does not say its format.

    Raises
    ------
    LanguageModelError
    """
    if path.suffix not in SUFFIXES:
        raise LanguageModelError(f"{path} does not name the format of a language model. End it in .npz, .arpa or .arpa.gz.")


def save_weights(path: str | Path, weights: Weights) -> None:
    """Store weights beside a language model's file, where `load` finds them."""
    weights_file(path_of(path)).write_text(json.dumps(asdict(weights)) + "\n", encoding="utf-8")


def weights_file(path: Path) -> Path:
    """Give the path of the weights that are stored beside a language model's file, whether they are there or not."""
    return path.with_name(path.name.removesuffix(".gz")).with_suffix(".json")


def _weights(path: Path) -> Weights:
    beside = weights_file(path)
    if not beside.is_file():
        return Weights()
    try:
        weights = Weights(**json.loads(beside.read_text(encoding="utf-8-sig")))
        if not all(is_number(weight) and abs(weight) <= LARGEST_WEIGHT for weight in (weights.alpha, weights.beta)):
            raise ValueError(f"a weight is not a number from {-LARGEST_WEIGHT:g} to {LARGEST_WEIGHT:g}")
        if not (is_number(weights.beam_width, Integral) and 1 <= weights.beam_width <= WIDEST_BEAM):
            raise ValueError(f"a beam width of {weights.beam_width} is not possible")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise LanguageModelError(
            f"{beside} cannot be used: {error}. Write alpha, beta and beam_width into it as numbers, "
            "or delete it to use the defaults."
        ) from error
    return weights


def path_of(path: str | Path) -> Path:
    """Give the path of a language model; the name ``"bundled"`` means that of w2v-mini."""
    if str(path) == BUNDLED:
        return mini_folder() / FILES[0]
    return Path(path)


def of_checkpoint(folder: Path) -> Path | None:
    """Give the path of the language model in a checkpoint's folder, or None if there is none."""
    return next((path for name in FILES if (path := folder / name).is_file()), None)
