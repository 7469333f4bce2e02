"""Measure w2vkit on a GPU in a few minutes: `python -m benchmarks.gpu --minutes 4 --output FOLDER`.

Each step has its own time limit, and a step that fails does not stop the others. Every figure is written to ``results.jsonl``
in FOLDER at once. At the end, or when the time is over, a table compares the predicted with the measured figures. The program
needs torch, transformers, numpy and the repository. The Large model has random weights: it is as fast as the trained one.
``--quick`` runs all of it in small, also on a CPU.
"""

import argparse
import functools
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Processor, pipeline

from benchmarks import gpu_checks
from w2vkit.audio import Waveform
from w2vkit.checkpoints import mini_folder
from w2vkit.decode import greedy, greedy_batch
from w2vkit.model import CTCModel
from w2vkit.model.fast_layers import Needs
from w2vkit.model.hub import Checkpoint, fetch
from w2vkit.model.loading import load_parts
from w2vkit.model.packed import GemmExtractor, GemmPosition, PackedNetwork, Packing, norm_gelu, packed_attention
from w2vkit.model.precision import set_dtype, true_float32

# s; spread as the utterances of LibriSpeech's test-clean are, as in benchmarks/large.py
MIX = (1.6, 2.2, 2.7, 3.1, 3.6, 4.1, 4.7, 5.3, 6.0, 6.8, 7.7, 8.9, 10.4, 12.6, 15.6, 22.7)
RATE = 16_000
# What benchmarks/README.md predicts for an H100 (80 GB): audio s per s, microseconds per audio s, or ms.
PREDICTED: dict[str, float] = {
    "copy on the card (TB/s)": 3.0,
    "copy to the card (GB/s)": 50,
    "copy from the card (GB/s)": 50,
    "matrix product, bf16 (TFLOP/s)": 790,
    "matrix product, float32 (TFLOP/s)": 50,
    "card's lines (audio s/s)": 500,
    "HF pipeline (audio s/s)": 400,
    "transformers' way in w2vkit (audio s/s)": 2400,
    "packed (audio s/s)": 6500,
    "packed, 2 threads (audio s/s)": 8000,
    "packed, 3 threads (audio s/s)": 8000,
    "packed, tanh, 2 threads (audio s/s)": 8400,
    "packed, fused, 2 threads (audio s/s)": 10_300,
    "packed, fused, tanh, 2 threads (audio s/s)": 11_000,
    "packed, fused, tanh, 3 threads (audio s/s)": 11_000,
    "extractor: network, float32 (us/s)": 150,
    "extractor: network, TF32 (us/s)": 65,
    "extractor: bf16 convolutions, channels last (us/s)": 45,
    "extractor: products (us/s)": 41,
    "extractor: products, fused norms (us/s)": 21,
    "position: network, bf16 (us/s)": 20,
    "position: products (us/s)": 3.5,
    "attention of all layers: packed (us/s)": 8,
    "attention of all layers: packed, torch's operator itself (us/s)": 8,
    "attention of all layers: fused, padded, no mask (us/s)": 8,
    "attention of all layers: cuDNN, padded, no mask (us/s)": 5,
    "attention of all layers: padded, mask (us/s)": 14,
    "layers: plain (us/s)": 72,
    "layers: tanh GELU in the product (us/s)": 66,
    "layers: fused additions and norms (us/s)": 67,
    "layers: fused, tanh (us/s)": 61,
    "layers: each layer compiled (us/s)": 64,
    "whole pass: plain (us/s)": 119,
    "whole pass: fused (us/s)": 94,
    "whole pass: fused, tanh (us/s)": 88,
    "decoding: greedy, one by one (us/s)": 80,
    "decoding: greedy_batch (us/s)": 20,
    "5 s alone: card's lines (ms)": 12,
    "5 s alone: transformers' way in w2vkit (ms)": 10,
    "5 s alone: packed (ms)": 5,
    "5 s alone: packed, fused (ms)": 6,
    "5 s alone: CUDA graph (ms)": 2.0,
    "5 s alone: CUDA graph, fused (ms)": 1.8,
    "w2v-mini (audio s/s)": 5000,
}


