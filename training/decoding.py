"""Weigh the language model on the development speakers: a table of word error rates, best last."""

import argparse
import itertools
from pathlib import Path

import jiwer

from training.corpora import RATE, Corpus
from w2vkit.audio import Waveform
from w2vkit.decode import beam_search, greedy
from w2vkit.language_model import load
from w2vkit.model import CTCModel


def main() -> None:
    """Decode the same emissions with every pair of weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language_model", help="an ARPA file, or bundled")
    parser.add_argument("--model", default="w2v-mini")
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--alpha", type=float, nargs="+", default=[0.4, 0.6, 0.8, 1.0])
    parser.add_argument("--beta", type=float, nargs="+", default=[0.0, 1.0, 2.0, 3.0])
    parser.add_argument("--oov", type=float, nargs="+", default=[8.0])
    arguments = parser.parse_args()
    corpus = Corpus(arguments.data)
    chosen = corpus.dev[:: max(1, len(corpus.dev) // arguments.clips)]
    emissions = CTCModel.load(arguments.model).emit([Waveform(corpus.samples(u), RATE) for u in chosen])
    references = [u.text for u in chosen]
    print(f"{len(chosen)} clips; greedy {jiwer.wer(references, [greedy(e).text for e in emissions]):.4f}")
    print(f"beam {jiwer.wer(references, [beam_search(e).text for e in emissions]):.4f}")
    language_model = load(arguments.language_model)
    results = []
    for alpha, beta, oov in itertools.product(arguments.alpha, arguments.beta, arguments.oov):
        weights = dict(alpha=alpha, beta=beta, oov_penalty=oov)
        texts = [beam_search(e, language_model=language_model, **weights).text for e in emissions]
        results.append((jiwer.wer(references, texts), alpha, beta, oov))
        print("{:.4f} with alpha {}, beta {}, oov_penalty {}".format(*results[-1]), flush=True)
    print("best: {:.4f} with alpha {}, beta {}, oov_penalty {}".format(*min(results)))


if __name__ == "__main__":
    main()
