"""The one family of errors: every message names the cause and what to do about it."""


class W2VKitError(Exception):
    """Anything that w2vkit refuses or cannot do. Catch this one to catch all."""


class AudioError(W2VKitError):
    """The sound cannot be read or cannot be used."""


class ModelError(W2VKitError):
    """The checkpoint cannot be found, loaded or used."""


class EmissionsError(W2VKitError):
    """The emission matrix or its vocabulary is not what decoding needs."""


class FormatError(W2VKitError):
    """A result cannot be written the way it was asked for."""
