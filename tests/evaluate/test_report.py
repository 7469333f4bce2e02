import io
import json
import os
import re
from dataclasses import replace
from errno import ENOSPC
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from huggingface_hub import ModelCard
from support.checkpoints import make_checkpoint
from support.speller import sound, speller, utterances
from support.tables import TEXTS, parquet, rows

from w2vkit.cli import main
from w2vkit.cli.evaluate import AS_HTML, AS_JSON, AS_YAML, RESULTS
from w2vkit.errors import ClusterError
from w2vkit.evaluate import Evaluation, evaluate
from w2vkit.evaluate.html import to_html
from w2vkit.evaluate.published import published
from w2vkit.evaluate.report import model_index, table, to_json
from w2vkit.model.hub import DEFAULT
from w2vkit.pipeline import files
from w2vkit.pipeline.datasets import Corpus, Utterance
from w2vkit.pipeline.files import locked
from w2vkit.pipeline.shards import Shards

NASTY = "<script>alert('&')</script>\"'"


def corpus(made: list[Utterance], name: str = "openslr/librispeech_asr", complete: bool = True) -> Corpus:
    return Corpus(name, "clean", "test", len(made), complete, lambda: iter(made))


def evaluated(made: list[Utterance], **options) -> Evaluation:
    return replace(evaluate(speller(), made, **options), speed=None)


def test_the_table_as_a_whole():
    made = [
        Utterance("a", sound("A BIG CAT SAT"), "A CAT SAT DOWN", "x"),
        Utterance("b", sound("GOOD DAY"), "GOOD DAY", "y"),
        Utterance("c", b"", "LOST", "y"),
    ]
    assert (
        table(evaluated(made), corpus(made))
        == """\
speller (float32) on openslr/librispeech_asr clean test
scoring card: raw text, as the model card scores
decoder: greedy

WER             33.33 %             2 errors in 6 words
95 % interval   0.00 % to 50.00 %   bootstrap over 2 utterances
CER             36.36 %             character error rate
errors          0 / 1 / 1           substituted / deleted / inserted
audio           0:00:01             2 utterances scored, 1 failed
calibration     8.61 %              expected difference of confidence and accuracy, 6 words

published on this split
  paper's best: 960 h labelled, language model   1.8 %
  paper: 10 h labelled, language model           2.6 %
  paper: 10 min labelled, language model         4.8 %

by length
  under 5 s   2 utterances   6 words   33.33 %

by speaker (the worst 2 of 2)
  x   1 utterances   4 words   50.00 %
  y   1 utterances   2 words   0.00 %

worst utterances
  a  2 errors in 4 words
    REF A *** CAT SAT DOWN
    HYP A BIG CAT SAT ***
"""
    )


def test_a_long_alignment_is_broken_between_words():
    text = " ".join(["SOMETHING LONG"] * 12)
    lines = table(evaluated([Utterance("a", sound(text), text + " MORE")]), corpus([])).splitlines()
    shown = [line[8:].split() for line in lines if line.startswith("    REF")]
    assert len(shown) == 2 and " ".join(word for line in shown for word in line) == text + " MORE"
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize(
    ("name", "config", "split", "wers"),
    [
        ("openslr/librispeech_asr", "clean", "test", [1.9, 1.8, 2.6, 4.8]),
        ("openslr/librispeech_asr", "other", "test", [3.9, 3.3, 4.9, 8.2]),
        ("openslr/librispeech_asr", "all", "test.other", [3.9, 3.3, 4.9, 8.2]),
        ("test-clean", None, None, [1.9, 1.8, 2.6, 4.8]),
        ("openslr/librispeech_asr", "clean", "validation", []),
        ("someone/else", "clean", "test", []),
    ],
)
def test_published_figures_stand_beside_their_own_model_and_split_only(name, config, split, wers):
    made = utterances(2)
    evaluation, where = replace(evaluated(made), model=DEFAULT), Corpus(name, config, split, 2, True, lambda: iter(made))
    assert [figure.wer for figure in published(evaluation, where)] == wers
    assert [figure.wer for figure in published(replace(evaluation, model="w2v-mini"), where)] == wers[1:]
    assert published(replace(evaluation, scoring="whisper"), where) == []


def test_json_holds_the_figures_and_no_nan():
    made = [*utterances(12), Utterance("empty", sound(""), "", "silent")]
    evaluation = evaluate(speller(), made)
    data = json.loads(to_json(evaluation, corpus(made)), parse_constant=pytest.fail)
    assert data["wer"] == evaluation.wer and data["interval"] == list(evaluation.interval or ())
    assert data["speed"]["rtfx"] > 0 and len(data["utterances"]) == 13
    assert [row["wer"] for row in data["speakers"] if row["name"] == "silent"] == [None]
    assert data["worst"][0]["id"] == evaluation.worst()[0].id


