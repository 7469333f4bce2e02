"""Transcription and evaluation on a Ray cluster of two workers, with the bundled model and clips."""

import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from w2vkit.audio import load
from w2vkit.cli import main
from w2vkit.decode import Hypothesis, greedy
from w2vkit.errors import AudioError, ClusterError, ModelError
from w2vkit.evaluate import evaluate
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit.pipeline.bulk import ModelInfo
from w2vkit.pipeline.cluster import RETRIES, Cluster
from w2vkit.pipeline.datasets import Corpus, from_files, open_corpus
from w2vkit.pipeline.journal import Result
from w2vkit.pipeline.shards import JOB, Shards, encode
from w2vkit.pipeline.transcription import transcribe

pytestmark = pytest.mark.slow


CLIPS = [clip.path for clip in examples()]
LOAD: dict[str, Any] = {"name": "w2v-mini", "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    """A cluster of two cores; it is tried again, since on a busy machine it can take longer to start than Ray waits."""
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # by default other tests take the time of its workers
    os.environ["RAY_enable_worker_prestart"] = "0"  # each process costs about half a second, used or not
    for attempts_left in (2, 1, 0):
        try:
            ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            break
        except Exception:
            ray.shutdown()
            if not attempts_left:
                raise
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def plain() -> CTCModel:
    return CTCModel.load(**LOAD)


@pytest.fixture
def probed(plain: CTCModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker loads a model before the job begins."""
    about = ModelInfo.of(plain)
    monkeypatch.setattr("w2vkit.pipeline.cluster.probe", lambda load: (about, None))


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """Twelve clips and a file without sound."""
    folder = tmp_path / "talks"
    folder.mkdir()
    for number in range(12):
        shutil.copy(CLIPS[number % 3], folder / f"{number:02}{CLIPS[number % 3].suffix}")
    (folder / "05 broken.mp3").write_text("not sound")
    return folder


def records(folder: Path) -> list[dict]:
    return [row for file in sorted(folder.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def test_a_bad_checkpoint_is_refused_before_the_job_starts(ray, tmp_path):
    with pytest.raises(ModelError, match="no folder"):
        Cluster({"name": str(tmp_path / "nothing")}, cores=1)


def test_an_evaluation_on_a_cluster_equals_that_of_the_local_engine(ray, write, tmp_path, plain, capsys):
    """Of a table with sound and with paths, a row twice, one that is no sound, and one that is longer than a pass."""
    long = write("long.wav", np.resize(np.concatenate([load(clip).samples for clip in CLIPS]), 16_000 * 33))
    sounds = [{"bytes": clip.read_bytes(), "path": clip.name} for clip in CLIPS[:3]]
    sounds += [{"bytes": None, "path": str(path)} for path in (*CLIPS[3:], long)]
    sounds += [{"bytes": b"no sound", "path": "broken.wav"}, sounds[0]]
    texts = [*(clip.text for clip in examples()), "SO LONG", "HELLO", examples()[0].text]
    pq.write_table(pa.table({"audio": sounds, "text": texts}), tmp_path / "speech.parquet", row_group_size=1)
    truth = evaluate(plain, open_corpus(tmp_path / "speech.parquet"))
    call = ["evaluate", str(tmp_path / "speech.parquet"), "--model", "w2v-mini", "--dtype", "float32", "--engine", "ray"]
    assert main([*call, "--cores-per-worker", "1", "--output-dir", str(tmp_path / "out")]) == 1
    told = capsys.readouterr()
    assert f"{truth.wer:.2%}".replace("%", " %") in told.out and "2 of" in told.err and "occurs more than once" in told.err
    assert "by 2 workers" in told.out + told.err
    assert (tmp_path / "out" / "report.html").exists()

    shards = tmp_path / "out" / "shards"
    rows = records(shards)
    assert [row["file"] for row in rows] == [sound["path"] for sound in sounds]
    assert len(list(shards.glob("*.parquet"))) == len(rows)
    assert {row["file"]: row["text"] for row in rows if row["text"]} == {one.id: one.hypothesis for one in truth.utterances}
    assert rows[7]["text"] is rows[7]["words"] is rows[7]["confidence"] is None
    assert "broken.wav could not be read as audio" in rows[7]["error"]
    for file, row in ((CLIPS[0], rows[0]), (CLIPS[3], rows[3]), (long, rows[6])):
        expected = transcribe(file, plain, decode=greedy)
        assert row["error"] is None and row["text"] == expected.text and row["seconds"] == round(expected.seconds, 3)
        assert row["confidence"] == pytest.approx(expected.hypothesis.confidence, abs=1e-3)
        assert [word["text"] for word in row["words"]] == row["text"].split()
        assert [word["end"] for word in row["words"]] == pytest.approx([w.end for w in expected.hypothesis.words], abs=0.05)


def without_model(kills: Path, times: int) -> type:
    """A worker that reads WELL in every sound. The first one of the job kills it so many times."""

    class Stub:  # in a function, since the workers cannot import the tests
        def __init__(self, load: Any, corpus: Corpus, decode: Any, max_seconds: float) -> None:
            self.corpus = corpus

        def __call__(self, task: dict[str, Any]) -> dict[str, Any]:
            if task["start"] == 0:
                with kills.open("a") as file:
                    kill = file.tell() < times
                    file.write("x")
                if kill:
                    os.kill(os.getpid(), signal.SIGKILL)
            results = []
            for one in self.corpus.part(task["start"], task["stop"]):
                try:
                    seconds, well = load(one.audio).seconds, Hypothesis("WELL", (), 0.0)
                    results.append(Result(one.id, None, seconds, None, "WELL", decoded=well))
                except AudioError as error:
                    results.append(Result(one.id, error=str(error)))
            return {"shard": task["shard"], "table": encode(results), "error": ""}

    return Stub


def test_the_command_goes_on_after_a_killed_worker_and_resumes_from_finished_shards(
    ray, probed, talks, tmp_path, capsys, monkeypatch
):
    kills = tmp_path / "kills"
    monkeypatch.setattr("w2vkit.pipeline.cluster.Worker", without_model(kills, 1))
    out = tmp_path / "out"
    call = ["transcribe", str(talks), "--model", "w2v-mini", "--engine", "ray", "--cores-per-worker", "2"]
    call += ["--decoder", "greedy", "--output-dir", str(out)]
    assert main(call) == 1
    told = capsys.readouterr().err
    assert f"12 of 13 transcribed to {out}" in told and "1 of 13 failed" in told and "could not be read" in told
    assert len(kills.read_text()) == 2
    before = {file.name: (file.stat().st_mtime_ns, records(out)[k]) for k, file in enumerate(sorted(out.glob("*.parquet")))}
    (out / "part-00003.parquet").unlink()
    assert main(call) == 1
    assert "12 of 13 transcribed" in (told := capsys.readouterr().err) and "12 by an earlier run" in told
    for k, file in enumerate(sorted(out.glob("*.parquet"))):
        assert (file.stat().st_mtime_ns == before[file.name][0]) == (k != 3) and records(out)[k] == before[file.name][1]
    assert main([*call, "--decoder", "beam"]) == 1
    assert "shards of another job (another decoder" in capsys.readouterr().err


# The last one with a cluster: Ray starts the worker again after the job has ended, and it keeps a core for minutes.
def test_a_file_that_kills_every_worker_fails_alone(ray, probed, tmp_path, monkeypatch):
    kills, cluster, done = tmp_path / "kills", Cluster(LOAD, cores=1), list[float]()
    monkeypatch.setattr("w2vkit.pipeline.cluster.Worker", without_model(kills, RETRIES + 1))
    shared = cluster.transcribe(from_files(CLIPS[:3]), tmp_path / "out", progress=done.append)
    assert done[0] == 0 and done[-1] == 2 and done == sorted(done) and shared.reused == 0
    assert len(kills.read_text()) == RETRIES + 1
    assert [row.hypothesis for row in shared.results] == [None, "WELL", "WELL"]
    assert "Its worker died 3 times" in (shared.results[0].error or "")
    done.clear()
    again = cluster.transcribe(from_files(CLIPS[:3]), tmp_path / "out", progress=done.append)
    assert done[0] == 2 and done[-1] == 3
    assert again.reused == 2 and [row.hypothesis for row in again.results] == ["WELL"] * 3


# Tests without a cluster.


def test_without_ray_the_command_says_how_to_get_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["transcribe", "--example", "--engine", "ray", "--output-dir", str(tmp_path)]) == 1
    assert "pip install 'w2vkit[ray]'" in capsys.readouterr().err
    assert main(["transcribe", "--example", "--engine", "ray"]) == 1
    assert "Say where with --output-dir DIR" in capsys.readouterr().err


def test_shards_cover_a_job_once_and_keep_its_division(tmp_path):
    about = {"model": "a", "decoder": "a"}
    shards = Shards(tmp_path, about, total=10_000, workers=3)
    assert [i for part in shards.parts for i in part] == list(range(10_000)) and max(map(len, shards.parts)) <= 512
    shards.add(2, encode([Result("a", None, 1.0, "SO", "", decoded=Hypothesis("", (), 0.0)), Result("b")]))
    again = Shards(tmp_path, about, total=10_000, workers=50)
    assert again.parts == shards.parts and 2 not in again.pending() and len(again.pending()) == len(shards.parts) - 1
    assert [(row.id, row.reference, row.hypothesis) for row in again.results(2)] == [("a", "SO", ""), ("b", None, None)]
    for name in ("model", "decoder"):
        with pytest.raises(ClusterError, match=rf"another {name}\).*remove the folder"):
            Shards(tmp_path, about | {name: "b"}, total=10_000, workers=3)
    again.path(2).write_bytes(b"PAR1 and no more")
    with pytest.raises(ClusterError, match=r"is damaged\. Remove it"):
        list(again.results(2))
    job = json.loads((tmp_path / JOB).read_text())
    for size in ("x", 0, -5, [1]):
        (tmp_path / JOB).write_text(json.dumps(job | {"per shard": size}))
        with pytest.raises(ClusterError, match="or damaged"):
            Shards(tmp_path, about, total=10_000, workers=3)


def test_a_part_of_a_sample_is_that_part(tmp_path):
    (tmp_path / "list.csv").write_text("\n".join(["audio,text", *(f"{i}.wav,A" for i in range(50))]))
    corpus: Corpus = open_corpus(tmp_path / "list.csv", limit=20, shuffle=True, seed=3)
    assert [u.id for u in corpus.part(5, 9)] == [u.id for u in corpus][5:9]
