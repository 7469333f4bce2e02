"""Fit what decoding needs to a checkpoint, on the development speakers, and store it: `python -m training.decoding`.

Fits the weights of the bundled language model (``language_model.json`` beside it) and calibrates the confidences
(``calibration.json`` in the checkpoint's folder). Run it again whenever the checkpoint or the language model changes.
"""

import argparse
import itertools
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import jiwer

from training.corpora import RATE, Corpus, Utterance
from w2vkit.audio import Waveform
from w2vkit.decode import BeamSearch, Hypothesis, greedy
from w2vkit.decode.lm import BUNDLED, LanguageModel, Weights, load, save_weights
from w2vkit.emissions import UNCALIBRATED, Emissions
from w2vkit.evaluate.calibration import auc, expected_calibration_error, fit_curve, fit_temperature, judge
from w2vkit.model import CTCModel

ALPHAS, BETAS = (0.5, 0.7, 0.9), (1.0, 1.5, 2.0)
FINER = ((-0.1, 0.0), (0.1, 0.0), (0.0, -0.25), (0.0, 0.25))  # steps of alpha and beta from the best of these
WIDTHS = (32, 64, 128)  # the second one while alpha and beta are looked for
WORTH = 0.001  # of the WER: a wider beam has to gain so much


def spread(utterances: list[Utterance], count: int) -> list[Utterance]:
    """Choose utterances evenly over their speakers: the first of each, then the second of each."""
    before, turns = Counter[str](), []
    for utterance in utterances:
        turns.append(before[utterance.speaker])
        before[utterance.speaker] += 1
    return [utterances[i] for i in sorted(range(len(turns)), key=turns.__getitem__)[:count]]


def weigh(model: LanguageModel, emissions: list[Emissions], references: list[str]) -> Weights:
    """Decode with many weights: give those with the fewest wrong words, and the narrowest beam that is as good."""
    results: dict[Weights, float] = {}

    def best(candidates: list[Weights]) -> Weights:
        for weights in candidates:
            search = BeamSearch(language_model=model, **asdict(weights))
            results[weights] = jiwer.wer(references, [search(one).text for one in emissions])
            print(f"WER {results[weights]:.4f} with {weights}", flush=True)
        return min(results, key=results.__getitem__)

    found = best([Weights(alpha, beta, WIDTHS[1]) for alpha, beta in itertools.product(ALPHAS, BETAS)])
    steps = [(round(found.alpha + da, 2), round(found.beta + db, 2)) for da, db in FINER]
    found = best([weights for pair in steps if (weights := Weights(*pair, WIDTHS[1])) not in results])
    widths = [replace(found, beam_width=width) for width in WIDTHS]
    lowest = results[best([weights for weights in widths if weights not in results])]
    return next(weights for weights in widths if results[weights] < lowest + WORTH)


def report(name: str, hypotheses: list[Hypothesis], references: list[str]) -> None:
    """Print the WER, and how well the confidences are calibrated."""
    confidences, right = judge(hypotheses, references)
    wer = jiwer.wer(references, [hypothesis.text for hypothesis in hypotheses])
    ece, area = expected_calibration_error(confidences, right), auc(confidences, right)
    print(f"{name}: WER {wer:.4f}, calibration error {ece:.4f}, AUC {area:.4f}", flush=True)


def main() -> None:
    """Fit the weights, then the temperature, then the curves: each is fitted to the results of those before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="w2v-mini")
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--clips", type=int, default=1000, help="how many at most (default 1000)")
    arguments = parser.parse_args()
    corpus = Corpus(arguments.data)
    chosen = spread(corpus.dev, arguments.clips)
    network, references = CTCModel.load(arguments.model), [u.text for u in chosen]
    emissions = network.emit([Waveform(corpus.samples(u), RATE) for u in chosen])
    print(f"{len(chosen)} clips of {len({u.speaker for u in chosen})} speakers", flush=True)

    language_model = load(BUNDLED)
    weights = weigh(language_model, emissions, references)
    save_weights(BUNDLED, weights)
    print(f"best: {weights}", flush=True)
    search = BeamSearch(language_model=language_model, **asdict(weights))

    calibration = fit_temperature(emissions, references)
    found = [search(replace(one, calibration=calibration)) for one in emissions]
    calibration = replace(
        calibration,
        acoustic=fit_curve([greedy(replace(one, calibration=calibration)) for one in emissions], references, language=False),
        language=fit_curve(found, references, language=True),
        language_model=language_model.fingerprint,
    )
    calibration.save(network.folder)
    print(calibration, flush=True)
    for name, decode in (("greedy", greedy), ("with the language model", search)):
        for when, applied in (("before", UNCALIBRATED), ("after", calibration)):
            report(f"{name}, {when}", [decode(replace(one, calibration=applied)) for one in emissions], references)


if __name__ == "__main__":
    main()
