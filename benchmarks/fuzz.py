"""Damage files of every kind that the core reads, and read them: each gives a result, or one error of w2vkit.

    python -m benchmarks.fuzz [--count 10000] [--seed 0] [--kinds sound,table] [--workers 2]
    python -m benchmarks.fuzz --repeat build/fuzz/sound-000012-a.m4a

Sound in all containers, language models (ARPA, gzip, compact), tables (CSV, TSV, JSON lines, Parquet, NeMo manifests), texts
(plain, subtitles, NIST's trn and ctm) and folders of checkpoints are damaged in their bytes, their lines and their values.
A fault is any other exception, a sample or score that is not finite, a process that dies, and more time or memory than the
limits. Every fault's file is kept; --repeat reads it again and shows the traceback. The exit status is 1 if there is a fault.
"""

import argparse
import gzip
import io
import json
import math
import multiprocessing
import os
import random
import struct
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from support.emissions import LABELS

from benchmarks.fuzz_seeds import KINDS, Seeds, rows, seeds
from benchmarks.processes import MB, memory, reset_peak

SHARES = {"sound": 45, "language-model": 15, "table": 15, "text": 10, "checkpoint": 15}  # of the mutants (%)
SECONDS, LIMIT_MB = 60.0, 1024  # s and MB that one mutant may take; the machine may be busy
AFRESH = 1000  # mutants after which a process ends and another begins
WARM = 100  # mutants of a process after which its memory is compared
MAX_SECONDS = 600.0  # s of sound, as on the page
NUMBERS = [0, 1, 2, 7, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 4_000_000_000, 2**63 - 1, 2**64 - 1]
FORMATS = ["<H", ">H", "<I", ">I", "<Q", ">Q"]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    2,
    1e9,
    10**30,
    1e308,
    math.nan,
    math.inf,
    "",
    "x",
    "-5",
    " ",
    "\0",
    "\x1b[2J",
    "|",
    "<pad>",
]
VALUES += [
    [],
    {},
    [[1, 2], [3]],
    {"a": {"b": None}},
    "é" * 500,
    "\u2028",
    "\ud800",
    "../../x",
    "nan",
    0.5,
    [0],
    [-1] * 7,
    [10**9] * 7,
]
WORDS = [
    b"",
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"0",
    b"9" * 400,
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b'"',
    b"\t",
    b"\r",
    b",",
    b"\\",
]
WORDS += [
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"\x1b[2J",
    b"[" * 5000,
    b'{"a":' * 3000,
    b"<s>",
    b"</s>",
    b"<unk>",
]
WORDS += [
    b"-->",
    b"&#x110000;",
    b"&#1234567;",
    b"<" * 3000,
    b"(",
    b"\\data\\",
    b"\\end\\",
    b"ngram 1=999999999999",
    b"a" * 100_000,
]

Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]


# Mutations of bytes. Each takes the data, and those of all files of its kind.


