"""The speech to learn from, decoded once into one flat file per speed that a training run maps into memory."""

import argparse
import io
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import soundfile
import soxr

RATE = 16_000
SPEEDS = (1.0, 0.9, 1.1)
MAX_SECONDS = 17.0  # a packed row; a longer utterance is left out
# How often an utterance of each corpus is drawn: the read speech we are measured on first.
WEIGHTS = {
    "librispeech-train-clean-100": 2.0,
    "librispeech-dev-clean-mp3": 1.5,
    "common-voice": 1.0,
    "common-voice-6.1": 1.0,
    "ljspeech": 0.6,
    "ljspeech-more": 0.6,
    "an4-alphanumeric": 0.5,
    "speechocean762": 0.25,
    "kathleen-arctic": 0.4,
    "kokoro": 1.5,
    "piper": 1.2,
    "books": 0.8,
    "synthetic": 0.5,
}
OTHER = 1.0  # a corpus that is not listed
LIBRISPEECH = ("librispeech-train-clean-100", "librispeech-dev-clean-mp3")
DEV_SPEAKERS = 14  # of LibriSpeech, held out of training: they decide, `eval/` only reports


@dataclass(frozen=True)
class Utterance:
    """The place of an utterance in the flat file of each speed, and its text."""

    corpus: str
    speaker: str
    text: str
    spans: tuple[tuple[int, int], ...]  # (start, stop) samples, one pair per speed


def read_corpora(folder: Path) -> list[tuple[str, str, str, bytes]]:
    """List (corpus, speaker, text, encoded audio) of every Parquet file in a folder, in a stable order."""
    rows = []
    for path in sorted(folder.glob("*.parquet")):
        for row in pq.read_table(path, columns=["audio", "text", "speaker_id", "seconds"]).to_pylist():
            if row["text"].strip() and 0.3 < row["seconds"] < MAX_SECONDS:
                rows.append((path.stem, row["speaker_id"], row["text"].strip(), row["audio"]["bytes"]))
    return rows


def decode(encoded: bytes) -> list[np.ndarray]:
    """Decode to mono int16 at 16 kHz, once per speed."""
    samples, rate = soundfile.read(io.BytesIO(encoded), dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return [
        (np.clip(soxr.resample(mono, rate * speed, RATE), -1, 1) * 32767).astype(np.int16)
        if (rate, speed) != (RATE, 1.0)
        else (np.clip(mono, -1, 1) * 32767).astype(np.int16)
        for speed in SPEEDS
    ]


def prepare(sources: list[Path], target: Path) -> None:
    """Write ``speed-K.i16`` for every speed and ``index.json`` into ``target``."""
    target.mkdir(parents=True, exist_ok=True)
    rows = [row for source in sources for row in read_corpora(source)]
    files = [(target / f"speed-{k}.i16").open("wb") for k in range(len(SPEEDS))]
    positions = [0] * len(SPEEDS)
    index = []
    with ProcessPoolExecutor(2) as pool:
        decoded = pool.map(decode, [row[3] for row in rows], chunksize=32)
        for (corpus, speaker, text, _), variants in zip(rows, decoded, strict=True):
            spans = []
            for k, samples in enumerate(variants):
                files[k].write(samples.tobytes())
                spans.append((positions[k], positions[k] + len(samples)))
                positions[k] += len(samples)
            index.append(asdict(Utterance(corpus, speaker, text, tuple(spans))))
    for file in files:
        file.close()
    (target / "index.json").write_text(json.dumps(index))
    print(f"{len(index)} utterances, {positions[0] / RATE / 3600:.2f} hours in {target}")


def held_out(speakers: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Choose the development speakers, as pairs of corpus and speaker, from all speakers of all corpora."""
    chosen = set()
    for corpus, count in (("librispeech-train-clean-100", DEV_SPEAKERS - 2), ("librispeech-dev-clean-mp3", 2)):
        here = sorted(speaker for name, speaker in speakers if name == corpus)
        chosen |= set(here[:: max(1, len(here) // count)][:count])
    return {pair for pair in speakers if pair[0] in LIBRISPEECH and pair[1] in chosen}


class Corpus:
    """The prepared utterances, split into a training and a development part by speaker."""

    def __init__(self, folder: Path) -> None:
        entries = json.loads((folder / "index.json").read_text())
        self.audio = [np.memmap(folder / f"speed-{k}.i16", dtype=np.int16, mode="r") for k in range(len(SPEEDS))]
        utterances = [Utterance(e["corpus"], e["speaker"], e["text"], tuple(map(tuple, e["spans"]))) for e in entries]
        development = held_out({(u.corpus, u.speaker) for u in utterances})
        self.dev = [u for u in utterances if (u.corpus, u.speaker) in development]
        self.train = [u for u in utterances if (u.corpus, u.speaker) not in development]
        weights = np.array([WEIGHTS.get(u.corpus, OTHER) for u in self.train])
        self.probabilities = weights / weights.sum()

    def samples(self, utterance: Utterance, speed: int = 0) -> np.ndarray:
        """(N,) float32 samples of an utterance at one of the speeds."""
        start, stop = utterance.spans[speed]
        return self.audio[speed][start:stop].astype(np.float32) / 32768


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path, help="folders of Parquet files")
    parser.add_argument("--target", type=Path, default=Path("training/data"))
    arguments = parser.parse_args()
    prepare(arguments.sources, arguments.target)
