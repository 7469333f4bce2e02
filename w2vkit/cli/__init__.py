"""The command ``w2vkit``: `command` has the parser, and every subcommand has its own file. Only this room prints."""

from collections.abc import Sequence

from w2vkit.cli.interrupt import ends_at_once

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, as `w2vkit.cli.command.run`."""
    with ends_at_once():
        from w2vkit.cli.command import run
    return run(arguments)
