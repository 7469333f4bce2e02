"""Start the student's raw-waveform feature extractor as Whisper's log-mel front end, by construction.

wav2vec 2.0's extractor is convolution, layer norm, GELU, layer after layer. That is enough to compute a log-mel
spectrogram and Whisper's two convolutions, almost exactly:

1. a filter bank: each of 200 frequencies in three phases, 120 degrees apart. Their GELUs add up to the magnitude,
   because the linear parts of three such phases cancel.
2. magnitudes pooled into 80 mel bands, each compared with four thresholds: GELU(2 - 2 m / threshold) and its mirror.
3. the logarithm as a weighted sum of these pieces: least squares against Whisper's own spectrogram.
4. and 5. Whisper's two convolutions as they are.

Layer norm would mix the channels; constant channels of large, opposite values (biases alone) outweigh the signal in its
variance, and a channel with the negative sum of the others keeps its mean at zero, so that it only scales.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import Wav2Vec2ForCTC

from training.position import OFFSET
from training.teacher import HIDDEN, LEVEL, MELS, SHIFT, WINDOW, Teacher

FREQUENCIES, PHASES, LEVELS = WINDOW // 2, 3, (0.01, 0.05, 0.25, 1.25)
PAIRS = 4  # of constant channels in each layer
CONV_DIM = (
    FREQUENCIES * PHASES + 2 * PAIRS,
    2 * MELS * len(LEVELS) + 2 * PAIRS,
    MELS + 1 + 2 * PAIRS,
    HIDDEN + 1 + 2 * PAIRS,
    HIDDEN + 1 + 2 * PAIRS,
)
CONV_KERNEL, CONV_STRIDE = (WINDOW, 1, 1, 3, 3), (160, 1, 1, 1, 2)
LIFT = 8.0  # added to the logarithms, so that GELU passes them unchanged
GAIN = 100.0  # of the filter bank: its GELUs are then linear in all but the faintest sounds


def start(model: Wav2Vec2ForCTC, teacher: Teacher, waveforms: Tensor) -> None:
    """Set the extractor and its projection; ``waveforms`` (B, N) of unit variance give the statistics."""
    layers: Any = model.wav2vec2.feature_extractor.conv_layers
    with torch.no_grad():
        for module in layers:
            module.conv.weight.zero_()
            module.conv.bias.zero_()
        _filter_bank(layers[0], waveforms)
        _bands(layers[1], teacher, _run(layers[:1], waveforms))
        _logarithm(layers[2], teacher, _run(layers[:2], waveforms), waveforms)
        w = teacher.weights
        scaled = w["conv1/weight"] / 4  # the spectrogram is (log10 + 4) / 4; ours is 4 times that, lifted
        _plain(layers[3], scaled, w["conv1/bias"] - LIFT * scaled.sum(dim=(1, 2)), 200.0)
        _plain(layers[4], w["conv2/weight"], w["conv2/bias"], 60.0)
        _projection(model.wav2vec2, teacher, _run(layers, waveforms), waveforms)


def _run(layers: Any, waveforms: Tensor) -> Tensor:
    x = waveforms[:, None]
    for layer in layers:
        x = layer(x)
    return x


def _neutral(layer: Any, used: int, size: float) -> None:
    """Let the layer norm only undo its own scale: constants of ``size`` rule its variance."""
    channels = layer.conv.weight.shape[0]
    constants = size * torch.tensor([1.0, -1.0]).repeat(PAIRS)
    layer.conv.bias[-2 * PAIRS :] = constants
    layer.layer_norm.weight.fill_(size * math.sqrt(2 * PAIRS / channels))
    layer.layer_norm.bias.zero_()
    if used + 1 + 2 * PAIRS == channels:
        layer.conv.weight[used] = -layer.conv.weight[:used].sum(dim=0)
        layer.conv.bias[used] = -layer.conv.bias[:used].sum()


def _filter_bank(layer: Any, waveforms: Tensor) -> None:
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(waveforms, WINDOW, 160, window=window, center=False, return_complex=True)
    loudness = spectrum.abs().pow(2).mean(dim=(0, 2)).sqrt()[1:]
    time = torch.arange(WINDOW) - WINDOW / 2
    for phase in range(PHASES):
        angles = 2 * math.pi * (torch.arange(1, FREQUENCIES + 1)[:, None] * time / WINDOW - phase / PHASES)
        rows = slice(phase * FREQUENCIES, (phase + 1) * FREQUENCIES)
        gains = GAIN / loudness.clamp(min=loudness.max() * 1e-3)
        layer.conv.weight[rows, 0] = window * angles.cos() * gains[:, None]
    _neutral(layer, FREQUENCIES * PHASES, 60 * GAIN)


def _bands(layer: Any, teacher: Teacher, magnitudes: Tensor) -> None:
    pool = teacher.filters[1:].T.repeat(1, PHASES)  # (80, 600)
    pool = pool / (pool @ magnitudes[:, : FREQUENCIES * PHASES].pow(2).mean(dim=(0, 2)).sqrt())[:, None]
    pieces = MELS * len(LEVELS)
    for i, level in enumerate(LEVELS):
        rows = slice(i * MELS, (i + 1) * MELS)
        layer.conv.weight[rows, : FREQUENCIES * PHASES, 0] = -2 * pool / level
        layer.conv.bias[rows] = 2.0
    layer.conv.weight[pieces : 2 * pieces] = -layer.conv.weight[:pieces]
    layer.conv.bias[pieces : 2 * pieces] = -layer.conv.bias[:pieces]
    _neutral(layer, 2 * pieces, 20_000.0)


def _solve(x: Tensor, y: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Least squares: weights (K, C) and bias (K,) from inputs (M, C) to targets (M, K)."""
    x, y = x.double(), y.double()
    mean, centre = x.mean(dim=0), y.mean(dim=0)
    scale = x.std(dim=0).clamp(min=1e-6)
    z = (x - mean) / scale
    gram = z.T @ z + ridge * len(z) * torch.eye(z.shape[1], dtype=z.dtype)
    weight = torch.linalg.solve(gram, z.T @ (y - centre)).T / scale
    return weight.float(), (centre - weight @ mean).float()


