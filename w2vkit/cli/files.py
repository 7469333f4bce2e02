"""From the paths on the command line to the files to read and the files to write."""

import glob
from dataclasses import dataclass
from pathlib import Path

from w2vkit.errors import AudioError

SUFFIXES = frozenset(
    ".wav .flac .mp3 .ogg .oga .opus .m4a .m4b .mp4 .webm .mkv .mov .aac .wma .aif .aiff .aifc .au .caf .w64 .amr .3gp".split()
)


@dataclass(frozen=True)
class Job:
    """A file to transcribe, and its path relative to the folder that was searched."""

    path: Path
    relative: Path


def find_jobs(paths: list[str]) -> list[Job]:
    """Find the files of paths, folders and patterns: each once, in the given order.

    In folders, only files with an audio suffix are taken.

    Raises
    ------
    AudioError
        A folder or pattern holds no audio.
    """
    jobs: dict[Path, Job] = {}
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            found = [Job(file, file.relative_to(path)) for file in sorted(path.rglob("*")) if _is_audio(file)]
            if not found:
                raise AudioError(f"There is no audio in {given}. Give a folder with files such as .wav, .flac, .mp3 or .m4a.")
        elif path.exists() or not glob.has_magic(given):
            found = [Job(path, Path(path.name))]  # a missing file is reported with the others that fail
        else:
            files = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
            found = [Job(file, Path(file.name)) for file in files if file.is_file()]
            if not found:
                raise AudioError(f"No file matches {given}. Check the pattern.")
        for job in found:
            jobs.setdefault(job.path.resolve(), job)
    return list(jobs.values())


def give_outputs(jobs: list[Job], folder: Path, format: str) -> dict[Job, Path]:
    """Give each job its output file: ``talk.srt``, or ``talk.mp3.srt`` if two inputs share a stem."""
    stems = [job.relative.with_suffix("") for job in jobs]
    outputs: dict[Job, Path] = {}
    taken: set[Path] = set()
    for job, stem in zip(jobs, stems, strict=True):
        base = job.relative if stems.count(stem) > 1 else stem
        path, number = folder / f"{base}.{format}", 2
        while path in taken:
            path, number = folder / f"{base}-{number}.{format}", number + 1
        taken.add(path)
        outputs[job] = path
    return outputs


def _is_audio(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
