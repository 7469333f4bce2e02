"""The command ``w2vkit``: with its parts, ``cli_*.py``, the only code that prints."""

import argparse
import sys
from collections.abc import Sequence

from w2vkit import cli_align, cli_evaluate, cli_lm, cli_transcribe
from w2vkit.cli_common import add_model_options, load_model, say
from w2vkit.errors import ModelError, W2VKitError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 if everything went well, 1 if something failed, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except W2VKitError as error:
        say(f"w2vkit: {error}")
        return 1
    except KeyboardInterrupt:
        say("w2vkit: stopped; what was finished before is kept.")
        return 130
    except BrokenPipeError:  # the reader, such as `head`, had enough
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="w2vkit", description="Speech to text with wav2vec 2.0.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    cli_transcribe.add(commands)
    cli_align.add(commands)
    cli_evaluate.add(commands)
    cli_lm.add(commands)

    demo = commands.add_parser("demo", help="open the web page", description="Serve the web page.")
    demo.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    demo.add_argument("--port", type=int, default=7860, help="port to listen on (default 7860)")
    add_model_options(demo)
    demo.set_defaults(run=_demo)

    models = commands.add_parser(
        "models", help="list bundled and cached models", description="List the models that can be named."
    )
    models.set_defaults(run=_models)
    return parser


def _demo(options: argparse.Namespace) -> int:
    try:
        from w2vkit_demo.app import serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("gradio", "plotly"):
            raise
        raise ModelError("The page needs gradio and plotly. Install them with: pip install 'w2vkit[demo]'") from error
    serve(load_model(options), host=options.host, port=options.port)
    return 0


def _models(options: argparse.Namespace) -> int:
    from w2vkit.hub import listing

    rows = [("name", "where", "size", "licence")]
    rows += [(e.name, e.where, f"{e.size / 1e6:.0f} MB" if e.size else "", e.licence) for e in listing()]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0
