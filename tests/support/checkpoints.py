"""Tiny random checkpoints in the form of the Hub, and noise to run them on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from support.emissions import LABELS

if TYPE_CHECKING:
    from w2vkit.model import CTCModel


def make_checkpoint(folder: Path, norm: str, *, labels: list[str] | None = None, head: bool = True, seed: int = 0) -> Path:
    """Save a tiny random checkpoint: norm "layer" takes an attention mask, "group" does not."""
    import torch
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Model,
        Wav2Vec2Processor,
    )

    labels = labels or LABELS
    torch.manual_seed(seed)
    config = Wav2Vec2Config(
        vocab_size=len(LABELS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        conv_bias=norm == "layer",
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = Wav2Vec2ForCTC(config) if head else Wav2Vec2Model(config)
    if head:
        with torch.no_grad():
            # Larger weights than usual, so that the text is not all blank. Special labels get no probability, as in a
            # trained checkpoint.
            model.lm_head.weight.mul_(12.0)
            model.lm_head.bias[1:4] = -100.0
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({label: i for i, label in enumerate(labels)}))
    Wav2Vec2Processor(
        feature_extractor=Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer"),
        tokenizer=Wav2Vec2CTCTokenizer(str(vocabulary)),
    ).save_pretrained(folder)
    return folder


def load(folder: str | Path, dtype: str = "float32") -> "CTCModel":
    """Load a checkpoint on the CPU."""
    from w2vkit.model import CTCModel

    return CTCModel.load(str(folder), device="cpu", dtype=dtype)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise around 0.1 whose loudness changes every 100 ms, so that normalisation changes it."""
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(0.01, 0.3, int(seconds * 10) + 1), 1600)[: int(seconds * 16_000)]
    return (0.1 + loud * rng.standard_normal(len(loud))).clip(-1, 1).astype(np.float32)
