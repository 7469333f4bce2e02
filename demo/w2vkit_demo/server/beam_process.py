"""Beam searches in a process beside the page's.

A search is many small steps of Python. In the page's own process everything else, from the queue to the live sessions, would
wait for Python's lock meanwhile; a clip's emissions, 32 KB for 5 s, are sent away for next to nothing.

Not a pool of `concurrent.futures`: its processes import the program that made them, which in a Space loads the model.
"""

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import Lock

from w2vkit.decode import BeamSearch, Hypothesis
from w2vkit.decode.lm import load
from w2vkit.emissions import Emissions
from w2vkit.errors import DecodingError
from w2vkit_demo import strings


class BeamProcess:
    """One process for one search at a time; it starts when it is first needed, and anew where it has died."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def search(
        self, emissions: Emissions, search: BeamSearch | None = None, *, language_model: Path | None = None
    ) -> Hypothesis:
        """Search in the process; it loads the language model of a path once and keeps it.

        Raises
        ------
        DecodingError
            The process was ended twice, as a machine short of memory does. Other errors are those of `BeamSearch`.
        """
        request = pickle.dumps((emissions, search or BeamSearch(), language_model))
        with self._turn:
            found = self._ask(request) or self._ask(request)
        if found is None:
            raise DecodingError(strings.SEARCH_ENDED)
        if isinstance(found, Exception):
            raise found
        return found

    def _ask(self, request: bytes) -> Hypothesis | Exception | None:
        """Give what the process answers, or None if it is no more."""
        if self._process is None:
            path = os.pathsep.join(filter(None, sys.path))
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,  # who stops the page from the keyboard need not see this one end
            )
        process = self._process
        assert process.stdin and process.stdout
        try:
            process.stdin.write(request)
            process.stdin.flush()
            return pickle.load(process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            process.kill()
            process.wait()
            self._process = None
            return None


def main() -> None:
    """Answer one search after another, until the page is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    loaded = lru_cache(maxsize=2)(load)
    os.dup2(2, 1)  # whatever is printed must not get between the answers
    while True:
        try:
            emissions, search, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            found = (replace(search, language_model=loaded(path)) if path else search)(emissions)
        except Exception as error:  # it is raised where the search was asked for
            found = error
        pickle.dump(found, answers)
        answers.flush()


if __name__ == "__main__":
    main()
