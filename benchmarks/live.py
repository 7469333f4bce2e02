"""Measure the delay of live text, from the end of a word to its appearance, for several sessions at once.

    python -m benchmarks.live [MODEL] [--sessions 1 5] [--seconds 20]

The bundled clips are fed in real time, as the page does: one block at a time, and longer blocks after slow answers. Two
delays are measured for every word of a session's last text: until the word first appeared, final or partial, and until
any word appeared at its time.
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

NEAR_SECONDS = 0.3  # s; two words with the same text are the same word if their ends differ by less


@dataclass(frozen=True)
class Session:
    """What one session showed: time (s) and words of every answer, and how much sound was dropped (s)."""

    shown: list[tuple[float, tuple[Word, ...]]]
    dropped: float


def run_session(service: Service, sound: Waveform, workers: ThreadPoolExecutor, wait: float) -> Session:
    """Feed a sound in real time, starting after `wait` seconds."""
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
    """Give two delays per word (s): from its end until it first appeared, and until any word appeared at its middle."""
    delays_of_word, delays_of_any = [], []
    for word in session.shown[-1][1]:
        middle = (word.start + word.end) / 2
        same = (
            when
            for when, there in session.shown
            if any(w.text == word.text and abs(w.end - word.end) < NEAR_SECONDS for w in there)
        )
        some = (when for when, there in session.shown if any(w.start <= middle <= w.end for w in there))
        delays_of_word.append(next(same) - word.end)
        delays_of_any.append(next(some) - word.end)
    return delays_of_word, delays_of_any


def main() -> None:
    """Print the table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="w2v-mini", help="a name or a folder that w2vkit loads")
    parser.add_argument(
        "--sessions", type=int, nargs="+", default=[1, 5], help="numbers of simultaneous sessions (default: 1, then 5)"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each session (s, default 20)")
    arguments = parser.parse_args()
    loaded = CTCModel.load(arguments.model)
    clips = np.concatenate([load(clip.path, sample_rate=loaded.sample_rate).samples for clip in examples()])
    sound = Waveform(clips[: int(arguments.seconds * loaded.sample_rate)], loaded.sample_rate)
    service, results = Service(LoadedModels(ModelQueue(loaded))), []
    service.prepare()
    print("| sessions | words | the word: median, 95th percentile (s) | any word (s) | dropped (s) |\n|---|---|---|---|---|")
    for count in arguments.sessions:
        with ThreadPoolExecutor(count) as people, ThreadPoolExecutor(SESSIONS) as workers:
            waits = [1 + LEAST_SECONDS * i / count for i in range(count)]
            sessions = list(people.map(lambda wait, workers=workers: run_session(service, sound, workers, wait), waits))
        of_word, of_any = (np.concatenate(found) for found in zip(*map(delays, sessions), strict=True))
        median, late = np.percentile(of_word, [50, 95])
        any_median, any_late = np.percentile(of_any, [50, 95])
        dropped = sum(session.dropped for session in sessions)
        print(f"| {count} | {len(of_word)} | {median:.2f}, {late:.2f} | {any_median:.2f}, {any_late:.2f} | {dropped:.1f} |")
        row = {"sessions": count, "words": len(of_word), "median_s": round(median, 3), "p95_s": round(late, 3)}
        results.append(row | {"anything_p95_s": round(any_late, 3), "dropped_s": round(dropped, 2)})
    service.close()
    print(json.dumps({"benchmark": "live", "model": loaded.name, "seconds": sound.seconds, "results": results}))


if __name__ == "__main__":
    main()
