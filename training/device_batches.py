"""Batches for `training.gpu`: a thread plans the rows of a batch, and the device makes them by batched operations.

Plans are small arrays. The device gathers the samples at random speeds, adds rooms, noise and other people's speech, limits
the frequency band, and masks frames. These are the effects of `training.augment`, for all rows at once.
"""

import math
import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from training.position import FRAMES
from training.rows import FIELD, LATER_SHARE, LONG, RATE, SHORT, SHORT_SHARE, STRIDE, encode, frames

# The share of each corpus in the training sound; read speech, as in the tests, has the largest one.
SHARES = {
    "librispeech-train-clean-100": 0.20,
    "librispeech-dev-clean-mp3": 0.11,
    "common-voice": 0.03,
    "common-voice-6.1": 0.03,
    "ljspeech": 0.03,
    "ljspeech-more": 0.03,
    "an4-alphanumeric": 0.03,
    "speechocean762": 0.06,
    "kathleen-arctic": 0.04,
    "kokoro": 0.26,
    "voice": 0.16,
    "piper": 0.10,
    "synthetic": 0.03,
    "numbers": 0.06,
}
OTHER = 0.03  # of a corpus that is not listed
SPEEDS = (0.88, 1.14)
PART = 0.4  # the share of draws that take a part between two pauses instead of a whole utterance
SHORTEST = RATE // 4  # samples of a part
MASKED_FRAMES = 16  # of a hidden span, at most
TAPS = 8  # of the interpolation between samples
SPARE = RATE // 4  # samples of silence behind each row, for the room's echo of its end


Pauses = Sequence[tuple[int, int]]


@dataclass
class Speech:
    """All speech as one row of int16 samples on the device, and where its utterances lie."""

    samples: Tensor  # (N,), with room for more behind `used`
    used: int = 0
    corpora: dict[str, list["Utterance"]] = field(default_factory=lambda: defaultdict(list))
    development: list[tuple["Utterance", str]] = field(default_factory=list)

    def add(
        self,
        samples: Tensor,
        corpus: str,
        texts: Sequence[str],
        lengths: Sequence[int],
        scales: Sequence[float],
        development: bool = False,
        pauses: Sequence[Pauses] | None = None,
    ) -> None:
        """Append utterances that lie in ``samples`` one after the other; ``scales`` bring each to unit variance."""
        if self.used + len(samples) > len(self.samples):
            raise ValueError("There is no room for more speech.")
        self.samples[self.used : self.used + len(samples)] = samples.to(self.samples.device)
        for text, length, scale, cuts in zip(texts, lengths, scales, pauses or [()] * len(texts), strict=True):
            whole = Utterance(self.used, length, scale, encode(text).numpy())
            utterance = replace(whole, parts=_parts(whole, text, cuts))
            if development:
                self.development.append((utterance, text))
            elif FIELD < length < LONG:
                self.corpora[corpus].append(utterance)
            self.used += length


@dataclass(frozen=True)
class Utterance:
    """A place in `Speech`."""

    start: int
    length: int
    scale: float
    labels: np.ndarray
    parts: tuple["Utterance", ...] = ()  # from any pause to any later one


def _parts(whole: Utterance, text: str, pauses: Pauses) -> tuple[Utterance, ...]:
    """Cut an utterance at its pauses; each of ``pauses`` is a sample and the number of words before it."""
    words, places = text.split(), [(0, 0), *pauses, (whole.length, len(text.split()))]
    return tuple(
        Utterance(whole.start + start, end - start, whole.scale, encode(" ".join(words[first:last])).numpy())
        for i, (start, first) in enumerate(places)
        for end, last in places[i + 1 :]
        if first < last and SHORTEST < end - start < whole.length
    )


