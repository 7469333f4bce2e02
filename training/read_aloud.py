"""Synthetic voices read texts onto the device of a training: many speakers of Kokoro, and one of Piper.

Each utterance gets another pace, and is resampled as if the vocal tract were shorter or longer.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training import kokoro, voice
from training.device_batches import Speech, fast_length, interpolate, uniform
from training.numbers import DIGITS, TEENS, TENS
from training.phonemes import Phonemes
from training.rows import RATE

LONGEST = 330  # phonemes; more would take longer than a row
LOUDNESS = 3000.0  # standard deviation of a stored utterance (int16)
AUDIBLE = 0.03  # of the peak: what is softer at the ends of a synthetic utterance is silence
NUMBERS = {*DIGITS, *TEENS, *TENS, "HUNDRED"}
AHEAD = 16  # batches whose texts are sorted together
Said = tuple[Tensor, Tensor, float | Tensor]  # waveforms (B, N), their samples (B,), their rates (Hz)


@torch.inference_mode()
def piper_reads(speech: Speech, file: Path, phoneme_file: Path, hours: float, seconds: float, seed: int) -> None:
    """Let a Piper voice read texts, for so many hours of speech or seconds of time."""
    device = speech.samples.device
    piper, phonemes = voice.load(file, device), Phonemes.load(phoneme_file)
    if device.type == "cuda":
        piper.generator.to(torch.float16)

    def say(chosen: np.ndarray) -> Said:
        ids, lengths = (torch.from_numpy(array).to(device) for array in phonemes.batch(chosen.tolist()))
        shorter = uniform(0.85, 1.25, len(chosen), device=device)
        pace = shorter * uniform(0.8, 1.25, len(chosen), device=device)
        noises = (uniform(low, high, len(chosen), device=device) for low, high in ((0.4, 0.9), (0.5, 1.0)))
        waveforms, samples = piper(ids, lengths, pace, *noises)
        return waveforms, samples, piper.config.rate * shorter

    read(speech, "voice", say, phonemes, reading_order(phonemes, seed), 96, hours, seconds)


@torch.inference_mode()
def kokoro_reads(speech: Speech, folder: Path, phoneme_file: Path, hours: float, seconds: float, seed: int) -> None:
    """Let Kokoro's voices read texts, the last ones in the order in which Piper reads them."""
    device = speech.samples.device
    network = kokoro.load(folder, device, torch.float16 if device.type == "cuda" else torch.float32)
    speakers = kokoro.Speakers(folder / "voices.npz", device)
    source = Phonemes.load(phoneme_file)
    phonemes = speakers.tokens(source)
    order = reading_order(source, seed)[::-1]
    rng = np.random.default_rng(seed)

    def say(chosen: np.ndarray) -> Said:
        ids, lengths = (torch.from_numpy(array) for array in phonemes.batch(chosen.tolist()))
        styles = speakers.draw(lengths.to(device), rng)
        longer = uniform(0.87, 1.15, len(chosen), device=device)
        speed = uniform(0.8, 1.25, len(chosen), device=device)
        waveforms, samples = network(F.pad(ids, (1, 1)).to(device), lengths + 2, styles, speed * longer)
        return waveforms, samples, kokoro.SOURCE_RATE / longer

    read(speech, "kokoro", say, phonemes, order[np.diff(phonemes.offsets)[order] > 0], 64, hours, seconds)


def reading_order(phonemes: Phonemes, seed: int) -> np.ndarray:
    """Give the numbers of the texts in a random order; numbers, which are short, three times."""
    texts = np.flatnonzero(np.diff(phonemes.offsets) < LONGEST)
    numbers = [i for i in texts if all(word in NUMBERS for word in phonemes.texts[i].split())]
    return np.random.default_rng(seed).permutation(np.concatenate([texts, numbers, numbers]).astype(int))


