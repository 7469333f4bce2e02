"""The command ``w2vkit completion``: prints a script by which a shell completes commands, options and files."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from w2vkit.errors import W2VKitError

SHELLS = ("bash", "zsh", "fish", "tcsh")
PATHS = {"PATH", "FILE", "FOLDER", "DIR", "AUDIO", "TEXT", "SOURCE"}  # metavars of files and folders
INSTALL = """
install it, for example for bash:
  w2vkit completion bash > ~/.local/share/bash-completion/completions/w2vkit
"""


def add(commands: Any, parser_of_all: Callable[[], argparse.ArgumentParser]) -> None:
    """Add the command to argparse's subparsers; ``parser_of_all`` makes the parser whose words are completed."""
    parser = commands.add_parser(
        "completion",
        help="print a script that completes commands in a shell",
        description="Print a script with which the Tab key completes commands, options and files.",
        epilog=INSTALL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS, help="the shell that runs the script")
    parser.set_defaults(run=lambda options: _run(options, parser_of_all()))


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    try:
        import shtab
    except ImportError as error:
        raise W2VKitError("Completion needs shtab. Install it with: pip install 'w2vkit[completion]'") from error
    for action in _actions(parser):
        if action.metavar in PATHS:
            action.complete = shtab.FILE  # pyright: ignore[reportAttributeAccessIssue]
    print(shtab.complete(parser, options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
