"""The optimisers: AdamW, and Muon for the matrices of the layers.

Muon is momentum whose update is made orthogonal, so that all directions of a matrix change by the same amount: Jordan et al.
2024, https://kellerjordan.github.io/posts/muon/. The scale of the update, with which AdamW's rates can be used: Liu et al.
2025, section 2.2, https://arxiv.org/abs/2502.16982. ``torch.optim.Muon`` computes in bfloat16: on two AVX2 cores a step of it
takes 27 s, of this one 0.7 s.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

MOMENTUM, DECAY = 0.95, 0.01
QUINTIC = (3.4445, -4.7750, 2.0315)  # of the Newton-Schulz iteration: takes singular values to between 0.7 and 1.2
ITERATIONS = 5


def optimisers(model: nn.Module, rate: Callable[[str], float], muon: float) -> list[Optimizer]:
    """Group the parameters by the rate of their name; parameters with rate 0 are frozen. ``muon`` is as in the stages."""
    matrices, rest = defaultdict(list), defaultdict(list)
    for name, parameter in model.named_parameters():
        if not rate(name):
            parameter.requires_grad_(False)
        elif muon and "encoder.layers" in name and parameter.dim() == 2:
            matrices[rate(name) * muon].append(parameter)
        else:
            rest[rate(name)].append(parameter)
    adamw = torch.optim.AdamW(_groups(rest), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    return [adamw, Muon(_groups(matrices))] if matrices else [adamw]


def _groups(by_rate: dict[float, list[nn.Parameter]]) -> list[dict]:
    return [dict(params=parameters, lr=rate, peak=rate) for rate, parameters in by_rate.items()]


class Muon(Optimizer):
    """For the matrices of a transformer; everything else belongs to AdamW."""

    def __init__(self, groups: Iterable[dict]) -> None:
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  (no closure: none is used)
        """Change every matrix by its rate times ``0.2 sqrt(larger side)`` times an orthogonal matrix."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                shapes.setdefault(parameter.shape, []).append(parameter)
            for shape, parameters in shapes.items():
                updates = orthogonal(torch.stack([self._momentum(p) for p in parameters]))
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * DECAY)
                    parameter.sub_(update, alpha=group["lr"] * 0.2 * max(shape) ** 0.5)

    def _momentum(self, parameter: Tensor) -> Tensor:
        """Take in the newest gradient, and look one step ahead (Nesterov)."""
        gradient = parameter.grad
        assert gradient is not None
        running = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
        running.lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(running, MOMENTUM)


def orthogonal(matrices: Tensor) -> Tensor:
    """Bring the singular values of (K, M, N) matrices near 1 and keep their singular vectors, by Newton-Schulz."""
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = QUINTIC
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x
