"""Kokoro-82M in PyTorch: phonemes to speech of many speakers in large batches, on a GPU or not.

``python -m training.kokoro NETWORK.onnx VOICES.npz --vocabulary config.json --phonemes VOICE.onnx.json --target FOLDER``
converts the network, the voices and the table from Piper's phonemes to Kokoro's; this needs the package ``onnx``. `load`
and `Speakers` read the result and need torch and safetensors only. Phonemes come from `training.phonemes`.

The network is StyleTTS 2 (Li et al. 2023, https://arxiv.org/abs/2306.07691) with the generator of iSTFTNet (Kaneko et al.
2022, https://arxiv.org/abs/2203.02395) and a harmonic source. It follows the package ``kokoro`` (hexgrad, Apache-2.0).

Sequences have the shape ``(B, T, C)``. In every batch an utterance sounds as it does alone: convolutions see zeros after
its end, and norms and recurrent layers see nothing after it.
"""

import argparse
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from training.phonemes import Phonemes

SOURCE_RATE = 24000
HARMONICS = 9
VOICED = 10.0  # Hz; below it there is no pitch
SINE, BREATH, HISS = 0.1, 0.003, 0.1 / 3  # amplitudes of the source: each sine, noise with a pitch, noise without
EPSILON = 1e-5
BUCKET_TOKENS, BUCKET_FRAMES = 32, 64  # sizes are multiples of these: cuDNN chooses its kernels anew for each size
MOST_TOKENS = 400
MOST_FRAMES = 1600  # 40 s; memory must not depend on a wild duration
ENGLISH = ("af_", "am_", "bf_", "bm_")
ENGLISH_SHARE, MIXED_SHARE = 0.85, 0.5
DROPPED, MISSING = -1, -2  # in the table of symbols
PARTS = 2


@dataclass(frozen=True)
class KokoroConfig:
    """The sizes; the defaults are those of Kokoro-82M.

    Attributes
    ----------
    symbols, positions : int
        Number of phonemes, and the longest sequence.
    embedding, bert, heads, inner, bert_layers : int
        ALBERT: sizes of the embedding and of the hidden states, attention heads, size of the feed-forward part, layers.
    width, layers, style : int
        Channels of the text encoder and the prosody predictor, their layers, and half the size of a style.
    longest : int
        Frames of one phoneme at most.
    decoder, residue : int
        Channels of the decoder, and of the text that each of its blocks reads again.
    channels : int
        Channels of the generator before the first upsampling, which halves them, as each one does.
    strides, kernels, noise_kernels : tuple of int
        Factor and kernel of each upsampling, and the kernel of the residual block for the source.
    block_kernels, dilations : tuple of int
        Kernel of each residual block that follows an upsampling, and the dilations in all of them.
    fft, hop : int
        Window and hop of the last step, the inverse short-time Fourier transform, in samples.
    """

    symbols: int = 178
    positions: int = 512
    embedding: int = 128
    bert: int = 768
    heads: int = 12
    inner: int = 2048
    bert_layers: int = 12
    width: int = 512
    layers: int = 3
    style: int = 128
    longest: int = 50
    decoder: int = 1024
    residue: int = 64
    channels: int = 512
    strides: tuple[int, ...] = (10, 6)
    kernels: tuple[int, ...] = (20, 12)
    noise_kernels: tuple[int, ...] = (7, 11)
    block_kernels: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)
    fft: int = 20
    hop: int = 5


P = ParamSpec("P")
R = TypeVar("R")


