"""A batch through a wav2vec 2.0 or HuBERT network: without padding, without a mask, as matrix products.

`transformers` pads a batch to its longest clip and masks the rest, which costs the fused attention, and it convolves in
float32. Here the frames of all clips lie one after the other in one matrix, and attention gets the ends of the clips.
The convolutions are matrix products, for which a GPU needs no search for the best algorithm when shapes change. A CPU
computes them piece by piece, so that intermediate values stay in the caches. The weights are the network's own, but
for those of linear layers in int8.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from w2vkit.model.int8 import Int8Linear, most_of_weights, quantised, scaled
from w2vkit.model.precision import true_float32

CHUNK = 1 << 22  # samples (262 s) that go through a GPU's extractor at once; its first layer takes 10 GB for 1,000 s
PIECE = 64  # frames that go through a CPU's extractor at once: 8 MB in its first layer
IN_FLIGHT = 2  # batches on a GPU at once: it computes one while the other is prepared, or its results are used
FLOAT16_MOST = 60_000.0
BLOCK = 8  # frames that one row of the positional convolution's product computes
NARROW = 16  # channels per group; with fewer, oneDNN 3.12 convolves bfloat16 wrongly on AMX. Only tiny test models have fewer
FEW_HEADS = 2  # whose attention is computed at once by products: their matrices of all pairs of frames stay in the caches
FAMILIES = ("wav2vec2", "hubert")  # their layers have plain attention; WavLM and data2vec do not fit


@dataclass(frozen=True)
class Packing:
    """Where the frames of a batch lie.

    Attributes
    ----------
    lengths : list of int
        Frames of each clip.
    index : Tensor
        (S,) int64; for each packed frame its row in the padded batch.
    edges : Tensor
        (clips + 1,) int32; clip i has the packed frames [edges[i], edges[i + 1]).
    longest : int
        Frames of the longest clip, or more.
    """

    lengths: list[int]
    index: Tensor
    edges: Tensor
    longest: int

    @classmethod
    def of(cls, lengths: Sequence[int], row: int, device: torch.device) -> "Packing":
        """Pack clips of so many frames, of which each has `row` frames in the padded batch."""
        index = np.concatenate([clip * row + np.arange(frames) for clip, frames in enumerate(lengths)])
        edges = np.cumsum([0, *lengths]).astype(np.int32)
        return cls(list(lengths), to_device(index, device), to_device(edges, device), max(lengths))


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Copy an array to a device, to a GPU without waiting."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def normalised(samples: Tensor, sizes: Tensor, raw: Tensor) -> Tensor:
    """Normalise the raw ones of (B, N) clips with so many samples, as `normalisation_of` does; the others stay as they are."""
    exact = samples.double()
    mean = exact.sum(dim=1) / sizes
    deviation = (exact.square().sum(dim=1) / sizes - mean.square()).clamp(min=0).add(1e-7).sqrt()
    mean, deviation = torch.where(raw, mean, 0.0).float(), torch.where(raw, deviation, 1.0).float()
    inside = torch.arange(samples.shape[1], device=samples.device) < sizes[:, None]
    return torch.where(inside, (samples - mean[:, None]) / deviation[:, None], 0.0)


def results(log_probs: Tensor, lengths: Sequence[int], done: Any) -> Iterator[np.ndarray]:
    """Wait for an event, and give the rows of each clip."""
    if done is not None:
        done.synchronize()
    yield from np.split(log_probs.numpy(), np.cumsum(lengths)[:-1])


class PackedNetwork:
    """The forward pass of a network, clip by clip end to end.

    Parameters
    ----------
    network
        A `transformers` network on its device, after `set_dtype`, for which it `pays`.
    tanh_gelu : bool
        Let the matrix product apply the GELU, by its tanh approximation, which differs by 5e-4 at most.
    int8 : bool
        Compute the linear layers of the transformer layers in int8 (CPUs only, and not with `tanh_gelu`). These weights are a
        copy of the network's.

    Notes
    -----
    The extractor of the Large models is computed as matrix products (in float16 on a GPU, norms in float32), any other one by
    the network's own module. So is the positional convolution, but on a CPU, where products are not faster, by its own module.
    """

    def __init__(self, network: Any, *, tanh_gelu: bool = False, int8: bool = False) -> None:
        body, encoder = network.base_model, network.base_model.encoder
        linear: Callable[[Tensor, Tensor], Linear] = plain_linear
        if int8:
            most = most_of_weights()
            assert most  # `pick_dtype` refuses other processors
            linear = partial(Int8Linear, most=most)
        gpu = network.device.type == "cuda"
        self.in_flight, self.normalises = (IN_FLIGHT, True) if gpu else (1, False)
        self.stable = bool(network.config.do_stable_layer_norm)
        self.dtype = next(encoder.layers.parameters()).dtype
        self.extract: Callable[[Tensor], Tensor] = (
            GemmExtractor(body.feature_extractor, torch.float16 if gpu and self.dtype != torch.float32 else self.dtype)
            if GemmExtractor.fits(body.feature_extractor)
            else lambda samples: body.feature_extractor(samples).transpose(1, 2)
        )
        conv = encoder.pos_conv_embed.conv
        narrow = GemmPosition.fits(conv) and conv.in_channels // conv.groups < NARROW
        self.position: Callable[[Tensor], Tensor] = GemmPosition(conv) if gpu or narrow else encoder.pos_conv_embed
        self.position_dtype = conv.weight.dtype
        self.project, self.head = body.feature_projection, network.lm_head
        self.norm, self.layers = encoder.layer_norm, [Layer(layer, linear) for layer in encoder.layers]
        # The fused attention of torch uses AMX, but not the products in bfloat16 of AVX512_BF16: it is half as fast there.
        slow = torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported()
        slow &= not gpu and self.dtype == torch.bfloat16
        self.attend: Callable[[Tensor, Tensor, Tensor, Packing], Tensor] = products_attention if slow else packed_attention
        self.add_norm = add_norm
        self.tanh_gelu = tanh_gelu

    @staticmethod
    def pays(network: Any) -> bool:
        """Whether a network has the layers that this class computes, and a device and a dtype where that is faster.

        These are CPUs, and GPUs that have the packed attention.
        """
        config, device = network.config, network.device
        if not (
            config.model_type in FAMILIES
            and config.hidden_act == config.feat_extract_activation == "gelu"
            and getattr(config, "adapter_attn_dim", None) is None
            and not getattr(config, "conv_pos_batch_norm", False)
        ):
            return False
        encoder = network.base_model.encoder
        dtype = next(encoder.layers.parameters()).dtype
        if device.type == "cpu":
            return dtype in (torch.bfloat16, torch.float32)
        return (
            device.type == "cuda"
            and torch.cuda.get_device_capability(device) >= (8, 0)
            and dtype in (torch.bfloat16, torch.float16)
            and find_spec("torch.nn.attention.varlen") is not None
            and GemmPosition.fits(encoder.pos_conv_embed.conv)
        )

    def compile(self) -> None:
        """Fuse what lies between the matrix products: additions, norms and GELU."""
        self.add_norm = torch.compile(add_norm)
        if isinstance(self.extract, GemmExtractor):
            self.extract.norm_gelu = torch.compile(norm_gelu)
        fused = torch.compile(quantised), torch.compile(scaled)
        for product in (product for layer in self.layers for product in layer.products if isinstance(product, Int8Linear)):
            product.quantised, product.scaled = fused

    @torch.inference_mode()
    def run(self, clips: Sequence[np.ndarray], lengths: Sequence[int], raw: Sequence[bool]) -> Iterator[np.ndarray]:
        """Start the computation of a batch; whoever asks for the results waits for it.

        Parameters
        ----------
        clips : sequence of numpy.ndarray
            (N_i,) float32 samples each.
        lengths : sequence of int
            Frames of each clip.
        raw : sequence of bool
            Which clips are still to be normalised.

        Returns
        -------
        iterator of numpy.ndarray
            (T_i, V) float32 log-probabilities.
        """
        device = self.head.weight.device
        gpu = device.type == "cuda"
        sizes = [len(clip) for clip in clips]
        host = torch.empty(len(clips), max(sizes), pin_memory=gpu)
        for row, clip in zip(host.numpy(), clips, strict=True):
            row[: len(clip)] = clip
            row[len(clip) :] = 0
        samples = host.to(device, non_blocking=True)
        if any(raw):
            samples = normalised(samples, to_device(np.array(sizes), device), to_device(np.array(raw), device))
        with true_float32(device):
            log_probs = self.log_probs(samples, lengths)
        found = torch.empty(log_probs.shape, pin_memory=gpu).copy_(log_probs, non_blocking=True)
        return results(found, lengths, torch.cuda.current_stream().record_event() if gpu else None)

    def log_probs(self, samples: Tensor, lengths: Sequence[int]) -> Tensor:
        """Compute the (S, V) float32 log-probabilities of all frames, clip after clip.

        Parameters
        ----------
        samples : Tensor
            (B, N) float32, normalised, zero after the end of each clip.
        lengths : sequence of int
            Frames of each clip.
        """
        features = self.extract(samples)
        return self.encode(features, Packing.of(lengths, features.shape[1], features.device))

    def encode(self, features: Tensor, packing: Packing, keep: Tensor | None = None) -> Tensor:
        """Compute the log-probabilities of (B, T, C) features.

        ``keep``, (S, 1), is 0 for packed frames that belong to no clip.
        """
        clips, row, _ = features.shape
        x = self.project(features.flatten(0, 1).index_select(0, packing.index).float())
        x = (x[0] if isinstance(x, tuple) else x).to(self.position_dtype)
        if keep is not None:
            x = x * keep
        padded = x.new_zeros(clips * row, x.shape[1]).index_copy_(0, packing.index, x)
        positions = self.position(padded.view(clips, row, -1)).flatten(0, 1).index_select(0, packing.index)
        x = (x + positions).to(self.dtype)
        x = x if self.stable else F.layer_norm(x, x.shape[-1:], *norm_of(self.norm))
        return self.head(self.transform(x, packing).float()).log_softmax(dim=-1)

    def transform(self, x: Tensor, packing: Packing) -> Tensor:
        """Run the (S, H) input of the first layer through all layers."""
        if not self.stable:
            for layer in self.layers:
                _, x = self.add_norm(x, self._attention(layer, x, packing), *layer.norm)
                _, x = self.add_norm(x, self._feed_forward(layer, x), *layer.final_norm)
            return x
        normed = F.layer_norm(x, x.shape[-1:], *self.layers[0].norm)
        following = [*(layer.norm for layer in self.layers[1:]), norm_of(self.norm)]
        for layer, after in zip(self.layers, following, strict=True):
            x, normed = self.add_norm(x, self._attention(layer, normed, packing), *layer.final_norm)
            x, normed = self.add_norm(x, self._feed_forward(layer, normed), *after)
        return normed

    def _attention(self, layer: "Layer", x: Tensor, packing: Packing) -> Tensor:
        query, key, value = layer.qkv(x).view(len(x), 3, layer.heads, -1).unbind(1)
        return layer.out(self.attend(query, key, value, packing).reshape(len(x), -1))

    def _feed_forward(self, layer: "Layer", x: Tensor) -> Tensor:
        if self.tanh_gelu:
            first = layer.module.feed_forward.intermediate_dense
            inner = torch.ops.aten._addmm_activation(first.bias, x, first.weight.t(), use_gelu=True)
        else:
            inner = F.gelu(layer.first(x))
        return layer.second(inner)


Linear = Callable[[Tensor], Tensor]


def plain_linear(weight: Tensor, bias: Tensor) -> Linear:
    """Give a linear layer."""
    return partial(F.linear, weight=weight, bias=bias)


class Layer:
    """A transformer layer; its projections to query, key and value are one matrix.

    ``linear`` makes its linear layers from (N, K) weights and (N,) biases.
    """

    def __init__(self, module: Any, linear: Callable[[Tensor, Tensor], Linear]) -> None:
        self.module, attention, forward = module, module.attention, module.feed_forward
        projections = (attention.q_proj, attention.k_proj, attention.v_proj)
        self.heads = attention.num_heads
        weights = torch.cat([projection.weight.data for projection in projections])
        biases = torch.cat([projection.bias.data for projection in projections])
        for projection, weight, bias in zip(projections, weights.chunk(3), biases.chunk(3), strict=True):
            projection.weight.data, projection.bias.data = weight, bias  # held once
        others = (attention.out_proj, forward.intermediate_dense, forward.output_dense)
        self.products = linear(weights, biases), *(linear(other.weight.data, other.bias.data) for other in others)
        self.qkv, self.out, self.first, self.second = self.products
        self.norm, self.final_norm = norm_of(module.layer_norm), norm_of(module.final_layer_norm)


def norm_of(norm: nn.LayerNorm) -> tuple[Tensor, Tensor, float]:
    """Give weight, bias and epsilon of a layer norm, as `add_norm` takes them."""
    return norm.weight, norm.bias, norm.eps


def packed_attention(query: Tensor, key: Tensor, value: Tensor, packing: Packing) -> Tensor:
    """Attend within each clip; all (S, heads, D)."""
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        out = varlen_attn(query, key, value, packing.edges, packing.edges, packing.longest, packing.longest)
        return out[0] if isinstance(out, tuple) else out
    # A CPU has a fused kernel for four dimensions only.
    states = (x.transpose(0, 1)[None].split(packing.lengths, dim=2) for x in (query, key, value))
    return torch.cat([F.scaled_dot_product_attention(*clip) for clip in zip(*states, strict=True)], dim=2)[0].transpose(0, 1)


def products_attention(query: Tensor, key: Tensor, value: Tensor, packing: Packing) -> Tensor:
    """Attend within each clip by two products with a softmax between them, for a few heads at a time; all (S, heads, D).

    In bfloat16 the scores are rounded before the softmax, as they are in transformers' own attention.
    """
    scale, together = query.shape[-1] ** -0.5, max(FEW_HEADS, torch.get_num_threads())
    query, key, value = (x.transpose(0, 1).contiguous() for x in (query, key, value))
    found = torch.empty_like(query)
    for clip in zip(*(x.split(packing.lengths, dim=1) for x in (query, key, value, found)), strict=True):
        for q, k, v, out in zip(*(x.split(together) for x in clip), strict=True):
            out.copy_(torch.bmm(torch.bmm(q * scale, k.transpose(1, 2)).softmax(dim=-1), v))
    return found.transpose(0, 1)


def add_norm(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Give a sum and its layer norm."""
    total = x + y
    return total, F.layer_norm(total, total.shape[-1:], weight, bias, eps)


