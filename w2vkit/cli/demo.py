"""The command ``w2vkit demo``: serve the web page."""

import argparse
import ctypes
import errno
import ipaddress
import logging
import math
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

from w2vkit.checkpoints import MINI
from w2vkit.cli.common import add_model_options, from_environment, load_model, say
from w2vkit.errors import ModelError, ServerError

M_ARENA_MAX = -8  # of malloc.h
ARENAS = 2
TRIM_SECONDS = 5.0  # s; a trim takes some milliseconds


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    from w2vkit_demo.server.limits import MAX_MB, MAX_SECONDS  # here, so that importing the core does not import the page

    parser = commands.add_parser("demo", help="serve the web page", description="Serve the web page until Ctrl-C.")
    parser.add_argument(
        "--host",
        **from_environment(
            "HOST", "127.0.0.1", "address to listen on (default 127.0.0.1: this machine only; 0.0.0.0: every network)"
        ),
    )
    parser.add_argument("--port", type=int, **from_environment("PORT", 7860, "port to listen on (default 7860)"))
    parser.add_argument("--share", action="store_true", help="create a public link through Gradio's servers, valid for a week")
    parser.add_argument(
        "--auth",
        metavar="USER:PASSWORD",
        help="ask visitors for these; safer in the environment variable W2VKIT_AUTH, as others can see a command",
    )
    parser.add_argument("--root-path", metavar="PATH", help="path of the page behind a proxy, such as /speech")
    parser.add_argument(
        "--max-seconds", type=float, default=MAX_SECONDS, metavar="S", help=f"refuse longer audio (default {MAX_SECONDS:g} s)"
    )
    parser.add_argument(
        "--max-mb", type=float, default=MAX_MB, metavar="MB", help=f"refuse larger files (default {MAX_MB:g} MiB)"
    )
    parser.add_argument(
        "--downloads",
        action=argparse.BooleanOptionalAction,
        help="let visitors download models of the Hub (default: only if the page listens on this machine alone)",
    )
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; refuse a wrong call before a model is loaded."""
    user = _user(options.auth or os.environ.get("W2VKIT_AUTH"))
    for name, limit in (("--max-seconds", options.max_seconds), ("--max-mb", options.max_mb)):
        if not 0 < limit < math.inf:
            raise ServerError(f"{name} {limit:g} would refuse everything. Give a number above 0.")
    _check_port(options.host, options.port)
    _hold_little_memory()
    say("Starting the page. This takes a few seconds ...")
    try:
        from w2vkit_demo.app import serve
        from w2vkit_demo.server.background_download import BackgroundDownload
        from w2vkit_demo.server.loaded_models import LoadedModels
        from w2vkit_demo.server.model_queue import ModelQueue
        from w2vkit_demo.server.service import Service
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "gradio":
            raise
        raise ModelError("The page needs gradio. Install it with: pip install 'w2vkit[demo]'") from error
    from w2vkit.model import CTCModel
    from w2vkit.model.hub import DEFAULT, is_cached

    _log_to_terminal()
    background = None
    if options.model == "auto" and not options.revision and not is_cached(DEFAULT):
        say(f"The page opens with the bundled model {MINI}. The large one is downloaded meanwhile.")
        options.model, background = MINI, BackgroundDownload()
        background.start()
    first = ModelQueue(load_model(options), max_seconds=options.max_seconds)
    alone = _is_loopback(options.host) and not options.share
    downloads = alone if options.downloads is None else options.downloads
    load = partial(CTCModel.load, device=options.device, dtype=options.dtype)
    with Service(LoadedModels(first, load, downloads=downloads, background=background)) as service:
        serve(
            service,
            max_mb=options.max_mb,
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            auth=user,
            root_path=options.root_path,
        )
    return 0


def _hold_little_memory() -> None:
    """Let all threads take memory from two arenas of glibc, and give back what is free in them every few seconds.

    By default there are up to eight arenas for each core, and a thread does not use what another one has freed. Without a trim,
    free memory below a block that is still used is not given back: arrays of many sizes leave holes, and a busy page grew by a
    sixth in four minutes, although almost all objects were freed (``python -m benchmarks.load``).
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # of a C library without it, such as musl
        library = ctypes.CDLL(None)
        library.mallopt(M_ARENA_MAX, ARENAS)
        Thread(target=_give_back, args=(library.malloc_trim,), name="memory", daemon=True).start()


def _give_back(trim: Callable[[int], int]) -> None:
    while True:
        time.sleep(TRIM_SECONDS)
        trim(0)


def _user(given: str | None) -> tuple[str, str] | None:
    if given is None:
        return None
    user, _, password = given.partition(":")
    if not user or not password:
        raise ServerError("--auth needs a name and a password with a colon between them. Write: --auth USER:PASSWORD")
    return user, password


def _is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    addresses = {found[4][0] for found in socket.getaddrinfo(host, None)}
    return all(ipaddress.ip_address(str(address).partition("%")[0]).is_loopback for address in addresses)


def _check_port(host: str, port: int) -> None:
    """Bind the port once, so that a taken one is reported before a model is loaded."""
    try:
        (family, kind, _, _, address), *_ = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address[0], port, *address[2:]))
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "the port is taken, perhaps by another w2vkit demo" if taken else str(error)
        raise ServerError(f"The page cannot listen on {host}, port {port}: {why}. Choose another --port or --host.") from error


def _log_to_terminal() -> None:
    """Log the requests to the terminal: sizes and times, without names and contents."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("w2vkit_demo")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
