"""Finding files, and writing them so that a kill, a full disk or a second run damages no older file."""

import hashlib
import os
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from w2vkit.errors import FormatError

try:
    import fcntl
except ImportError:  # on Windows, where runs do not lock their folder
    fcntl = None

OWN = ".w2vkit"  # the names of w2vkit's own files begin with it
LOCK = f"{OWN}.lock"


def append(path: Path, data: bytes) -> None:
    """Append to a file; the data is on the disk when this returns.

    Raises
    ------
    OSError
        The disk is full, or the file cannot be written. A part of the data may have been appended.
    """
    # Unbuffered: on a full disk, closing a buffered file would try, and fail, again.
    with path.open("ab", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())


def replace(path: Path, data: bytes) -> None:
    """Write a whole file, and the folders above it: afterwards `path` holds either its old content or all of the data.

    Raises
    ------
    OSError
        The disk is full, or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = temporary(path)
    new.unlink(missing_ok=True)  # an earlier attempt may have been killed
    try:
        append(new, data)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def temporary(path: Path) -> Path:
    """Name the file, in the same folder, into which new content is written first; no file of a user has such a name."""
    digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]  # the name itself may be as long as names can be
    return path.with_name(f"{OWN}-{digest}{path.suffix[:16]}")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder, which is created. A killed run leaves its lock file, but no lock.

    Raises
    ------
    FormatError
        Another run writes into the folder, or it cannot be written to.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _open_locked(path)
        with suppress(OSError):  # the disk is full: the lock holds without the text
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
    except OSError as error:
        raise FormatError(
            f"{folder} could not be written to: {error.strerror}. Free space, or choose another folder."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            if fcntl is None:
                file.close()  # Windows removes no open file
            path.unlink(missing_ok=True)
        file.close()


def _open_locked(path: Path) -> BinaryIO:
    while True:
        file = path.open("ab+", buffering=0)
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BlockingIOError:
            file.seek(0)
            who = file.read(200).decode("utf-8", "replace") or "another process"
            file.close()
            raise FormatError(
                f"Another run of w2vkit ({who}) writes into {path.parent}. Wait until it ends, or choose another folder."
            ) from None
        except FileNotFoundError:
            pass  # the run before ended, and removed its lock file between our opening and locking it
        except OSError:
            return file  # the file system has no locks
        file.close()


@dataclass(frozen=True)
class Walk:
    """The files in and below a folder, sorted, and the folders that could not be opened, with the reasons."""

    files: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


def walk(folder: Path) -> Walk:
    """Find all files in and below a folder. Linked folders are followed; each folder is searched once."""
    found, seen, waiting = Walk(), set[str](), deque([folder])

    def failed(error: OSError) -> None:
        found.unreadable.append((Path(error.filename), f"The folder could not be opened: {error.strerror}."))

    while waiting:  # linked folders come last, so that files are found below their own folder first
        for here, folders, names in os.walk(waiting.popleft(), onerror=failed):
            real = os.path.realpath(here)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            paths = [Path(here, name) for name in folders]
            waiting.extend(sorted(path for path in paths if path.is_symlink()))
            found.files.extend(Path(here, name) for name in names)
    found.files.sort()
    return found
