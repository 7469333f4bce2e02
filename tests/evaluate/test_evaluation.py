import io
import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soundfile
from support.checkpoints import make_checkpoint
from support.speller import sound, speller, utterances

from w2vkit.audio import load
from w2vkit.checkpoints import mini_folder
from w2vkit.decode import greedy
from w2vkit.errors import EvaluationError
from w2vkit.evaluate import evaluate, scoring
from w2vkit.evaluate.html import to_html
from w2vkit.evaluate.report import table, to_json
from w2vkit.pipeline import bulk, stream
from w2vkit.pipeline.cluster import Worker
from w2vkit.pipeline.datasets import Corpus, Utterance

TESTS = Path(__file__).parents[1]
WINDOW = 12.0  # s of sound that are transcribed together
CHUNK = 30  # about as many utterances have that


def pairs_of(evaluation) -> tuple[list[str], list[str]]:
    return [s.reference for s in evaluation.utterances], [s.hypothesis for s in evaluation.utterances]


def test_counts_and_rates_are_those_of_jiwer_on_the_whole_lists():
    evaluation = evaluate(speller(), utterances(70))
    truth = jiwer.process_words(*pairs_of(evaluation))
    assert evaluation.wer == pytest.approx(truth.wer) and evaluation.wer > 0.1
    assert evaluation.cer == pytest.approx(jiwer.cer(*pairs_of(evaluation)))
    assert (evaluation.substitutions, evaluation.deletions, evaluation.insertions) == (
        truth.substitutions,
        truth.deletions,
        truth.insertions,
    )
    assert sum(g.errors for g in evaluation.lengths) == sum(g.errors for g in evaluation.speakers) == 24 + truth.substitutions
    assert evaluation.speakers[0].wer == max(g.wer for g in evaluation.speakers)


def test_every_kind_of_error_is_aligned_word_by_word():
    evaluation = evaluate(speller(), [Utterance("a", sound("A BIG CAT CAT SAT UP"), "A BAG CAT SAT DOWN THERE NOW")])
    (one,) = evaluation.utterances
    truth = jiwer.process_words(one.reference, one.hypothesis)
    assert (one.substitutions, one.deletions, one.insertions) == (truth.substitutions, truth.deletions, truth.insertions)
    assert [a for a, _ in one.pairs if a is not None] == one.reference.split()
    assert [b for _, b in one.pairs if b is not None] == one.hypothesis.split()
    assert sum(a != b for a, b in one.pairs) == one.errors
    assert evaluation.interval is None  # one utterance cannot be resampled


@pytest.mark.parametrize("by_speaker", [False, True])
def test_the_interval_is_that_of_jiwer_on_redrawn_lists(by_speaker):
    made = [u if by_speaker else replace(u, speaker=None) for u in utterances(44)]
    evaluation = evaluate(speller(), made)
    assert evaluation.interval_over == ("speakers" if by_speaker else "utterances")
    groups: dict[str, list] = {}
    for k, one in enumerate(evaluation.utterances):
        groups.setdefault(str(one.speaker if by_speaker else k), []).append(one)
    draws, members, wers = np.random.default_rng(0), list(groups.values()), []
    for _ in range(scoring.RESAMPLES):
        drawn = [one for k in draws.integers(len(members), size=len(members)) for one in members[k]]
        wers.append(jiwer.wer([s.reference for s in drawn], [s.hypothesis for s in drawn]))
    assert evaluation.interval == pytest.approx(np.quantile(wers, [0.025, 0.975]))


def test_few_speakers_are_not_resampled():
    evaluation = evaluate(speller(), [replace(u, speaker=f"{k % 3}") for k, u in enumerate(utterances(20))])
    assert evaluation.interval_over == "utterances" and len(evaluation.speakers) == 3


@pytest.mark.slow
def test_a_run_killed_in_the_middle_is_finished_as_if_it_had_not_been(tmp_path):
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    made = utterances(10 * CHUNK)
    truth = evaluate(speller(), made, results_file=whole)
    process = subprocess.Popen([sys.executable, "-m", "support.speller", str(killed), str(len(made)), str(WINDOW)], cwd=TESTS)
    deadline = time.monotonic() + 60
    while (not killed.exists() or killed.read_bytes().count(b"\n") < 3 * CHUNK) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    left = killed.read_bytes()
    assert 3 * CHUNK <= left.count(b"\n") <= 9 * CHUNK, "the kill did not come in the middle"
    assert whole.read_bytes().startswith(left)
    model = speller()
    again = evaluate(model, made, results_file=killed)
    assert killed.read_bytes() == whole.read_bytes()
    assert len(model.read) == len(made) - (left.count(b"\n") - 1) + 1  # one more for the warm-up
    assert (again.wer, again.interval, again.utterances) == (truth.wer, truth.interval, truth.utterances)
    assert any("earlier run" in note for note in again.notes)


