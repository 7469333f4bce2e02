"""The command ``w2vkit``: its parser, its log and its exit statuses."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from w2vkit import __version__
from w2vkit.cli import align, compare, completion, demo, evaluate, export, info, lm, models, transcribe
from w2vkit.cli.common import say, silence
from w2vkit.cli.interrupt import STATUS, STOPPED
from w2vkit.errors import W2VKitError

COMMANDS = {
    "transcribe": transcribe,
    "align": align,
    "evaluate": evaluate,
    "compare": compare,
    "info": info,
    "lm": lm,
    "export": export,
    "demo": demo,
    "models": models,
}
STATUSES = """
exit status:
  0    all is done
  1    something failed: one file of many, or the whole command; standard error says what
  2    the command line is wrong: an unknown command or option
  130  stopped by Ctrl-C; what was written is kept
  141  the reader of the output has ended, such as head in a pipe
"""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``w2vkit``; by default those of this process.

    Returns
    -------
    int
        The exit status, as `STATUSES` says. For options that it does not know, argparse exits with 2.
    """
    sys.stdout, sys.stderr = (stream or Path(os.devnull).open("w") for stream in (sys.stdout, sys.stderr))  # None if closed
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know all characters of a text
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            words = sys.argv[1:] if arguments is None else arguments
            if "" in words:  # as a path it would mean the folder where the command runs
                raise W2VKitError("An argument is empty. Perhaps a variable of the shell is not set. Give a value.")
            options = _parser(*words[:1]).parse_args(words)
            _log(options)
            return options.run(options)
        finally:
            sys.stdout.flush()  # raises BrokenPipeError here, not when Python exits
    except W2VKitError as error:
        say(f"w2vkit: {error}")
        return 1
    except KeyboardInterrupt:
        say(STOPPED)
        return STATUS
    except BrokenPipeError:
        silence(sys.stdout)
        return 141
    except OSError as error:  # of standard output; errors of files are W2VKitErrors
        name = error.filename or "standard output"
        say(f"w2vkit: {name} could not be read or written: {error.strerror or error}. Free space, or choose another place.")
        silence(sys.stdout)
        return 1


def _log(options: argparse.Namespace) -> None:
    """Set the level of the log by ``--verbose`` and ``--quiet``; without them Python prints the log's warnings."""
    log = logging.getLogger("w2vkit")
    log.setLevel(logging.ERROR if getattr(options, "quiet", False) else logging.NOTSET)
    if getattr(options, "verbose", False):
        log.setLevel(logging.DEBUG)
        logging.basicConfig(format="%(name)s: %(message)s")


def _parser(name: str = "") -> argparse.ArgumentParser:
    """Make the parser of the command with this name; of all commands if there is no such command, as the help lists them."""
    parser = argparse.ArgumentParser(
        prog="w2vkit",
        description="Turn speech into text with wav2vec 2.0. Try: w2vkit transcribe --example",
        epilog=STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"w2vkit {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in [COMMANDS[name]] if name in COMMANDS else COMMANDS.values():
        command.add(commands)
    if name not in COMMANDS:
        completion.add(commands, _parser)
    return parser
