"""A Piper voice (VITS) in PyTorch: phonemes to speech in large batches, on a GPU or not.

``python -m training.voice VOICE.onnx --target voice.safetensors`` converts the voice; this needs the package ``onnx``.
`load` reads the result and needs torch and safetensors only. Phonemes come from `training.phonemes`.

The network is VITS (Kim, Kong and Son 2021, https://arxiv.org/abs/2106.06103) with the generator of HiFi-GAN
(Kong, Kim and Bae 2020, https://arxiv.org/abs/2010.05646). Only the direction from text to speech is here.
"""

import argparse
import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1  # of leaky ReLU below zero
LONGEST = 200  # frames of one phoneme at most, 2.3 s: one wild draw must not lengthen the whole batch
ROUND = 128  # the frames of a batch are a multiple of it
TAIL = 5.0  # splines are the identity outside of [-5, 5]
SMALLEST = 1e-3  # the smallest width, height and slope of a spline's bin


@dataclass(frozen=True)
class VoiceConfig:
    """The sizes of a voice; the defaults are those of Piper's "medium".

    Attributes
    ----------
    rate : int
        Samples per second.
    symbols : int
        Number of phonemes.
    width, heads, layers, inner, window : int
        Text encoder: channels, attention heads, layers, channels of the feed-forward part, and the distance up to
        which attention knows relative positions.
    bins : int
        Bins of the splines of the duration predictor.
    wave_layers : int
        Convolutions of each coupling flow.
    channels : int
        Channels of the generator before the first upsampling, which halves them, as each one does.
    strides, kernels : tuple of int
        Factor and kernel of each upsampling.
    dilations : tuple of tuple
        Kernel of each residual block that follows an upsampling, and the dilations of its convolutions.
    """

    rate: int = 22050
    symbols: int = 256
    width: int = 192
    heads: int = 2
    layers: int = 6
    inner: int = 768
    window: int = 4
    bins: int = 10
    wave_layers: int = 4
    channels: int = 256
    strides: tuple[int, ...] = (8, 8, 4)
    kernels: tuple[int, ...] = (16, 16, 8)
    dilations: tuple[tuple[int, tuple[int, ...]], ...] = ((3, (1, 2)), (5, (2, 6)), (7, (3, 12)))


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of ``(B, C, T)``."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        return super().forward(input.transpose(1, 2)).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention with relative positions (Shaw et al. 2018, https://arxiv.org/abs/1803.02155)."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.heads, self.window = config.heads, config.window
        self.conv_q, self.conv_k, self.conv_v, self.conv_o = (nn.Conv1d(config.width, config.width, 1) for _ in range(4))
        size = (1, 2 * config.window + 1, config.width // config.heads)
        self.emb_rel_k = nn.Parameter(torch.randn(size) / size[2] ** 0.5)
        self.emb_rel_v = nn.Parameter(torch.randn(size) / size[2] ** 0.5)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mix the positions of ``x`` ``(B, C, L)`` that ``mask`` ``(B, 1, L)`` has as 1."""
        batch, width, length = x.shape
        query, key, value = (
            convolution(x).view(batch, self.heads, -1, length).transpose(2, 3)
            for convolution in (self.conv_q, self.conv_k, self.conv_v)
        )
        query = query / query.shape[-1] ** 0.5
        position = torch.arange(length, device=x.device)
        distance = (position - position[:, None] + self.window).clamp(-1, 2 * self.window + 1)
        far = 2 * self.window + 1  # the column of zeros, for positions out of the window
        distance = torch.where(distance < 0, far, distance).expand(batch, self.heads, -1, -1)
        near = F.pad(query @ self.emb_rel_k.transpose(1, 2), (0, 1))
        scores = query @ key.transpose(2, 3) + near.gather(3, distance)
        weights = scores.masked_fill(mask[:, None] == 0, -math.inf).softmax(3)
        window = position[:, None] + torch.arange(far, device=x.device)
        near = F.pad(weights, (self.window, self.window)).gather(3, window.expand(batch, self.heads, -1, -1))
        mixed = weights @ value + near @ self.emb_rel_v
        return self.conv_o(mixed.transpose(2, 3).reshape(batch, width, length))


class FeedForward(nn.Module):
    """Two convolutions of kernel 3."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(config.width, config.inner, 3, padding=1)
        self.conv_2 = nn.Conv1d(config.inner, config.width, 3, padding=1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map ``(B, C, L)`` to the same shape."""
        return self.conv_2(F.relu(self.conv_1(x * mask)) * mask) * mask


class TextEncoder(nn.Module):
    """Phonemes to hidden states, and to mean and log standard deviation of each phoneme's latents."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.emb = nn.Embedding(config.symbols, config.width)
        self.attn_layers = nn.ModuleList(Attention(config) for _ in range(config.layers))
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(config.width) for _ in range(config.layers))
        self.ffn_layers = nn.ModuleList(FeedForward(config) for _ in range(config.layers))
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(config.width) for _ in range(config.layers))
        self.proj = nn.Conv1d(config.width, 2 * config.width, 1)

    def forward(self, phonemes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give hidden states, means and log deviations, each ``(B, C, L)``."""
        x = self.emb(phonemes).transpose(1, 2) * self.emb.embedding_dim**0.5 * mask
        for attend, norm_1, feed, norm_2 in zip(
            self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True
        ):
            x = norm_1(x + attend(x, mask))
            x = norm_2(x + feed(x, mask))
        x = x * mask
        mean, log_deviation = (self.proj(x) * mask).chunk(2, 1)
        return x, mean, log_deviation


class Separable(nn.Module):
    """Three depthwise separable convolutions with growing dilation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs_sep = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d, groups=width) for d in (1, 3, 9))
        self.convs_1x1 = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(3))
        self.norms_1 = nn.ModuleList(ChannelNorm(width) for _ in range(3))
        self.norms_2 = nn.ModuleList(ChannelNorm(width) for _ in range(3))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map ``(B, C, L)`` to the same shape."""
        for separate, norm_1, point, norm_2 in zip(self.convs_sep, self.norms_1, self.convs_1x1, self.norms_2, strict=True):
            y = F.gelu(norm_1(separate(x * mask)))
            x = x + F.gelu(norm_2(point(y)))
        return x * mask


def inverse_spline(y: Tensor, widths: Tensor, heights: Tensor, slopes: Tensor) -> Tensor:
    """Invert a monotonic rational quadratic spline.

    Durkan et al. 2019, https://arxiv.org/abs/1906.04032, equations 6 to 8. Outside of [-5, 5] it is the identity.

    Parameters
    ----------
    y : Tensor
        Values of the spline, any shape.
    widths, heights : Tensor
        Logits of the widths and heights of the bins; shape of ``y`` and one axis of ``bins``.
    slopes : Tensor
        Slopes at the inner knots before softplus; last axis ``bins - 1``.

    Returns
    -------
    Tensor
        The arguments, shape of ``y``.
    """
    bins = widths.shape[-1]

    def knots(logits: Tensor) -> Tensor:
        inner = (SMALLEST + (1 - SMALLEST * bins) * logits.softmax(-1)).cumsum(-1)[..., :-1]
        return F.pad(2 * TAIL * F.pad(inner, (1, 0)) - TAIL, (0, 1), value=TAIL)

    left, low = knots(widths), knots(heights)
    slopes = SMALLEST + F.softplus(F.pad(slopes, (1, 1), value=math.log(math.expm1(1 - SMALLEST))))
    inside = y.clamp(-TAIL, TAIL)
    index = (inside[..., None] >= low[..., :-1]).sum(-1, keepdim=True) - 1

    def pick(values: Tensor) -> Tensor:
        return values.gather(-1, index)[..., 0]

    width, height = pick(left.diff()), pick(low.diff())
    slope_0, slope_1 = pick(slopes[..., :-1]), pick(slopes[..., 1:])
    rise = inside - pick(low)
    bend = rise * (slope_0 + slope_1 - 2 * height / width)
    a = height * (height / width - slope_0) + bend
    b = height * slope_0 - bend
    c = -height / width * rise
    root = 2 * c / (-b - (b * b - 4 * a * c).clamp_min(0).sqrt())
    return torch.where(y.abs() <= TAIL, root * width + pick(left), y)


class SplineFlow(nn.Module):
    """A flow on two channels that bends the second one by splines, which the first one and the text choose."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.bins = config.bins
        self.pre = nn.Conv1d(1, config.width, 1)
        self.convs = Separable(config.width)
        self.proj = nn.Conv1d(config.width, 3 * config.bins - 1, 1)

    def forward(self, x: Tensor, text: Tensor, mask: Tensor) -> Tensor:
        """Run the flow backwards on ``(B, 2, L)``."""
        first, second = x.chunk(2, 1)
        hidden = self.proj(self.convs(self.pre(first) + text, mask)) * mask
        widths, heights, slopes = hidden.transpose(1, 2).split((self.bins, self.bins, self.bins - 1), 2)
        root = text.shape[1] ** 0.5
        second = inverse_spline(second[:, 0], widths / root, heights / root, slopes)[:, None]
        return torch.cat((first, second), 1) * mask


