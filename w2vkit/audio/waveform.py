"""Load any source of audio as one `Waveform`: mono, float32, at the model's rate.

Audio is decoded, mixed down and resampled block by block, so that an hour of 44.1 kHz stereo never lies
in memory as a whole.
"""

import io
import math
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from w2vkit.audio.decoders import BLOCK_SAMPLES, MAX_CHANNELS, Block, Note, OpenAudio, one_error, open_file, to_float32
from w2vkit.errors import AudioError, TooLongError, brief, printable_name

SAMPLE_RATE = 16_000  # Hz; wav2vec 2.0 checkpoints were trained on it
MAX_SECONDS = 2 * 3600.0  # s; the longest audio that `load` takes by default
MAX_NAME = 100  # characters of a file's name in messages
FAR_WEAKER = 0.02  # a mix with less of the power of its channels (-17 dB): they cancel each other
MAX_PEAK = 16.0  # float samples above it must be integers that were not scaled
NOT_FINITE = "The audio has NaN or infinite samples. Export it again, or replace them (numpy.nan_to_num)."
EMPTY_FILE = "{name} is empty (0 bytes). Record or copy it again."
CANCELLED = "The channels of {name} cancel each other (one is inverted). One channel was taken, not their mean."


@dataclass(frozen=True, eq=False)
class Waveform:
    """Mono audio.

    Attributes
    ----------
    samples : numpy.ndarray
        (N,) float32, nominally in [-1, 1], at least one sample, all finite.
    sample_rate : int
        Samples per second (Hz).
    notes : tuple of str
        For people: what is missing in the source, or was chosen; empty if all of it was read.

    Raises
    ------
    AudioError
        The samples have another shape or dtype, are none or not finite, or the rate is not positive.
    """

    samples: np.ndarray
    sample_rate: int = SAMPLE_RATE
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise AudioError(
                f"A Waveform takes (N,) float32 samples, not {self.samples.shape} {self.samples.dtype}. "
                "Use w2vkit.audio.load, which converts."
            )
        if self.sample_rate <= 0:
            raise AudioError(f"The sampling rate is {self.sample_rate} Hz. Give the rate of the recording.")
        if not len(self.samples):
            raise AudioError("The audio has no samples. Record or export it again.")
        # A sum is finite only if every sample is, and needs no array of booleans, which counts for long audio.
        with np.errstate(invalid="ignore"):
            total = float(np.sum(self.samples, dtype=np.float64))
        if not math.isfinite(total):
            raise AudioError(NOT_FINITE)

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return len(self.samples) / self.sample_rate