def test_the_model_index_is_read_by_the_hub():
    made = utterances(12)
    block = model_index(evaluated(made), corpus(made))
    (result,) = ModelCard(f"---\n{block}---\n# Card\n").data.to_dict()["model-index"][0]["results"]
    where = {"name": "openslr/librispeech_asr", "type": "openslr/librispeech_asr", "config": "clean", "split": "test"}
    assert result["dataset"] == where
    assert result["metrics"][0] == {"name": "Test WER", "type": "wer", "value": round(100 * evaluated(made).wer, 2)}
    assert [metric["type"] for metric in result["metrics"]] == ["wer", "cer"]
    part = model_index(evaluated(made, scoring="whisper"), corpus(made, complete=False))
    assert "NOT the whole split" in part and "Test WER (Whisper's normaliser)" in part


class Parsed(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.links, self.text = list[str](), list[str](), ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_no_other_file_and_escapes_every_text():
    made = [
        Utterance(f"id{NASTY}", sound("A BAD " + NASTY[:1]), f"A {NASTY} B", f"speaker{NASTY}"),
        Utterance("b", sound("A" * 90), "A" * 90, "other"),
        Utterance(f"lost{NASTY}", b"", "A", error=f"fault{NASTY}"),
    ]
    where = replace(corpus(made), name=f"name{NASTY}")
    file = io.BytesIO()
    soundfile.write(file, np.zeros(100), 16_000, format="FLAC")
    page = Parsed(to_html(evaluated(made), where, audio={made[0].id: file.getvalue()}))
    assert page.tags.count("script") == 1, "a text became a script"
    for text in (f"id{NASTY}", f"speaker{NASTY}", f"lost{NASTY}", f"fault{NASTY}", f"name{NASTY}"):
        assert text in page.text
    assert page.links and all(link.startswith("data:audio/flac;base64,") for link in page.links)
    assert not re.search(r"url\(|@import|https?:", to_html(evaluated(made), corpus(made)))


def test_the_page_of_a_run_without_errors_or_speakers():
    page = Parsed(to_html(evaluated([Utterance("a", sound("A"), "A")]), corpus([])))
    assert "0.00 %" in page.text and "Worst" not in page.text and "svg" not in page.tags


@pytest.mark.slow
def test_a_browser_sorts_the_utterances_and_plays_the_worst(browser, tmp_path):
    made = utterances(40)
    file = io.BytesIO()
    soundfile.write(file, sound("A" * 40)[1], 16_000, format="FLAC")
    evaluation = evaluated(made)
    path = tmp_path / "report.html"
    path.write_text(to_html(evaluation, corpus(made), audio={evaluation.worst()[0].id: file.getvalue()}), encoding="utf-8")
    for scheme, dark in (("light", False), ("dark", True)):
        page = browser.new_page(color_scheme=scheme, viewport={"width": 380, "height": 700})
        problems: list[str] = []
        page.on("console", lambda message, problems=problems: problems.append(message.text))
        page.on("pageerror", lambda error, problems=problems: problems.append(str(error)))
        page.goto(path.as_uri())
        rows = page.locator("section:has(h2:text('All utterances')) table")

        def column(number: int, rows=rows) -> list[str]:
            return rows.locator(f"tbody td:nth-child({number})").all_text_contents()

        for name, number in (("errors", 4), ("WER", 5)):
            rows.locator(f"th:text-is('{name}')").click()
            down = [float(text.rstrip(" %")) for text in column(number)]
            assert down == sorted(down, reverse=True) and down[0] > down[-1] and len(down) == 40
            rows.locator(f"th:text-is('{name}')").click()
            assert [float(text.rstrip(" %")) for text in column(number)] == down[::-1]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a narrow window scrolls sideways"
        seconds = page.evaluate(
            "new Promise((ok, no) => { const a = document.querySelector('audio');"
            " a.onloadedmetadata = () => ok(a.duration); a.onerror = () => no(a.error.message);"
            " a.preload = 'metadata'; a.load(); })"
        )
        assert seconds == pytest.approx(1.0, abs=0.01)
        light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert light != dark and not problems
        page.close()


def command(*arguments: object) -> int:
    """Run ``w2vkit evaluate`` in this process."""
    from w2vkit.cli import main

    return main(["evaluate", *map(str, arguments)])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_checkpoint(tmp_path_factory.mktemp("models") / "tiny", "layer"))


