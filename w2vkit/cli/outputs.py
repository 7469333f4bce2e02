"""The output folder of `w2vkit transcribe`: what w2vkit wrote there, so that a run can resume and nothing else is replaced."""

import hashlib
import json
import os
from collections.abc import Iterable, Set
from pathlib import Path
from typing import Any

from w2vkit.cli.files import Job
from w2vkit.errors import FormatError
from w2vkit.pipeline import files

RECORD = f"{files.OWN}.jsonl"
SHOWN = 3  # files that a message names


class Outputs:
    """The outputs of a run, and the record of all runs into their folder.

    The record has one JSON object per line: the settings of a run, or an output with its digest and its input. A line is
    written before its output, so that a kill between the two leaves no file that the record does not know.

    Parameters
    ----------
    folder : Path
    paths : dict
        The job of every output.

    Raises
    ------
    FormatError
        The record cannot be read.
    """

    def __init__(self, folder: Path, paths: dict[Path, Job]) -> None:
        self.folder, self.paths = folder, paths
        self._record = folder / RECORD
        self._known: dict[str, dict[str, Any]] = {}
        self._settings: dict[str, Any] | None = None  # of the last run in the record
        self._whole: int | None = None  # bytes of the whole lines, if the record ends in half a line
        self._read()

    def check(self, paths: Set[Path], *, overwrite: bool, resume: bool) -> None:
        """Refuse to replace a file that would be lost, before any work is done; ``paths`` are the outputs to write.

        Raises
        ------
        FormatError
            An output is an input. Or, without ``overwrite``, it is there and w2vkit did not write it, or it was changed since;
            a run that resumes keeps what was changed.
        """
        inputs = {job.path.resolve() for job in self.paths.values()}
        lost = [path for path in sorted(paths) if path.resolve() in inputs]
        if lost:
            raise FormatError(f"{_listed(lost)}: the output would replace an input. Choose another --output-dir or --format.")
        there = [path for path in sorted(paths) if os.path.lexists(path) and not overwrite]
        foreign = [path for path in there if not (self._wrote(path) or (resume and self._done(path)))]
        if foreign:
            raise FormatError(
                f"{_listed(foreign)}: there already, and not as w2vkit wrote it. Choose another --output-dir, or replace "
                "such files with --overwrite."
            )

    def begin(self, settings: dict[str, Any], *, resume: bool) -> set[Path]:
        """Begin a run; give the outputs that an earlier run with these settings has written, if the run resumes.

        Raises
        ------
        FormatError
            The run resumes, but outputs are there that were made with other settings.
        """
        settings = json.loads(json.dumps(settings))
        done = set[Path]()
        for path in self.paths if resume else ():
            entry = self._known.get(self._name(path))
            if not entry or not path.exists():
                continue
            other = {**entry["settings"], **settings}
            differ = [key for key in other if entry["settings"].get(key) != settings.get(key)]
            if differ:
                raise FormatError(
                    f"{path} was made with other settings ({', '.join(differ)}). Give the same ones as before, leave out "
                    "--resume to transcribe all again, or choose another --output-dir."
                )
            if self._done(path):
                done.add(path)
        if self._settings != settings:
            self._append({"settings": settings})
            self._settings = settings
        return done

    def write(self, path: Path, text: str) -> None:
        """Write an output.

        Raises
        ------
        OSError
            The disk is full, or the file cannot be written; an older one is kept.
        """
        data = text.encode("utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = {
            "output": self._name(path),
            "sha256": _digest(data),
            "replaces": self._digest_of(path),
            "input": _identity(self.paths[path]),
        }
        self._append(entry)
        files.replace(path, data)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _wrote(self, path: Path) -> bool:
        """Whether a file is there as w2vkit wrote it."""
        entry = self._known.get(self._name(path))
        return entry is not None and self._digest_of(path) in entry["own"]

    def _done(self, path: Path) -> bool:
        """Whether an output was written and is there, as it was written or changed since."""
        entry, found = self._known.get(self._name(path)), self._digest_of(path)
        if entry is None or found is None or entry["input"] != _identity(self.paths[path]):
            return False
        return found == entry["sha256"] or found != entry["replaces"]  # a kill may have come before the file was replaced

    def _digest_of(self, path: Path) -> str | None:
        try:
            return _digest(path.read_bytes()) if path.is_file() else None  # a device may have no end
        except OSError:
            return None

    def _read(self) -> None:
        try:
            data = self._record.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise FormatError(f"{self._record} could not be read: {error.strerror}. Choose another --output-dir.") from error
        *lines, rest = data.split(b"\n")
        self._whole = len(data) - len(rest) if rest else None  # a kill during a write leaves half a line, and no output
        for line in lines:
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise FormatError(
                    f"{self._record} is damaged. Remove it (what is there will then count as not written by w2vkit), or choose "
                    "another --output-dir."
                ) from error

    def _take(self, entry: dict[str, Any]) -> None:
        if "settings" in entry:
            self._settings = dict(entry["settings"])
            return
        # A kill may have come before the file was replaced: then it still has the digest of an earlier entry.
        earlier = self._known.get(entry["output"], {"own": []})["own"]
        own = [entry["sha256"], *([entry["replaces"]] if entry["replaces"] in earlier else [])]
        self._known[entry["output"]] = {**entry, "own": own, "settings": self._settings or {}}

    def _append(self, entry: dict[str, Any]) -> None:
        if self._whole is not None:
            os.truncate(self._record, self._whole)
            self._whole = None
        files.append(self._record, json.dumps(entry).encode("ascii") + b"\n")


def _identity(job: Job) -> list[Any]:
    """Give path, size (bytes) and time of change (ns) of an input, by which a later run sees whether it is the same."""
    try:
        status = job.path.stat()
    except OSError:  # it was removed
        return [str(job.path)]
    return [str(job.path.resolve()), status.st_size, status.st_mtime_ns]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _listed(paths: Iterable[Path]) -> str:
    paths = list(paths)
    rest = [f"{len(paths) - SHOWN} more"] * (len(paths) > SHOWN)
    return ", ".join([*map(str, paths[:SHOWN]), *rest])
