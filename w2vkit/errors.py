"""The exceptions of w2vkit. Every message names the cause and what to do."""


class W2VKitError(Exception):
    """The base class of all errors that w2vkit raises on purpose."""


class AudioError(W2VKitError):
    """The audio cannot be read or used."""


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


# Controls but for tab and line feed: a terminal obeys them. C1 (U+0080 to U+009F) holds a second ESC; the others change the
# direction of text, so that it shows in another order than it is.
_CONTROLS = [*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_REPLACED = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")


def printable(text: str) -> str:
    """Replace the control characters of a text, but for tabs and line feeds, so that a terminal only shows it."""
    return text.translate(_REPLACED)


def brief(error: BaseException) -> str:
    """Shorten a library's message to one sentence of at most 300 characters; the exception's type where there is none."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    return text if text.endswith((".", "!", "?")) else text + "."
