"""Results as JSON lines: a killed run loses no written result, and the next run resumes from there."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from w2vkit.decode import Hypothesis
from w2vkit.errors import EvaluationError, printable_json
from w2vkit.pipeline import files

FORMAT = 1  # of the file, in its first line
RESULTS = "results.jsonl"  # the file in the folder of `w2vkit evaluate`
UTF8 = ("utf-8", "backslashreplace")  # a name that is not UTF-8 holds half characters, which JSON writes as "\\udcff"


@dataclass(frozen=True)
class Result:
    """The result of transcribing one utterance, with the texts of data set and decoder before any normalisation.

    Attributes
    ----------
    id : str
    speaker : str or None
    seconds : float or None
        The duration of the sound; None where it could not be read.
    reference : str or None
    hypothesis : str or None
        The decoder's text.
    error : str or None
        Why there is no hypothesis.
    noise : float or None
        The estimated signal-to-noise ratio of the sound (dB); see `w2vkit.audio.noise`.
    confidences : sequence of float or None
        Of the words of the hypothesis.
    alternatives : sequence of str or None
        The next best texts, if the decoder was asked for them.
    decoded : Hypothesis or None
        The hypothesis with its words; None after the words were stored, or if they are not needed.
    notes : tuple of str
        What is missing in the sound, or was chosen, as `w2vkit.audio.Waveform.notes`.
    """

    id: str
    speaker: str | None = None
    seconds: float | None = None
    reference: str | None = None
    hypothesis: str | None = None
    error: str | None = None
    noise: float | None = None
    confidences: Sequence[float] | None = None
    alternatives: Sequence[str] | None = None
    decoded: Hypothesis | None = None
    notes: tuple[str, ...] = ()

    def stored(self) -> dict[str, Any]:
        """Give what files of results hold: everything but the words; notes if there are some."""
        return {key: value for key, value in vars(self).items() if key != "decoded" and (key != "notes" or value)}


class Journal:
    """A file of results: one JSON object per line, after a first line with the run's settings.

    Parameters
    ----------
    path : Path or None
        Without one the results are held in memory only.
    settings : dict
        What the results depend on, as values for JSON.

    Attributes
    ----------
    results : dict
        The latest result of every id. A failed utterance is transcribed again by the next run.

    Raises
    ------
    EvaluationError
        The file belongs to a run with other settings, is no file of results, or cannot be written.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self.path = path
        self.results: dict[str, Result] = {}
        self._order: list[str] = []
        self._head = {"w2vkit": FORMAT, **settings}
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
        result = self.results.get(id)
        if result is None or result.error is not None:
            return False
        if result.reference != reference:
            raise EvaluationError(
                f"{self.path} has another reference for {id}: it belongs to another data set or text column. "
                "Choose another --output-dir, or remove the file."
            )
        return True

    def add(self, results: Iterable[Result]) -> None:
        """Append results; they are on the disk when this returns.

        Raises
        ------
        EvaluationError
            The disk is full, or the file cannot be written.
        """
        results = [replace(result, decoded=None) for result in results]  # the words of a whole data set need much memory
        self.results.update((result.id, result) for result in results)
        self._order += [result.id for result in results]
        if self.path:
            try:
                files.append(self.path, _lines(result.stored() for result in results))
            except OSError as error:
                raise self._unwritable(error) from error

    def finish(self, ids: list[str]) -> list[Result]:
        """Give the results in the order of `ids`, and rewrite the file in that order where second attempts changed it."""
        results = [self.results[id] for id in ids]
        if self.path and self._order != ids and set(self._order) == set(ids):
            try:
                files.replace(self.path, _lines([self._head, *(result.stored() for result in results)]))
            except OSError as error:
                raise self._unwritable(error) from error
            self._order = list(ids)
        return results

    def _read(self, path: Path) -> None:
        data = path.read_bytes() if path.exists() else b""
        *lines, rest = data.split(b"\n")  # a kill during a write leaves half a line; that utterance was not done
        if not lines and _lines([self._head]).startswith(rest):
            if rest:
                os.truncate(path, 0)
            files.append(path, _lines([self._head]))
            return
        try:
            head, *entries = [json.loads(line) for line in lines]
            found = [Result(**entry | {"notes": tuple(entry.get("notes", ()))}) for entry in entries]
            if not isinstance(head, dict) or "w2vkit" not in head:
                raise ValueError("its first line is not one of w2vkit's")
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise EvaluationError(f"{path} is not a file of results: {error}. Remove it, or choose another place.") from error
        if head != self._head:
            raise EvaluationError(
                f"{path} holds the results of another run ({_brief(head)}, not {_brief(self._head)}). "
                "Choose another --output-dir, or remove the file."
            )
        if rest:
            os.truncate(path, len(data) - len(rest))
        self.results = {result.id: result for result in found}
        self._order = [result.id for result in found]

    def _unwritable(self, error: OSError) -> EvaluationError:
        return EvaluationError(
            f"{self.path} could not be written: {error.strerror}. Its results are kept: free space or correct the "
            "permissions, then run the same command again to resume."
        )


def _lines(entries: Iterable[Any]) -> bytes:
    return "".join(printable_json(json.dumps(entry, ensure_ascii=False)) + "\n" for entry in entries).encode(*UTF8)


def _brief(head: Any) -> str:
    if not isinstance(head, dict):
        return "unknown"
    return ", ".join(f"{key} {value}" for key, value in head.items() if key != "w2vkit")