def test_the_command_writes_four_files_and_resumes_from_them(tmp_path, tiny, capsys):
    source, out = parquet(tmp_path / "test.parquet", rows()), tmp_path / "out"
    options = ("--model", tiny, "--dtype", "float32", "--device", "cpu", "--output-dir", out)
    assert command(source, *options, "--limit", 3, "--with-audio") == 0
    first = capsys.readouterr()
    assert "tiny (float32) on test.parquet, 3 utterances of it" in first.out and "written to" in first.err
    assert first.err.startswith("Decoding: greedy.\n")
    assert {file.name for file in out.iterdir()} == {RESULTS, AS_JSON, AS_HTML, AS_YAML}
    assert "data:audio/flac;base64," in (out / AS_HTML).read_text(encoding="utf-8")
    assert command(source, *options) == 0
    assert "3 of 5 transcripts are an earlier run's" in capsys.readouterr().out
    assert [json.loads(line)["reference"] for line in (out / RESULTS).read_text().splitlines()[1:]] == TEXTS
    assert json.loads((out / AS_JSON).read_text())["data"]["complete"] is True


def test_the_command_resumes_a_beam_search_only_with_the_same_settings(tmp_path, tiny, capsys):
    source, out = parquet(tmp_path / "test.parquet", rows()), tmp_path / "out"
    options = ("--model", tiny, "--device", "cpu", "--output-dir", out)
    beam = (*options, "--decoder", "beam", "--beam-width", 4, "--hotword", "CAT=6")
    assert command(source, *beam, "--limit", 2) == 0
    assert "decoder: beam search, beam_width 4" in capsys.readouterr().out
    head = json.loads((out / RESULTS).read_text().splitlines()[0])
    assert (head["decoder"], head["beam_width"], head["hotwords"]) == ("beam_search", 4, {"CAT": 6.0})
    assert command(source, *beam) == 0
    assert "2 of 5 transcripts are an earlier run's" in capsys.readouterr().out
    for other in ((*options, "--decoder", "beam"), (*beam, "--hotword", "DOG"), options):
        assert command(source, *other) == 1
        assert "results of another run" in capsys.readouterr().err


def test_the_command_exits_with_1_if_an_utterance_failed(tmp_path, tiny, capsys):
    made = rows()
    made[1]["audio"]["bytes"] = b"not sound"
    out = tmp_path / "out"
    assert command(parquet(tmp_path / "test.parquet", made), "--model", tiny, "--output-dir", out) == 1
    said = capsys.readouterr()
    assert "1 of 5 utterances failed" in said.err and "7-1: 7-1.flac could not be read as audio" in said.err
    assert "4 utterances scored, 1 failed" in said.out and "could not be read" in (out / AS_HTML).read_text(encoding="utf-8")


def test_wrong_calls_of_the_command_are_refused(tmp_path, tiny, capsys):
    source = parquet(tmp_path / "test.parquet", rows())
    assert command(source, "--model", tiny, "--with-audio") == 1
    assert "Add --output-dir" in capsys.readouterr().err
    (tmp_path / "taken").write_text("a file")
    assert command(source, "--model", tiny, "--output-dir", tmp_path / "taken") == 1
    assert "could not be written" in capsys.readouterr().err


