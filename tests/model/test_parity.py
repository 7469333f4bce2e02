"""The code of the default model's card, run verbatim, against w2vkit on the same checkpoint and speech."""

import io
import textwrap
from typing import Any

import datasets
import jiwer
import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from w2vkit.audio import load
from w2vkit.checkpoints import mini_folder
from w2vkit.decode import greedy
from w2vkit.evaluate import evaluate
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.model.hub import DEFAULT
from w2vkit.pipeline.datasets import open_corpus
from w2vkit.pipeline.transcription import transcribe

SPEECH = "librispeech-test-clean-320.parquet"
EVERY = 32  # an utterance of every fourth speaker

# https://huggingface.co/facebook/wav2vec2-large-960h-lv60-self, "Usage" and "Evaluation". Only the model's name, the
# data set's and "cuda" are replaced when they run.
USAGE = """
 from transformers import Wav2Vec2Processor, Wav2Vec2ForCTC
 from datasets import load_dataset
 import torch

 # load model and processor
 processor = Wav2Vec2Processor.from_pretrained("facebook/wav2vec2-large-960h-lv60-self")
 model = Wav2Vec2ForCTC.from_pretrained("facebook/wav2vec2-large-960h-lv60-self")

 # load dummy dataset and read soundfiles
 ds = load_dataset("patrickvonplaten/librispeech_asr_dummy", "clean", split="validation")

 # tokenize
 input_values = processor(ds[0]["audio"]["array"], return_tensors="pt", padding="longest").input_values

 # retrieve logits
 logits = model(input_values).logits

 # take argmax and decode
 predicted_ids = torch.argmax(logits, dim=-1)
 transcription = processor.batch_decode(predicted_ids)
"""
EVALUATION = """
from datasets import load_dataset
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor
import torch
from jiwer import wer


librispeech_eval = load_dataset("librispeech_asr", "clean", split="test")

model = Wav2Vec2ForCTC.from_pretrained("facebook/wav2vec2-large-960h-lv60-self").to("cuda")
processor = Wav2Vec2Processor.from_pretrained("facebook/wav2vec2-large-960h-lv60-self")

def map_to_pred(batch):
    inputs = processor(batch["audio"]["array"], return_tensors="pt", padding="longest")
    input_values = inputs.input_values.to("cuda")
    attention_mask = inputs.attention_mask.to("cuda")

    with torch.no_grad():
        logits = model(input_values, attention_mask=attention_mask).logits

    predicted_ids = torch.argmax(logits, dim=-1)
    transcription = processor.batch_decode(predicted_ids)
    batch["transcription"] = transcription
    return batch

result = librispeech_eval.map(map_to_pred, remove_columns=["audio"])

print("WER:", wer(result["text"], result["transcription"]))
"""


class Rows(list):
    """The part of `datasets.Dataset` that the card uses, with audio decoded by soundfile instead of torchcodec."""

    def __getitem__(self, key: Any) -> Any:
        return [row[key] for row in self] if isinstance(key, str) else super().__getitem__(key)

    def map(self, function: Any, remove_columns: list[str]) -> "Rows":
        done = (function(dict(row)) for row in self)
        return Rows({key: value for key, value in row.items() if key not in remove_columns} for row in done)


def decoded(data: Any, text: str) -> dict[str, Any]:
    array, rate = soundfile.read(data, dtype="float32")
    return {"audio": {"array": array, "sampling_rate": rate}, "text": text}


def run_card(code: str, folder: str, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run one of the card's snippets, and give its variables."""
    monkeypatch.setattr(datasets, "load_dataset", lambda *names, **options: rows)
    assert code.count(DEFAULT) == 2
    names: dict[str, Any] = {}
    code = textwrap.dedent(code).replace(DEFAULT, folder).replace('"cuda"', '"cpu"')
    # The card's transcriptions are lists of one text, which jiwer took before its version 4.
    exec(code.replace('result["transcription"]', 'sum(result["transcription"], [])'), names)
    return names


@pytest.mark.parametrize("name", ["w2v-mini", "random-layer", "random-group"])
def test_the_cards_usage_gives_the_text_that_w2vkit_gives(checkpoints, name, monkeypatch):
    folder = str(mini_folder()) if name == "w2v-mini" else checkpoints[name]
    ours = CTCModel.load(checkpoints[name], device="cpu", dtype="float32")
    clip = examples()[3].path
    card = run_card(USAGE, folder, Rows([decoded(clip, "")]), monkeypatch)
    result = transcribe(clip, ours, decode=greedy)
    assert np.abs(result.emissions.log_probs - card["logits"][0].log_softmax(-1).detach().numpy()).max() < 1e-3
    assert result.text == " ".join(card["transcription"][0].split())


@pytest.mark.slow
def test_the_cards_evaluation_of_real_speech_gives_the_texts_and_the_wer_of_w2vkit(eval_folder, monkeypatch, capsys):
    table = pq.read_table(eval_folder / SPEECH, columns=["audio", "text"]).to_pylist()[::EVERY]
    rows = Rows(decoded(io.BytesIO(row["audio"]["bytes"]), row["text"]) for row in table)
    card = run_card(EVALUATION, str(mini_folder()), rows, monkeypatch)
    model = CTCModel.load("w2v-mini", device="cpu", dtype="float32")
    ours = evaluate(model, list(open_corpus(str(eval_folder / SPEECH)))[::EVERY])
    texts = [transcription[0] for transcription in card["result"]["transcription"]]
    assert [one.hypothesis for one in ours.utterances] == [" ".join(text.split()) for text in texts]
    assert ours.wer == pytest.approx(float(capsys.readouterr().out.removeprefix("WER: ")), abs=1e-9)


@pytest.mark.slow
def test_bfloat16_gives_nearly_the_text_of_float32_on_real_speech(eval_folder):
    utterances = list(open_corpus(str(eval_folder / SPEECH)))[:: 2 * EVERY]
    exact, rounded = (
        [one.hypothesis for one in evaluate(CTCModel.load("w2v-mini", device="cpu", dtype=dtype), utterances).utterances]
        for dtype in ("float32", "bfloat16")
    )
    assert jiwer.cer(exact, rounded) < 0.02  # frames with two nearly equal characters can change


def test_the_texts_of_the_random_checkpoint_differ(checkpoints):
    """Otherwise the tests above could not fail."""
    model = CTCModel.load(checkpoints["random-layer"], device="cpu", dtype="float32")
    texts = {greedy(model.emit([load(clip.path)])[0]).text for clip in examples()[:2]}
    assert len(texts) == 2 and all(len(text) > 5 for text in texts)
