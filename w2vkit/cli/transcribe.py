"""The command ``w2vkit transcribe``: turns audio files into text in any of the formats."""

import argparse
import errno
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from w2vkit.cli.common import (
    add_engine_options,
    add_model_options,
    add_sound_options,
    load_model,
    say,
    start_cluster,
)
from w2vkit.cli.decoder import add_decoder_options, decoder, reading
from w2vkit.cli.files import Found, Job, find_jobs, give_outputs
from w2vkit.cli.outputs import Outputs
from w2vkit.cli.progress import Bar
from w2vkit.decode import BeamSearch, decoder_settings
from w2vkit.errors import FormatError, printable_name, reason
from w2vkit.examples import examples
from w2vkit.formats import FORMATS, format_named, render
from w2vkit.pipeline.files import locked
from w2vkit.pipeline.transcription import transcribe

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # no further output could be written either


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
        "--resume", action="store_true", help="with --output-dir: leave out the files that a stopped run has done already"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="with --output-dir: also replace files that w2vkit did not write"
    )
    add_sound_options(parser)
    add_decoder_options(parser, default="beam for checkpoints with a language model, such as w2v-mini, and greedy for others")
    add_engine_options(parser)
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Transcribe all files, and list at the end those that failed, with the reasons."""
    if not options.output_dir and (options.resume or options.overwrite):
        raise FormatError("--resume and --overwrite are about files that were written. Add --output-dir FOLDER.")
    if options.engine == "ray":
        return _share(options)
    found = _find(options)
    if not options.output_dir:
        return _transcribe(options, found, None)
    with locked(options.output_dir):
        outputs = Outputs(options.output_dir, give_outputs(found.jobs, options.output_dir, options.format))
        outputs.check(overwrite=options.overwrite, resume=options.resume)
        return _transcribe(options, found, outputs)


def _transcribe(options: argparse.Namespace, found: Found, outputs: Outputs | None) -> int:
    decode = decoder(options)
    model = load_model(options)
    chosen = decode or model.default_decoder
    by_default = not decode and isinstance(chosen, BeamSearch)
    say(f"Decoding: {reading(chosen)}" + ("; w2vkit evaluate is greedy unless told otherwise." if by_default else "."))
    jobs, failures, done = found.jobs, list[tuple[Path | str, str]](found.failures), set[Job]()
    total = len(jobs) + len(failures)
    if outputs:
        settings = {"model": model.name, "revision": options.revision, "dtype": model.dtype, "track": options.track}
        done = outputs.begin(settings | decoder_settings(decode), resume=options.resume)
    with Bar(len(jobs)) as bar:
        for number, job in enumerate(jobs):
            if job in done:
                bar.reach(number + 1)
                continue
            try:
                result = transcribe(
                    job.path,
                    model,
                    decode=decode,
                    keep_sound=False,
                    max_seconds=options.max_hours * 3600,
                    track=options.track,
                    strict=options.strict,
                    progress=lambda share, number=number: bar.reach(number + share),
                )
                for note in result.notes:
                    bar.note(f"Note: {note}")
                facts = {"seconds": result.seconds, "name": job.path.name, "notes": result.notes}
                text = render(result.hypothesis, options.format, **facts)
            except Exception as error:  # of this file only: the job goes on
                failures.append((job.path, reason(error)))
            else:
                if not outputs:
                    bar.write(f"{printable_name(job.path.name)}: {text}" if len(jobs) > 1 else text)
                elif fault := _write(outputs, job, text):
                    failures.append((job.path, fault))
            bar.reach(number + 1)
    if outputs:
        kept = f", {len(done)} of them by an earlier run" if done else ""
        say(f"{total - len(failures)} of {total} files written to {outputs.folder}{kept}")
    return _report(failures, total)


def _write(outputs: Outputs, job: Job, text: str) -> str | None:
    """Write an output; give the reason where only this one cannot be written.

    Raises
    ------
    FormatError
        No further output can be written either.
    """
    try:
        outputs.write(job, text)
    except OSError as error:
        message = f"{outputs.paths[job]} could not be written: {error.strerror}."
        if error.errno in NO_ROOM:
            raise FormatError(
                f"{message} The files before it are kept. Free space, then run the same command again with --resume."
            ) from error
        return f"{message} Choose another --output-dir."
    return None


def _report(failures: Sequence[tuple[Path | str, str]], total: int) -> int:
    """List what failed, with the reasons, and return the exit status."""
    if failures:
        say(f"{len(failures)} of {total} failed:")
        for path, why in failures:
            say(f"  {printable_name(path)}: {why}")
    return 1 if failures else 0


def _share(options: argparse.Namespace) -> int:
    """Transcribe on a cluster into Parquet files."""
    if options.format != "txt" or options.nbest:
        raise FormatError("--engine ray writes Parquet files of texts and words. Leave out --format and --nbest.")
    if options.track or options.strict:
        raise FormatError("--engine ray takes the default track and keeps no notes. Leave out --track and --strict.")
    from w2vkit.pipeline.datasets import from_files, is_table, open_corpus

    table = options.paths[0] if len(options.paths) == 1 and is_table(options.paths[0]) else None
    found = Found() if table else _find(options)
    if not table and not found.jobs:
        return _report(found.failures, len(found.failures))
    corpus = open_corpus(table, with_text=False) if table else from_files([job.path for job in found.jobs])
    decode = decoder(options)
    with locked(options.output_dir) if options.output_dir else nullcontext():
        cluster = start_cluster(options)
        with Bar(len(corpus)) as bar:
            shared = cluster.transcribe(
                corpus, options.output_dir, decode=decode, max_seconds=options.max_hours * 3600, progress=bar.reach
            )
    failures = [*found.failures, *((row.id, row.error) for row in shared.results if row.error)]
    total = len(corpus) + len(found.failures)
    kept = f", {shared.reused} by an earlier run" if shared.reused else ""
    say(f"{total - len(failures)} of {total} transcribed to {options.output_dir}{kept}")
    return _report(failures, total)


def _find(options: argparse.Namespace) -> Found:
    """Find the files; say what was left out."""
    format_named(options.format)  # mistakes are errors before a model is loaded
    if options.example and options.paths:
        raise FormatError("Give either --example or paths, not both.")
    if not options.example and not options.paths:
        raise FormatError("Nothing to transcribe. Give audio files, folders or patterns, or try: w2vkit transcribe --example")
    if options.example:
        for example in examples():
            say(f"{example.path.name}: {example.about}")
        return Found([Job(e.path, Path(e.path.name)) for e in examples()])
    found = find_jobs(options.paths)
    if found.note:
        say(f"Note: {found.note}")
    if len(found.jobs) > 1 and not options.output_dir and options.format != "txt":
        raise FormatError(f"{options.format} of {len(found.jobs)} files cannot be printed together. Add --output-dir FOLDER.")
    return found
