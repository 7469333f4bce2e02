"""Write texts for speech that has none: ``python -m training.label RECORDINGS --teacher FOLDER --target labelled.parquet``.

The teacher, Whisper tiny.en with its decoder, reads every recording and cuts it into segments. w2v-mini reads each segment,
too. A segment is kept where the teacher is sure of its text and w2v-mini's text is close to it: an error of one of them shows
as a difference. Whisper writes numbers in figures. What was said cannot be known from them, so such segments are left out.
Source: "noisy student training", https://arxiv.org/abs/2005.09629; agreement takes the place of a language model's score.

Needs the package faster-whisper. FOLDER is the teacher's: model.bin, config.json, tokenizer.json and vocabulary.txt.
"""

import argparse
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.corpora import MAX_SECONDS, RATE
from training.synthesize import flac
from w2vkit import W2VKitError, Waveform
from w2vkit.audio import load
from w2vkit.decode import greedy
from w2vkit.model import CTCModel

SURE = -0.6  # mean log-probability of the teacher's tokens, at least
CLOSE = 0.25  # character error rate of w2v-mini's text against the teacher's, at most
SHORTEST = 0.5  # s
SPELLED = {"MR": "MISTER", "MRS": "MISSUS", "DR": "DOCTOR"}


def words_of(text: str) -> str | None:
    """Give Whisper's text as LibriSpeech writes it, in capitals. None if it has figures, brackets or other letters."""
    plain = ""
    for character in text.upper().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"):
        kind = unicodedata.category(character)
        if (kind[0] in "LN" and not "A" <= character <= "Z") or kind[0] == "S" or kind in ("Ps", "Pe"):
            return None
        plain += character if kind[0] == "L" or character == "'" else " "
    words = (word.strip("'") for word in plain.split())
    return " ".join(SPELLED.get(word, word) for word in words if word) or None


def agreed(text: str, student: str, sure: float) -> bool:
    """Tell whether a teacher's text is worth keeping; ``sure`` is the mean log-probability of its tokens."""
    return sure >= SURE and jiwer.cer(text, student) <= CLOSE


def segments(teacher: Any, samples: np.ndarray) -> Iterator[tuple[np.ndarray, str, float]]:
    """Read (N,) samples: give each segment's samples, its text as Whisper writes it, and how sure the teacher is."""
    found, _ = teacher.transcribe(samples, language="en", beam_size=5, condition_on_previous_text=False)
    for segment in found:
        part = samples[int(segment.start * RATE) : int(segment.end * RATE)]
        if SHORTEST < len(part) / RATE < MAX_SECONDS:
            yield part, segment.text, segment.avg_logprob


def main() -> None:
    """Read a folder of recordings and write what both models agree on."""
    from faster_whisper import WhisperModel  # pyright: ignore[reportMissingImports]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path, help="a folder of sound files, searched with its folders")
    parser.add_argument("--teacher", type=Path, required=True, help="folder of Whisper tiny.en for CTranslate2")
    parser.add_argument("--target", type=Path, default=Path("training/runs/labelled/labelled.parquet"))
    arguments = parser.parse_args()
    teacher, student = WhisperModel(str(arguments.teacher), compute_type="int8"), CTCModel.load("w2v-mini")
    rows, heard, unread = [], 0, 0
    for path in sorted(path for path in arguments.recordings.rglob("*") if path.is_file()):
        try:
            samples = load(path).samples
        except W2VKitError:
            unread += 1
            continue
        for part, written, sure in segments(teacher, samples):
            heard += 1
            text = words_of(written)
            if text and agreed(text, greedy(student.emit([Waveform(part)])[0]).text, sure):
                name = f"{path.stem}-{heard:05d}"
                audio = {"bytes": flac(part, RATE), "path": f"{name}.flac"}
                speaker = path.parent.name
                rows.append(
                    dict(id=name, audio=audio, text=text, speaker_id=speaker, corpus="labelled", seconds=len(part) / RATE)
                )
    if not rows:
        raise SystemExit(f"No segment of {arguments.recordings} was kept, out of {heard}. {unread} files could not be read.")
    arguments.target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), arguments.target)
    kept = sum(row["seconds"] for row in rows) / 60
    print(f"kept {len(rows)} of {heard} segments, {kept:.1f} minutes, in {arguments.target}; {unread} files could not be read")


if __name__ == "__main__":
    main()
