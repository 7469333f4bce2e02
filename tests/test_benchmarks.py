"""The programs that measure run in small, on a CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.checkpoints import noise

from w2vkit.audio import Waveform

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.nightly
def test_the_gpu_benchmark_runs_in_small_and_ends_by_itself(tmp_path):
    command = [
        sys.executable,
        "-m",
        "benchmarks.gpu",
        "--quick",
        "--device",
        "cpu",
        "--minutes",
        "3",
        "--output",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    names = [line["name"] for line in found]
    # A busy machine may take longer than a step may; anything else is a fault.
    faults = [line for line in found if "failed" in str(line).lower() and "longer than" not in str(line)]
    assert not faults, faults
    assert {"packed, 2 threads (audio s/s)", "whole pass: plain (us/s)", "(parts: time, s)"} <= set(names)
    assert done.stdout.startswith("| what | measured | predicted |")


def program(*arguments: object) -> dict[str, Any]:
    """Run a program of the benchmarks; it must keep its promises. Gives its line of JSON."""
    command = [sys.executable, "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.nightly
def test_sixty_damaged_files_give_results_or_errors(tmp_path):
    found = program("benchmarks.fuzz", "--count", 60, "--seed", 7, "--output", tmp_path)
    assert found["mutants"] == 60 and found["faults"] == 0


@pytest.mark.slow
def test_a_kept_mutant_can_be_read_again(tmp_path):
    kept = tmp_path / "text-000001-a.srt"
    kept.write_text("1\n00:00:00,000 --> 00:00:01,000\nA CAT\n")
    command = [sys.executable, "-m", "benchmarks.fuzz", "--repeat", str(kept)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.startswith("result") and "2 words" in done.stdout


@pytest.mark.slow
@pytest.mark.nightly
def test_a_few_clients_get_their_own_texts():
    found = program("benchmarks.load", "--minutes", 0.1, "--clients", 6)
    assert found["requests"] > 5 and found["swapped"] == found["wrong"] == found["failed"] == 0


@pytest.mark.slow
@pytest.mark.nightly
def test_a_killed_job_ends_like_one_that_was_not():
    found = program("benchmarks.faults", "--rounds", 1, "--only", "evaluate")
    assert found["equal"] == 1


def test_the_export_benchmark_runs_the_exported_file_and_not_torch(checkpoints):
    export = pytest.importorskip("benchmarks.export", exc_type=ImportError)
    model = export.Exported.load(str(checkpoints["random-layer"]), device="cpu", dtype="float32")
    even = np.full((1, 49, len(model.vocabulary)), -np.log(len(model.vocabulary)), np.float32)
    model.session = SimpleNamespace(run=lambda names, inputs: [even])
    (emissions,) = model.emit([Waveform(noise(1.0))])
    assert np.array_equal(emissions.log_probs, even[0])
