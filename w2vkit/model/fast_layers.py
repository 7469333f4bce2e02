"""Faster convolutions for a loaded network, and all that w2v-mini needs.

w2v-mini's positional convolution imitates Whisper's absolute positions: 3,000 taps, each channel on its own, and sums of
large values that cancel (see training/position.py). No published wav2vec 2.0, HuBERT, WavLM or data2vec checkpoint has
such a layer. `patch` finds and replaces it, `tabulate` does so for an export, and no other file has to know about it.

w2v-mini emits a letter up to 0.1 s before or after it is heard. A recording of a single word often begins and ends with the
word. It has no frames there, and letters would be lost. So short sounds need silence before and after them (`Needs`).
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from w2vkit.audio import SAMPLE_RATE
from w2vkit.model.packed import PackedNetwork
from w2vkit.model.precision import cast_inputs
from w2vkit.model.windows import WHOLE_SECONDS

WIDE = 512  # taps; from here on an FFT is faster than torch's convolution of single channels
SILENCE_SECONDS, SHORT_SECONDS = 0.1, 2.0  # s; `Needs` of w2v-mini. training/silence.py measures the first one


@dataclass(frozen=True)
class Needs:
    """What a network needs of its input.

    Attributes
    ----------
    longest_pass : float
        The longest sound that the network takes in one pass (s).
    silence, short : float
        How much silence it needs before and after a sound that is shorter than `short` (s).
    """

    longest_pass: float = WHOLE_SECONDS
    silence: float = 0.0
    short: float = 0.0


def patch(network: Any) -> Needs:
    """Replace convolutions of a network by faster ones with the same results, up to rounding.

    Parameters
    ----------
    network
        A `transformers` network on its device, after `set_dtype`.

    Returns
    -------
    Needs
        w2v-mini has positions for 30 s, and needs silence around short sounds.
    """
    encoder = network.base_model.encoder
    positional = getattr(encoder.pos_conv_embed, "conv", None)
    if positional is not None and WideConvolution.fits(positional):
        # The large values cancel in float32 only, so the lower dtype begins after them, at the first layer. They also
        # amplify a changed order of sums in the extractor to the third digit: its layers stay as they are.
        encoder.pos_conv_embed.conv = WideConvolution(positional.float())
        cast_inputs(encoder.layers[0])
        positions = network.config.num_conv_pos_embeddings // 2
        longest = positions * network.config.inputs_to_logits_ratio / SAMPLE_RATE
        return Needs(min(WHOLE_SECONDS, longest), SILENCE_SECONDS, SHORT_SECONDS)
    if network.device.type == "cpu" and not PackedNetwork.pays(network):
        for layer in network.base_model.feature_extractor.conv_layers:
            if ChannelsLast.fits(layer):
                layer.conv = ChannelsLast(layer.conv)
    return Needs()


def tabulate(network: Any) -> None:
    """Replace w2v-mini's positional convolution by the table of positions that it imitates; leave other networks as they are.

    The convolution is linear. Its input is the projection's bias, which is large, plus a part that depends on the speech.
    Here only the bias goes through the convolution, which gives the table. In training w2v-mini had this table; the part of
    the output that depends on the speech is 256 times smaller. The projection loses its bias, which would only be cancelled.

    Parameters
    ----------
    network
        A `transformers` network in float32 on the CPU, after `set_dtype` and without `patch`.
    """
    encoder = network.base_model.encoder
    positional = getattr(encoder.pos_conv_embed, "conv", None)
    if positional is None or not WideConvolution.fits(positional):
        return
    bias = network.base_model.feature_projection.projection.bias.data
    frames = bias.double()[None, None].expand(1, network.config.num_conv_pos_embeddings // 2, -1)
    encoder.pos_conv_embed.conv = WideConvolution(positional)
    with torch.no_grad():  # in float64, as large values cancel
        table = (encoder.pos_conv_embed(frames) + frames)[0].float()
    bias.zero_()
    encoder.pos_conv_embed = PositionTable(table)


class PositionTable(nn.Module):
    """A (T, C) table of what is added to the first T frames, in the place of a positional convolution."""

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table)

    def forward(self, x: Tensor) -> Tensor:
        """Give the (1, T, C) positions for (B, T, C) frames."""
        return self.table[None, : x.shape[1]]


class WideConvolution(nn.Module):
    """A `torch.nn.Conv1d` with one kernel per channel, computed by FFT.

    15 s through 3,000 taps and 384 channels take 10 ms on two cores instead of 400. Zero taps at either end are left out,
    and so are taps that lie farther from every frame than the sound is long. The kernel's spectrum is kept between calls
    without gradients; with gradients it is computed anew, as an optimiser may have changed the weight.
    """

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        (self.taps,), self.padding = conv.kernel_size, int(conv.padding[0])
        self.weight, self.bias = conv.weight, conv.bias
        self._spectra: dict[tuple[int, torch.device], tuple[int, Tensor]] = {}

    @staticmethod
    def fits(module: nn.Module) -> bool:
        """Whether a module is a convolution that this class computes faster."""
        return (
            isinstance(module, nn.Conv1d)
            and module.kernel_size[0] >= WIDE
            and module.groups == module.in_channels == module.out_channels
            and module.stride == module.dilation == (1,)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, T) to (B, C, T + 2 padding - taps + 1)."""
        frames = x.shape[-1]
        first, spectrum = self._spectrum(frames)
        size = 2 * (spectrum.shape[-1] - 1)
        # Column m of the correlation starts the kernel at frame m. The first output needs it to start before the sound,
        # which the circular transform has at the end: hence the roll.
        product = torch.fft.rfft(x.to(spectrum.real.dtype), size) * spectrum
        correlation = torch.fft.irfft(product, size).roll(self.padding - first, dims=-1)
        dtype = torch.promote_types(x.dtype, torch.float32)
        out = correlation[..., : frames + 2 * self.padding - self.taps + 1].to(dtype)
        return out if self.bias is None else out + self.bias.to(dtype)[:, None]

    def _spectrum(self, frames: int) -> tuple[int, Tensor]:
        """Return the first tap that is used, and the spectrum from there on, for lengths up to the next power of two."""
        longest = 1 << (frames - 1).bit_length()
        key = (longest, self.weight.device)
        if torch.is_grad_enabled():
            self._spectra.clear()
        if (kept := self._spectra.get(key)) is None:
            # Large values that cancel lose their last digits in a float32 transform; Apple's GPUs have no float64.
            exact = torch.float32 if self.weight.device.type == "mps" else torch.float64
            used = self.weight[:, 0].abs().sum(dim=0).nonzero().flatten().tolist() or [self.padding]
            first = max(min(used[0], self.padding), self.padding - longest)
            last = min(max(used[-1], self.padding) + 1, self.padding + longest)
            kernel = self.weight[:, 0, first:last].to(exact)
            size = 1 << (longest + kernel.shape[-1] - 1).bit_length()  # a prime length would take several times as long
            kept = first, torch.fft.rfft(kernel, size).conj().resolve_conj()
            if not torch.is_grad_enabled():
                self._spectra[key] = kept
        return kept


class ChannelsLast(nn.Module):
    """A `torch.nn.Conv1d` whose output has the channels of a frame side by side in memory.

    A layer norm over the channels reads them in this order, so nothing is copied back and forth: on a CPU the extractor
    takes four fifths of the time.
    """

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self.weight, self.bias, self.stride = conv.weight, conv.bias, (1, *conv.stride)
        self.weight.data = self.weight.data.transpose(1, 2).contiguous().transpose(1, 2)

    @staticmethod
    def fits(layer: nn.Module) -> bool:
        """Whether a layer of an extractor is a plain convolution with a layer norm over its channels."""
        conv = getattr(layer, "conv", None)
        return (
            isinstance(conv, nn.Conv1d)
            and conv.groups == 1
            and conv.padding == (0,)
            and conv.dilation == (1,)
            and isinstance(getattr(layer, "layer_norm", None), nn.LayerNorm)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, N) to (B, D, T)."""
        return conv2d(x[:, :, None], self.weight[:, :, None], self.bias, self.stride)[:, :, 0]
