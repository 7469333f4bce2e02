"""Sound that the tests make themselves, and tiny random checkpoints of both kinds of feature extractor."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from served import serve_demo

from w2vkit.decode import Hypothesis, Word
from w2vkit.emissions import Emissions
from w2vkit.vocabulary import Vocabulary

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

LABELS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"]
EVAL = Path(__file__).parents[2] / "shared" / "speech" / "eval"


@pytest.fixture(scope="session")
def eval_folder() -> Path:
    """Real speech beside the checkout; where it is absent the tests that need it say so, but CI must have it."""
    if not EVAL.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"CI must run on real speech, and {EVAL.name} is not there")
        pytest.skip("the real speech for measuring is not beside this checkout")
    return EVAL


@pytest.fixture(scope="session")
def heard() -> dict[str, str]:
    """What the core hears in each bundled clip, greedily."""
    from w2vkit.decode import greedy
    from w2vkit.examples import examples
    from w2vkit.transcribe import transcribe

    return {clip.path.name: transcribe(clip.path, "w2v-mini", decode=greedy).text for clip in examples()}


@pytest.fixture(scope="session")
def read() -> dict[str, str]:
    """What w2v-mini and its language model make of each bundled clip: page, command line and wheel must say the same."""
    from w2vkit.examples import examples
    from w2vkit.transcribe import transcribe

    return {clip.path.name: transcribe(clip.path, "w2v-mini").text for clip in examples()}


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """The page, served once for all the tests that open it."""
    with serve_demo() as address:
        yield address


@pytest.fixture
def tone() -> np.ndarray:
    """One second of a 440 Hz tone at 16 kHz, half of full scale."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path):
    """Write samples to a sound file and give its path."""

    def writer(name: str, samples: np.ndarray, rate: int = 16_000, **options: Any) -> Path:
        path = tmp_path / name
        soundfile.write(path, samples, rate, **options)
        return path

    return writer


def spell(frames: list[str], labels: list[str] | None = None, sure: float = 0.98) -> Emissions:
    """Emissions whose likeliest label in every frame is the one spelled; "_" is the blank, " " the boundary."""
    vocabulary = Vocabulary.of(labels or LABELS)
    rest = (1 - sure) / (len(vocabulary) - 1)
    probabilities = np.full((len(frames), len(vocabulary)), rest)
    columns = {"_": vocabulary.blank, **vocabulary.columns}
    for t, label in enumerate(frames):
        probabilities[t, columns.get(label, vocabulary.labels.index(label) if label in vocabulary.labels else 0)] = sure
    return Emissions(np.log(probabilities).astype(np.float32), vocabulary)


@pytest.fixture
def greeting() -> Hypothesis:
    """A hypothesis with a pause, for the writers."""
    words = (Word("GOOD", 0.1, 0.34, 0.99), Word("DAY", 0.4, 0.62, 0.8), Word("O'NEIL", 1.5, 2.02, 0.4567))
    return Hypothesis("GOOD DAY O'NEIL", words, -1.25)


def make_checkpoint(folder: Path, norm: str, *, labels: list[str] | None = None, head: bool = True, seed: int = 0) -> Path:
    """Save a tiny random checkpoint: norm "layer" takes an attention mask, "group" does not."""
    import torch
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Model,
        Wav2Vec2Processor,
    )

    labels = labels or LABELS
    torch.manual_seed(seed)
    config = Wav2Vec2Config(
        vocab_size=len(LABELS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        conv_bias=norm == "layer",
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = Wav2Vec2ForCTC(config) if head else Wav2Vec2Model(config)
    if head:
        with torch.no_grad():
            # Louder than the usual start, so that the text is not all blank; special labels stay silent,
            # as they do in a trained checkpoint.
            model.lm_head.weight.mul_(12.0)
            model.lm_head.bias[1:4] = -100.0
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({label: i for i, label in enumerate(labels)}))
    Wav2Vec2Processor(
        feature_extractor=Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer"),
        tokenizer=Wav2Vec2CTCTokenizer(str(vocabulary)),
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The models that invariants are tested on, by name: the bundled one and a random one of each norm."""
    root = tmp_path_factory.mktemp("checkpoints")
    random = {f"random-{norm}": str(make_checkpoint(root / f"random-{norm}", norm)) for norm in ("layer", "group")}
    return {"w2v-mini": "w2v-mini", **random}
