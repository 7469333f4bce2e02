"""Measure the page under load: many clients at once, each with its own clips, through the endpoint /transcribe.

    python -m benchmarks.service [--url http://127.0.0.1:7860/] [--clients 30] [--requests 2] [--seconds 5]

Without --url the page is served on this machine by `w2vkit demo`, with the model of --model. All clients send their first
request at the same time, and upload every clip anew. Prints a table and a line of JSON. The times are those of the client,
with upload and download. Refused and failed requests are counted; their times are left out.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import soundfile
from gradio_client import Client, handle_file

from w2vkit.audio import load
from w2vkit.examples import examples


def write_clips(folder: Path, count: int, seconds: float) -> list[Path]:
    """Write clips of the bundled speech, each with another start, so that all differ."""
    speech = np.concatenate([load(clip.path).samples for clip in examples()])
    length, paths = int(16_000 * seconds), []
    for k in range(count):
        start = k * len(speech) // count
        paths.append(folder / f"{k}.wav")
        soundfile.write(paths[-1], np.take(speech, range(start, start + length), mode="wrap"), 16_000)
    return paths


@contextmanager
def served(model: str, *arguments: str, **process: Any) -> Iterator[tuple[str, int]]:
    """Serve the page from another process, so that the clients do not share its interpreter; give its address and number.

    ``arguments`` are options of ``w2vkit demo``, ``process`` those of `subprocess.Popen`.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    page = subprocess.Popen(
        [sys.executable, "-m", "w2vkit", "demo", "--model", model, "--port", str(port), *arguments], **process
    )
    try:
        while not _listens(port):
            if page.poll() is not None:
                raise SystemExit("The page did not start. Its messages are above.")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/", page.pid
    finally:
        page.terminate()
        page.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def waits(url: str, clips: list[Path], barrier: Barrier) -> list[float | None]:
    """Act as one client; give the time of each clip (s), or None for a failed request."""
    client, took = Client(url, verbose=False), list[float | None]()
    barrier.wait()
    for clip in clips:
        start = time.perf_counter()
        try:
            client.predict(handle_file(str(clip)), api_name="/transcribe")
            took.append(time.perf_counter() - start)
        except Exception as error:  # a refusal by the page or its queue is counted, whatever its type
            print(f"failed: {error}")
            took.append(None)
    return took


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url")
    parser.add_argument("--model", default="w2v-mini")
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--requests", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    page = nullcontext((options.url, 0)) if options.url else served(options.model)
    with page as (url, _), tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.clients) as pool:
        clips = write_clips(Path(folder), options.clients * options.requests, options.seconds)
        shares = [clips[k :: options.clients] for k in range(options.clients)]
        barrier = Barrier(options.clients)
        start = time.perf_counter()
        took = [wait for waited in pool.map(lambda share: waits(url, share, barrier), shares) for wait in waited]
        elapsed = time.perf_counter() - start
    done = [wait for wait in took if wait is not None]
    result = {
        "clients": options.clients,
        "requests": len(took),
        "failed": len(took) - len(done),
        "p50_s": round(float(np.percentile(done, 50)), 2) if done else None,
        "p95_s": round(float(np.percentile(done, 95)), 2) if done else None,
        "sound_per_second": round(len(done) * options.seconds / elapsed, 1),
    }
    for name, value in result.items():
        print(f"{name:18} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
