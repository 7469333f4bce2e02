import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.speller import sound, speller
from support.tables import TEXTS, flac, parquet, rows

from w2vkit.audio import load
from w2vkit.audio.waveform import stream
from w2vkit.errors import DatasetError
from w2vkit.evaluate import evaluate
from w2vkit.pipeline import segments
from w2vkit.pipeline.datasets import open_corpus


def files(folder: Path, texts: list[str] = TEXTS) -> list[str]:
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    for k, text in enumerate(texts):
        (folder / f"clips/{k}.flac").write_bytes(flac(text))
    return [f"clips/{k}.flac" for k in range(len(texts))]


def librispeech(folder: Path) -> Path:
    for chapter in ("84/121", "61/70"):
        where = folder / "test-clean" / chapter
        where.mkdir(parents=True)
        name = chapter.replace("/", "-")
        lines = []
        for k, text in enumerate(TEXTS):
            (where / f"{name}-{k:04d}.flac").write_bytes(flac(text))
            lines.append(f"{name}-{k:04d} {text}\n")
        (where / f"{name}.trans.txt").write_text("".join(lines))
    return folder / "test-clean"


def manifest(folder: Path, kind: str) -> Path:
    paths, path = files(folder), folder / f"list.{kind}"
    if kind == "csv":
        lines = ["path,sentence,client_id", *(f'{p},"{t}",Zoë' for p, t in zip(paths, TEXTS, strict=True))]
    elif kind == "tsv":
        lines = ["path\tsentence\tclient_id", *(f"{p}\t{t}\tZoë" for p, t in zip(paths, TEXTS, strict=True))]
    else:
        made = zip(paths, TEXTS, strict=True)
        lines = [json.dumps({"audio_filepath": p, "text": t, "speaker": "Zoë", "duration": 1}) for p, t in made]
    path.write_text("﻿" * (kind == "csv") + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(params=["parquet", "folder", "librispeech", "csv", "tsv", "jsonl", "json"])
def source(request, tmp_path) -> Path:
    if request.param == "parquet":
        return parquet(tmp_path / "test.parquet", rows())
    if request.param == "folder":
        parquet(tmp_path / "data/test-00000-of-00002.parquet", rows()[:3])
        parquet(tmp_path / "data/test-00001-of-00002.parquet", rows()[3:])
        return tmp_path
    if request.param == "librispeech":
        return librispeech(tmp_path)
    return manifest(tmp_path, request.param)


def test_every_source_gives_sound_that_is_its_reference(source):
    corpus = open_corpus(source)
    evaluation = evaluate(speller(), corpus)
    assert evaluation.wer == 0.0 and not evaluation.failures
    assert [s.reference for s in evaluation.utterances] == TEXTS * (len(corpus) // len(TEXTS))
    assert len(corpus) == len(evaluation.utterances) and corpus.complete
    assert {s.speaker for s in evaluation.utterances} <= {"7", "84", "61", "Zoë"}
    assert [u.id for u in corpus] == [u.id for u in corpus], "a second reading differs"


def test_a_limit_takes_the_first_and_a_shuffle_a_sample_that_the_seed_fixes(source):
    everything = [u.id for u in open_corpus(source)]
    first = open_corpus(source, limit=2)
    assert [u.id for u in first] == everything[:2] and len(first) == 2 and not first.complete
    samples = {seed: [u.id for u in open_corpus(source, limit=3, shuffle=True, seed=seed)] for seed in range(8)}
    assert samples[3] == [u.id for u in open_corpus(source, limit=3, shuffle=True, seed=3)]
    assert len({tuple(ids) for ids in samples.values()}) > 1
    assert all(len(ids) == 3 and ids == sorted(ids, key=everything.index) for ids in samples.values())
    assert open_corpus(source, limit=1000).complete


def test_the_speech_for_measuring_is_read(eval_folder):
    corpus = open_corpus(eval_folder / "librispeech-test-clean-320.parquet", limit=3, shuffle=True)
    for utterance in corpus:
        assert load(utterance.audio).seconds > 1 and utterance.reference and utterance.speaker
    assert open_corpus(eval_folder / "librispeech-test-clean-320.parquet").total == 320


def test_only_the_row_groups_that_are_wanted_are_read(tmp_path):
    path = parquet(tmp_path / "a.parquet", rows())
    with pq.ParquetFile(path) as opened:
        column = opened.metadata.row_group(2).column(0)
    damaged = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    damaged[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(damaged)
    assert [u.error for u in open_corpus(path, limit=4)] == [None] * 4
    *whole, lost = open_corpus(path)
    assert [u.error for u in whole] == [None] * 4 and "damaged" in str(lost.error)


def test_a_split_chooses_the_files_of_a_folder(tmp_path):
    parquet(tmp_path / "test-00000-of-00001.parquet", rows()[:1])
    parquet(tmp_path / "clean/train/0000.parquet", rows()[1:])
    assert len(open_corpus(tmp_path, split="test")) == 1
    assert len(open_corpus(tmp_path, split="train")) == 4
    with pytest.raises(DatasetError, match="split 'dev'"):
        open_corpus(tmp_path, split="dev")


def test_paths_in_parquet_are_relative_to_it(tmp_path):
    made = [{"audio": {"bytes": None, "path": p}, "text": t} for p, t in zip(files(tmp_path), TEXTS, strict=True)]
    corpus = open_corpus(parquet(tmp_path / "list.parquet", made))
    assert evaluate(speller(), corpus).wer == 0.0
    assert next(iter(corpus)).id == "clips/0.flac"


def test_another_text_column_can_be_named(tmp_path):
    made = [{**row, "said": row["text"], "text": "WRONG"} for row in rows()]
    path = parquet(tmp_path / "a.parquet", made)
    assert evaluate(speller(), open_corpus(path, text_column="said")).wer == 0.0
    with pytest.raises(DatasetError, match=r"no column 'words'.*It has: id, audio, text"):
        open_corpus(path, text_column="words")


@pytest.mark.parametrize(
    ("lost", "message"), [("audio", "no column of audio"), ("text", "no column of transcripts.*--text-column")]
)
def test_a_missing_column_is_named_with_the_existing_ones(tmp_path, lost, message):
    made = [{key: value for key, value in row.items() if key != lost} for row in rows()]
    with pytest.raises(DatasetError, match=message) as caught:
        open_corpus(parquet(tmp_path / "a.parquet", made))
    assert "speaker_id" in str(caught.value)


def test_bad_rows_fail_alone(tmp_path):
    made = rows()
    made[0]["audio"]["bytes"] = b"not sound"
    made[1]["audio"] = None
    made[2]["text"] = None
    made[3]["id"] = None
    evaluation = evaluate(speller(), open_corpus(parquet(tmp_path / "a.parquet", made)))
    assert {row.id: str(row.error).split(".")[0] for row in evaluation.failures} == {
        "7-0": evaluation.failures[0].error.split(".")[0],  # type: ignore[union-attr]
        "7-1": "The row has no audio (column 'audio')",
        "7-2": "The row has no transcript (column 'text')",
    }
    assert "could not be read as audio" in str(evaluation.failures[0].error)
    assert [s.id for s in evaluation.utterances] == ["7-3.flac", "7-4"]


def test_bad_lines_of_a_manifest_fail_alone(tmp_path):
    path = manifest(tmp_path, "jsonl")
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join(
            [lines[0], "{half a", "[1, 2]", '{"text": "A"}', *lines[1:], '{"audio_filepath": "no.wav", "text": "\\ud800"}']
        )
    )
    evaluation = evaluate(speller(), open_corpus(path))
    errors = [str(row.error) for row in evaluation.failures]
    for error, part in zip(
        errors, ["Line 2 is not JSON", "Line 3 is not an object", "has no audio", "does not exist"], strict=True
    ):
        assert part in error
    assert evaluation.wer == 0.0 and len(evaluation.utterances) == len(TEXTS)


def test_a_text_with_quotes_and_separators_survives_tsv(tmp_path):
    (path,) = files(tmp_path, ["SHE SAID"])
    (tmp_path / "list.tsv").write_text(f'path\tsentence\n{path}\t"SHE\u2028SAID" YES\n', encoding="utf-8")
    assert [u.reference for u in open_corpus(tmp_path / "list.tsv")] == ['"SHE\u2028SAID" YES']


SPACES = ["\t", "\u00a0", "  ", "\n", "\r\n", "\u2003", "\u2028", " \u3000 ", "\x0b", "\x85"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_any_white_space_separates_words_in_scoring(tmp_path, space, kind):
    text = f"{space}ONE{space}TWO{space}"
    (path,) = files(tmp_path, ["ONE TWO"])
    table = tmp_path / f"list.{kind}"
    if kind == "csv":
        table.write_bytes(f'path,text\n{path},"{text}"\n'.encode())
    elif kind == "jsonl":
        table.write_text(json.dumps({"path": path, "text": text}), encoding="utf-8")
    else:
        parquet(table, [{"path": path, "text": text}])
    evaluation = evaluate(speller(), open_corpus(table))
    assert (evaluation.wer, evaluation.cer, evaluation.words) == (0.0, 0.0, 2)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_break_inside_quotes_is_a_space(tmp_path, end):
    lines = ["path,text,speaker", 'a.wav,"ONE', 'TWO ""THREE""",x', "", "b.wav,FOUR,y", ""]
    (tmp_path / "list.csv").write_bytes(end.join(lines).encode())
    found = [(u.id, u.reference, u.speaker) for u in open_corpus(tmp_path / "list.csv")]
    assert found == [("a.wav", 'ONE TWO "THREE"', "x"), ("b.wav", "FOUR", "y")]


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        (['a.wav,"ONE', "b.wav,TWO", "c.wav,THREE"], "lines 2 to 4"),
        (["a.wav,ONE", 'b.wav,"TWO', 'c.wav,"THREE"', "d.wav,FOUR"], "lines 3 to 4"),
        (["a.wav,ONE", 'b.wav,"TWO" THREE'], "line 3"),
    ],
)
def test_a_missing_quotation_mark_is_an_error_with_its_line(tmp_path, rows, where):
    (tmp_path / "list.csv").write_text("\n".join(["path,text", *rows]) + "\n")
    with pytest.raises(DatasetError, match=f"list.csv, {where}: .*quotation marks"):
        open_corpus(tmp_path / "list.csv")


def test_a_row_with_too_many_fields_is_a_row_with_an_error(tmp_path):
    """The words behind a comma that is not quoted would be lost without a word."""
    (tmp_path / "list.csv").write_text("path,text\na.wav,ONE, TWO\nb.wav,THREE,\nc.wav\n")
    found = list(open_corpus(tmp_path / "list.csv"))
    assert "Line 2 has 3 fields" in str(found[0].error) and found[1].error is None
    assert "no transcript" in str(found[2].error)


def nemo(folder: Path, key: str = "audio_filepath") -> tuple[Path, list[dict]]:
    """One recording of all texts, and the lines of a manifest that cuts it."""
    samples = np.concatenate([sound(text)[1] for text in TEXTS])
    soundfile.write(folder / "long.wav", samples, 16_000, subtype="FLOAT")
    lines, start = [], 0.0
    for text in TEXTS:
        seconds = len(sound(text)[1]) / 16_000
        lines.append({key: "long.wav", "offset": start, "duration": seconds, "text": text})
        start += seconds
    return folder / "manifest.jsonl", lines


def write_lines(path: Path, lines: list[dict]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("key", ["audio_filepath", "path"])
def test_offset_and_duration_cut_the_sound(tmp_path, key):
    path, lines = nemo(tmp_path, key)
    lines[-1]["duration"] = None  # up to the end
    corpus = open_corpus(write_lines(path, lines))
    evaluation = evaluate(speller(), corpus)
    assert evaluation.wer == 0.0 and len(evaluation.utterances) == len(TEXTS) and not evaluation.failures
    rest = replace(list(corpus)[1], audio=replace(list(corpus)[1].audio, seconds=None))
    assert load(rest.audio).seconds == pytest.approx(sum(line["duration"] or 0.25 for line in lines[1:]))
    (tmp_path / "list.csv").write_text(
        f"{key},offset,duration,text\nlong.wav,{lines[1]['offset']},{lines[1]['duration']},THREE\n"
    )
    assert evaluate(speller(), open_corpus(tmp_path / "list.csv")).wer == 0.0


def test_a_long_recording_is_decoded_once_for_all_its_segments(tmp_path, monkeypatch):
    path, lines = nemo(tmp_path)
    whole, samples = load(tmp_path / "long.wav").samples, list[int]()

    def counted(*arguments, **options):
        for block in stream(*arguments, **options):
            for part in np.array_split(block, 50):  # smaller blocks, so that segments lie in several and share some
                samples.append(len(part))
                yield part

    monkeypatch.setattr(segments, "stream", counted)
    monkeypatch.setattr(segments._opened, "reader", None)
    for utterance, line in zip(open_corpus(write_lines(path, lines)), lines, strict=True):
        start = round(16_000 * line["offset"])
        assert np.array_equal(load(utterance.audio).samples, whole[start : start + round(16_000 * line["duration"])])
    assert sum(samples) <= len(whole)
    rng = np.random.default_rng(0)
    for first, count in zip(rng.integers(0, len(whole) - 900, 60), rng.integers(400, 900, 60), strict=True):  # in any order
        part = segments.Segment(tmp_path / "long.wav", first / 16_000, count / 16_000)
        assert np.array_equal(load(part).samples, whole[first : first + count])


def test_a_duration_alone_cuts_only_in_manifests_of_nemo(tmp_path):
    path, lines = nemo(tmp_path)
    first = {key: lines[0][key] for key in ("duration", "text")}
    for key, seconds in (("audio_filepath", first["duration"]), ("path", sum(line["duration"] for line in lines))):
        (utterance,) = open_corpus(write_lines(path, [{key: "long.wav", **first}]))
        assert utterance.id == "long.wav" and load(utterance.audio).seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    "wrong", [{"offset": "x"}, {"offset": -1}, {"duration": 0}, {"duration": float("nan")}, {"offset": 1e9}]
)
def test_a_segment_that_cannot_be_cut_is_a_row_with_an_error(tmp_path, wrong):
    path, lines = nemo(tmp_path)
    lines[2] |= wrong
    evaluation = evaluate(speller(), open_corpus(write_lines(path, lines)))
    assert len(evaluation.failures) == 1 and len(evaluation.utterances) == 4 and evaluation.wer == 0.0
    assert next(iter(wrong)) in str(evaluation.failures[0].error)


def test_a_segment_of_a_sound_that_ends_early_has_a_note(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.full(64_000, 0.5), 16_000, subtype="PCM_16")
    (tmp_path / "long.wav").write_bytes((tmp_path / "long.wav").read_bytes()[: 44 + 96_000])  # 3 of 4 s
    lines = [{"audio_filepath": "long.wav", "offset": k, "duration": 1.6, "text": "A"} for k in range(3)]
    evaluation = evaluate(speller(), open_corpus(write_lines(tmp_path / "list.jsonl", lines)))
    early, short = [note for note in evaluation.notes if "long.wav" in note]
    assert early.startswith("long.wav 0+1.6 and 2 more: ") and "ends early" in early
    assert short == "long.wav 2+1.6: long.wav ends at 3.0 s; the part was to go up to 3.6 s."


def test_rows_that_cannot_be_read_end_no_job(tmp_path):
    lines = ['{"path": "a.wav", "text": "ONE"}', "[" * 100_000, '{"path": "b.wav", "text": ' + "9" * 5000 + "}"]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    assert [bool(u.error) for u in open_corpus(tmp_path / "list.jsonl")] == [False, True, True]
    texts = pa.array([b"ONE", b"caf\xe9", b"TWO"]).view(pa.string())
    pq.write_table(pa.table({"path": ["a.wav", "b.wav", "c.wav"], "text": texts}), tmp_path / "a.parquet")
    found = list(open_corpus(tmp_path / "a.parquet"))
    assert [u.reference for u in found] == ["ONE", None, "TWO"] and "could not be read" in str(found[1].error)


def test_a_value_that_is_no_text_is_never_a_reference(tmp_path):
    """Not even as Python would print it: NaN, which pandas writes for a missing value, is none, and a number is a text."""
    values = ["NaN", "true", '["ONE"]', '{"a": "ONE"}', "42", '"ONE"']
    lines = [f'{{"id": "{k}", "path": "a.wav", "text": {value}}}' for k, value in enumerate(values)]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    found = list(open_corpus(tmp_path / "list.jsonl"))
    assert [(u.id, u.reference) for u in found] == [*zip("0123", [None] * 4, strict=True), ("4", "42"), ("5", "ONE")]
    causes = ["no transcript", "of type bool", "of type list", "of type dict"]
    assert all(cause in str(u.error) for cause, u in zip(causes, found, strict=False))
    pq.write_table(pa.table({"path": ["a.wav", "b.wav"], "text": [b"ONE", b"\xff"]}), tmp_path / "a.parquet")
    found = list(open_corpus(tmp_path / "a.parquet"))
    assert [u.reference for u in found] == ["ONE", None] and "not UTF-8" in str(found[1].error)


def test_two_columns_of_one_name_are_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("path,text,text\na.wav,ONE,TWO\n")
    made = pa.Table.from_arrays([pa.array(["a.wav"]), pa.array(["ONE"]), pa.array(["TWO"])], names=["path", "text", "text"])
    pq.write_table(made, tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(DatasetError, match="2 columns 'text'"):
            open_corpus(tmp_path / name)


def test_a_table_may_begin_with_empty_lines_and_hold_the_text_of_a_whole_day(tmp_path):
    text = " ".join(["ONE"] * 100_000)
    (tmp_path / "a.csv").write_text(f"\n\n path , text\na.wav,{text}\n")
    before = csv.field_size_limit()
    assert [u.reference for u in open_corpus(tmp_path / "a.csv")] == [text]
    assert csv.field_size_limit() == before


def test_arrays_in_parquet_are_read(tmp_path):
    sound = {"array": [0.1, 0.2] * 800, "sampling_rate": 16_000}
    pq.write_table(pa.table({"audio": [sound], "text": ["ONE"]}), tmp_path / "a.parquet")
    (utterance,) = open_corpus(tmp_path / "a.parquet")
    assert load(utterance.audio).seconds == 0.1


def test_linked_folders_of_a_data_set_are_read_once(tmp_path):
    whole = librispeech(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        (tmp_path / "data" / name).symlink_to(whole, target_is_directory=True)
    assert len(open_corpus(tmp_path / "data")) == len(open_corpus(whole)) == 2 * len(TEXTS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "no rows"),
        ("a.csv", b"path,text\n", "no rows"),
        ("a.csv", b"path,text\na.wav,\xff\xfe", "not UTF-8"),
        ("a.jsonl", b"hello\n", "not JSON lines"),
        ("a.parquet", b"PAR1 and no more", "damaged"),
        ("a.xlsx", b"table", "not a .parquet, .csv"),
    ],
)
def test_an_unusable_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        open_corpus(tmp_path / name)


def test_a_folder_or_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"no \*\.trans\.txt"):
        open_corpus(tmp_path)
    with pytest.raises(DatasetError, match="does not exist"):
        open_corpus(tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match="at least 1"):
        open_corpus(parquet(tmp_path / "a.parquet", rows()), limit=0)