def norm_gelu(x: Tensor, weight: Tensor, bias: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    """Norm the rows of a matrix in float32, and give their GELU in another dtype."""
    x = x if x.is_cpu else x.float()  # a CPU's layer norm computes in float32 without a copy in float32
    return F.gelu(F.layer_norm(x, x.shape[-1:], weight, bias, eps)).to(dtype)


def normed_limit(norm: nn.LayerNorm) -> float:
    """The largest Euclidean norm that a row can have after a layer norm, and after a GELU, which makes nothing larger."""
    return float(norm.weight.data.abs().max() * norm.weight.numel() ** 0.5 + norm.bias.data.norm())


class GemmExtractor:
    """The convolutions of a Large model, with layer norms, as matrix products.

    The first one, of a single channel, stays in float32, and so do all norms: the values span five orders of magnitude
    before their norm. The others have a stride of 2 and 2 or 3 taps: two neighbouring rows are one row of twice the
    width, which the first two taps multiply, and the third tap multiplies every other row. float16 has eight times the
    precision of bfloat16 at the same speed.
    """

    def __init__(self, extractor: Any, dtype: torch.dtype) -> None:
        self.norm_gelu = norm_gelu
        self.in_pieces = extractor.conv_layers[0].conv.weight.is_cpu
        first, *rest = extractor.conv_layers
        self.taps, self.stride = first.conv.kernel_size[0], first.conv.stride[0]
        self.round = 2 ** len(rest)
        self.reach = 1  # samples that one frame is computed from
        for layer in reversed(extractor.conv_layers):
            self.reach = (self.reach - 1) * layer.conv.stride[0] + layer.conv.kernel_size[0]
        before = [normed_limit(layer.layer_norm) for layer in extractor.conv_layers]
        self.dtype = torch.bfloat16 if dtype == torch.float16 and max(before) > FLOAT16_MOST else dtype
        self.layers = [self._layer(first, torch.float32, 0.0)]
        self.layers += [self._layer(layer, self.dtype, limit) for layer, limit in zip(rest, before, strict=False)]

    @staticmethod
    def _layer(layer: Any, dtype: torch.dtype, limit: float) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, float]]:
        """Give a layer's matrix and bias, and what its norm needs.

        In float16 they are scaled so that no input of norm ``limit`` per frame can overflow. The layer norm cancels the scale.
        """
        norm = layer.layer_norm
        weight = layer.conv.weight.data.permute(2, 1, 0).flatten(0, 1)
        bias = torch.zeros_like(norm.bias.data) if layer.conv.bias is None else layer.conv.bias.data
        scale = 1.0
        if dtype == torch.float16:
            most = float((weight.norm(dim=0) * limit * layer.conv.kernel_size[0] ** 0.5 + bias.abs()).max())
            scale = 2.0 ** -max(0, math.ceil(math.log2(most / FLOAT16_MOST)))
        parameters = norm.weight.data.float(), norm.bias.data.float(), norm.eps * scale**2
        return (weight * scale).to(dtype).contiguous(), (bias * scale).to(dtype), parameters

    @staticmethod
    def fits(extractor: Any) -> bool:
        """Whether all layers have a layer norm, and all but the first a stride of 2 and 2 or 3 taps."""
        convs = [layer.conv for layer in extractor.conv_layers]
        return (
            all(isinstance(getattr(layer, "layer_norm", None), nn.LayerNorm) for layer in extractor.conv_layers)
            and all(type(conv) is nn.Conv1d for conv in convs)
            and convs[0].in_channels == 1
            and all(conv.stride == (2,) and conv.kernel_size[0] in (2, 3) for conv in convs[1:])
        )

    def __call__(self, samples: Tensor) -> Tensor:
        """Turn (B, N) samples into (B, T, C) features; the frames after the end of a clip are meaningless."""
        if self.in_pieces:
            return self._in_pieces(samples)
        rows = max(1, CHUNK // samples.shape[1])
        return torch.cat([self._extract(part) for part in samples.split(rows)])

    def _in_pieces(self, samples: Tensor) -> Tensor:
        stride = self.stride * self.round
        frames = (samples.shape[1] - self.reach) // stride + 1
        pieces = -(-frames // PIECE)
        length = -(-frames // pieces)
        samples = F.pad(samples, (0, (pieces * length - 1) * stride + self.reach - samples.shape[1]))
        cut = samples.unfold(1, (length - 1) * stride + self.reach, length * stride).flatten(0, 1)
        together = max(1, PIECE // length)
        features = torch.cat([self._extract(part)[:, :length] for part in cut.split(together)])
        return features.view(len(samples), pieces * length, -1)

    def _extract(self, samples: Tensor) -> Tensor:
        # Every clip gets a number of rows that can be halved by each layer, so that clips never share a pair of rows.
        rows = -(-((samples.shape[1] - self.taps) // self.stride + 1) // self.round) * self.round
        samples = F.pad(samples, (0, (rows - 1) * self.stride + self.taps - samples.shape[1]))
        (weight, bias, norm), *rest = self.layers
        x = samples.unfold(1, self.taps, self.stride).reshape(-1, self.taps)
        x = self.norm_gelu(torch.addmm(bias, x, weight), *norm, self.dtype)
        for weight, bias, norm in rest:
            pair = 2 * x.shape[1]
            y = torch.addmm(bias, x.view(-1, pair), weight[:pair])
            if len(weight) > pair:
                y[:-1].addmm_(x[2::2], weight[pair:])
            x = self.norm_gelu(y, *norm, self.dtype)
        return x.view(len(samples), -1, x.shape[1])


class GemmPosition:
    """The grouped positional convolution as one matrix product per group.

    One row holds all frames that `BLOCK` neighbouring outputs are computed from. Its matrix has the kernel `BLOCK` times,
    each one frame further, and zeros elsewhere: 6 % more operations, for products that fill a GPU.
    """

    def __init__(self, conv: nn.Conv1d) -> None:
        channels, inner, self.taps = conv.weight.shape
        self.groups, self.width = conv.groups, BLOCK + self.taps - 1
        kernels = conv.weight.data.view(self.groups, channels // self.groups, inner, self.taps).permute(0, 3, 2, 1)
        table = kernels.new_zeros(self.groups, self.width, inner, BLOCK, channels // self.groups)
        for frame in range(BLOCK):
            table[:, frame : frame + self.taps, :, frame] = kernels
        self.table = table.flatten(1, 2).flatten(2)
        bias = kernels.new_zeros(channels) if conv.bias is None else conv.bias.data
        self.bias = bias.view(self.groups, 1, -1).repeat(1, 1, BLOCK)

    @staticmethod
    def fits(conv: Any) -> bool:
        """Whether a module is a convolution of groups that keeps the length."""
        return (
            isinstance(conv, nn.Conv1d)
            and conv.groups < conv.in_channels == conv.out_channels
            and conv.padding == (conv.kernel_size[0] // 2,)
            and conv.stride == conv.dilation == (1,)
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Turn (B, T, H), zero outside of the clips, into (B, T, H) positions."""
        clips, frames, size = x.shape
        blocks, before = -(-frames // BLOCK), self.taps // 2
        x = F.pad(x, (0, 0, before, blocks * BLOCK + self.taps - 1 - before - frames))
        windows = x.view(clips, -1, self.groups, size // self.groups).unfold(1, self.width, BLOCK)
        rows = windows.permute(2, 0, 1, 4, 3).reshape(self.groups, clips * blocks, -1)
        out = torch.baddbmm(self.bias, rows, self.table).view(self.groups, clips, blocks, BLOCK, -1)
        return F.gelu(out.permute(1, 2, 3, 0, 4).reshape(clips, blocks * BLOCK, size)[:, :frames])
