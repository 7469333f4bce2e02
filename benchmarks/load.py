"""Put load on the page for minutes, and check every answer: mixed work, bad files, cancelled and abandoned requests.

    python -m benchmarks.load [--minutes 5] [--clients 64] [--model w2v-mini]

The page is served on this machine by `w2vkit demo`. Each client has an address of its own and sends one request after the
other: transcriptions with three decoders, alignments, comparisons and live sound, of clips that all differ. One request of
twenty has a bad file, one of twenty is cancelled, and one of twenty is left before its answer comes. A text of another clip is
a swapped answer, any other text than that of the same clip without load is a wrong one. Live text depends on the pace of the
server: it counts as right if at most a third of its characters differ from one that its clip has without load. Where the page
says that it had to leave out sound, it is not compared.

Prints two tables and a line of JSON. The exit status is 1 if an answer was swapped or wrong, if a bad file got a text, if the
page logged an exception, or if its memory grew by more than 5 % between minute 1 and the end. The model runs in float32: in
bfloat16 a text may depend on the batch where two letters are equally likely.
"""

import argparse
import asyncio
import base64
import io
import json
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jiwer
import numpy as np
import soundfile

from benchmarks.processes import MB, children, memory, open_files, threads
from benchmarks.service import served, write_clips
from w2vkit.audio import load
from w2vkit_demo import strings

CLIPS = 24
MOST_GROWTH = 0.05  # of the memory, between minute 1 and the end
PATIENCE = 180.0  # s; for an answer
SAMPLE_SECONDS = 5.0  # s between two looks at the server
WORK = {"greedy": 3, "beam": 2, "default": 3, "align": 3, "compare": 2, "live": 2}  # how often, relative to each other
SHARE = 0.05  # of the requests that have a bad file; as many are cancelled, and as many left
LIVE_DIFFERS = 1 / 3  # of the characters
LOST = strings.LIVE_DROPPED.partition("}")[2][2:]  # what Live says where sound was left out, behind its seconds
HEADING = "| requests | sent | answered | refused | failed | median (s) | 95th (s) | swapped | wrong |\n" + "|---" * 9 + "|"
BLOCK = 8_000  # samples of a block of live sound


@dataclass(frozen=True)
class Clip:
    """A sound and the texts that w2vkit gives without load, by decoder."""

    data: bytes
    samples: np.ndarray
    texts: dict[str, str]
    live: tuple[str, ...]  # at several paces


@dataclass
class Kind:
    """The results of the requests of one kind."""

    sent: int = 0
    refused: int = 0  # by the queue
    shortened: int = 0  # live sound of which the page left a part out, as it said
    waits: list[float] = field(default_factory=list)  # s; of the answers
    wrong: list[str] = field(default_factory=list)
    swapped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sample:
    """What the server held at a time (s since the beginning)."""

    time: float
    page: int  # bytes
    workers: int  # bytes of all its other processes
    files: int  # file descriptors
    threads: int
    uploads: int  # files
    temporary: int  # other files


class RefusedError(Exception):
    """The queue of the page was full."""


def known(folder: Path, model: str, count: int) -> list[Clip]:
    """Make clips of different lengths, with the texts that they have without load."""
    from w2vkit.decode import beam_search, default_decoder, greedy
    from w2vkit.model import CTCModel

    loaded = CTCModel.load(model, dtype="float32")
    decoders = {"greedy": greedy, "beam": beam_search, "default": default_decoder(loaded.folder) or greedy}
    clips = []
    for k, path in enumerate(write_clips(folder, count, 5.0)):
        samples = load(path).samples[: 16_000 * (2 + k % 4)]
        file = io.BytesIO()
        soundfile.write(file, samples, 16_000, format="WAV")
        live = tuple(live_text(loaded, decoders["default"], samples, pace) for pace in (1, 3, 99))
        (emissions,) = loaded.emit([load(file.getvalue())])
        clips.append(Clip(file.getvalue(), samples, {name: decode(emissions).text for name, decode in decoders.items()}, live))
    return clips


def live_text(model: Any, decode: Any, samples: np.ndarray, pace: int) -> str:
    """Give the text of live sound that is decoded after every so many blocks."""
    from w2vkit.pipeline.live import LiveTranscript

    live = LiveTranscript(model, decode=decode)
    for number, start in enumerate(range(0, len(samples), BLOCK)):
        live.feed((16_000, samples[start : start + BLOCK]))
        if number % pace == pace - 1:
            live.update()
    return live.finish().text


