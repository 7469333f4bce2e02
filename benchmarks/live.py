"""How long after its end a word is on the screen, for some live sessions at once.

    python -m benchmarks.live [MODEL] [--sessions 1 5] [--seconds 20]

The bundled clips are fed in real time, as the page does: half a second or more at a time, one block on its way. A word
counts when it first shows at its place as it does when the whole sound is decoded at once; words that never do are
counted apart.
"""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from w2vkit.audio import Waveform, load
from w2vkit.decode import greedy
from w2vkit.examples import examples
from w2vkit.hypothesis import Word
from w2vkit.live import LiveTranscript
from w2vkit.model import CTCModel
from w2vkit_demo.live_tab import PATIENCE_SECONDS, SESSIONS
from w2vkit_demo.shared import Shared

BLOCK_SECONDS = 0.5  # s; what the page sends at least
NEAR_SECONDS = 0.3  # s; a word of the same text that ends so near is the same word


@dataclass(frozen=True)
class Session:
    """What one session showed: (when (s), words) of every answer, and how much was dropped (s)."""

    shown: list[tuple[float, tuple[Word, ...]]]
    dropped: float


def listen(model: Shared, sound: Waveform, workers: ThreadPoolExecutor, wait: float) -> Session:
    """Feed a sound in real time, `wait` seconds from now on."""
    transcript, shown, sent, rate = LiveTranscript(model), [], 0, sound.sample_rate
    start = time.monotonic() + wait
    while sent < len(sound.samples):
        due = start + min(sent / rate + BLOCK_SECONDS, sound.seconds)
        time.sleep(max(0.0, due - time.monotonic()))
        spoken = min(len(sound.samples), int((time.monotonic() - start) * rate))
        transcript.feed((rate, sound.samples[sent:spoken]))
        sent = spoken
        now = transcript.keep_up(workers, patience=PATIENCE_SECONDS)
        shown.append((time.monotonic() - start, (*now.stable, *now.tail)))
    last = transcript.finish()
    return Session([*shown, (time.monotonic() - start, last.stable)], last.dropped)


def delays(session: Session, words: tuple[Word, ...]) -> list[float]:
    """From a word's end to its first showing (s), for the words that did show."""
    found = []
    for word in words:
        same = (
            when
            for when, there in session.shown
            if any(w.text == word.text and abs(w.end - word.end) < NEAR_SECONDS for w in there)
        )
        if (first := next(same, None)) is not None:
            found.append(first - word.end)
    return found


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
    words, model, results = greedy(loaded.emit([sound])[0]).words, Shared(loaded), []
    print("| sessions | words shown | delay: median, 95th percentile (s) | dropped (s) |\n|---|---|---|---|")
    for count in arguments.sessions:
        with ThreadPoolExecutor(count) as people, ThreadPoolExecutor(SESSIONS) as workers:
            waits = [1 + BLOCK_SECONDS * i / count for i in range(count)]
            sessions = list(people.map(lambda wait, workers=workers: listen(model, sound, workers, wait), waits))
        found = [delay for session in sessions for delay in delays(session, words)] or [float("nan")]
        median, late = np.percentile(found, [50, 95])
        dropped = sum(session.dropped for session in sessions)
        print(f"| {count} | {len(found)} of {count * len(words)} | {median:.2f}, {late:.2f} | {dropped:.1f} |")
        row = {"sessions": count, "median_s": round(median, 3), "p95_s": round(late, 3), "dropped_s": round(dropped, 2)}
        results.append(row | {"shown": len(found), "words": count * len(words)})
    line = json.dumps({"benchmark": "live", "model": loaded.name, "seconds": sound.seconds, "results": results})
    print(line.replace("NaN", "null"))  # JSON has no NaN


if __name__ == "__main__":
    main()
