"""The guessing game of notebook 11: a small wav2vec 2.0, hidden stretches, line-ups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cosine_similarity
from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

RATE = 16_000  # Hz
P, M = 0.065, 10  # a frame starts a mask with probability P, and a mask hides M frames
NEGATIVES = 20


def small_network() -> Wav2Vec2ForPreTraining:
    """Give an untrained network: four convolutions with one frame every 320 samples, three transformer layers."""
    config = Wav2Vec2Config(
        conv_dim=(64,) * 4,
        conv_kernel=(20, 8, 4, 4),
        conv_stride=(10, 8, 2, 2),
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        hidden_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=192,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=4,
        num_codevector_groups=2,
        num_codevectors_per_group=16,
        codevector_dim=32,
        proj_codevector_dim=32,
        num_negatives=NEGATIVES,
        diversity_loss_weight=0.5,
        feat_proj_dropout=0.0,
        feat_quantizer_dropout=0.0,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        layerdrop=0.0,
    )
    return Wav2Vec2ForPreTraining(config)


def masks(clips: int, frames: int, random: np.random.Generator) -> np.ndarray:
    """Give (clips, frames) booleans: True is hidden."""
    starts = random.random((clips, frames)) < P
    hidden = np.stack([starts[:, max(0, t - M + 1) : t + 1].any(axis=1) for t in range(frames)], axis=1)
    hidden[hidden.sum(axis=1) < 2, :M] = True  # a line-up needs another hidden frame
    return hidden


def distractors(hidden: np.ndarray, random: np.random.Generator) -> torch.Tensor:
    """Give (clips, frames, NEGATIVES) places, counted over the batch: other hidden frames of the same clip."""
    clips, frames = hidden.shape
    found = np.zeros((clips, frames, NEGATIVES), dtype=int)
    for b in range(clips):
        places = np.flatnonzero(hidden[b])
        picks = random.integers(len(places) - 1, size=(len(places), NEGATIVES))
        picks += picks >= np.arange(len(places))[:, None]  # not the frame itself
        found[b, places] = b * frames + places[picks]
    return torch.from_numpy(found)


def lineups(said: torch.Tensor, codes: torch.Tensor, hidden: np.ndarray, wrong: torch.Tensor) -> torch.Tensor:
    """Give (hidden frames, 1 + K) cosines: the true code first, then the distractors; -inf where one has the true code."""
    lineup = torch.cat([codes[None], codes.reshape(-1, codes.shape[-1])[wrong].permute(2, 0, 1, 3)])
    cosines = cosine_similarity(said[None], lineup, dim=-1)
    cosines[1:][(lineup[1:] == codes[None]).all(dim=-1)] = -torch.inf
    return cosines.permute(1, 2, 0)[torch.from_numpy(hidden)]


@dataclass
class Answer:
    """One round: the loss per hidden frame (nats), the cosines of `lineups`, and the entries in use."""

    loss: torch.Tensor
    contrastive: float
    cosines: torch.Tensor
    perplexity: float

    def measured(self) -> list[float]:
        """Give the contrastive loss per frame, the fraction right, the fraction right by chance, and the entries in use.

        Frames whose line-up has no other code are left out of the fractions.
        """
        left = torch.isfinite(self.cosines).sum(dim=-1)
        contested = left > 1
        right = (self.cosines.argmax(dim=-1) == 0)[contested].float().mean().item()
        return [self.contrastive, right, (1 / left[contested]).mean().item(), self.perplexity]


class Game:
    """Rounds on stretches of 2 s from anywhere in some sounds, each (N,) of unit variance."""

    def __init__(self, sounds: Sequence[torch.Tensor], seed: int = 0) -> None:
        self.sounds, self.random = sounds, np.random.default_rng(seed)

    def crops(self, count: int, seconds: float = 2.0) -> torch.Tensor:
        """Give (count, samples)."""
        length = int(seconds * RATE)
        long = [sound for sound in self.sounds if len(sound) > length]
        chosen = [long[i] for i in self.random.integers(len(long), size=count)]
        starts = [int(self.random.integers(len(sound) - length)) for sound in chosen]
        return torch.stack([sound[start : start + length] for sound, start in zip(chosen, starts, strict=True)])

    def play(self, network: Wav2Vec2ForPreTraining, count: int) -> Answer:
        """Hide, ask and score."""
        sound = self.crops(count)
        frames = int(network._get_feat_extract_output_lengths(sound.shape[1]))
        hidden = masks(count, frames, self.random)
        wrong = distractors(hidden, self.random)
        said = network(sound, mask_time_indices=torch.from_numpy(hidden), sampled_negative_indices=wrong)
        total = int(hidden.sum())
        with torch.no_grad():
            cosines = lineups(said.projected_states, said.projected_quantized_states, hidden, wrong)
        return Answer(said.loss / total, said.contrastive_loss.item() / total, cosines, said.codevector_perplexity.item())


class Lineup:
    """Rounds for a person: a hole of 200 ms in a clip, and five stretches of the same clip, one of which was there.

    Parameters
    ----------
    network : Wav2Vec2ForPreTraining
        It has played the game before.
    sounds : sequence of (N,) tensors
    phones : sequence of (P,) arrays of str
    ends : sequence of (P,) arrays
        The ends of the phones (s).
    """

    WIDTH, FIRST, STEP = 10, 30, 0.02  # frames of a hole, first frame of a stretch, s from frame to frame

    def __init__(
        self, network: Wav2Vec2ForPreTraining, sounds: Sequence[torch.Tensor], phones: Sequence[Any], ends: Sequence[Any]
    ) -> None:
        self.network, self.sounds, self.phones, self.ends = network, sounds, phones, ends

    def name(self, clip: int, start: float, end: float) -> str:
        """Give the phones of which more than 30 ms are in a stretch (s)."""
        begins = np.concatenate([[0], self.ends[clip][:-1]])
        return " ".join(self.phones[clip][np.minimum(self.ends[clip], end) - np.maximum(begins, start) > 0.03])

    def picks(self, clip: int, hole: int, offers: Sequence[int]) -> int:
        """Give the number of the offer whose codes are most similar to what the network says about the hole (frames)."""
        sound = self.sounds[clip][None]
        hidden = torch.zeros(1, int(self.network._get_feat_extract_output_lengths(sound.shape[1])), dtype=torch.bool)
        hidden[0, hole : hole + self.WIDTH] = True
        with torch.no_grad():
            answered = self.network(sound, mask_time_indices=hidden)
        said, codes = answered.projected_states[0, hole : hole + self.WIDTH], answered.projected_quantized_states[0]
        similar = [cosine_similarity(said, codes[s : s + self.WIDTH], dim=-1).mean() for s in offers]
        return int(np.argmax(similar))

    def rounds(self, count: int, clips: Sequence[int], seed: int) -> tuple[list[dict[str, Any]], list[int]]:
        """Give rounds as `figures.guessing_game` wants them, and the clips that their ``sound`` counts in."""
        random, found, used = np.random.default_rng(seed), [], list(clips)
        for _ in range(count):
            number = int(random.integers(len(used)))
            clip = used[number]
            last = int(self.ends[clip][-2] / self.STEP) - self.WIDTH  # the end of the speech
            places = random.choice(np.arange(self.FIRST, last, self.WIDTH), 5, replace=False)
            hole, offers = int(places[0]), [int(s) for s in random.permutation(places)]
            spans = [(s * self.STEP, (s + self.WIDTH) * self.STEP) for s in offers]
            start, end = hole * self.STEP, (hole + self.WIDTH) * self.STEP
            found.append(
                {
                    "sound": number,
                    "from": max(0.0, start - 1),
                    "to": min(len(self.sounds[clip]) / RATE, end + 1),
                    "start": start,
                    "end": end,
                    "options": [{"start": a, "end": b, "name": self.name(clip, a, b)} for a, b in spans],
                    "right": offers.index(hole),
                    "network": self.picks(clip, hole, offers),
                }
            )
        return found, used
