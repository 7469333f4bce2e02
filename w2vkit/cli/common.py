"""What the commands share: the options of the model, notes on the error output, files written or one clear error."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.errors import ClusterError, FormatError

if TYPE_CHECKING:
    from w2vkit.model import CTCModel
    from w2vkit.pipeline.cluster import Cluster

MAX_HOURS = 2.0  # h; --max-hours changes it
CORES = 4  # of a worker on a cluster without GPUs; --cores-per-worker changes it


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
    group.add_argument("--compile", action="store_true", help="compile the network first: minutes, worth it for long jobs")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `start_cluster` reads."""
    group = parser.add_argument_group("engine")
    group.add_argument("--engine", choices=("local", "ray"), default="local", help="this process, or a Ray cluster")
    group.add_argument("--cores-per-worker", type=int, default=CORES, metavar="N", help=f"with ray, no GPU (default {CORES})")


def load_model(options: argparse.Namespace) -> "CTCModel":
    """Load the model that was asked for, and say it if another one stands in."""
    from w2vkit.model import CTCModel

    model = CTCModel.load(**_load_options(options))
    _tell(model.notice)
    return model


def start_cluster(options: argparse.Namespace) -> "Cluster":
    """Find the machines, load the model on one of them, and say it if another one stands in."""
    if not options.output_dir:
        raise ClusterError("--engine ray writes its results as Parquet files. Add --output-dir DIR.")
    from w2vkit.pipeline.cluster import Cluster

    cluster = Cluster(_load_options(options), cores=options.cores_per_worker)
    _tell(cluster.notice)
    return cluster


def _load_options(options: argparse.Namespace) -> dict[str, Any]:
    shared = {key: getattr(options, key) for key in ("device", "dtype", "revision")}
    return {"name": options.model, "compiled": options.compile, **shared}


def _tell(notice: str | None) -> None:
    if notice:
        say(f"Note: {notice}")


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
