"""Speech to text with wav2vec 2.0: audio to emissions to text, with access to every step.

The names are imported when they are first asked for, so that the command can answer Ctrl-C from its first moment on.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w2vkit.audio import Waveform, load
    from w2vkit.decode import Hypothesis, Word, greedy
    from w2vkit.emissions import Emissions, Vocabulary
    from w2vkit.errors import W2VKitError
    from w2vkit.pipeline.transcription import Transcription, transcribe

__version__ = "0.1.0"
__all__ = [
    "Emissions",
    "Hypothesis",
    "Transcription",
    "Vocabulary",
    "W2VKitError",
    "Waveform",
    "Word",
    "greedy",
    "load",
    "transcribe",
]
_HOMES = {
    "align": (),
    "audio": ("Waveform", "load"),
    "decode": ("Hypothesis", "Word", "greedy"),
    "emissions": ("Emissions", "Vocabulary"),
    "errors": ("W2VKitError",),
    "pipeline.transcription": ("Transcription", "transcribe"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            globals()[name] = found = getattr(import_module(f"w2vkit.{module}"), name)
            return found
    if name in {module.partition(".")[0] for module in _HOMES}:
        return import_module(f"w2vkit.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