def bad_files() -> list[bytes]:
    """Give files from which no text can come."""
    nan = io.BytesIO()
    soundfile.write(nan, np.full(16_000, np.nan, np.float32), 16_000, format="WAV", subtype="FLOAT")
    silent = io.BytesIO()
    soundfile.write(silent, np.zeros(16_000), 16_000, format="WAV")
    without_rate = bytearray(silent.getvalue())
    without_rate[24:28] = bytes(4)
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
    return [
        b"hello " * 100,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        playlist,
        nan.getvalue(),
        bytes(without_rate),
        b"ID3" + bytes(4000),
    ]


class Client:
    """One visitor."""

    def __init__(self, url: str, number: int, clips: list[Clip], bad: list[bytes], kinds: dict[str, Kind]) -> None:
        address = {"X-Forwarded-For": f"10.0.{number // 256}.{number % 256}"}  # the sum of uploads is limited by address
        self.http = httpx.AsyncClient(base_url=f"{url}gradio_api", headers=address, timeout=PATIENCE)
        self.random, self.clips, self.bad, self.kinds = random.Random(number), clips, bad, kinds

    async def prepare(self, url: str) -> None:
        """Find the numbers of the events."""
        config = (await self.http.get(f"{url}config")).json()
        ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        events = enumerate(config["dependencies"])
        self.events = {}
        for place, event in events:
            number = event.get("id", place)
            if event.get("api_name"):
                self.events.setdefault(event["api_name"], number)
            if [ids["live-view"], "input"] in [list(target) for target in event["targets"]]:
                self.events["live"] = number

    async def run(self, end: float) -> None:
        """Send one request after the other until the time is over."""
        while time.monotonic() < end:
            chance = self.random.random()
            name = self.random.choices(list(WORK), list(WORK.values()))[0]
            if chance < SHARE:
                await self._counted("bad file", self._bad)
            elif chance < 2 * SHARE:
                await self._counted("cancelled", lambda: self._cancelled(leave=False))
            elif chance < 3 * SHARE:
                await self._counted("left", lambda: self._cancelled(leave=True))
            else:
                await self._counted(name, partial(self._work, name))
            await asyncio.sleep(self.random.random() / 2)
        await self.http.aclose()

    async def _counted(self, name: str, work: Any) -> None:
        kind, start = self.kinds[name], time.monotonic()
        kind.sent += 1
        try:
            wrong, swapped = await work()
        except RefusedError:
            kind.refused += 1
        except Exception as error:  # any failure of the page or the connection is counted
            kind.failed.append(f"{type(error).__name__}: {error}")
        else:
            kind.waits.append(time.monotonic() - start)
            kind.wrong += wrong
            kind.swapped += swapped

    async def _upload(self, data: bytes) -> dict[str, Any]:
        answer = await self.http.post("/upload", files={"files": (f"{uuid4().hex}.wav", data)})
        answer.raise_for_status()
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    async def _join(self, event: str, data: list[Any], session: str, **more: Any) -> str:
        body = {"data": data, "fn_index": self.events[event], "session_hash": session, **more}
        answer = await self.http.post("/queue/join", json=body)
        if answer.status_code == 503:
            raise RefusedError
        answer.raise_for_status()
        return answer.json()["event_id"]

    async def _answer(self, session: str) -> dict[str, Any]:
        """Wait for the answer of a session's only request."""
        async with self.http.stream("GET", "/queue/data", params={"session_hash": session}) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line[6:]) if line.startswith("data: ") else {}
                if message.get("msg") == "process_completed":
                    return {"success": message["success"], **message["output"]}
        raise ConnectionError("The answer ended early.")

    def _arguments(self, name: str, clip: Clip, file: dict[str, Any]) -> tuple[str, list[Any]]:
        if name == "align":
            return "align", [file, clip.texts["greedy"], ""]
        if name == "compare":
            return "compare", [file, "clean", 10, 1, "", "greedy", "clean", 10, 1, "", "", "", ""]
        return "transcribe", [file, "" if name == "default" else name, "", "", ""]

    async def _work(self, name: str) -> tuple[list[str], list[str]]:
        """Send one request and compare its texts; give those that are wrong, and those of another clip."""
        clip = self.random.choice(self.clips)
        if name == "live":
            return await self._live(clip)
        event, data = self._arguments(name, clip, await self._upload(clip.data))
        session = uuid4().hex
        await self._join(event, data, session)
        answer = await self._answer(session)
        if not answer["success"]:
            raise RuntimeError(answer.get("error"))
        found = answer["data"][0]
        if name == "compare":
            texts = {"greedy": found["a"]["text"], "default": found["b"]["text"]}
        elif name == "align":
            texts = {"greedy": " ".join(word["text"] for word in found["words"])}
        else:
            texts = {name: found["text"]}
        wrong = [(decoder, text) for decoder, text in texts.items() if text != clip.texts[decoder]]
        swapped = [text for decoder, text in wrong if any(text == other.texts[decoder] for other in self.clips)]
        return [f"{text} instead of {clip.texts[decoder]}" for decoder, text in wrong if text not in swapped], swapped

    async def _live(self, clip: Clip) -> tuple[list[str], list[str]]:
        session, answer = uuid4().hex, dict[str, Any]()
        blocks = [clip.samples[start : start + BLOCK] for start in range(0, len(clip.samples), BLOCK)]
        for number, block in enumerate(blocks):
            file = io.BytesIO()
            soundfile.write(file, block, 16_000, format="WAV", subtype="PCM_16")
            sent = {"number": number, "begin": number == 0, "last": number == len(blocks) - 1}
            sent["sound"] = base64.b64encode(file.getvalue()).decode()
            await self._join("live", [None, None], session, event_data=sent)
            answer = await self._answer(session)
            if not answer["success"]:
                raise RuntimeError(answer.get("error"))
        text = answer["data"][3]
        if LOST in answer["data"][2]:  # sound waited too long and was left out
            self.kinds["live"].shortened += 1
            return [], []
        right = any(jiwer.cer(known, text) <= LIVE_DIFFERS for known in clip.live)
        swapped = not right and any(jiwer.cer(known, text) <= LIVE_DIFFERS for other in self.clips for known in other.live)
        return [] if right or swapped else [f"{text} instead of {clip.live[-1]}"], [text] if swapped else []

    async def _bad(self) -> tuple[list[str], list[str]]:
        session = uuid4().hex
        await self._join("transcribe", [await self._upload(self.random.choice(self.bad)), "", "", "", ""], session)
        answer = await self._answer(session)
        explained = not answer["success"] and len(str(answer.get("error"))) > 20
        return [] if explained else [f"a bad file got {str(answer)[:200]}"], []

    async def _cancelled(self, *, leave: bool) -> tuple[list[str], list[str]]:
        clip, session = self.random.choice(self.clips), uuid4().hex
        name = self.random.choice([name for name in WORK if name != "live"])
        event, data = self._arguments(name, clip, await self._upload(clip.data))
        running = await self._join(event, data, session)
        try:
            async with asyncio.timeout(self.random.random()):
                await self._answer(session)
        except TimeoutError:  # the connection is closed in the middle
            pass
        if not leave:
            body = {"session_hash": session, "fn_index": self.events[event], "event_id": running}
            (await self.http.post("/cancel", json=body)).raise_for_status()
        return [], []


