"""Measure the shipped checkpoint on every eval file and write its model card: `python -m training.card EVAL_FOLDER`.

Greedy decoding, raw upper-case text on both sides (`card` scoring); 95 % bootstrap intervals over speakers
where there are ten or more, else over utterances. The same figures come from `w2vkit evaluate FILE --model w2v-mini`,
those of the last column with ``--lm bundled``.
"""

import argparse
import json
from pathlib import Path

from w2vkit.checkpoints import mini_folder
from w2vkit.decode import BeamSearch
from w2vkit.decode.lm import BUNDLED, load
from w2vkit.evaluate import Evaluation, evaluate
from w2vkit.model import CTCModel
from w2vkit.pipeline.datasets import open_corpus

SPLITS = {  # file, what it is called in the card
    "librispeech-test-clean-320": ("LibriSpeech test-clean, 8 utterances of each speaker", "CC BY 4.0"),
    "librispeech-test-other-100": ("LibriSpeech test-other, 10 speakers (not the published split)", "CC BY 4.0"),
    "librispeech-word-times-60": ("LibriSpeech speaker 8226", "CC BY 4.0"),
    "speechocean762-200": ("speechocean762, non-native, half of them children", "free for any use"),
    "spoken-digits-300": ("Free Spoken Digit Dataset, one digit each, 8 kHz", "CC BY-SA 4.0"),
}
TEXT = Path(__file__).with_name("card.md")


def index_entry(name: str, result: Evaluation) -> str:
    """One data set of the card's ``model-index``."""
    metrics = "".join(
        f"        - type: {kind}\n          name: {kind.upper()}\n          value: {100 * value:.2f}\n"
        for kind, value in (("wer", result.wer), ("cer", result.cer))
    )
    return (
        "      - task:\n          type: automatic-speech-recognition\n          name: Automatic Speech Recognition\n"
        f"        dataset:\n          name: {json.dumps(SPLITS[name][0])}\n          type: {name}\n        metrics:\n{metrics}"
    )


def row(name: str, result: Evaluation, helped: Evaluation) -> str:
    """One line of the card's table."""
    low, high = result.interval or (result.wer, result.wer)
    return (
        f"| {SPLITS[name][0]} | {len(result.utterances)} | {result.seconds / 3600:.2f} | {100 * result.wer:.1f} % "
        f"| {100 * low:.1f} to {100 * high:.1f} % | {100 * result.cer:.1f} % "
        f"| {100 * helped.wer:.1f} % |"
    )


def main() -> None:
    """Evaluate and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of eval Parquet files")
    folder = parser.parse_args().folder
    model = CTCModel.load("w2v-mini", dtype="float32")
    searched = BeamSearch(language_model=load(BUNDLED))
    results, rows = {}, []
    for name in SPLITS:
        path = str(folder / f"{name}.parquet")
        results[name] = evaluate(model, open_corpus(path))
        rows.append(row(name, results[name], evaluate(model, open_corpus(path), decode=searched)))
        print(rows[-1], flush=True)
    card = TEXT.read_text(encoding="utf-8")
    card = card.replace("{{index}}", "".join(index_entry(name, result) for name, result in results.items()).rstrip())
    card = card.replace("{{table}}", "\n".join(rows))
    (mini_folder() / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
