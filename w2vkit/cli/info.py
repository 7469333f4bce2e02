"""The command ``w2vkit info``: what audio files contain, and what a model is given of them."""

import argparse
import json
import math
from dataclasses import asdict
from typing import Any

from w2vkit.audio.inspection import FULL_SCALE, Inspection, heard, inspect
from w2vkit.cli.common import say
from w2vkit.cli.files import find_jobs
from w2vkit.errors import AudioError, printable, printable_json, printable_name, reason


def add(commands: Any) -> None:
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "info",
        help="show what an audio file contains",
        description="Show what audio files contain, and what a model is given of them. Each file is decoded to its end. Levels "
        "are root mean squares relative to full scale.",
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="audio file, folder or pattern, as for w2vkit transcribe")
    parser.add_argument(
        "--track", type=int, metavar="N", help="measure audio track N of files with several (default: as the file says)"
    )
    parser.add_argument("--json", action="store_true", help="print a list in JSON, with one object per file")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Describe all files; the exit status is 1 if one could not be read."""
    found, entries = find_jobs(options.paths), []
    failures = list(found.failures)
    for job in found.jobs:
        try:
            if job.standard_input:
                raise AudioError("w2vkit info reads a file twice. Save the sound as a file, and name that.")
            facts = inspect(job.path, track=options.track)
        except Exception as error:  # of this file only
            failures.append((job.path, reason(error)))
            continue
        if options.json:
            entries.append({"file": printable_name(job.path), **_finite(asdict(facts)), "heard": heard(facts)})
        else:
            print(printable(_table(printable_name(job.path), facts)))
    if options.json:
        print(printable_json(json.dumps(entries, ensure_ascii=False, indent=2)))
    for path, why in failures:
        say(f"{printable_name(path)}: {why}")
    return 1 if failures else 0


def _table(name: str, facts: Inspection) -> str:
    rows = [("container", facts.container)]
    for number, track in enumerate(facts.tracks, 1):
        language = f", {track.language}" if track.language else ""
        channels = f"{track.channels} channel{'s' * (track.channels > 1)}"
        rows.append((f"track {number}", f"{track.codec}, {track.sample_rate} Hz, {channels}{language}"))
    rows.append(("length", f"{facts.seconds:.3f} s"))
    for k, (level, peak, clipped) in enumerate(zip(facts.levels, facts.peaks, facts.clipped, strict=True), 1):
        channel = f" {k}" if facts.channels > 1 else ""
        rows.append((f"level{channel}", f"{level:.1f} dB, peak {peak:.1f} dB"))
        rows.append((f"clipping{channel}", f"{clipped:.2%} of the samples at {FULL_SCALE:.1%} of full scale or above"))
    rows.append(("model input", f"{heard(facts)}; level {facts.heard_level:.1f} dB"))
    rows += [("note", note) for note in facts.notes]
    width = max(len(label) for label, _ in rows)
    return "\n".join([name, *(f"  {label:{width}}  {text}" for label, text in rows)])


def _finite(values: Any) -> Any:
    """Replace the infinite level of silence, which JSON does not know, by None; round the other numbers."""
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    if isinstance(values, float):
        return round(values, 4) if math.isfinite(values) else None
    return values
