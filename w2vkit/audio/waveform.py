"""Load any source of audio as one `Waveform`: mono, float32, at the model's rate.

Audio is decoded, mixed down and resampled block by block, so that an hour of 44.1 kHz stereo never lies
in memory as a whole. libsndfile reads WAV, FLAC, MP3, OGG and Opus; PyAV reads M4A, MP4, WebM and the
other formats of FFmpeg.
"""

import io
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from w2vkit.audio.decoders import BLOCK_SECONDS, MAX_CHANNELS, OpenAudio, open_file
from w2vkit.errors import AudioError

SAMPLE_RATE = 16_000  # Hz; wav2vec 2.0 checkpoints were trained on it
MAX_SECONDS = 2 * 3600.0  # s; the longest audio that `load` takes by default
MAX_PEAK = 16.0  # float samples above it must be integers that were not scaled
NOT_FINITE = "The audio has NaN or infinite samples. Export it again, or replace them (numpy.nan_to_num)."
EMPTY_FILE = "{name} is empty (0 bytes). Record or copy it again."


@dataclass(frozen=True, eq=False)
class Waveform:
    """Mono audio.

    Attributes
    ----------
    samples : numpy.ndarray
        (N,) float32, nominally in [-1, 1], at least one sample, all finite.
    sample_rate : int
        Samples per second (Hz).

    Raises
    ------
    AudioError
        The samples have another shape or dtype, are none or not finite, or the rate is not positive.
    """

    samples: np.ndarray
    sample_rate: int = SAMPLE_RATE

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
        if not math.isfinite(float(np.sum(self.samples, dtype=np.float64))):
            raise AudioError(NOT_FINITE)

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return len(self.samples) / self.sample_rate


