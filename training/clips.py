"""Make the bundled example clips (w2vkit/examples): synthetic voices only, those of Kokoro-82M and one of Debian's flite.

``python -m training.clips KOKORO`` needs what ``training.synthesize --kokoro`` needs.
"""

import argparse
import io
import json
import re
from pathlib import Path

import numpy as np
import soundfile
import soxr

from training.augment import add_noise, coloured_noise
from training.synthesize import Kokoro, speak

FOLDER = Path("w2vkit/examples")
ROBOT = "kal16"  # flite's; it says the last clip
SLOWER = {  # a speed of 1 is the voice's own
    "af_heart": 0.66,
    "bm_george": 0.75,
    "am_michael": 0.72,
    "bf_emma": 0.64,
    "am_fenrir": 0.64,
}
CLIPS = [  # file, what each voice says, about
    (
        "1-quiet-room.flac",
        [("af_heart", "The birds sang in the trees, and the children played by the river.")],
        "a woman's voice, quiet room",
    ),
    (
        "2-unhurried.flac",
        [("bm_george", "We walked along the shore, until the sun went down behind the hills.")],
        "an unhurried British man",
    ),
    ("3-numbers.flac", [("am_michael", "One, two, three, four, five, six, seven, eight, nine.")], "a man counts"),
    (
        "4-noise.flac",
        [("bf_emma", "The horses came slowly down the hill to the water.")],
        "a British woman in a noisy room (15 dB)",
    ),
    (
        "5-dialogue.flac",
        [("af_heart", "Where is your brother?"), ("am_fenrir", "He went down to the river with his father.")],
        "44.1 kHz stereo: she asks on the left, he answers on the right",
    ),
    (
        "6-robot.flac",
        [(ROBOT, "The old man sat down and told them the story of his life.")],
        "an early robot voice",
    ),
]


def main() -> None:
    """Write the clips and their index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kokoro", type=Path, help="folder of Kokoro's network and voices")
    kokoro = Kokoro(parser.parse_args().kokoro)
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    index = []
    for file, lines, about in CLIPS:
        rate = 44_100 if "dialogue" in file else 16_000
        spoken = [kokoro.say(voice, text, SLOWER[voice]) if voice in SLOWER else _robot(text) for voice, text in lines]
        parts = [with_silence(soxr.resample(samples, of, rate), rate) for samples, of in spoken]
        samples = np.concatenate(parts)
        if "noise" in file:
            noise = coloured_noise(len(samples), rng, slope=0.5)  # pink, as in rooms
            samples = 0.8 * add_noise(samples, noise, 15.0)
        if "dialogue" in file:
            left = np.where(np.arange(len(samples)) < len(parts[0]), 1, 0.05)  # a little of each voice reaches the other side
            samples = np.stack([samples * left, samples * (1.05 - left)], axis=1)
        soundfile.write(FOLDER / file, samples, rate, subtype="PCM_16")
        text = re.sub(r"[^A-Z ]", "", " ".join(text for _, text in lines).upper())
        index.append({"file": file, "text": text, "about": about})
    (FOLDER / "index.json").write_text(json.dumps(index, indent=2) + "\n")


def with_silence(samples: np.ndarray, rate: int) -> np.ndarray:
    """Scale speech to 0.7 of full scale, with a quarter of a second of silence before and after it."""
    quiet = np.zeros(int(0.25 * rate), dtype=np.float32)
    return np.concatenate([quiet, 0.7 * samples / np.abs(samples).max(), quiet]).astype(np.float32)


def _robot(text: str) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(speak(ROBOT, text)), dtype="float32")


if __name__ == "__main__":
    main()
