"""The guessing game of notebook 11: a small wav2vec 2.0, hidden stretches, line-ups."""

from collections.abc import Sequence
from dataclasses import dataclass

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
