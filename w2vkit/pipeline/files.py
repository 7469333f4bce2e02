"""Writing files so that neither a kill nor a full disk damages what was there."""

import os
from pathlib import Path


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
    new = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)  # an earlier attempt may have been killed
    append(new, data)
    new.replace(path)