@pytest.mark.slow
def test_a_journal_cut_inside_a_line_is_repaired(tmp_path):
    path, made = tmp_path / "results.jsonl", [replace(u, speaker="Zoë") for u in utterances(3)]
    evaluate(speller(), made, results_file=path)
    whole = path.read_bytes()
    first, last = whole.index(b"\n"), whole.rindex(b"\n", 0, -1)
    for cut in (0, 1, first - 1, first, first + 1, *range(last - 1, len(whole))):
        path.write_bytes(whole[:cut])
        evaluate(speller(), made, results_file=path)
        assert path.read_bytes() == whole, f"cut at {cut}"


def test_ctrl_c_keeps_the_windows_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "WINDOW_SECONDS", WINDOW)
    done = itertools.count()

    def decode(emissions):
        if next(done) == CHUNK + 5:
            raise KeyboardInterrupt
        return greedy(emissions)

    path = tmp_path / "results.jsonl"
    with pytest.raises(KeyboardInterrupt):
        evaluate(speller(), utterances(3 * CHUNK), decode=decode, results_file=path)
    assert path.read_bytes().count(b"\n") > CHUNK // 2


def test_a_full_disk_is_an_error_and_loses_no_results(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "WINDOW_SECONDS", WINDOW)
    resource = pytest.importorskip("resource")
    path, whole, made = tmp_path / "results.jsonl", tmp_path / "whole.jsonl", utterances(3 * CHUNK)
    evaluate(speller(), made, results_file=whole)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole.read_bytes()) // 2, limits[1]))
    try:
        with pytest.raises(EvaluationError, match=r"could not be written.*run the same command again"):
            evaluate(speller(), made, results_file=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes().count(b"\n") > CHUNK // 2
    evaluate(speller(), made, results_file=path)
    assert path.read_bytes() == whole.read_bytes()


def test_a_failed_utterance_is_reported_and_tried_again(tmp_path):
    path, made = tmp_path / "results.jsonl", utterances(6)
    broken = [*made[:2], replace(made[2], audio=b"not sound"), replace(made[3], error="The row has no transcript."), *made[4:]]
    evaluation = evaluate(speller(), broken, results_file=path)
    assert [row.id for row in evaluation.failures] == ["utterance-2", "utterance-3"]
    assert "could not be read" in str(evaluation.failures[0].error) and len(evaluation.utterances) == 4
    model = speller()
    mended = evaluate(model, made, results_file=path)
    assert not mended.failures and len(model.read) == 3  # the two, and one for the warm-up
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()[1:]] == [u.id for u in made]


@pytest.mark.parametrize("fault", [ValueError("bad"), MemoryError(), RuntimeError("out of memory")], ids=str)
@pytest.mark.parametrize("where", ["load", "emit", "decode"])
def test_any_exception_of_one_utterance_is_one_row(where, fault, monkeypatch):
    """A library can raise anything on a damaged file."""
    made, bad = utterances(8), utterances(8)[5].audio[1]
    model, decode = speller(), greedy
    if where == "load":
        bulk_load = bulk.load
        monkeypatch.setattr(bulk, "load", lambda audio, **o: bulk_load(audio, **o) if len(audio[1]) != len(bad) else fail())
    elif where == "emit":
        emit = model.emit
        model.emit = lambda those, **o: fail() if any(len(w.samples) == len(bad) for w in those) else emit(those, **o)
    else:
        read = greedy(speller().emit([load((16_000, bad))])[0]).text

        def decode(emissions):
            return found if (found := greedy(emissions)).text != read else fail()

    def fail():
        raise fault

    evaluation = evaluate(model, made, decode=decode)
    assert [row.id for row in evaluation.failures] == ["utterance-5"] and len(evaluation.utterances) == 7
    assert ("bad" if isinstance(fault, ValueError) else "Memory ran out") in str(evaluation.failures[0].error)


def test_a_fault_of_one_long_file_ends_no_shard():
    worker = Worker.__new__(Worker)
    worker.model, worker.decode, worker.max_seconds = speller(), greedy, 100.0
    worker.model.emit_file = lambda *arguments, **options: [][0]
    long = replace(utterances(1)[0], audio=(16_000, np.zeros(41 * 16_000, np.float32)))
    found = list(worker._transcribe(iter([long, *utterances(3)[1:]])))
    assert [bool(row.error) for row in found] == [True, False, False] and "IndexError" in str(found[0].error)


def test_a_file_of_a_user_is_never_cut_or_replaced(tmp_path):
    path = tmp_path / "results.jsonl"
    for content in ("my notes", "my notes\nof today", '{"a": 1}\n', "[1, 2]\n{}\nhalf", "[" * 100_000 + "\n"):
        path.write_text(content)
        with pytest.raises(EvaluationError, match="not a file of results"):
            evaluate(speller(), utterances(1), results_file=path)
        assert path.read_text() == content


