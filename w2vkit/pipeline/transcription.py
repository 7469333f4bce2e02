"""One sound to its text, or to the times of a known text, in one call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from w2vkit.align import Alignment, align
from w2vkit.align.forced_alignment import lay_out
from w2vkit.audio import MAX_SECONDS, Waveform, load
from w2vkit.audio.waveform import refuse
from w2vkit.decode import Decode, Hypothesis
from w2vkit.emissions import Emissions, Vocabulary

if TYPE_CHECKING:
    from w2vkit.model import CTCModel


class Emitter(Protocol):
    """Computes emissions: a `CTCModel`, or an object in front of one, such as the queue of a server.

    Attributes
    ----------
    sample_rate : int
        Of the waveforms (Hz).
    stride : int
        Samples from one frame to the next.
    vocabulary : Vocabulary
    """

    sample_rate: int
    stride: int
    vocabulary: Vocabulary

    @property
    def default_decoder(self) -> Decode:
        """The checkpoint's default decoder, as `CTCModel.default_decoder`."""
        ...

    def emit(self, waveforms: Sequence[Waveform], *, progress: Callable[[float], None] | None = None) -> list[Emissions]:
        """Compute the emissions of waveforms, as `CTCModel.emit` does."""
        ...


@dataclass(frozen=True, eq=False)
class Transcription:
    """The result of each stage from sound to text.

    Attributes
    ----------
    waveform : Waveform or None
        The model's input: (N,) samples at its rate; None where the sound was not kept.
    seconds : float
        The duration of the sound.
    emissions : Emissions
        (T, V) log-probabilities.
    hypothesis : Hypothesis
        Text, and words with times and confidences.
    notes : tuple of str
        For people: what is missing in the sound, or was chosen, as `Waveform.notes`.
    """

    waveform: Waveform | None
    seconds: float
    emissions: Emissions
    hypothesis: Hypothesis
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of the hypothesis."""
        return self.hypothesis.text


def transcribe(
    source: Any,
    model: Emitter | str = "auto",
    *,
    decode: Decode | None = None,
    keep_sound: bool = True,
    max_seconds: float = MAX_SECONDS,
    track: int | None = None,
    strict: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Transcription:
    """Transcribe one sound.

    Parameters
    ----------
    source
        A `Waveform` at the model's rate, or anything that `w2vkit.audio.load` takes: a path, bytes, a file object,
        (rate, array), a row.
    model : Emitter or str
        A loaded model, or a name for `CTCModel.load`.
    decode : callable, optional
        Emissions to Hypothesis, such as `greedy`; the checkpoint's default otherwise (`CTCModel.default_decoder`).
    keep_sound : bool
        Put the waveform into the result. Without it, a `CTCModel` reads sound of any length block by block, in the memory
        that a short one takes; the text is the same.
    max_seconds : float
        Refuse anything longer (s).
    track, strict
        As for `w2vkit.audio.load`.
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
    if keep_sound:
        waveform = _load(source, chosen, max_seconds, track, strict)
        (emissions,) = chosen.emit([waveform], progress=progress)
        seconds, notes = waveform.seconds, waveform.notes
    else:
        waveform, found = None, list[str]()
        note = refuse if strict else found.append
        emissions, seconds = cast("CTCModel", chosen).emit_file(
            source, max_seconds=max_seconds, track=track, note=note, progress=progress
        )
        notes = tuple(found)
    return Transcription(waveform, seconds, emissions, (decode or chosen.default_decoder)(emissions), notes)


def align_file(
    source: Any,
    text: str,
    model: Emitter | str = "auto",
    *,
    align: Callable[[Emissions, str], Alignment] = align,
    max_seconds: float = MAX_SECONDS,
    track: int | None = None,
    strict: bool = False,
    progress: Callable[[float], None] | None = None,
) -> tuple[Transcription, Alignment]:
    """Find where a known text was said in a sound, by forced alignment (`w2vkit.align.align`).

    Parameters
    ----------
    source, model, max_seconds, track, strict, progress
        As for `transcribe`.
    text : str
        What was said.
    align : callable
        `w2vkit.align.align`, or what stands in for it, such as one that runs in another process.

    Returns
    -------
    transcription : Transcription
        Its hypothesis is the alignment's.
    alignment : Alignment

    Raises
    ------
    W2VKitError
        As for `transcribe`, and `AlignmentError` for the text.
    """
    chosen = _loaded(model) if isinstance(model, str) else model
    waveform = _load(source, chosen, max_seconds, track, strict)
    frames = len(waveform.samples) // chosen.stride  # `align` counts one to three frames less
    lay_out(text, chosen.vocabulary, frames, chosen.stride / chosen.sample_rate)  # refuses a text before the network runs
    (emissions,) = chosen.emit([waveform], progress=progress)
    alignment = align(emissions, text)
    return Transcription(waveform, waveform.seconds, emissions, alignment.hypothesis, waveform.notes), alignment


def _load(source: Any, model: Emitter, max_seconds: float, track: int | None, strict: bool) -> Waveform:
    if isinstance(source, Waveform):
        return source
    return load(source, sample_rate=model.sample_rate, max_seconds=max_seconds, track=track, strict=strict)


# So a loop over `transcribe(path, "w2v-mini")` loads the checkpoint once. Two, so that two models can be compared.
@lru_cache(maxsize=2)
def _loaded(name: str) -> "CTCModel":
    from w2vkit.model import CTCModel

    return CTCModel.load(name)
