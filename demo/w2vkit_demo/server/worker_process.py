"""A separate process for work that holds Python's global lock, or that may never end: beam searches, and decoding of files.

In the page's process such work would block the queue and the live sessions, and nothing could stop it. Sending data to
another process costs little: 32 KB for the emissions of 5 s of sound.

This is not a pool of `concurrent.futures`, because its processes import the main program, which in a Space loads the model,
and cannot be ended one by one.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from threading import Event, Lock, Timer
from typing import Any

from w2vkit.errors import ServerError, W2VKitError, brief
from w2vkit_demo import strings


class WorkerProcess:
    """A process that does one call at a time. It starts with the first call, and again if it was ended."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
        """Call a function of a module in the process.

        Parameters
        ----------
        function : callable
            Of a module that the process can import: function and arguments are pickled.
        *arguments
        seconds : float
            After so much time the process is ended (s).

        Raises
        ------
        ServerError
            The call took too long, or the process was ended twice, for example by a machine that is short of memory; or the
            function raised something that is no W2VKitError.
        W2VKitError
            As the function raises it.
        """
        request = pickle.dumps((function, arguments))
        with self._turn:
            found = self._ask(request, seconds) or self._ask(request, seconds)
        if found is None:
            raise ServerError(strings.WORK_ENDED)
        failed, result = found
        if failed:
            raise result
        return result

    def _ask(self, request: bytes, seconds: float) -> tuple[bool, Any] | None:
        """Give whether the call failed, and its result or error; None if the process has ended."""
        if self._process is None:
            path = os.pathsep.join(filter(None, sys.path))
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": path},
                start_new_session=True,  # Ctrl+C reaches the page only, which then ends this process without a traceback
            )
        process, late = self._process, Event()
        assert process.stdin and process.stdout

        def end() -> None:
            late.set()
            process.kill()

        timer = Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(request)
            process.stdin.flush()
            return pickle.load(process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # ValueError: `close` was called meanwhile
            self.close()
            return (True, ServerError(strings.WORK_TOO_LONG.format(seconds=seconds))) if late.is_set() else None
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def main() -> None:
    """Answer one call after another, until the page closes the pipe or ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints goes to stderr, not between the answers
    while True:
        try:
            function, arguments = pickle.load(sys.stdin.buffer)
        except (EOFError, pickle.UnpicklingError):  # the page has ended, perhaps while it wrote
            return
        try:
            found = False, function(*arguments)
        except W2VKitError as error:  # `call` raises it
            found = True, error
        except Exception as error:  # many errors of libraries cannot be pickled
            found = True, ServerError(strings.WORK_FAILED.format(error=f"{type(error).__name__}: {brief(error)}"))
        try:
            pickle.dump(found, answers)
            answers.flush()
        except BrokenPipeError:  # the page ended during the call
            os._exit(0)


if __name__ == "__main__":
    main()
