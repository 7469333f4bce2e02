"""Hypotheses as text files: every writer takes a hypothesis and the sound's length and returns a string."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from w2vkit.align import Alignment
from w2vkit.decode import Hypothesis, Word
from w2vkit.errors import FormatError

LINE_CHARACTERS = 42  # a subtitle line that can be read at a glance
PAUSE_SECONDS = 0.6  # s; a silence that ends a subtitle


@dataclass(frozen=True)
class Cue:
    """A subtitle: words that are shown together."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.text for word in self.words)


def cues(hypothesis: Hypothesis) -> Iterator[Cue]:
    """Break words into subtitles at pauses and before a line gets too long, never inside a word."""
    line: list[Word] = []
    for word in hypothesis.words:
        length = sum(len(w.text) + 1 for w in line) + len(word.text)
        if line and (length > LINE_CHARACTERS or word.start - line[-1].end >= PAUSE_SECONDS):
            yield Cue(tuple(line))
            line = []
        line.append(word)
    if line:
        yield Cue(tuple(line))


def txt(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """Plain text, one line."""
    return f"{hypothesis.text}\n"


def srt(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """SubRip subtitles."""
    blocks = [
        f"{i}\n{_clock(cue.words[0].start, ',')} --> {_clock(cue.words[-1].end, ',')}\n{cue.text}\n"
        for i, cue in enumerate(cues(hypothesis), 1)
    ]
    return "\n".join(blocks)


def vtt(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """WebVTT subtitles (https://www.w3.org/TR/webvtt1/)."""
    blocks = [
        f"{_clock(cue.words[0].start, '.')} --> {_clock(cue.words[-1].end, '.')}\n{_escape(cue.text)}\n"
        for cue in cues(hypothesis)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def as_json(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """All that is known, for programs."""
    content = {
        "audio": name,
        "seconds": round(seconds, 3),
        "text": hypothesis.text,
        "confidence": round(hypothesis.confidence, 4),
        "score": round(hypothesis.score, 4),
        "words": [
            {"text": w.text, "start": w.start, "end": w.end, "confidence": round(w.confidence, 4)} for w in hypothesis.words
        ],
    }
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
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def tsv(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """One word a row for spreadsheets: start and end (s), confidence, word."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(["start", "end", "confidence", "word"])
    writer.writerows([f"{w.start:.3f}", f"{w.end:.3f}", f"{w.confidence:.4f}", w.text] for w in hypothesis.words)
    return buffer.getvalue()


def textgrid(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """Praat's long TextGrid with one tier of words; silences are empty intervals, as Praat wants them."""
    intervals: list[tuple[float, float, str]] = []
    position = 0.0
    for word in hypothesis.words:
        if word.start > position:
            intervals.append((position, word.start, ""))
        intervals.append((word.start, word.end, word.text))
        position = word.end
    if position < seconds or not intervals:
        intervals.append((position, seconds, ""))
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {seconds:g}",
        "tiers? <exists>",
        "size = 1",
        "item []:",
        "    item [1]:",
        '        class = "IntervalTier"',
        '        name = "words"',
        "        xmin = 0",
        f"        xmax = {seconds:g}",
        f"        intervals: size = {len(intervals)}",
    ]
    for i, (start, end, text) in enumerate(intervals, 1):
        doubled = text.replace('"', '""')
        lines += [
            f"        intervals [{i}]:",
            f"            xmin = {start:g}",
            f"            xmax = {end:g}",
            f'            text = "{doubled}"',
        ]
    return "\n".join(lines) + "\n"


def ctm(hypothesis: Hypothesis, seconds: float, name: str) -> str:
    """NIST's CTM: recording, channel, start (s), duration (s), word, confidence."""
    recording = "_".join(name.split()) or "audio"
    rows = [f"{recording} 1 {w.start:.3f} {w.end - w.start:.3f} {w.text} {w.confidence:.4f}\n" for w in hypothesis.words]
    return "".join(rows)


Writer = Callable[[Hypothesis, float, str], str]
FORMATS: dict[str, Writer] = {
    "txt": txt,
    "srt": srt,
    "vtt": vtt,
    "json": as_json,
    "tsv": tsv,
    "TextGrid": textgrid,
    "ctm": ctm,
}


def render(hypothesis: Hypothesis, format: str, *, seconds: float, name: str = "audio") -> str:
    """Write a hypothesis in a format.

    Parameters
    ----------
    hypothesis : Hypothesis
    format : str
        A key of `FORMATS`; upper and lower case are one.
    seconds : float
        The length of the sound (s).
    name : str
        What the sound is called in formats that say it.

    Raises
    ------
    FormatError
        There is no such format.
    """
    writers = {key.lower(): writer for key, writer in FORMATS.items()}
    if format.lower() not in writers:
        raise FormatError(f"There is no format {format!r}. Choose one of: {', '.join(FORMATS)}.")
    return writers[format.lower()](hypothesis, seconds, name)


def with_parts(rendered: str, alignment: Alignment) -> str:
    """Add to a hypothesis in JSON what only an alignment has."""

    def listed(parts: tuple[Word, ...]) -> list[dict[str, Any]]:
        return [{"text": p.text, "start": p.start, "end": p.end, "confidence": round(p.confidence, 4)} for p in parts]

    content = json.loads(rendered)
    content["segments"] = listed(alignment.segments)
    content["characters"] = listed(alignment.characters)
    content["unmapped"] = list(alignment.unmapped)
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