def test_a_smaller_run_leaves_the_rows_of_a_larger_one(tmp_path):
    path, made = tmp_path / "results.jsonl", utterances(6)
    evaluate(speller(), made, results_file=path)
    before = path.read_bytes()
    assert len(evaluate(speller(), made[:2], results_file=path).utterances) == 2
    assert path.read_bytes() == before


def test_results_of_another_run_are_refused(tmp_path):
    path, made = tmp_path / "results.jsonl", utterances(2)
    evaluate(speller(), made, results_file=path)
    other = speller()
    other.name = "another"
    with pytest.raises(EvaluationError, match=r"model speller.*not model another.*--output-dir"):
        evaluate(other, made, results_file=path)
    with pytest.raises(EvaluationError, match="another reference for utterance-1"):
        evaluate(speller(), [made[0], replace(made[1], reference="NINE")], results_file=path)
    path.write_text("my notes\nof today\n")
    with pytest.raises(EvaluationError, match="not a file of results"):
        evaluate(speller(), made, results_file=path)
    assert path.read_text() == "my notes\nof today\n"


def test_references_in_the_wrong_case_are_refused_before_the_model_runs():
    model = speller()
    made = [Utterance("a", sound("GOOD DAY"), "Good day.")]
    with pytest.raises(EvaluationError, match=r"not in upper case.*--scoring whisper"):
        evaluate(model, made)
    assert not model.read
    assert evaluate(model, made, scoring="whisper").wer == 0.0


def test_empty_references_count_as_insertions_or_are_left_out():
    made = [Utterance("a", sound("ONE TWO"), ""), Utterance("b", sound("SIX"), "SIX"), Utterance("c", sound("NINE"), "UM")]
    card = evaluate(speller(), made)
    assert card.insertions == 2 and card.wer == pytest.approx(3 / 2) and card.empty == 1
    assert any("1 references are empty: kept" in note for note in card.notes)
    board = evaluate(speller(), made, scoring="whisper")
    assert board.wer == 0.0 and board.empty == 2 and len(board.utterances) == 1


def test_characters_that_the_model_cannot_write_are_counted():
    made = [Utterance("a", sound("CAFE 3"), "CAFÉ, 33 É")]
    assert evaluate(speller(), made).unknown == {"É": 2, "3": 2, ",": 1}
    board = evaluate(speller(), made, scoring="whisper")
    assert board.unknown == {"É": 2, "3": 2}
    assert any("4 characters of the references are not in the vocabulary of speller: É 2, 3 2." in n for n in board.notes)


def test_whisper_normalises_both_sides(monkeypatch, tmp_path):
    made = [Utterance("a", sound("MISTER SMITH'S COLOUR WON'T FADE"), "Mr. Smith's color will not fade!")]
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *name: None)
    without = evaluate(speller(), made, scoring="whisper")
    assert without.substitutions == 1 and without.words == 7
    assert any("COLOUR against COLOR" in note for note in without.notes)
    spellings = tmp_path / "normalizer.json"
    spellings.write_text('{"colour": "color"}')
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *name: str(spellings))
    exact = evaluate(speller(), made, scoring="whisper")
    assert exact.wer == 0.0 and not exact.notes


def test_an_id_that_comes_twice_is_reported_and_scored_once():
    made = utterances(3)
    evaluation = evaluate(speller(), [*made, made[1]])
    assert len(evaluation.utterances) == 3
    assert evaluation.failures[0].id == "utterance-1 (2)" and "more than once" in str(evaluation.failures[0].error)


@pytest.mark.parametrize("made", [[], [Utterance("a", b"not sound", "A")], [Utterance("a", sound("A"), "")]])
def test_nothing_to_score_is_an_error_with_the_reason(made):
    with pytest.raises(EvaluationError, match=f"of {len(made)} utterances"):
        evaluate(speller(), made)


def test_an_unknown_scoring_is_refused():
    with pytest.raises(EvaluationError, match="card, whisper, leaderboard"):
        evaluate(speller(), utterances(1), scoring="wer")


def test_speed_leaves_out_the_warm_up_and_what_an_earlier_run_did(tmp_path):
    path, made = tmp_path / "results.jsonl", utterances(CHUNK + 4)
    evaluate(speller(), made[:4], results_file=path)
    model, seen = speller(), []
    speed = evaluate(model, made, results_file=path, progress=seen.append).speed
    assert speed is not None and speed.utterances == CHUNK
    assert speed.seconds == pytest.approx(sum(len(u.audio[1]) for u in made[4:]) / 16_000)
    assert speed.rtfx == pytest.approx(speed.seconds / (speed.forward + speed.decoding))
    assert seen == sorted(seen) and seen[-1] == len(made)
    assert evaluate(model, made, results_file=path).speed is None


