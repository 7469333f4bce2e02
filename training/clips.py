"""Make the bundled example clips (w2vkit/examples): synthetic voices only, with Debian's flite and espeak-ng."""

import io
import json
from pathlib import Path

import numpy as np
import soundfile
import soxr

from training.augment import add_noise, coloured_noise
from training.synthesize import speak

FOLDER = Path("w2vkit/examples")
CLIPS = [  # file, voice, text, about
    (
        "1-quiet-room.flac",
        "slt",
        "THE BIRDS SANG IN THE TREES AND THE CHILDREN PLAYED BY THE RIVER",
        "a woman's voice, quiet room",
    ),
    (
        "2-scottish.flac",
        "awb",
        "WE WALKED ALONG THE SHORE UNTIL THE SUN WENT DOWN BEHIND THE HILLS",
        "an unhurried Scottish man",
    ),
    ("3-numbers.flac", "rms", "ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE", "a man counts"),
    ("4-noise.flac", "slt", "THE HORSES CAME SLOWLY DOWN THE HILL TO THE WATER", "the same woman in a noisy room (15 dB)"),
    ("5-stereo.flac", "rms", "THE WIND WAS STRONG AND THE WATER WAS COLD", "44.1 kHz stereo, the voice moves to the right"),
    ("6-robot.flac", "kal16", "THE OLD MAN SAT DOWN AND TOLD THEM THE STORY OF HIS LIFE", "an early robot voice"),
]
SLOWER = 1.15  # times as long as the voice takes by itself
SLOW = ("1-quiet-room.flac", "2-scottish.flac")


def main() -> None:
    """Write the clips and their index."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for file, voice, text, _ in CLIPS:
        samples, rate = soundfile.read(io.BytesIO(speak(voice, text, SLOWER if file in SLOW else None)), dtype="float32")
        quiet = np.zeros(int(0.25 * rate), dtype=np.float32)
        samples = np.concatenate([quiet, samples, quiet])
        samples *= 0.7 / np.abs(samples).max()
        if "noise" in file:
            noise = coloured_noise(len(samples), rng, slope=0.5)  # pink, as in rooms
            samples = 0.8 * add_noise(samples, noise, 15.0)
        if "stereo" in file:
            samples, rate = soxr.resample(samples, rate, 44_100), 44_100
            pan = np.linspace(0.2, 0.8, len(samples))
            samples = np.stack([samples * (1 - pan), samples * pan], axis=1)
        soundfile.write(FOLDER / file, samples, rate, subtype="PCM_16")
    index = [{"file": file, "text": text, "about": about} for file, _, text, about in CLIPS]
    (FOLDER / "index.json").write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main()
