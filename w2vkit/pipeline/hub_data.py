"""The Parquet files of one split of a data set on the Hugging Face Hub, through its cache."""

from pathlib import Path
from typing import Any

import datasets
from datasets.packaged_modules.parquet.parquet import Parquet
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from w2vkit.errors import DatasetError
from w2vkit.model.hub import PROBE_SECONDS


def split_files(name: str, config: str | None, split: str) -> list[Path]:
    """Download the files of one split, or find them in the cache.

    `datasets.load_dataset` would download every split of the configuration first: 28 GB of training speech
    for LibriSpeech's 350 MB of test-clean.

    Parameters
    ----------
    name : str
        The Hub's name.
    config : str or None
    split : str

    Raises
    ------
    DatasetError
        The Hub is out of reach, or there is no such data set, configuration or split, or it is not in Parquet.
    """
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
        return [Path(file) for file in datasets.DownloadManager(dataset_name=name).download(list(files[split]))]
    except Exception as error:
        raise DatasetError(f"The files of {name} could not be downloaded: {_brief(error)} Try again later.") from error


def _builder(name: str, config: str | None) -> datasets.DatasetBuilder:
    trouble = _trouble(name)
    source = _cached(name) if trouble else name
    if not source:
        raise DatasetError(
            f"{name} is neither a file or folder here nor a data set that the Hugging Face Hub gives: {trouble} "
            "Check the spelling and the connection; for a private one: hf auth login."
        )
    try:
        return datasets.load_dataset_builder(source, config)
    except ValueError as error:  # the configuration is missing or wrong; the message lists those there are
        raise DatasetError(f"{name} needs a configuration: {_brief(error)} Choose with --config.") from error
    except Exception as error:
        raise DatasetError(f"{name} could not be opened: {_brief(error)} Try again later, or name local files.") from error


def _trouble(name: str) -> str | None:
    """Ask the Hub for a data set, briefly: datasets itself would try six times, for half a minute."""
    try:
        HfApi().dataset_info(name, timeout=PROBE_SECONDS)
    except Exception as error:
        return _brief(error)
    return None


def _cached(name: str) -> str | None:
    """What an earlier run downloaded, which still serves without a connection."""
    try:
        return snapshot_download(name, repo_type="dataset", local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _brief(error: Exception) -> str:
    """The first lines of a library's message, as one sentence."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    return text if text.endswith((".", "!", "?")) else text + "."
