"""Beam searches in a process beside the page's.

A search is many small steps of Python. In the page's own process everything else, from the queue to the live sessions, would
wait for Python's lock meanwhile; a clip's emissions, 32 KB for 5 s, are sent away for next to nothing.

Not a pool of `concurrent.futures`: its processes import the program that made them, which in a Space loads the model.
"""

import os
import pickle
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from w2vkit.decode import Hypothesis, beam_search
from w2vkit.decode.lm import LanguageModel, load
from w2vkit.emissions import Emissions
from w2vkit.errors import DecodingError
from w2vkit_demo import strings


class BeamProcess:
    """One process for one search at a time; it starts when it is first needed, and anew where it has died."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def search(self, emissions: Emissions, **options: Any) -> Hypothesis:
        """Search as `beam_search` does; a language model may be given as its path, and is read once.

        Raises
        ------
        DecodingError
            The process was ended twice, as a machine short of memory does. Other errors are those of `beam_search`.
        """
        request = pickle.dumps((emissions, options))
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
    os.dup2(2, 1)  # whatever is printed must not get between the answers
    while True:
        try:
            emissions, options = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            found = beam_search(emissions, **options | {"language_model": _read(options.get("language_model"))})
        except Exception as error:  # it is raised where the search was asked for
            found = error
        pickle.dump(found, answers)
        answers.flush()


@lru_cache(maxsize=2)
def _loaded(path: Path) -> LanguageModel:
    return load(path)


def _read(model: LanguageModel | Path | None) -> LanguageModel | None:
    return _loaded(model) if isinstance(model, Path) else model


if __name__ == "__main__":
    main()
