"""The command ``w2vkit``. `command` has the parser; every subcommand has a file of its own.

The only room that prints.
"""

from w2vkit.cli.command import main

__all__ = ["main"]
