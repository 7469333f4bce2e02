"""The teacher: the encoder of Whisper tiny.en, read from a CTranslate2 model file.

Whisper's encoder is a pre-norm transformer with GELU at 50 frames a second, as wav2vec 2.0 with
``do_stable_layer_norm=True`` is.
The student's layers start from its weights. Source: https://arxiv.org/abs/2212.04356, https://github.com/openai/whisper (MIT).
"""

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.audio_utils import mel_filter_bank

LAYERS, HEADS, HIDDEN = 4, 6, 384
# The labels of facebook/wav2vec2-large-960h-lv60-self, in its order.
LABELS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
HOP, WINDOW, MELS = 160, 400, 80  # samples, samples, bands: Whisper's spectrogram at 16 kHz
# Whisper's frame t is centred on sample 320 t, the student's on 320 t + 520: the teacher gets the
# waveform from this sample on, so that its frame t and the student's frame t have the same centre.
SHIFT = 520
# The waveforms we feed have unit variance; Whisper was trained on recordings of about this level.
LEVEL = 0.08


def read_ctranslate2(path: Path) -> dict[str, np.ndarray]:
    """Read the float16 variables of a CTranslate2 ``model.bin`` (binary version 6)."""
    data = path.read_bytes()
    position = 0

    def take(layout: str) -> tuple[int, ...]:
        nonlocal position
        values = struct.unpack_from("<" + layout, data, position)
        position += struct.calcsize("<" + layout)
        return values

    def name() -> str:
        nonlocal position
        (length,) = take("H")
        position += length
        return data[position - length : position].rstrip(b"\0").decode()

    (version,) = take("I")
    if version != 6:
        raise ValueError(f"{path} has CTranslate2 binary version {version}; this reader knows version 6.")
    name()  # the specification's name
    _, count = take("II")
    variables = {}
    for _ in range(count):
        key = name()
        (rank,) = take("B")
        shape = take(f"{rank}I")
        (kind,) = take("B")
        (size,) = take("I")
        if kind == 4:
            variables[key] = np.frombuffer(data, "<f2", size // 2, position).astype(np.float32).reshape(shape)
        position += size
    return variables


class Teacher:
    """Whisper tiny.en's encoder as plain functions of tensors; nothing of it is trained."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        variables = read_ctranslate2(path)
        self.weights = {
            key.removeprefix("encoder/"): torch.from_numpy(value).to(device)
            for key, value in variables.items()
            if key.startswith("encoder/")
        }
        filters = mel_filter_bank(1 + WINDOW // 2, MELS, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
        self.filters = torch.from_numpy(filters.astype(np.float32)).to(device)
        self.window = torch.hann_window(WINDOW, device=device)

    def spectrogram(self, waveforms: Tensor) -> Tensor:
        """(B, N) samples to (B, 80, N / 160) log-mel values, scaled as Whisper scales them."""
        spectrum = torch.stft(waveforms, WINDOW, HOP, window=self.window, return_complex=True)[..., :-1]
        mel = self.filters.T @ spectrum.abs() ** 2
        log = mel.clamp(min=1e-10).log10()
        log = torch.maximum(log, log.amax(dim=(1, 2), keepdim=True) - 8.0)
        return (log + 4.0) / 4.0

    def front(self, waveforms: Tensor) -> Tensor:
        """(B, N) unit-variance samples to (B, T, 384): Whisper's two convolutions, without position code."""
        shifted = F.pad(waveforms[:, SHIFT:], (0, SHIFT)) * LEVEL
        w = self.weights
        x = F.gelu(F.conv1d(self.spectrogram(shifted), w["conv1/weight"], w["conv1/bias"], padding=1))
        x = F.gelu(F.conv1d(x, w["conv2/weight"], w["conv2/bias"], stride=2, padding=1))
        return x.transpose(1, 2)

    def layer(self, x: Tensor, index: int) -> Tensor:
        """One pre-norm transformer layer, (B, T, 384) to (B, T, 384)."""
        batch, frames, _ = x.shape
        h = self._linear(self._norm(x, f"layer_{index}/self_attention"), f"layer_{index}/self_attention/linear_0")
        q, k, v = h.view(batch, frames, 3, HEADS, HIDDEN // HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, frames, HIDDEN)
        x = x + self._linear(mixed, f"layer_{index}/self_attention/linear_1")
        h = F.gelu(self._linear(self._norm(x, f"layer_{index}/ffn"), f"layer_{index}/ffn/linear_0"))
        return x + self._linear(h, f"layer_{index}/ffn/linear_1")

    def states(self, front: Tensor) -> list[Tensor]:
        """Every layer's output, (B, T, 384), for the front end's output with the position code added."""
        x = front + self.code()[: front.shape[1]]
        states = []
        for index in range(LAYERS):
            x = self.layer(x, index)
            states.append(x)
        return states

    def code(self) -> Tensor:
        """(1500, 384): what Whisper adds to each frame of 30 seconds to encode its position."""
        return self.weights["position_encodings/encodings"]

    def final(self, x: Tensor) -> Tensor:
        """Normalise the last layer's output, (B, T, 384)."""
        return F.layer_norm(x, (HIDDEN,), self.weights["layer_norm/gamma"], self.weights["layer_norm/beta"])

    def _linear(self, x: Tensor, key: str) -> Tensor:
        return F.linear(x, self.weights[f"{key}/weight"], self.weights[f"{key}/bias"])

    def _norm(self, x: Tensor, key: str) -> Tensor:
        w = self.weights
        return F.layer_norm(x, (HIDDEN,), w[f"{key}/layer_norm/gamma"], w[f"{key}/layer_norm/beta"])
