"""The command ``w2vkit export onnx``: writes a model for programs without torch."""

import argparse
from pathlib import Path
from typing import Any

from w2vkit.cli.common import check_output, say


def add(commands: Any) -> None:
    """Add the command ``export`` to a parser's commands."""
    export = commands.add_parser(
        "export", help="write a model for other programs", description="Write a model for other programs."
    )
    parts = export.add_subparsers(title="formats", required=True, metavar="FORMAT")
    onnx = parts.add_parser(
        "onnx",
        help="write DIR/model.onnx, and DIR/model.json that says how to use it",
        description="Write a model for ONNX Runtime. It is kept if it agrees with the checkpoint on the bundled clips.",
    )
    onnx.add_argument("model", metavar="MODEL", help="w2v-mini, a folder or a Hub name")
    onnx.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder for both files")
    onnx.add_argument(
        "--dtype",
        default="float32",
        help="of the stored weights: float32, float16 (half the size) or int8 (a quarter; less exact) (default float32)",
    )
    onnx.add_argument("--revision", help="commit, branch or tag of the Hub model")
    onnx.add_argument("--overwrite", action="store_true", help="replace files of these names that are there already")
    onnx.set_defaults(run=_onnx)


def _onnx(options: argparse.Namespace) -> int:
    from w2vkit.model.export import METADATA, MODEL, TOLERANCE, export_onnx

    for name in (MODEL, METADATA, f"{MODEL}.data"):  # the last one is of weights that one file cannot hold
        check_output(options.output / name, [], overwrite=options.overwrite)
    done = export_onnx(options.model, options.output, dtype=options.dtype, revision=options.revision)
    if done.notice:
        say(f"Note: {done.notice}")
    say(f"{done.model}: {done.size / 1e6:.1f} MB, weights in {options.dtype}; {done.metadata} says how to use it.")
    say(f"Checked with ONNX Runtime on the {done.clips} bundled clips:")
    say("  greedy texts: equal to those of the checkpoint")
    if done.rounding is not None:
        say(f"  log-probabilities: within {done.rounding:.1g} of the same weights in float64 (limit {TOLERANCE:g})")
    say(f"  probabilities: within {done.change:.1g} of those of the checkpoint in float32")
    return 0
