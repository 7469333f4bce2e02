"""The one family of errors: every message names the cause and what to do about it."""


class W2VKitError(Exception):
    """Anything that w2vkit refuses or cannot do. Catch this one to catch all."""


class AudioError(W2VKitError):
    """The sound cannot be read or cannot be used."""


class ModelError(W2VKitError):
    """The checkpoint cannot be found, loaded or used."""


class EmissionsError(W2VKitError):
    """The emission matrix or its vocabulary is not what decoding needs."""


class AlignmentError(W2VKitError):
    """A text cannot be aligned with the sound it is said to belong to."""


class FormatError(W2VKitError):
    """A result cannot be written the way it was asked for."""


class DecodingError(W2VKitError):
    """The decoder cannot search the way it was asked to."""


class LanguageModelError(W2VKitError):
    """The language model cannot be read, built or used with this vocabulary."""


class DatasetError(W2VKitError):
    """The data set cannot be found or read, or lacks what an evaluation needs."""


class EvaluationError(W2VKitError):
    """The evaluation cannot be carried out, or its results cannot be kept."""


class ClusterError(W2VKitError):
    """The work cannot be shared out among machines, or what they found cannot be kept."""


class ServerError(W2VKitError):
    """The page cannot be served the way it was asked for."""


def brief(error: BaseException) -> str:
    """Shorten a library's message to one sentence of at most 300 characters; the exception's type where there is none."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    return text if text.endswith((".", "!", "?")) else text + "."
