"""The rows of a training step: their lengths, frames and labels.

This file needs torch only, so that a machine without audio packages can train.
"""

import torch
from torch import Tensor

from training.teacher import LABELS

RATE = 16_000
STRIDE, FIELD = 320, 1040  # samples per frame, samples that one frame is computed from
LONG, SHORT = 17 * RATE, 4 * RATE  # samples in a row
SHORT_SHARE = 0.2  # of the steps
LATER_SHARE = 0.3  # of the rows get later positions than a clip that starts at 0: files can be longer than any row
CODE = {label: i for i, label in enumerate(LABELS)} | {" ": LABELS.index("|")}


def frames(samples: int) -> int:
    """Count the frames of a waveform."""
    return (samples - FIELD) // STRIDE + 1


def encode(text: str) -> Tensor:
    """Map a text to label numbers."""
    return torch.tensor([CODE[c] for c in text], dtype=torch.long)


def disagreement(log_probs: Tensor, valid: Tensor) -> Tensor:
    """Return the consistency loss of CR-CTC: Yao et al. 2024, https://arxiv.org/abs/2410.05101.

    Parameters
    ----------
    log_probs : Tensor
        (T, 2 B, V) log-probabilities of two views: first all rows of one, then all rows of the other.
    valid : Tensor
        (2 B,) frames that belong to the clip; later frames do not count.

    Returns
    -------
    Tensor
        The sum over frames of the divergence of each view from the other, which gets no gradient.
    """
    other = log_probs.detach().roll(log_probs.shape[1] // 2, dims=1)
    divergence = (other.exp() * (other - log_probs)).sum(dim=-1)
    inside = torch.arange(len(log_probs), device=log_probs.device)[:, None] < valid.to(log_probs.device)
    return (divergence * inside).sum()
