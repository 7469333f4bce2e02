"""An evaluation in the forms of other tools, read back by other means."""

import json
import re
from dataclasses import replace

import jiwer
import pytest
import yaml
from support.speller import sound, speller, utterances

from w2vkit.cli import main
from w2vkit.cli.evaluate import FORMATS
from w2vkit.errors import EvaluationError
from w2vkit.evaluate import evaluate, exports
from w2vkit.evaluate.exports import BOARD
from w2vkit.evaluate.hypotheses import read_texts
from w2vkit.pipeline.datasets import Corpus, Utterance

NASTY = Utterance("a (b) 100%/c;d", sound("A B"), "A C", "Ann Smith")


def evaluated():
    return evaluate(speller(), [NASTY, *utterances(9), Utterance("mute", sound(""), "ONE")])


def corpus(name: str, config: str | None, split: str | None, complete: bool = True) -> Corpus:
    return Corpus(name, config, split, 2, complete, lambda: iter(()))


@pytest.mark.parametrize(
    ("where", "scoring", "id", "task"),
    [
        (("openslr/librispeech_asr", "clean", "test"), "leaderboard", BOARD, "librispeech_clean_wer"),
        (
            ("openslr/librispeech_asr", "all", "test.other"),
            "leaderboard",
            "hf-audio/open-asr-leaderboard",
            "librispeech_other_wer",
        ),
        (("openslr/librispeech_asr", "clean", "test"), "card", "openslr/librispeech_asr", "clean"),
        (("openslr/librispeech_asr", "clean", "validation"), "leaderboard", "openslr/librispeech_asr", "clean"),
        (("hf-audio/open-asr-leaderboard", "librispeech", "test.clean"), "leaderboard", None, "librispeech_clean_wer"),
        (("hf-audio/open-asr-leaderboard", "ami", "test"), "leaderboard", None, "ami_wer"),
        (("some/one", None, "test"), "whisper", "some/one", "default"),
    ],
)
def test_the_file_for_the_hub_has_its_required_fields(where, scoring, id, task):
    found = exports.eval_results(replace(evaluated(), scoring=scoring, wer=0.12341), corpus(*where))
    assert found is not None and re.fullmatch(r"[\w.-]+\.yaml", found[0])
    (result,) = yaml.safe_load(found[1])
    assert result["dataset"] == {"id": id or where[0], "task_id": task}
    assert result["value"] == 12.34
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(result["date"])) and scoring in result["notes"]
    assert set(result) <= {"dataset", "value", "date", "notes"}


def test_a_part_is_named_as_such_and_local_data_has_no_file():
    part = exports.eval_results(evaluated(), corpus("some/one", None, "test", complete=False))
    assert part is not None and "NOT the whole split" in part[1]
    assert exports.eval_results(evaluated(), corpus("list.csv", None, None)) is None


def test_the_texts_read_back_have_the_same_wer(tmp_path):
    e = evaluated()
    rows = [json.loads(line) for line in exports.manifest(e)["manifest.jsonl"].splitlines()]
    assert [row["audio_filepath"] for row in rows] == [u.id for u in e.utterances]
    assert jiwer.wer([r["text"] for r in rows], [r["pred_text"] for r in rows]) == pytest.approx(e.wer)
    sides = {}
    for name, text in exports.trn(e).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        sides[name] = read_texts(tmp_path / name)
    ids = list(sides["reference.trn"])
    assert ids == list(sides["hypothesis.trn"]) and ids[0] == "a%20%28b%29%20100%25/c%3Bd"
    texts = [[str(sides[f"{side}.trn"][id].hypothesis) for id in ids] for side in ("reference", "hypothesis")]
    assert jiwer.wer(texts[0], texts[1]) == pytest.approx(e.wer)
    stm = exports.stm(e)
    lines = {side: [line.split(maxsplit=5) for line in stm[f"{side}.stm"].splitlines()] for side in ("reference", "hypothesis")}
    assert [f[0] for f in lines["reference"]] == [f[0] for f in lines["hypothesis"]] == sorted(ids)
    assert lines["reference"][0][:5] == ["a%20%28b%29%20100%25/c%3Bd", "1", "Ann%20Smith", "0.000", "0.075"]
    assert ["mute", "1", "unknown", "0.000", "0.025"] in lines["hypothesis"]  # nothing was recognised
    with pytest.raises(EvaluationError, match="stm needs it"):
        exports.stm(replace(e, utterances=(replace(e.utterances[0], seconds=0.0),)))


def test_evaluate_writes_the_formats_of_other_tools(tmp_path, capsys):
    (tmp_path / "r.tsv").write_text("id\ttext\na\tNEW YORK\n")
    (tmp_path / "h.tsv").write_text("id\ttext\na\tNEW CORK\n")
    call = ["evaluate", str(tmp_path / "r.tsv"), "--hypotheses", str(tmp_path / "h.tsv"), "--format", "trn"]
    assert main(call) == 1 and "--output-dir" in capsys.readouterr().err
    out = tmp_path / "out"
    assert main([*call, "--format", "manifest", "--output-dir", str(out)]) == 0
    assert (out / "hypothesis.trn").read_text() == "NEW CORK (a)\n" and (out / "manifest.jsonl").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "reference.trn").write_text("mine")
    assert main([*call, "--output-dir", str(other)]) == 1 and (other / "reference.trn").read_text() == "mine"


def test_the_command_knows_the_names_of_the_files():
    e = evaluated()
    assert {name: tuple(write(e)) for name, write in exports.FORMATS.items()} == FORMATS