class Bench:
    """Runs steps, each within its time limit, and keeps their figures."""

    def __init__(self, folder: Path, minutes: float, device: str, quick: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "results.jsonl"
        self.device, self.quick = torch.device(device), quick
        self.gpu = self.device.type == "cuda"
        self.began, self.limit = time.monotonic(), 60 * minutes
        self.rows: list[tuple[str, str]] = []
        self.printed = threading.Lock()
        watchdog = threading.Timer(max(1.0, self.limit - 3), self.stop)
        watchdog.daemon = True
        watchdog.start()

    def left(self) -> float:
        """Seconds until the limit."""
        return self.limit - (time.monotonic() - self.began)

    def note(self, name: str, value: float | str) -> None:
        """Keep a figure, and write it to the disk at once."""
        shown = value if isinstance(value, str) else f"{value:.4g}"
        self.rows.append((name, shown))
        line = {"at": round(time.monotonic() - self.began, 1), "name": name, "value": value, "predicted": PREDICTED.get(name)}
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(f"[{line['at']:6.1f} s] {name}: {shown}", file=sys.stderr, flush=True)

    def step(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        """Run a step; an error is noted as its result."""
        seconds = min(seconds, self.left() - 8)
        if seconds < 2:
            self.note(name, "left out: no time")
            return
        started = time.monotonic()
        try:
            with within(seconds):
                work()
        except Exception as error:
            cause = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(cause.filename).name}:{cause.lineno}"
            self.note(f"{name}: failed", f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:200]}")
            with (self.file.parent / "errors.txt").open("a", encoding="utf-8") as file:
                file.write(f"== {name}\n{traceback.format_exc()}\n")
        finally:
            self.note(f"({name}: time, s)", round(time.monotonic() - started, 1))
            self.free()

    def free(self) -> None:
        """Free cached memory, so that every step starts alike."""
        if self.gpu:
            torch.cuda.empty_cache()

    def table(self) -> str:
        """The figures as a table in Markdown."""
        lines = ["| what | measured | predicted |", "|---|---|---|"]
        for name, value in list(self.rows):
            predicted = PREDICTED.get(name)
            lines.append(f"| {name} | {value} | {'' if predicted is None else f'{predicted:g}'} |")
        return "\n".join(lines)

    def stop(self) -> None:
        """Print the table and end the process, even if a step still runs."""
        if self.printed.acquire(blocking=False):
            print(self.table(), flush=True)
            sys.stderr.flush()
            os._exit(0)

    def sync(self) -> None:
        """Wait for the device."""
        if self.gpu:
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object], *, rounds: int = 3, warm: int = 1) -> float:
        """The median time of a call, in seconds."""
        if self.quick:
            rounds, warm = 1, 1
        for _ in range(warm):
            work()
        taken = []
        for _ in range(rounds):
            self.sync()
            started = time.perf_counter()
            work()
            self.sync()
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TimeoutError after so many seconds, in the main thread, between two steps of Python."""

    def late(*_: object) -> None:
        raise TimeoutError(f"longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def speech(seconds: float, seed: int) -> np.ndarray:
    """A part of the bundled clips, repeated; noise with the rhythm of speech where they cannot be read."""
    if not SOUND:
        try:
            SOUND.append(gpu_checks.bundled())
        except Exception:
            rng = np.random.default_rng(0)
            loud = np.repeat(rng.uniform(0.01, 0.3, 300), 1600)
            SOUND.append((loud * rng.standard_normal(len(loud))).astype(np.float32))
    size = int(seconds * RATE)
    start = seed * 7919 % max(1, len(SOUND[0]) - size)
    return np.resize(SOUND[0][start : start + size], size)


SOUND: list[np.ndarray] = []


@functools.cache
def pool(seconds: float) -> list[Waveform]:
    """Clips with test-clean's lengths, each length a little different from the others, of so many seconds together."""
    rng, clips, total = np.random.default_rng(1), [], 0.0
    while total < seconds:
        clips.append(Waveform(speech(MIX[len(clips) % len(MIX)] * rng.uniform(0.95, 1.05), len(clips))))
        total += clips[-1].seconds
    return clips


