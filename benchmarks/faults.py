"""Kill jobs with SIGKILL at random moments, run them again, and compare with runs that were not killed, byte for byte.

    python -m benchmarks.faults [--rounds 5] [--seed 0] [--only transcribe,evaluate,ray,download,train]

The jobs are `w2vkit transcribe --output-dir` (then with `--resume`), `w2vkit evaluate`, the same transcription on a Ray
cluster, the download of a model from an imitation of the Hub, and a training of w2v-mini. Each round kills a job one to three
times and then lets it end. Most kills happen while results are written, the others at any moment.

Prints a table and a line of JSON. The exit status is 1 if a result differs, if a run after a kill fails, or if anything but the
results is left.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.processes import children
from benchmarks.service import write_clips

ROOT = Path(__file__).parents[1]
PATIENCE = 600.0  # s; for a whole run
EARLY = 0.25  # share of the kills at any moment; the others happen once there are results
MODEL = ["--model", "w2v-mini", "--device", "cpu", "--dtype", "float32"]
W2VKIT = [sys.executable, "-m", "w2vkit"]
CLIPS, CLIP_SECONDS = 40, 2.0  # and s
TRAINED = """THE BIRDS SANG IN THE TREES AND THE CHILDREN PLAYED BY THE RIVER"""


@dataclass(frozen=True)
class Job:
    """Something that can be killed.

    Attributes
    ----------
    command : callable
        Takes the folder of the results and whether an earlier run was killed; gives the command.
    results : callable
        Takes the folder; gives what must be equal, by name.
    environment : callable
        Takes the folder; gives environment variables.
    """

    command: Callable[[Path, bool], list[str]]
    results: Callable[[Path], dict[str, bytes]]
    environment: Callable[[Path], dict[str, str]] = lambda folder: {}


@dataclass
class Tally:
    """The results of the rounds of a job."""

    kills: int = 0
    during: int = 0  # kills after which results were there, but not all
    equal: int = 0
    faults: list[str] = field(default_factory=list)


def files_of(folder: Path, *left_out: str) -> dict[str, bytes]:
    """Give all files in and below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in left_out)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def transcribe(home: Path) -> Job:
    """Transcribe a folder into another one; the record of runs in it may differ."""
    command = [*W2VKIT, "transcribe", str(home / "clips"), "--format", "json", "--decoder", "greedy", *MODEL]
    return Job(
        lambda folder, again: [*command, "--output-dir", str(folder), *(["--resume"] if again else [])],
        lambda folder: files_of(folder, "w2vkit.jsonl"),
    )


def evaluate(home: Path) -> Job:
    """Evaluate a table; facts about the run itself, such as its speed, may differ."""
    table = home / "clips.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "text", "id", "speaker"])
        rows.writerows(
            [f"clips/{path.name}", TRAINED, path.stem, k % 12] for k, path in enumerate(sorted((home / "clips").iterdir()))
        )

    def results(folder: Path) -> dict[str, bytes]:
        found = files_of(folder, "report.html")
        whole = json.loads(found.get("evaluation.json", b"{}"))
        found["evaluation.json"] = json.dumps({key: whole[key] for key in whole if key not in ("speed", "notes")}).encode()
        return found

    return Job(lambda folder, again: [*W2VKIT, "evaluate", str(table), "--output-dir", str(folder), *MODEL], results)


def ray(home: Path) -> Job:
    """Transcribe a folder on a Ray cluster of this machine; the command resumes by itself."""
    command = [*W2VKIT, "transcribe", str(home / "clips"), "--engine", "ray", "--cores-per-worker", "1", *MODEL]
    return Job(lambda folder, again: [*command, "--output-dir", str(folder)], files_of)


