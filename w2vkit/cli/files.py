"""From the paths on the command line to the files to read and the files to write."""

import glob
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from w2vkit.errors import AudioError
from w2vkit.pipeline.files import OWN, walk

# The suffixes of sound and video that libsndfile and FFmpeg read. A file that is named itself may have any suffix.
SUFFIXES = frozenset(
    """
    .wav .wave .bwf .rf64 .w64 .aif .aiff .aifc .au .snd .caf .voc .ircam .sf .flac .ogg .oga .ogx .opus .spx .mp1 .mp2 .mp3
    .mpa .m2a .aac .adts .m4a .m4b .m4r .ac3 .eac3 .ec3 .dts .wma .wv .ape .tta .tak .mpc .mka .amr .awb .gsm .ra .thd
    .mp4 .m4v .mov .qt .3gp .3g2 .webm .mkv .mk3d .ogv .avi .divx .wmv .asf .flv .f4v .mpg .mpeg .mpe .m2v .vob .ts .m2ts .mts
    .mxf .rm .rmvb .nut
    """.split()
)
STDIN = "-"  # means standard input on the command line
SHOWN_SUFFIXES = 5  # of files that are left out


@dataclass(frozen=True)
class Job:
    """A file to transcribe, and its path relative to the folder that was searched; or standard input."""

    path: Path
    relative: Path
    standard_input: bool = False

    @property
    def source(self) -> Any:
        """What `w2vkit.audio.load` takes."""
        return sys.stdin.buffer if self.standard_input else self.path


@dataclass(frozen=True)
class Found:
    """The files that the paths on the command line name.

    Attributes
    ----------
    jobs : list of Job
    failures : list of (Path, str)
        Paths that cannot be used, with the reasons.
    left_out : Counter
        How many files in folders are hidden, or are not sound by their suffix; counted by suffix.
    """

    jobs: list[Job] = field(default_factory=list)
    failures: list[tuple[Path, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def note(self) -> str | None:
        """Say what was left out, if anything was."""
        if not self.left_out:
            return None
        most = self.left_out.most_common(SHOWN_SUFFIXES)
        rest = self.left_out.total() - sum(count for _, count in most)
        listed = ", ".join([f"{count} {kind}" for kind, count in most] + [f"{rest} others"] * bool(rest))
        files = "1 file was" if self.left_out.total() == 1 else f"{self.left_out.total()} files were"
        return f"{files} left out, hidden or no sound by the suffix: {listed}. To read such a file, name it."


def find_jobs(paths: list[str]) -> Found:
    """Find the files of paths, folders and patterns: each once, in the given order.

    In folders, only files with the suffix of sound or video are taken. Linked folders are searched, too.

    Raises
    ------
    AudioError
        A folder or pattern holds no audio.
    """
    found = Found()
    jobs: dict[Any, Job] = {}
    for given in paths:
        try:
            for job in _jobs_of(given, found):
                jobs.setdefault((job.standard_input, job.path.resolve()), job)
        except (OSError, ValueError, RuntimeError) as error:  # too long a name, a loop of links, a folder without access
            found.failures.append((Path(given), f"The path cannot be opened: {getattr(error, 'strerror', None) or error}."))
    found.jobs.extend(jobs.values())
    return found


def _jobs_of(given: str, found: Found) -> list[Job]:
    if given == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise AudioError("No sound comes from standard input. Pipe a file in, or name it: ./- is a file of the name -.")
        return [Job(Path("standard input"), Path("stdin"), standard_input=True)]
    path = Path(given).expanduser() if given.startswith(("~/", "~\\")) or given == "~" else Path(given)
    if path.is_dir():
        return _jobs_in(path, given, found)
    if path.exists() or not glob.has_magic(given):
        return [Job(path, Path(path.name))]  # a missing file is reported with the others that fail
    files = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
    jobs = [Job(file, Path(file.name)) for file in files if file.is_file()]
    if not jobs:
        raise AudioError(f"No file matches {given}. Check the pattern.")
    return jobs


def _jobs_in(folder: Path, given: str, found: Found) -> list[Job]:
    searched = walk(folder)
    found.failures.extend(searched.unreadable)
    jobs = []
    for file in searched.files:
        if file.suffix.lower() in SUFFIXES and not file.name.startswith("."):
            # A link without its file fails with the others, and is not left out.
            jobs.append(Job(file, file.relative_to(folder)))
        elif not file.name.startswith(OWN):
            found.left_out["hidden" if file.name.startswith(".") else file.suffix.lower() or "without a suffix"] += 1
    if not jobs and not searched.unreadable:
        raise AudioError(f"There is no audio in {given}. Give a folder with files such as .wav, .flac, .mp3 or .m4a.")
    return jobs


def give_outputs(jobs: list[Job], folder: Path, formats: Sequence[str]) -> dict[Path, Job]:
    """Give each job an output file per format: ``talk.srt``, or ``talk.mp3.srt`` if two inputs share a stem.

    Some file systems take names for one that differ in case, or in how accents are written.
    """

    def same(name: str | Path) -> str:
        return unicodedata.normalize("NFC", str(name)).casefold()

    stems = [job.relative.with_suffix("") for job in jobs]
    times = Counter(map(same, stems))
    outputs: dict[Path, Job] = {}
    taken: set[str] = set()
    for job, stem in zip(jobs, stems, strict=True):
        base = name = str(job.relative if times[same(stem)] > 1 else stem)
        number = 2
        while same(name) in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(same(name))
        outputs |= {folder / f"{name}.{format}": job for format in formats}
    return outputs
