"""The command ``w2vkit transcribe``: turns audio files into text in any of the formats."""

import argparse
import errno
import math
import sys
from collections.abc import Callable, Sequence, Set
from contextlib import nullcontext
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from w2vkit.audio import Waveform, load
from w2vkit.audio.waveform import channels, contents, refuse
from w2vkit.cli.colour import ABOUT, in_colour, takes_colour
from w2vkit.cli.common import (
    add_engine_options,
    add_message_options,
    add_model_options,
    add_sound_options,
    add_speed_options,
    load_model,
    note,
    say,
    start_cluster,
)
from w2vkit.cli.decoder import add_decoder_options, decoder, reading
from w2vkit.cli.files import Found, Job, find_jobs, give_outputs
from w2vkit.cli.layout import OPTIONS as LAYOUT_OPTIONS
from w2vkit.cli.layout import add_layout_options, formats_named, layout
from w2vkit.cli.outputs import Outputs
from w2vkit.cli.progress import Bar
from w2vkit.decode import BeamSearch, check_decoder, decoder_settings
from w2vkit.emissions import Emissions
from w2vkit.errors import AudioError, FormatError, TooLongError, printable_name, reason
from w2vkit.examples import examples
from w2vkit.formats import CASES, FORMATS, PLAIN, in_case, render
from w2vkit.pipeline.files import locked
from w2vkit.pipeline.segments import Segment, shifted
from w2vkit.pipeline.stream import Outcome, Progress, Sound, Stream

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # no further output could be written either


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "transcribe", help="turn audio files into text", description=f"Turn audio files into text. {ABOUT}"
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="audio file, folder (searched with its subfolders), pattern such as '*.wav', or - for standard input",
    )
    parser.add_argument("--example", action="store_true", help="describe and transcribe the bundled clips")
    parser.add_argument(
        "--format",
        action="append",
        metavar="FORMAT",
        help=f"one of {', '.join(FORMATS)} (default txt); several with commas between them, or all of them: all",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="FOLDER",
        help="write one file per input and format into this folder (default: print)",
    )
    there = parser.add_mutually_exclusive_group()
    there.add_argument(
        "--resume", action="store_true", help="with --output-dir: leave out the files that a stopped run has done already"
    )
    there.add_argument(
        "--skip-existing",
        action="store_true",
        help="with --output-dir: leave out the outputs that are there, whoever wrote them",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="with --output-dir: also replace files that w2vkit did not write"
    )
    add_sound_options(parser)
    parser.add_argument(
        "--start", type=float, metavar="S", help="begin S seconds after the beginning, from which the times still count"
    )
    parser.add_argument("--duration", type=float, metavar="S", help="transcribe S seconds only")
    parser.add_argument(
        "--channels",
        action="store_true",
        help="transcribe each channel separately, as one speaker: for calls in stereo",
    )
    parser.add_argument(
        "--case",
        choices=CASES,
        help="letters of the text (default: as the model writes). sentence is for English: lower case, except the first letter "
        "of the text and after a pause, and I; it knows neither names nor ends of sentences",
    )
    add_layout_options(
        parser, ends="a subtitle, a segment in json, a sentence of --case sentence, and a turn of --channels in txt"
    )
    add_decoder_options(parser, default="beam for checkpoints with a language model, such as w2v-mini, and greedy for others")
    add_engine_options(parser)
    add_speed_options(parser)
    add_model_options(parser)
    add_message_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Transcribe all files, and list at the end those that failed, with the reasons."""
    if not options.output_dir and (options.resume or options.overwrite or options.skip_existing):
        raise FormatError(
            "--resume, --skip-existing and --overwrite are about files that were written. Add --output-dir FOLDER."
        )
    if options.skip_existing and options.overwrite:
        raise FormatError("--skip-existing keeps what is there and --overwrite replaces it. Give one of them.")
    options.format = formats_named(options.format or ["txt"])
    if options.engine == "ray":
        return _share(options)
    pauses = "json" in options.format or options.case == "sentence" or (options.channels and "txt" in options.format)
    options.layout = layout(options, options.format, pauses=pauses)
    start, duration = options.start or 0.0, options.duration  # mistakes are errors before a model is loaded
    if not 0 <= start < math.inf or not (duration is None or 0 < duration < math.inf):
        raise AudioError("There is no such part of a sound. Give --start in seconds from 0 on, and --duration above 0.")
    found = _find(options)
    if not options.output_dir:
        return _transcribe(options, found, None)
    with locked(options.output_dir):
        paths = give_outputs(found.jobs, options.output_dir, options.format)
        outputs = Outputs(options.output_dir, paths)
        kept = {path for path in paths if options.skip_existing and path.exists()}
        outputs.check(set(paths) - kept, overwrite=options.overwrite, resume=options.resume)
        return _transcribe(options, found, outputs, kept)


def _transcribe(options: argparse.Namespace, found: Found, outputs: Outputs | None, kept: Set[Path] = frozenset()) -> int:
    decode = decoder(options)
    model = load_model(options)
    chosen = decode or model.default_decoder
    check_decoder(chosen, model.vocabulary)
    by_default = not decode and isinstance(chosen, BeamSearch)
    said = "; w2vkit evaluate is greedy unless told otherwise." if by_default else "."
    note(f"Decoding: {reading(chosen)}{said}", options)
    jobs, failures, missing = found.jobs, list[tuple[Path | str, str]](found.failures), dict[Job, list[Path]]()
    total = len(jobs) + len(failures)
    if outputs:
        settings = {"model": model.name, "revision": options.revision, "dtype": model.dtype, "track": options.track}
        done = kept | outputs.begin(settings | _text_settings(options) | decoder_settings(decode), resume=options.resume)
        missing = {job: [] for job in jobs}
        for path, job in outputs.paths.items():
            missing[job] += [] if path in done else [path]
    todo = [job for job in jobs if not outputs or missing[job]]
    reader = Reader(model, options)
    with Bar(len(todo), quiet=options.quiet) as bar:
        whole = None if options.channels else reader.emit_long
        stream = Stream(model, chosen, reader.read, whole=whole, threads=options.threads, progress=bar.reach)
        for outcome in chain.from_iterable(stream.run(todo)):
            job = outcome.item
            try:
                if outcome.error:
                    raise outcome.error
                texts = _texts_of(outcome, options, bar)
            except Exception as error:  # of this file only: the job goes on
                failures.append((job.path, reason(error)))
            else:
                if not outputs:
                    (text,) = texts.values()
                    bar.write(f"{printable_name(job.path.name)}: {text}" if len(jobs) > 1 else text)
                else:
                    faults = [_write(outputs, path, texts[path.suffix[1:]]) for path in missing[job]]
                    failures += [(job.path, fault) for fault in faults if fault][:1]
            if options.verbose:
                bar.note(f"{bar.line}: {printable_name(job.path)}")
    if outputs:
        count = len(jobs) - len(todo)
        before = "were there" if options.skip_existing else "by an earlier run"
        said = f", {count} of them {before}" if count else ""
        note(f"{total - len(failures)} of {total} files written to {outputs.folder}{said}", options)
    return _report(failures, total)


def _texts_of(outcome: Outcome[Job], options: argparse.Namespace, bar: Bar) -> dict[str, str]:
    """Give the text of a file in each format."""
    speakers, sound = outcome.hypotheses, outcome.sound
    start, notes = options.start or 0.0, list(sound.notes)
    bar.add_sound(sound.seconds)
    for text in notes:
        bar.note(f"Note: {text}")
    end = start + sound.seconds
    if start or options.duration:
        notes.append(f"Only {start:g} s to {end:g} s were transcribed. Times count from the beginning of the recording.")
        speakers = [shifted(hypothesis, start) for hypothesis in speakers]
    if options.case:
        speakers = [in_case(hypothesis, options.case, pause=options.layout.pause) for hypothesis in speakers]
    if not options.output_dir and options.format == ["txt"] and takes_colour(sys.stdout):
        return {"txt": in_colour(speakers, options.layout)}
    facts = {"seconds": end, "name": outcome.item.relative.name, "notes": notes, "layout": options.layout}
    found = speakers if options.channels else speakers[0]
    return {format: render(found, format, **facts) for format in options.format}


class Reader:
    """Reads files as the options of the command say, for a `Stream`."""

    def __init__(self, model: Any, options: argparse.Namespace) -> None:
        self.model, self.options, self.limit = model, options, options.max_hours * 3600

    def read(self, job: Job, most: float) -> Sound:
        """Read a file of at most `most` seconds.

        Raises
        ------
        TooLongError
            It is longer, or it can be read only once, such as standard input and pipes.
        AudioError
            It cannot be read.
        """
        if most < math.inf and (job.standard_input or (job.path.exists() and not job.path.is_file())):
            raise TooLongError
        strict, most = self.options.strict, min(most, self.limit)
        if not self.options.channels:
            source, track = self._part(job)
            waveform = load(source, sample_rate=self.model.sample_rate, max_seconds=most, track=track, strict=strict)
            return Sound([waveform], waveform.seconds, waveform.notes)
        notes = list[str]()
        waveforms = self._channels(job, most, refuse if strict else notes.append)
        return Sound(waveforms, waveforms[0].seconds, notes)

    def emit_long(self, job: Job, progress: Progress) -> tuple[Sound, list[Emissions]]:
        """Compute a long file block by block."""
        notes = list[str]()
        note = refuse if self.options.strict else notes.append
        source, track = self._part(job)
        emissions, seconds = self.model.emit_file(source, max_seconds=self.limit, track=track, note=note, progress=progress)
        return Sound([], seconds, notes), [emissions]

    def _part(self, job: Job) -> tuple[Any, int | None]:
        """Give the source of the chosen part of a file, and the track of that source."""
        start, duration = self.options.start or 0.0, self.options.duration
        if not start and not duration:
            return job.source, self.options.track
        # One second more than the limit, so that a part without a duration is refused if it is too long, and not cut.
        return Segment(contents(job.source), start, duration, self.options.track, self.limit + 1), None

    def _channels(self, job: Job, most: float, note: Callable[[str], None]) -> list[Waveform]:
        """Read the channels of a file, or of its chosen part."""
        rate, options = self.model.sample_rate, self.options
        waveforms = channels(job.source, sample_rate=rate, max_seconds=most, track=options.track, note=note)
        if len(waveforms) == 1:
            raise AudioError("It has one channel, and --channels needs one for each speaker. Leave out --channels.")
        first = round((options.start or 0.0) * rate)
        part = slice(first, first + round(options.duration * rate) if options.duration else None)
        if not len(waveforms[0].samples[part]):
            raise AudioError(f"It has no sound from {options.start:g} s on. Correct --start.")
        return [Waveform(waveform.samples[part], rate) for waveform in waveforms]


def _text_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Give the options that change the outputs, for the record, without those that have their defaults."""
    changed = {key: value for key, value in asdict(options.layout).items() if value != getattr(PLAIN, key)}
    given = {key: getattr(options, key) for key in ("start", "duration", "case", "channels")}
    return changed | {key: value for key, value in given.items() if value}