def load(
    source: Any,
    *,
    sample_rate: int = SAMPLE_RATE,
    max_seconds: float = MAX_SECONDS,
    track: int | None = None,
    strict: bool = False,
) -> Waveform:
    """Load audio from any kind of source.

    Parameters
    ----------
    source : path, bytes, file object, (rate, array), (array, rate), or a row of a data set
        An array is (N,), (N, channels) or (channels, N); integers are scaled by their dtype. A row is
        ``{"array", "sampling_rate"}`` or ``{"bytes", "path"}``, or has one of them under ``"audio"``.
    sample_rate : int
        The rate (Hz) to resample to, with soxr's high quality.
    max_seconds : float
        Refuse longer audio (s). A length that the header states is checked before decoding.
    track : int, optional
        Which audio track of a file to take, from 1; the default track otherwise.
    strict : bool
        Make a note, such as that the end of a file is missing, an error.

    Returns
    -------
    Waveform
        The mean of the channels; one channel where they cancel each other.

    Raises
    ------
    AudioError
        The source is missing, empty, not audio or too long, or has unusable samples.
    """
    notes: list[str] = []
    note = refuse if strict else notes.append
    buffer = np.empty(0, dtype=np.float32)
    count = 0
    for block in stream(source, sample_rate=sample_rate, max_seconds=max_seconds, track=track, note=note):
        if count + len(block) > len(buffer):
            # Growing in place: joining a list of blocks would hold the whole sound twice.
            buffer.resize(max(count + len(block), len(buffer) * 5 // 4), refcheck=False)
        buffer[count : count + len(block)] = block
        count += len(block)
    buffer.resize(count, refcheck=False)
    if not count:
        raise AudioError(f"{describe(source)} has no samples. Record or export it again.")
    return Waveform(buffer, sample_rate, tuple(notes))


def refuse(note: str) -> None:
    """Raise a note of `stream` as an `AudioError`."""
    raise AudioError(note)


def ignore(note: str) -> None:
    """Drop a note of `stream`."""


def stream(
    source: Any,
    *,
    sample_rate: int = SAMPLE_RATE,
    max_seconds: float = math.inf,
    track: int | None = None,
    note: Note = ignore,
) -> Iterator[np.ndarray]:
    """Load audio block by block.

    Parameters
    ----------
    source, sample_rate, max_seconds, track
        As for `load`.
    note : callable
        Called with each note of `Waveform.notes`, most of them at the end.

    Yields
    ------
    numpy.ndarray
        (n,) float32 mono samples at ``sample_rate``; n varies.

    Raises
    ------
    AudioError
        As for `load`. An error late in a file is raised when the decoder reaches it.
    """
    rate, resample, empty = 0, None, np.empty(0, dtype=np.float32)
    with one_error(describe(source)):
        for new_rate, block in mono(source, max_seconds=max_seconds, track=track, note=note):
            if new_rate != rate:  # the first block, or a part with another rate
                if resample:
                    yield resample(empty, last=True)
                rate, resample = new_rate, resampler(new_rate, sample_rate)
            yield resample(block) if resample else block
        if resample:
            yield resample(empty, last=True)


def resampler(rate: int, to: int) -> Callable[..., np.ndarray] | None:
    """Make a function that resamples (n,) float32 blocks, with ``last=True`` for the last one; None where rates are equal."""
    import soxr

    return None if rate == to else soxr.ResampleStream(rate, to, 1, dtype="float32", quality="HQ").resample_chunk


def mono(
    source: Any, *, max_seconds: float = math.inf, track: int | None = None, note: Note = ignore
) -> Iterator[tuple[int, np.ndarray]]:
    """Load audio block by block at its own rate.

    Parameters
    ----------
    source, max_seconds, track, note
        As for `stream`.

    Yields
    ------
    rate : int
        Samples per second (Hz); it may change within a file.
    block : numpy.ndarray
        (n,) float32, the mean of the channels, or one of them where they cancel each other.

    Raises
    ------
    AudioError
        As for `load`. An error late in a file is raised when the decoder reaches it.
    """
    noted = False
    for rate, block in all_channels(source, max_seconds=max_seconds, track=track, note=note):
        mixed, cancelled = mix(block)
        if cancelled and not noted:
            noted = True
            note(CANCELLED.format(name=describe(source)))
        yield rate, mixed


def all_channels(
    source: Any, *, max_seconds: float = math.inf, track: int | None = None, note: Note = ignore
) -> Generator[Block, None, None]:
    """Decode audio block by block, as `mono`, but with all channels: blocks are (channels, n) float32."""
    name, seconds = describe(source), 0.0
    with one_error(name), closing(_open(source, name, track, note)) as audio:
        _check_length(name, audio.seconds, max_seconds)
        for rate, block in audio.blocks:
            seconds += block.shape[1] / rate
            _check_length(name, seconds, max_seconds)
            yield rate, block


def channels(
    source: Any,
    *,
    sample_rate: int = SAMPLE_RATE,
    max_seconds: float = MAX_SECONDS,
    track: int | None = None,
    note: Note = ignore,
) -> list[Waveform]:
    """Load the channels of a sound separately, such as a call with one speaker on each.

    Parameters
    ----------
    source, sample_rate, max_seconds, track
        As for `load`.
    note
        As for `stream`.

    Returns
    -------
    list of Waveform
        Of equal length.

    Raises
    ------
    AudioError
        As for `load`, or rate or number of channels change within the sound.
    """
    rate, blocks = 0, list[np.ndarray]()
    for new_rate, block in all_channels(source, max_seconds=max_seconds, track=track, note=note):
        if blocks and (new_rate, len(block)) != (rate, len(blocks[0])):
            raise AudioError(f"Rate or number of channels change within {describe(source)}. Export it again, as WAV or FLAC.")
        rate = new_rate
        blocks.append(block)
    if not blocks:
        raise AudioError(f"{describe(source)} has no samples. Record or export it again.")
    return [
        load((rate, channel), sample_rate=sample_rate, max_seconds=max_seconds) for channel in np.concatenate(blocks, axis=1)
    ]


def mix(block: np.ndarray) -> tuple[np.ndarray, bool]:
    """Mix (channels, n) samples to (n,): their mean, or one channel if they cancel each other; and whether they do."""
    if len(block) == 1:
        return np.ascontiguousarray(block[0]), False
    mixed = block[0] + block[1]  # NumPy's mean over an axis of two is ten times slower
    for channel in block[2:]:
        mixed += channel
    mixed /= len(block)
    with np.errstate(invalid="ignore"):
        powers = block[:, ::16].var(axis=1)  # some of the samples suffice
        if mixed[::16].var() >= FAR_WEAKER * powers.mean() or not np.isfinite(powers).all():
            return mixed, False
    # The first loud channel, so that it is the same one in each block.
    return np.ascontiguousarray(block[int(np.argmax(powers >= powers.max() / 2))]), True


def describe(source: Any) -> str:
    """Give the name of a source for messages, on one line and shortened: that of its file, if it has one."""
    name, nameless = source, "The audio"
    if isinstance(source, Mapping):
        inner, nameless = source.get("audio", source), "The audio of this row"
        name = inner.get("path") or None if isinstance(inner, Mapping) else None
    elif not isinstance(source, str | os.PathLike):
        name = getattr(source, "name", None)
    if not isinstance(name, str | os.PathLike):
        return nameless
    shown = printable_name(Path(os.fsdecode(name)).name or os.fsdecode(name))
    return shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME - 13]}…{shown[-12:]}"


