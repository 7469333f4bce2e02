"""The options of `transcribe` and `align` that choose formats, and how subtitles are cut."""

import argparse
from collections.abc import Sequence

from w2vkit.errors import FormatError
from w2vkit.formats import FORMATS, PLAIN, SUBTITLES, Layout, format_named

# The attributes of the options, and of `Layout`.
OPTIONS = {
    "max_line_width": "line_width",
    "max_lines": "lines",
    "max_words_per_line": "words_per_line",
    "highlight_words": "highlight",
    "pause": "pause",
}


def add_layout_options(parser: argparse.ArgumentParser, *, ends: str) -> None:
    """Add the options that `layout` reads; ``ends`` says what a pause ends."""
    group = parser.add_argument_group("subtitles", f"for {', '.join(SUBTITLES)}, named as Whisper names them")
    group.add_argument(
        "--max-line-width", type=int, metavar="N", help=f"most characters of a line (default {PLAIN.line_width})"
    )
    group.add_argument(
        "--max-lines", "--max-line-count", type=int, metavar="N", help=f"most lines of a subtitle (default {PLAIN.lines})"
    )
    group.add_argument("--max-words-per-line", type=int, metavar="N", help="most words of a line (default: any number)")
    group.add_argument("--highlight-words", action="store_true", help="underline each word while it is said")
    group.add_argument(
        "--pause",
        type=float,
        metavar="S",
        help=f"a pause of S seconds ends {ends} (default {PLAIN.pause:g}). It is measured from the end of a word to the start "
        "of the next: there the network emits blanks only, in silence, noise and music alike",
    )


def layout(options: argparse.Namespace, formats: Sequence[str], *, pauses: bool) -> Layout:
    """Make the layout of the options.

    Parameters
    ----------
    options : argparse.Namespace
    formats : sequence of str
        What is written.
    pauses : bool
        Whether something besides subtitles ends at pauses.

    Raises
    ------
    FormatError
        An option has no effect on these formats, or is out of range.
    """
    given = {name: value for name in OPTIONS if (value := getattr(options, name)) is not None and value is not False}
    idle = given.keys() - ({"pause"} if pauses else set())
    if idle and not set(formats) & set(SUBTITLES):
        shown = ", ".join(f"--{name.replace('_', '-')}" for name in OPTIONS if name in idle)
        raise FormatError(f"{shown} would change nothing in {', '.join(formats)}. Add --format {' or '.join(SUBTITLES)}.")
    return Layout(**{OPTIONS[name]: value for name, value in given.items()})


def formats_named(given: Sequence[str]) -> list[str]:
    """Give the formats of several ``--format``, each of one format, several with commas between them, or ``all``.

    Raises
    ------
    FormatError
        There is no such format.
    """
    names = [name.strip() for names in given for name in names.split(",")]
    every = [format for name in names for format in (FORMATS if name.lower() == "all" else [format_named(name)])]
    return list(dict.fromkeys(every))
