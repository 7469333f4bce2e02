"""Texts and their phonemes for `training.voice`: chosen sentences, numbers and spelled letters in one compact file.

Writing needs the package ``piper-tts`` and the ``.json`` file of a Piper voice; reading needs NumPy only.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from training.numbers import number_text

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTER_A = "ˈeɪ"  # noqa: RUF001
LIMITS = (4, 20)


@dataclass(frozen=True)
class Phonemes:
    """Texts and the phoneme numbers of each.

    Attributes
    ----------
    texts : list of str
        A to Z, apostrophes and spaces.
    ids : numpy.ndarray
        The phonemes of all texts, one text after the other, shape ``(total,)``, int16.
    offsets : numpy.ndarray
        Text ``i`` has ``ids[offsets[i]:offsets[i + 1]]``; shape ``(texts + 1,)``, int64.
    """

    texts: list[str]
    ids: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    def batch(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Give the phonemes of some texts, padded with zeros ``(B, L)``, and their lengths ``(B,)``; both int64.

        L is a multiple of 32, so that a device meets few shapes.
        """
        lengths = np.array([len(self[index]) for index in indices], np.int64)
        ids = np.zeros((len(indices), -(-lengths.max() // 32) * 32), np.int64)
        for row, index in zip(ids, indices, strict=True):
            row[: len(self[index])] = self[index]
        return ids, lengths

    def save(self, path: Path) -> None:
        """Write a compressed ``.npz`` file."""
        text = np.frombuffer("\n".join(self.texts).encode(), np.uint8)
        np.savez_compressed(path, ids=self.ids, lengths=np.diff(self.offsets).astype(np.int16), texts=text)

    @classmethod
    def load(cls, path: Path) -> "Phonemes":
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            offsets = np.concatenate([[0], np.cumsum(arrays["lengths"], dtype=np.int64)])
            return cls(arrays["texts"].tobytes().decode().split("\n"), arrays["ids"], offsets)


def varied(lines: Iterable[str], count: int, rng: random.Random) -> list[str]:
    """Pick sentences of 4 to 28 words that show many words.

    A sentence is taken when two of its words were shown less than 4 times so far; a second round through the
    lines raises 4 to 20. Sentences with a word that the lines have less than five times are left out: such
    words are often misprints.
    """
    pool = [line.split() for line in lines]
    known = Counter(word for words in pool for word in words)
    pool = [words for words in pool if 4 <= len(words) <= 28 and min(known[word] for word in words) >= 5]
    rng.shuffle(pool)
    shown: Counter[str] = Counter()
    chosen: set[str] = set()
    for limit in LIMITS:
        for words in pool:
            if len(chosen) == count:
                break
            if sum(shown[word] < limit for word in set(words)) >= 2 and (line := " ".join(words)) not in chosen:
                chosen.add(line)
                shown.update(words)
    return sorted(chosen)


def letter_text(rng: random.Random) -> str:
    """Spell two to seven letters: ``"B X Q"``."""
    return " ".join(rng.choice(LETTERS) for _ in range(rng.randint(2, 7)))


def phonemize(texts: list[str], voice: Path) -> list[list[int]]:
    """Give the phoneme numbers of texts as a Piper voice expects them.

    Parameters
    ----------
    texts : list of str
        One sentence each, in capitals.
    voice : Path
        The voice's ``.json`` file.

    Returns
    -------
    list of list of int
        An empty list where espeak-ng splits the text or uses a sound that the voice lacks.
    """
    from piper.phoneme_ids import phonemes_to_ids  # pyright: ignore[reportMissingImports]
    from piper.phonemize_espeak import EspeakPhonemizer  # pyright: ignore[reportMissingImports]

    config = json.loads(voice.read_text())
    table = config["phoneme_id_map"]
    espeak = EspeakPhonemizer()
    result = []
    for text in texts:
        sentences = espeak.phonemize(config["espeak"]["voice"], f"{text.lower()}.")
        if all(len(word) == 1 for word in text.split()):  # spelled letters: A is not the article
            sentences = [list("".join(sentence).replace("ɐ", LETTER_A)) for sentence in sentences]
        whole = len(sentences) == 1 and all(phoneme in table for phoneme in sentences[0])
        result.append(phonemes_to_ids(sentences[0], table) if whole else [])
    return result


def main() -> None:
    """Write the phonemes of chosen sentences, numbers and spelled letters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=Path, help="file of sentences, one a line, A to Z and apostrophes")
    parser.add_argument("--voice", type=Path, required=True, help="the .json file of a Piper voice")
    parser.add_argument("--target", type=Path, required=True, help=".npz file to write")
    parser.add_argument("--sentences", type=int, default=120_000)
    parser.add_argument("--numbers", type=int, default=6000)
    parser.add_argument("--letters", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    texts = varied(arguments.lines.read_text().splitlines(), arguments.sentences, rng)
    texts += [number_text(rng) for _ in range(arguments.numbers)]
    texts += [letter_text(rng) for _ in range(arguments.letters)]
    parts = [texts[start : start + 2000] for start in range(0, len(texts), 2000)]
    with ProcessPoolExecutor(2) as processes:
        ids = [one for part in processes.map(partial(phonemize, voice=arguments.voice), parts) for one in part]
    kept = [(text, one) for text, one in zip(texts, ids, strict=True) if one]
    offsets = np.cumsum([0, *(len(one) for _, one in kept)], dtype=np.int64)
    result = Phonemes([text for text, _ in kept], np.concatenate([np.array(one, np.int16) for _, one in kept]), offsets)
    result.save(arguments.target)
    words = Counter(word for text in result.texts for word in text.split())
    print(f"{len(result)} of {len(texts)} texts, {words.total()} words, {len(words)} different, {len(result.ids)} phonemes")


if __name__ == "__main__":
    main()
