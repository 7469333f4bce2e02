"""Shared by the commands: options of the model and the engine, messages, and writing files."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.audio import MAX_SECONDS
from w2vkit.errors import ClusterError, FormatError, printable

if TYPE_CHECKING:
    from w2vkit.model import CTCModel
    from w2vkit.pipeline.cluster import Cluster

MAX_HOURS = MAX_SECONDS / 3600  # --max-hours changes it
CORES = 4  # per worker, on a cluster without GPUs; --cores-per-worker changes it


def say(text: str) -> None:
    """Print to standard error; standard output is for results. Names of files and models may hold control characters."""
    print(printable(text), file=sys.stderr, flush=True)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `load_model` reads."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default="auto",
        help="w2v-mini, a folder or a Hub name (default: the large model, or w2v-mini if that is out of reach)",
    )
    group.add_argument("--revision", help="commit, branch or tag of the Hub model")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    group.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16")
    group.add_argument("--compile", action="store_true", help="compile the network first; takes minutes, pays off in long jobs")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `start_cluster` reads."""
    group = parser.add_argument_group("engine")
    group.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where to run: in this process or on a Ray cluster (default local)",
    )
    group.add_argument(
        "--cores-per-worker",
        type=int,
        default=CORES,
        metavar="N",
        help=f"cores per worker of a Ray cluster without GPUs (default {CORES})",
    )


def load_model(options: argparse.Namespace) -> "CTCModel":
    """Load the model of the options; print a note if another one is used instead."""
    from w2vkit.model import CTCModel

    model = CTCModel.load(**_load_options(options))
    if model.notice:
        say(f"Note: {model.notice}")
    return model


def start_cluster(options: argparse.Namespace) -> "Cluster":
    """Connect to the cluster and load the model there; print a note if another one is used instead."""
    if not options.output_dir:
        raise ClusterError("--engine ray writes its results as Parquet files. Say where with --output-dir DIR.")
    from w2vkit.pipeline.cluster import Cluster

    cluster = Cluster(_load_options(options), cores=options.cores_per_worker)
    if cluster.notice:
        say(f"Note: {cluster.notice}")
    return cluster


def _load_options(options: argparse.Namespace) -> dict[str, Any]:
    shared = {key: getattr(options, key) for key in ("device", "dtype", "revision")}
    return {"name": options.model, "compiled": options.compile, **shared}


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8; its folder is created.

    Raises
    ------
    FormatError
        The file cannot be written, for example because the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FormatError(f"{path} could not be written: {error.strerror}. Free space or choose another folder.") from error
