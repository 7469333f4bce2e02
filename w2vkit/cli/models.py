"""The command ``w2vkit models``: lists the models on this machine, and downloads others."""

import argparse
from pathlib import Path
from typing import Any

from w2vkit.checkpoints import MINI
from w2vkit.errors import ModelError


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "models",
        help="list the models on this machine, or download one",
        description="List the models for --model: bundled, cached, and the default.",
    )
    parser.set_defaults(run=_list)
    download = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser(
        "download",
        help="download a model of the Hub, and check its files",
        description="Download a model of the Hub, for machines that later have no connection. Its files are compared with "
        "their checksums, and the folder that holds them is printed. A model that is there already is only checked.",
    )
    download.add_argument("name", metavar="NAME", help="a Hub name such as owner/model, or auto for the default model")
    download.add_argument("--revision", help="commit, branch or tag of the model")
    download.add_argument("--offline", action="store_true", help="only check that it is on this machine; do not ask the Hub")
    download.set_defaults(run=_download)


def _list(options: argparse.Namespace) -> int:
    from w2vkit.model.hub import listing

    rows = [("name", "where", "size", "licence")]
    rows += [(e.name, e.where, f"{e.size / 1e6:.0f} MB" if e.size else "", e.licence) for e in listing()]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _download(options: argparse.Namespace) -> int:
    from w2vkit.model.hub import DEFAULT, check, fetch

    name = DEFAULT if options.name == "auto" else options.name
    if name == MINI or Path(name).expanduser().is_dir():
        raise ModelError(f"{name} is on this machine without a download. Name a model of the Hub, such as {DEFAULT}.")
    folder = fetch(name, options.revision, offline=options.offline).folder
    checked = check(folder)
    files = f"{checked} file{'s' * (checked != 1)}"
    told = f"{files} checked" if checked else "no checksums are stored here, so nothing was checked"
    print(f"{name}: {told}, in {folder}")
    return 0
