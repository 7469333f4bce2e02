"""Utterances and their transcripts, read in the same way from every kind of data set.

Audio stays bytes or a path until `w2vkit.audio.load` decodes it, so that no data set needs torchcodec. A row that lacks
something is an utterance with an error: one bad row must not end an evaluation.
"""

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from w2vkit.errors import DatasetError, reason, utf8
from w2vkit.pipeline.dataset_files import ROW_ERROR, Table, read_librispeech, read_manifest, read_parquet, split_files
from w2vkit.pipeline.files import OWN, walk
from w2vkit.pipeline.segments import segment_of

# Column names of data sets on the Hub and in common toolkits, tried in this order.
AUDIO_COLUMNS = ("audio", "file", "path", "audio_filepath", "audio_path", "file_name", "filename", "wav")
TEXT_COLUMNS = ("text", "sentence", "transcription", "transcript", "normalized_text")
ID_COLUMNS = ("id", "utterance_id", "utt_id")
SPEAKER_COLUMNS = ("speaker_id", "speaker", "client_id")
NEMO_AUDIO, OFFSET, DURATION = "audio_filepath", "offset", "duration"  # of NeMo's manifests; times in seconds
MANIFESTS = (".csv", ".tsv", ".jsonl", ".json")
MOVED = {"librispeech_asr": "openslr/librispeech_asr"}  # model cards use the old name


@dataclass(frozen=True, eq=False)
class Utterance:
    """One row of a data set: audio and its transcript.

    Attributes
    ----------
    id : str
    audio
        What `w2vkit.audio.load` takes; None where the row has none.
    reference : str or None
        The transcript as the data set has it; None where the row has none.
    speaker : str or None
        Who said it, if the data set knows.
    error : str or None
        Why the row cannot be used, as a message for people.
    """

    id: str
    audio: Any
    reference: str | None
    speaker: str | None = None
    error: str | None = None


@dataclass(frozen=True, eq=False)
class Corpus:
    """A data set that is ready to be read; each iteration starts from the beginning.

    Attributes
    ----------
    name : str
        The Hub's name, or that of the file or folder.
    config, split : str or None
        The part of it that was asked for.
    total : int
        How many utterances it has.
    complete : bool
        Whether that is the whole split; False under a limit.
    read : callable
        Yields all utterances, or with (start, stop) a part of them.
    selection : mapping
        The other options that select utterances and transcripts, as values for JSON.
    """

    name: str
    config: str | None
    split: str | None
    total: int
    complete: bool
    read: Callable[..., Iterator[Utterance]] = field(repr=False)
    selection: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Utterance]:
        return self.read()

    @classmethod
    def of(cls, name: str, utterances: Sequence[Utterance], *, complete: bool = True) -> "Corpus":
        """Make a data set of utterances that are in memory."""
        return cls(name, None, None, len(utterances), complete, lambda start=0, stop=None: iter(utterances[start:stop]))

    def part(self, start: int, stop: int) -> Iterator[Utterance]:
        """Yield the utterances ``start`` to ``stop - 1``; hardly any other rows are read."""
        return self.read(start, stop)


