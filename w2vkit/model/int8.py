"""Linear layers with weights and inputs in int8, for CPUs: "LLM.int8()", Dettmers et al. 2022, section 2.1 (vector-wise).

Every output channel of the weights has a scale, which is found once. Every frame of the input has its own, which is found
each time, so that a frame does not depend on the others of its batch. The product itself is oneDNN's, by the operators that
`torch.compile` uses for quantised networks.
"""

import torch
from torch import Tensor

ROWS = 128  # frames that are quantised at once: they stay in the caches
ZERO = 128  # uint8 that stands for 0: oneDNN wants inputs without a sign
MOST = 127  # of an int8
FEW = 63  # of the weights, where a processor adds pairs of products in 16 bits


def quantised(x: Tensor) -> tuple[Tensor, Tensor]:
    """Quantise the rows of a matrix.

    Parameters
    ----------
    x : Tensor
        (S, K) bfloat16 or float32.

    Returns
    -------
    Tensor
        (S, K) uint8; 128 stands for 0.
    Tensor
        (S, 1) float32 scales.
    """
    x = x.float()
    scales = (x.abs().amax(dim=1, keepdim=True) / MOST).clamp(min=1e-30)
    shifted = (x * scales.reciprocal()).add_(ZERO + 0.5)
    return shifted.to(torch.int32).to(torch.uint8), scales  # int32 rounds down; uint8 at once takes three times as long


def scaled(products: Tensor, scales: Tensor, bias: Tensor) -> Tensor:
    """Apply the scales of the rows, and add a bias."""
    return torch.addcmul(bias, products, scales)


def product(x: Tensor, weight: Tensor, scales: Tensor, dtype: torch.dtype) -> Tensor:
    """Multiply (S, K) uint8, 128 for 0, with packed int8 weights whose output channels have scales: (S, N) of another dtype."""
    zeros = torch.zeros(len(scales), dtype=torch.int64)
    return torch.ops.onednn.qlinear_pointwise(x, 1.0, ZERO, weight, scales, zeros, None, 1.0, 0, dtype, "none", [], "")


def packed(weight: Tensor) -> Tensor:
    """Bring (N, K) int8 weights into the order that oneDNN multiplies fastest."""
    return torch.ops.onednn.qlinear_prepack(weight.contiguous(), None)


def most_of_weights() -> int | None:
    """Return the largest int8 of a weight with which this processor's products are exact; None if it has no such products.

    A processor with AVX2 alone adds two products in 16 bits, where large ones overflow.
    """
    if not torch.backends.mkldnn.is_available() or not torch.cpu._is_avx2_supported():
        return None
    x = torch.full((64, 64), 255, dtype=torch.uint8)
    for most in (MOST, FEW):
        weight = torch.full((64, 64), most, dtype=torch.int8)
        if (product(x, packed(weight), torch.ones(64), torch.float32) == 64 * (255 - ZERO) * most).all():
            return most
    return None


class Int8Linear:
    """A linear layer in int8.

    Parameters
    ----------
    weight, bias : Tensor
        (N, K) and (N,). Results have their dtype.
    most : int
        Of `most_of_weights`.
    """

    def __init__(self, weight: Tensor, bias: Tensor, most: int) -> None:
        exact = weight.float()
        self.scales = (exact.abs().amax(dim=1) / most).clamp(min=1e-30)
        self.weight = packed((exact / self.scales[:, None]).round().to(torch.int8))
        self.bias = bias
        self.quantised, self.scaled = quantised, scaled

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (S, K) into (S, N)."""
        rows, scales = zip(*map(self.quantised, x.split(ROWS)), strict=True)
        return self.scaled(
            product(torch.cat(rows), self.weight, self.scales, x.dtype), torch.cat(scales).to(x.dtype), self.bias
        )