def test_the_next_files_are_read_while_the_network_works():
    read = threading.Event()

    class File(io.BytesIO):
        def read(self, *size):
            read.set()
            return super().read(*size)

    made = utterances(CHUNK + 1)
    rate, samples = made[-1].audio
    file = File()
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    file.seek(0)
    model, emit, ahead = speller(), speller().emit, []
    model.emit = lambda waveforms, *, progress=None: ahead.append(read.wait(20)) or emit(waveforms, progress=progress)
    evaluation = evaluate(model, [*made[:-1], replace(made[-1], audio=file)])
    assert ahead[0] and len(evaluation.utterances) == CHUNK + 1


def test_a_real_network_gives_what_transcribing_one_by_one_gives(tmp_path):
    from w2vkit.model import CTCModel
    from w2vkit.pipeline.transcription import transcribe

    model = CTCModel.load(str(make_checkpoint(tmp_path / "tiny", "layer")), device="cpu", dtype="float32")
    noise = np.random.default_rng(1)
    made = [Utterance(f"{k}", (16_000, noise.normal(0, 0.1, 9000 + 700 * k)), "A B") for k in range(5)]
    short = Utterance("short", (16_000, np.zeros(100)), "A")
    evaluation = evaluate(model, [*made[:2], short, *made[2:]])
    assert [s.hypothesis for s in evaluation.utterances] == [transcribe(u.audio, model).text for u in made]
    assert [row.id for row in evaluation.failures] == ["short"] and "too short" in str(evaluation.failures[0].error)


def test_the_evaluation_says_which_decoder_it_used_and_whether_the_checkpoint_has_another_default(tmp_path):
    model, made = speller(), utterances(3)
    plain = evaluate(model, made)
    assert plain.decoder == "greedy" and not any("language model" in note for note in plain.notes)
    shutil.copy(mini_folder() / "language_model.npz", tmp_path)
    model.folder = tmp_path  # with a language model in the folder, w2vkit transcribe uses it by default
    with_default = evaluate(model, made)
    assert with_default.decoder == "greedy" and with_default.wer == plain.wer
    (note,) = [note for note in with_default.notes if "language model" in note]
    assert f"--decoder beam --lm {tmp_path / 'language_model.npz'}" in note
    for write in (table, to_html, to_json):
        text = write(with_default, Corpus.of("made", made))
        assert "ecoder" in text and "greedy" in text and "did not use" in text


def test_an_iterator_of_utterances_is_read_once():
    assert len(evaluate(speller(), iter(utterances(CHUNK + 3))).utterances) == CHUNK + 3


def cut_short() -> bytes:
    """A WAV file whose header promises 2 s, and that has one."""
    file = io.BytesIO()
    soundfile.write(file, np.full(32_000, 0.25, np.float32), 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()[: 44 + 32_000]


def test_notes_on_a_sound_are_in_its_row_and_in_the_evaluation(tmp_path):
    made = [Utterance("whole", sound("A CAT"), "A CAT"), Utterance("cut", cut_short(), "A CAT")]
    results = tmp_path / "results.jsonl"
    evaluation = evaluate(speller(), made, results_file=results)
    assert [note for note in evaluation.notes if "ends early" in note] == [
        "cut: The audio ends early. Its header promises 2.0 s, but only 1.0 s are there. Copy or download it again."
    ]
    rows = {row["id"]: row for row in map(json.loads, results.read_text().splitlines()[1:])}
    assert "notes" not in rows["whole"] and "ends early" in rows["cut"]["notes"][0]
    again = evaluate(speller(), made, results_file=results)
    assert "ends early" in to_json(again, Corpus.of("made", made)) and "ends early" in table(again, Corpus.of("made", made))
    many = evaluate(speller(), [made[0], *(Utterance(f"cut {k}", cut_short(), "A CAT") for k in range(9))])
    assert next(note for note in many.notes if "ends early" in note).startswith("cut 0 and 8 more: ")


def test_workers_keep_what_is_missing_in_short_and_long_sounds(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    (tmp_path / "cut.wav").write_bytes(cut_short())
    made = [Utterance("cut", tmp_path / "cut.wav", None)]
    for longest in (60.0, 0.5):  # read as a short clip, and block by block
        monkeypatch.setattr("w2vkit.model.CTCModel.longest_pass", longest)
        worker = Worker({"name": "w2v-mini", "device": "cpu"}, Corpus.of("made", made), greedy, 3600.0)
        worker.corpus = Corpus("made", None, None, 1, True, lambda start, stop: iter(made))
        (row,) = pq.read_table(io.BytesIO(worker({"shard": 0, "start": 0, "stop": 1})["table"])).to_pylist()
        assert row["error"] is None and "ends early" in row["notes"][0]
