"""The command ``w2vkit lm``: makes a language model from a text, or writes one in another format."""

import argparse
from pathlib import Path
from typing import Any

from w2vkit.cli.common import check_output, new_file, say
from w2vkit.decode.lm import NGram, Weights, load, path_of, save, save_weights
from w2vkit.decode.lm.build import build_ngram, sentences
from w2vkit.decode.lm.language_model import check_suffix, weights_file
from w2vkit.errors import LanguageModelError

OUTPUT = "FILE.npz for the compact format, or FILE.arpa, or FILE.arpa.gz"


def add(commands: Any) -> None:
    """Add the command ``lm`` to a parser's commands."""
    lm = commands.add_parser("lm", help="make a language model", description="Make a language model, or change its format.")
    parts = lm.add_subparsers(title="commands", required=True, metavar="COMMAND")
    build = parts.add_parser(
        "build",
        help="count the n-grams of a text and write a model",
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
    build.add_argument(
        "--prune-entropy",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="leave out n-grams without which the perplexity rises by less than this share of it, such as 1e-8 (default 0)",
    )
    build.add_argument("--vocabulary", type=int, metavar="N", help="keep the N most frequent words (default: all)")
    build.add_argument("--characters", action="store_true", help="count characters instead of words")
    build.add_argument("--output", type=Path, required=True, metavar="FILE", help=OUTPUT)
    build.add_argument("--overwrite", action="store_true", help="replace the output if it is there already")
    build.set_defaults(run=_build)
    convert = parts.add_parser(
        "convert",
        help="write a model in another format",
        description="Read a model and write it in the format that the suffix of OUT names.",
    )
    convert.add_argument("source", type=path_of, metavar="IN", help="a file that --lm reads, except KenLM's")
    convert.add_argument("output", type=Path, metavar="OUT", help=OUTPUT)
    convert.add_argument("--overwrite", action="store_true", help="replace the output if it is there already")
    convert.set_defaults(run=_convert)


def _build(options: argparse.Namespace) -> int:
    with new_file(options.output, [options.text], overwrite=options.overwrite) as new:
        check_suffix(options.output)
        try:
            text = options.text.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise LanguageModelError(f"{options.text} could not be read: {error.strerror}. Check the path.") from error
        except UnicodeDecodeError as error:
            raise LanguageModelError(f"{options.text} is not UTF-8 text. Convert it, or export it as plain text.") from error
        counts = build_ngram(
            sentences(text, characters=options.characters),
            options.order,
            options.prune,
            prune_entropy=options.prune_entropy,
            vocabulary=options.vocabulary,
            output=new,
        )
    listed = ", ".join(f"{count} {n}-grams" for n, count in enumerate(counts, 1))
    say(f"{options.output}: {listed}")
    _note_weights(options.output)
    return 0


def _convert(options: argparse.Namespace) -> int:
    check_suffix(options.output)
    model = load(options.source)
    if not isinstance(model, NGram):
        raise LanguageModelError(f"{options.source} is a KenLM binary, which does not list its n-grams. Give its ARPA file.")
    if model.weights != Weights():
        check_output(weights_file(options.output), [], overwrite=options.overwrite)
    with new_file(options.output, [options.source], overwrite=options.overwrite) as new:
        save(model, new)
    say(f"{options.output}: {len(model.word) - 1} n-grams")
    if model.weights != Weights():
        save_weights(options.output, model.weights)
    else:
        _note_weights(options.output)
    return 0


def _note_weights(model: Path) -> None:
    """Say so if the weights of an older model lie where those of this one would."""
    if (beside := weights_file(model)).exists():
        say(f"Note: {beside} was there before. The weights in it hold for this model, too; delete it unless they fit.")
