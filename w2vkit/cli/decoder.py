"""The options of `transcribe` and `evaluate` that choose the decoder: greedy or beam search, language model, hot words."""

import argparse
from dataclasses import replace
from pathlib import Path

from w2vkit.decode import BeamSearch, Decode, greedy
from w2vkit.decode.hotwords import HOTWORD_WEIGHT
from w2vkit.decode.lm import load
from w2vkit.errors import DecodingError


def add_decoder_options(parser: argparse.ArgumentParser, *, default: str) -> None:
    """Add the options that `decoder` reads."""
    group = parser.add_argument_group("decoding")
    group.add_argument(
        "--decoder", choices=("greedy", "beam"), help=f"The default is {default}. Each of the options below selects beam."
    )
    group.add_argument(
        "--beam-width",
        type=int,
        metavar="N",
        help="prefixes that are kept per frame (default: 32, or as stored beside the language model)",
    )
    group.add_argument(
        "--lm",
        type=Path,
        metavar="FILE",
        help="language model: .npz, .arpa, .arpa.gz, a KenLM binary, or the word 'bundled' for the English one of w2v-mini",
    )
    group.add_argument("--alpha", type=float, help="weight of the language model (default: stored beside it, or else 0.5)")
    group.add_argument("--beta", type=float, help="bonus per word with a language model (default: stored beside it, or else 1)")
    group.add_argument(
        "--hotword",
        action="append",
        metavar="WORD[=WEIGHT]",
        help=f"a word or phrase to expect; can be repeated (default weight {HOTWORD_WEIGHT:g})",
    )
    group.add_argument(
        "--nbest",
        type=int,
        metavar="N",
        help="how many of the best texts to list; evaluate measures the best one (default 1)",
    )


def decoder(options: argparse.Namespace) -> Decode | None:
    """Make the decoder that the options choose; None if they leave the choice to the command.

    Raises
    ------
    DecodingError
        Options contradict each other or are out of range, or a hot word's weight is not a number.
    LanguageModelError
        The language model cannot be read.
    """
    names = ("beam_width", "alpha", "beta", "nbest")
    given = {name: value for name in names if (value := getattr(options, name, None)) is not None}
    if ("alpha" in given or "beta" in given) and not options.lm:
        raise DecodingError("--alpha and --beta need a language model. Give one with --lm FILE.")
    if options.hotword:
        given["hotwords"] = dict(_hotword(argument) for argument in options.hotword)
    if options.decoder == "greedy" and (given or options.lm):
        raise DecodingError("Greedy decoding has no beam, language model, hot words or n-best. Choose --decoder beam.")
    if not (given or options.lm or options.decoder == "beam"):
        return greedy if options.decoder else None
    search = BeamSearch(**given)  # an option that is out of range is an error before the language model is read
    return replace(search, language_model=load(options.lm)) if options.lm else search


def reading(decode: Decode) -> str:
    """Say how a decoder reads the emissions: greedily, by beam search, or with a language model."""
    if not isinstance(decode, BeamSearch):
        return "greedy"
    model = decode.language_model
    return f"beam search with the language model {model.name}" if model else "beam search without a language model"


def _hotword(argument: str) -> tuple[str, float]:
    phrase, equals, weight = argument.rpartition("=")
    if not equals:
        return argument, HOTWORD_WEIGHT
    try:
        return phrase, float(weight)
    except ValueError:
        raise DecodingError(f"The weight of --hotword {argument} is not a number. Write WORD=8.") from None
