"""Make the data of notebook 12: frozen features of 120 synthetic sentences, of two kinds.

    python -m training.few_labels FOLDER/model.bin notebooks/data/few_labels.npz

A small grammar makes the sentences, and flite (Debian package) speaks them in three voices. The file keeps, for each frame of
20 ms:

- ``whisper``: the last states of Whisper tiny.en's encoder, as OpenAI trained it (`training.teacher`), before this project
  trained it on letters. They are projected to their first 48 principal components.
- ``mel``: 26 log-mel bands, in which nothing is learned.

Both are scaled to unit variance and stored as int8, 24 steps to a standard deviation.
"""

import argparse
import random
import subprocess
import tempfile
from pathlib import Path

import librosa
import numpy as np
import torch
from numpy.typing import NDArray

from training.teacher import LEVEL, SHIFT, Teacher
from w2vkit import load

VOICES = ("slt", "rms", "awb")
SENTENCES, COMPONENTS, BANDS, STEPS = 120, 48, 26, 24
WHO = (
    "THE OLD MAN|MY YOUNG SISTER|A TIRED FARMER|THE QUIET CHILD|OUR GOOD FRIEND|THE KING|A SMALL DOG|THE DOCTOR|HER BROTHER|"
    "THE POST BOY|A GREY HORSE|THE JUDGE|NOBODY|EVERY VISITOR|THE LAZY CAT|THE FISHERMAN"
).split("|")
DID = (
    "FOUND|BROUGHT|WATCHED|FORGOT|CARRIED|SAW|LIKED|MIXED|HID|TOUCHED|PAINTED|DREW|CHOSE|HEARD|GAVE UP|JUMPED OVER|KEPT|"
    "ASKED FOR|LOOKED AT|QUICKLY SOLD"
).split("|")
WHAT = (
    "A WOODEN BOX|THE BROKEN WINDOW|SOME FRESH BREAD|THE BLUE BOAT|TWO HEAVY STONES|A LETTER|THE GARDEN GATE|THREE RED APPLES|"
    "THE SLEEPING BABY|A SILVER RING|THE LAST TRAIN|MANY PLANTS|FIVE SHIRTS|A PAIR OF SHOES|THE OTHER BRIDGE|AN EASY JOB|"
    "THE NORTH WIND|SIX YELLOW BIRDS|A DEEP VALLEY|HIS THUMB"
).split("|")


def texts(rng: random.Random) -> list[str]:
    """Make different sentences of three parts."""
    found: dict[str, None] = {}
    while len(found) < SENTENCES:
        found[" ".join(rng.choice(part) for part in (WHO, DID, WHAT))] = None
    return list(found)


def speak(text: str, voice: str) -> NDArray[np.float32]:
    """Say a text; give (N,) samples at 16 kHz with unit variance."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["flite", "-voice", voice, "-t", text.lower(), "-o", file.name], check=True)
        samples = load(file.name).samples
    return ((samples - samples.mean()) / samples.std()).astype(np.float32)


def features(teacher: Teacher, samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give (T, 384) states and (T, BANDS) log-mel energies, a frame every 20 ms."""
    wave = torch.nn.functional.pad(torch.from_numpy(samples), (SHIFT, 16_000))[None]
    states = teacher.final(teacher.states(teacher.front(wave))[-1])[0].numpy()
    mel = librosa.feature.melspectrogram(y=samples * LEVEL, sr=16_000, n_fft=400, hop_length=320, n_mels=BANDS)
    frames = len(samples) // 320
    return states[:frames], np.log(mel.T[:frames] + 1e-6)


def stored(parts: list[NDArray[np.float32]], components: int) -> NDArray[np.int8]:
    """Centre, project to principal components if there are more columns than ``components``, scale, and round."""
    x = np.concatenate(parts).astype(np.float64)
    x -= x.mean(axis=0)
    if x.shape[1] > components:
        x = x @ np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :components]
        x /= x.std()  # the first components keep their greater weight
    else:
        x /= x.std(axis=0)
    return np.clip(np.round(STEPS * x), -127, 127).astype(np.int8)


def main() -> None:
    """Speak, compute and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("whisper", type=Path, help="model.bin of Whisper tiny.en in CTranslate2's format (training/README.md)")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    teacher = Teacher(arguments.whisper)
    sentences = texts(random.Random(12))
    sounds = [speak(text, VOICES[i % len(VOICES)]) for i, text in enumerate(sentences)]
    with torch.no_grad():
        pairs = [features(teacher, samples) for samples in sounds]
    np.savez_compressed(
        arguments.out,
        texts=np.array(sentences),
        lengths=np.array([len(mel) for _, mel in pairs]),
        whisper=stored([states for states, _ in pairs], COMPONENTS),
        mel=stored([mel for _, mel in pairs], BANDS),
    )
    print(
        f"{arguments.out}: {arguments.out.stat().st_size / 1000:.0f} kB, {sum(len(s) for s in sounds) / 16_000:.0f} s of speech"
    )


if __name__ == "__main__":
    main()
