"""An evaluation in the forms of other tools: the Hub's ``.eval_results``, NeMo's manifest, and NIST's trn and stm.

Texts are as they were scored: normalised, and with compounds in the form of the reference.
"""

import json
import re
from collections.abc import Callable
from datetime import date
from urllib.parse import quote

from w2vkit.errors import EvaluationError
from w2vkit.evaluate.evaluation import Evaluation
from w2vkit.evaluate.report import remark
from w2vkit.pipeline.datasets import Corpus

BOARD = "hf-audio/open-asr-leaderboard"
SETS = ("ami", "earnings22", "gigaspeech", "librispeech", "spgispeech", "voxpopuli")


def eval_results(evaluation: Evaluation, corpus: Corpus) -> tuple[str, str] | None:
    """Give a file for the folder ``.eval_results`` of a model on the Hub, as (name, YAML), with the WER in per cent.

    For the Open ASR Leaderboard's test sets, and for LibriSpeech's own, the task is the leaderboard's. For any other data set
    it is the configuration; the Hub counts the result if the data set's ``eval.yaml`` has a task of that name.
    Source: https://huggingface.co/docs/hub/eval-results

    Returns
    -------
    (str, str) or None
        None for data that is not from the Hub.
    """
    from huggingface_hub.utils import yaml_dump

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", corpus.name):
        return None
    dataset, task = _task(evaluation, corpus)
    name = "-".join(filter(None, (corpus.name.partition("/")[2], corpus.config, corpus.split)))
    result = {
        "dataset": {"id": dataset, "task_id": task},
        "value": round(100 * evaluation.wer, 2),
        "date": date.today().isoformat(),
        "notes": f"WER in per cent; scoring {evaluation.scoring}; decoder {evaluation.decoder}; measured with w2vkit",
    }
    return re.sub(r"[^\w.-]", "_", name) + ".yaml", f"{remark(evaluation, corpus)}\n" + yaml_dump([result])


def _task(evaluation: Evaluation, corpus: Corpus) -> tuple[str, str]:
    part = (corpus.split or "").removeprefix("test").lstrip(".")
    name, config = corpus.name, corpus.config or "default"
    if name == "openslr/librispeech_asr" and evaluation.scoring == "leaderboard" and (corpus.split or "").startswith("test"):
        name, config, part = BOARD, "librispeech", part or config
    if name == BOARD and config in SETS:
        config = "_".join(filter(None, (config, part, "wer")))
    return name, config


def manifest(evaluation: Evaluation) -> dict[str, str]:
    """Give NeMo's manifest of results, by file name: one JSON object per utterance with text and pred_text."""
    rows = (
        {"audio_filepath": one.id, "duration": one.seconds or None, "text": one.reference, "pred_text": one.hypothesis}
        for one in evaluation.utterances
    )
    return {"manifest.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)}


def trn(evaluation: Evaluation) -> dict[str, str]:
    """Give sclite's transcripts, by file name: ``sclite -r reference.trn trn -h hypothesis.trn trn -i spu_id``."""
    return {
        f"{side}.trn": "".join(f"{getattr(one, side)} ({_token(one.id)})\n".lstrip() for one in evaluation.utterances)
        for side in ("reference", "hypothesis")
    }


def stm(evaluation: Evaluation) -> dict[str, str]:
    """Give segment time marks, by file name: recording, channel, speaker, start, end (s) and text, by recording.

    Raises
    ------
    EvaluationError
        The duration of an utterance is unknown.
    """
    if unknown := next((one.id for one in evaluation.utterances if not one.seconds), None):
        raise EvaluationError(f"The duration of {unknown} is unknown, and stm needs it. Choose --format trn.")
    rows = sorted(evaluation.utterances, key=lambda one: _token(one.id))
    return {
        f"{side}.stm": "".join(
            f"{_token(one.id)} 1 {_token(one.speaker or 'unknown')} 0.000 {one.seconds:.3f} {getattr(one, side)}".rstrip()
            + "\n"
            for one in rows
        )
        for side in ("reference", "hypothesis")
    }


FORMATS: dict[str, Callable[[Evaluation], dict[str, str]]] = {"manifest": manifest, "trn": trn, "stm": stm}


def _token(name: str) -> str:
    """Write a name without spaces and parentheses, which end it in these files."""
    return re.sub(r"[\s()%;]", lambda match: quote(match[0]), name)