def contents(source: Any) -> Any:
    """Give the bytes of a file object, and any other source as it is.

    Raises
    ------
    AudioError
        The file is open as text, or closed.
    """
    if not callable(read := getattr(source, "read", None)):
        return source
    with one_error(describe(source)):
        found = read()
    if not isinstance(found, bytes | bytearray | memoryview):  # a text would be taken for the path of another file
        raise AudioError(f"{describe(source)} gives {type(found).__name__} when it is read, not bytes. Open it as binary.")
    return found


def as_path(given: str | os.PathLike) -> Path:
    """Give a path; "~" at its beginning is the home folder, unless there is a file of that name."""
    path = Path(os.fsdecode(given))
    try:
        return path if path.exists() else path.expanduser()
    except (OSError, RuntimeError, ValueError):  # an impossible name or an unknown home; opening it will say so
        return path


def _open(source: Any, name: str, track: int | None, note: Note) -> OpenAudio:
    """Open any kind of source."""
    if isinstance(source, Mapping):
        return _open(_audio_of_row(source), name, track, note)
    if isinstance(source, tuple | list) and len(source) == 2:
        first, second = source
        return _open_array(first, second, name) if np.ndim(first) else _open_array(second, first, name)
    source, given = contents(source), source
    for text in getattr(given, "notes", ()):  # a part of a recording (`w2vkit.pipeline.segments.Segment`) has some
        note(text)
    if isinstance(source, str | os.PathLike):
        return open_file(_open_path(as_path(source), name), name, track=track, note=note)
    if isinstance(source, bytes | bytearray | memoryview):
        if not len(source):
            raise AudioError(EMPTY_FILE.format(name=name))
        return open_file(io.BytesIO(source), name, track=track, note=note)
    if isinstance(source, np.ndarray):
        raise AudioError("An array alone does not state its sampling rate. Give (rate, array), as in load((16000, samples)).")
    raise AudioError(
        f"Cannot load audio from {type(source).__name__}. Give a path, bytes, a file object, (rate, array), "
        "or a row of a data set."
    )


