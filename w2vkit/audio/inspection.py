"""What an audio file contains, and what a model is given of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from w2vkit.audio.decoders import DEMUXERS
from w2vkit.audio.waveform import CANCELLED, SAMPLE_RATE, all_channels, as_path, describe, mix

FULL_SCALE = 0.999  # amplitude; a little below the limit of 16-bit samples, as encoders round


@dataclass(frozen=True)
class Track:
    """An audio track as its container describes it: codec, rate (Hz), number of channels, and language where it is given."""

    codec: str
    sample_rate: int
    channels: int
    language: str | None = None


@dataclass(frozen=True)
class Inspection:
    """What an audio file contains.

    Attributes
    ----------
    container : str
    tracks : tuple of Track
    sample_rate, channels : int
        Of the track that is taken, at its beginning.
    seconds : float
        Duration of what can be decoded.
    levels : tuple of float
        Root mean square of each channel (dB relative to full scale; a sine at full scale has -3.01); -inf for silence.
    peaks : tuple of float
        Largest amplitude of each channel (dB relative to full scale).
    clipped : tuple of float
        Share of each channel's samples at `FULL_SCALE` or above: clipping cuts many there.
    heard_level : float
        Root mean square of the mono signal that is given to a model (dB relative to full scale), before its normalisation.
    notes : tuple of str
        What is missing, or was chosen, as `w2vkit.audio.Waveform.notes`.
    """

    container: str
    tracks: tuple[Track, ...]
    sample_rate: int
    channels: int
    seconds: float
    levels: tuple[float, ...]
    peaks: tuple[float, ...]
    clipped: tuple[float, ...]
    heard_level: float
    notes: tuple[str, ...]


def inspect(source: str | Path, *, track: int | None = None) -> Inspection:
    """Decode a file to its end, and measure it.

    Parameters
    ----------
    source : path
    track : int, optional
        As for `w2vkit.audio.load`.

    Raises
    ------
    AudioError
        As for `w2vkit.audio.load`.
    """
    path, notes, any_cancelled = as_path(source), list[str](), False
    powers = peaks = clipped = np.zeros(0)
    first_rate, samples, seconds, mono_power = 0, 0, 0.0, 0.0
    for rate, block in all_channels(path, track=track, note=notes.append):
        mixed, cancelled = mix(block)
        if cancelled and not any_cancelled:
            any_cancelled = True
            notes.append(CANCELLED.format(name=describe(path)))
        mono_power += float(np.sum(np.square(mixed, dtype=np.float64)))
        if not first_rate:
            first_rate, powers = rate, np.zeros(len(block))
            peaks, clipped = powers.copy(), powers.copy()
        n = min(len(block), len(powers))  # the number of channels may change within a file
        powers[:n] += np.square(block[:n], dtype=np.float64).sum(axis=1)
        peaks[:n] = np.maximum(peaks[:n], np.abs(block[:n]).max(axis=1, initial=0.0))
        clipped[:n] += np.sum(np.abs(block[:n]) >= FULL_SCALE, axis=1)
        samples, seconds = samples + block.shape[1], seconds + block.shape[1] / rate
    container, tracks = _described(path)
    return Inspection(
        container=container,
        tracks=tracks or (Track("unknown codec", first_rate, len(powers)),),
        sample_rate=first_rate,
        channels=len(powers),
        seconds=seconds,
        levels=tuple(_decibels(float(p) / max(1, samples)) for p in powers),
        peaks=tuple(_decibels(float(p) ** 2) for p in peaks),
        clipped=tuple(float(c) / max(1, samples) for c in clipped),
        heard_level=_decibels(mono_power / max(1, samples)),
        notes=tuple(notes),
    )


def _described(path: Path) -> tuple[str, tuple[Track, ...]]:
    """Give the name of the container and its audio tracks by FFmpeg; by libsndfile where FFmpeg does not know the format."""
    import av
    import soundfile
    from av.error import FFmpegError

    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": ""}  # a file cannot make it open another one
    try:
        with path.open("rb") as file, av.open(file, "r", options=options, metadata_errors="replace") as container:
            tracks = [_track(stream) for stream in container.streams.audio if stream.codec_context is not None]
            return container.format.long_name, tuple(tracks)
    except FFmpegError:
        with path.open("rb") as file:
            facts = soundfile.info(file)
        return facts.format_info, (Track(facts.subtype_info, facts.samplerate, facts.channels),)


def _track(stream: Any) -> Track:
    context, language = stream.codec_context, stream.metadata.get("language")
    # MP4 names a language for every track; "und" stands for none (ISO 639-2).
    return Track(context.name, context.sample_rate, context.channels, None if language == "und" else language)


def _decibels(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf


def heard(found: Inspection) -> str:
    """Say in a sentence what a model is given of a file."""
    mixed = "its one channel" if found.channels == 1 else f"the mean of its {found.channels} channels"
    if any("cancel each other" in note for note in found.notes):
        mixed = "one of its channels, as they cancel each other"
    rate = "as it is" if found.sample_rate == SAMPLE_RATE else f"resampled from {found.sample_rate} Hz"
    top = min(found.sample_rate, SAMPLE_RATE) / 2000
    return f"{mixed} at {SAMPLE_RATE} Hz, {rate}: sounds up to {top:g} kHz"