def open_corpus(
    source: str | Path,
    *,
    config: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    limit: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    with_text: bool = True,
) -> Corpus:
    """Open a data set.

    Parameters
    ----------
    source : path or str
        A Parquet file or a folder of them, a LibriSpeech folder (``*.trans.txt``), a CSV, TSV or JSON-lines
        file with paths and texts, or the Hub's name of a data set. Only the files of the split are downloaded.
    config, split : str, optional
        The part of a Hub data set (default split: "test"); `split` also selects the files of a folder.
    text_column : str, optional
        The column of the transcripts; the first of `TEXT_COLUMNS` by default.
    limit : int, optional
        Take this many utterances, in the data set's order: the first ones, or with ``shuffle`` a random sample.
    shuffle : bool
    seed : int
        Of the random sample.
    with_text : bool
        Whether rows without a transcript are errors.

    Raises
    ------
    DatasetError
        There is no such data set, it cannot be read, is empty, or has no column of audio or text.
    """
    path = Path(source).expanduser()
    if path.exists():
        name, table = path.name, _local(path, split)
    else:
        name = MOVED.get(str(source), str(source))
        split = split or "test"
        table = _hub(name, config, split)
    wanted = choose(table.total, limit=limit, shuffle=shuffle, seed=seed)
    if not table.total:
        raise DatasetError(f"{name} has no rows. Check the file, or choose another split.")
    convert = _converter(table, name, text_column, with_text)

    def read(start: int = 0, stop: int | None = None) -> Iterator[Utterance]:
        part = wanted[start:stop]
        return (convert(index, row) for index, row in table.read(part if isinstance(part, range) else frozenset(part)))

    selection = {"text column": text_column, "seed": seed if shuffle else None}
    return Corpus(name, config, split, len(wanted), len(wanted) == table.total, read, selection)


def choose(total: int, *, limit: int | None, shuffle: bool, seed: int) -> Sequence[int]:
    """Choose rows, in the data set's order: all, or ``limit`` of them, the first ones or with ``shuffle`` a random sample.

    Raises
    ------
    DatasetError
        The limit leaves nothing.
    """
    if limit is not None and limit < 1:
        raise DatasetError(f"A limit of {limit} leaves nothing to evaluate. Give at least 1.")
    count = min(limit or total, total)
    return sorted(random.Random(seed).sample(range(total), count)) if shuffle else range(count)


def is_table(path: str | Path) -> bool:
    """Whether a path is a data set (a table, or a folder with Parquet files) rather than sound."""
    path = Path(path).expanduser()
    return path.suffix.lower() in (".parquet", *MANIFESTS) or (path.is_dir() and any(_walk(path, ".parquet")))


def from_files(paths: Sequence[Path]) -> Corpus:
    """Make a data set of sound files without transcripts; its name is a digest of the list of files."""
    utterances = [Utterance(utf8(str(path)), path, None) for path in paths]
    digest = hashlib.sha256("\n".join(u.id for u in utterances).encode("utf-8", "replace")).hexdigest()[:16]
    return Corpus.of(f"files {digest}", utterances)


def _local(path: Path, split: str | None) -> Table:
    if path.is_file():
        if path.suffix.lower() == ".parquet":
            return read_parquet([path])
        if path.suffix.lower() in MANIFESTS:
            return read_manifest(path)
        raise DatasetError(f"{path.name} is not a .parquet, {', '.join(MANIFESTS)} file. Name such a file, or a folder.")
    transcripts = _walk(path, ".trans.txt")
    if transcripts:
        return read_librispeech(transcripts)
    files = [file for file in _walk(path, ".parquet") if not split or _in_split(file.relative_to(path), split)]
    if not files:
        which = f" of split {split!r}" if split else ""
        raise DatasetError(f"{path} holds no *.trans.txt (LibriSpeech) and no *.parquet files{which}. Name another folder.")
    return read_parquet(files)


def _walk(folder: Path, ending: str) -> list[Path]:
    return sorted(file for file in walk(folder).files if file.name.endswith(ending) and not file.name.startswith(OWN))


def _in_split(file: Path, split: str) -> bool:
    """Whether a file belongs to a split by its name on the Hub: ``test-00000-of-00001.parquet``, ``test/0000.parquet``."""
    return split in file.parts or file.name.startswith((f"{split}-", f"{split}."))


def _hub(name: str, config: str | None, split: str) -> Table:
    if Path(name).suffix.lower() in (".parquet", *MANIFESTS) or name.count("/") > 1 or name.startswith((".", "~", "/")):
        raise DatasetError(f"{name} does not exist. Check the spelling and the folder.")
    return read_parquet(split_files(name, config, split))