def load(source: Any, *, sample_rate: int = SAMPLE_RATE, max_seconds: float = MAX_SECONDS) -> Waveform:
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

    Returns
    -------
    Waveform
        The mean of the channels.

    Raises
    ------
    AudioError
        The source is missing, empty, not audio or too long, or has unusable samples.
    """
    buffer = np.empty(0, dtype=np.float32)
    count = 0
    for block in stream(source, sample_rate=sample_rate, max_seconds=max_seconds):
        if count + len(block) > len(buffer):
            # Growing in place: joining a list of blocks would hold the whole sound twice.
            buffer.resize(max(count + len(block), len(buffer) * 5 // 4), refcheck=False)
        buffer[count : count + len(block)] = block
        count += len(block)
    buffer.resize(count, refcheck=False)
    if not count:
        raise AudioError(f"{describe(source)} has no samples. Record or export it again.")
    return Waveform(buffer, sample_rate)


def stream(source: Any, *, sample_rate: int = SAMPLE_RATE, max_seconds: float = math.inf) -> Iterator[np.ndarray]:
    """Load audio block by block.

    Parameters
    ----------
    source, sample_rate, max_seconds
        As for `load`.

    Yields
    ------
    numpy.ndarray
        (n,) float32 mono samples at ``sample_rate``; n varies.

    Raises
    ------
    AudioError
        As for `load`. An error late in a file is raised when the decoder reaches it.
    """
    import soxr

    rate, blocks = mono(source, max_seconds=max_seconds)
    resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ") if rate != sample_rate else None
    count = 0
    for block in blocks:
        count += len(block)
        yield resampler.resample_chunk(block) if resampler else block
    if resampler and count:
        yield resampler.resample_chunk(np.empty(0, dtype=np.float32), last=True)


def mono(source: Any, *, max_seconds: float = math.inf) -> tuple[int, Iterator[np.ndarray]]:
    """Open a source at its own rate.

    Parameters
    ----------
    source, max_seconds
        As for `load`.

    Returns
    -------
    rate : int
        Samples per second (Hz).
    blocks : iterator of numpy.ndarray
        (n,) float32, the mean of the channels.

    Raises
    ------
    AudioError
        As for `load`. An error late in a file is raised when the decoder reaches it.
    """
    name = describe(source)
    audio = _open(source, name)
    _check_length(name, audio.seconds, max_seconds)
    return audio.rate, _mixed(audio, name, max_seconds)


def _mixed(audio: OpenAudio, name: str, max_seconds: float) -> Iterator[np.ndarray]:
    count = 0
    for block in audio.blocks:
        count += len(block)
        _check_length(name, count / audio.rate, max_seconds)
        yield np.ascontiguousarray(block.mean(axis=1, dtype=np.float32))


def describe(source: Any) -> str:
    """Give the name of a source in error messages: that of its file, if it has one."""
    if isinstance(source, Mapping):
        inner = source.get("audio", source)
        path = inner.get("path") if isinstance(inner, Mapping) else None
        return Path(path).name if path else "The audio of this row"
    if isinstance(source, str | os.PathLike):
        return Path(source).name or str(source)
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else "The audio"


def _open(source: Any, name: str) -> OpenAudio:
    """Open any kind of source."""
    if isinstance(source, Mapping):
        return _open(_audio_of_row(source), name)
    if isinstance(source, tuple | list) and len(source) == 2:
        first, second = source
        return _open_array(first, second, name) if np.ndim(first) else _open_array(second, first, name)
    if isinstance(source, str | os.PathLike):
        return _open_path(Path(source).expanduser(), name)
    if isinstance(source, bytes | bytearray | memoryview):
        if not len(source):
            raise AudioError(EMPTY_FILE.format(name=name))
        return open_file(io.BytesIO(source), name)
    if callable(read := getattr(source, "read", None)):
        return _open(read(), name)
    if isinstance(source, np.ndarray):
        raise AudioError("An array alone does not state its sampling rate. Give (rate, array), as in load((16000, samples)).")
    raise AudioError(
        f"Cannot load audio from {type(source).__name__}. Give a path, bytes, a file object, (rate, array), "
        "or a row of a data set."
    )


def _audio_of_row(row: Mapping) -> Any:
    """Give what `_open` takes for a row of a data set."""
    if "audio" in row:
        return row["audio"]
    if row.get("array") is not None and "sampling_rate" in row:
        return row["sampling_rate"], row["array"]
    for key in ("bytes", "path"):
        if row.get(key) is not None:
            return row[key]
    raise AudioError(
        f'A row with {sorted(row)} holds no audio. It needs "array" and "sampling_rate", or "bytes" or "path", '
        'directly or under "audio".'
    )


def _open_path(path: Path, name: str) -> OpenAudio:
    if not path.exists():
        raise AudioError(f"{path} does not exist. Check the spelling and the folder.")
    if not path.is_file():
        raise AudioError(f"{path} is not a file. Give the path of one audio file.")
    if path.stat().st_size == 0:
        raise AudioError(EMPTY_FILE.format(name=name))
    return open_file(path, name)


def _open_array(array: Any, rate: Any, name: str) -> OpenAudio:
    array = np.asarray(array)
    if not isinstance(rate, int | np.integer) and not (isinstance(rate, float) and rate.is_integer()):
        raise AudioError(f"The sampling rate {rate!r} is not a whole number of Hz. Give (rate, array) or (array, rate).")
    if not 1000 <= rate <= 768_000:
        raise AudioError(
            f"The sampling rate {rate} Hz is not between 1000 and 768000 Hz. Give the rate of the recording, such as 16000."
        )
    samples = _scale(_channels_last(array, name), name)
    step = int(BLOCK_SECONDS * rate)
    blocks = (samples[start : start + step] for start in range(0, len(samples), step))
    return OpenAudio(int(rate), len(samples) / rate, blocks)


def _channels_last(array: np.ndarray, name: str) -> np.ndarray:
    """Turn (N,), (N, C) or (C, N) samples into (N, C); the shorter axis is the channels."""
    if array.ndim == 1:
        return array[:, None]
    if array.ndim != 2:
        raise AudioError(f"{name} has {array.ndim} axes {array.shape}. Give (N,), (N, channels) or (channels, N) samples.")
    few = min(array.shape)
    if few > MAX_CHANNELS or (few == 0 and max(array.shape) > 0):
        raise AudioError(
            f"{name} has shape {array.shape}: more than {MAX_CHANNELS} channels, or none. Mix it down to mono or stereo first."
        )
    return array if array.shape[1] == few else array.T


def _scale(array: np.ndarray, name: str) -> np.ndarray:
    """Scale samples to float32 in [-1, 1] by their dtype."""
    if array.dtype == np.uint8:  # 8-bit WAV is unsigned, with silence at 128
        return (array.astype(np.float32) - 128) / 128
    if array.dtype.kind == "i" and array.dtype.itemsize <= 4:
        return (array / -float(np.iinfo(array.dtype).min)).astype(np.float32)
    if array.dtype.kind != "f":
        raise AudioError(f"{name} has samples of type {array.dtype}. Give int8, int16, int32, uint8 or floating-point samples.")
    peak = float(np.abs(array).max(initial=0.0))
    if math.isfinite(peak) and peak > MAX_PEAK:
        raise AudioError(
            f"{name} has floating-point samples up to {peak:.0f}; they should lie in [-1, 1]. Divide 16-bit values by 32768."
        )
    return array.astype(np.float32)


def _check_length(name: str, seconds: float | None, max_seconds: float) -> None:
    if seconds is not None and seconds > max_seconds:
        raise AudioError(
            f"{name} is longer ({_clock(seconds)}) than the limit of {_clock(max_seconds)}. "
            "Cut it into parts, or raise the limit (max_seconds in Python, --max-hours, or --max-seconds of w2vkit demo)."
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"
