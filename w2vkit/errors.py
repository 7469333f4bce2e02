"""The exceptions of w2vkit. Every message names the cause and what to do."""

import logging
from pathlib import Path

_log = logging.getLogger(__name__)
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # in PyTorch's messages


class W2VKitError(Exception):
    """The base class of all errors that w2vkit raises on purpose."""


class AudioError(W2VKitError):
    """The audio cannot be read or used."""


class TooLongError(AudioError):
    """The audio is longer than a limit."""


class ModelError(W2VKitError):
    """The checkpoint cannot be found, loaded or used."""


class EmissionsError(W2VKitError):
    """The emission matrix or its vocabulary is invalid."""


class AlignmentError(W2VKitError):
    """The text cannot be aligned with the audio."""


class FormatError(W2VKitError):
    """The result cannot be written in this format or to this file."""


class DecodingError(W2VKitError):
    """The options of the decoder are invalid."""


class LanguageModelError(W2VKitError):
    """The language model cannot be read, built or used with this vocabulary."""


class DatasetError(W2VKitError):
    """The data set cannot be found or read, or lacks a column that is needed."""


class EvaluationError(W2VKitError):
    """The evaluation cannot be run, or its results cannot be saved."""


class ClusterError(W2VKitError):
    """The Ray cluster cannot be used, or its results cannot be saved."""


class ServerError(W2VKitError):
    """The page cannot be served with these options."""


# Control characters except tab and line feed: a terminal obeys them, U+009B like ESC [. The last two ranges change the
# direction of text, so that it is shown in another order than it is stored.
_CONTROLS = [*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_REPLACED = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")
_ESCAPED = {code: f"\\u{code:04x}" for code in _CONTROLS}


def printable_json(text: str) -> str:
    """Escape the control characters of a text in JSON, whose values stay the same."""
    return text.translate(_ESCAPED)


def printable(text: str) -> str:
    """Replace the control characters of a text except tabs and line feeds, so that a terminal only shows it."""
    return text.translate(_REPLACED)


def brief(error: BaseException) -> str:
    """Shorten a library's message to one sentence of at most 300 characters; the exception's type where there is none."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    return text if text.endswith((".", "!", "?")) else text + "."


def reason(error: Exception) -> str:
    """Say why one item of a job failed. The text can be written as UTF-8; the traceback of an unexpected error is logged.

    A job catches every exception of an item, since libraries can raise any exception on damaged input.
    """
    if isinstance(error, W2VKitError):
        text = str(error)
    elif isinstance(error, MemoryError) or any(phrase in str(error) for phrase in NO_MEMORY):
        text = "Memory ran out. Cut the sound into shorter parts, or close other programs and run again."
    else:
        text = (
            f"An unexpected {type(error).__name__}: {brief(error)} Check that the file plays; if it does, report this message."
        )
        _log.debug("An item failed.", exc_info=error)
    return utf8(text)


def utf8(text: str) -> str:
    r"""Write bytes of a file's name that are not UTF-8 as ``\udcff``, as such a text cannot be written to a file."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable_name(name: str | Path) -> str:
    """Write a path or a name on one line that a terminal and a file take."""
    return printable(utf8(str(name))).replace("\n", "\\n").replace("\t", "\\t")