def _converter(table: Table, name: str, text_column: str | None, with_text: bool) -> Callable[[int, Mapping], Utterance]:
    """Find the columns, and give the function that turns a row into an utterance."""
    if text_column and text_column not in table.columns:
        raise DatasetError(f"{name} has no column {text_column!r}. It has: {', '.join(table.columns)}.")
    text = text_column or table.first(TEXT_COLUMNS)
    audio = table.first(AUDIO_COLUMNS)
    if not text and with_text:
        raise DatasetError(
            f"{name} has no column of transcripts ({', '.join(TEXT_COLUMNS)}). It has: {', '.join(table.columns)}. "
            "Name it with text_column (--text-column)."
        )
    if not audio:
        raise DatasetError(
            f"{name} has no column of audio ({', '.join(AUDIO_COLUMNS)}). It has: {', '.join(table.columns)}. Rename it."
        )
    ids, speakers = table.first(ID_COLUMNS), table.first(SPEAKER_COLUMNS)
    for column in (text, audio, ids):
        if table.columns.count(column or "") > 1:
            raise DatasetError(
                f"{name} has {table.columns.count(column or '')} columns {column!r}. Rename or remove the wrong one."
            )
    # In tables of other toolkits, a column "duration" without "offset" is the length of the file, often rounded.
    cut = audio == NEMO_AUDIO or {OFFSET, DURATION} <= set(table.columns)

    def convert(index: int, row: Mapping) -> Utterance:
        sound, error = row.get(audio), row.get(ROW_ERROR)
        reference = None
        try:
            reference = transcript_of(row.get(text), text) if text else None
        except DatasetError as fault:
            error = error or str(fault)
        if not error and reference is None and with_text:
            error = f"The row has no transcript (column {text!r}). Write one, or leave the row out."
        sound, file = _audio(sound, table.folder)
        if not error and sound is None:
            error = f"The row has no audio (column {audio!r}). Add it, or leave the row out."
        name = text_of(file)
        if cut and not error:
            try:
                sound = segment_of(sound, row.get(OFFSET), row.get(DURATION))
            except DatasetError as fault:
                error = str(fault)
            if name and row.get(OFFSET) is not None:  # many rows have the same file
                name = f"{name} {row[OFFSET]}+{row.get(DURATION)}"
        return Utterance(
            id=text_of(row.get(ids) if ids else None) or name or f"row-{index + 1:06d}",
            audio=sound,
            reference=reference,
            speaker=text_of(row.get(speakers) if speakers else None) or None,
            error=error,
        )

    def convert_safely(index: int, row: Mapping) -> Utterance:
        try:
            return convert(index, row)
        except Exception as error:  # a value of an unexpected kind: it ends this row only
            return Utterance(f"row-{index + 1:06d}", None, None, error=reason(error))

    return convert_safely


def _audio(value: Any, folder: Path) -> tuple[Any, str | None]:
    """Turn a path, bytes or the Hub's ``{"bytes", "path"}`` into what `load` takes, and give the file's name."""
    if isinstance(value, Mapping):
        file = value.get("path")
        # The whole mapping: `load` puts the file's name into its messages.
        held = value.get("bytes") or value.get("array") is not None
        return (value, file) if held else (_audio(file, folder)[0], file)
    if isinstance(value, str | Path) and str(value):
        return folder / value, str(value)
    return (value if isinstance(value, bytes) and value else None), None


def text_of(value: Any) -> str | None:
    """Give a value of a row as text; JSON can hold half characters, which cannot be written to a UTF-8 file.

    NaN is what pandas writes for a missing value.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return (
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value).encode("utf-8", "replace").decode("utf-8")
    )


def transcript_of(value: Any, column: str | None) -> str | None:
    """Give a value of a row as a transcript; a number is one, too.

    Raises
    ------
    DatasetError
        It is something else, such as a list, or bytes that are not UTF-8.
    """
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DatasetError(f"The text (column {column!r}) is not UTF-8. Correct it, or leave the row out.") from error
    if isinstance(value, bool) or not (value is None or isinstance(value, str | int | float)):
        raise DatasetError(
            f"The text (column {column!r}) is of type {type(value).__name__}. Write it as text, or leave the row out."
        )
    return text_of(value)