class Large:
    """The Large architecture with random weights, on a device: float32 as transformers has it, and w2vkit's models of it.

    With ``--quick`` its layers are an eighth as wide.
    """

    def __init__(self, bench: Bench) -> None:
        self.width, self.heads = (128, 2) if bench.quick else (1024, 16)
        config = Wav2Vec2Config(
            hidden_size=self.width,
            num_hidden_layers=2 if bench.quick else 24,
            num_attention_heads=self.heads,
            intermediate_size=4 * self.width,
            conv_dim=[self.width // 2] * 7,
            conv_bias=True,
            feat_extract_norm="layer",
            do_stable_layer_norm=True,
        )
        networks: list[Any] = []
        for _ in range(2):
            torch.manual_seed(0)
            with torch.device(bench.device):
                networks.append(Wav2Vec2ForCTC(config).eval())
            with torch.no_grad():
                networks[-1].lm_head.weight.mul_(4)  # so that the text is not all blank
        self.exact, network = networks
        set_dtype(network, torch.bfloat16)
        _, extractor, vocabulary = load_parts(fetch("w2v-mini"))
        checkpoint = Checkpoint("large", Path(tempfile.mkdtemp()))
        self.plain = CTCModel(network, extractor, vocabulary, checkpoint, Needs())
        self.plain._packed = None
        self.packed = CTCModel(network, extractor, vocabulary, checkpoint, Needs())
        self.packed._packed = PackedNetwork(network)
        if bench.gpu:
            try:
                self.packed.emit([Waveform(speech(2, 0)), Waveform(speech(1, 1))])
            except Exception as error:  # with another attention the other steps can still be measured
                bench.note("packed attention: failed", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
                self.packed._packed.attend = padded_attention
        self.network = network
        self.processor: Any = Wav2Vec2Processor.from_pretrained(mini_folder())

    def card(self, clips: Sequence[Waveform]) -> list[str]:
        """The lines on the model's card, clip by clip in float32."""
        texts = []
        for clip in clips:
            inputs = self.processor(clip.samples, return_tensors="pt", padding="longest", sampling_rate=RATE).input_values
            with torch.no_grad():
                logits = self.exact(inputs.to(self.exact.lm_head.weight.device)).logits
            texts += self.processor.batch_decode(torch.argmax(logits, dim=-1))
        return texts


def facts(bench: Bench) -> None:
    """Name, versions, bandwidth and peak."""
    if bench.gpu:
        properties = torch.cuda.get_device_properties(bench.device)
        bench.note("device", f"{properties.name}, {properties.multi_processor_count} multiprocessors")
        bench.note("memory free (GiB)", torch.cuda.mem_get_info()[0] / 2**30)
    bench.note("torch, cores", f"{torch.__version__}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    size = 2**22 if bench.quick else 2**30
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(source)
    bench.note("copy on the card (TB/s)", 2 * size / bench.seconds(lambda: target.copy_(source), rounds=5, warm=2) / 1e12)
    host = torch.empty(size // 4, dtype=torch.uint8, pin_memory=bench.gpu)
    part = target[: size // 4]
    bench.note("copy to the card (GB/s)", size / 4 / bench.seconds(lambda: part.copy_(host, non_blocking=True)) / 1e9)
    bench.note("copy from the card (GB/s)", size / 4 / bench.seconds(lambda: host.copy_(part, non_blocking=True)) / 1e9)
    for dtype, name in ((torch.bfloat16, "bf16"), (torch.float32, "float32")):
        side = 256 if bench.quick else 8192 if dtype is torch.bfloat16 else 4096
        left, right = (torch.randn(side, side, device=bench.device).to(dtype) for _ in range(2))
        taken = bench.seconds(lambda left=left, right=right: [left @ right for _ in range(10)])
        bench.note(f"matrix product, {name} (TFLOP/s)", 20 * side**3 / taken / 1e12)


def agreement(bench: Bench, large: Large) -> None:
    """How far the packed way is from float32 on the Large architecture, beside transformers' way in the same dtype."""
    clips = pool(4 if bench.quick else 60)
    exact = CTCModel(large.exact, *_parts(large), Checkpoint("large", Path(tempfile.mkdtemp())), Needs())
    truth = exact.emit(clips)
    for name, model in (("transformers' way", large.plain), ("packed", large.packed)):
        found = model.emit(clips)
        apart = max(float(np.abs(np.exp(a.log_probs) - np.exp(b.log_probs)).max()) for a, b in zip(found, truth, strict=True))
        same = np.mean(
            np.concatenate([a.log_probs.argmax(1) == b.log_probs.argmax(1) for a, b in zip(found, truth, strict=True)])
        )
        bench.note(f"Large, {name} against float32: largest difference of a probability", apart)
        bench.note(f"Large, {name} against float32: frames with the same label", float(same))


def _parts(large: Large) -> tuple[Any, Any]:
    _, extractor, vocabulary = load_parts(fetch("w2v-mini"))
    return extractor, vocabulary


def transcribe(model: CTCModel, clips: list[Waveform], threads: int, part: float = 2500) -> list[str]:
    """Texts of clips by threads that take parts of so many seconds: one prepares or decodes while another one computes."""
    parts: list[list[Waveform]] = [[]]
    for clip in sorted(clips, key=lambda clip: -clip.seconds):
        if sum(other.seconds for other in parts[-1]) > part:
            parts.append([])
        parts[-1].append(clip)
    work = lambda some: [found.text for found in greedy_batch(model.emit(some))]  # noqa: E731
    if threads == 1:
        return [text for some in parts for text in work(some)]
    with ThreadPoolExecutor(threads) as executor:
        return [text for texts in executor.map(work, parts) for text in texts]


def speed(bench: Bench, name: str, clips: list[Waveform], work: Callable[[], object], rounds: int = 3) -> None:
    """Note audio seconds per second."""
    bench.note(f"{name} (audio s/s)", sum(clip.seconds for clip in clips) / bench.seconds(work, rounds=rounds))


def headline(bench: Bench, large: Large) -> None:
    """The pool by the packed way, by transformers' way in w2vkit, and some clips by the card's lines."""
    clips = pool(8 if bench.quick else 10_000)
    some = clips[: 2 if bench.quick else 32]
    for threads in (1, 2, 3):
        name = "packed" if threads == 1 else f"packed, {threads} threads"
        speed(bench, name, clips, functools.partial(transcribe, large.packed, clips, threads), rounds=2)
    speed(bench, "card's lines", some, lambda: large.card(some))
    fewer = clips[: len(clips) // 4]
    speed(bench, "transformers' way in w2vkit", fewer, lambda: [greedy(found) for found in large.plain.emit(fewer)], rounds=2)


def alone(bench: Bench, large: Large) -> None:
    """One clip of 5 s, from samples to text."""
    clip = Waveform(speech(5, 0))
    ways: dict[str, Callable[[], object]] = {
        "card's lines": lambda: large.card([clip]),
        "transformers' way in w2vkit": lambda: greedy(large.plain.emit([clip])[0]),
        "packed": lambda: greedy(large.packed.emit([clip])[0]),
    }
    for name, work in ways.items():
        bench.note(f"5 s alone: {name} (ms)", 1000 * bench.seconds(work, rounds=20, warm=3))
    graph(bench, large, clip, "CUDA graph")


def graph(bench: Bench, large: Large, clip: Waveform, name: str) -> None:
    """One clip by a recorded pass for all clips up to 6 s."""
    replay = Replay(large.packed, 6.0)
    bench.note(f"5 s alone: {name} (ms)", 1000 * bench.seconds(lambda: greedy(replay(clip)), rounds=20, warm=3))
    truth, found = large.packed.emit([clip])[0].log_probs, replay(clip).log_probs
    bench.note(f"5 s alone: {name}, largest difference of a probability", float(np.abs(np.exp(found) - np.exp(truth)).max()))


class Replay:
    """A pass for one clip of up to so many seconds, recorded as a CUDA graph; the rest of it is a second clip of silence."""

    def __init__(self, model: CTCModel, seconds: float) -> None:
        self.model, self.network = model, model._packed or PackedNetwork(model.network)
        device = self.network.head.weight.device
        self.gpu = device.type == "cuda"
        size = int(seconds * RATE)
        self.host = torch.zeros(1, size, pin_memory=self.gpu)
        self.samples = torch.zeros(1, size, device=device)
        self.frames = model.frames(size)
        self.edges = torch.tensor([0, self.frames, self.frames], dtype=torch.int32, device=device)
        self.keep = torch.ones(self.frames, 1, device=device, dtype=self.network.dtype)
        self.index = torch.arange(self.frames, device=device)
        self.found: Any = None
        self.lengths = [self.frames, 0]
        if self.gpu:
            with torch.inference_mode():
                stream = torch.cuda.Stream()
                stream.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(stream):
                    for _ in range(3):
                        self._pass()
                torch.cuda.current_stream().wait_stream(stream)
                self.recorded = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.recorded):
                    self.found = self._pass()

    def _pass(self) -> torch.Tensor:
        packing = Packing(self.lengths, self.index, self.edges, self.frames)
        return self.network.encode(self.network.extract(self.samples), packing, self.keep)

    @torch.inference_mode()
    def __call__(self, clip: Waveform) -> Any:
        """Give the emissions of a clip."""
        frames = self.model.frames(len(clip.samples))
        samples = self.model._normalisation(clip.samples).apply(clip.samples)
        self.host.zero_()
        self.host[0, : len(samples)] = torch.from_numpy(samples)
        self.samples.copy_(self.host, non_blocking=True)
        self.edges[1] = frames
        self.keep.zero_()
        self.keep[:frames] = 1
        if self.gpu:
            self.recorded.replay()
        else:
            self.lengths = [frames, self.frames - frames]
            self.found = self._pass()
        return self.model._emissions([self.found[:frames].cpu().numpy()], len(clip.samples))


def channels_last(products: GemmExtractor, extractor: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """The extractor by cuDNN's convolutions in bfloat16, with the channels of a frame side by side."""
    weights = [
        layer.conv.weight.data[:, :, None].to(products.dtype).contiguous(memory_format=torch.channels_last)
        for layer in extractor.conv_layers
    ]

    def extract(samples: torch.Tensor) -> torch.Tensor:
        x = samples[:, None, None]
        for place, (layer, weight, (_, _, norm)) in enumerate(
            zip(extractor.conv_layers, weights, products.layers, strict=True)
        ):
            kind = torch.float32 if place == 0 else products.dtype
            x = F.conv2d(x.to(kind), weight.to(kind), layer.conv.bias.to(kind), (1, layer.conv.stride[0]))
            x = norm_gelu(x.permute(0, 2, 3, 1), *norm, products.dtype).permute(0, 3, 1, 2)
        return x[:, :, 0].transpose(1, 2)

    return lambda samples: torch.cat([extract(some) for some in samples.split(32)])


def padded_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing) -> torch.Tensor:
    """Attention over clips that are padded to the longest, with a mask: used if the packed one fails."""
    longest, clips = packing.longest, len(packing.edges) - 1
    inside = torch.arange(longest, device=query.device)[None] < packing.edges.diff()[:, None]
    place = inside.flatten().nonzero()[:, 0]
    wide = []
    for states in (query, key, value):
        padded = states.new_zeros(clips * longest, *states.shape[1:]).index_copy_(0, place, states)
        wide.append(padded.view(clips, longest, *states.shape[1:]).transpose(1, 2))
    out = F.scaled_dot_product_attention(*wide, attn_mask=inside[:, None, None])
    return out.transpose(1, 2).flatten(0, 1).index_select(0, place)


def parts(bench: Bench, large: Large, *, fused: bool) -> None:
    """Each part of the pass by each way, on one batch; microseconds per second of sound."""
    clips = 2 if bench.quick else 64
    seconds = 1.6 if bench.quick else 7.4
    total = clips * seconds
    samples = torch.stack([torch.from_numpy(speech(seconds, i)) for i in range(clips)]).to(bench.device) * 8
    frames = large.packed.frames(samples.shape[1])
    packed = PackedNetwork(large.network)
    quick = PackedNetwork(large.network)
    quick.compile()
    layer_norms = large.network.wav2vec2.feature_extractor
    ways: dict[str, Callable[[], object]] = {}

    with torch.inference_mode():
        features = packed.extract(samples)
        packing = Packing.of([frames] * clips, features.shape[1], bench.device)
        x = torch.randn(clips * frames, large.width, device=bench.device).to(packed.dtype)
        wide = torch.randn(clips, frames, large.width, device=bench.device).to(packed.dtype)
        heads = (clips * frames, large.heads, 64)
        query, key, value = (torch.randn(heads, device=bench.device).to(packed.dtype) for _ in range(3))
        split = [states.view(clips, frames, large.heads, 64).transpose(1, 2) for states in (query, key, value)]
        mask = torch.ones(clips, 1, 1, frames, dtype=torch.bool, device=bench.device)
        tanh = PackedNetwork(large.network, tanh_gelu=True)
        quick_tanh = PackedNetwork(large.network, tanh_gelu=True)
        quick_tanh.compile()
        both = lambda backend: lambda: attended(backend, split, None)  # noqa: E731
        depth = len(packed.layers)
        if fused:
            ways |= {
                "extractor: products, fused norms": lambda: quick.extract(samples),
                "layers: fused additions and norms": lambda: quick.transform(x, packing),
                "layers: fused, tanh": lambda: quick_tanh.transform(x, packing),
                "whole pass: fused": lambda: quick.log_probs(samples, packing.lengths),
                "whole pass: fused, tanh": lambda: quick_tanh.log_probs(samples, packing.lengths),
            }
        else:
            position, inner = GemmPosition(large.network.wav2vec2.encoder.pos_conv_embed.conv), layer_norms
            ways |= {
                "whole pass: plain": lambda: packed.log_probs(samples, packing.lengths),
                "extractor: products": lambda: packed.extract(samples),
                "extractor: network, float32": lambda: exactly(bench, lambda: inner(samples)),
                "layers: plain": lambda: packed.transform(x, packing),
                "layers: tanh GELU in the product": lambda: tanh.transform(x, packing),
                "attention of all layers: packed": lambda: [packed_attention(query, key, value, packing) for _ in range(depth)],
                "attention of all layers: packed, torch's operator itself": lambda: [
                    operator(query, key, value, packing) for _ in range(depth)
                ],
                "position: products": lambda: position(wide),
                "position: network, bf16": lambda: large.network.wav2vec2.encoder.pos_conv_embed(wide),
                "attention of all layers: fused, padded, no mask": lambda: [
                    attended(SDPBackend.FLASH_ATTENTION, split, None) for _ in range(depth)
                ],
                "attention of all layers: padded, mask": lambda: [attended(None, split, mask) for _ in range(depth)],
                "extractor: bf16 convolutions, channels last": lambda: channels(samples),
                "extractor: network, TF32": lambda: inner(samples),
                "attention of all layers: cuDNN, padded, no mask": lambda: [
                    both(SDPBackend.CUDNN_ATTENTION)() for _ in range(depth)
                ],
            }
            channels = channels_last(GemmExtractor(layer_norms, packed.dtype), layer_norms)
        for name, work in ways.items():
            try:
                taken = bench.seconds(work, rounds=5, warm=2)
            except TimeoutError:
                raise
            except Exception as error:
                bench.note(f"{name}: failed", f"{type(error).__name__}: {' '.join(str(error).split())[:150]}")
                continue
            bench.note(f"{name} (us/s)", 1e6 * taken / total)


def exactly(bench: Bench, work: Callable[[], object]) -> object:
    """Call something with TF32 switched off."""
    with true_float32(bench.device):
        return work()


def operator(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing) -> torch.Tensor:
    """Packed attention without the wrapper around torch's operator, which costs time for small batches."""
    if not query.is_cuda:
        return packed_attention(query, key, value, packing)
    edges, longest = packing.edges, packing.longest
    return torch.ops.aten._flash_attention_forward(query, key, value, edges, edges, longest, longest, 0.0, False, False)[0]


def attended(backend: SDPBackend | None, states: list[torch.Tensor], mask: torch.Tensor | None) -> torch.Tensor:
    """Fused attention by one of torch's kernels."""
    if backend is None or not states[0].is_cuda:
        return F.scaled_dot_product_attention(*states, attn_mask=mask)
    with sdpa_kernel(backend):
        return F.scaled_dot_product_attention(*states, attn_mask=mask)


def fused_pool(bench: Bench, large: Large) -> None:
    """The pool with fused norms, with and without the tanh GELU."""
    clips = pool(8 if bench.quick else 10_000)
    before = large.packed._packed
    try:
        for fused, tanh in ((False, True), (True, False), (True, True)):
            network = PackedNetwork(large.network, tanh_gelu=tanh)
            if fused:
                network.compile()
            large.packed._packed = network
            for part in (clips[:64], clips[64:200], clips):  # compiles, with one thread
                large.packed.emit(part)
            name = ", ".join(["packed", *(["fused"] if fused else []), *(["tanh"] if tanh else [])])
            for threads in (2, 3) if fused and tanh else (2,):
                work = functools.partial(transcribe, large.packed, clips, threads)
                speed(bench, f"{name}, {threads} threads", clips, work, rounds=2)
        clip = Waveform(speech(5, 0))
        bench.note(
            "5 s alone: packed, fused (ms)",
            1000 * bench.seconds(lambda: greedy(large.packed.emit([clip])[0]), rounds=20, warm=3),
        )
        graph(bench, large, clip, "CUDA graph, fused")
    finally:
        large.packed._packed = before


def budgets(bench: Bench, large: Large) -> None:
    """Speed and peak memory by the sound in one pass, plain."""
    clips = pool(5 if bench.quick else 8_000)
    for model, name, sizes in (
        (large.packed, "packed", (30, 4000) if bench.quick else (30, 120, 500, 1250, 4000)),
        (large.plain, "transformers' way", (30,) if bench.quick else (30, 120, 500)),
    ):
        before = model._batcher.budget
        some = clips if name == "packed" else clips[: len(clips) // 4]
        for size in sizes:
            model._batcher.budget = model._grid.frames_in(size)
            bench.free()
            if bench.gpu:
                torch.cuda.reset_peak_memory_stats()
            taken = bench.seconds(lambda model=model, some=some: model.emit(some), rounds=1)
            peak = torch.cuda.max_memory_allocated() / 2**30 if bench.gpu else 0.0
            audio = sum(clip.seconds for clip in some)
            bench.note(f"{name}, {size} s in a pass: emissions (audio s/s; GiB)", f"{audio / taken:.0f}; {peak:.1f}")
        model._batcher.budget = before


def decoding(bench: Bench, large: Large) -> None:
    """What the text costs on the CPU: of real words, which random weights do not give."""
    clips = pool(5 if bench.quick else 1_000)
    total = sum(clip.seconds for clip in clips)
    words = sum(len(one.words) for one in greedy_batch(large.packed.emit(clips)))
    bench.note("decoding: words per second of sound, random weights", words / total)
    found = CTCModel.load("w2v-mini", device=bench.device.type).emit(clips)
    bench.note("decoding: greedy, one by one (us/s)", 1e6 * bench.seconds(lambda: [greedy(one) for one in found]) / total)
    bench.note("decoding: greedy_batch (us/s)", 1e6 * bench.seconds(lambda: greedy_batch(found)) / total)
    bench.note("decoding: words per second of sound, w2v-mini", sum(len(one.words) for one in greedy_batch(found)) / total)


def profile(bench: Bench, large: Large) -> None:
    """The ten kernels that take longest in a pass."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as record

    clips = pool(3 if bench.quick else 500)
    large.packed.emit(clips)
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if bench.gpu else [])
    with record(activities=activities) as found:
        large.packed.emit(clips)
        bench.sync()
    own = "self_device_time_total" if bench.gpu else "self_cpu_time_total"
    events = sorted(found.key_averages(), key=lambda event: -getattr(event, own, 0))
    if bench.gpu:  # an operator has the time of its kernels too: count the kernels only
        kernels = [event for event in events if "cuda" in str(getattr(event, "device_type", "")).lower()]
        events = kernels or events
    total = sum(getattr(event, own, 0) for event in events) or 1
    for event in events[:10]:
        share = getattr(event, own, 0) / total
        bench.note(f"kernel {event.key[:70]}", f"{100 * share:.1f} %, {event.count} calls")


def hf_pipeline(bench: Bench, large: Large) -> None:
    """The pipeline of transformers, clip by clip in float32."""
    pipe: Any = pipeline(
        "automatic-speech-recognition",
        model=large.exact,
        tokenizer=large.processor.tokenizer,
        feature_extractor=large.processor.feature_extractor,
        device=bench.device,
    )
    some = pool(3 if bench.quick else 120)
    speed(bench, "HF pipeline", some, lambda: [pipe({"raw": clip.samples, "sampling_rate": RATE}) for clip in some], rounds=2)


def mini(bench: Bench) -> None:
    """The bundled model on the pool."""
    model = CTCModel.load("w2v-mini", device=bench.device.type)
    clips = pool(5 if bench.quick else 6_000)
    speed(bench, "w2v-mini", clips, lambda: transcribe(model, clips, 2), rounds=2)


def whole_layers(bench: Bench, large: Large) -> None:
    """Each layer compiled as a whole."""
    clips, frames = (2, 80) if bench.quick else (64, 369)
    packed = PackedNetwork(large.network)

    def layer(x: torch.Tensor, normed: torch.Tensor, packing: Packing, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        one = packed.layers[place]
        x, normed = packed.add_norm(x, packed._attention(one, normed, packing), *one.final_norm)
        return packed.add_norm(x, packed._feed_forward(one, normed), *one.norm)

    compiled = torch.compile(layer)
    with torch.inference_mode():
        x = torch.randn(clips * frames, large.width, device=bench.device).to(packed.dtype)
        packing = Packing.of([frames] * clips, frames, bench.device)

        def run() -> None:
            total, normed = x, x
            for _ in packed.layers:
                total, normed = compiled(total, normed, packing, 0)

        taken = bench.seconds(run, rounds=5, warm=2)
        bench.note("layers: each layer compiled (us/s)", 1e6 * taken / (clips * frames * 0.02))


def checks(bench: Bench) -> None:
    """What tests/model/test_cuda.py checks."""
    for name, check in gpu_checks.CHECKS.items():
        try:
            bench.note(f"check: {name}", check(bench.device.type))
        except TimeoutError:
            raise
        except Exception as error:
            bench.note(f"check: {name}", f"FAILED: {type(error).__name__}: {' '.join(str(error).split())[:200]}")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4.0, help="stop after so many (default 4)")
    parser.add_argument("--output", type=Path, default=Path("build/gpu"), help="folder of results.jsonl (default build/gpu)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true", help="everything in small")
    options = parser.parse_args()
    bench = Bench(options.output, options.minutes, options.device, options.quick)
    bench.step("facts", 20, lambda: facts(bench))
    made: list[Large] = []
    bench.step("Large on the device", 30, lambda: made.append(Large(bench)))
    large: Any = made[0] if made else None
    if large:
        bench.step("agreement", 25, lambda: agreement(bench, large))
        bench.step("headline", 45, lambda: headline(bench, large))
        bench.step("one clip", 15, lambda: alone(bench, large))
    bench.step("checks", 40, lambda: checks(bench))
    if large:
        bench.step("parts", 25, lambda: parts(bench, large, fused=False))
        bench.step("parts, fused", 40, lambda: parts(bench, large, fused=True))
        bench.step("pool, fused", 35, lambda: fused_pool(bench, large))
        bench.step("budgets", 25, lambda: budgets(bench, large))
        bench.step("profile", 15, lambda: profile(bench, large))
        bench.step("decoding", 10, lambda: decoding(bench, large))
        bench.step("pipeline", 12, lambda: hf_pipeline(bench, large))
    bench.step("w2v-mini", 12, lambda: mini(bench))
    if large:
        bench.step("whole layers", 60, lambda: whole_layers(bench, large))
    bench.stop()


if __name__ == "__main__":
    main()
