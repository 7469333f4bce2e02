"""Whisper's absolute position code, made by wav2vec 2.0's convolutional position embedding.

wav2vec 2.0 adds GELU(conv(x)) to its frames x, and that convolution pads with zeros. Over a constant, a padded
convolution is the running sum of its kernel from the clip's first frame on: a kernel of the code's differences gives the
code. The constant is a large negative bias of the frames, -OFFSET; the convolution's own bias brings its output up to
OFFSET + code, where GELU changes nothing, and the sum cancels the constant: x - OFFSET + OFFSET + code. What speech adds to the
running sum is OFFSET times smaller than the code.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import Wav2Vec2ForCTC

FRAMES = 1500  # 30 s; from there on the code stands still
OFFSET = 256.0  # a power of two, exact in float16; no larger, because float32 rounds sums around it to 2e-5


def start(model: Wav2Vec2ForCTC, code: Tensor) -> None:
    """Set the position embedding to give ``code`` (FRAMES, C), for frames that are lifted by -OFFSET."""
    conv: Any = model.wav2vec2.encoder.pos_conv_embed.conv
    differences = torch.diff(code, dim=0, prepend=torch.zeros_like(code[:1])).flip(0)  # the newest frame's tap is last
    norm, direction = conv.parametrizations.weight.original0, conv.parametrizations.weight.original1
    with torch.no_grad():
        norm.zero_()
        direction.fill_(1.0)
        direction[:, 0, 1 : FRAMES + 1] = differences.T
        norm[0, 0, 1 : FRAMES + 1] = differences.norm(dim=1) / -OFFSET
        conv.bias.fill_(OFFSET)
