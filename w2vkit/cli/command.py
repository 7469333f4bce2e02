"""The command ``w2vkit``: with its parts, ``cli_*.py``, the only code that prints."""

import argparse
import sys
from collections.abc import Sequence

from w2vkit.cli import align, demo, evaluate, lm, transcribe
from w2vkit.cli.common import say
from w2vkit.errors import W2VKitError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 if everything went well, 1 if something failed, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except W2VKitError as error:
        say(f"w2vkit: {error}")
        return 1
    except KeyboardInterrupt:
        say("w2vkit: stopped; what was finished before is kept.")
        return 130
    except BrokenPipeError:  # the reader, such as `head`, had enough
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="w2vkit", description="Speech to text with wav2vec 2.0.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    transcribe.add(commands)
    align.add(commands)
    evaluate.add(commands)
    lm.add(commands)
    demo.add(commands)

    models = commands.add_parser(
        "models", help="list bundled and cached models", description="List the models that can be named."
    )
    models.set_defaults(run=_models)
    return parser


def _models(options: argparse.Namespace) -> int:
    from w2vkit.model.hub import listing

    rows = [("name", "where", "size", "licence")]
    rows += [(e.name, e.where, f"{e.size / 1e6:.0f} MB" if e.size else "", e.licence) for e in listing()]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0
