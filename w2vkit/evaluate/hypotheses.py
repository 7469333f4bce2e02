"""Texts by utterance, from any system: result folders of `w2vkit evaluate`, tables, JSON lines, and NIST's trn and ctm."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from w2vkit.decode import Decode, Hypothesis, decoder_settings
from w2vkit.emissions import Emissions, Vocabulary
from w2vkit.errors import EvaluationError
from w2vkit.pipeline.bulk import Job, ModelInfo, Progress, with_distinct_ids
from w2vkit.pipeline.dataset_files import ROW_ERROR, Table, read_lines, read_manifest, read_parquet
from w2vkit.pipeline.datasets import (
    AUDIO_COLUMNS,
    ID_COLUMNS,
    SPEAKER_COLUMNS,
    TEXT_COLUMNS,
    Corpus,
    Utterance,
    choose,
    text_of,
    transcript_of,
)
from w2vkit.pipeline.journal import RESULTS, Journal, Result
from w2vkit.pipeline.shards import SHARDS

EVALUATION = "evaluation.json"  # in a folder that `w2vkit evaluate` wrote
IDS = (*ID_COLUMNS, *AUDIO_COLUMNS)  # columns that name an utterance; the first one there counts
HYPOTHESES = ("hypothesis", "pred_text", "prediction", *TEXT_COLUMNS)
REFERENCES = ("reference", *TEXT_COLUMNS)
TRN = re.compile(r"(.*)\(([^()\s]+)\)\s*")  # TEXT (ID)
LABEL = re.compile(r"<\S*>")  # of an stm's segment, such as <o,f0,male>
IGNORED = "IGNORE_TIME_SEGMENT_IN_SCORING"  # instead of the text of an stm's segment
NOT_BY_ID = (".srt", ".vtt", ".ass", ".ssa", ".sbv", ".textgrid", ".eaf", ".rttm", ".xml", ".html")
FORMS = (
    "Give a .tsv, .csv, .jsonl or .parquet file with the columns id and text, lines of 'ID TEXT', a .trn, .stm or .ctm file."
)


@dataclass(frozen=True)
class System:
    """The texts of one system.

    Attributes
    ----------
    name : str
    results : mapping of str to Result
        By the id of the utterance.
    about : str or None
        Model and decoder, where they are known.
    scoring : str or None
        How `w2vkit evaluate` scored it.
    """

    name: str
    results: Mapping[str, Result]
    about: str | None = None
    scoring: str | None = None


def read_system(path: Path) -> System:
    """Read a folder that `w2vkit evaluate` wrote, or a file of texts by id.

    Parameters
    ----------
    path : Path
        A folder with ``results.jsonl`` or ``shards``, or a file: CSV, TSV or JSON lines with a column of ids and one of
        texts (and perhaps of references and speakers), lines of ``ID TEXT``, NIST's trn (``TEXT (ID)``), stm or ctm.

    Raises
    ------
    DatasetError
        The file cannot be read.
    EvaluationError
        It holds no texts by id, or an id twice.
    """
    name = path.resolve().name
    if path.is_file():
        return System(name, read_texts(path))
    if not path.exists():
        raise EvaluationError(f"{path} does not exist. Name a folder that w2vkit evaluate wrote, or a file of texts. {FORMS}")
    shards = sorted((path / SHARDS).glob("part-*.parquet"))
    if (path / RESULTS).is_file():
        results = read_texts(path / RESULTS)
    elif shards:
        results = _results(shards[0].parent, read_parquet(shards), HYPOTHESES, REFERENCES)
    else:
        raise EvaluationError(
            f"{path} holds no {RESULTS} and no {SHARDS}. Name a folder that w2vkit evaluate wrote (--output-dir), or a file."
        )
    try:
        found = json.loads((path / EVALUATION).read_text(encoding="utf-8"))
        return System(name, results, f"{found['model']} ({found['dtype']}), {found['decoder']}", found["scoring"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return System(name, results)  # a run that was stopped has not written it yet


def read_texts(file: Path) -> dict[str, Result]:
    """Read hypotheses by id, with their references and speakers where the file has them; see `read_system`."""
    return _results(file, _table(file), HYPOTHESES, REFERENCES)


def read_references(file: Path, column: str | None = None) -> dict[str, Result]:
    """Read references by id; the forms are those of `read_system`, `column` is the name of the column of texts."""
    return _results(file, _table(file), (), (column,) if column else REFERENCES)


def reference_corpus(
    file: Path, column: str | None = None, *, limit: int | None = None, shuffle: bool = False, seed: int = 0
) -> Corpus:
    """Make a data set without sound of a file of references; the options are those of `open_corpus`.

    Raises
    ------
    DatasetError, EvaluationError
        As `read_system`, or the limit leaves nothing.
    """
    found = [Utterance(r.id, None, r.reference, r.speaker) for r in read_references(file, column).values()]
    chosen = [found[k] for k in choose(len(found), limit=limit, shuffle=shuffle, seed=seed)]
    return Corpus.of(file.name, chosen, complete=len(chosen) == len(found))


@dataclass(frozen=True, eq=False)
class TextRunner:
    """A runner without a model: gives each utterance the text that a system wrote for it.

    Attributes
    ----------
    system : System
    results_file : Path or None
        JSON lines, as `w2vkit.pipeline.bulk.LocalRunner` writes them.
    info : ModelInfo
        Its vocabulary holds the characters of the texts, and the whole Latin alphabet in the cases that occur.
    """

    system: System
    results_file: Path | None = None
    info: ModelInfo = field(init=False)

    def __post_init__(self) -> None:
        characters = {c for result in self.system.results.values() for c in result.hypothesis or ""}
        for alphabet in (ascii_lowercase, ascii_uppercase):
            characters |= set(alphabet) if characters & set(alphabet) else set()
        labels = ["<pad>", "|", *sorted(c for c in characters if not c.isspace() and c != "|")]
        info = ModelInfo(self.system.name, "text", Vocabulary.of(labels))
        object.__setattr__(self, "info", info)

    def run(self, utterances: Iterable[Utterance], *, decode: Decode, progress: Progress | None = None) -> Job:
        """Look up the texts, as `w2vkit.pipeline.bulk.Runner.run`; an utterance without one is a result with an error."""
        journal = Journal(self.results_file, {"model": self.info.model, "dtype": self.info.dtype, **decoder_settings(decode)})
        results = []
        for one in with_distinct_ids(utterances):
            found = self.system.results.get(one.id)
            error = one.error if one.reference is None else None  # other errors are about the sound, which is not needed
            error = error or (f"{self.system.name} has no text of {one.id}." if found is None else found.error)
            text = None if error or found is None else found.hypothesis
            results.append(Result(one.id, one.speaker, None, one.reference, text, error))
        if all(result.error for result in results):
            raise EvaluationError(
                f"{self.system.name} has no text of any of {len(results)} utterances. Its ids are such as "
                f"{_sample(self.system.results)}, those of the data set {_sample(r.id for r in results)}. Make them equal."
            )
        surplus = len(self.system.results.keys() - {result.id for result in results})
        notes = [f"{surplus} texts of {self.system.name} belong to no utterance of the data set."] if surplus else []
        journal.add(results)
        return Job(journal.finish([result.id for result in results]), notes=notes)


def another_system(emissions: Emissions) -> Hypothesis:
    """The decoder of a `TextRunner`, which has no emissions to decode; reports show the name of this function."""
    raise EvaluationError("Texts of another system are not decoded. Use them with a TextRunner.")


def _sample(ids: Iterable[str]) -> str:
    return repr(next(iter(ids), ""))


def _table(file: Path) -> Table:
    suffix = file.suffix.lower()
    if suffix in (".json", ".jsonl"):
        return read_manifest(file)
    if suffix in (".csv", ".tsv"):
        table = read_manifest(file)
        named = table.first((*IDS, *HYPOTHESES, *REFERENCES))
        return table if named or not table.columns else _without_header(file, table)
    if suffix == ".parquet":
        return read_parquet([file])
    if suffix in NOT_BY_ID:
        raise EvaluationError(f"{file.name} has no texts by id, as {suffix} files hold times. {FORMS}")
    rows = list(_from_times(file, suffix) if suffix in (".ctm", ".stm") else _from_lines(file, suffix))
    return Table.of(("id", "text"), rows, file.parent)


def _without_header(file: Path, table: Table) -> Table:
    """Read a table of two columns without a header: its first line is a row, too."""
    if len(table.columns) != 2:
        raise EvaluationError(
            f"{file.name} has no column of ids ({', '.join(ID_COLUMNS)}). Its first line holds: {', '.join(table.columns)}. "
            "Name the columns there, or leave two columns, id and text."
        )
    rows: list[dict[str, Any]] = [
        dict(zip(("id", "text"), row.values(), strict=False)) for _, row in table.read(range(table.total))
    ]
    rows.insert(0, dict(zip(("id", "text"), table.columns, strict=True)))
    return Table.of(("id", "text"), rows, file.parent)


def _from_lines(file: Path, suffix: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(read_lines(file), start=1):
        if suffix == ".trn" and line.strip():
            if not (found := TRN.fullmatch(line)):
                raise EvaluationError(f"Line {number} of {file.name} is not of the form 'TEXT (ID)'. Correct it.")
            yield {"id": found[2], "text": found[1].strip()}
        elif fields := line.split(maxsplit=1):
            yield {"id": fields[0], "text": fields[1].strip() if len(fields) > 1 else ""}


def _from_times(file: Path, suffix: str) -> Iterator[dict[str, Any]]:
    """Join the words of each recording in a ctm, or its segments in an stm, in the order of their starts."""
    start, form = (2, "ID CHANNEL START DURATION WORD") if suffix == ".ctm" else (3, "ID CHANNEL SPEAKER START END TEXT")
    found: dict[str, list[tuple[float, str]]] = {}
    for number, line in enumerate(read_lines(file), start=1):
        fields = line.split()
        if not fields or line.startswith(";;") or fields[-1].upper() == IGNORED:
            continue
        try:
            time, rest = float(fields[start]), fields[start + 2 :]
            if not math.isfinite(time) or (suffix == ".ctm" and not rest):
                raise ValueError
        except (IndexError, ValueError) as error:
            raise EvaluationError(f"Line {number} of {file.name} is not of the form {form!r}. Correct it.") from error
        if suffix == ".ctm" or LABEL.fullmatch("".join(rest[:1])):
            rest = rest[:1] if suffix == ".ctm" else rest[1:]  # a confidence follows, or a label stands before the text
        found.setdefault(fields[0], []).append((time, " ".join(rest)))
    for id, those in found.items():
        yield {"id": id, "text": " ".join(text for _, text in sorted(those, key=lambda one: one[0])).strip()}


def _results(file: Path, table: Table, hypotheses: tuple[str, ...], references: tuple[str, ...]) -> dict[str, Result]:
    """Find the columns, and turn the rows into results by id."""
    columns = {
        "id": table.first(IDS),
        "hypothesis": (hypothesis := table.first(hypotheses)),
        "reference": table.first(tuple(name for name in references if name != hypothesis)),
        "speaker": table.first(SPEAKER_COLUMNS),
        "error": "error" if {"error", "seconds"} <= set(table.columns) else None,  # w2vkit's own files have both
    }
    if not columns["id"] or not columns["hypothesis" if hypotheses else "reference"]:
        raise EvaluationError(
            f"{file.name} has no columns of ids and texts ({', '.join(hypotheses or references)}). "
            f"It has: {', '.join(table.columns) or 'nothing'}. {FORMS}"
        )
    if twice := next((name for name in columns.values() if table.columns.count(name or "") > 1), None):
        raise EvaluationError(
            f"{file.name} has {table.columns.count(twice)} columns {twice!r}. Rename or remove the wrong one."
        )
    results: dict[str, Result] = {}
    journal = False
    for _, row in table.read(range(table.total)):
        journal |= "w2vkit" in row  # the first line of results.jsonl
        values = {key: text_of(row.get(name)) for key, name in columns.items() if name}
        values |= {key: transcript_of(row.get(name), name) for key in ("hypothesis", "reference") if (name := columns[key])}
        id = values.pop("id")
        if isinstance(sound := row.get(columns["id"]), Mapping):  # of a Hub's table without ids
            id = text_of(sound.get("path"))
        if ROW_ERROR in row and not journal:
            raise EvaluationError(f"{file.name}: {row[ROW_ERROR]}")
        if not id:
            if journal:
                continue  # its head, or a last line that a kill has cut
            raise EvaluationError(f"A row of {file.name} has no {columns['id']}. Add it, or leave the row out.")
        if id in results and not journal:  # a second attempt is a second row in results.jsonl
            raise EvaluationError(f"{file.name} has two texts of {id}. Remove the wrong one.")
        seconds = row.get("seconds")
        result = Result(id, seconds=seconds if isinstance(seconds, float) else None)
        results[id] = replace(result, **{key: value for key, value in values.items() if value is not None})
    if not results:
        raise EvaluationError(f"{file.name} is empty. {FORMS}")
    return results
