"""Hypotheses and alignments as dictionaries and as files: txt, srt, vtt, json, tsv, TextGrid, ctm."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from w2vkit.align import Alignment
from w2vkit.decode import Hypothesis, Word
from w2vkit.errors import FormatError, printable, printable_name

LINE_CHARACTERS = 42  # the usual limit of a subtitle line
PAUSE_SECONDS = 0.6  # s; a silence of this length ends a subtitle


def to_dict(found: Hypothesis | Alignment, *, seconds: float, name: str = "audio", notes: Sequence[str] = ()) -> dict[str, Any]:
    """Give a hypothesis or an alignment as values for JSON.

    Parameters
    ----------
    found : Hypothesis or Alignment
    seconds : float
        The duration of the sound (s).
    name : str
        The name of the sound.
    notes : sequence of str
        What is missing in the sound, or was chosen, as `w2vkit.audio.Waveform.notes`.

    Returns
    -------
    dict
        ``audio``, ``seconds``, ``text``, ``confidence``, ``score`` and ``words``; ``notes`` if there are some;
        ``alternatives`` if a hypothesis has some; ``segments``, ``characters`` and ``unmapped`` of an alignment.
    """
    hypothesis = found.hypothesis if isinstance(found, Alignment) else found
    content: dict[str, Any] = {
        "audio": name,
        "seconds": round(seconds, 3),
        "text": hypothesis.text,
        "confidence": round(hypothesis.confidence, 4),
        "score": round(hypothesis.score, 4),
        "words": _timed(hypothesis.words),
    }
    if notes:
        content["notes"] = list(notes)
    if hypothesis.alternatives:
        content["alternatives"] = [
            {
                "text": h.text,
                "confidence": round(h.confidence, 4),
                "acoustic_score": round(h.acoustic_score, 4),
                "language_score": round(h.language_score, 4),
            }
            for h in hypothesis.alternatives
        ]
    if isinstance(found, Alignment):
        content["segments"] = _timed(found.segments)
        content["characters"] = _timed(found.characters)
        content["unmapped"] = list(found.unmapped)
    return content


def _timed(parts: tuple[Word, ...]) -> list[dict[str, Any]]:
    return [{"text": p.text, "start": p.start, "end": p.end, "confidence": round(p.confidence, 4)} for p in parts]


def txt(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """Plain text, one line."""
    return f"{hypothesis.text}\n"


def subtitles(hypothesis: Hypothesis) -> Iterator[tuple[Word, ...]]:
    """Group words into subtitles: a new one starts after a pause, and before a line gets too long."""
    line: list[Word] = []
    for word in hypothesis.words:
        length = sum(len(w.text) + 1 for w in line) + len(word.text)
        if line and (length > LINE_CHARACTERS or word.start - line[-1].end >= PAUSE_SECONDS):
            yield tuple(line)
            line = []
        line.append(word)
    if line:
        yield tuple(line)


def srt(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """SubRip subtitles."""
    blocks = [
        f"{i}\n{_clock(words[0].start, ',')} --> {_clock(words[-1].end, ',')}\n{_joined(words)}\n"
        for i, words in enumerate(subtitles(hypothesis), 1)
    ]
    return "\n".join(blocks)


def vtt(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """WebVTT subtitles (https://www.w3.org/TR/webvtt1/)."""
    blocks = [
        f"{_clock(words[0].start, '.')} --> {_clock(words[-1].end, '.')}\n{_escape(_joined(words))}\n"
        for words in subtitles(hypothesis)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def _joined(words: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in words)


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tsv(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """One word per row, for spreadsheets: start and end (s), confidence, word."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(["start", "end", "confidence", "word"])
    writer.writerows([f"{w.start:.3f}", f"{w.end:.3f}", f"{w.confidence:.4f}", w.text] for w in hypothesis.words)
    return buffer.getvalue()


def textgrid(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """Praat's long TextGrid with one tier of words; Praat requires empty intervals for silences."""
    length = round(1000 * seconds)
    intervals: list[tuple[int, int, str]] = []  # ms
    position = 0
    for start, end, word in _milliseconds(hypothesis.words):
        if start > position:
            intervals.append((position, start, ""))
        intervals.append((start, end, word.text))
        position = end
    if position < length or not intervals:
        intervals.append((position, length, ""))
    last = _decimal(max(position, length))
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {last}",
        "tiers? <exists>",
        "size = 1",
        "item []:",
        "    item [1]:",
        '        class = "IntervalTier"',
        '        name = "words"',
        "        xmin = 0",
        f"        xmax = {last}",
        f"        intervals: size = {len(intervals)}",
    ]
    for i, (start, end, text) in enumerate(intervals, 1):
        doubled = text.replace('"', '""')
        lines += [
            f"        intervals [{i}]:",
            f"            xmin = {_decimal(start)}",
            f"            xmax = {_decimal(end)}",
            f'            text = "{doubled}"',
        ]
    return "\n".join(lines) + "\n"


def ctm(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """NIST's CTM: recording, channel, start (s), duration (s), word, confidence."""
    recording = "_".join(name.split()) or "audio"
    rows = [
        f"{recording} 1 {start / 1000:.3f} {(end - start) / 1000:.3f} {word.text} {word.confidence:.4f}\n"
        for start, end, word in _milliseconds(hypothesis.words)
    ]
    return "".join(rows)


def _milliseconds(words: tuple[Word, ...]) -> Iterator[tuple[int, int, Word]]:
    """Round the times of words to ms. Words that are 1 ms apart, which is an error of rounding, share a border."""
    position = 0
    for word in words:
        start = round(1000 * word.start)
        if start <= position + 1:
            start = position
        position = max(round(1000 * word.end), start + 1)
        yield start, position, word


def _decimal(milliseconds: int) -> str:
    """Write a time in seconds, exactly."""
    return f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".")


Writer = Callable[[Hypothesis, float, str], str]
WRITERS: dict[str, Writer] = {"txt": txt, "srt": srt, "vtt": vtt, "tsv": tsv, "TextGrid": textgrid, "ctm": ctm}
FORMATS = ("txt", "srt", "vtt", "json", "tsv", "TextGrid", "ctm")


def format_named(name: str) -> str:
    """Give the format in `FORMATS` that a name in any case means.

    Raises
    ------
    FormatError
        There is no such format.
    """
    names = {format.lower(): format for format in FORMATS}
    if name.lower() not in names:
        raise FormatError(f"There is no format {name!r}. Choose one of: {', '.join(FORMATS)}.")
    return names[name.lower()]


def render(
    found: Hypothesis | Alignment, format: str, *, seconds: float, name: str = "audio", notes: Sequence[str] = ()
) -> str:
    """Write a hypothesis or an alignment in a format, without control characters (`w2vkit.errors.printable`).

    Parameters
    ----------
    found : Hypothesis or Alignment
        JSON has all of an alignment; the other formats have its words.
    format : str
        One of `FORMATS`, in any case.
    seconds : float
        The duration of the sound (s).
    name : str
        The name of the sound, for formats that contain it.
    notes : sequence of str
        As for `to_dict`, for JSON.

    Raises
    ------
    FormatError
        There is no such format.
    """
    format = format_named(format)
    name = printable_name(name)
    if format == "json":
        content = to_dict(found, seconds=seconds, name=name, notes=notes)
        return printable(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    hypothesis = found.hypothesis if isinstance(found, Alignment) else found
    return printable(WRITERS[format](hypothesis, seconds, name))