def look(pid: int, folder: Path, start: float) -> Sample:
    """Look at what the server holds."""
    there = sum(path.is_file() for path in (folder / "uploads").rglob("*"))
    others = sum(path.is_file() for path in (folder / "temporary").rglob("*"))
    workers = sum(memory(child)["rss"] for child in children(pid))
    return Sample(time.monotonic() - start, memory(pid)["rss"], workers, open_files(pid), threads(pid), there, others)


async def hold(url: str, pid: int, folder: Path, options: argparse.Namespace, clips: list[Clip]) -> tuple[dict, list[Sample]]:
    """Run all clients until the time is over, and look at the server meanwhile."""
    kinds, samples = defaultdict[str, Kind](Kind), list[Sample]()
    visitors = [Client(url, number, clips, bad_files(), kinds) for number in range(options.clients)]
    for visitor in visitors:
        await visitor.prepare(url)
    start = time.monotonic()
    end = start + 60 * options.minutes

    async def watch() -> None:
        while time.monotonic() < end:
            samples.append(look(pid, folder, start))
            await asyncio.sleep(min(SAMPLE_SECONDS, 6 * options.minutes))

    await asyncio.gather(watch(), *(visitor.run(end) for visitor in visitors))
    return kinds, samples


def middle(samples: list[Sample], name: str, at: float) -> float:
    """Give the median of a value within 20 s of a time; or that of the nearest sample."""
    near = [getattr(one, name) for one in samples if abs(one.time - at) <= 20]
    nearest = min(samples, key=lambda one: abs(one.time - at))
    return float(np.median(near)) if near else getattr(nearest, name)


