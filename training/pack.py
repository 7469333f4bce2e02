"""Pack corpora for another machine: encoded speech in a few files of limited size, with an index.

``python -m training.pack SPEECH/train training/runs/kokoro --target training/packed`` writes ``piece-K.bin`` and
``index.json``.
Lossy files are copied as they are; lossless ones, and those of the corpora in ``SMALLER``, become Opus at about 16 kbit/s.
"""

import argparse
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

PIECE_BYTES = 14_000_000
RATE = 16_000
SMALLER = ("speechocean762",)
OPUS_LEVEL = 0.96  # libsndfile's compression level, from 0 (256 kbit/s) to 1 (6 kbit/s)


@dataclass(frozen=True)
class Clip:
    """One utterance: (N,) int16 samples at 16 kHz without an offset, and its text."""

    corpus: str
    text: str
    development: bool
    samples: np.ndarray
    pauses: tuple[tuple[int, int], ...] = ()  # a sample, and the number of words before it


def pack(sources: list[Path], target: Path) -> None:
    """Write the pieces and the index."""
    from training.corpora import held_out, read_corpora  # what reads Parquet is missing where pieces are unpacked

    target.mkdir(parents=True, exist_ok=True)
    rows = [row for source in sources for row in read_corpora(source)]
    development = held_out({(corpus, speaker) for corpus, speaker, _, _ in rows})
    index, piece, written, file = [], -1, PIECE_BYTES, None
    for corpus, speaker, text, encoded in rows:
        encoded = compact(encoded, corpus in SMALLER)
        if written + len(encoded) > PIECE_BYTES:
            if file:
                file.close()
            piece, written = piece + 1, 0
            file = (target / f"piece-{piece}.bin").open("wb")
        assert file
        file.write(encoded)
        entry = dict(piece=piece, start=written, stop=written + len(encoded), corpus=corpus, text=text)
        index.append(entry | dict(development=(corpus, speaker) in development))
        written += len(encoded)
    if file:
        file.close()
    (target / "index.json").write_text(json.dumps(index))
    print(f"{len(index)} utterances in {piece + 1} pieces of {target}")


def compact(encoded: bytes, smaller: bool) -> bytes:
    """Return the file itself if it is lossy and at 16 kHz, else as Opus."""
    info = soundfile.info(io.BytesIO(encoded))
    if info.samplerate == RATE and info.format in ("OGG", "MP3") and not smaller:
        return encoded
    import soxr  # missing where pieces are unpacked

    samples, rate = soundfile.read(io.BytesIO(encoded), dtype="float32", always_2d=True)
    buffer = io.BytesIO()
    mono = np.clip(soxr.resample(samples.mean(axis=1), rate, RATE), -1, 1)
    soundfile.write(buffer, mono, RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)
    return buffer.getvalue()


def unpack(folder: Path, limit: int | None = None) -> list[Clip]:
    """Decode the pieces that are there, on all cores; ``limit`` is a number of utterances, for a quick try."""
    index = [e for e in json.loads((folder / "index.json").read_text()) if (folder / f"piece-{e['piece']}.bin").exists()]
    index = index[:: max(1, len(index) // limit)] if limit else index
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoders let other threads run
        decoded = pool.map(_decode, [(folder, e["piece"], e["start"], e["stop"]) for e in index])
        return [
            Clip(e["corpus"], e["text"], e["development"], s, tuple(map(tuple, e.get("pauses", ()))))
            for e, s in zip(index, decoded, strict=True)
        ]


def _decode(place: tuple[Path, int, int, int]) -> np.ndarray:
    folder, piece, start, stop = place
    with (folder / f"piece-{piece}.bin").open("rb") as file:
        file.seek(start)
        encoded = file.read(stop - start)
    samples, _ = soundfile.read(io.BytesIO(encoded), dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return (np.clip(mono - mono.mean(), -1, 1) * 32767).astype(np.int16)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path, help="folders of Parquet files")
    parser.add_argument("--target", type=Path, default=Path("training/packed"))
    arguments = parser.parse_args()
    pack(arguments.sources, arguments.target)
