"""The path from sound to text in one call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from w2vkit.audio import MAX_SECONDS, Waveform, load
from w2vkit.decode import Decode, Hypothesis, default_decoder
from w2vkit.emissions import Emissions

if TYPE_CHECKING:
    from w2vkit.model import CTCModel


class Emitter(Protocol):
    """What makes emissions of waveforms: a `CTCModel`, or what stands before one, such as a server's queue."""

    sample_rate: int

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms, as `CTCModel.emit`."""
        ...


class Reader(Emitter, Protocol):
    """An emitter that says where its checkpoint is, which may bring a language model."""

    folder: Path


@dataclass(frozen=True, eq=False)
class Transcription:
    """What became of a sound, stage by stage.

    Attributes
    ----------
    waveform : Waveform
        What the model heard: (N,) samples at its rate.
    emissions : Emissions
        (T, V) log-probabilities.
    hypothesis : Hypothesis
        Text and words with times and confidence.
    """

    waveform: Waveform
    emissions: Emissions
    hypothesis: Hypothesis

    @property
    def text(self) -> str:
        """What was said."""
        return self.hypothesis.text


@dataclass(frozen=True, eq=False)
class FileTranscription:
    """What became of a file whose sound was not kept.

    Attributes
    ----------
    seconds : float
        Its duration.
    emissions : Emissions
        (T, V) log-probabilities.
    hypothesis : Hypothesis
        Text and words with times and confidence.
    """

    seconds: float
    emissions: Emissions
    hypothesis: Hypothesis


def transcribe(
    source: Any,
    model: Reader | str = "auto",
    *,
    decode: Decode | None = None,
    max_seconds: float = MAX_SECONDS,
    progress: Callable[[float], None] | None = None,
) -> Transcription:
    """Transcribe one sound.

    Parameters
    ----------
    source
        Anything that `w2vkit.audio.load` takes: a path, bytes, a file object, (rate, array), a row.
    model : Reader or str
        A loaded model, or a name for `CTCModel.load`; a named model is loaded once and kept.
    decode : callable, optional
        Emissions to Hypothesis, such as `greedy`; by default what suits the checkpoint (`w2vkit.decode.default_decoder`).
    max_seconds : float
        Refuse anything longer (s).
    progress : callable, optional
        Called with the share that is done (0 to 1).

    Returns
    -------
    Transcription

    Raises
    ------
    W2VKitError
        `AudioError` for the sound, `ModelError` for the checkpoint.
    """
    chosen = _loaded(model) if isinstance(model, str) else model
    waveform = load(source, sample_rate=chosen.sample_rate, max_seconds=max_seconds)
    (emissions,) = chosen.emit([waveform], progress=progress)
    return Transcription(waveform, emissions, (decode or default_decoder(chosen.folder))(emissions))


def transcribe_file(
    source: Any,
    model: "CTCModel",
    *,
    decode: Decode | None = None,
    max_seconds: float = MAX_SECONDS,
    progress: Callable[[float], None] | None = None,
) -> FileTranscription:
    """Transcribe sound of any length in the memory of a short one.

    Parameters and errors are those of `transcribe`.

    Returns
    -------
    FileTranscription
        The same text; the sound is not in it.
    """
    emissions, seconds = model.emit_file(source, max_seconds=max_seconds, progress=progress)
    return FileTranscription(seconds, emissions, (decode or default_decoder(model.folder))(emissions))


@lru_cache(maxsize=2)
def _loaded(name: str) -> "CTCModel":
    from w2vkit.model import CTCModel

    return CTCModel.load(name)