class Durations(nn.Module):
    """The stochastic duration predictor: noise to the logarithm of each phoneme's frames."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.pre = nn.Conv1d(config.width, config.width, 1)
        self.convs = Separable(config.width)
        self.proj = nn.Conv1d(config.width, config.width, 1)
        self.flows = nn.ModuleList(SplineFlow(config) for _ in range(3))
        self.shift = nn.Parameter(torch.zeros(2, 1))
        self.scale = nn.Parameter(torch.ones(2, 1))

    def forward(self, hidden: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Map hidden states ``(B, C, L)`` and noise ``(B, 2, L)`` to log durations ``(B, L)``."""
        text = self.proj(self.convs(self.pre(hidden), mask)) * mask
        for flow in reversed(self.flows):
            noise = flow(noise.flip(1), text, mask)
        return (((noise.flip(1) - self.shift) * self.scale) * mask)[:, 0]


class WaveNet(nn.Module):
    """Gated convolutions of kernel 5."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.in_layers = nn.ModuleList(nn.Conv1d(width, 2 * width, 5, padding=2) for _ in range(layers))
        sizes = [2 * width] * (layers - 1) + [width]
        self.res_skip_layers = nn.ModuleList(nn.Conv1d(width, size, 1) for size in sizes)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map ``(B, C, T)`` to the same shape."""
        output = torch.zeros_like(x)
        for gate, point in zip(self.in_layers, self.res_skip_layers, strict=True):
            content, opening = gate(x).chunk(2, 1)
            skip = point(content.tanh() * opening.sigmoid())
            if skip.shape[1] > x.shape[1]:
                residual, skip = skip.chunk(2, 1)
                x = (x + residual) * mask
            output = output + skip
        return output * mask


