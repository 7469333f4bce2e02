"""The results of a run as JSON lines: what is on disk survives a kill, and the next run goes on from there."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from w2vkit.errors import EvaluationError

FORMAT = 1  # of the file, in its first line


@dataclass(frozen=True)
class Row:
    """What became of one utterance; the texts are as data set and decoder gave them, before any scoring.

    Attributes
    ----------
    id : str
    speaker : str or None
    seconds : float or None
        The duration of the sound; None where it could not be read.
    reference : str or None
    hypothesis : str or None
    error : str or None
        Why there is no hypothesis.
    """

    id: str
    speaker: str | None = None
    seconds: float | None = None
    reference: str | None = None
    hypothesis: str | None = None
    error: str | None = None


class Journal:
    """An append-only file of rows, one JSON object per line after a line that says whose results they are.

    Attributes
    ----------
    rows : dict
        The latest row of every id. A failed one is tried again by the next run.
    """

    def __init__(self, path: Path | None, about: dict[str, Any]) -> None:
        self.path, self.rows, self._order = path, dict[str, Row](), list[str]()
        self._head = {"w2vkit": FORMAT, **about}
        if path:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._read(path)
            except OSError as error:
                raise self._unwritable(error) from error

    def has(self, id: str, reference: str | None) -> bool:
        """Whether an utterance is done already.

        Raises
        ------
        EvaluationError
            It is, but with another reference: the file belongs to another data set.
        """
        row = self.rows.get(id)
        if row is None or row.error is not None:
            return False
        if row.reference != reference:
            raise EvaluationError(
                f"{self.path} has another reference for {id}: it belongs to another data set or text column. "
                "Choose another --output-dir, or remove the file."
            )
        return True

    def add(self, rows: Iterable[Row]) -> None:
        """Keep rows; they are on the disk when this returns.

        Raises
        ------
        EvaluationError
            The disk is full, or the file cannot be written.
        """
        rows = list(rows)
        self.rows.update((row.id, row) for row in rows)
        self._order += [row.id for row in rows]
        if self.path:
            self._append(self.path, map(asdict, rows))

    def finish(self, ids: list[str]) -> list[Row]:
        """Give the rows in the data set's order, and bring the file into that order if second attempts broke it."""
        rows = [self.rows[id] for id in ids]
        if self.path and self._order != ids and set(self._order) == set(ids):
            new = self.path.with_name(self.path.name + ".new")
            new.unlink(missing_ok=True)
            self._append(new, [self._head, *map(asdict, rows)])
            new.replace(self.path)
            self._order = list(ids)
        return rows

    def _read(self, path: Path) -> None:
        lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
        if lines[-1]:  # a kill in the middle of a write leaves half a line; that utterance was not done
            os.truncate(path, sum(len(line) + 1 for line in lines[:-1]))
        if len(lines) == 1:
            self._append(path, [self._head])
            return
        try:
            head, *rows = [json.loads(line) for line in lines[:-1]]
            found = [Row(**row) for row in rows]
        except (ValueError, TypeError) as error:
            raise EvaluationError(f"{path} is not a file of results: {error}. Remove it, or choose another place.") from error
        if head != self._head:
            raise EvaluationError(
                f"{path} holds the results of another run ({_brief(head)}, not {_brief(self._head)}). "
                "Choose another --output-dir, or remove the file."
            )
        self.rows, self._order = {row.id: row for row in found}, [row.id for row in found]

    def _append(self, path: Path, entries: Iterable[Any]) -> None:
        data = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode("utf-8")
        try:
            # Unbuffered: on a full disk, closing a buffered file would try, and fail, again.
            with path.open("ab", buffering=0) as file:
                while data:
                    data = data[file.write(data) :]
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> EvaluationError:
        return EvaluationError(
            f"{self.path} could not be written: {error.strerror}. What it holds is kept: free space or mend the "
            "permissions, and run the same command again to go on."
        )


def _brief(head: Any) -> str:
    return (
        ", ".join(f"{key} {value}" for key, value in head.items() if key != "w2vkit") if isinstance(head, dict) else "unknown"
    )