def fused(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function for half precision on a GPU, where its steps become one pass over memory."""
    compiled = cache(lambda: torch.compile(function, dynamic=True))

    def choose(*inputs: P.args, **named: P.kwargs) -> R:
        x: Any = inputs[0]
        return (compiled() if x.is_cuda and x.dtype != torch.float32 else function)(*inputs, **named)

    return choose


def inside(x: Tensor, counts: Tensor) -> Tensor:
    """Tell which places of ``x`` ``(B, T, ...)`` are before the end; shape ``(B, T, 1)``."""
    return (torch.arange(x.shape[1], device=x.device) < counts[:, None])[:, :, None]


@fused
def moments(x: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance over the time before each end, ``(B, 1, C)`` in float32.

    One pass; as a channel may hardly vary around a large mean, it counts from the first frame.
    """
    first = x[:, :1].float()
    x = torch.where(inside(x, counts), x.float() - first, 0.0)
    mean = x.sum(1, keepdim=True) / counts[:, None, None]
    variance = x.square().sum(1, keepdim=True) / counts[:, None, None] - mean.square()
    return first + mean, variance.clamp_min(0)


def styled(x: Tensor, mean: Tensor, variance: Tensor, style: Tensor) -> Tensor:
    """Normalise ``x``, and give it the scale and the mean in ``style`` ``(B, 2 * C)``."""
    scale, shift = style.float()[:, None].chunk(2, 2)
    return (x.float() - mean) * (variance + EPSILON).rsqrt() * (1 + scale) + shift


def leaky(x: Tensor, mean: Tensor, variance: Tensor, style: Tensor, counts: Tensor) -> Tensor:
    """Normalise, bend by leaky ReLU, and set to zero after the end."""
    y = F.leaky_relu(styled(x, mean, variance, style), 0.2)
    return torch.where(inside(x, counts), y, 0.0).to(x.dtype)


@fused
def snake(x: Tensor, mean: Tensor, variance: Tensor, style: Tensor, alpha: Tensor, counts: Tensor) -> Tensor:
    """Normalise, bend by snake (Ziyin, Hartwig and Ueda 2020, https://arxiv.org/abs/2006.08195), zero after the end."""
    y = styled(x, mean, variance, style)
    y = y + (alpha.float() * y).sin().square() / alpha.float()
    return torch.where(inside(x, counts), y, 0.0).to(x.dtype)


def ended(x: Tensor, slope: float, counts: Tensor) -> Tensor:
    """Bend by leaky ReLU, and set to zero after the end."""
    return torch.where(inside(x, counts), F.leaky_relu(x, slope), 0.0)


class Convolution(nn.Conv2d):
    """A convolution over time, as one over an image of height 1: only these run with the channels last in memory."""

    def __init__(self, channels: int, target: int, kernel: int, dilation: int = 1, stride: int = 1, bias: bool = True) -> None:
        padding = stride // 2 if stride > 2 else dilation * (kernel - 1) // 2
        super().__init__(channels, target, (1, kernel), (1, stride), (0, padding), dilation, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Map ``(B, T, C)`` to ``(B, T / stride, target)``."""
        return super().forward(input.transpose(1, 2)[:, :, None])[:, :, 0].transpose(1, 2)


class Upsampling(nn.ConvTranspose2d):
    """A transposed convolution over time."""

    def __init__(self, channels: int, target: int, kernel: int, stride: int) -> None:
        super().__init__(channels, target, (1, kernel), (1, stride), (0, (kernel - stride) // 2))

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map ``(B, T, C)`` to ``(B, T * stride, target)``."""
        return super().forward(input.transpose(1, 2)[:, :, None], output_size)[:, :, 0].transpose(1, 2)


class Doubling(nn.Module):
    """A transposed convolution of kernel 3 and stride 2 over each channel, written out: such kernels of cuDNN are slow."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 3))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, T, C)`` to ``(B, 2 * T, C)``."""
        before, here, after = self.weight.unbind(1)
        odd = x * after + F.pad(x[:, 1:], (0, 0, 0, 1)) * before
        return torch.stack((x * here, odd), 2).flatten(1, 2) + self.bias


class Recurrent(nn.LSTM):
    """A layer of LSTM in both directions."""

    def __init__(self, channels: int, target: int) -> None:
        super().__init__(channels, target // 2, batch_first=True, bidirectional=True)

    def forward(self, input: Tensor, counts: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Map ``(B, T, C)`` to ``(B, T, target)``, zero after the end; ``counts`` ``(B,)`` are on the CPU."""
        packed = pack_padded_sequence(input, counts, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(super().forward(packed)[0], batch_first=True, total_length=input.shape[1])[0]


class Style(nn.Module):
    """Scale and mean, which a style chooses; the norm is over time (AdaIN) or over channels."""

    def __init__(self, config: KokoroConfig, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(config.style, 2 * channels)

    def forward(self, style: Tensor) -> Tensor:
        """Map ``(B, style)`` to ``(B, 2 * channels)``."""
        return self.fc(style)


class Albert(nn.Module):
    """ALBERT (Lan et al. 2019, https://arxiv.org/abs/1909.11942): one layer, used many times."""

    def __init__(self, config: KokoroConfig) -> None:
        super().__init__()
        self.heads, self.layers = config.heads, config.bert_layers
        self.word_embeddings = nn.Embedding(config.symbols, config.embedding)
        self.position_embeddings = nn.Embedding(config.positions, config.embedding)
        self.token_type_embeddings = nn.Embedding(2, config.embedding)
        self.embedding_norm = nn.LayerNorm(config.embedding, eps=1e-12)
        self.embedding_hidden_mapping_in = nn.Linear(config.embedding, config.bert)
        self.query, self.key, self.value, self.dense = (nn.Linear(config.bert, config.bert) for _ in range(4))
        self.attention_norm = nn.LayerNorm(config.bert, eps=1e-12)
        self.ffn = nn.Linear(config.bert, config.inner)
        self.ffn_output = nn.Linear(config.inner, config.bert)
        self.full_layer_layer_norm = nn.LayerNorm(config.bert, eps=1e-12)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Map phonemes ``(B, L)`` to ``(B, L, bert)``; ``mask`` ``(B, L)`` is true before the end."""
        x = self.word_embeddings(ids) + self.position_embeddings.weight[: ids.shape[1]] + self.token_type_embeddings.weight[0]
        x = self.embedding_hidden_mapping_in(self.embedding_norm(x))
        for _ in range(self.layers):
            query, key, value = (
                part(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
            )
            mixed = F.scaled_dot_product_attention(query, key, value, mask[:, None, None])
            x = self.attention_norm(x + self.dense(mixed.transpose(1, 2).flatten(2)))
            x = self.full_layer_layer_norm(x + self.ffn_output(F.gelu(self.ffn(x), approximate="tanh")))
        return x


class TextEncoder(nn.Module):
    """Phonemes to what the decoder reads."""

    def __init__(self, config: KokoroConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.symbols, config.width)
        self.convolutions = nn.ModuleList(Convolution(config.width, config.width, 5) for _ in range(config.layers))
        self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(config.layers))
        self.lstm = Recurrent(config.width, config.width)

    def forward(self, ids: Tensor, mask: Tensor, counts: Tensor) -> Tensor:
        """Map ``(B, L)`` to ``(B, L, width)``."""
        x = self.embedding(ids) * mask[:, :, None]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.leaky_relu(norm(convolution(x)), 0.2) * mask[:, :, None]
        return self.lstm(x, counts)


class Block(nn.Module):
    """Two convolutions whose norms follow the style, added to the input; it may double the rate."""

    def __init__(self, config: KokoroConfig, channels: int, target: int, up: bool = False) -> None:
        super().__init__()
        self.norm1, self.norm2 = Style(config, channels), Style(config, target)
        self.pool = Doubling(channels) if up else None
        self.conv1, self.conv2 = Convolution(channels, target, 3), Convolution(target, target, 3)
        self.conv1x1 = Convolution(channels, target, 1, bias=False) if channels != target else None

    def forward(self, x: Tensor, style: Tensor, counts: Tensor) -> Tensor:
        """Map ``(B, T, channels)`` to ``(B, T or 2 * T, target)``."""
        y = leaky(x, *moments(x, counts), self.norm1(style), counts)
        if self.pool is not None:
            x, y, counts = x.repeat_interleave(2, 1), self.pool(y), counts * 2
            y = ended(y, 1.0, counts)
        y = self.conv1(y)
        y = self.conv2(leaky(y, *moments(y, counts), self.norm2(style), counts))
        return (y + (x if self.conv1x1 is None else self.conv1x1(x))) * 0.5**0.5


class Prosody(nn.Module):
    """Durations, pitch and energy."""

    def __init__(self, config: KokoroConfig) -> None:
        super().__init__()
        both, half = config.width + config.style, config.width // 2
        self.encoders = nn.ModuleList(Recurrent(both, config.width) for _ in range(config.layers))
        self.norms = nn.ModuleList(Style(config, config.width) for _ in range(config.layers))
        self.lstm = Recurrent(both, config.width)
        self.duration = nn.Linear(config.width, config.longest)
        self.shared = Recurrent(both, config.width)
        sizes = [(config.width, config.width, False), (config.width, half, True), (half, half, False)]
        self.F0 = nn.ModuleList(Block(config, *size) for size in sizes)
        self.N = nn.ModuleList(Block(config, *size) for size in sizes)
        self.F0_proj, self.N_proj = nn.Linear(half, 1), nn.Linear(half, 1)

    def durations(self, x: Tensor, style: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Give the encoded phonemes ``(B, L, width + style)`` and the frames of each ``(B, L)``, not rounded."""
        repeated = style[:, None].expand(-1, x.shape[1], -1)
        x = torch.cat((x, repeated), 2)
        for encoder, norm in zip(self.encoders, self.norms, strict=True):
            scale, shift = norm(style)[:, None].chunk(2, 2)
            y = encoder(x, counts)
            x = torch.cat((F.layer_norm(y, y.shape[2:]) * (1 + scale) + shift, repeated), 2)
        return x, self.duration(self.lstm(x, counts)).sigmoid().sum(2)

    def curves(self, x: Tensor, style: Tensor, frames: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Give pitch (Hz) and energy, ``(B, 2 * T)``, zero after the end; ``counts`` are ``frames`` on the CPU."""
        x = self.shared(x, counts)
        curves = []
        for blocks, project in ((self.F0, self.F0_proj), (self.N, self.N_proj)):
            y = x
            for i, block in enumerate(blocks):
                y = block(y, style, frames * (2 if i > 1 else 1))
            curves.append(torch.where(inside(y, frames * 2), project(y), 0.0)[:, :, 0])
        return curves[0], curves[1]


class ResidualBlock(nn.Module):
    """Dilated convolutions whose norms follow the style, each pair added to its input."""

    def __init__(self, config: KokoroConfig, channels: int, kernel: int) -> None:
        super().__init__()
        count = len(config.dilations)
        self.convs1 = nn.ModuleList(Convolution(channels, channels, kernel, dilation) for dilation in config.dilations)
        self.convs2 = nn.ModuleList(Convolution(channels, channels, kernel) for _ in range(count))
        self.adain1 = nn.ModuleList(Style(config, channels) for _ in range(count))
        self.adain2 = nn.ModuleList(Style(config, channels) for _ in range(count))
        self.alpha1 = nn.ParameterList(torch.ones(channels) for _ in range(count))
        self.alpha2 = nn.ParameterList(torch.ones(channels) for _ in range(count))

    def forward(self, x: Tensor, style: Tensor, counts: Tensor) -> Tensor:
        """Map ``(B, T, C)`` to the same shape."""
        first, second = (self.convs1, self.adain1, self.alpha1), (self.convs2, self.adain2, self.alpha2)
        for steps in zip(zip(*first, strict=True), zip(*second, strict=True), strict=True):
            y = x
            for convolution, norm, alpha in steps:
                y = convolution(snake(y, *moments(y, counts), norm(style), alpha, counts))
            x = y.add_(x)
        return x


class Generator(nn.Module):
    """iSTFTNet: hidden states to samples. The source, the last convolution and the Fourier transforms are in float32."""

    def __init__(self, config: KokoroConfig) -> None:
        super().__init__()
        self.config = config
        self.noise_convs, self.noise_res, self.ups = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.resblocks = nn.ModuleList()
        channels = config.channels
        for i, (stride, kernel) in enumerate(zip(config.strides, config.kernels, strict=True)):
            self.ups.append(Upsampling(channels, channels // 2, kernel, stride))
            channels //= 2
            rest = math.prod(config.strides[i + 1 :])
            self.noise_convs.append(Convolution(config.fft + 2, channels, 2 * rest if rest > 1 else 1, stride=rest))
            self.noise_res.append(ResidualBlock(config, channels, config.noise_kernels[i]))
            self.resblocks.extend(ResidualBlock(config, channels, size) for size in config.block_kernels)
        self.conv_post = Convolution(channels, config.fft + 2, 7)
        self.source = nn.Linear(HARMONICS, 1)

    def excite(self, pitch: Tensor, noise: float, generator: torch.Generator | None) -> Tensor:
        """Sines at the multiples of the pitch ``(B, T)``, and noise; ``(B, T * samples)``.

        The phase runs on from frame to frame; it is linear between the middles of frames.
        """
        weight, bias = self.source.weight[0], self.source.bias
        samples = math.prod(self.config.strides) * self.config.hop
        step = pitch.double() * (samples / SOURCE_RATE)  # cycles in a frame
        phase = (step.cumsum(1) % 1).float()
        place = (torch.arange(samples, device=pitch.device) + 0.5) / samples
        following = F.pad(step[:, 1:], (0, 1)).float()
        angle = (phase[:, :, None] + following[:, :, None] * place).flatten(1)
        angle = torch.cat((phase[:, :1].expand(-1, samples // 2), angle), 1)[:, : pitch.shape[1] * samples]
        angle = (angle % 1) * (2 * math.pi)
        sines = torch.zeros_like(angle)
        for i in range(HARMONICS):
            sines += weight[i] * SINE * (angle * (i + 1)).sin()
        voiced = (pitch > VOICED).repeat_interleave(samples, 1)
        hiss = torch.randn(angle.shape, generator=generator, device=angle.device) * (noise * weight.norm())
        return torch.where(voiced, sines + BREATH * hiss, HISS * hiss).add_(bias).tanh_()

    def spectrum(self, sound: Tensor, counts: Tensor) -> Tensor:
        """Magnitudes and phases of ``(B, N)``, reflected at both ends: ``(B, N / hop + 1, fft + 2)``."""
        half = self.config.fft // 2
        index = torch.arange(-half, sound.shape[1] + half, device=sound.device).abs().expand(len(sound), -1)
        last = counts[:, None] - 1
        index = torch.where(index > last, 2 * last - index, index).clamp_min(0)
        window = torch.hann_window(self.config.fft, device=sound.device)
        bins = torch.stft(
            sound.gather(1, index), self.config.fft, self.config.hop, window=window, center=False, return_complex=True
        ).transpose(1, 2)
        sine = torch.where(bins.imag.abs() < 1e-5 * bins.real.abs(), 0.0, bins.imag)  # at the ends its sign is chance
        return torch.cat((bins.abs(), torch.atan2(sine, bins.real)), 2)

    def samples(self, x: Tensor, counts: Tensor) -> Tensor:
        """Inverse of `spectrum`: log magnitudes and arcs of phases ``(B, T, fft + 2)`` to ``(B, (T - 1) * hop)``."""
        fft, hop = self.config.fft, self.config.hop
        magnitude, phase = x.split(fft // 2 + 1, 2)
        window = torch.hann_window(fft, device=x.device)
        pieces = torch.fft.irfft(torch.polar(magnitude.exp(), phase.sin()), fft) * window
        valid = inside(x, counts)
        pieces = torch.where(valid, pieces, 0.0).unflatten(2, (-1, hop))
        weights = (valid * window.square()).unflatten(2, (-1, hop))
        steps = fft // hop

        def overlap(parts: Tensor) -> Tensor:
            return sum(F.pad(parts[:, :, i], (0, 0, i, steps - 1 - i)) for i in range(steps)).flatten(1)  # pyright: ignore

        total = overlap(pieces) / overlap(weights).clamp_min(1e-6)
        return total[:, fft // 2 : fft // 2 + (x.shape[1] - 1) * hop]

    def forward(
        self, x: Tensor, style: Tensor, pitch: Tensor, frames: Tensor, noise: float, generator: torch.Generator | None
    ) -> Tensor:
        """Give samples.

        Parameters
        ----------
        x : Tensor
            Hidden states, shape ``(B, T, channels)``.
        style : Tensor
            Shape ``(B, style)``.
        pitch : Tensor
            Hz, shape ``(B, T)``, zero after the end.
        frames : Tensor
            Frames of each utterance, shape ``(B,)``.
        noise : float
            Factor of the source's noise.
        generator : torch.Generator, optional
            Its source.

        Returns
        -------
        Tensor
            Shape ``(B, T * samples)`` in float32; samples after the end are meaningless.
        """
        source = self.excite(pitch, noise, generator)
        counts = frames * math.prod(self.config.strides)
        source = self.spectrum(source, counts * self.config.hop)
        source = torch.where(inside(source, counts + 1), source, 0.0).to(x.dtype)
        blocks = len(self.config.block_kernels)
        for i, stride in enumerate(self.config.strides):
            x = self.ups[i](ended(x, 0.1, frames))
            frames = frames * stride
            if i + 1 == len(self.ups):
                x, frames = torch.cat((x[:, 1:2], x), 1), frames + 1
            x = x + self.noise_res[i](self.noise_convs[i](source), style, frames)
            total = torch.zeros_like(x)
            for block in self.resblocks[i * blocks : (i + 1) * blocks]:
                total += block(x, style, frames)
            x = total / blocks
        return self.samples(self.conv_post(ended(x, 0.01, frames).float()), frames)


class Decoder(nn.Module):
    """Text, pitch and energy of each frame to samples."""

    def __init__(self, config: KokoroConfig) -> None:
        super().__init__()
        wide = config.decoder + config.residue + 2
        self.encode = Block(config, config.width + 2, config.decoder)
        self.decode = nn.ModuleList(Block(config, wide, config.decoder) for _ in range(3))
        self.decode.append(Block(config, wide, config.channels, up=True))
        self.F0_conv, self.N_conv = Convolution(1, 1, 3, stride=2), Convolution(1, 1, 3, stride=2)
        self.asr_res = Convolution(config.width, config.residue, 1)
        self.generator = Generator(config)

    def forward(
        self,
        text: Tensor,
        pitch: Tensor,
        energy: Tensor,
        style: Tensor,
        frames: Tensor,
        noise: float,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Map text ``(B, T, width)``, pitch and energy ``(B, 2 * T)`` to samples."""
        dtype = self.asr_res.weight.dtype
        text, style = text.to(dtype), style.to(dtype)
        curves = self.F0_conv(pitch[:, :, None].to(dtype)), self.N_conv(energy[:, :, None].to(dtype))
        x = self.encode(torch.cat((text, *curves), 2), style, frames)
        again = torch.cat((self.asr_res(text), *curves), 2)
        for block in self.decode:
            x = block(torch.cat((x, again), 2), style, frames)
        return self.generator(x, style, pitch, frames * 2, noise, generator)


class Kokoro(nn.Module):
    """Phonemes and styles to speech.

    `load` gives the decoder another type: float16, the fast way on a GPU, is then used in ALBERT as well. The rest works in
    float32, and an autocast around a call has no effect.
    """

    def __init__(self, config: KokoroConfig) -> None:
        super().__init__()
        self.config = config
        self.bert = Albert(config)
        self.bert_encoder = nn.Linear(config.bert, config.width)
        self.text_encoder = TextEncoder(config)
        self.predictor = Prosody(config)
        self.decoder = Decoder(config)

    def forward(
        self,
        ids: Tensor,
        lengths: Tensor,
        styles: Tensor,
        speed: Tensor,
        noise: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Speak a batch.

        Parameters
        ----------
        ids : Tensor
            Phonemes, shape ``(B, L)``, int64, with a zero before the first and after the last one.
        lengths : Tensor
            Phonemes of each utterance with both zeros, shape ``(B,)``, int64; on the CPU nothing waits for them.
        styles : Tensor
            Shape ``(B, 2 * style)``: timbre, then prosody.
        speed : Tensor
            Shape ``(B,)``: 2 is twice as fast.
        noise : float
            Factor of the noise in the source; 0 makes the result repeatable.
        generator : torch.Generator, optional
            Source of the noise, on the device of the network.

        Returns
        -------
        waveforms : Tensor
            Shape ``(B, N)``, float32, zero after the end, at 24 kHz.
        counts : Tensor
            Samples of each utterance, shape ``(B,)``, int64.
        """
        device = ids.device
        with torch.autocast(device.type, enabled=False):
            tokens, lengths = lengths.cpu(), lengths.to(device)
            ids = F.pad(ids, (0, -ids.shape[1] % BUCKET_TOKENS))
            mask = torch.arange(ids.shape[1], device=device) < lengths[:, None]
            timbre, prosody = styles.float().chunk(2, 1)
            with torch.autocast(device.type, torch.float16, enabled=self.decoder.asr_res.weight.dtype == torch.float16):
                hidden = self.bert(ids, mask)
            hidden = self.bert_encoder(hidden.float())
            encoded, durations = self.predictor.durations(hidden, prosody, tokens)
            ends = (((durations / speed[:, None]).round().clamp_min(1)) * mask).long().cumsum(1).clamp_max(MOST_FRAMES)
            frames = ends[:, -1].contiguous()
            counts = frames.cpu()
            size = -(-int(counts.max()) // BUCKET_FRAMES) * BUCKET_FRAMES
            moment = torch.arange(size, device=device).expand(len(ids), -1).contiguous()
            spoken = torch.searchsorted(ends, moment, right=True).clamp_max(ids.shape[1] - 1)[:, :, None]

            def spread(x: Tensor) -> Tensor:
                x = x.gather(1, spoken.expand(-1, -1, x.shape[2]))
                return torch.where(inside(x, frames), x, 0.0)

            pitch, energy = self.predictor.curves(spread(encoded), prosody, frames, counts)
            text = spread(self.text_encoder(ids, mask, tokens))
            waveforms = self.decoder(text, pitch, energy, timbre, frames, noise, generator)
            samples = frames * (2 * math.prod(self.config.strides) * self.config.hop)
            return torch.where(inside(waveforms, samples)[:, :, 0], waveforms, 0.0), samples


def load(folder: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Kokoro:
    """Read a converted network.

    Parameters
    ----------
    folder : Path
        Folder with ``kokoro-0.safetensors`` and its other parts.
    device : torch.device or str
        Where it speaks.
    dtype : torch.dtype
        Type of the decoder's weights and activations; the rest is float32.

    Returns
    -------
    Kokoro
        Ready to speak, without gradients.
    """
    stored: dict[str, Tensor] = {}
    for number in range(PARTS):
        stored |= load_file(folder / f"kokoro-{number}.safetensors", str(device))
    with torch.device(device):
        kokoro = Kokoro(KokoroConfig())
    weights = {}
    for name, target in kokoro.state_dict().items():
        weight = stored[name].float()
        if f"{name}/scale" in stored:
            weight = (weight - stored[f"{name}/zero"].float()) * stored[f"{name}/scale"]
        weights[name] = weight.reshape(target.shape)
    kokoro.load_state_dict(weights)
    kokoro.eval().requires_grad_(False)
    kokoro.decoder.to(dtype=dtype).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    kokoro.decoder.generator.source.float()
    kokoro.decoder.generator.conv_post.float()  # float16 has steps of 0.03 for the largest phases
    return kokoro


class Speakers:
    """The voices, and the table from Piper's phonemes to Kokoro's.

    Parameters
    ----------
    file : Path
        ``voices.npz``, which the conversion wrote.
    device : torch.device or str
        Where the styles lie.

    Attributes
    ----------
    names : list of str
        Of the voices; their first letter is the language, the second one the sex.
    styles : Tensor
        Shape ``(voices, tokens, 256)``: row ``n - 1`` is for a text of ``n`` phonemes.
    table : numpy.ndarray
        Kokoro's number of each of Piper's; negative where there is none.
    """

    def __init__(self, file: Path, device: torch.device | str = "cpu") -> None:
        with np.load(file) as arrays:
            self.names, self.table = arrays["names"].tolist(), arrays["table"]
            self.styles = torch.from_numpy(arrays["styles"]).to(device)
        self.english = np.flatnonzero([name.startswith(ENGLISH) for name in self.names])

    def tokens(self, phonemes: Phonemes) -> Phonemes:
        """Give the texts in Kokoro's phonemes; a text that Kokoro cannot read has none."""
        ids = self.table[phonemes.ids]
        kept = np.concatenate([[0], np.cumsum(ids != DROPPED)])[phonemes.offsets]
        missing = np.concatenate([[0], np.cumsum(ids == MISSING)])[phonemes.offsets]
        readable = (np.diff(missing) == 0) & (np.diff(kept) <= MOST_TOKENS)
        texts = np.repeat(readable, np.diff(phonemes.offsets))
        offsets = np.concatenate([[0], np.cumsum(np.diff(kept) * readable)])
        return Phonemes(phonemes.texts, ids[(ids != DROPPED) & texts], offsets)

    def draw(self, counts: Tensor, rng: np.random.Generator) -> Tensor:
        """Give a style ``(B, 256)`` for each text of ``counts`` phonemes: mostly English, half of them mixed of two."""
        size = len(counts)
        pair = np.where(
            rng.random(size) < ENGLISH_SHARE,
            rng.choice(self.english, (2, size)),
            rng.integers(len(self.names), size=(2, size)),
        )
        share = np.where(rng.random(size) < MIXED_SHARE, rng.random(size), 1.0)
        weight = torch.from_numpy(share).to(self.styles.device, torch.float32)[:, None]
        first, second = (self.styles[voice, counts - 1].float() for voice in torch.from_numpy(pair).to(self.styles.device))
        return weight * first + (1 - weight) * second


def convert(network: Path) -> dict[str, Tensor]:
    """Read the weights out of the ``.onnx`` file with 8-bit weights.

    Parameters
    ----------
    network : Path
        ``kokoro-v1.0.int8.onnx`` of the package ``kokoro-onnx``.

    Returns
    -------
    dict of str to Tensor
        The weights by the names that `Kokoro` has for them, in float16. A weight of 8 bits comes with ``NAME/scale``
        (float32) and ``NAME/zero``, which broadcast to its shape.
    """
    import onnx  # pyright: ignore[reportMissingImports]

    graph = onnx.load(network).graph
    arrays = {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    weights = {
        renamed(name): array.half()
        for name, array in arrays.items()
        if re.match(r"(encoder|decoder)\.", name) and array.dtype == torch.float32 and "istft" not in name
    }

    def store(name: str, values: Tensor, scale: Tensor, zero: Tensor) -> None:
        weights.update({name: values, f"{name}/scale": scale.clone(), f"{name}/zero": zero.clone()})  # many share a zero

    done = set()
    for node in graph.node:
        layer = node.name.strip("/").rsplit("/", 1)[0].replace("/", ".")
        key = node.input[0 if node.op_type == "Gather" else 1] if len(node.input) > 1 else ""
        if key not in arrays or key in done or "istft" in layer:
            continue
        name, values = renamed(f"{layer}.weight"), arrays[key]
        base = key.removesuffix("_quantized")
        if node.op_type in ("MatMulInteger", "ConvInteger"):
            scale, zero = arrays[f"{base}_scale"], arrays[node.input[3]]
            if node.op_type == "MatMulInteger":  # a column for each output
                values, scale, zero = values.T, scale.reshape(-1, 1), zero.reshape(-1, 1)
            store(name, values, scale, zero)
        elif node.op_type == "Gather" and key.endswith("_quantized"):
            store(name, values, arrays[f"{base}_scale"], arrays["encoder.bert.embeddings.word_embeddings.weight_zero_point"])
        elif node.op_type == "DynamicQuantizeLSTM":
            for way, suffix in enumerate(("", "_reverse")):
                for part, kind in enumerate(("ih", "hh")):
                    values, scale, zero = (arrays[node.input[i]][way] for i in (1 + part, 8 + 2 * part, 9 + 2 * part))
                    store(
                        renamed(f"{layer}.weight_{kind}_l0{suffix}"), gates(values.T), scale.reshape(-1, 1), zero.reshape(-1, 1)
                    )
                    bias = arrays[node.input[3]][way].chunk(2)[part]
                    weights[renamed(f"{layer}.bias_{kind}_l0{suffix}")] = gates(bias).half()
        elif node.op_type in ("MatMul", "Conv", "ConvTranspose"):
            weights[name] = (values.T if node.op_type == "MatMul" else values).half()
        else:
            continue
        done.add(key)
    return {name: weight.contiguous() for name, weight in weights.items()}


def gates(values: Tensor) -> Tensor:
    """Bring the gates of an LSTM from the order of ONNX (input, output, forget, cell) to that of PyTorch."""
    enter, leave, forget, cell = values.chunk(4)
    return torch.cat((enter, forget, cell, leave))


def renamed(name: str) -> str:
    """Give the name that `Kokoro` has for a weight of the ``.onnx`` file."""
    name = name.removeprefix("encoder.")
    name = name.removeprefix("decoder.") if name.startswith("decoder.decoder.") else name
    name = re.sub(r"^(F0|N|F0_proj|N_proj|shared)\.", r"predictor.\1.", name)
    name = re.sub(r"\.(\w+)\.(\d+\.)?\1\.(?=\d)", r".\1.", name)  # "cnn.0.cnn.0.0", "asr_res.asr_res.0"
    name = re.sub(r"text_encoder\.cnn\.(\d)\.0\.", r"text_encoder.convolutions.\1.", name)
    name = re.sub(r"text_encoder\.cnn\.(\d)\.1\.", r"text_encoder.norms.\1.", name)
    name = re.sub(r"^bert\.encoder\.(albert_layer_groups\.0\.albert_layers\.0\.)?(attention\.(?=[qkvd]))?", "bert.", name)
    name = name.replace("bert.attention.LayerNorm", "bert.attention_norm")
    name = name.replace("bert.embeddings.LayerNorm", "bert.embedding_norm").replace("bert.embeddings.", "bert.")
    name = re.sub(r"text_encoder\.lstms\.(\d)\.fc", lambda match: f"norms.{int(match[1]) // 2}.fc", name)
    name = re.sub(r"text_encoder\.lstms\.(\d)", lambda match: f"encoders.{int(match[1]) // 2}", name)
    name = name.replace("duration_proj.linear_layer", "duration").replace("m_source.l_linear", "source")
    name = name.replace("asr_res.0.", "asr_res.").replace(".gamma", ".weight").replace(".beta", ".bias")
    return name


def table(vocabulary: dict[str, int], symbols: dict[str, list[int]]) -> np.ndarray:
    """Give Kokoro's number of each of Piper's phonemes, ``(256,)`` int16.

    As in ``kokoro-onnx``, a sign that Kokoro lacks is left out where it is none of a sound: padding, start and end.
    """
    result = np.full(256, MISSING, np.int16)
    for symbol, (number, *_) in symbols.items():
        result[number] = DROPPED if symbol in "_^$" else vocabulary.get(symbol, MISSING)
    return result


def main() -> None:
    """Convert the network and the voices."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path, help="kokoro-v1.0.int8.onnx")
    parser.add_argument("voices", type=Path, help="voices.npz")
    parser.add_argument("--vocabulary", type=Path, required=True, help="config.json of the package kokoro-onnx")
    parser.add_argument("--phonemes", type=Path, required=True, help="the .json file of the Piper voice")
    parser.add_argument("--target", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args()
    arguments.target.mkdir(parents=True, exist_ok=True)
    parts: list[dict[str, Tensor]] = [{} for _ in range(PARTS)]
    weights = convert(arguments.network)
    shapes = {name: weight.numel() for name, weight in Kokoro(KokoroConfig()).state_dict().items()}
    if wrong := [name for name, count in shapes.items() if name not in weights or weights[name].numel() != count]:
        raise SystemExit(f"{arguments.network} has no weight of the right size for {', '.join(wrong)}.")
    for name, weight in sorted(weights.items(), key=lambda item: -item[1].nbytes):
        min(parts, key=lambda part: sum(value.nbytes for value in part.values()))[name] = weight
    for number, part in enumerate(parts):
        save_file(part, arguments.target / f"kokoro-{number}.safetensors")
    with np.load(arguments.voices) as voices:
        styles = np.stack([voices[name][:, 0] for name in voices.files]).astype(np.float16)
        names = np.array(voices.files)
    vocabulary = json.loads(arguments.vocabulary.read_text())["vocab"]
    symbols = json.loads(arguments.phonemes.read_text())["phoneme_id_map"]
    np.savez_compressed(arguments.target / "voices.npz", names=names, styles=styles, table=table(vocabulary, symbols))
    print(f"{arguments.target}: {sum(shapes.values())} weights, {len(names)} voices")


if __name__ == "__main__":
    main()
