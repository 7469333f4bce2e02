"""Data sets of sound that spells its text, as Parquet files."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from support.speller import sound

TEXTS = ["ONE TWO", "THREE", "FOUR FIVE SIX", "SEVEN", "EIGHT NINE"]


def flac(text: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound(text)[1], 16_000, format="FLAC")
    return file.getvalue()


def rows(texts: list[str] = TEXTS) -> list[dict]:
    return [
        {"id": f"7-{k}", "audio": {"bytes": flac(text), "path": f"7-{k}.flac"}, "text": text, "speaker_id": 7}
        for k, text in enumerate(texts)
    ]


def parquet(path: Path, made: list[dict], group: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(made), path, row_group_size=group)
    return path