def test_ctrl_c_tells_how_to_resume(tmp_path, tiny, capsys, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    from w2vkit.model import CTCModel

    monkeypatch.setattr(CTCModel, "emit_each", stopped)
    source = parquet(tmp_path / "test.parquet", rows())
    assert command(source, "--model", tiny, "--output-dir", tmp_path / "out") == 130
    assert "run the same command again to resume" in capsys.readouterr().err


def test_a_full_disk_while_reporting_names_the_file(tmp_path, tiny, capsys, monkeypatch):
    written = files.replace

    def full(path: Path, data: bytes) -> None:
        if path.name == AS_HTML:
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        written(path, data)

    monkeypatch.setattr(files, "replace", full)
    source, out = parquet(tmp_path / "test.parquet", rows()), tmp_path / "out"
    assert command(source, "--model", tiny, "--output-dir", out) == 1
    said = capsys.readouterr()
    assert f"{AS_HTML} could not be written: No space left" in said.err and "WER" in said.out
    assert (out / RESULTS).read_text().count("\n") == len(TEXTS) + 1


def test_reports_of_another_origin_and_inputs_are_kept(tmp_path, tiny, capsys):
    source, out = parquet(tmp_path / "test.parquet", rows()), tmp_path / "out"
    out.mkdir()
    (out / AS_HTML).write_text("my page")
    assert command(source, "--model", tiny, "--output-dir", out) == 1
    assert f"{AS_HTML} is there already" in capsys.readouterr().err and (out / AS_HTML).read_text() == "my page"
    assert command(source, "--model", tiny, "--output-dir", out, "--overwrite") == 0
    assert command(source, "--model", tiny, "--output-dir", out) == 0
    (table := tmp_path / RESULTS).write_text('{"path": "a.wav", "text": "A"}\n')
    assert command(table, "--model", tiny, "--output-dir", tmp_path, "--overwrite") == 1
    assert "is the input itself" in capsys.readouterr().err and table.read_text().startswith('{"path"')


def test_the_second_of_two_runs_into_one_folder_is_an_error(tmp_path, tiny, capsys):
    with locked(tmp_path / "out"):
        assert command(parquet(tmp_path / "test.parquet", rows()), "--model", tiny, "--output-dir", tmp_path / "out") == 1
    assert "Another run of w2vkit" in capsys.readouterr().err and not list((tmp_path / "out").iterdir())


def test_shards_are_not_mixed_with_files_of_a_user(tmp_path):
    (tmp_path / "part-00000.parquet").write_bytes(b"mine")
    with pytest.raises(ClusterError, match="not w2vkit's"):
        Shards(tmp_path, {}, total=1, workers=1)
    for content in ("{}", "[]", "mine"):
        (tmp_path / "job.json").write_text(content)
        with pytest.raises(ClusterError, match="not w2vkit's"):
            Shards(tmp_path, {}, total=1, workers=1)
        assert (tmp_path / "job.json").read_text() == content


def test_control_characters_of_a_data_set_do_not_reach_the_terminal(tmp_path, tiny, capsys):
    made = rows()
    made[0]["text"], made[1]["id"], made[1]["audio"]["bytes"] = "ONE\x1b[2J TWO", "a\x1b[31m", b"not sound"
    assert command(parquet(tmp_path / "test.parquet", made), "--model", tiny) == 1
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err and "a\ufffd[31m" in told.err


def test_an_error_of_the_data_set_is_one_line(tmp_path, tiny, capsys):
    assert command(tmp_path / "none.parquet", "--model", tiny) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_page_of_a_comparison_replaces_neither_a_system_nor_another_file(tmp_path, capsys):
    from w2vkit.cli import main

    for name, text in (("a", "ONE TWO"), ("b", "ONE")):
        (tmp_path / f"{name}.tsv").write_text(f"id\ttext\treference\n1\t{text}\tONE TWO\n2\tA\tA\n")
    (tmp_path / "page.html").write_text("mine")
    call = ["compare", str(tmp_path / "a.tsv"), str(tmp_path / "b.tsv"), "--html"]
    for output in ("a.tsv", "page.html"):
        before = (tmp_path / output).read_bytes()
        assert main([*call, str(tmp_path / output)]) == 1
        assert (tmp_path / output).read_bytes() == before
    assert main([*call, str(tmp_path / "page.html"), "--overwrite"]) == 0, capsys.readouterr().err


def test_no_control_character_of_a_data_set_reaches_a_report_or_the_terminal(tmp_path, monkeypatch, capsys):
    controls = "\x1b[2J\x07\x9b1m\x7f\u202e"
    monkeypatch.setattr("w2vkit.cli.evaluate.load_model", lambda options: speller())
    soundfile.write(tmp_path / "a.wav", sound("A CAT")[1], 16_000, subtype="FLOAT")
    rows = [{"id": f"a{controls}", "path": "a.wav", "text": f"A {controls} CAT", "speaker": controls}]
    rows.append({"id": f"gone{controls}", "path": f"{controls}.wav", "text": "A"})
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    out = tmp_path / "out"
    assert main(["evaluate", str(tmp_path / "list.jsonl"), "--output-dir", str(out)]) == 1
    assert main(["compare", str(out), str(out), "--html", str(tmp_path / "both.html")]) == 0
    written = [path.read_text(encoding="utf-8") for path in (*out.iterdir(), tmp_path / "both.html") if path.is_file()]
    assert len(written) >= 5
    for text in (*written, *capsys.readouterr()):
        assert not set(text) & set("\x1b\x07\x9b\x7f\u202e")
    kept = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()[1:]]
    assert kept[0]["id"] == rows[0]["id"] and kept[0]["reference"] == rows[0]["text"]  # escaped, not replaced