def report(kinds: dict[str, Kind], samples: list[Sample], log: str, options: argparse.Namespace) -> bool:
    """Print the tables and the line of JSON; give whether all promises were kept."""
    print(HEADING)
    for name in (*WORK, "bad file", "cancelled", "left"):
        kind = kinds[name]
        times = [f"{np.percentile(kind.waits, q):.1f}" for q in (50, 95)] if kind.waits else ["", ""]
        numbers = [kind.sent, len(kind.waits), kind.refused, len(kind.failed), *times, len(kind.swapped), len(kind.wrong)]
        print("| " + " | ".join(map(str, [name, *numbers])) + " |")
    early, late = min(60.0, samples[-1].time / 2), samples[-1].time
    growth = {}
    print("\n| the server holds | at minute 1 | at the end | growth |\n|---|---|---|---|")
    for name, unit, label in (
        ("page", MB, "memory of the page (MB)"),
        ("workers", MB, "memory of its other processes (MB)"),
        ("files", 1, "file descriptors"),
        ("threads", 1, "threads"),
        ("uploads", 1, "uploaded files, kept for an hour"),
        ("temporary", 1, "other temporary files"),
    ):
        first, last = (middle(samples, name, at) / unit for at in (early, late))
        growth[name] = last / first - 1 if first else 0.0
        print(f"| {label} | {first:.0f} | {last:.0f} | {100 * growth[name]:+.1f} % |")
    whole = [sum(middle(samples, name, at) for name in ("page", "workers")) for at in (early, late)]
    grown = whole[1] / whole[0] - 1
    for name, kind in kinds.items():
        for what in ("failed", "swapped", "wrong"):
            for message in sorted(set(getattr(kind, what)))[:3]:
                print(f"{name}, {what}: {message[:300]}")
    exceptions = log.count("Traceback")
    if exceptions:
        print(log[log.index("Traceback") :][:3000])
    waits = [wait for name in WORK for wait in kinds[name].waits]
    result = {
        "benchmark": "load",
        "clients": options.clients,
        "minutes": options.minutes,
        "requests": sum(kind.sent for kind in kinds.values()),
        "answered": sum(len(kind.waits) for kind in kinds.values()),
        "median_s": round(float(np.median(waits)), 2) if waits else None,
        "p95_s": round(float(np.percentile(waits, 95)), 2) if waits else None,
        "swapped": sum(len(kind.swapped) for kind in kinds.values()),
        "wrong": sum(len(kind.wrong) for kind in kinds.values()),
        "failed": sum(len(kind.failed) for kind in kinds.values()),
        "rss_minute_1_mb": round(whole[0] / MB),
        "rss_end_mb": round(whole[1] / MB),
        "growth": round(grown, 4),
        "live_shortened": kinds["live"].shortened,
        "exceptions": exceptions,
    }
    print(json.dumps(result))
    flat = grown <= MOST_GROWTH or options.minutes < 2  # a server is warm after a minute
    return flat and not any(result[key] for key in ("swapped", "wrong", "failed", "exceptions"))


def main() -> None:
    """Parse the arguments, serve the page and put load on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--model", default="w2v-mini")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("clips", "uploads", "temporary"):
            (folder / part).mkdir()
        clips = known(folder / "clips", options.model, min(CLIPS, 2 * options.clients))
        places = {"GRADIO_TEMP_DIR": str(folder / "uploads"), "TMPDIR": str(folder / "temporary"), "HF_HUB_OFFLINE": "1"}
        with (folder / "log").open("w") as log:
            page = served(options.model, "--dtype", "float32", env=os.environ | places, stdout=log, stderr=log)
            with page as (url, pid):
                kinds, samples = asyncio.run(hold(url, pid, folder, options, clips))
        sys.exit(int(not report(kinds, samples, (folder / "log").read_text(encoding="utf-8"), options)))


if __name__ == "__main__":
    main()