def flip(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Change single bits, half of the time in the header."""
    changed = bytearray(data)
    end = min(len(data), 400) if r.random() < 0.5 else len(data)
    for _ in range(r.choice([1, 2, 8, 64])):
        changed[r.randrange(end)] ^= 1 << r.randrange(8)
    return bytes(changed)


def cut(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Drop the end, or a part in the middle."""
    start = r.choice([r.randrange(len(data)), max(0, len(data) - r.choice([1, 2, 7, 64, 1000]))])
    return data[:start] + (data[start + r.choice([1, 4, 100, 5000]) :] if r.random() < 0.5 else b"")


def repeat(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Insert a part once more, or many times."""
    start = r.randrange(len(data))
    return data[:start] + data[start : start + r.choice([4, 100, 5000])] * r.choice([2, 3, 30]) + data[start:]


def overwrite(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Replace a part by zeros, by ones, or by noise."""
    start, size = r.randrange(len(data)), r.choice([1, 4, 64, 4096])
    size = min(size, len(data) - start)
    return data[:start] + r.choice([bytes(size), b"\xff" * size, r.randbytes(size)]) + data[start + size :]


def number(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Write a number that is a limit of its type, as a wrong length, rate or offset."""
    changed, format = bytearray(data), r.choice(FORMATS)
    size = struct.calcsize(format)
    position = r.randrange(min(len(data), r.choice([48, 400, len(data)])))
    if position + size <= len(data):
        struct.pack_into(format, changed, position, r.choice(NUMBERS) % 256**size)
    return bytes(changed)


def splice(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Replace the rest by another file."""
    other = r.choice(others)
    return data[: r.choice([len(data), r.randrange(len(data))])] + other[r.choice([0, r.randrange(len(other))]) :]


def prefix(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Put a tag, a header, a byte order mark or noise before it."""
    tag = b"ID3\3\0" + bytes([r.choice([0, 128])]) + r.choice([bytes(4), b"\x7f" * 4, b"\0\0\x08\0"])
    nested = b"RIFF" + struct.pack("<I", (len(data) + 4) % 2**32) + b"WAVE"
    return r.choice([tag, nested * r.choice([1, 300]), b"\xef\xbb\xbf", b"\xff\xfe", r.randbytes(16)]) + data


# Mutations that know the form of a file.


def word(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Replace a word, or insert one at any place."""
    if r.random() < 0.5:
        position = r.randrange(len(data) + 1)
        return data[:position] + r.choice(WORDS) + data[position:]
    parts = data.split(b" ") if r.random() < 0.5 else data.split(b"\t")
    parts[r.randrange(len(parts))] = r.choice(WORDS)
    return (b" " if b" ".join(parts).count(b" ") >= data.count(b" ") else b"\t").join(parts)


def line(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Drop, repeat, move or replace lines, or change how they end."""
    lines = data.split(b"\n")
    k, j = r.randrange(len(lines)), r.randrange(len(lines))
    action = r.randrange(5)
    if action == 0:
        del lines[k]
    elif action == 1:
        lines[k:k] = [lines[k]] * r.choice([1, 2, 500])
    elif action == 2:
        lines[k], lines[j] = lines[j], lines[k]
    elif action == 3:
        lines[k] = r.choice(WORDS)
    return (b"\n" if action < 4 else r.choice([b"\r\n", b"\r", b"\n\n", b"\0", b"\x0b"])).join(lines)


def value(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Replace, drop or add a value of a JSON object, at any depth; of JSON lines in one of them."""
    lines = data.split(b"\n")
    whole = not lines[0].rstrip().endswith(b"}")
    k = r.choice([number for number, text in enumerate(lines) if text.strip()] or [0])
    try:
        given = json.loads(data if whole else lines[k])
    except ValueError:
        return word(r, data, others)
    inner, places = [given], list[tuple[Any, Any]]()
    while inner:
        one = inner.pop()
        keys = list(one) if isinstance(one, dict) else list(range(len(one))) if isinstance(one, list) else []
        places += [(one, key) for key in keys]
        inner += [one[key] for key in keys]
    if not places or r.random() < 0.05:
        given = r.choice(VALUES)
    else:
        holder, key = r.choice(places)
        if r.random() < 0.15:
            del holder[key]
        else:
            holder[key] = r.choice(VALUES)
    changed = json.dumps(given).encode()
    return changed if whole else b"\n".join([*lines[:k], changed, *lines[k + 1 :]])


def member(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Damage one file of a folder in a ZIP file: most of the time its JSON, else any file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    texts = [name for name in files if name.endswith(".json")]
    name = r.choice(texts if r.random() < 0.7 else list(files))
    if r.random() < 0.05:
        del files[name]
    else:
        change: Mutation = r.choice(
            [value] * 4 + [word, line, cut, flip] if name in texts else [flip, cut, number, overwrite, splice, header]
        )
        files[name] = change(r, files[name] or b" ", list(files.values()))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for one, content in files.items():
            archive.writestr(one, content)
    return file.getvalue()


def header(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Change a value in the JSON header of safetensors, and keep its length right."""
    size = int.from_bytes(data[:8], "little")
    changed = value(r, data[8 : 8 + size], others)
    return len(changed).to_bytes(8, "little") + changed + data[8 + size :]


def unpacked(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Damage the content of a gzip file, and keep its checksum right."""
    return gzip.compress(r.choice([word, line, flip])(r, gzip.decompress(data), others), mtime=0)


def array(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Change an array of a .npz file: its values, its type or its shape; or leave it out."""
    with np.load(io.BytesIO(data)) as archive:
        arrays = {name: archive[name] for name in archive}
    name = r.choice(list(arrays))
    old = arrays.pop(name)
    action = r.randrange(6)
    if action == 0:
        arrays[name] = old.reshape(-1)[: r.randrange(old.size + 1)]
    elif action == 1:
        arrays[name] = np.concatenate([old.reshape(-1)] * r.choice([2, 50]))
    elif action == 2:
        arrays[name] = old.astype(r.choice(["f4", "i8", "u1", "U3", "?", "c8", "M8[s]"]))
    elif action == 3:
        arrays[name] = old[None]
    elif action == 4:
        changed = np.array(old)
        changed.reshape(-1)[r.randrange(old.size)] = r.choice([0, 1, 100])
        arrays[name] = changed
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def cell(r: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Change a cell of a Parquet file, or the kind of a column, or its name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    column = r.randrange(table.num_columns)
    values = table.column(column).to_pylist()
    for k in range(len(values)) if r.random() < 0.5 else [r.randrange(len(values))]:
        values[k] = r.choice(
            [None, "", b"\xff\xfe", "x\0", -1.0, math.nan, 2**62, {"path": "x"}, {"bytes": b"RIFF"}, ["a", "b"], "0.wav"]
        )
    try:
        changed = table.set_column(column, table.column_names[column], pa.array(values))
    except (pa.ArrowException, TypeError, OverflowError):  # not values of one kind
        changed = table.rename_columns([r.choice(["text", "audio", "id", "", "duration"]) for _ in table.column_names])
    file = io.BytesIO()
    pq.write_table(changed, file)
    return file.getvalue()


BYTES: list[Mutation] = [flip, flip, cut, repeat, overwrite, number, number, splice, prefix]
TEXT: list[Mutation] = [word, word, word, line, line, flip, cut, splice, prefix]
SUFFIXES: dict[str, list[Mutation]] = {  # of files with a form of their own
    ".zip": [member],
    ".gz": [unpacked, unpacked, *BYTES],
    ".npz": [array, array, array, *BYTES],
    ".parquet": [cell, cell, cell, *BYTES],
    ".jsonl": [value, value, value, *TEXT],
    ".json": [value, value, value, *TEXT],
    **dict.fromkeys((".arpa", ".csv", ".tsv", ".txt", ".srt", ".vtt", ".trn", ".ctm"), TEXT),
}


@dataclass(frozen=True)
class Mutant:
    """A damaged file; its number, seed and the name of the original file determine how it was made."""

    number: int
    kind: str
    name: str
    data: bytes

    @property
    def file(self) -> str:
        """The name under which it is kept."""
        return f"{self.kind}-{self.number:06d}-{self.name}"


def mutant(number: int, seed: int, kinds: list[str], whole: dict[str, Seeds]) -> Mutant:
    """Make the mutant of a number."""
    r = random.Random(f"{seed}-{number}")
    kind = r.choices(kinds, [SHARES[kind] for kind in kinds])[0]
    name = r.choice(list(whole[kind]))
    mutations, data, others = SUFFIXES.get(Path(name).suffix, BYTES), whole[kind][name], list(whole[kind].values())
    for step in range(r.choice([1, 1, 1, 2, 3])):
        own = step == 0 or mutations in (TEXT, SUFFIXES[".zip"])  # other forms are lost by the first change of their bytes
        try:
            data = r.choice(mutations if own else BYTES)(r, data, others) if data else data
        except Exception:  # an earlier step has destroyed the form
            data = data if mutations is SUFFIXES[".zip"] else flip(r, data, others)
    return Mutant(number, kind, name, data)


# Reading. Each function raises an error of w2vkit, or gives in a few words what was found.


def read_sound(path: Path, number: int) -> str:
    """Load a sound, from a file or from bytes."""
    from w2vkit.audio import load

    waveform = load(path if number % 2 else path.read_bytes(), max_seconds=MAX_SECONDS)
    assert np.isfinite(waveform.samples).all() and waveform.seconds <= MAX_SECONDS + 1
    return f"{waveform.seconds:.2f} s"


def read_language_model(path: Path, number: int) -> str:
    """Load a language model, score a text and search with it."""
    from w2vkit.decode import BeamSearch
    from w2vkit.decode.lm import NGram, load

    model = load(path)
    if isinstance(model, NGram):
        assert math.isfinite(model.score("THE CAT NOWHERE")), "a score is not finite"
    found = BeamSearch(language_model=model, beam_width=8)(_emissions())
    assert math.isfinite(found.score), "a score is not finite"
    return f"order {model.order}"


def read_table(path: Path, number: int) -> str:
    """Open a table as a data set, load the sound of its rows, and read it as the texts of another system."""
    from w2vkit.audio import load
    from w2vkit.errors import W2VKitError
    from w2vkit.evaluate.hypotheses import read_references, read_system
    from w2vkit.pipeline.datasets import open_corpus

    for read in (read_system, read_references):
        try:
            read(path)
        except W2VKitError:
            pass
    texts = list[str]()
    for utterance in open_corpus(path):
        assert "unexpected" not in (utterance.error or ""), utterance.error
        _ = f"{utterance.id}{utterance.reference}{utterance.speaker}".encode()  # whatever is written to a file later
        if utterance.error is None:
            try:
                load(utterance.audio, max_seconds=MAX_SECONDS)
            except W2VKitError as error:
                str(error).encode()
            else:
                texts.append(utterance.reference or "")
    return f"{len(texts)} rows"


def read_text(path: Path, number: int) -> str:
    """Align a text or subtitles and write all formats; read the files of other systems."""
    from w2vkit.align import align
    from w2vkit.cli.align import read_text as text_of
    from w2vkit.evaluate.hypotheses import read_references, read_system
    from w2vkit.formats import FORMATS, render

    if path.suffix in (".trn", ".ctm"):
        read_references(path)
        return f"{len(read_system(path).results)} texts"
    alignment = align(_emissions(), text_of(str(path)))
    for format in FORMATS:
        render(alignment, format, seconds=_emissions().seconds, name=path.name).encode()
    return f"{len(alignment.hypothesis.words)} words"


def read_checkpoint(path: Path, number: int) -> str:
    """Load a checkpoint and transcribe noise with it."""
    from w2vkit.audio import Waveform
    from w2vkit.decode import beam_search, greedy
    from w2vkit.model import CTCModel

    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    model = CTCModel.load(str(folder), device="cpu", dtype="float32")
    noise = np.random.default_rng(0).standard_normal(8_000, dtype=np.float32) / 10
    (emissions,) = model.emit([Waveform(noise, model.sample_rate)])
    assert np.isfinite(emissions.log_probs.max(axis=1)).all(), "an emission is not finite"
    return f"{greedy(emissions).text[:20]!r} {beam_search(emissions, beam_width=4).text[:20]!r}"


def _emissions() -> Any:
    """Give random emissions of 8 s."""
    from w2vkit.emissions import Emissions, Vocabulary

    logits = np.random.default_rng(0).normal(size=(400, len(LABELS)), scale=2)
    return Emissions((logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).astype(np.float32), Vocabulary.of(LABELS))


READ: dict[str, Callable[[Path, int], str]] = {
    "sound": read_sound,
    "language-model": read_language_model,
    "table": read_table,
    "text": read_text,
    "checkpoint": read_checkpoint,
}


@dataclass(frozen=True)
class Found:
    """The outcome of a mutant: "result", "error" or "fault", with a message, and the time (s) and memory (bytes) it took."""

    outcome: str
    message: str
    seconds: float = 0.0
    grown: int = 0  # bytes above the memory before, at the peak
    rss: int = 0  # bytes of the process afterwards


def read(mutant: Mutant, folder: Path) -> Found:
    """Read a mutant in this process."""
    from w2vkit.errors import W2VKitError

    path = folder / mutant.name
    path.write_bytes(mutant.data)
    reset_peak()
    before, start = memory(os.getpid())["rss"], time.perf_counter()
    try:
        outcome, message = "result", READ[mutant.kind](path, mutant.number)
    except W2VKitError as error:
        outcome, message = "error", str(error)
    except BaseException:
        outcome, message = "fault", traceback.format_exc()
    after = memory(os.getpid())
    return Found(outcome, message, time.perf_counter() - start, after["peak"] - before, after["rss"])


def work(connection: Connection, kinds: list[str]) -> None:
    """Read what is sent until the connection is closed. What libraries print is dropped."""
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as home:
        for kind in kinds:  # whole files first, so that loading the libraries does not count for a mutant
            for name, data in seeds(kind).items() if kind in ("language-model", "text", "checkpoint") else ():
                read(Mutant(0, kind, name, data), Path(home))
        connection.send("ready")
        while True:
            try:
                mutant = connection.recv()
            except EOFError:
                return
            with tempfile.TemporaryDirectory(dir=home) as folder:
                if mutant.kind == "table":
                    _write_clips(Path(folder))
                connection.send(read(mutant, Path(folder)))


def _write_clips(folder: Path) -> None:
    """Write the sounds that the rows of tables name."""
    import soundfile

    for row in rows():
        soundfile.write(folder / row["audio_filepath"], np.zeros(16_000, np.float32), 16_000)


class Worker:
    """A process that reads mutants; it is ended, and begun again, when one takes too long or too much memory."""

    def __init__(self, seconds: float, limit_mb: float, kinds: list[str]) -> None:
        self.seconds, self.limit, self.kinds = seconds, limit_mb * MB, kinds
        self.growth: list[float] = []  # bytes per mutant of each process, after its first `WARM`
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, self.kinds), daemon=True)
        self.process.start()
        theirs.close()
        assert self.connection.recv() == "ready"
        self.rss: list[int] = []

    def read(self, mutant: Mutant) -> Found:
        """Read a mutant in the process."""
        if len(self.rss) >= AFRESH:
            self.close()
            self._start()
        self.connection.send(mutant)
        start, before = time.monotonic(), memory(self.process.pid or 0)["rss"]
        try:
            while not self.connection.poll(0.1):
                grown = memory(self.process.pid or 0)["rss"] - before
                if (late := time.monotonic() - start > self.seconds) or grown > 2 * self.limit:
                    self.close()
                    self._start()
                    what = f"It took longer than {self.seconds:.0f} s." if late else f"It took {grown / MB:.0f} MB and went on."
                    return Found("fault", what, time.monotonic() - start, grown)
            found: Found = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            self._start()
            return Found("fault", f"The process died with status {code}.", time.monotonic() - start)
        self.rss.append(found.rss)
        if found.outcome != "fault" and found.grown > self.limit:
            return Found("fault", f"It took {found.grown / MB:.0f} MB at its peak. {found.message}", found.seconds, found.grown)
        return found

    def close(self) -> None:
        """End the process."""
        if len(self.rss) > 2 * WARM:
            self.growth.append((self.rss[-1] - self.rss[WARM]) / (len(self.rss) - WARM))
        self.process.kill()
        self.process.join()


def run(options: argparse.Namespace) -> int:
    """Make and read all mutants, print a table, and give the number of faults."""
    kinds = options.kinds.split(",")
    if unknown := set(kinds) - KINDS.keys():
        raise SystemExit(f"There is no kind {', '.join(unknown)}. Choose from: {', '.join(KINDS)}.")
    whole = {kind: seeds(kind) for kind in kinds}
    counts, files, lock = Counter[tuple[str, str]](), Counter[str](), Lock()
    longest: dict[str, tuple[float, str]] = dict.fromkeys(kinds, (0.0, ""))
    largest: dict[str, tuple[float, str]] = dict.fromkeys(kinds, (0.0, ""))
    options.output.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()

    def share(first: int) -> list[float]:
        worker = Worker(options.seconds, options.limit_mb, kinds)
        for number in range(first, options.count, options.workers):
            one = mutant(number, options.seed, kinds, whole)
            found = worker.read(one)
            with lock:
                counts[one.kind, found.outcome] += 1
                files[one.kind] = len(whole[one.kind])
                longest[one.kind] = max(longest[one.kind], (found.seconds, one.file))
                largest[one.kind] = max(largest[one.kind], (found.grown / MB, one.file))
                if found.outcome == "fault":
                    (options.output / one.file).write_bytes(one.data)
                    print(f"{one.file}: {found.message.strip().splitlines()[-1]}", flush=True)
                if sum(counts.values()) % 1000 == 0:
                    print(f"{sum(counts.values())} mutants after {time.monotonic() - start:.0f} s", flush=True)
        worker.close()
        return worker.growth

    with ThreadPoolExecutor(options.workers) as pool:
        growth = [one for share_of in pool.map(share, range(options.workers)) for one in share_of]
    faults = sum(count for (_, outcome), count in counts.items() if outcome == "fault")
    print("| kind | whole files | mutants | results | errors of w2vkit | faults | longest (s) | most memory (MB) |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in kinds:
        each = [counts[kind, outcome] for outcome in ("result", "error", "fault")]
        cells = [kind, len(whole[kind]), sum(each), *each, f"{longest[kind][0]:.1f}", f"{largest[kind][0]:.0f}"]
        print("| " + " | ".join(map(str, cells)) + " |")
    result = {"benchmark": "fuzz", "seed": options.seed, "mutants": sum(counts.values()), "faults": faults}
    result["minutes"] = round((time.monotonic() - start) / 60, 1)
    result["kb_per_mutant_kept"] = round(max(growth, default=0.0) / 1024, 1)
    result |= {"longest": max(longest.values()), "largest_mb": max(largest.values())}
    print(json.dumps(result))
    return faults


def again(file: Path) -> int:
    """Read a kept mutant in this process and show what happens; give 1 if it is a fault."""
    kind = next((kind for kind in KINDS if file.name.startswith(f"{kind}-")), "")
    number, _, name = file.name.removeprefix(f"{kind}-").partition("-")
    if not kind or not number.isdigit():
        raise SystemExit(f"{file.name} is no mutant of this program, such as sound-000012-a.m4a. Name one of its folder.")
    with tempfile.TemporaryDirectory() as folder:
        _write_clips(Path(folder))
        found = read(Mutant(int(number), kind, name, file.read_bytes()), Path(folder))
    print(f"{found.outcome}, {found.seconds:.1f} s, {found.grown / MB:.0f} MB: {found.message}")
    return int(found.outcome == "fault")


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, metavar="N", help="how many mutants (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other mutants")
    parser.add_argument("--kinds", default=",".join(KINDS), help="separated by commas (default: all)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes at a time (default 2)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="what a mutant may take (s)")
    parser.add_argument("--limit-mb", type=float, default=LIMIT_MB, help="memory that a mutant may take (MB)")
    parser.add_argument("--output", type=Path, default=Path("build/fuzz"), metavar="DIR", help="where faults are kept")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="read a kept mutant again")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    sys.exit(again(options.repeat) if options.repeat else int(run(options) > 0))


if __name__ == "__main__":
    main()