def _audio_of_row(row: Mapping) -> Any:
    """Give the audio of a row of a data set, as `_open` takes it."""
    if "audio" in row:
        return row["audio"]
    if row.get("array") is not None and "sampling_rate" in row:
        return row["sampling_rate"], row["array"]
    for key, kinds in (("bytes", bytes | bytearray | memoryview), ("path", str | os.PathLike)):
        if (value := row.get(key)) is not None:
            if isinstance(value, kinds):
                return value
            raise AudioError(
                f'"{key}" of this row is of type {type(value).__name__}. Give bytes as "bytes", and a name as "path".'
            )
    raise AudioError(
        f'A row with {sorted(row)} holds no audio. It needs "array" and "sampling_rate", or "bytes" or "path", '
        'directly or under "audio".'
    )


def _open_path(path: Path, name: str) -> BinaryIO:
    """Open a file in Python: the libraries would take some names for an address or an option."""
    try:
        if not path.exists():
            raise AudioError(f"{name} does not exist in {printable_name(path.parent)}. Check the spelling and the folder.")
        if not path.is_file():
            raise AudioError(f"{name} is not a file. Give the path of one audio file.")
        if path.stat().st_size == 0:
            raise AudioError(EMPTY_FILE.format(name=name))
        return path.open("rb")
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or brief(error)
        raise AudioError(f"{name} cannot be opened: {reason}. Check its name and its permissions.") from error


def _open_array(array: Any, rate: Any, name: str) -> OpenAudio:
    array = np.asarray(array)
    if not isinstance(rate, int | np.integer) and not (isinstance(rate, float) and rate.is_integer()):
        raise AudioError(f"The sampling rate {rate!r} is not a whole number of Hz. Give (rate, array) or (array, rate).")
    if not 1000 <= rate <= 768_000:
        raise AudioError(
            f"The sampling rate {rate} Hz is not between 1000 and 768000 Hz. Give the rate of the recording, such as 16000."
        )
    samples = _scale(_channels_first(array, name), name)
    step, length = BLOCK_SAMPLES // max(1, len(samples)), samples.shape[1]
    blocks = ((int(rate), samples[:, start : start + step]) for start in range(0, length, step))
    return OpenAudio(length / rate, blocks)


def _channels_first(array: np.ndarray, name: str) -> np.ndarray:
    """Turn (N,), (N, C) or (C, N) samples into (C, N); the shorter axis is the channels."""
    if array.ndim == 1:
        return array[None]
    if array.ndim != 2:
        raise AudioError(f"{name} has {array.ndim} axes {array.shape}. Give (N,), (N, channels) or (channels, N) samples.")
    few = min(array.shape)
    if few > MAX_CHANNELS or (few == 0 and max(array.shape) > 0):
        raise AudioError(
            f"{name} has shape {array.shape}: more than {MAX_CHANNELS} channels, or none. Mix it down to mono or stereo first."
        )
    return array.T if array.shape[1] == few else array


def _scale(array: np.ndarray, name: str) -> np.ndarray:
    """Scale samples to float32 in [-1, 1] by their dtype."""
    if array.dtype == np.uint8 or (array.dtype.kind == "i" and array.dtype.itemsize <= 4):
        return to_float32(array)
    if array.dtype.kind != "f":
        raise AudioError(f"{name} has samples of type {array.dtype}. Give int8, int16, int32, uint8 or floating-point samples.")
    peak = float(np.abs(array).max(initial=0.0))
    if math.isfinite(peak) and peak > MAX_PEAK:
        raise AudioError(
            f"{name} has floating-point samples up to {peak:.0f}; they should lie in [-1, 1]. Divide 16-bit values by 32768."
        )
    return to_float32(array)


def _check_length(name: str, seconds: float | None, max_seconds: float) -> None:
    if seconds is not None and seconds > max_seconds + 1e-6:  # durations of blocks are added up
        raise TooLongError(
            f"{name} is longer ({_clock(seconds)}) than the limit of {_clock(max_seconds)}. "
            "Cut it into parts, or raise the limit (max_seconds in Python, --max-hours, or --max-seconds of w2vkit demo)."
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"