def download(home: Path) -> Job:
    """Download a checkpoint, from a Hub that takes some seconds for it."""
    from support.checkpoints import make_checkpoint
    from support.hub import StandIn

    original = make_checkpoint(home / "original", "layer")
    hub = StandIn({"someone/model": {"main": original}})
    hub.bytes_per_second = 80_000
    program = "import sys; from w2vkit.model.hub import fetch; print(fetch(sys.argv[1]))"

    def environment(folder: Path) -> dict[str, str]:
        return {"HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(folder), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}

    return Job(
        lambda folder, again: [sys.executable, "-c", program, "someone/model"],
        lambda folder: {name: data for name, data in files_of(folder).items() if not name.endswith(".lock")},
        environment,
    )


def train(home: Path) -> Job:
    """Train the student for a few steps on made-up speech; the times in its state may differ."""
    import torch
    from support.teacher import write_teacher

    from training.corpora import SPEEDS
    from training.student import build

    data = home / "speech"
    data.mkdir()
    samples = np.concatenate([soundfile.read(path, dtype="int16")[0] for path in sorted((home / "clips").iterdir())])
    for k in range(len(SPEEDS)):
        samples.tofile(data / f"speed-{k}.i16")
    size, index = 32_000, []
    for k in range(len(samples) // size):
        spans = [(k * size, (k + 1) * size)] * len(SPEEDS)
        index.append({"corpus": "librispeech-train-clean-100", "speaker": f"{k}", "text": TRAINED[:20].strip(), "spans": spans})
    (data / "index.json").write_text(json.dumps(index), encoding="utf-8")
    torch.save({"average": build(None, 0).state_dict()}, home / "start.pt")
    write_teacher(home / "teacher.bin")
    command = [sys.executable, "-m", "training.train", "ctc", "--start", str(home / "start.pt"), "--data", str(data)]
    command += ["--teacher", str(home / "teacher.bin"), "--steps", "6", "--every", "1", "--seconds", "17", "--dev", "1"]
    command += ["--no-compile"]

    def results(folder: Path) -> dict[str, bytes]:
        state: dict[str, Any] = {}
        with suppress(FileNotFoundError):
            state = torch.load(folder / "state.pt", weights_only=True)
        moments = [moment for one in state.get("optimisers", []) for moment in one["state"].values()]
        tensors = (
            {"step": torch.tensor(state.get("step", 0))}
            | state.get("model", {})
            | {f"average {k}": v for k, v in state.get("average", {}).items()}
        )
        tensors |= {f"moment {k} {name}": value for k, moment in enumerate(moments) for name, value in moment.items()}
        left = {name: b"" for name in files_of(folder, "log.jsonl", "state.pt")}
        return left | {name: value.numpy().tobytes() for name, value in tensors.items() if isinstance(value, torch.Tensor)}

    return Job(lambda folder, again: [*command, "--run", str(folder)], results)


JOBS: dict[str, Callable[[Path], Job]] = {
    "transcribe": transcribe,
    "evaluate": evaluate,
    "ray": ray,
    "download": download,
    "train": train,
}


class Run:
    """A process of a job."""

    def __init__(self, job: Job, folder: Path, *, again: bool) -> None:
        self.job, self.folder = job, folder
        environment = os.environ | {"HF_HUB_OFFLINE": "1"} | job.environment(folder)
        with (folder.parent / f"{folder.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                job.command(folder, again), cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """Kill the process and all that it has started, such as the daemons and workers of Ray."""
        family = [self.process.pid, *children(self.process.pid)]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def finish(self) -> str:
        """Wait for its end; give its output if it failed."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"it did not end within {PATIENCE:.0f} s"
        said = (self.folder.parent / f"{self.folder.name}.log").read_text(encoding="utf-8", errors="replace")
        return f"status {code}: {said[-500:]}" if code else ""


def begun(folder: Path) -> bool:
    """Whether there are results."""
    return folder.is_dir() and any(path.is_file() and path.stat().st_size for path in folder.rglob("*"))


def uninterrupted(job: Job, folder: Path) -> tuple[dict[str, bytes], float, float]:
    """Run a job to its end; give its results, when it began to write them, and when it ended (s)."""
    folder.mkdir()
    start, run = time.monotonic(), Run(job, folder, again=False)
    while not run.ended and not begun(folder):
        time.sleep(0.02)
    first = time.monotonic() - start
    if trouble := run.finish():
        raise SystemExit(f"The run without a kill failed. {trouble}")
    return job.results(folder), first, time.monotonic() - start


def round_of(job: Job, folder: Path, expected: tuple[dict[str, bytes], float, float], r: random.Random, tally: Tally) -> None:
    """Kill a job, run it again, and compare."""
    whole, first, last = expected
    folder.mkdir()
    for attempt in range(r.choice([1, 1, 2, 3])):
        run, early = Run(job, folder, again=attempt > 0), r.random() < EARLY
        start, before = time.monotonic(), job.results(folder)
        while (
            not early
            and not run.ended
            and time.monotonic() - start < PATIENCE
            and not (begun(folder) and job.results(folder) != before)
        ):
            time.sleep(0.02)
        moment = time.monotonic() + r.random() * (last if early else last - first)
        while time.monotonic() < moment and not run.ended:
            time.sleep(0.005)
        if run.ended:
            break
        run.kill()
        tally.kills += 1
        tally.during += begun(folder) and job.results(folder) != whole
    if trouble := Run(job, folder, again=True).finish():
        tally.faults.append(trouble)
        return
    found = job.results(folder)
    differ = sorted(name for name in whole.keys() | found.keys() if whole.get(name) != found.get(name))
    if differ:
        tally.faults.append(f"{len(differ)} results differ, or should not be there: {', '.join(differ[:5])}; see {folder}")
    else:
        tally.equal += 1


def main() -> None:
    """Parse the arguments, run all rounds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of each job (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", default=",".join(JOBS), help="jobs, separated by commas (default: all)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep all results here, to look into a fault")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - JOBS.keys():
        raise SystemExit(f"There is no job {', '.join(unknown)}. Choose from: {', '.join(JOBS)}.")
    tallies: dict[str, Tally] = {}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        (home / "clips").mkdir(parents=True)
        write_clips(home / "clips", CLIPS, CLIP_SECONDS)
        for name in names:
            job, r, tally = JOBS[name](home), random.Random(f"{options.seed}-{name}"), tallies.setdefault(name, Tally())
            expected = uninterrupted(job, home / name)
            for k in range(options.rounds):
                round_of(job, home / f"{name}-{k}", expected, r, tally)
            for fault in tally.faults:
                print(f"{name}: {fault}", flush=True)
    print("| job | rounds | kills | while results were written | equal to a run without a kill |\n|---|---|---|---|---|")
    for name, tally in tallies.items():
        print(f"| {name} | {options.rounds} | {tally.kills} | {tally.during} | {tally.equal} |")
    result = {"benchmark": "faults", "seed": options.seed, "rounds": options.rounds * len(names)}
    result |= {key: sum(getattr(tally, key) for tally in tallies.values()) for key in ("kills", "during", "equal")}
    result["minutes"] = round((time.monotonic() - start) / 60, 1)
    print(json.dumps(result))
    sys.exit(int(result["equal"] < result["rounds"]))


if __name__ == "__main__":
    main()
