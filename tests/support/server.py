"""Serves the page, by `w2vkit demo` or another command, for tests that open it."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 300  # s; the machine may be busy


@contextmanager
def serve_demo(*command: str, cwd: Path | None = None, python: str = sys.executable, **variables: str) -> Iterator[str]:
    """Serve the page and give its address. Without a command this is `w2vkit demo`.

    The Hub is out of reach, unless ``variables`` of the environment say where it is.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": os.devnull}
    environment |= {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)} | variables  # as the Hub tells a Space
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        run = [python, *(command or ("-m", "w2vkit", "demo", "--port", str(port)))]
        with said.open("w") as output:
            server = subprocess.Popen(run, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _listens(port):
                if time.monotonic() > deadline or server.poll() is not None:
                    raise RuntimeError(f"the page did not come up: {said.read_text()}")
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
