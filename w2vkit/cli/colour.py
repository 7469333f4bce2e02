"""Words in the colours of their confidence, for a terminal."""

import os
from dataclasses import replace
from typing import TextIO

from w2vkit.decode import Hypothesis
from w2vkit.decode.hypothesis import LEGEND, shade
from w2vkit.errors import printable
from w2vkit.formats import PLAIN, Layout, Speakers, txt

COLOURS = {"sure": "{}", "likely": "\x1b[33m{}\x1b[0m", "doubtful": "\x1b[31m{}\x1b[0m"}
ABOUT = (
    f"In a terminal, words of a confidence below {LEGEND['sure']:g} are yellow and those below {LEGEND['likely']:g} red; "
    "NO_COLOR=1 prints them plain, FORCE_COLOR=1 colours them in a pipe, too."
)


def takes_colour(stream: TextIO) -> bool:
    """Whether to colour the text for a stream; the rules have the same order as for Python's tracebacks.

    NO_COLOR (https://no-color.org) comes first, then FORCE_COLOR, and then whether the stream is a terminal.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def in_colour(speakers: Speakers, layout: Layout = PLAIN) -> str:
    """Give the text of each speaker, as `w2vkit.formats.txt` but coloured."""
    return txt([_coloured(hypothesis) for hypothesis in speakers], 0.0, "", layout)


def _coloured(hypothesis: Hypothesis) -> Hypothesis:
    words = tuple(replace(w, text=COLOURS[shade(w.confidence)].format(printable(w.text))) for w in hypothesis.words)
    return replace(hypothesis, text=" ".join(word.text for word in words), words=words)
