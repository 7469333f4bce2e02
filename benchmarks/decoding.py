"""How fast decoding is, in times real time on one core: greedy, beam search, and beam search with a 3-gram.

    OMP_NUM_THREADS=1 python benchmarks/decoding.py [--seconds 60] [--emissions FILE.npz ...]

Without files the emissions are made up: words of a made-up language, drawn from the text that the 3-gram is built
from, as a CTC model would say them: mostly blank, short spikes, one in ten of them torn between two labels.
An ``.npz`` holds ``log_probs`` (T, V) and ``labels`` (V,), with ``<pad>`` for the blank and ``|`` for the boundary.
Prints a table and a line of JSON. Times are of the processor, so that other programs do not count.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from w2vkit.decode import Hypothesis, beam_search, greedy
from w2vkit.emissions import FRAME_SECONDS, Emissions
from w2vkit.language_model import load
from w2vkit.ngram_build import build_ngram
from w2vkit.vocabulary import Vocabulary

VOCABULARY = Vocabulary.of(["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"])
WORDS, SENTENCES = 20_000, 30_000


def make_text(generator: np.random.Generator) -> list[list[str]]:
    """Sentences of a language whose words are as frequent as Zipf says."""
    letters = np.array(list("ETAONIHSRDLUMWCFGYPBVK"))
    weights = 1 / np.arange(2, len(letters) + 2)
    lexicon = ["".join(generator.choice(letters, n, p=weights / weights.sum())) for n in generator.integers(2, 10, WORDS)]
    shares = 1 / np.arange(1, WORDS + 1)
    return [[lexicon[i] for i in generator.choice(WORDS, 12, p=shares / shares.sum())] for _ in range(SENTENCES)]


def make_emissions(text: list[list[str]], seconds: float, generator: np.random.Generator) -> Emissions:
    """Emissions of a text at about 14 characters a second."""
    logits: list[np.ndarray] = []
    characters = iter("|".join(word for sentence in text for word in sentence))
    while len(logits) < seconds / FRAME_SECONDS:
        column = VOCABULARY.labels.index(next(characters))
        for i in range(int(generator.integers(2, 6))):
            row = generator.normal(size=len(VOCABULARY), scale=1.5)
            row[column if i == 0 else VOCABULARY.blank] += 12
            if i == 0 and generator.random() < 0.1:
                row[generator.integers(4, len(VOCABULARY))] += 11.5
            logits.append(row)
    table = np.array(logits)
    return Emissions((table - np.logaddexp.reduce(table, axis=1, keepdims=True)).astype(np.float32), VOCABULARY)


def read_emissions(path: Path) -> Emissions:
    """Read stored emissions."""
    with np.load(path) as stored:
        return Emissions(stored["log_probs"].astype(np.float32), Vocabulary.of(stored["labels"].tolist()))


def times_real_time(decode: Callable[[Emissions], Hypothesis], emissions: list[Emissions]) -> float:
    """Seconds of sound per second of one core."""
    decode(emissions[0])  # what is built once, such as the lexicon, is not the decoder's speed
    start = time.process_time()
    for one in emissions:
        decode(one)
    return sum(one.seconds for one in emissions) / max(time.process_time() - start, 1e-9)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of made-up sound, in pieces of 15 s (default 60)")
    parser.add_argument("--emissions", type=Path, nargs="+", default=[], metavar="FILE", help="stored emissions instead")
    parser.add_argument("--lm", type=Path, metavar="FILE", help="a language model instead of the made-up one")
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    text = make_text(generator)
    emissions = [read_emissions(path) for path in options.emissions]
    for piece in range(0 if emissions else max(round(options.seconds / 15), 1)):
        emissions.append(make_emissions(text[100 * piece :], 15.0, generator))
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        if not options.lm:
            build_ngram(text, 3, output=Path(folder) / "made-up.arpa")
        built = time.process_time()
        model = load(options.lm or Path(folder) / "made-up.arpa")
        loaded = time.process_time()
    decoders: dict[str, Callable[[Emissions], Hypothesis]] = {
        "greedy": greedy,
        "beam 32": beam_search,
        "beam 32, 3-gram": partial(beam_search, language_model=model),
        "beam 32, 3-gram, hot words": partial(beam_search, language_model=model, hotwords={"NEW YORK": 8.0, "WAVES": 6.0}),
        "beam 32, all labels, no threshold": partial(beam_search, token_min_logp=-np.inf, beam_threshold=np.inf),
    }
    speeds = {name: times_real_time(decode, emissions) for name, decode in decoders.items()}
    print(
        f"{sum(one.seconds for one in emissions):.0f} s of sound; the language model took {built - start:.1f} s to build "
        f"({SENTENCES * 12} words) and {loaded - built:.1f} s to read"
    )
    for name, speed in speeds.items():
        print(f"{name:36s}{speed:10.0f} x real time")
    print(json.dumps({"benchmark": "decoding", "times_real_time": {name: round(x, 1) for name, x in speeds.items()}}))


if __name__ == "__main__":
    main()
