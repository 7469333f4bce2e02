"""The student: a plain ``Wav2Vec2ForCTC``, the LibriSpeech Large model in small."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from training.front import CONV_DIM, CONV_KERNEL, CONV_STRIDE
from training.position import FRAMES, OFFSET, start
from training.teacher import HEADS, HIDDEN, LABELS, LAYERS, Teacher


def build(teacher: Teacher | None, seed: int, layers: int = LAYERS) -> Wav2Vec2ForCTC:
    """Build the student, its layers started from the teacher's if one is given."""
    torch.manual_seed(seed)
    config = Wav2Vec2Config(
        vocab_size=len(LABELS),
        hidden_size=HIDDEN,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        intermediate_size=4 * HIDDEN,
        feat_extract_norm="layer",
        conv_bias=True,
        conv_dim=CONV_DIM,
        conv_kernel=CONV_KERNEL,
        conv_stride=CONV_STRIDE,
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=2 * FRAMES,
        num_conv_pos_embedding_groups=HIDDEN,
        feat_proj_dropout=0.0,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        final_dropout=0.1,
        layerdrop=0.0,
        ctc_loss_reduction="mean",
        ctc_zero_infinity=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = Wav2Vec2ForCTC(config)
    if teacher is not None:
        copy_layers(teacher, model)
        start(model, teacher.code())
    return model


def copy_layers(teacher: Teacher, model: Wav2Vec2ForCTC) -> None:
    """Copy the teacher's transformer layers, one to one, into the student's encoder."""
    weights = teacher.weights
    encoder: Any = model.wav2vec2.encoder

    def put(module: nn.Module, weight: Tensor, bias: Tensor) -> None:
        module.load_state_dict({"weight": weight, "bias": bias})

    for index, layer in enumerate(encoder.layers):
        attention, ffn = f"layer_{index}/self_attention", f"layer_{index}/ffn"
        put(layer.layer_norm, weights[f"{attention}/layer_norm/gamma"], weights[f"{attention}/layer_norm/beta"])
        fused = zip(
            weights[f"{attention}/linear_0/weight"].chunk(3), weights[f"{attention}/linear_0/bias"].chunk(3), strict=True
        )
        for name, (weight, bias) in zip(("q_proj", "k_proj", "v_proj"), fused, strict=True):
            put(getattr(layer.attention, name), weight, bias)
        put(layer.attention.out_proj, weights[f"{attention}/linear_1/weight"], weights[f"{attention}/linear_1/bias"])
        put(layer.final_layer_norm, weights[f"{ffn}/layer_norm/gamma"], weights[f"{ffn}/layer_norm/beta"])
        put(layer.feed_forward.intermediate_dense, weights[f"{ffn}/linear_0/weight"], weights[f"{ffn}/linear_0/bias"])
        put(layer.feed_forward.output_dense, weights[f"{ffn}/linear_1/weight"], weights[f"{ffn}/linear_1/bias"])
    put(encoder.layer_norm, weights["layer_norm/gamma"], weights["layer_norm/beta"])


def shipped(folder: Path) -> dict[str, Tensor]:
    """Read the weights of an exported student in float32."""
    files = sorted(folder.glob("model*.safetensors"))
    return {name: value.float() for file in files for name, value in load_file(file).items()}


def depth(weights: Mapping[str, Tensor]) -> int:
    """Count the layers of a student's weights."""
    return 1 + max(int(name.split(".")[3]) for name in weights if "encoder.layers." in name)


def grow(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Give a student's weights more layers that change nothing yet: copies of its last one whose outputs are zero."""
    deeper = dict(weights)
    present = depth(weights)
    for index in range(present, layers):
        for name in [name for name in weights if f"encoder.layers.{present - 1}." in name]:
            copy = weights[name].clone()
            is_output = "attention.out_proj" in name or "feed_forward.output_dense" in name
            deeper[name.replace(f".{present - 1}.", f".{index}.", 1)] = copy.zero_() if is_output else copy
    return deeper


class Trainee(nn.Module):
    """The student's forward pass, compiled piece by piece, with the position code added at no cost and from any place."""

    code: Tensor

    def __init__(self, model: Wav2Vec2ForCTC, code: Tensor, compiled: bool) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("code", code + OFFSET, persistent=False)
        wrap = (lambda m: torch.compile(m, dynamic=False)) if compiled else (lambda m: m)
        self._front = wrap(self._front_eager)
        layers: Any = model.wav2vec2.encoder.layers
        self._layers = [wrap(layer.forward) for layer in layers]

    def _front_eager(self, waveforms: Tensor) -> Tensor:
        body = self.model.wav2vec2
        learns = torch.is_grad_enabled() and any(p.requires_grad for p in body.feature_extractor.parameters())
        # Its constants of 20,000 need float32; and transformers would send gradients through it even when it is frozen.
        with torch.autocast(waveforms.device.type, enabled=False), torch.set_grad_enabled(learns):
            return body.feature_projection(body.feature_extractor(waveforms).transpose(1, 2))[0]

    def forward(self, waveforms: Tensor, masked: Tensor | None, attention: Tensor | None, first: Tensor) -> Tensor:
        """Give the logits; frames in ``masked`` (B, T) are hidden, row b begins at position ``first[b]``."""
        body: Any = self.model.wav2vec2
        x = self._front(waveforms)
        if masked is not None:
            x = torch.where(masked[..., None], body.masked_spec_embed.to(x.dtype), x)
        x = x + self.code[first[:, None] + torch.arange(x.shape[1], device=x.device)]
        for layer in self._layers:
            x = layer(x, attention_mask=attention)
            x = x[0] if isinstance(x, tuple) else x  # older releases of transformers
        return self.model.lm_head(self.model.dropout(body.encoder.layer_norm(x)))
