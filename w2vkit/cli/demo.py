"""The command ``w2vkit demo``: the web page, and what its server allows."""

import argparse
import errno
import logging
import math
import socket
from functools import partial
from typing import Any

from w2vkit.cli.common import add_model_options, load_model
from w2vkit.errors import ModelError, ServerError
from w2vkit_demo.server.limits import MAX_MB, MAX_SECONDS


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("demo", help="open the web page", description="Serve the web page.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1; 0.0.0.0: every one)")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on (default 7860)")
    parser.add_argument(
        "--share", action="store_true", help="give the page a public address through Gradio's tunnel, for a week"
    )
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="let in only who knows these")
    parser.add_argument("--root-path", metavar="PATH", help="where a proxy shows the page, such as /speech")
    parser.add_argument("--max-seconds", type=float, default=MAX_SECONDS, help=f"refuse longer sound (default {MAX_SECONDS:g})")
    parser.add_argument("--max-mb", type=float, default=MAX_MB, help=f"refuse larger files (default {MAX_MB:g})")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve the page until it is interrupted; what cannot work is said before a model is loaded."""
    try:
        from w2vkit_demo.app import serve
        from w2vkit_demo.server.loaded_models import Models
        from w2vkit_demo.server.model_queue import ModelQueue
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("gradio", "plotly"):
            raise
        raise ModelError("The page needs gradio and plotly. Install them with: pip install 'w2vkit[demo]'") from error
    from w2vkit.model import CTCModel

    user = _user(options.auth)
    for name, limit in (("--max-seconds", options.max_seconds), ("--max-mb", options.max_mb)):
        if not 0 < limit < math.inf:
            raise ServerError(f"{name} {limit:g} would refuse everything. Give a number above 0.")
    _check_port(options.host, options.port)
    _log_to_terminal()
    first = ModelQueue(load_model(options), max_seconds=options.max_seconds)
    serve(
        Models(first, partial(CTCModel.load, device=options.device, dtype=options.dtype)),
        max_mb=options.max_mb,
        server_name=options.host,
        server_port=options.port,
        share=options.share,
        auth=user,
        root_path=options.root_path,
    )
    return 0


def _user(given: str | None) -> tuple[str, str] | None:
    if given is None:
        return None
    user, _, password = given.partition(":")
    if not user or not password:
        raise ServerError("--auth takes a name and a password with a colon between them. Write: --auth USER:PASSWORD")
    return user, password


def _check_port(host: str, port: int) -> None:
    """Try the port as the server will, so that its message can say what to do."""
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
    """Log sizes and times of the requests; names and contents are not in the log."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("w2vkit_demo")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
