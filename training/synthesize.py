"""Synthetic speech to learn numbers and plain sentences from: flite and espeak-ng (Debian packages) into Parquet."""

import argparse
import io
import random
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

FLITE = ("awb", "rms", "slt", "kal16")
ESPEAK = ("en-us", "en-gb", "en-us+f3", "en-gb-scotland+m3")
DIGITS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
TEENS = "TEN ELEVEN TWELVE THIRTEEN FOURTEEN FIFTEEN SIXTEEN SEVENTEEN EIGHTEEN NINETEEN".split()
TENS = "TWENTY THIRTY FORTY FIFTY SIXTY SEVENTY EIGHTY NINETY".split()


def number_text(rng: random.Random) -> str:
    """Say a single digit (often), a run of digits, or a number below one thousand."""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(DIGITS)
    if kind < 0.8:
        return " ".join(rng.choice(DIGITS) for _ in range(rng.randint(2, 8)))
    below_hundred = rng.choice([*TEENS, *(f"{ten} {one}" for ten in TENS for one in DIGITS[1:])])
    return f"{rng.choice(DIGITS[1:])} HUNDRED {below_hundred}" if kind > 0.9 else below_hundred


def speak(voice: str, text: str) -> bytes:
    """Give the voice's speech of a text as FLAC at the rate the voice has."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        spoken = text.lower()
        if voice in FLITE:
            subprocess.run(["flite", "-voice", voice, "-t", spoken, "-o", str(path)], check=True)
        else:
            subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), spoken], check=True)
        samples, rate = soundfile.read(path, dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC")
    return buffer.getvalue()


def main() -> None:
    """Write ``synthetic.parquet``: numbers by every voice, and sentences out of the training texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path, help="folder of Parquet files whose texts are read aloud")
    parser.add_argument("--target", type=Path, default=Path("training/runs/synthetic/synthetic.parquet"))
    parser.add_argument("--numbers", type=int, default=800)
    parser.add_argument("--sentences", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    pool = [
        text
        for path in sorted(arguments.texts.glob("*.parquet"))
        for text in pq.read_table(path, columns=["text"])["text"].to_pylist()
        if 3 <= len(text.split()) <= 14
    ]
    texts = [number_text(rng) for _ in range(arguments.numbers)] + rng.sample(pool, arguments.sentences)
    jobs = [(rng.choice(FLITE * 3 + ESPEAK), text) for text in texts]
    with ThreadPoolExecutor(2) as threads:
        clips = list(threads.map(lambda job: speak(*job), jobs))
    rows = [
        {
            "id": f"synthetic-{i:05d}",
            "audio": {"bytes": clip, "path": f"synthetic-{i:05d}.flac"},
            "text": text,
            "speaker_id": voice,
            "corpus": "synthetic",
            "seconds": soundfile.info(io.BytesIO(clip)).duration,
        }
        for i, ((voice, text), clip) in enumerate(zip(jobs, clips, strict=True))
    ]
    arguments.target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), arguments.target)


if __name__ == "__main__":
    main()
