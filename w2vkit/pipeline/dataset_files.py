"""Rows of data set files: Parquet, LibriSpeech's folders, CSV, TSV and JSON lines; downloads a split from the Hub."""

import csv
import json
import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2vkit.errors import DatasetError, brief

if TYPE_CHECKING:
    from datasets import DatasetBuilder
    from pyarrow import RecordBatch

ROW_ERROR = "__error__"  # column with the message of a row that could not be read
LONGEST_FIELD = (
    2**24
)  # characters of a CSV file's field; the csv module refuses more than 131,072, a day of speech has a million
ROWS_AT_ONCE = 16  # of a Parquet file; a row holds a whole recording

Rows = Iterator[tuple[int, dict[str, Any]]]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a data set that can be read more than once.

    Attributes
    ----------
    columns : tuple of str
    total : int
        How many rows there are.
    folder : Path
        Base of relative audio paths.
    read : callable
        Takes the wanted row numbers, yields (row number, row) in the order of the file.
    """

    columns: tuple[str, ...]
    total: int
    folder: Path
    read: Callable[[Container[int]], Rows]

    @classmethod
    def of(cls, columns: tuple[str, ...], rows: list[dict[str, Any]], folder: Path) -> "Table":
        """Make a table of rows that are in memory."""

        def read(wanted: Container[int]) -> Rows:
            return ((index, row) for index, row in enumerate(rows) if index in wanted)

        return cls(columns, len(rows), folder, read)

    def first(self, names: tuple[str, ...]) -> str | None:
        """Give the column of the first of these names that is there, in any case: ID is the column id."""
        lower = {column.lower(): column for column in self.columns} | {column: column for column in self.columns}
        return next((lower[name] for name in names if name in lower), None)


def read_parquet(files: list[Path]) -> Table:
    """Open Parquet files as one table. Row groups are read one at a time, and only those with a wanted row.

    Raises
    ------
    DatasetError
        A file cannot be read, or the files have different columns.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DatasetError("Parquet files need pyarrow. Install it with: pip install pyarrow") from error
    columns: list[tuple[str, ...]] = []
    groups: list[tuple[Path, int, int]] = []  # file, row group, rows in it
    for file in files:
        try:
            with pq.ParquetFile(file) as opened:
                columns.append(tuple(opened.schema_arrow.names))
                counts = [opened.metadata.row_group(g).num_rows for g in range(opened.num_row_groups)]
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(_damaged(file)) from error
        groups += [(file, group, count) for group, count in enumerate(counts)]
    if len(set(columns)) > 1:
        raise DatasetError("The Parquet files have different columns. Name one file, or choose a split.")

    def read(wanted: Container[int]) -> Rows:
        first = 0
        for file, group, count in groups:
            if any(index in wanted for index in range(first, first + count)):
                index = first
                try:
                    with pq.ParquetFile(file) as opened:
                        for batch in opened.iter_batches(ROWS_AT_ONCE, row_groups=[group]):
                            for row in _rows(batch):
                                if index in wanted:
                                    yield index, row
                                index += 1
                except (pa.ArrowException, OSError):  # the other row groups may be whole
                    lost = {ROW_ERROR: _damaged(file)}
                    yield from ((k, lost) for k in range(index, first + count) if k in wanted)
            first += count

    return Table(columns[0], sum(count for _, _, count in groups), files[0].parent, read)


def _rows(batch: "RecordBatch") -> list[dict[str, Any]]:
    """Turn a batch into rows; one that cannot be turned, such as by a text that is not UTF-8, is a row with an error."""
    try:
        return batch.to_pylist()
    except Exception as error:
        if batch.num_rows == 1:
            return [{ROW_ERROR: f"The row could not be read: {brief(error)} Correct it, or leave it out."}]
        return [row for k in range(batch.num_rows) for row in _rows(batch.slice(k, 1))]


def read_librispeech(transcripts: list[Path]) -> Table:
    """Open LibriSpeech's folders: lines of ``ID TEXT`` in ``*.trans.txt``, the audio ``ID.flac`` beside them."""
    rows = []
    for file in transcripts:
        for line in read_lines(file):
            id, *text = line.split(maxsplit=1) or [""]
            if id:
                path, speaker = str(file.parent / f"{id}.flac"), id.split("-")[0]
                rows.append({"id": id, "audio": path, "text": "".join(text).strip(), "speaker_id": speaker})
    return Table.of(("id", "audio", "text", "speaker_id"), rows, transcripts[0].parent)


def read_manifest(file: Path) -> Table:
    """Open a CSV or TSV file with a header, or JSON lines; audio paths are relative to its folder.

    Raises
    ------
    DatasetError
        The file cannot be read, or its content does not match its suffix.
    """
    suffix = file.suffix.lower()
    if suffix in (".json", ".jsonl"):
        rows = [_json_row(line, number) for number, line in enumerate(read_lines(file), start=1) if line.strip()]
        columns = dict.fromkeys(key for row in rows for key in row if key != ROW_ERROR)
        if rows and not columns:
            raise DatasetError(f"{file.name} is not JSON lines. Write one object per line, with a path and a text.")
        return Table.of(tuple(columns), rows, file.parent)
    return _read_csv(file, suffix)