def read(
    speech: Speech,
    corpus: str,
    say: Callable[[np.ndarray], Said],
    phonemes: Phonemes,
    order: np.ndarray,
    size: int,
    hours: float,
    seconds: float,
) -> None:
    """Store what a voice says, batch by batch, until there is enough of it or the time is up."""
    size = size if speech.samples.device.type == "cuda" else 4
    began, done = time.perf_counter(), 0
    for chosen in batches(order, np.diff(phonemes.offsets), size):
        waveforms, samples, rates = say(chosen)
        rows, lengths = resample(waveforms, samples, rates)
        done += store(speech, corpus, rows, lengths, [phonemes.texts[k] for k in chosen])
        if done > hours * 3600 * RATE or time.perf_counter() - began > seconds:
            return


def batches(order: np.ndarray, counts: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Give the texts in batches of about equal length, short and long ones in turn, since there may be no time for all."""
    rng = np.random.default_rng(len(order))
    for i in range(0, len(order), AHEAD * size):
        group = order[i : i + AHEAD * size]
        group = group[np.argsort(counts[group])]
        parts = [group[j : j + size] for j in range(0, len(group), size)]
        yield from (parts[k] for k in rng.permutation(len(parts)))


def resample(waveforms: Tensor, counts: Tensor, rates: float | Tensor) -> tuple[Tensor, Tensor]:
    """Bring (B, N) waveforms of ``counts`` samples at various ``rates`` to 16 kHz; return them and their lengths."""
    rates = torch.as_tensor(rates, device=waveforms.device, dtype=torch.float32).expand(len(waveforms))
    size = fast_length(waveforms.shape[1])
    hertz = torch.linspace(0, 0.5, size // 2 + 1, device=waveforms.device) * rates[:, None]
    spectrum = torch.fft.rfft(waveforms, size) * (hertz < 0.98 * RATE / 2)
    smooth = torch.fft.irfft(spectrum, size)
    lengths = (counts * RATE / rates).long()
    place = torch.arange(int(lengths.max()), device=waveforms.device) * (rates[:, None] / RATE).double()
    whole = place.floor()
    row = torch.arange(len(waveforms), device=waveforms.device)[:, None] * size
    index = row + whole.long().clamp(max=size - 1)
    return interpolate(smooth.flatten(), index, (place - whole).float()), lengths


def store(speech: Speech, corpus: str, rows: Tensor, lengths: Tensor, texts: list[str]) -> int:
    """Add what a voice said, (B, N) at 16 kHz, and return the number of samples.

    Silence at both ends is cut, to a random rest: recordings of single words often begin and end with the word. Texts that
    are numbers become a corpus of their own. A voice in float16 may overflow: such utterances are left out.
    """
    heard = rows.abs().amax(1)
    heard = (heard > 0) & heard.isfinite()
    rows, lengths = rows[heard], lengths[heard]
    texts = [text for text, this in zip(texts, heard.tolist(), strict=True) if this]
    inside = torch.arange(rows.shape[1], device=rows.device) < lengths[:, None]
    loud = (rows.abs() > AUDIBLE * rows.abs().amax(1, keepdim=True)) & inside
    first, last = loud.int().argmax(1), rows.shape[1] - loud.int().flip(1).argmax(1)
    margin = uniform(0.01, 0.2, 2, len(rows), device=rows.device) * RATE
    first, last = (first - margin[0]).long().clamp(min=0), torch.minimum(last + margin[1].long(), lengths)
    place = torch.arange(rows.shape[1], device=rows.device)
    inside = (place >= first[:, None]) & (place < last[:, None])
    lengths = inside.sum(1)
    deviation = ((rows * inside).square().sum(1) / lengths).sqrt().clamp(min=1e-4)[:, None]
    rows = (rows / deviation * LOUDNESS).clamp(-32767, 32767).to(torch.int16)
    numbers = torch.tensor([all(word in NUMBERS for word in text.split()) for text in texts], device=rows.device)
    for name, chosen in ((corpus, ~numbers), ("numbers", numbers)):
        stored = rows[chosen][inside[chosen]]
        if len(stored) and speech.used + len(stored) <= len(speech.samples):
            said = [text for text, this in zip(texts, chosen.tolist(), strict=True) if this]
            speech.add(stored, name, said, lengths[chosen].tolist(), [1 / LOUDNESS] * len(said))
    return int(lengths.sum())
