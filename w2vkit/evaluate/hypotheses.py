"""Texts by utterance, from any system: result folders of `w2vkit evaluate`, tables, JSON lines, and NIST's trn and ctm."""

import json
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
)
from w2vkit.pipeline.journal import Journal, Result

RESULTS, SHARDS, EVALUATION = "results.jsonl", "shards", "evaluation.json"  # in a folder that `w2vkit evaluate` wrote
IDS = (*ID_COLUMNS, *AUDIO_COLUMNS)  # columns that name an utterance; the first one there counts
HYPOTHESES = ("hypothesis", "pred_text", "prediction", *TEXT_COLUMNS)
REFERENCES = ("reference", *TEXT_COLUMNS)
TRN = re.compile(r"(.*)\(([^()\s]+)\)\s*")  # TEXT (ID)
FORMS = "Give a .tsv, .csv or .jsonl file with the columns id and text, lines of 'ID TEXT', a .trn or a .ctm file."


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
        texts (and perhaps of references and speakers), lines of ``ID TEXT``, NIST's trn (``TEXT (ID)``) or ctm.

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
    except (OSError, ValueError, KeyError, TypeError):
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
    """Stands in for a model: gives each utterance the text that a system wrote for it.

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
            error = one.error if one.reference is None else None  # it lacks its sound, which nothing needs here
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
    """Stand in for a decoder beside `TextRunner`, which has no emissions to decode; reports show its name."""
    raise EvaluationError("Texts of another system are not decoded. Use them with a TextRunner.")


def _sample(ids: Iterable[str]) -> str:
    return repr(next(iter(ids), ""))


def _table(file: Path) -> Table:
    suffix = file.suffix.lower()
    if suffix in (".json", ".jsonl"):
        return read_manifest(file)
    if suffix in (".csv", ".tsv"):
        table = read_manifest(file)
        return table if any(name in table.columns for name in IDS) else _without_header(file, table)
    rows = list(_from_ctm(file) if suffix == ".ctm" else _from_lines(file, suffix))
    return Table.of(("id", "text"), rows, file.parent)


def _without_header(file: Path, table: Table) -> Table:
    """Read a table of two columns whose first line is a row already."""
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


def _from_ctm(file: Path) -> Iterator[dict[str, Any]]:
    """Join the words of each recording in the order of their starts."""
    words: dict[str, list[tuple[float, str]]] = {}
    for number, line in enumerate(read_lines(file), start=1):
        fields = line.split()
        if fields and not line.startswith(";;"):
            try:
                words.setdefault(fields[0], []).append((float(fields[2]), fields[4]))
            except (IndexError, ValueError) as error:
                raise EvaluationError(
                    f"Line {number} of {file.name} is not of the form 'ID CHANNEL START DURATION WORD'. Correct it."
                ) from error
    for id, those in words.items():
        yield {"id": id, "text": " ".join(word for _, word in sorted(those, key=lambda one: one[0]))}


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
    results: dict[str, Result] = {}
    journal = False
    for _, row in table.read(range(table.total)):
        journal |= "w2vkit" in row  # the first line of results.jsonl
        values = {key: text_of(row.get(name)) for key, name in columns.items() if name}
        id = values.pop("id")
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