def in_hub_cache(folder: Path) -> Path:
    """The Hub's cache after an earlier run on LibriSpeech: two configurations and one split."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = folder / "hub" / "datasets--openslr--librispeech_asr"
    snapshot = repository / "snapshots" / commit
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    parquet(snapshot / "clean/test/0000.parquet", rows())
    configs = "".join(
        f"- config_name: {c}\n  data_files:\n  - split: test\n    path: {c}/test/*.parquet\n" for c in ("clean", "other")
    )
    (snapshot / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    return folder


@pytest.mark.slow
def test_a_hub_data_set_is_found_by_the_names_people_use(tmp_path):
    """The Hub is out of reach. It runs in another process, since the Hub's libraries read their settings at import."""
    program = """
import sys
from support.speller import speller
from w2vkit.pipeline.datasets import open_corpus
from w2vkit.errors import DatasetError
from w2vkit.evaluate import evaluate
from w2vkit.pipeline import segments
for name in ("openslr/librispeech_asr", "librispeech_asr"):
    corpus = open_corpus(name, config="clean")
    print(corpus.name, corpus.config, corpus.split, len(corpus), evaluate(speller(), corpus).wer)
wrong = [("librispeech_asr", "dirty", None), ("librispeech_asr", "clean", "dev")]
wrong += [("no/such", None, None), ("my data", None, None)]
for name, config, split in wrong:
    try:
        open_corpus(name, config=config, split=split)
    except DatasetError as error:
        print(error)
print("torchcodec" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ
        | {
            "HF_HOME": str(in_hub_cache(tmp_path)),
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["openslr/librispeech_asr clean test 5 0.0"] * 2, done.stderr
    assert "clean" in lines[2] and "--config" in lines[2]
    assert "no split 'dev'. It has: test" in lines[3]
    assert "no/such is neither a file or folder here nor a data set" in lines[4]
    assert "my data is neither" in lines[5]
    assert lines[6] == "False"


def test_samples_keep_their_values(tmp_path):
    (utterance,) = open_corpus(parquet(tmp_path / "a.parquet", rows()[:1]))
    assert np.abs(load(utterance.audio).samples - sound(TEXTS[0])[1]).max() < 1e-4


def test_reading_a_csv_loads_no_library_of_the_hub(tmp_path):
    (tmp_path / "list.csv").write_text("audio,text\na.wav,A\n")
    program = (
        "import sys; from w2vkit.pipeline.datasets import open_corpus; list(open_corpus(sys.argv[1]));"
        "print([name for name in ('datasets', 'huggingface_hub', 'pyarrow', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "list.csv"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(ANY_TEXT, min_size=1, max_size=4), kind=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_any_text_in_a_table_is_the_reference(tmp_path, texts, kind):
    """A line break in a CSV file's text is a space; a TSV file can hold neither tabs nor line breaks."""
    path, expected = tmp_path / f"list.{kind}", texts
    if kind == "csv":
        expected = [re.sub(r"\r\n|\r|\n", " ", text) for text in texts]
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["audio", "text"], *(["a.wav", text] for text in texts)])
    elif kind == "tsv":
        expected = [re.sub(r"[\t\r\n]", " ", text) for text in texts]
        lines = ["audio\ttext", *(f"a.wav\t{text}" for text in expected)]
        path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    elif kind == "jsonl":
        lines = [json.dumps({"audio": "a.wav", "text": text}, ensure_ascii=False) for text in texts]
        path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    else:
        pq.write_table(pa.table({"audio": ["a.wav"] * len(texts), "text": texts}), path)
    assert [utterance.reference for utterance in open_corpus(path)] == expected