def _write(outputs: Outputs, path: Path, text: str) -> str | None:
    """Write an output; give the reason where only this one cannot be written.

    Raises
    ------
    FormatError
        No further output can be written either.
    """
    try:
        outputs.write(path, text)
    except OSError as error:
        message = f"{path} could not be written: {error.strerror}."
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
    if options.format != ["txt"] or options.nbest:
        raise FormatError("--engine ray writes Parquet files of texts and words. Leave out --format and --nbest.")
    local = ("skip_existing", "start", "duration", "channels", "case", *LAYOUT_OPTIONS)
    if given := [f"--{name.replace('_', '-')}" for name in local if getattr(options, name) not in (None, False, [])]:
        raise FormatError(f"--engine ray does not know {', '.join(given)}. Leave this out, or run without --engine ray.")
    if options.track or options.strict:
        raise FormatError("--engine ray takes the default track, and keeps what is incomplete. Leave out --track and --strict.")
    from w2vkit.pipeline.datasets import from_files, is_table, open_corpus

    table = options.paths[0] if len(options.paths) == 1 and is_table(options.paths[0]) else None
    found = Found() if table else _find(options)
    if not table and not found.jobs:
        return _report(found.failures, len(found.failures))
    corpus = open_corpus(table, with_text=False) if table else from_files([job.path for job in found.jobs])
    decode = decoder(options)
    with locked(options.output_dir) if options.output_dir else nullcontext():
        cluster = start_cluster(options)
        if decode:
            check_decoder(decode, cluster.info.vocabulary)
        with Bar(len(corpus), quiet=options.quiet) as bar:
            shared = cluster.transcribe(
                corpus, options.output_dir, decode=decode, max_seconds=options.max_hours * 3600, progress=bar.reach
            )
    for text in (text for row in shared.results for text in row.notes):
        say(f"Note: {text}")
    failures = [*found.failures, *((row.id, row.error) for row in shared.results if row.error)]
    total = len(corpus) + len(found.failures)
    kept = f", {shared.reused} by an earlier run" if shared.reused else ""
    note(f"{total - len(failures)} of {total} transcribed to {options.output_dir}{kept}", options)
    return _report(failures, total)


def _find(options: argparse.Namespace) -> Found:
    """Find the files; say what was left out."""
    if options.example and options.paths:
        raise FormatError("Give either --example or paths, not both.")
    if not options.example and not options.paths:
        raise FormatError("Nothing to transcribe. Give audio files, folders or patterns, or try: w2vkit transcribe --example")
    if options.example:
        for example in examples():
            note(f"{example.path.name}: {example.about}", options)
        return Found([Job(e.path, Path(e.path.name)) for e in examples()])
    found = find_jobs(options.paths)
    if found.note:
        note(f"Note: {found.note}", options)
    standard_input = any(job.standard_input for job in found.jobs)
    if standard_input and (options.resume or options.engine == "ray"):
        raise FormatError("--resume and --engine ray need files, and - is standard input. Leave one of them out.")
    files, formats = len(found.jobs), " and ".join(options.format)
    if not options.output_dir and (len(options.format) > 1 or (files > 1 and formats != "txt")):
        raise FormatError(f"{formats} of {files} file{'s' * (files > 1)} cannot be printed together. Add --output-dir FOLDER.")
    return found