@dataclass(frozen=True)
class Plan:
    """What goes into the B rows of a step: S pieces one after the other, utterances and gaps, that fill the rows exactly."""

    size: int  # samples in a row
    starts: Tensor  # (S,) int64, first sample of a piece in the speech
    lengths: Tensor  # (S,) int64, samples of the row
    speeds: Tensor  # (S,) float64
    scales: Tensor  # (S,) float32, 0 for gaps
    noises: Tensor  # (S,) float32, the level of the noise in gaps; -1 for utterances
    first: Tensor  # (B,) position of the row's first frame
    inside: Tensor  # (B,) samples before the padding
    valid: Tensor  # (B,) frames of them
    targets: Tensor  # (B, longest) labels
    target_lengths: Tensor  # (B,)


class Planner:
    """Draws the utterances of each step; works ahead in a thread of its own."""

    def __init__(self, speech: Speech, seed: int, seconds: float, short_share: float = SHORT_SHARE) -> None:
        self.speech, self.seconds, self.short_share = speech, seconds, short_share
        self.rng = np.random.default_rng(seed)
        self._tables = {short: self._table(short) for short in (False, True)}
        self._ahead: queue.Queue[Plan] = queue.Queue(6)
        threading.Thread(target=self._work, daemon=True).start()

    def next(self) -> Plan:
        """Return the plan of the next step."""
        return self._ahead.get()

    def _work(self) -> None:
        while True:
            self._ahead.put(self.plan(self.rng.random() < self.short_share))

    def _table(self, short: bool) -> tuple[list[list[Utterance]], np.ndarray]:
        """Return the utterances of each corpus, and how often a draw takes one of it."""
        kept, rates = [], []
        for corpus, utterances in self.speech.corpora.items():
            pieces = [p for u in utterances for p in (u, *u.parts) if p.length < 3.2 * RATE] if short else utterances
            if pieces:
                mean = sum(u.length for u in utterances) / len(utterances)
                kept.append(pieces)
                rates.append(SHARES.get(corpus, OTHER) / mean * min(1.0, len(pieces) / len(utterances)))
        return kept, np.cumsum(rates) / sum(rates) if rates else np.zeros(0)

    def _draw(self, short: bool) -> Utterance:
        corpora, rates = self._tables[short]
        utterances = corpora[int(np.searchsorted(rates, self.rng.random()))]
        utterance = utterances[int(self.rng.integers(len(utterances)))]
        if not short and utterance.parts and self.rng.random() < PART:
            return utterance.parts[int(self.rng.integers(len(utterance.parts)))]
        return utterance

    def plan(self, short: bool) -> Plan:
        """Plan rows of one utterance of up to 4 s, or rows of 17 s with several."""
        short = short and len(self._tables[True][0]) > 0
        size = SHORT if short else LONG
        rows = [self._short() if short else self._long() for _ in range(max(1, round(self.seconds * RATE / size)))]
        pieces = np.array([piece for row in rows for piece in row[0]], dtype=np.float64)
        inside = torch.tensor([row[2] for row in rows])
        count, rng = frames(size), self.rng
        valid = ((inside - FIELD).div(STRIDE, rounding_mode="floor") + 1).clamp(1, count)
        first = (rng.random(len(rows)) < LATER_SHARE) * rng.integers(FRAMES - count, size=len(rows))
        longest = max(1, *(len(row[1]) for row in rows))
        targets = np.zeros((len(rows), longest), np.int64)
        for target, row in zip(targets, rows, strict=True):
            target[: len(row[1])] = row[1]
        starts, lengths, speeds, scales, noises = (torch.from_numpy(np.ascontiguousarray(column)) for column in pieces.T)
        return Plan(
            size,
            starts.long(),
            lengths.long(),
            speeds,
            scales.float(),
            noises.float(),
            torch.from_numpy(first),
            inside,
            valid,
            torch.from_numpy(targets),
            torch.tensor([len(row[1]) for row in rows]),
        )

    def _speed(self) -> float:
        return 1.0 if self.rng.random() < 0.3 else float(self.rng.uniform(*SPEEDS))

    def _gap(self, length: int) -> tuple[float, ...]:
        level = 0.0 if self.rng.random() < 0.3 else 10 ** self.rng.uniform(-3, -1)
        return (0, length, 1.0, 0.0, level)

    def _long(self) -> tuple[list[tuple[float, ...]], np.ndarray, int]:
        pieces: list[tuple[float, ...]] = []
        labels: list[np.ndarray] = []
        place = 0
        for _ in range(12):
            utterance, speed = self._draw(False), self._speed()
            length = int(utterance.length / speed)
            if place + length > LONG:
                continue
            gap = -length % STRIDE + int(self.rng.uniform(0, 0.6) * RATE) // STRIDE * STRIDE
            gap = min(gap, LONG - place - length)
            pieces += [(utterance.start, length, speed, utterance.scale, -1.0), self._gap(gap)]
            labels += [encode(" ").numpy()] * bool(labels) + [utterance.labels]
            place += length + gap
            if place > LONG - 2 * RATE:
                break
        pieces.append(self._gap(LONG - place))
        return pieces, np.concatenate(labels) if labels else np.zeros(0, np.int64), LONG

    def _short(self) -> tuple[list[tuple[float, ...]], np.ndarray, int]:
        if self.rng.random() < 0.03:  # nothing but noise: nothing was said
            length = int(self.rng.uniform(0.3, 3) * RATE)
            return [(0, length, 1.0, 0.0, 1.0), (0, SHORT - length, 1.0, 0.0, 0.0)], np.zeros(0, np.int64), length
        utterance, speed = self._draw(True), self._speed()
        length = min(int(utterance.length / speed), SHORT)
        return (
            [(utterance.start, length, speed, utterance.scale, -1.0), (0, SHORT - length, 1.0, 0.0, 0.0)],
            utterance.labels,
            length,
        )


