"""Reads the text of subtitles: SubRip (SRT) and WebVTT (https://www.w3.org/TR/webvtt1/)."""

import re
from html import unescape

TIMING = re.compile(r"^\s*[\d:.,]+\s*-->\s*[\d:.,]+")
CLOCKS = re.compile(r"^\s*(\d+:)?\d+:\d\d([.,]\d+)?\s*-->\s*(\d+:)?\d+:\d\d", re.MULTILINE)
TAG = re.compile(r"</?[a-zA-Z\d][^<>]*>|\{\\[^{}]*\}")  # <i>, <v Ann>, <00:01.000> and, from other formats, {\an8}
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|lrm|rlm|#\d{1,7}|#x[\da-fA-F]{1,6});")


def without_times(text: str) -> str:
    """Give one line for each cue if a text is that of an SRT or VTT file; any other text as it is."""
    return "\n".join(cues_of(text)) if text.startswith("WEBVTT") or CLOCKS.search(text) else text


def cues_of(text: str) -> list[str]:
    """Give the text of each cue, without its number, times and tags; cues without text are left out.

    Parameters
    ----------
    text : str
        The content of an SRT or VTT file. What stands before the first timing line, in comments (``NOTE``), and in the
        blocks ``STYLE`` and ``REGION`` is no text.
    """
    cues: list[list[str]] = []
    open_cue = False  # a cue ends at an empty line
    for line in text.splitlines():
        if TIMING.match(line):
            # Files without empty lines have the number of the next cue right before its times.
            if open_cue and len(cues[-1]) > 1 and cues[-1][-1].strip().isdigit():
                cues[-1].pop()
            cues.append([])
            open_cue = True
        elif not line.strip():
            open_cue = False
        elif open_cue:
            cues[-1].append(ENTITY.sub(lambda match: unescape(match[0]), TAG.sub("", line)))
    joined = (" ".join(" ".join(lines).split()) for lines in cues)
    return [cue for cue in joined if cue]
