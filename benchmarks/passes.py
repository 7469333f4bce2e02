"""Measure one pass on this CPU in several variants: what each part of the packed network gains, and what others would gain.

    python -m benchmarks.passes                       # the Large architecture with random weights, 15 s
    python -m benchmarks.passes --model w2v-mini --seconds 5

All variants take turns in one run; the table has the fastest and the median of all rounds (s). The second table has one
product of a layer's size in several variants (ms). This is for the maintainers: some variants use operators that torch does
not document.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.ao.quantization import quantize_dynamic
from torch.nn import functional as F

from benchmarks.inference import speech
from benchmarks.large import LAYERS, save
from w2vkit.audio import Waveform
from w2vkit.model import CTCModel
from w2vkit.model.int8 import most_of_weights
from w2vkit.model.packed import GemmExtractor, GemmPosition, PackedNetwork, packed_attention, products_attention


def ways_of(name: str, dtype: str) -> dict[str, CTCModel]:
    """Load a checkpoint once per way."""
    with mock.patch.object(PackedNetwork, "pays", lambda network: False):
        ways = {"transformers' layers": CTCModel.load(name, device="cpu", dtype=dtype)}

    def add(way: str) -> Any:
        ways[way] = model = CTCModel.load(name, device="cpu", dtype=dtype)
        model._packed = PackedNetwork(model.network)
        return model._packed

    products = isinstance(add("packed (as it is)").extract, GemmExtractor)
    add("packed, fused attention").attend = packed_attention
    add("packed, attention as products").attend = products_attention
    if most_of_weights():
        ways["packed, int8"] = CTCModel.load(name, device="cpu", dtype="int8")
    add("packed, compiled").compile()
    if products:
        packed = add(way := "packed, the network's convolutions")
        body: Any = ways[way].network.base_model
        packed.extract = lambda samples: body.feature_extractor(samples).transpose(1, 2)
        add("packed, extractor in one piece").extract.in_pieces = False
        packed = add(way := "packed, positions as products")
        packed.position = GemmPosition(ways[way].network.base_model.encoder.pos_conv_embed.conv)
    return ways


def in_turn(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Measure how long each way takes (s), sorted, after a round that does not count."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, work in ways.items():
            started = time.perf_counter()
            work()
            taken[way].append(time.perf_counter() - started)
    return {way: sorted(times[1:]) for way, times in taken.items()}


def product_ways(rows: int = 749, inner: int = 1024, columns: int = 4096) -> dict[str, Callable[[], object]]:
    """One linear layer with a GELU after it."""
    layer = torch.nn.Linear(inner, columns)
    torch.backends.quantized.engine = "onednn"
    quantised = quantize_dynamic(torch.nn.Sequential(layer), {torch.nn.Linear}, dtype=torch.qint8)
    x, weight, bias = torch.randn(rows, inner), layer.weight.bfloat16(), layer.bias.bfloat16()
    low, fused = x.bfloat16(), torch.ops.mkldnn._linear_pointwise
    ordered = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
    return {
        "float32": lambda: F.linear(x, layer.weight, layer.bias),
        "bfloat16": lambda: F.linear(low, weight, bias),
        "bfloat16, weights in oneDNN's order": lambda: fused(low, ordered, bias, "none", [], ""),
        "bfloat16, and a GELU": lambda: F.gelu(F.linear(low, weight, bias)),
        "bfloat16, a GELU inside the product": lambda: fused(low, weight, bias, "gelu", [], "none"),
        "int8, dynamic, float32 in and out": lambda: quantised(x),
    }


def main() -> None:
    """Print both tables and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a checkpoint instead of the Large architecture with random weights")
    parser.add_argument("--layers", type=int, default=LAYERS, help="of the Large architecture (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    clip = Waveform(speech(options.seconds))
    with tempfile.TemporaryDirectory() as place:
        name = options.model or str(save(Path(place) / "large", options.layers))
        models = ways_of(name, options.dtype)
    first, *_ = models.values()
    found = {way: np.exp(model.emit([clip])[0].log_probs) for way, model in models.items()}
    taken = in_turn({way: lambda model=model: model.emit([clip]) for way, model in models.items()}, options.rounds)
    print(f"{options.seconds:g} s, cpu in {first.dtype}, {torch.get_num_threads()} threads")
    print("| way | fastest (s) | median (s) | largest difference of a probability |\n|---|---|---|---|")
    for way, times in taken.items():
        apart = np.abs(found[way] - next(iter(found.values()))).max()
        print(f"| {way} | {times[0]:.4f} | {times[len(times) // 2]:.4f} | {apart:.4f} |")
    with torch.inference_mode():
        products = in_turn(product_ways(), 3 * options.rounds)
    print("\n| product of 749 x 1024 x 4096 | fastest (ms) | median (ms) |\n|---|---|---|")
    for way, times in products.items():
        print(f"| {way} | {times[0] * 1e3:.2f} | {times[len(times) // 2] * 1e3:.2f} |")
    print(json.dumps({"benchmark": "passes", "passes": taken, "products": products}))


if __name__ == "__main__":
    main()