def interpolate(samples: Tensor, index: Tensor, fraction: Tensor) -> Tensor:
    """Return the values between samples ``index`` and ``index + 1``, by a windowed sinc of eight samples."""
    value = torch.zeros_like(fraction)
    for k in range(1 - TAPS // 2, 1 + TAPS // 2):
        distance = fraction - k
        weight = torch.sinc(distance) * torch.cos(distance * (math.pi / TAPS)) ** 2
        value += weight * samples[(index + k).clamp(0, len(samples) - 1)].float()
    return value


def gather(speech: Tensor, plan: Plan) -> tuple[Tensor, Tensor]:
    """Return the rows (B, N) at unit variance, and (B, N) which piece each sample belongs to."""
    device = speech.device
    total = plan.size * len(plan.first)
    lengths = plan.lengths.to(device)
    piece = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths, output_size=total)
    begin = lengths.cumsum(0) - lengths
    place = (torch.arange(total, device=device) - begin[piece]).double() * plan.speeds.to(device)[piece]
    whole = place.floor()
    clean = interpolate(speech, plan.starts.to(device)[piece] + whole.long(), (place - whole).float())
    clean *= plan.scales.to(device)[piece]
    return clean.view(-1, plan.size), piece.view(-1, plan.size)


def distort(clean: Tensor, piece: Tensor, plan: Plan, strength: float) -> Tensor:
    """Return the rows with noise, rooms, telephones and lost bands; each has zero mean and unit variance before its padding.

    ``strength`` (0 to 1) is the probability of noise, and of lost bands; a quarter of it that of a room.
    """
    device, (rows, size) = clean.device, clean.shape
    longest = fast_length(size + SPARE)
    hertz = torch.linspace(0, RATE / 2, longest // 2 + 1, device=device)
    x = clean
    if echoing := round(0.25 * strength * rows):
        chosen = torch.randperm(rows, device=device)[:echoing]
        echo = torch.fft.rfft(room_response(echoing, device), longest)
        x = x.index_copy(0, chosen, torch.fft.irfft(torch.fft.rfft(x[chosen], longest) * echo, longest)[:, :size])

    pieces = len(plan.lengths)
    snr = uniform(5, 30, pieces, device=device)
    noisy = torch.rand(pieces, device=device) < strength
    given = plan.noises.to(device)
    level = torch.where(given >= 0, given, torch.where(noisy, 10 ** (-snr / 20), torch.zeros_like(snr)))
    colour = hertz.clamp(min=1) ** -uniform(0, 1, rows, 1, device=device)
    random = torch.view_as_complex(torch.randn(rows, longest // 2 + 1, 2, device=device)) * colour
    noise = torch.fft.irfft(random, longest)[:, :size]
    babble = torch.rand(rows, 1, device=device) < 0.3
    noise = torch.where(babble & (given[piece] < 0), clean.roll(1, dims=0), noise / noise.std(dim=1, keepdim=True))
    x = x + noise * level[piece]

    gain = torch.ones(rows, longest // 2 + 1, device=device)
    tilt = uniform(-0.3, 0.3, rows, 1, device=device) * (torch.rand(rows, 1, device=device) < strength)
    gain = gain * ((hertz + 100) / 1000) ** tilt
    mel = torch.log1p(hertz / 700) / math.log1p(RATE / 2 / 700)
    for _ in range(2):
        width = uniform(0, 0.15, rows, 1, device=device) * (torch.rand(rows, 1, device=device) < strength)
        low = torch.rand(rows, 1, device=device) * (1 - width)
        gain = torch.where((mel >= low) & (mel < low + width), 0.01, gain)
    telephone = torch.rand(rows, 1, device=device) < (0.1 if size == LONG else 0.25)  # single words are heard there
    gain = torch.where(telephone & (hertz > 3800), 0.0, gain)
    x = torch.fft.irfft(torch.fft.rfft(x, longest) * gain, longest)[:, :size]
    peak = x.abs().amax(dim=1, keepdim=True) + 1e-6
    coded = telephone & (torch.rand(rows, 1, device=device) < 0.5)
    x = torch.where(coded, mu_law(x / peak) * peak, x)

    inside = plan.inside.to(device)[:, None]
    within = torch.arange(size, device=device) < inside
    x = torch.where(within, x, 0.0)
    mean = x.sum(dim=1, keepdim=True) / inside
    variance = (x * x).sum(dim=1, keepdim=True) / inside - mean**2
    return torch.where(within, (x - mean) / (variance.clamp(min=0) + 1e-7).sqrt(), 0.0)


def hide(valid: Tensor, count: int, share: float) -> Tensor:
    """Return which of ``count`` frames to hide (B, T): spans of up to 16 frames, about ``share`` of those before ``valid``."""
    shape, device = (len(valid), count), valid.device
    numbers = torch.arange(count, device=device)
    starts = torch.rand(shape, device=device) < share * 2 / (MASKED_FRAMES + 1)
    ends = torch.where(starts, numbers + torch.randint(1, MASKED_FRAMES + 1, shape, device=device), 0).cummax(dim=1).values
    return (ends > numbers) & (numbers < valid[:, None])


def uniform(low: float, high: float, *shape: int, device: torch.device) -> Tensor:
    """Return random numbers between two limits."""
    return torch.rand(*shape, device=device) * (high - low) + low


def room_response(rooms: int, device: torch.device) -> Tensor:
    """Return (rooms, 0.5 s) impulse responses: the sound itself, then noise that decays within 0.15 to 0.5 s."""
    time = torch.arange(RATE // 2, device=device) / RATE
    decay = uniform(0.15, 0.5, rooms, 1, device=device)
    tail = torch.randn(rooms, RATE // 2, device=device) * 10 ** (-3 * time / decay) * (time < decay)
    tail = tail * uniform(0.02, 0.12, rooms, 1, device=device)
    tail[:, 0] = 1.0
    return tail


def mu_law(x: Tensor) -> Tensor:
    """Quantise samples between -1 and 1 to the 8 bits of a telephone's mu-law."""
    coded = (x.sign() * torch.log1p(255 * x.abs()) / math.log(256) * 127).round() / 127
    return coded.sign() * ((256 ** coded.abs()) - 1) / 255


def fast_length(least: int) -> int:
    """Return the smallest length of at least ``least`` that a fast Fourier transform likes: even, no factor above 5."""
    size = least + least % 2
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 2
