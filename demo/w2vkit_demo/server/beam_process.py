"""Beam searches in a process of their own.

A search is many small steps of Python. In the page's process it would hold Python's global lock, and the queue and the live
sessions would wait. Sending the emissions to another process costs little: 32 KB for 5 s of sound.

This is not a pool of `concurrent.futures`, because its processes import the main program, which in a Space loads the model.
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
    """A process that does one search at a time. It starts with the first search, and again if it was ended."""

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
            The process was ended twice, for example by a machine that is short of memory.
        W2VKitError
            As for `BeamSearch`.
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
        """Give the process's answer, or None if it has ended."""
        if self._process is None:
            path = os.pathsep.join(filter(None, sys.path))
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,  # Ctrl+C reaches the page only, which then ends this process without a traceback
            )
        process = self._process
        assert process.stdin and process.stdout
        try:
            process.stdin.write(request)
            process.stdin.flush()
            return pickle.load(process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # ValueError: `close` was called meanwhile
            self.close()
            return None

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def main() -> None:
    """Answer one search after another, until the page closes the pipe or ends."""
    answers = os.fdopen(os.dup(1), "wb")
    loaded = lru_cache(maxsize=2)(load)
    os.dup2(2, 1)  # what a library prints goes to stderr, not between the answers
    while True:
        try:
            emissions, search, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            found = (replace(search, language_model=loaded(path)) if path else search)(emissions)
        except Exception as error:  # `search` raises it
            found = error
        pickle.dump(found, answers)
        answers.flush()


if __name__ == "__main__":
    main()
