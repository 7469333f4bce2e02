"""The command ``w2vkit lm build``: makes a language model from a text."""

import argparse
from pathlib import Path
from typing import Any

from w2vkit.cli.common import new_file, say
from w2vkit.decode.lm.build import build_ngram, sentences
from w2vkit.errors import LanguageModelError


def add(commands: Any) -> None:
    """Add the command ``lm`` to a parser's commands."""
    lm = commands.add_parser("lm", help="make a language model", description="Make a language model from a text.")
    parts = lm.add_subparsers(title="commands", required=True, metavar="COMMAND")
    build = parts.add_parser(
        "build",
        help="count the n-grams of a text and write an ARPA file",
        description="Estimate an n-gram model (interpolated modified Kneser-Ney) from a text, one sentence per line.",
    )
    build.add_argument("text", type=Path, metavar="TEXT", help="a UTF-8 text file")
    build.add_argument("--order", type=int, default=3, metavar="N", help="words per n-gram (default 3)")
    build.add_argument(
        "--prune",
        type=int,
        nargs="+",
        default=[0],
        metavar="COUNT",
        help="leave out n-grams that occur COUNT times or less; one number per order, such as 0 0 1 (default 0: keep all)",
    )
    build.add_argument("--characters", action="store_true", help="count characters instead of words")
    build.add_argument("--output", type=Path, required=True, metavar="FILE", help="FILE.arpa or FILE.arpa.gz")
    build.add_argument("--overwrite", action="store_true", help="replace the output if it is there already")
    build.set_defaults(run=_build)


def _build(options: argparse.Namespace) -> int:
    with new_file(options.output, [options.text], overwrite=options.overwrite) as new:
        try:
            text = options.text.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise LanguageModelError(f"{options.text} could not be read: {error.strerror}. Check the path.") from error
        except UnicodeDecodeError as error:
            raise LanguageModelError(f"{options.text} is not UTF-8 text. Convert it, or export it as plain text.") from error
        lines = sentences(text, characters=options.characters)
        counts = build_ngram(lines, options.order, options.prune, output=new)
    listed = ", ".join(f"{count} {n}-grams" for n, count in enumerate(counts, 1))
    say(f"{options.output}: {listed}")
    return 0