class Coupling(nn.Module):
    """An affine coupling flow without scale, run backwards."""

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.pre = nn.Conv1d(config.width // 2, config.width, 1)
        self.enc = WaveNet(config.width, config.wave_layers)
        self.post = nn.Conv1d(config.width, config.width // 2, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map ``(B, C, T)`` to the same shape."""
        first, second = x.chunk(2, 1)
        mean = self.post(self.enc(self.pre(first) * mask, mask))
        return torch.cat((first, (second - mean) * mask), 1)


class ResidualBlock(nn.Module):
    """Dilated convolutions, each added to its input."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(wide(channels, channels, kernel, dilation) for dilation in dilations)

    def forward(self, x: Tensor, first: Tensor, bent: Callable[[Tensor], Tensor]) -> Tensor:
        """Map ``(B, C, 1, T)`` to the same shape; ``first`` is ``bent(x)``, which all blocks of a stage share."""
        for i, convolution in enumerate(self.convs):
            x = convolution(first if i == 0 else bent(x)).add_(x)
        return x


def wide(channels: int, target: int, kernel: int, dilation: int = 1, bias: bool = True) -> nn.Conv2d:
    """Give a convolution over time as one over an image of height 1: only these run with the channels last in memory."""
    return nn.Conv2d(channels, target, (1, kernel), padding=(0, dilation * (kernel - 1) // 2), dilation=dilation, bias=bias)


class Generator(nn.Module):
    """HiFi-GAN with residual blocks of its second kind: latents to samples.

    Tensors have the shape ``(B, C, 1, T)``. Every convolution of one clip sees zeros after its end, so the clip sounds
    the same in any batch. For that only the samples within reach of the end are set to zero.
    """

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        channels = config.channels
        self.conv_pre = wide(config.width, channels, 7)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for stride, kernel in zip(config.strides, config.kernels, strict=True):
            padding = (0, (kernel - stride) // 2)
            self.ups.append(nn.ConvTranspose2d(channels, channels // 2, (1, kernel), (1, stride), padding))
            channels //= 2
            self.resblocks.extend(ResidualBlock(channels, size, dilations) for size, dilations in config.dilations)
        self.conv_post = wide(channels, 1, 7, bias=False)
        self.strides = config.strides
        self.reach = max(size // 2 * max(dilations) for size, dilations in config.dilations)
        self.spare = -(-self.reach // config.strides[0])  # frames after the longest clip, so that its end has room too

    def forward(self, latents: Tensor, frames: Tensor) -> Tensor:
        """Give samples.

        Parameters
        ----------
        latents : Tensor
            Shape ``(B, C, T)``, zero after each clip's end, and ``T`` at least `spare` more than the longest clip.
        frames : Tensor
            Frames of each clip, shape ``(B,)``.

        Returns
        -------
        Tensor
            Shape ``(B, T * stride)`` in float32; samples after a clip's end are meaningless.
        """
        rows = torch.arange(len(frames), device=frames.device)[:, None]
        after = frames[:, None] + torch.arange(self.spare, device=frames.device)
        blocks = len(self.resblocks) // len(self.ups)

        def bent(x: Tensor, slope: float = SLOPE) -> Tensor:
            x = F.leaky_relu(x, slope)
            x[rows, :, 0, after] = 0
            return x

        x = self.conv_pre(latents.to(self.conv_pre.weight.dtype)[:, :, None])
        for stage, (stride, up) in enumerate(zip(self.strides, self.ups, strict=True)):
            last = up(bent(x))
            frames = frames * stride
            after = frames[:, None] + torch.arange(self.reach, device=frames.device)
            first = bent(last)
            x = torch.zeros_like(last)
            for block in self.resblocks[stage * blocks : (stage + 1) * blocks]:
                x += block(last, first, bent)
            x /= blocks
        return torch.tanh(self.conv_post(bent(x, 0.01)))[:, 0, 0].float()


class Voice(nn.Module):
    """Phonemes to speech.

    Everything but the generator works in float32; ``voice.generator.to(torch.float16)`` is the fast way on a GPU. An
    autocast around a call has no effect.
    """

    def __init__(self, config: VoiceConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = TextEncoder(config)
        self.durations = Durations(config)
        self.flow = nn.ModuleList(Coupling(config) for _ in range(4))
        self.generator = Generator(config)

    def forward(
        self,
        phonemes: Tensor,
        lengths: Tensor,
        pace: Tensor,
        noise: Tensor,
        duration_noise: Tensor,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Speak a batch.

        The host waits for the device once, for the frames of the longest clip.

        Parameters
        ----------
        phonemes : Tensor
            Numbers of the phonemes, shape ``(B, L)``, int64, with any valid number as padding.
        lengths : Tensor
            Phonemes of each text, at least 1, shape ``(B,)``, int64.
        pace : Tensor
            Factor of all durations, shape ``(B,)``: 1.2 is slower. Piper calls it ``length_scale``.
        noise : Tensor
            Deviation of the latents, shape ``(B,)``; usual 0.667. Piper calls it ``noise_scale``.
        duration_noise : Tensor
            Deviation of the durations' noise, shape ``(B,)``; usual 0.8. Piper calls it ``noise_w``.
        generator : torch.Generator, optional
            Source of both kinds of noise, on the device of the voice.

        Returns
        -------
        waveforms : Tensor
            Shape ``(B, N)``, float32 from -1 to 1, zero after the end, at `VoiceConfig.rate`.
        counts : Tensor
            Samples of each clip, shape ``(B,)``, int64.
        """
        device = phonemes.device
        with torch.autocast(device.type, enabled=False):
            mask = (torch.arange(phonemes.shape[1], device=device) < lengths[:, None])[:, None].float()
            hidden, mean, log_deviation = self.encoder(phonemes, mask)
            wobble = torch.randn((len(mask), 2, mask.shape[2]), generator=generator, device=device)
            log_duration = self.durations(hidden, mask, wobble * duration_noise[:, None, None] * mask)
            duration = (log_duration.exp() * mask[:, 0] * pace[:, None]).ceil().clamp_max(LONGEST)
            ends = duration.cumsum(1)
            frames = ends[:, -1].long().clamp_min(1)
            longest = int(frames.max())
            rounded = -(-longest // ROUND) * ROUND  # cuDNN plans every convolution anew for each new length
            time = torch.arange(rounded + self.generator.spare, device=device)
            mask = (time < frames[:, None])[:, None].float()
            spoken = torch.searchsorted(ends, time.expand(len(ends), -1).to(ends.dtype), right=True)
            spoken = spoken.clamp_max(ends.shape[1] - 1)[:, None].expand(-1, mean.shape[1], -1)
            wobble = torch.randn(spoken.shape, generator=generator, device=device)
            x = mean.gather(2, spoken) + wobble * log_deviation.gather(2, spoken).exp() * noise[:, None, None]
            x = x * mask
            for coupling in reversed(self.flow):
                x = coupling(x.flip(1), mask)
            waveforms = self.generator(x, frames)
            stride = math.prod(self.config.strides)
            counts = frames * stride
            waveforms = waveforms[:, : longest * stride]
            return waveforms.masked_fill(torch.arange(waveforms.shape[1], device=device) >= counts[:, None], 0), counts


def load(path: Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Voice:
    """Read a converted voice.

    Parameters
    ----------
    path : Path
        The ``.safetensors`` file.
    device : torch.device or str
        Where the voice speaks.
    dtype : torch.dtype
        Type of the generator's weights and activations; the rest is float32.

    Returns
    -------
    Voice
        Ready to speak, without gradients.
    """
    with safe_open(path, "pt") as file:
        sizes = json.loads(file.metadata()["config"])
        sizes["dilations"] = tuple((kernel, tuple(dilations)) for kernel, dilations in sizes["dilations"])
        sizes |= {name: tuple(sizes[name]) for name in ("strides", "kernels")}
        voice = Voice(VoiceConfig(**sizes))
        voice.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})
    voice.eval().requires_grad_(False).to(device)
    voice.generator.to(dtype=dtype).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return voice


def convert(network: Path) -> tuple[VoiceConfig, dict[str, Tensor]]:
    """Read the sizes and weights out of a Piper voice's ``.onnx`` file.

    Most weights kept their names. A weight whose normalisation was folded has none, but its bias has one. The phoneme
    embedding, which nothing names, is what the first look-up of ``input`` reads.

    Parameters
    ----------
    network : Path
        The network, with its ``.json`` beside it. One speaker, and residual blocks of the second kind ("medium", "low").

    Returns
    -------
    config : VoiceConfig
        The sizes.
    weights : dict of str to Tensor
        The weights by the names that `Voice` has for them, float32.
    """
    import onnx  # pyright: ignore[reportMissingImports]

    graph = onnx.load(network).graph
    arrays = {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    named = {name: array for name, array in arrays.items() if re.match(r"(enc_p|dp|flow|dec)\.", name)}
    attributes: dict[str, dict[str, list[int]]] = {}
    for node in graph.node:
        if node.op_type == "Gather" and node.input[1] == "input":
            named["enc_p.emb.weight"] = arrays[node.input[0]]
        if node.op_type in ("Conv", "ConvTranspose"):
            if len(node.input) > 2:
                named[node.input[2].removesuffix("bias") + "weight"] = arrays[node.input[1]]
            layer = node.name.strip("/").rsplit("/", 1)[0].replace("/", ".")
            attributes[layer] = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    named["dp.scale"] = arrays["/dp/flows.0/Exp_output_0"]
    weights = {
        renamed(name): array[:, :, None] if name.startswith("dec.") and array.ndim == 3 else array
        for name, array in named.items()
    }
    ups = [attributes[f"dec.ups.{i}"] for i in range(sum(layer.startswith("dec.ups.") for layer in attributes))]
    blocks = len({layer.split(".")[2] for layer in attributes if layer.startswith("dec.resblocks.")}) // len(ups)
    dilations = []
    for block in range(blocks):
        layers = [attributes[layer] for layer in sorted(attributes) if layer.startswith(f"dec.resblocks.{block}.")]
        dilations.append((layers[0]["kernel_shape"][0], tuple(layer["dilations"][0] for layer in layers)))
    relative = weights["encoder.attn_layers.0.emb_rel_k"]
    width = weights["encoder.emb.weight"].shape[1]
    config = VoiceConfig(
        rate=json.loads(Path(f"{network}.json").read_text())["audio"]["sample_rate"],
        symbols=len(weights["encoder.emb.weight"]),
        width=width,
        heads=width // relative.shape[2],
        layers=sum(name.endswith("emb_rel_k") for name in weights),
        inner=len(weights["encoder.ffn_layers.0.conv_1.weight"]),
        window=relative.shape[1] // 2,
        bins=(len(weights["durations.flows.0.proj.weight"]) + 1) // 3,
        wave_layers=sum(name.startswith("flow.0.enc.in_layers") for name in weights) // 2,
        channels=len(weights["generator.conv_pre.weight"]),
        strides=tuple(up["strides"][0] for up in ups),
        kernels=tuple(up["kernel_shape"][0] for up in ups),
        dilations=tuple(dilations),
    )
    return config, weights


def renamed(name: str) -> str:
    """Give the name that `Voice` has for one of Piper's weights."""
    name = name.removesuffix("gamma") + "weight" if name.endswith("gamma") else name
    name = name.removesuffix("beta") + "bias" if name.endswith("beta") else name
    name = re.sub(r"^enc_p\.(encoder\.)?", "encoder.", name)
    name = re.sub(r"^flow\.flows\.(\d)", lambda match: f"flow.{int(match[1]) // 2}", name)
    name = re.sub(r"^dp\.flows\.0\.m$", "durations.shift", name)
    name = re.sub(r"^dp\.flows\.(\d)", lambda match: f"durations.flows.{(int(match[1]) - 3) // 2}", name)
    return re.sub(r"^dec\.", "generator.", re.sub(r"^dp\.", "durations.", name))


def main() -> None:
    """Convert a voice."""
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", type=Path, help="the .onnx file of a Piper voice, with its .json beside it")
    parser.add_argument("--target", type=Path, required=True, help=".safetensors file to write")
    parser.add_argument("--float32", action="store_true", help="keep float32; without it, the file has float16")
    arguments = parser.parse_args()
    config, weights = convert(arguments.network)
    Voice(config).load_state_dict(weights)
    dtype = torch.float32 if arguments.float32 else torch.float16
    tensors = {name: weight.to(dtype).contiguous() for name, weight in weights.items()}
    save_file(tensors, arguments.target, {"format": "pt", "config": json.dumps(asdict(config))})
    print(f"{arguments.target}: {sum(weight.numel() for weight in tensors.values())} weights")


if __name__ == "__main__":
    main()
