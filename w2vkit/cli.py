"""The command ``w2vkit``: the only module that prints."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from w2vkit.errors import FormatError, ModelError, W2VKitError
from w2vkit.formats import FORMATS, render
from w2vkit.sources import Job, find_jobs, give_outputs

MAX_HOURS = 2.0  # h; --max-hours changes it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0 if everything went well, 1 if something failed, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except W2VKitError as error:
        _say(f"w2vkit: {error}")
        return 1
    except KeyboardInterrupt:
        _say("w2vkit: stopped; what was finished before is kept.")
        return 130
    except BrokenPipeError:  # the reader, such as `head`, had enough
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="w2vkit", description="Speech to text with wav2vec 2.0.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    transcribe = commands.add_parser("transcribe", help="turn audio files into text", description="Turn audio files into text.")
    transcribe.add_argument("paths", nargs="*", metavar="PATH", help="audio files, folders (searched through) or patterns")
    transcribe.add_argument("--example", action="store_true", help="list and transcribe the bundled clips")
    transcribe.add_argument("--format", default="txt", metavar="FORMAT", help=f"one of {', '.join(FORMATS)} (default txt)")
    transcribe.add_argument("--output-dir", type=Path, metavar="FOLDER", help="write one file per input here; else print")
    transcribe.add_argument("--max-hours", type=float, default=MAX_HOURS, help=f"refuse longer files (default {MAX_HOURS:g})")
    _add_model(transcribe)
    transcribe.set_defaults(run=_transcribe)

    demo = commands.add_parser("demo", help="open the web page", description="Serve the web page.")
    demo.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    demo.add_argument("--port", type=int, default=7860, help="port to listen on (default 7860)")
    _add_model(demo)
    demo.set_defaults(run=_demo)

    models = commands.add_parser(
        "models", help="list bundled and cached models", description="List the models that can be named."
    )
    models.set_defaults(run=_models)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="auto", help="w2v-mini, a folder or a Hub name (default: the large one if it can be had)"
    )
    parser.add_argument("--revision", help="commit, branch or tag of a Hub model")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16 or float16")


def _load_model(options: argparse.Namespace):  # noqa: ANN202
    from w2vkit.model import CTCModel

    model = CTCModel.load(options.model, device=options.device, dtype=options.dtype, revision=options.revision)
    if model.notice:
        _say(f"Note: {model.notice}")
    return model


def _transcribe(options: argparse.Namespace) -> int:
    from w2vkit.examples import examples

    if options.format.lower() not in {name.lower() for name in FORMATS}:
        raise FormatError(f"There is no format {options.format!r}. Choose one of: {', '.join(FORMATS)}.")
    if options.example and options.paths:
        raise FormatError("Give either --example or paths, not both.")
    if not options.example and not options.paths:
        raise FormatError("Nothing to transcribe. Give audio files, folders or patterns, or try: w2vkit transcribe --example")
    jobs = [Job(e.path, Path(e.path.name)) for e in examples()] if options.example else find_jobs(options.paths)
    if len(jobs) > 1 and not options.output_dir and options.format != "txt":
        raise FormatError(f"{len(jobs)} files as {options.format} would run into each other. Add --output-dir FOLDER.")
    outputs = give_outputs(jobs, options.output_dir, options.format) if options.output_dir else {}
    if options.example:
        for example in examples():
            _say(f"{example.path.name}: {example.about}")
    model = _load_model(options)
    failures: list[tuple[Path, str]] = []
    with _Bar(len(jobs)) as bar:
        for job in jobs:
            try:
                result = _one(job, model, options, bar.part)
            except W2VKitError as error:
                failures.append((job.path, str(error)))
            else:
                bar.clear()
                if job in outputs:
                    _write(outputs[job], result)
                else:
                    label = f"{job.path.name}: " if len(jobs) > 1 else ""
                    print(label + result, end="", flush=True)
            bar.next()
    if options.output_dir:
        _say(f"{len(jobs) - len(failures)} of {len(jobs)} files written to {options.output_dir}")
    if failures:
        _say(f"{len(failures)} of {len(jobs)} failed:")
        for path, reason in failures:
            _say(f"  {path}: {reason}")
    return 1 if failures else 0


def _one(job: Job, model, options: argparse.Namespace, progress: Callable[[float], None]) -> str:  # noqa: ANN001
    from w2vkit.transcribe import transcribe

    result = transcribe(job.path, model, max_seconds=options.max_hours * 3600, progress=progress)
    return render(result.hypothesis, options.format, seconds=result.waveform.seconds, name=job.path.name)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FormatError(
            f"{path} could not be written: {error.strerror}. Choose another --output-dir or free space."
        ) from error


def _demo(options: argparse.Namespace) -> int:
    try:
        from w2vkit_demo.app import serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("gradio", "plotly"):
            raise
        raise ModelError("The page needs gradio and plotly. Install them with: pip install 'w2vkit[demo]'") from error
    serve(_load_model(options), host=options.host, port=options.port)
    return 0


def _models(options: argparse.Namespace) -> int:
    from w2vkit.hub import listing

    rows = [("name", "where", "size", "licence")]
    rows += [(e.name, e.where, f"{e.size / 1e6:.0f} MB" if e.size else "", e.licence) for e in listing()]
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


class _Bar:
    """A progress bar on a terminal; nothing where the output is not one."""

    WIDTH = 30

    def __init__(self, total: int) -> None:
        self.total, self.done, self.shown = total, 0, sys.stderr.isatty()

    def __enter__(self) -> "_Bar":
        self.part(0.0)
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def part(self, share: float) -> None:
        """Show that so much (0 to 1) of the current file is done."""
        if self.shown:
            filled = int(self.WIDTH * (self.done + share) / self.total)
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (self.WIDTH - filled)}] {self.done}/{self.total} files")
            sys.stderr.flush()

    def next(self) -> None:
        """Go on to the next file."""
        self.done += 1
        self.part(0.0)

    def clear(self) -> None:
        """Take the bar off the line."""
        if self.shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
