"""The command ``w2vkit transcribe``: turns audio files into text in any of the formats."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from w2vkit.cli.common import MAX_HOURS, add_engine_options, add_model_options, load_model, say, start_cluster, write_text
from w2vkit.cli.decoder import add_decoder_options, decoder
from w2vkit.cli.files import Job, find_jobs, give_outputs
from w2vkit.cli.progress import Bar
from w2vkit.errors import FormatError, W2VKitError
from w2vkit.examples import examples
from w2vkit.formats import FORMATS, format_named, render
from w2vkit.pipeline.transcription import transcribe


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser("transcribe", help="turn audio files into text", description="Turn audio files into text.")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="audio file, folder (searched with its subfolders) or pattern such as '*.wav'"
    )
    parser.add_argument("--example", action="store_true", help="describe and transcribe the bundled clips")
    parser.add_argument("--format", default="txt", metavar="FORMAT", help=f"one of {', '.join(FORMATS)} (default txt)")
    parser.add_argument(
        "--output-dir", type=Path, metavar="FOLDER", help="write one file per input into this folder (default: print)"
    )
    parser.add_argument(
        "--max-hours", type=float, default=MAX_HOURS, metavar="H", help=f"refuse longer files (default {MAX_HOURS:g} h)"
    )
    add_decoder_options(parser, default="beam for checkpoints with a language model, such as w2v-mini, and greedy for others")
    add_engine_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Transcribe all files, and list at the end those that failed, with the reasons."""
    if options.engine == "ray":
        return _share(options)
    jobs = _jobs(options)
    outputs = give_outputs(jobs, options.output_dir, options.format) if options.output_dir else {}
    decode = decoder(options)
    model = load_model(options)
    failures: list[tuple[Path | str, str]] = []
    with Bar(len(jobs)) as bar:
        for done, job in enumerate(jobs):
            try:
                result = transcribe(
                    job.path,
                    model,
                    decode=decode,
                    keep_sound=False,
                    max_seconds=options.max_hours * 3600,
                    progress=lambda share, done=done: bar.reach(done + share),
                )
                text = render(result.hypothesis, options.format, seconds=result.seconds, name=job.path.name)
                if job in outputs:
                    write_text(outputs[job], text)
            except W2VKitError as error:
                failures.append((job.path, str(error)))
            else:
                if job not in outputs:
                    bar.write(f"{job.path.name}: {text}" if len(jobs) > 1 else text)
            bar.reach(done + 1)
    if options.output_dir:
        say(f"{len(jobs) - len(failures)} of {len(jobs)} files written to {options.output_dir}")
    return _report(failures, len(jobs))


def _report(failures: Sequence[tuple[Path | str, str]], total: int) -> int:
    """List what failed, with the reasons, and return the exit status."""
    if failures:
        say(f"{len(failures)} of {total} failed:")
        for path, reason in failures:
            say(f"  {path}: {reason}")
    return 1 if failures else 0


def _share(options: argparse.Namespace) -> int:
    """Transcribe on a cluster into Parquet files."""
    if options.format != "txt" or options.nbest:
        raise FormatError("--engine ray writes Parquet files of texts and words. Leave out --format and --nbest.")
    from w2vkit.pipeline.datasets import from_files, is_table, open_corpus

    table = options.paths[0] if len(options.paths) == 1 and is_table(options.paths[0]) else None
    corpus = open_corpus(table, with_text=False) if table else from_files([job.path for job in _jobs(options)])
    decode = decoder(options)
    cluster = start_cluster(options)
    with Bar(len(corpus)) as bar:
        shared = cluster.transcribe(
            corpus, options.output_dir, decode=decode, max_seconds=options.max_hours * 3600, progress=bar.reach
        )
    failures = [(row.id, row.error) for row in shared.results if row.error]
    kept = f", {shared.reused} by an earlier run" if shared.reused else ""
    say(f"{len(corpus) - len(failures)} of {len(corpus)} transcribed to {options.output_dir}{kept}")
    return _report(failures, len(corpus))


def _jobs(options: argparse.Namespace) -> list[Job]:
    """Find the files; mistakes in the options are errors before a model is loaded."""
    format_named(options.format)
    if options.example and options.paths:
        raise FormatError("Give either --example or paths, not both.")
    if not options.example and not options.paths:
        raise FormatError("Nothing to transcribe. Give audio files, folders or patterns, or try: w2vkit transcribe --example")
    if options.example:
        for example in examples():
            say(f"{example.path.name}: {example.about}")
    jobs = [Job(e.path, Path(e.path.name)) for e in examples()] if options.example else find_jobs(options.paths)
    if len(jobs) > 1 and not options.output_dir and options.format != "txt":
        raise FormatError(f"{options.format} of {len(jobs)} files cannot be printed together. Add --output-dir FOLDER.")
    return jobs
