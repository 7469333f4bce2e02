"""Turn the averaged weights of a run into the checkpoint that w2vkit ships."""

import argparse
import json
import tempfile
from pathlib import Path

import torch
from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC, Wav2Vec2Processor

from training.student import build, depth
from training.teacher import LABELS


def processor() -> Wav2Vec2Processor:
    """Build the processor of the LibriSpeech checkpoints: upper case, zero mean and unit variance, attention mask."""
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = Path(folder) / "vocab.json"
        vocabulary.write_text(json.dumps({label: i for i, label in enumerate(LABELS)}))
        tokenizer = Wav2Vec2CTCTokenizer(str(vocabulary), do_lower_case=False, word_delimiter_token="|")
    extractor = Wav2Vec2FeatureExtractor(
        feature_size=1, sampling_rate=16000, padding_value=0.0, do_normalize=True, return_attention_mask=True
    )
    return Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer)


def export(model: Wav2Vec2ForCTC, folder: Path) -> None:
    """Write configuration, processor and float16 weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model*.safetensors*"):
        old.unlink()
    model.half().save_pretrained(folder, max_shard_size="15MB")  # no file of the repository has more than 25 MB
    # float16 only saves space on the disk: programs that load the checkpoint choose their own dtype.
    config = json.loads((folder / "config.json").read_text())
    config["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    processor().save_pretrained(folder)


def main() -> None:
    """Export the averaged weights of a state."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path, help="state.pt of a run, or a mean")
    parser.add_argument("--target", type=Path, default=Path("w2vkit/checkpoints/w2v-mini"))
    arguments = parser.parse_args()
    weights = torch.load(arguments.state, map_location="cpu", weights_only=True)["average"]
    model = build(None, 0, depth(weights))
    model.load_state_dict(weights)
    export(model, arguments.target)


if __name__ == "__main__":
    main()
