"""Decoders of audio files, block by block: libsndfile first, FFmpeg (PyAV) for what it does not know."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from w2vkit.errors import AudioError

MAX_CHANNELS = 6  # 5.1 surround; more is a microphone array, whose mean is not speech
UNREADABLE = (
    "{name} could not be read as audio: it is damaged, or not a sound file. "
    "Play it in a player to check, and export it as WAV, FLAC, MP3, OGG, M4A or WebM."
)

Opened = tuple[int, float | None, Iterator[np.ndarray]]


def open_blocks(file: Path | BinaryIO, name: str, block_seconds: float) -> Opened:
    """Open a file for reading.

    Parameters
    ----------
    file : path or seekable binary file
    name : str
        What messages call it.
    block_seconds : float
        How much to decode at a time (s).

    Returns
    -------
    rate : int
        Samples per second (Hz).
    seconds : float or None
        The duration, if the header says it.
    blocks : iterator of numpy.ndarray
        (n, channels) float32.

    Raises
    ------
    AudioError
        No decoder knows the file, or it ends early or has too many channels.
    """
    import soundfile

    try:
        opened = soundfile.SoundFile(file)
    except (soundfile.LibsndfileError, TypeError):
        if not isinstance(file, Path):
            file.seek(0)
        return _open_ffmpeg(file, name, block_seconds)
    _check_channels(opened.channels, name)
    # libsndfile gives the largest number there is where a stream does not say its length.
    known = 0 < opened.frames < 2**62
    seconds = opened.frames / opened.samplerate if known else None
    return opened.samplerate, seconds, _sndfile_blocks(opened, name, block_seconds, known)


def _sndfile_blocks(opened, name: str, block_seconds: float, known: bool) -> Iterator[np.ndarray]:  # noqa: ANN001
    import soundfile

    promised, read = opened.frames, 0
    step = max(1, int(block_seconds * opened.samplerate))
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
        if known and read < promised - opened.samplerate // 10:
            raise AudioError(
                f"{name} ends early: its header promises {promised / opened.samplerate:.1f} s, only "
                f"{read / opened.samplerate:.1f} s are there. Copy or download it again."
            )


def _open_ffmpeg(file: Path | BinaryIO, name: str, block_seconds: float) -> Opened:
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
        raise AudioError(f"{name} has no sound in it. Choose a file with an audio track.")
    track = container.streams.audio[0]
    rate, channels = track.rate, track.channels
    if not rate or not channels:
        raise AudioError(UNREADABLE.format(name=name))
    _check_channels(channels, name)
    seconds = container.duration / av.time_base if container.duration else None
    return rate, seconds, _ffmpeg_blocks(container, name, math.ceil(block_seconds * rate))


def _ffmpeg_blocks(container, name: str, step: int) -> Iterator[np.ndarray]:  # noqa: ANN001
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
            f"{name} has {channels} channels; at most {MAX_CHANNELS} are mixed down. "
            "Choose the channels that hold the voice and export them as mono or stereo."
        )
