"""How long after its end a word is on the screen, for some live sessions at once.

    python -m benchmarks.live [MODEL] [--sessions 1 5] [--seconds 20]

The bundled clips are fed in real time, as the page does: one block on its way, and blocks get longer where answers take
long. Every word of a session's last text is counted, by when it first showed at its place as it stays, grey or not; and
by when anything showed there.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from w2vkit.audio import Waveform, load
from w2vkit.decode import Word
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.server.service import Service
from w2vkit_demo.tabs.live import LEAST_SECONDS, MOST_SECONDS, PATIENCE_SECONDS, REST, SESSIONS, begin

NEAR_SECONDS = 0.3  # s; a word of the same text that ends so near is the same word


@dataclass(frozen=True)
class Session:
    """What one session showed: (when (s), words) of every answer, and how much was dropped (s)."""

    shown: list[tuple[float, tuple[Word, ...]]]
    dropped: float


def listen(service: Service, sound: Waveform, workers: ThreadPoolExecutor, wait: float) -> Session:
    """Feed a sound in real time, `wait` seconds from now on."""
    transcript, shown, sent, took, rate = begin(service), [], 0, 0.0, sound.sample_rate
    start = time.monotonic() + wait
    while sent < len(sound.samples):
        block = min(MOST_SECONDS, max(LEAST_SECONDS, REST * took))
        due = start + min(sent / rate + block, sound.seconds)
        time.sleep(max(0.0, due - time.monotonic()))
        asked = time.monotonic()
        spoken = min(len(sound.samples), int((asked - start) * rate))
        transcript.feed((rate, sound.samples[sent:spoken]))
        sent = spoken
        now = transcript.update_async(workers, patience=PATIENCE_SECONDS)
        shown.append((time.monotonic() - start, (*now.final, *now.partial)))
        took = time.monotonic() - asked
    last = transcript.finish()
    return Session([*shown, (time.monotonic() - start, last.final)], last.dropped)


def delays(session: Session) -> tuple[list[float], list[float]]:
    """From each word's end to its first showing as it stays, and to the first showing of anything in its middle (s)."""
    stays, anything = [], []
    for word in session.shown[-1][1]:
        middle = (word.start + word.end) / 2
        same = (
            when
            for when, there in session.shown
            if any(w.text == word.text and abs(w.end - word.end) < NEAR_SECONDS for w in there)
        )
        some = (when for when, there in session.shown if any(w.start <= middle <= w.end for w in there))
        stays.append(next(same) - word.end)
        anything.append(next(some) - word.end)
    return stays, anything


def main() -> None:
    """Print the table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="w2v-mini", help="a name or a folder that w2vkit loads")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 5], help="how many at once (default: 1, then 5)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of sound for each session (default 20)")
    arguments = parser.parse_args()
    loaded = CTCModel.load(arguments.model)
    clips = np.concatenate([load(clip.path, sample_rate=loaded.sample_rate).samples for clip in examples()])
    sound = Waveform(clips[: int(arguments.seconds * loaded.sample_rate)], loaded.sample_rate)
    service, results = Service(LoadedModels(ModelQueue(loaded))), []
    service.prepare()
    print("| sessions | words | as it stays: median, 95th percentile (s) | anything (s) | dropped (s) |\n|---|---|---|---|---|")
    for count in arguments.sessions:
        with ThreadPoolExecutor(count) as people, ThreadPoolExecutor(SESSIONS) as workers:
            waits = [1 + LEAST_SECONDS * i / count for i in range(count)]
            sessions = list(people.map(lambda wait, workers=workers: listen(service, sound, workers, wait), waits))
        stays, anything = (np.concatenate(found) for found in zip(*map(delays, sessions), strict=True))
        median, late = np.percentile(stays, [50, 95])
        first, first_late = np.percentile(anything, [50, 95])
        dropped = sum(session.dropped for session in sessions)
        print(f"| {count} | {len(stays)} | {median:.2f}, {late:.2f} | {first:.2f}, {first_late:.2f} | {dropped:.1f} |")
        row = {"sessions": count, "words": len(stays), "median_s": round(median, 3), "p95_s": round(late, 3)}
        results.append(row | {"anything_p95_s": round(first_late, 3), "dropped_s": round(dropped, 2)})
    service.close()
    print(json.dumps({"benchmark": "live", "model": loaded.name, "seconds": sound.seconds, "results": results}))


if __name__ == "__main__":
    main()
