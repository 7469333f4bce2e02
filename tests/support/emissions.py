"""Emission matrices: some that spell a text, random ones, and the brute force over all of their paths."""

from itertools import groupby, product

import numpy as np

from w2vkit.emissions import Emissions, Vocabulary

LABELS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
WHOLE = {"beam_width": 10**6, "token_min_logp": -np.inf, "beam_threshold": np.inf}  # nothing is pruned
VOCABULARIES = [
    Vocabulary.of(["<pad>", "|", "A", "B"]),
    Vocabulary.of(["A", "|", "<s>", "<pad>"]),
    Vocabulary.of(["<pad>", "</s>", "A", "B"], word_boundary=None),
    Vocabulary.of(["B", "<pad>", "A"], word_boundary=None),
    Vocabulary.of(["|", "A", "<pad>"]),
]


def spell(frames: list[str], labels: list[str] | None = None, sure: float = 0.98) -> Emissions:
    """Emissions whose likeliest label in every frame is the given one; "_" is the blank, " " the word boundary."""
    vocabulary = Vocabulary.of(labels or LABELS)
    rest = (1 - sure) / (len(vocabulary) - 1)
    probabilities = np.full((len(frames), len(vocabulary)), rest)
    columns = {"_": vocabulary.blank, **{label: k for k, label in enumerate(vocabulary.labels)}, **vocabulary.columns}
    for t, label in enumerate(frames):
        probabilities[t, columns[label]] = sure
    return Emissions(np.log(probabilities).astype(np.float32), vocabulary)


def random_emissions(frames: int, vocabulary: Vocabulary, seed: int, scale: float = 1.5) -> Emissions:
    logits = np.random.default_rng(seed).normal(size=(frames, len(vocabulary)), scale=scale)
    return Emissions((logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32), vocabulary)


def text_of(path: tuple[int, ...], vocabulary: Vocabulary) -> str:
    """CTC's map from labels to text: merge repeats, drop special labels, keep single spaces between words only."""
    merged = [label for label, _ in groupby(path) if label not in vocabulary.special]
    return " ".join("".join(" " if k == vocabulary.word_boundary else vocabulary.labels[k] for k in merged).split())


def brute_force(emissions: Emissions) -> dict[str, float]:
    """The probability of every text, summed over all V^T paths."""
    probabilities = np.exp(emissions.log_probs.astype(np.float64))
    texts: dict[str, float] = {}
    for path in product(range(len(emissions.vocabulary)), repeat=len(emissions)):
        text = text_of(path, emissions.vocabulary)
        texts[text] = texts.get(text, 0.0) + float(np.prod(probabilities[np.arange(len(path)), path]))
    return texts


def ambiguous(*options: str) -> Emissions:
    """Emissions in which the labels of an option are nearly equally likely in its frame, the first a little more."""
    vocabulary = spell(["_"]).vocabulary
    columns = {"_": vocabulary.blank, **vocabulary.columns}
    rows = np.full((len(options), len(vocabulary)), 1e-4)
    for row, option in zip(rows, options, strict=True):
        for character, probability in zip(option, (0.6, 0.3), strict=False):
            row[columns[character]] = probability
    return Emissions(np.log(rows / rows.sum(axis=1, keepdims=True)).astype(np.float32), vocabulary)
