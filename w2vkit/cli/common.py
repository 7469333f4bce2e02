"""Shared by the commands: options of the model and the engine, messages, and writing files."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from w2vkit.audio import MAX_SECONDS
from w2vkit.cli.interrupt import ends_at_once
from w2vkit.errors import ClusterError, FormatError, W2VKitError, printable
from w2vkit.pipeline import files

if TYPE_CHECKING:
    from w2vkit.model import CTCModel
    from w2vkit.pipeline.cluster import Cluster

MAX_HOURS = MAX_SECONDS / 3600  # --max-hours changes it
CORES = 4  # per worker, on a cluster without GPUs; --cores-per-worker changes it


def say(text: str) -> None:
    """Print to standard error, since standard output is for results; if it is closed, drop the text."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def note(text: str, options: argparse.Namespace) -> None:
    """Print a line about the work to standard error, unless ``--quiet`` is given."""
    if not getattr(options, "quiet", False):
        say(text)


def silence(stream: TextIO) -> None:
    """Redirect a stream that cannot be written to into nothing, since Python flushes it once more when it exits."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def from_environment(name: str, default: Any, help: str) -> dict[str, Any]:
    """Give default and help of an option that the environment variable ``W2VKIT_`` and ``name`` can set."""
    variable = f"W2VKIT_{name}"
    return {"default": os.environ.get(variable) or default, "help": f"{help}; or set {variable}"}


def add_message_options(parser: argparse.ArgumentParser) -> None:
    """Add ``quiet`` and ``verbose``."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-q", "--quiet", action="store_true", help="print results and errors only: no notes, no progress")
    group.add_argument("-v", "--verbose", action="store_true", help="print a line per file, and what w2vkit logs")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `load_model` reads."""
    group = parser.add_argument_group("model")
    about = "w2v-mini, a folder or a Hub name (default: the large model, or w2v-mini if that is out of reach)"
    group.add_argument("--model", **from_environment("MODEL", "auto", about))
    group.add_argument("--revision", help="commit, branch or tag of the Hub model")
    group.add_argument("--device", **from_environment("DEVICE", "auto", "auto, cpu, cuda, cuda:1 or mps"))
    about = "auto, float32, bfloat16, float16, or int8 on a CPU: faster, a little less exact"
    group.add_argument("--dtype", **from_environment("DTYPE", "auto", about))
    group.add_argument("--compile", action="store_true", help="compile the network first (minutes); for long jobs on a GPU")


def add_sound_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of reading sound: ``max_hours``, ``track`` and ``strict``."""
    about = from_environment("MAX_HOURS", MAX_HOURS, f"refuse longer files (default {MAX_HOURS:g} h)")
    parser.add_argument("--max-hours", type=_hours, metavar="H", **about)
    parser.add_argument(
        "--track", type=int, metavar="N", help="take audio track N of files with several (default: as the file says)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="a note on a file, such as that its end is missing, is an error of that file"
    )


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if hours > 0:
        return hours
    raise argparse.ArgumentTypeError(f"{text!r} is no number of hours; give a number above 0, such as 1.5")


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


def add_speed_options(parser: argparse.ArgumentParser) -> None:
    """Add ``threads`` and ``batch_seconds``, which `load_model` reads."""
    group = parser.add_argument_group("speed")
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads that compute on a CPU, and threads that read files ahead (default: one per core, and at most 4)",
    )
    group.add_argument(
        "--batch-seconds",
        type=float,
        metavar="S",
        help="seconds of sound, padding included, that are computed at once (default: by the memory of the GPU, or the "
        "cores of the CPU)",
    )


def load_model(options: argparse.Namespace) -> "CTCModel":
    """Load the model of the options; print a note if another one is used instead."""
    with ends_at_once():
        from w2vkit.model import CTCModel

        model = CTCModel.load(**_load_options(options))
    if model.notice:
        note(f"Note: {model.notice}", options)
    return model


def start_cluster(options: argparse.Namespace) -> "Cluster":
    """Connect to the cluster and load the model there; print a note if another one is used instead."""
    if options.threads:
        raise ClusterError("--engine ray gives each worker --cores-per-worker cores. Leave out --threads.")
    if not options.output_dir:
        raise ClusterError("--engine ray writes its results as Parquet files. Say where with --output-dir DIR.")
    from w2vkit.pipeline.cluster import Cluster

    cluster = Cluster(_load_options(options), cores=options.cores_per_worker)
    if cluster.notice:
        note(f"Note: {cluster.notice}", options)
    return cluster


def _load_options(options: argparse.Namespace) -> dict[str, Any]:
    shared = {key: getattr(options, key) for key in ("device", "dtype", "revision")}
    speed = {key: getattr(options, key, None) for key in ("threads", "batch_seconds")}  # not all commands have them
    return {"name": options.model, "compiled": options.compile, **shared, **speed}


def check_output(path: Path, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse to write over an input, over a file that is there already, or in place of a folder.

    Raises
    ------
    FormatError
        The file is one of the inputs, it exists and ``overwrite`` is False, or it is a folder.
    """
    if any(path.exists() and other.exists() and path.samefile(other) for other in inputs):
        raise FormatError(f"{path} is the input itself, and would be lost. Choose another name for the output.")
    if path.is_dir():
        raise FormatError(f"{path} is a folder. Give the name of a file in it for the output.")
    if path.is_file() and not overwrite and not _is_stream(path):
        raise FormatError(f"{path} is there already. Choose another name, or replace it with --overwrite.")


@contextmanager
def new_file(path: Path, inputs: Iterable[Path], *, overwrite: bool) -> Iterator[Path]:
    """Give the name of a new file to write, which replaces ``path`` at the end; after an error the old file is kept.

    Raises
    ------
    FormatError
        As for `check_output`, or the file cannot be written.
    """
    check_output(path, inputs, overwrite=overwrite)
    if _is_stream(path):
        raise FormatError(f"{path} is not a file, and would be lost. Choose another name for the output.")
    new = files.temporary(path)
    try:
        yield new
        new.replace(path)
    except W2VKitError as error:
        raise type(error)(str(error).replace(str(new), str(path))) from error
    except OSError as error:
        raise FormatError(f"{path} could not be written: {error.strerror}. Free space or choose another folder.") from error
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8; its folder is created. A file that was there is replaced at once, or kept.

    Raises
    ------
    FormatError
        The file cannot be written, for example because the disk is full.
    """
    data = printable(text).encode("utf-8")
    try:
        if _is_stream(path):
            with path.open("ab") as stream:  # of >> /dev/stdout, "wb" would remove what is there
                stream.write(data)
        else:
            files.replace(path, data)
    except OSError as error:
        raise FormatError(f"{path} could not be written: {error.strerror}. Free space or choose another folder.") from error


def _is_stream(path: Path) -> bool:
    """Whether a path leads to a pipe, a terminal or the output of this process, such as /dev/stdout."""
    return path.parts[:2] in (("/", "dev"), ("/", "proc")) or (path.exists() and not (path.is_file() or path.is_dir()))
