"""Hypotheses and alignments as dictionaries and as files: txt, srt, vtt, ass, json, tsv, TextGrid, ctm."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from w2vkit.align import Alignment
from w2vkit.decode import Hypothesis, Word
from w2vkit.errors import FormatError, printable, printable_name

PAUSE_SECONDS = 0.6  # s; a pause of this length ends a subtitle and a segment


@dataclass(frozen=True)
class Layout:
    """How words are put into subtitles and segments.

    A pause is the time from the end of a word to the start of the next one, in which the network emits only blanks and word
    boundaries. So silence, noise and music all count as pauses.

    Attributes
    ----------
    line_width : int
        The most characters of a line; a longer word has a line of its own.
    lines : int
        The most lines of a subtitle.
    words_per_line : int or None
        The most words of a line; None for any number.
    highlight : bool
        Underline each word while it is said, as Whisper does: a subtitle is repeated for each of its words.
    pause : float
        A pause of this length (s) ends a subtitle and a segment. No subtitle is shown during it.

    Raises
    ------
    FormatError
        A number is not above 0.
    """

    line_width: int = 42  # the usual limit of a subtitle line
    lines: int = 1
    words_per_line: int | None = None
    highlight: bool = False
    pause: float = PAUSE_SECONDS

    def __post_init__(self) -> None:
        counts = [self.line_width, self.lines, 1 if self.words_per_line is None else self.words_per_line]
        if min(counts) < 1:
            raise FormatError("A subtitle needs at least one character, word and line. Give numbers from 1 on.")
        if not 0 < self.pause < math.inf:
            raise FormatError(f"A pause of {self.pause:g} s ends no subtitle. Give a number of seconds above 0.")


PLAIN = Layout()


def segments(words: Sequence[Word], pause: float = PAUSE_SECONDS) -> Iterator[tuple[Word, ...]]:
    """Cut words at the pauses of at least ``pause`` (s); see `Layout`."""
    part: list[Word] = []
    for word in words:
        if part and word.start - part[-1].end >= pause:
            yield tuple(part)
            part = []
        part.append(word)
    if part:
        yield tuple(part)


CASES = ("lower", "upper", "sentence")


def in_case(hypothesis: Hypothesis, case: str, *, pause: float = PAUSE_SECONDS) -> Hypothesis:
    """Write a hypothesis and its alternatives in another case.

    Parameters
    ----------
    hypothesis : Hypothesis
    case : str
        One of `CASES`. "sentence" is for English: lower case, except the first letter, the first letter after a pause, and
        the word "I" with its short forms (I'm, I'll). It finds neither names nor the ends of sentences, and adds no
        punctuation.
    pause : float
        As for `segments` (s).

    Raises
    ------
    FormatError
        There is no such case.
    """
    if case not in CASES:
        raise FormatError(f"There is no case {case!r}. Choose one of: {', '.join(CASES)}.")
    written: list[Word] = []
    for part in segments(hypothesis.words, pause):
        for k, word in enumerate(part):
            text = word.text.upper() if case == "upper" else word.text.lower()
            if case == "sentence" and (k == 0 or re.fullmatch(r"i(['\u2019].*)?", text)):
                text = re.sub(r"[^\W\d_]", lambda letter: letter[0].upper(), text, count=1)
            written.append(replace(word, text=text))
    alternatives = tuple(in_case(other, case, pause=pause) for other in hypothesis.alternatives)
    return replace(hypothesis, text=_joined(written), words=tuple(written), alternatives=alternatives)


Speakers = Sequence[Hypothesis]  # one for each channel of a sound


def speaker_name(channel: int) -> str:
    """Name the speaker of a channel, counted from 0."""
    return f"Speaker {channel + 1}"


def to_dict(
    found: Hypothesis | Alignment | Speakers,
    *,
    seconds: float,
    name: str = "audio",
    notes: Sequence[str] = (),
    pause: float = PAUSE_SECONDS,
) -> dict[str, Any]:
    """Give a hypothesis or an alignment as values for JSON.

    Parameters
    ----------
    found : Hypothesis or Alignment, or a sequence of Hypothesis
        A sequence has one hypothesis for each channel of a sound, which are the speakers.
    seconds : float
        The duration of the sound (s).
    name : str
        The name of the sound.
    notes : sequence of str
        What is missing in the sound, or was chosen, as `w2vkit.audio.Waveform.notes`.
    pause : float
        A pause of this length (s) ends a segment of a hypothesis; see `Layout`.

    Returns
    -------
    dict
        ``audio``, ``seconds``, ``text``, ``confidence``, ``score``, ``words`` and ``segments``; ``notes`` if there are some.

        A hypothesis also has ``pause_seconds``, by which its segments were cut, and ``alternatives`` if there are some. An
        alignment has ``characters`` and ``unmapped``; its segments are the lines of the text.

        Several speakers have ``audio``, ``seconds``, ``notes`` and ``pause_seconds`` together. ``speakers`` is a list: each has
        ``speaker``, ``channel`` (from 1 on) and the rest of a hypothesis. ``segments`` are those of all speakers in the order
        of time, each with its ``speaker``.
    """
    if not isinstance(found, Hypothesis | Alignment):
        return _speakers_to_dict(found, seconds, name, notes, pause)
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
    else:
        content["pause_seconds"] = pause
        content["segments"] = _timed([_merged(part) for part in segments(hypothesis.words, pause)])
    return content


def _speakers_to_dict(speakers: Speakers, seconds: float, name: str, notes: Sequence[str], pause: float) -> dict[str, Any]:
    shared = ("audio", "seconds", "notes", "pause_seconds", "segments")
    parts = [to_dict(hypothesis, seconds=seconds, name=name, notes=notes, pause=pause) for hypothesis in speakers]
    named = [{"speaker": speaker_name(k), "channel": k + 1} for k in range(len(parts))]
    every = [
        {"speaker": who["speaker"], **segment} for who, part in zip(named, parts, strict=True) for segment in part["segments"]
    ]
    return {
        **{key: parts[0][key] for key in shared[:4] if key in parts[0]},
        "speakers": [
            who | {key: value for key, value in part.items() if key not in shared}
            for who, part in zip(named, parts, strict=True)
        ],
        "segments": sorted(every, key=lambda segment: (segment["start"], segment["end"])),
    }


def _merged(words: Sequence[Word]) -> Word:
    """Make one entry of words: their text and time, and the mean of their confidences, as `Hypothesis.confidence`."""
    confidence = sum(word.confidence for word in words) / len(words)
    return Word(_joined(words), words[0].start, words[-1].end, confidence)


def _timed(parts: Sequence[Word]) -> list[dict[str, Any]]:
    return [{"text": p.text, "start": p.start, "end": p.end, "confidence": round(p.confidence, 4)} for p in parts]


def txt(speakers: Speakers, seconds: float, name: str, layout: Layout) -> str:
    """Plain text: one line, or of several speakers a line for each segment."""
    if len(speakers) == 1:
        return f"{speakers[0].text}\n"
    turns = [(part[0].start, k, part) for k, h in enumerate(speakers) for part in segments(h.words, layout.pause)]
    return "".join(f"{speaker_name(k)}: {_joined(part)}\n" for _, k, part in sorted(turns, key=lambda turn: turn[:2]))


@dataclass(frozen=True)
class Cue:
    """A subtitle.

    Attributes
    ----------
    start, end : int
        ms.
    lines : tuple of tuple of Word
    said : Word or None
        The word to underline.
    speaker : str
        Empty where there is only one.
    """

    start: int
    end: int
    lines: tuple[tuple[Word, ...], ...]
    said: Word | None = None
    speaker: str = ""

    def text(self, newline: str, underline: tuple[str, str], escape: Callable[[str], str] = str) -> str:
        """Join the lines; ``underline`` is what stands before and after the word to underline."""
        before, after = underline
        lines = (
            (f"{before}{escape(w.text)}{after}" if w is self.said else escape(w.text) for w in line) for line in self.lines
        )
        return newline.join(map(" ".join, lines))


def subtitles(words: Sequence[Word], layout: Layout = PLAIN) -> Iterator[Cue]:
    """Put words into subtitles: a new one starts after a pause, and where the lines of the one before are full.

    With ``layout.highlight`` they are those of Whisper's ``--highlight_words``: one for each word, and one without a
    highlight for each gap between two.
    """
    for part in segments(words, layout.pause):
        all_lines = tuple(_lines(part, layout))
        for first in range(0, len(all_lines), layout.lines):
            lines = all_lines[first : first + layout.lines]
            timed = list(_milliseconds([word for line in lines for word in line]))
            if not layout.highlight:
                yield Cue(timed[0][0], timed[-1][1], lines)
                continue
            last = timed[0][0]
            for start, end, word in timed:
                if last < start:
                    yield Cue(last, start, lines)
                yield Cue(start, end, lines, word)
                last = end


def _lines(words: Sequence[Word], layout: Layout) -> Iterator[tuple[Word, ...]]:
    line: list[Word] = []
    for word in words:
        length = sum(len(w.text) + 1 for w in line) + len(word.text)
        if line and (length > layout.line_width or len(line) == layout.words_per_line):
            yield tuple(line)
            line = []
        line.append(word)
    if line:
        yield tuple(line)


def _cues(speakers: Speakers, layout: Layout) -> list[Cue]:
    """Give the subtitles of all speakers in the order of time; those of two who speak at once overlap."""
    if len(speakers) == 1:
        return list(subtitles(speakers[0].words, layout))
    cues = [replace(cue, speaker=speaker_name(k)) for k, h in enumerate(speakers) for cue in subtitles(h.words, layout)]
    return sorted(cues, key=lambda cue: (cue.start, cue.end))


def srt(speakers: Speakers, seconds: float, name: str, layout: Layout) -> str:
    """SubRip subtitles; the name of a speaker counts as a part of the first line."""
    if len(speakers) > 1:
        layout = replace(layout, line_width=max(1, layout.line_width - len(f"{speaker_name(len(speakers) - 1)}: ")))
    blocks = [
        f"{i}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
        f"{cue.speaker and f'{cue.speaker}: '}{cue.text(NEWLINE, UNDERLINE)}\n"
        for i, cue in enumerate(_cues(speakers, layout), 1)
    ]
    return "\n".join(blocks)


def vtt(speakers: Speakers, seconds: float, name: str, layout: Layout) -> str:
    """WebVTT subtitles (https://www.w3.org/TR/webvtt1/); a speaker is a voice, ``<v Speaker 1>``."""
    blocks = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n"
        f"{cue.speaker and f'<v {cue.speaker}>'}{cue.text(NEWLINE, UNDERLINE, _escape)}\n"
        for cue in _cues(speakers, layout)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


NEWLINE, UNDERLINE = "\n", ("<u>", "</u>")
ASS_NEWLINE, ASS_UNDERLINE = r"\N", (r"{\u1}", r"{\u0}")
ASS_HEAD = """[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def ass(speakers: Speakers, seconds: float, name: str, layout: Layout) -> str:
    """Subtitles of Advanced SubStation Alpha, version 4.00+; its times have 10 ms, and a speaker is an actor."""
    rows = [ASS_HEAD]
    for cue in _cues(speakers, layout):
        start, end = (_clock(10 * round(time / 10), ".")[1:-1] for time in (cue.start, cue.end))
        if start != end:  # a gap between two words may round to nothing
            rows.append(
                f"Dialogue: 0,{start},{end},Default,{cue.speaker},0,0,0,,{cue.text(ASS_NEWLINE, ASS_UNDERLINE, _escape_ass)}\n"
            )
    return "".join(rows)


def _joined(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)


def _clock(milliseconds: int, point: str) -> str:
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape_ass(text: str) -> str:
    """Escape braces; a backslash has no escape, so that a word joiner, which is not seen, keeps it from being a command."""
    return text.replace("\\", "\\\N{WORD JOINER}").replace("{", "\\{").replace("}", "\\}")


def tsv(speakers: Speakers, seconds: float, name: str, layout: Layout) -> str:
    """One word per row, for spreadsheets: start and end (s), confidence, word; of several speakers also the speaker."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    several = len(speakers) > 1
    writer.writerow(["start", "end", "confidence", "word", *(["speaker"] if several else [])])
    words = [(w, [speaker_name(k)] if several else []) for k, hypothesis in enumerate(speakers) for w in hypothesis.words]
    for w, who in sorted(words, key=lambda row: row[0].start):
        writer.writerow([f"{w.start:.3f}", f"{w.end:.3f}", f"{w.confidence:.4f}", w.text, *who])
    return buffer.getvalue()


def textgrid(speakers: Speakers, seconds: float, name: str, layout: Layout) -> str:
    """Praat's long TextGrid with a tier of words for each speaker."""
    names = ["words"] if len(speakers) == 1 else map(speaker_name, range(len(speakers)))
    return _grid({name: hypothesis.words for name, hypothesis in zip(names, speakers, strict=True)}, seconds)


def _grid(tiers: Mapping[str, Sequence[Word]], seconds: float) -> str:
    """Write a TextGrid of named tiers; Praat requires empty intervals for silences."""
    ends = [end for words in tiers.values() for _, end, _ in _milliseconds(words)]
    length = max([round(1000 * seconds), *ends])  # ms
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {_decimal(length)}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for k, (name, words) in enumerate(tiers.items()):
        lines += _tier(k, name, words, length)
    return "\n".join(lines) + "\n"


def _tier(number: int, name: str, words: Sequence[Word], length: int) -> list[str]:
    intervals: list[tuple[int, int, str]] = []  # ms
    position = 0
    for start, end, word in _milliseconds(words):
        if start > position:
            intervals.append((position, start, ""))
        intervals.append((start, end, word.text))
        position = end
    if position < length or not intervals:
        intervals.append((position, length, ""))
    lines = [
        f"    item [{number + 1}]:",
        '        class = "IntervalTier"',
        f'        name = "{name}"',
        "        xmin = 0",
        f"        xmax = {_decimal(length)}",
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
    return lines


def ctm(speakers: Speakers, seconds: float, name: str, layout: Layout) -> str:
    """NIST's CTM: recording, channel, start (s), duration (s), word, confidence; by channel, then by time."""
    recording = "_".join(name.split()) or "audio"
    rows = [
        f"{recording} {channel} {start / 1000:.3f} {(end - start) / 1000:.3f} {word.text} {word.confidence:.4f}\n"
        for channel, hypothesis in enumerate(speakers, 1)
        for start, end, word in _milliseconds(hypothesis.words)
    ]
    return "".join(rows)


def _milliseconds(words: Sequence[Word]) -> Iterator[tuple[int, int, Word]]:
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


Writer = Callable[[Speakers, float, str, Layout], str]
WRITERS: dict[str, Writer] = {"txt": txt, "srt": srt, "vtt": vtt, "ass": ass, "tsv": tsv, "TextGrid": textgrid, "ctm": ctm}
FORMATS = ("txt", "srt", "vtt", "ass", "json", "tsv", "TextGrid", "ctm")
SUBTITLES = ("srt", "vtt", "ass")


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
    found: Hypothesis | Alignment | Speakers,
    format: str,
    *,
    seconds: float,
    name: str = "audio",
    notes: Sequence[str] = (),
    layout: Layout = PLAIN,
) -> str:
    """Write a hypothesis or an alignment in a format, without control characters (`w2vkit.errors.printable`).

    Parameters
    ----------
    found : Hypothesis or Alignment, or a sequence of Hypothesis
        JSON has all of an alignment, a TextGrid its words, characters and lines or sentences as tiers. In `SUBTITLES` the
        lines of its text are the subtitles, if it has several. The other formats have its words. The words of several
        speakers, as for `to_dict`, are merged in the order of time.
    format : str
        One of `FORMATS`, in any case.
    seconds : float
        The duration of the sound (s).
    name : str
        The name of the sound, for formats that contain it.
    notes : sequence of str
        As for `to_dict`, for JSON.
    layout : Layout
        How `SUBTITLES` are cut; its pause also ends the segments in JSON.

    Raises
    ------
    FormatError
        There is no such format.
    """
    format = format_named(format)
    name = printable_name(name)
    if format == "json":
        content = to_dict(found, seconds=seconds, name=name, notes=notes, pause=layout.pause)
        return printable(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    if isinstance(found, Alignment) and format == "TextGrid":
        tiers = {"words": found.hypothesis.words, "characters": found.characters}
        return printable(_grid(tiers | {"lines" if found.lines else "sentences": found.segments}, seconds))
    first = found.hypothesis if isinstance(found, Alignment) else found
    speakers = [first] if isinstance(first, Hypothesis) else first
    if isinstance(found, Alignment) and found.lines and format in SUBTITLES:
        speakers = [replace(found.hypothesis, words=found.segments)]
        layout = replace(layout, lines=1, words_per_line=1)
    return printable(WRITERS[format](speakers, seconds, name, layout))
