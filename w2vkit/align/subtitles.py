"""Reads the text of subtitles: SubRip (SRT) and WebVTT (https://www.w3.org/TR/webvtt1/)."""

import re
from html import unescape

ARROW = r"[^\S\n]*[-\u2013\u2014]+ ?>[^\S\n]*"  # by hand it is "->"; one run of white space, so that time stays linear
TIMING = re.compile(rf"^\s*-?[\d:.,]+{ARROW}-?[\d:.,]+")
CLOCKS = re.compile(rf"^[^\S\n]*-?(\d+:)?\d+:\d\d([.,]\d+)?{ARROW}-?(\d+:)?\d+:\d\d", re.MULTILINE)
TAG = re.compile(r"</?[a-zA-Z\d][^<>]*>|\{\\[^{}]*\}")  # <i>, <v Ann>, <00:01.000> and, from other formats, {\an8}
ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|lrm|rlm|#\d{1,7}|#x[\da-fA-F]{1,6});")


def without_times(text: str) -> str:
    """Give one line for each cue if a text is that of an SRT or VTT file; any other text as it is."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(cues_of(lines)) if CLOCKS.search(lines) else text


def cues_of(text: str) -> list[str]:
    """Give the text of each cue, without its number, times and tags; cues without text are left out.

    Parameters
    ----------
    text : str
        The content of an SRT or VTT file. Lines before the first timing line, comments (``NOTE``), and the blocks ``STYLE``
        and ``REGION`` are left out. In VTT a cue ends at an empty line, in SRT with the number of the next.
    """
    ends_when_empty = text.startswith(("WEBVTT", "\ufeffWEBVTT"))
    cues: list[list[str]] = []
    open_cue = False
    for line in text.splitlines():
        if TIMING.match(line):
            # Files without empty lines have the number of the next cue right before its times.
            if open_cue and len(cues[-1]) > 1 and cues[-1][-1].strip().isdigit():
                cues[-1].pop()
            cues.append([])
            open_cue = True
        elif not line.strip():
            open_cue = open_cue and not ends_when_empty
            if open_cue:
                cues[-1].append("")
        elif open_cue:
            cues[-1].append(ENTITY.sub(lambda match: unescape(match[0]), TAG.sub("", line)))
    joined = (" ".join(" ".join(lines).split()) for lines in cues)
    return [cue for cue in joined if cue]