def _logarithm(layer: Any, teacher: Teacher, pieces: Tensor, waveforms: Tensor) -> None:
    used = 2 * MELS * len(LEVELS)
    spectrogram = teacher.spectrogram(F.pad(waveforms[:, SHIFT:], (0, SHIFT)) * LEVEL)
    # The field of our frame t begins at 160 t; Whisper's frame m is centred on SHIFT + 160 m.
    ours = pieces[:, :used, 2:-4].transpose(1, 2).reshape(-1, used)
    target = 4 * spectrogram[:, :, : pieces.shape[2]]
    offset = (SHIFT - WINDOW // 2) // 160
    theirs = target[:, :, 2 - offset : pieces.shape[2] - 4 - offset].transpose(1, 2).reshape(-1, MELS)
    weight, bias = _solve(ours, theirs, 1e-5)
    layer.conv.weight[:MELS, :used, 0], layer.conv.bias[:MELS] = weight, bias + LIFT
    _neutral(layer, MELS, 6000.0)


def _plain(layer: Any, weight: Tensor, bias: Tensor, size: float) -> None:
    layer.conv.weight[:HIDDEN, : weight.shape[1]], layer.conv.bias[:HIDDEN] = weight, bias
    _neutral(layer, HIDDEN, size)


def _projection(body: Any, teacher: Teacher, features: Tensor, waveforms: Tensor) -> None:
    target = teacher.front(waveforms)[:, 3 : features.shape[2] - 3].reshape(-1, HIDDEN)
    module = body.feature_projection
    x = module.layer_norm(features.transpose(1, 2))[:, 3:-3].reshape(-1, features.shape[1])
    weight, bias = _solve(x, target, 1e-5)
    module.projection.weight.copy_(weight)
    module.projection.bias.fill_(-OFFSET)  # exact in float16, which a sum with the bias would not be
    solved = torch.linalg.lstsq(weight.double(), bias.double()[:, None], rcond=1e-6, driver="gelsd")
    module.layer_norm.bias.copy_(solved.solution[:, 0])
    body.masked_spec_embed.copy_(target.mean(dim=0) - OFFSET)
