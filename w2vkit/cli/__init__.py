"""The command ``w2vkit``: `command` has the parser, and every subcommand has its own file. Only this room prints."""

from w2vkit.cli.command import main

__all__ = ["main"]
