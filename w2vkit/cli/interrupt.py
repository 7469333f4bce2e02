"""What Ctrl-C does while libraries are imported."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPPED = "w2vkit: stopped. Results that were already written are kept."
STATUS = 130  # exit status of a program that SIGINT ended


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process at once, with one line.

    Importing a library takes seconds, and no results have to be saved then. A KeyboardInterrupt there ends in a traceback,
    and inside PyTorch's C++ code in a crash.
    """
    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return

    def stop(*signal: object) -> None:
        try:
            os.write(2, f"{STOPPED}\n".encode())
        finally:
            os._exit(STATUS)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
