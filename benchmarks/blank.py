"""Measure what it costs to drop the blank before repeats are merged, as ``batch_decode(skip_special_tokens=True)`` does.

    python -m benchmarks.blank [MODEL]

The bundled clips are read greedily, by w2vkit and by the tokenizer of transformers, with and without that option. See
https://github.com/huggingface/transformers/pull/29311.
"""

import argparse
import json

import jiwer
from transformers import AutoTokenizer

from w2vkit.audio import load
from w2vkit.decode import greedy
from w2vkit.examples import examples
from w2vkit.model import CTCModel


def main() -> None:
    """Print the word error rate of each reading."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="w2v-mini")
    model = CTCModel.load(parser.parse_args().model)
    tokenizer = AutoTokenizer.from_pretrained(model.folder)
    clips = examples()
    emissions = model.emit([load(clip.path) for clip in clips])
    paths = [one.log_probs.argmax(axis=1).tolist() for one in emissions]
    readings = {
        "w2vkit": [greedy(one).text for one in emissions],
        "batch_decode(ids)": tokenizer.batch_decode(paths),
        "batch_decode(ids, skip_special_tokens=True)": tokenizer.batch_decode(paths, skip_special_tokens=True),
    }
    found = {name: jiwer.wer([clip.text for clip in clips], texts) for name, texts in readings.items()}
    print(f"WER of {model.name} on {len(clips)} clips, {sum(one.seconds for one in emissions):.0f} s")
    for name, wer in found.items():
        print(f"{100 * wer:6.1f} %  {name}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
