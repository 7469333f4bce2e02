"""The command ``w2vkit align``: the times at which a known text was said."""

import argparse
import re
from pathlib import Path
from typing import Any

from w2vkit.align.subtitles import without_times
from w2vkit.audio.waveform import describe
from w2vkit.cli.common import (
    add_message_options,
    add_model_options,
    add_sound_options,
    check_output,
    load_model,
    note,
    write_text,
)
from w2vkit.cli.layout import add_layout_options, layout
from w2vkit.errors import AlignmentError
from w2vkit.formats import FORMATS, format_named, render
from w2vkit.pipeline.transcription import align_file

# No spoken text ends like this, so it is the name of a missing file.
FILE_NAME = re.compile(
    r"\.(txt|text|lab|md|srt|vtt|webvtt|ass|ssa|sub|sbv|smi|sami|ttml|dfxp|itt|scc|stl|lrc|usf|idx|mpl|rtf|docx?|odt|pdf|html?|"
    r"xml|json|jsonl|csv|tsv|ctm|stm|textgrid|eaf|trs)$",
    re.IGNORECASE,
)
READ = (".txt", ".text", ".lab", ".md", ".srt", ".vtt", ".webvtt")


def add(commands: Any) -> None:
    """Add the command to the subparsers of ``w2vkit``."""
    parser = commands.add_parser(
        "align",
        help="find where a known text was said",
        description="Find where a known text was said: times of words and, in JSON and TextGrid, of characters and lines.",
    )
    parser.add_argument("audio", metavar="AUDIO", help="an audio file")
    parser.add_argument("text", metavar="TEXT", help="a text file in UTF-8, subtitles (.srt, .vtt), or the text itself")
    parser.add_argument(
        "--format", metavar="FORMAT", help=f"one of {', '.join(FORMATS)} (default: the suffix of the output, or else tsv)"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the result into this file (default: print)")
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it is there already")
    add_sound_options(parser)
    add_layout_options(parser, ends="a subtitle")
    add_model_options(parser)
    add_message_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Align and write the result; a note on standard error lists characters that the model cannot spell."""
    suffix = options.output.suffix.lstrip(".") if options.output else ""
    format = format_named(options.format or suffix or "tsv")  # a wrong format is an error before a model is loaded
    cut = layout(options, [format], pauses=False)
    text = read_text(options.text)
    if options.output:
        inputs = [Path(options.audio), *([] if text == options.text else [Path(options.text)])]  # or the text itself was given
        check_output(options.output, inputs, overwrite=options.overwrite)
    model = load_model(options)
    found, alignment = align_file(
        options.audio, text, model, max_seconds=options.max_hours * 3600, track=options.track, strict=options.strict
    )
    notes = [*found.notes]
    if alignment.unmapped:
        characters = " ".join(dict.fromkeys(alignment.unmapped))
        notes.append(f"the model cannot spell {characters}. Their times are those of the likeliest characters in their place.")
    for line in notes:
        note(f"Note: {line}", options)
    rendered = render(alignment, format, seconds=found.seconds, name=describe(options.audio), notes=found.notes, layout=cut)
    if options.output:
        write_text(options.output, rendered)
    else:
        print(rendered, end="")
    return 0


def read_text(argument: str) -> str:
    """Give the content of the file that an argument names; if there is no such file, the argument is the text.

    For subtitles, give one line for each cue.

    Raises
    ------
    AlignmentError
        The file cannot be read, or the argument looks like the name of a missing file.
    """
    path = Path(argument)
    if _is_there(path) and path.is_file():
        if FILE_NAME.search(argument) and path.suffix.lower() not in READ:
            raise AlignmentError(f"{path} is no plain text. Give text (.txt), SRT or VTT; save or convert it as one of them.")
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise AlignmentError(f"{path} cannot be read as text: {error}. Save it as plain text in UTF-8.") from error
        return without_times(text)
    one_word = len(argument.split()) == 1
    if one_word and _is_there(path):
        raise AlignmentError(f"{path} is not a file. Give a text file, or the text itself in quotes.")
    if FILE_NAME.search(argument) or (one_word and (path.is_absolute() or argument.startswith(("./", "../", "~/")))):
        raise AlignmentError(f"There is no file {argument}. Give an existing text file, or the text itself in quotes.")
    return argument


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # the text is longer than a file name can be, or has a zero byte
        return False
