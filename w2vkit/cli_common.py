"""What the commands share: the options of the model, notes on the error output, files written or one clear error."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from w2vkit.errors import FormatError

if TYPE_CHECKING:
    from w2vkit.model import CTCModel

MAX_HOURS = 2.0  # h; --max-hours changes it


def say(text: str) -> None:
    """Print to the error output, so that results can be piped on."""
    print(text, file=sys.stderr, flush=True)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `load_model` reads."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model", default="auto", help="w2v-mini, a folder or a Hub name (default: the large one if it can be had)"
    )
    group.add_argument("--revision", help="commit, branch or tag of a Hub model")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    group.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16")


def load_model(options: argparse.Namespace) -> "CTCModel":
    """Load the model that was asked for, and say it if another one stands in."""
    from w2vkit.model import CTCModel

    model = CTCModel.load(options.model, device=options.device, dtype=options.dtype, revision=options.revision)
    if model.notice:
        say(f"Note: {model.notice}")
    return model


def write_text(path: Path, text: str) -> None:
    """Write a file, and the folders above it.

    Raises
    ------
    FormatError
        The disk is full, or the place cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FormatError(f"{path} could not be written: {error.strerror}. Choose another place or free space.") from error
