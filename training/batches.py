"""Batches of two fixed shapes: long rows packed from whole utterances, short rows with one clip each.

A compiled model needs fixed shapes, and packing wastes no time on padding. Batch i depends on (seed, i) only, so a stopped run
continues with the same batches.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.augment import coloured_noise, distort, normalise
from training.corpora import SPEEDS, Corpus, Utterance
from training.position import FRAMES
from training.rows import FIELD, LATER_SHARE, LONG, RATE, SHORT, SHORT_SHARE, STRIDE, encode, frames


@dataclass(frozen=True)
class Batch:
    """Rows of one shape: distorted waveforms (B, N), which frames to hide (B, T), texts, lengths."""

    waveforms: Tensor
    masked: Tensor
    first: Tensor  # (B,) the place in 30 s where the row begins
    valid: Tensor  # (B,) frames that belong to the clip
    targets: list[Tensor]


class Batches(Dataset):
    """Batch i of a run; ``seconds`` is the audio per batch, ``strength`` that of the distortion (0 to 1).

    With two ``views`` a batch holds half as many rows twice, distorted and masked differently: first all, then all again.
    """

    def __init__(
        self, corpus: Corpus, seed: int, steps: int, seconds: float, strength: float, mask: float, views: int = 1
    ) -> None:
        self.corpus, self.seed, self.steps, self.views = corpus, seed, steps, views
        self.seconds, self.strength, self.mask = seconds, strength, mask
        lengths = np.array([u.spans[0][1] - u.spans[0][0] for u in corpus.train])
        short = np.where(lengths < 3.2 * RATE, corpus.probabilities, 0)
        self.short_probabilities = short / short.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng([self.seed, index])
        short = rng.random() < SHORT_SHARE
        size = SHORT if short else LONG
        make = self._short_row if short else self._long_row
        rows = [make(rng) for _ in range(max(1, round(self.seconds * RATE / size / self.views)))]
        count = frames(size)
        valid = torch.tensor([min(count, frames(max(length, FIELD))) for *_, length in rows]).repeat(self.views)
        masked = np.stack([self._mask(int(v), count, rng) for v in valid])
        noisy = torch.from_numpy(np.stack([self._pad(row[0][view], size) for view in range(self.views) for row in rows]))
        later = rng.random(len(rows)) < LATER_SHARE
        first = torch.from_numpy(later * rng.integers(FRAMES - count, size=len(rows))).repeat(self.views)
        return Batch(noisy, torch.from_numpy(masked), first, valid, [encode(row[1]) for row in rows] * self.views)

    def _draw(self, rng: np.random.Generator, p: np.ndarray) -> Utterance:
        return self.corpus.train[rng.choice(len(p), p=p)]

    def _clip(self, u: Utterance, limit: int, rng: np.random.Generator) -> np.ndarray | None:
        """Give (views, N) of the utterance, each distorted, at one random speed; None if it is longer than ``limit``."""
        speed = int(rng.integers(len(SPEEDS)))
        start, stop = u.spans[speed]
        if stop - start > limit:
            return None
        clean = self.corpus.samples(u, speed)
        other = self.corpus.samples(self._draw(rng, self.corpus.probabilities))
        babble = np.resize(other, len(clean))
        return np.stack([distort(clean, babble, self.strength, rng) for _ in range(self.views)])

    def _gap(self, rng: np.random.Generator, most: float) -> np.ndarray:
        """Silence with a little noise in it, a whole number of frames."""
        count = int(rng.uniform(0, most) * RATE) // STRIDE * STRIDE
        level = 0.0 if rng.random() < 0.3 else 10 ** rng.uniform(-3, -1)
        return (coloured_noise(count, rng) * level if count else np.zeros(0)).astype(np.float32)

    def _long_row(self, rng: np.random.Generator) -> tuple[np.ndarray, str, int]:
        parts, words, length = [], [], 0
        for _ in range(8):
            clip = self._clip(u := self._draw(rng, self.corpus.probabilities), LONG - length, rng)
            if clip is None:
                continue
            new = [clip, np.zeros(-clip.shape[1] % STRIDE, np.float32), self._gap(rng, 0.6)]
            parts += [np.broadcast_to(part, (self.views, part.shape[-1])) for part in new]
            length += sum(part.shape[-1] for part in new)
            words.append(u.text)
            if length > LONG - 2 * RATE:
                break
        return np.concatenate(parts, axis=1), " ".join(words), LONG

    def _short_row(self, rng: np.random.Generator) -> tuple[np.ndarray, str, int]:
        if rng.random() < 0.03:  # nothing but noise: nothing was said
            noise = coloured_noise(int(rng.uniform(0.3, 3) * RATE), rng)
            return np.stack([noise] * self.views), "", len(noise)
        while (clip := self._clip(u := self._draw(rng, self.short_probabilities), SHORT, rng)) is None:
            pass
        return np.stack([normalise(view) for view in clip]), u.text, clip.shape[1]

    def _mask(self, valid: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """Hide spans of up to 10 frames, ``mask`` of the clip in all: SpecAugment over time."""
        hidden = np.zeros(count, dtype=bool)
        for _ in range(rng.poisson(self.mask * valid / 5.5)):
            start = int(rng.integers(0, valid))
            hidden[start : start + int(rng.integers(1, 11))] = True
        hidden[valid:] = False
        return hidden

    @staticmethod
    def _pad(samples: np.ndarray, size: int) -> np.ndarray:
        return np.pad(samples[:size], (0, max(0, size - len(samples)))).astype(np.float32)
