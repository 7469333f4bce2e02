"""Make synthetic speech with numbers and plain sentences for training: flite and espeak-ng (Debian packages) into Parquet.

With ``--kokoro FOLDER`` the voices of Kokoro-82M (Apache-2.0) instead, half of them mixed in pairs to new ones. The folder
holds its network and voices, put together as training/README.md says. With ``--piper FILE`` one of Piper's voices, which
is eight times as fast as Kokoro. Each sentence is resampled, as if the speaker had a longer or shorter vocal tract.
"""

import argparse
import io
import random
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from training.numbers import number_text

FLITE = ("awb", "rms", "slt", "kal16")
ESPEAK = ("en-us", "en-gb", "en-us+f3", "en-gb-scotland+m3")
AUDIBLE = 0.03  # of the peak: what is softer at the ends of an utterance is silence


class Kokoro:
    """Natural voices: every English one of Kokoro-82M, and mixtures of two."""

    def __init__(self, folder: Path) -> None:
        import numpy as np
        import onnxruntime  # pyright: ignore[reportMissingImports]
        from kokoro_onnx import Kokoro as Synthesiser  # pyright: ignore[reportMissingImports]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(folder / "kokoro-v1.0.int8.onnx"), options)
        self._synthesiser = Synthesiser.from_session(session, str(folder / "voices.npz"))
        self._lock = Lock()
        self._styles = dict(np.load(folder / "voices.npz"))
        self.voices = sorted(voice for voice in self._styles if voice[:2] in ("af", "am", "bf", "bm"))

    def speak(self, voice: str, text: str, rng: random.Random) -> bytes:
        """Give FLAC of a text in a voice, or in a mixture of it and another one, faster or slower."""
        style = self._styles[voice]
        if rng.random() < 0.5:
            share = rng.uniform(0.2, 0.8)
            style = (share * style + (1 - share) * self._styles[rng.choice(self.voices)]).astype(style.dtype)
        samples, rate = self._create(voice, style, f"{text.lower()}.", rng.uniform(0.8, 1.25))
        return flac(within_silence(samples, rate, rng), rate)

    def say(self, voice: str, text: str, speed: float) -> tuple[Any, int]:
        """Give the samples of a text with its punctuation, and their rate (Hz); a speed of 1 is the voice's own."""
        return self._create(voice, self._styles[voice], text, speed)

    def _create(self, voice: str, style: Any, text: str, speed: float) -> tuple[Any, int]:
        language = "en-gb" if voice[0] == "b" else "en-us"
        with self._lock:  # espeak-ng, which spells out the sounds, is one for all threads
            phonemes = self._synthesiser.tokenizer.phonemize(text, language)
        return self._synthesiser.create(phonemes, style, speed, language, is_phonemes=True)


class Piper:
    """One of Piper's voices; each sentence at another pace, and resampled to a shorter or longer vocal tract."""

    voices = ("piper",)

    def __init__(self, network: Path) -> None:
        import onnxruntime  # pyright: ignore[reportMissingImports]
        from piper import PiperVoice  # pyright: ignore[reportMissingImports]

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._voice = PiperVoice.load(network)
        self._voice.session = onnxruntime.InferenceSession(str(network), options)

    def speak(self, voice: str, text: str, rng: random.Random) -> bytes:
        """Give FLAC of a text; a higher rate than its own shortens tract and sound, so it is spoken more slowly."""
        import numpy as np
        from piper import SynthesisConfig  # pyright: ignore[reportMissingImports]

        shorter = rng.uniform(0.88, 1.2)
        pace = shorter * rng.uniform(0.85, 1.25)
        config = SynthesisConfig(length_scale=pace, noise_scale=rng.uniform(0.4, 0.9), noise_w_scale=rng.uniform(0.5, 1.0))
        chunks = self._voice.synthesize(f"{text.lower()}.", config)
        samples = np.concatenate([chunk.audio_float_array for chunk in chunks])
        rate = round(self._voice.config.sample_rate * shorter)
        return flac(within_silence(samples, rate, rng), rate)


def varied(lines: list[str], count: int, rng: random.Random) -> list[str]:
    """Pick sentences that show many words of a text, each a few times: those with two words that are still rare."""
    known = Counter(word for line in lines for word in line.split())
    chosen: list[str] = []
    shown: Counter[str] = Counter()
    for line in rng.sample(lines, len(lines)):
        words = line.split()
        if 4 <= len(words) <= 22 and min(known[w] for w in words) >= 3 and sum(shown[w] < 4 for w in words) >= 2:
            chosen.append(line)
            shown.update(words)
    return chosen[:count]


def within_silence(samples: Any, rate: int, rng: random.Random) -> Any:
    """Cut the silence at both ends to a random rest: recordings of single words often begin and end with the word."""
    import numpy as np

    loud = np.flatnonzero(np.abs(samples) > AUDIBLE * np.abs(samples).max())
    if not len(loud):
        return samples
    before, after = (int(rng.uniform(0.01, 0.2) * rate) for _ in range(2))
    return samples[max(0, loud[0] - before) : loud[-1] + 1 + after]


def flac(samples: Any, rate: int) -> bytes:
    """Encode samples."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC")
    return buffer.getvalue()


def speak(voice: str, text: str, stretch: float | None = None) -> bytes:
    """Give the voice's speech of a text as FLAC at the rate the voice has; ``stretch`` sets flite's pace (1.2: slower)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        spoken = text.lower()
        if voice in FLITE:
            slow = ("--setf", f"duration_stretch={stretch}") if stretch else ()
            subprocess.run(["flite", "-voice", voice, *slow, "-t", spoken, "-o", str(path)], check=True)
        else:
            subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", str(path), spoken], check=True)
        samples, rate = soundfile.read(path, dtype="int16")
    return flac(samples, rate)


def main() -> None:
    """Write ``synthetic.parquet``: numbers by every voice, and sentences out of the training texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path, help="folder of Parquet files whose texts are read aloud, or a file of sentences")
    parser.add_argument("--target", type=Path, default=Path("training/runs/synthetic/synthetic.parquet"))
    parser.add_argument("--numbers", type=int, default=800)
    parser.add_argument("--sentences", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kokoro", type=Path, help="folder of Kokoro's network and voices")
    parser.add_argument("--piper", type=Path, help="a Piper voice, .onnx with its .json beside it")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    if arguments.texts.is_dir():
        pool = [
            text
            for path in sorted(arguments.texts.glob("*.parquet"))
            for text in pq.read_table(path, columns=["text"])["text"].to_pylist()
            if 3 <= len(text.split()) <= 14
        ]
        sentences = rng.sample(pool, arguments.sentences)
    else:
        sentences = varied(arguments.texts.read_text().splitlines(), arguments.sentences, rng)
    texts = [number_text(rng) for _ in range(arguments.numbers)] + sentences
    rng.shuffle(texts)
    natural = Kokoro(arguments.kokoro) if arguments.kokoro else Piper(arguments.piper) if arguments.piper else None
    jobs = [(rng.choice(natural.voices if natural else FLITE * 3 + ESPEAK), text) for text in texts]

    def clip_of(job: tuple[str, str]) -> bytes:
        return natural.speak(*job, rng) if natural else speak(*job)

    with ThreadPoolExecutor(2) as threads:
        clips = []
        for clip in threads.map(clip_of, jobs):
            clips.append(clip)
            if len(clips) % 100 == 0:
                print(f"{len(clips)} of {len(jobs)}", flush=True)
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
