"""Decode audio files block by block: with libsndfile first, then with FFmpeg (PyAV) for the formats it does not know."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from w2vkit.errors import AudioError

BLOCK_SECONDS = 30.0  # s; how much of a source is decoded at a time
MAX_CHANNELS = 6  # 5.1 surround; more is a microphone array, whose mean is not speech
UNREADABLE = (
    "{name} could not be read as audio. It is damaged, or not an audio file. "
    "Play it in a player to check, and export it as WAV, FLAC, MP3, OGG, M4A or WebM."
)


@dataclass(frozen=True)
class OpenAudio:
    """An opened source of audio, of which nothing has been decoded yet.

    Attributes
    ----------
    rate : int
        Samples per second (Hz).
    seconds : float or None
        The duration, if the source states it.
    blocks : iterator of numpy.ndarray
        (n, channels) float32; decoding happens while it is read.
    """

    rate: int
    seconds: float | None
    blocks: Iterator[np.ndarray]


def open_file(file: Path | BinaryIO, name: str) -> OpenAudio:
    """Open an audio file with the first decoder that knows it.

    Parameters
    ----------
    file : path or seekable binary file
    name : str
        The name of the file in error messages.

    Returns
    -------
    OpenAudio

    Raises
    ------
    AudioError
        No decoder knows the file, or it has too many channels. While the blocks are read: the file ends early or is
        damaged.
    """
    import soundfile

    try:
        opened = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, TypeError):
        if not isinstance(file, Path):
            file.seek(0)
        return _open_with_ffmpeg(file, name)
    _check_channels(opened.channels, name)
    # libsndfile reports the largest integer where a stream does not state its length.
    length_known = 0 < opened.frames < 2**62
    seconds = opened.frames / opened.samplerate if length_known else None
    return OpenAudio(opened.samplerate, seconds, _sndfile_blocks(opened, name, length_known))


def _sndfile_blocks(opened: Any, name: str, length_known: bool) -> Iterator[np.ndarray]:
    import soundfile

    rate, promised, read = opened.samplerate, opened.frames, 0
    step = max(1, int(BLOCK_SECONDS * rate))
    with opened:
        while True:
            try:
                block = opened.read(step, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise AudioError(UNREADABLE.format(name=name)) from error
            if not len(block):
                break
            read += len(block)
            yield block
        # Encoders pad and headers round: a tenth of a second less is no damage.
        if length_known and read < promised - rate // 10:
            raise AudioError(
                f"{name} ends early. Its header promises {promised / rate:.1f} s, but only {read / rate:.1f} s are there. "
                "Copy or download it again."
            )


def _open_with_ffmpeg(file: Path | BinaryIO, name: str) -> OpenAudio:
    try:
        import av
        import av.error
    except ImportError as error:
        raise AudioError(f"{name} needs FFmpeg's decoders. Install them with: pip install av") from error
    try:
        container = av.open(str(file) if isinstance(file, Path) else file, "r")
    except (av.error.FFmpegError, ValueError) as error:
        raise AudioError(UNREADABLE.format(name=name)) from error
    if not container.streams.audio:
        container.close()
        raise AudioError(f"{name} has no audio track. Choose a file that has one.")
    track = container.streams.audio[0]
    rate, channels = track.rate, track.channels
    if not rate or not channels:
        raise AudioError(UNREADABLE.format(name=name))
    _check_channels(channels, name)
    seconds = container.duration / av.time_base if container.duration else None
    return OpenAudio(rate, seconds, _ffmpeg_blocks(container, name, math.ceil(BLOCK_SECONDS * rate)))


def _ffmpeg_blocks(container: Any, name: str, step: int) -> Iterator[np.ndarray]:
    import av
    import av.error

    resampler = av.AudioResampler(format="fltp")  # planar float32; rate and channels stay
    parts: list[np.ndarray] = []
    try:
        with container:
            for frame in container.decode(audio=0):
                parts += [part.to_ndarray().T for part in resampler.resample(frame)]
                if sum(map(len, parts)) >= step:
                    yield np.concatenate(parts)
                    parts.clear()
    except av.error.FFmpegError as error:
        raise AudioError(UNREADABLE.format(name=name)) from error
    if parts:
        yield np.concatenate(parts)


def _check_channels(channels: int, name: str) -> None:
    if channels > MAX_CHANNELS:
        raise AudioError(
            f"{name} has {channels} channels; at most {MAX_CHANNELS} can be mixed down. "
            "Choose the channels that hold the voice and export them as mono or stereo."
        )
