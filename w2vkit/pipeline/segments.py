"""A part of a sound, as in manifests that cut one recording into many utterances."""

import io
import math
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from w2vkit.audio import MAX_SECONDS
from w2vkit.audio.decoders import EARLY_SECONDS
from w2vkit.audio.waveform import SAMPLE_RATE, describe, stream
from w2vkit.decode import Hypothesis
from w2vkit.errors import AudioError, DatasetError


@dataclass(frozen=True, eq=False)
class Segment:
    """A part of a sound. It can be read like a file, so that `w2vkit.audio.load` takes it.

    Attributes
    ----------
    source
        The whole sound: a path, bytes, or a row of a data set.
    start : float
        Where the part begins (s).
    seconds : float or None
        How long it is (s); None is up to the end.
    track : int, optional
        As for `w2vkit.audio.stream`.
    most : float
        The most that is read (s) of a part that goes up to the end.
    notes : list of str
        After `read`: what is missing in the part, or was chosen. Notes that come at the end of the sound belong to its last
        part.
    """

    source: Any
    start: float
    seconds: float | None
    track: int | None = None
    most: float = MAX_SECONDS + 1  # `load` refuses what is longer than MAX_SECONDS
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the whole sound, for messages."""
        return describe(self.source)

    def read(self) -> bytes:
        """Give the part as a WAV file with `SAMPLE_RATE`. It is shorter than asked for where the sound ends early.

        Raises
        ------
        AudioError
            As for `w2vkit.audio.load`, or the sound ends before the part begins.
        """
        import soundfile

        most = self.most if self.seconds is None else self.seconds
        first, last = round(self.start * SAMPLE_RATE), round((self.start + most) * SAMPLE_RATE)
        reader = _opened.pop(self, first)
        samples = reader.read(first, last)
        if not len(samples):
            raise AudioError(
                f"{self.name} has no sound from {self.start:g} s on. Correct the offset (--start), or leave the part out."
            )
        self.notes[:] = reader.notes
        end = self.start + len(samples) / SAMPLE_RATE
        if self.seconds is not None and self.start + self.seconds - end > EARLY_SECONDS:
            self.notes.append(
                f"{self.name} ends at {end:.1f} s; the part was to go up to {round(self.start + most, 1):.10g} s."
            )
        _opened.reader = reader
        file = io.BytesIO()
        soundfile.write(file, samples, SAMPLE_RATE, format="WAV", subtype="FLOAT")
        return file.getvalue()


class _Reader:
    """Reads parts of one sound, each beginning at or after the beginning of the part before."""

    def __init__(self, segment: Segment) -> None:
        self.source, self.track, self.start = segment.source, segment.track, 0  # the number of the first sample that is held
        self.notes: list[str] = []
        self._held = np.empty(0, np.float32)
        self._blocks = stream(segment.source, sample_rate=SAMPLE_RATE, track=segment.track, note=self.notes.append)

    def read(self, first: int, last: int) -> np.ndarray:
        """Give the samples ``first`` to ``last - 1``, or those of them that the sound has."""
        end = self.start + len(self._held)
        parts = [self._held[max(0, first - self.start) :]]
        while end <= last and (block := next(self._blocks, None)) is not None:
            parts.append(block[max(0, first - end) :])
            end += len(block)
        self._held = np.concatenate(parts)
        self.start = end - len(self._held)
        return self._held[: max(0, last - self.start)] if first < end else self._held[:0]


class _Opened(threading.local):
    """The reader of the last part, for each thread: the parts of a recording follow each other, and it is decoded once."""

    reader: _Reader | None = None

    def pop(self, segment: Segment, first: int) -> _Reader:
        """Give the kept reader if it can still read a sample, or else a new one. A reader that fails is not kept."""
        reader, self.reader = self.reader, None
        if reader is not None and isinstance(reader.source, Path) and reader.start <= first:
            if (reader.source, reader.track) == (segment.source, segment.track):
                return reader
        return _Reader(segment)


_opened = _Opened()


def segment_of(source: Any, offset: Any, duration: Any) -> Any:
    """Cut a sound as a manifest says: give a `Segment`, or the source itself where nothing is cut off.

    Parameters
    ----------
    source
        What `w2vkit.audio.load` takes.
    offset, duration
        Numbers in seconds, or texts of numbers. None and "" stand for the beginning, and for the end.

    Raises
    ------
    DatasetError
        One of them is no number, or negative, or the duration is 0.
    """
    start, seconds = _seconds("offset", offset), _seconds("duration", duration)
    if seconds == 0:
        raise DatasetError("The duration is 0 s. Correct it, or leave the row out.")
    return source if not start and seconds is None else Segment(source, start or 0.0, seconds)


def _seconds(name: str, value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise DatasetError(
            f"The {name} {str(value)[:40]!r} is not a number of seconds from 0 on. Correct it, or leave the row out."
        )
    return number


def shifted(hypothesis: Hypothesis, seconds: float) -> Hypothesis:
    """Give a hypothesis of a part the times of the whole sound, in which the part begins at ``seconds`` (s)."""
    words = tuple(
        replace(word, start=round(word.start + seconds, 3), end=round(word.end + seconds, 3)) for word in hypothesis.words
    )
    alternatives = tuple(shifted(other, seconds) for other in hypothesis.alternatives)
    return replace(hypothesis, words=words, alternatives=alternatives)