def _read_csv(file: Path, suffix: str) -> Table:
    """Read a CSV or TSV file. A line break inside quotes is a space; a row with too many fields is a row with an error."""
    # Common Voice and most TSV corpora do not quote fields: a quotation mark is part of the text.
    style: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if suffix == ".tsv" else {}
    records: list[tuple[int, list[str]]] = []
    line, last = 1, 0
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True, **style)
            try:
                for fields in reader:
                    records.append((line, [" ".join(re.split(r"\r\n|\r|\n", field)) for field in fields]))
                    line = reader.line_num + 1
            finally:
                last = reader.line_num
    except csv.Error as error:
        where = f"line {line}" if last <= line else f"lines {line} to {last}"
        raise DatasetError(
            f"{file.name}, {where}: this is no row of a {suffix[1:].upper()} file ({error}). Check its quotation marks: one is "
            "missing or too many. Inside quotes a quotation mark is written twice."
        ) from error
    except (UnicodeDecodeError, OSError) as error:
        raise _unreadable(file, error) from error
    finally:
        csv.field_size_limit(before)
    (_, header), *others = [record for record in records if record[1]] or [(1, list[str]())]
    header = [name.strip() for name in header]
    rows = [_csv_row(header, fields, line) for line, fields in others]
    return Table.of(tuple(header), rows, file.parent)


def _csv_row(header: list[str], fields: list[str], line: int) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(header, fields, strict=False))
    if any(fields[len(header) :]):
        row[ROW_ERROR] = (
            f"Line {line} has {len(fields)} fields, and the header has {len(header)}. Is there a separator inside a text? Put "
            "the text into quotes (CSV), or take the separator out."
        )
    return row


def _json_row(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {ROW_ERROR: f"Line {number} is not JSON ({error}). Correct it, or leave it out."}
    return row if isinstance(row, dict) else {ROW_ERROR: f"Line {number} is not an object with a path and a text. Correct it."}


def read_lines(file: Path) -> list[str]:
    """Read the lines of a UTF-8 file.

    Raises
    ------
    DatasetError
        It cannot be read, or is not UTF-8.
    """
    try:
        # splitlines would also break at characters such as U+2028 inside a text.
        return file.read_text(encoding="utf-8-sig").rstrip("\n").split("\n")
    except (UnicodeDecodeError, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: UnicodeDecodeError | OSError) -> DatasetError:
    if isinstance(error, OSError):
        return DatasetError(f"{file} could not be read: {error.strerror}. Check its permissions.")
    return DatasetError(f"{file.name} is not UTF-8 text. Save it as UTF-8.")


def _damaged(file: Path) -> str:
    return f"{file.name} could not be read as Parquet: it is damaged or incomplete. Copy or download it again."


def split_files(name: str, config: str | None, split: str) -> list[Path]:
    """Download the files of one split, or find them in the cache.

    `datasets.load_dataset` would download all splits of the configuration: 28 GB of training speech to read the 350 MB of
    LibriSpeech's test-clean.

    Parameters
    ----------
    name : str
        The Hub's name.
    config : str or None
    split : str

    Raises
    ------
    DatasetError
        `datasets` is not installed, the Hub cannot be reached, there is no such data set, configuration or split, or it is
        not stored as Parquet.
    """
    try:
        from datasets import DownloadManager
        from datasets.packaged_modules.parquet.parquet import Parquet
    except ImportError as error:
        raise DatasetError("Data sets from the Hub need datasets. Install it with: pip install datasets") from error
    builder = _builder(name, config)
    files: dict[str, Any] = getattr(builder.config, "data_files", None) or {}
    if not isinstance(builder, Parquet):
        raise DatasetError(
            f"{name} is not stored as Parquet. Download it (hf download {name} --repo-type dataset), write a CSV file "
            "of paths and texts, and evaluate that."
        )
    if split not in files:
        raise DatasetError(f"{name} has no split {split!r}. It has: {', '.join(map(str, files))}. Choose with --split.")
    try:
        return [Path(file) for file in DownloadManager(dataset_name=name).download(list(files[split]))]
    except Exception as error:
        raise DatasetError(f"The files of {name} could not be downloaded: {brief(error)} Try again later.") from error


def _builder(name: str, config: str | None) -> "DatasetBuilder":
    from datasets import load_dataset_builder

    trouble = _trouble(name)
    source = _cached(name) if trouble else name
    if not source:
        raise DatasetError(
            f"{name} is neither a file or folder here nor a data set on the Hugging Face Hub: {trouble} "
            "Check the spelling and the connection; for a private data set run: hf auth login."
        )
    try:
        return load_dataset_builder(source, config)
    except ValueError as error:  # the configuration is missing or wrong; the message lists those there are
        raise DatasetError(f"{name} needs a configuration: {brief(error)} Choose with --config.") from error
    except Exception as error:
        raise DatasetError(f"{name} could not be opened: {brief(error)} Try again later, or name local files.") from error


def _trouble(name: str) -> str | None:
    """Ask the Hub once whether it has a data set; `datasets` would try six times, for half a minute."""
    from huggingface_hub import HfApi

    from w2vkit.model.hub import PROBE_SECONDS

    try:
        HfApi().dataset_info(name, timeout=PROBE_SECONDS)
    except Exception as error:
        return brief(error)
    return None


def _cached(name: str) -> str | None:
    """Find a copy that an earlier run downloaded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return snapshot_download(name, repo_type="dataset", local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None
