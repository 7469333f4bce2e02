"""A teacher for the training of w2v-mini: the shapes of Whisper tiny.en, and random weights."""

import struct
from pathlib import Path

import numpy as np

from training.teacher import HEADS, HIDDEN, LAYERS, MELS


def write_ctranslate2(path: Path, variables: dict[str, np.ndarray]) -> None:
    """Write float16 variables and one of another type in the file format of CTranslate2 6."""

    def text(value: str) -> bytes:
        data = value.encode() + b"\0"
        return struct.pack("<H", len(data)) + data

    parts = [struct.pack("<I", 6), text("WhisperSpec"), struct.pack("<II", 3, len(variables) + 1)]
    parts.append(text("encoder/num_heads") + struct.pack("<BBI", 0, 2, 2) + struct.pack("<h", HEADS))
    for name, value in variables.items():
        data = value.astype("<f2").tobytes()
        parts.append(text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape))
        parts.append(struct.pack("<BI", 4, len(data)) + data)
    path.write_bytes(b"".join(parts))


def write_teacher(path: Path) -> None:
    """Write a teacher with the shapes of Whisper tiny.en and random weights."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1/weight": (HIDDEN, MELS, 3),
        "conv1/bias": (HIDDEN,),
        "conv2/weight": (HIDDEN, HIDDEN, 3),
        "conv2/bias": (HIDDEN,),
        "position_encodings/encodings": (1500, HIDDEN),
        "layer_norm/gamma": (HIDDEN,),
        "layer_norm/beta": (HIDDEN,),
    }
    for layer in range(LAYERS):
        for part, wide in (("self_attention", 3 * HIDDEN), ("ffn", 4 * HIDDEN)):
            shapes |= {f"layer_{layer}/{part}/layer_norm/{name}": (HIDDEN,) for name in ("gamma", "beta")}
            inner = HIDDEN if part == "self_attention" else wide
            shapes |= {f"layer_{layer}/{part}/linear_0/weight": (wide, HIDDEN), f"layer_{layer}/{part}/linear_0/bias": (wide,)}
            shapes[f"layer_{layer}/{part}/linear_1/weight"] = (HIDDEN, inner)
            shapes[f"layer_{layer}/{part}/linear_1/bias"] = (HIDDEN,)
    scaled = {name: rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1) for name, shape in shapes.items()}
    write_ctranslate2(path, {f"encoder/{name}": value for name, value in scaled.items()})
