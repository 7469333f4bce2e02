"""Finds checkpoints: in the package, in a folder, in the Hub's cache, or on the Hugging Face Hub.

The result is always a folder on this machine with safetensors weights: loading it needs no connection, and never runs a
pickle or the code of a repository.
"""

import hashlib
import json
import logging
import math
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from w2vkit.checkpoints import MINI, mini_folder
from w2vkit.errors import ModelError, brief, printable

log = logging.getLogger(__name__)

DEFAULT = "facebook/wav2vec2-large-960h-lv60-self"
REVISIONS = {DEFAULT: "54074b1c16f4de6a5ad59affb4caa8f2ea03a119"}  # what w2vkit was tested with
DEFAULT_BYTES = 1_262_000_000  # of the default model's download
PROBE_SECONDS = 4.0  # s; how long the Hub may take to answer at all
SHA256 = re.compile("[0-9a-f]{64}")
LICENCE_CHARACTERS = 80  # of what a model card gives as the licence
LARGE_FILE_BYTES = 2**24  # a stopped download of a file of this size or more is continued
SPARE_BYTES = 2**30  # what a download leaves free on the disk
CONFIG = "config.json"
NEEDED = ["*.json", "*.txt", "*.safetensors", "README.md"]
# For repositories that hold only pickles, the Hub's own bot offers safetensors as a pull request.
BOT, BOT_TITLE = "SFconvertbot", "Adding `safetensors` variant of this model"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine.

    Attributes
    ----------
    name : str
        The name to show.
    folder : Path
        Holds config.json, the processor's files and model.safetensors.
    notice : str or None
        Why this one stands in for the default model; None if it does not.
    """

    name: str
    folder: Path
    notice: str | None = None


@dataclass(frozen=True)
class Entry:
    """A model that can be named: where it is, its size in bytes (None if unknown) and its licence."""

    name: str
    where: str
    size: int | None
    licence: str


class UnavailableError(ModelError):
    """The Hub cannot be reached, or does not give the checkpoint."""


def fetch(
    name: str,
    revision: str | None = None,
    *,
    progress: Callable[[float], None] | None = None,
    max_bytes: float = math.inf,
    offline: bool = False,
) -> Checkpoint:
    """Find a checkpoint, and download it if it is only on the Hub (with a progress bar on a terminal).

    Parameters
    ----------
    name : str
        "auto", "w2v-mini", a folder or a Hub name.
    revision : str, optional
        A commit, branch or tag on the Hub; with "auto" one of the default model, which w2v-mini then does not replace.
    progress : callable, optional
        Called, instead of the bar, with the share of the bytes that were downloaded (0 to 1); a ModelError that it raises
        stops the download.
    max_bytes : float
        Download nothing larger.
    offline : bool
        Do not ask the Hub: find what is on this machine.

    Returns
    -------
    Checkpoint

    Raises
    ------
    ModelError
        There is no such folder, or it was given a revision; or the Hub cannot be reached, or does not have the checkpoint
        as safetensors; or it is larger than `max_bytes` or than the free space on the disk.
    """
    if name == "auto":
        try:
            return fetch(DEFAULT, revision, progress=progress, max_bytes=max_bytes, offline=offline)
        except UnavailableError as error:
            if revision:
                raise
            return Checkpoint(MINI, mini_folder(), notice=_stand_in(error))
    folder = mini_folder() if name == MINI else Path(name).expanduser()
    if revision and folder.is_dir():
        raise ModelError(
            f"{name} is on this machine and has no revisions; {revision!r} cannot be chosen. "
            "Leave the revision out, or name a model on the Hub."
        )
    if name == MINI:
        return Checkpoint(MINI, folder)
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise ModelError(f"{name} is a folder without config.json. Name the folder that holds the checkpoint's files.")
        return Checkpoint(folder.resolve().name, folder)
    owner, _, model = name.partition("/")
    if not owner or not model or "/" in model or "\\" in name or name[0] in "./~":
        raise ModelError(f"There is no folder {name}. Give a checkpoint's folder, a Hub name such as {DEFAULT}, or {MINI}.")
    return Checkpoint(name, _snapshot(name, revision, progress, max_bytes, offline))


def is_cached(name: str) -> bool:
    """Whether the revision of a Hub model that `fetch` asks for is in the Hub's cache, so that loading it needs no download."""
    return _cached(name, REVISIONS.get(name)) is not None


def _stand_in(error: ModelError) -> str:
    return (
        f"{error} Until then the small bundled model {MINI} is used. It gets about every seventh word of clearly read speech "
        "wrong, and more of other speech. The large one (1.3 GB) is downloaded as soon as it can be reached, or by: "
        "w2vkit models download auto"
    )


def _snapshot(
    name: str, revision: str | None, progress: Callable[[float], None] | None, max_bytes: float, offline: bool
) -> Path:
    """Find the revision asked for, else the pinned one, in the cache or on the Hub; at worst use another cached one."""
    wanted = revision or REVISIONS.get(name)
    if cached := _cached(name, wanted):
        return cached
    try:
        if offline:
            raise UnavailableError(
                f"{name} is not on this machine. Download it where there is a connection, without --offline."
            )
        return _download(name, wanted, progress, max_bytes)
    except UnavailableError:
        other = None if revision else _cached(name, None)
        if other is None:
            raise
        log.warning(
            "The revision of %s that w2vkit was tested with (%.7s) could not be downloaded. The cached revision %.7s is used. "
            "Run it once with a connection to the Hub to get the tested one.",
            name,
            wanted,
            other.name,
        )
        return other


def check(folder: Path) -> int:
    """Compare the files of a downloaded checkpoint with their checksums, and give how many were compared.

    The Hub's cache names the content of a file by its checksum: SHA-256 for large files, and Git's SHA-1 for the others.
    Where the cache has copies instead of links, as on some Windows machines, there is nothing to compare with.

    Raises
    ------
    ModelError
        A file has another checksum.
    """
    checked = 0
    for file in sorted(folder.iterdir()):
        content = file.resolve()
        if file.is_symlink() and len(content.name) in (40, 64):
            if not content.is_file() or _digest(content) != content.name:
                raise ModelError(
                    f"{file.name} is missing or damaged: its checksum is another one. Remove {content} and {folder}, and "
                    "download the model again."
                )
            checked += 1
    return checked


def _digest(content: Path) -> str:
    digest = hashlib.sha256() if len(content.name) == 64 else hashlib.sha1(b"blob %d\0" % content.stat().st_size)
    with content.open("rb") as opened:
        while block := opened.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _cached(name: str, revision: str | None) -> Path | None:
    """Find a complete snapshot in the Hub's cache: of a revision, or the newest one."""
    from huggingface_hub import constants

    home = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    if revision:
        refs = [home / "refs" / revision]
        if revision == REVISIONS.get(name):  # without safetensors it was downloaded as the pull request of the Hub's bot
            refs += sorted((home / "refs" / "refs" / "pr").glob("*"))
        commits = [revision, *(ref.read_text().strip() for ref in refs if ref.is_file())]
        snapshots = [home / "snapshots" / commit for commit in commits]
    else:
        snapshots = sorted((home / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
    complete = (path for path in snapshots if (path / CONFIG).is_file() and any(path.glob("*.safetensors")))
    return next(complete, None)


def _download(name: str, revision: str | None, progress: Callable[[float], None] | None, max_bytes: float) -> Path:
    """Download the files of a checkpoint; if its weights are a pickle, the conversion that the Hub's bot offers."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    def refuse(why: str) -> UnavailableError:
        return UnavailableError(f"{name} is not on this machine, and {why}")

    if constants.HF_HUB_OFFLINE:
        raise refuse("downloads are switched off (HF_HUB_OFFLINE=1). Unset it to fetch the model.")
    try:
        files = _files(name, revision)
        if not any(file.endswith(".safetensors") for file in files):
            revision = _conversion(name)
            if revision is None:
                raise refuse("the Hub has it without safetensors weights. Choose a checkpoint that has model.safetensors.")
            files = _files(name, revision)
        if (size := sum(files.values())) > max_bytes:
            raise refuse(f"with {size / 1e9:.1f} GB it is too large: at most {max_bytes / 1e9:.1f} GB may be downloaded here.")
        if size + SPARE_BYTES > (free := _free_bytes(Path(constants.HF_HUB_CACHE))):
            raise refuse(f"its {size / 1e9:.1f} GB do not fit: the disk has {free / 1e9:.1f} GB free. Free some.")
        _remove_rests(name)
        bar = {"tqdm_class": _reporting(progress, size)} if progress else {}
        for file, length in files.items():
            if length >= LARGE_FILE_BYTES:
                _download_large(name, revision, file, length, bar)
        # `_cached` takes a snapshot with config.json for complete. So config.json comes last, which a kill cannot change.
        rest = Path(snapshot_download(name, revision=revision, allow_patterns=NEEDED, ignore_patterns=[CONFIG], **bar))
        silent = _reporting(lambda share: None, size)
        return Path(snapshot_download(name, revision=rest.name, allow_patterns=[CONFIG], tqdm_class=silent))
    except ModelError:
        raise
    except GatedRepoError as error:
        raise refuse("its owner asks for a login. Accept the terms on its page and run: hf auth login") from error
    except RepositoryNotFoundError as error:
        raise refuse("the Hub has no such model (or a private one: hf auth login). Check the spelling.") from error
    except HFValidationError as error:
        raise refuse("this is not a Hub name. Write it as owner/model.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise refuse(f"the Hub refused it ({status}). Check the revision, or try again later.") from error
    except Exception as error:
        # A failed connection raises an error of the HTTP client, which huggingface_hub has changed twice.
        raise refuse(
            "the Hugging Face Hub cannot be reached. Check the connection or proxy, or name a local folder."
        ) from error


def _download_large(name: str, revision: str | None, file: str, size: int, bar: dict[str, Any]) -> None:
    """Download a large file into the Hub's cache, where `snapshot_download` finds it.

    A stopped download keeps its bytes, and the next call continues it. The Hub's client (2.4) would begin again.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get, repo_folder_name
    from huggingface_hub.utils import WeakFileLock, build_hf_headers

    url = hf_hub_url(name, file, revision=revision)
    tag = get_hf_file_metadata(url, timeout=PROBE_SECONDS).etag or ""
    if not SHA256.fullmatch(tag):  # the Hub gives this hash of all large files; without it nothing could be checked
        return
    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model") / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    part = blobs / f"{tag}.part"
    with WeakFileLock(blobs / f"{tag}.lock"):
        if (blobs / tag).exists():
            return
        with part.open("ab") as output:
            if (done := output.tell()) < size:
                http_get(url, output, resume_size=done, headers=build_hf_headers(), expected_size=size, **bar)
        with part.open("rb") as written:
            right = hashlib.file_digest(written, "sha256").hexdigest() == tag
        if right:
            part.replace(blobs / tag)
            return
        part.unlink()
    raise UnavailableError(f"{name} is not on this machine, and {file} was damaged on its way. Try again.")


def _remove_rests(name: str) -> None:
    """Remove the unfinished files of killed downloads of a model, each up to its whole size: the Hub's client never uses them.

    The client holds a file's lock while it downloads the file. A killed process holds none.
    """
    from filelock import FileLock, Timeout
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    home = f"models--{name.replace('/', '--')}"
    for rest in (cache / home / "blobs").glob("*.incomplete"):
        with suppress(OSError, Timeout), FileLock(cache / ".locks" / home / f"{rest.name.partition('.')[0]}.lock", timeout=0):
            rest.unlink()


def _files(name: str, revision: str | None) -> dict[str, int]:
    """Give name and size (bytes) of the files that would be downloaded."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(name, revision=revision, timeout=PROBE_SECONDS, files_metadata=True)
    named = {file.rfilename: file.size or 0 for file in info.siblings or []}
    return {file: size for file, size in named.items() if any(fnmatch(file, pattern) for pattern in NEEDED)}


def _free_bytes(folder: Path) -> int:
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(there).free


def _reporting(progress: Callable[[float], None], size: int) -> Any:
    """Make a progress bar for the Hub client that draws nothing and reports the share of `size` bytes, summed over all bars."""
    from huggingface_hub.utils import tqdm

    done = 0.0

    class Reporting(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.bytes = options.get("unit") == "B"  # the other bar counts files
            super().__init__(*args, **options | {"disable": True})
            self.update(options.get("initial", 0))  # what an earlier download brought

        def update(self, n: float | None = 1) -> None:
            nonlocal done
            if self.bytes and n:
                done += n
                progress(min(1.0, done / size))

    return Reporting


def _conversion(name: str) -> str | None:
    """Find the pull request with the safetensors of the Hub's bot; its branch holds the other files too."""
    from huggingface_hub import HfApi

    for discussion in HfApi().get_repo_discussions(name, discussion_type="pull_request", author=BOT):
        if discussion.title == BOT_TITLE and discussion.status != "closed":
            log.info("%s has no safetensors; taking the Hub's conversion, pull request %d", name, discussion.num)
            return f"refs/pr/{discussion.num}"
    return None


def listing() -> list[Entry]:
    """List the models that can be named: the bundled one, those in the Hub's cache, and the default.

    Anything in the cache that is not a readable CTC checkpoint is left out.
    """
    from huggingface_hub import constants

    entries = [Entry(MINI, "bundled", _size(mini_folder()), _licence(mini_folder()))]
    for home in sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*")):
        name = home.name.removeprefix("models--").replace("--", "/", 1)
        try:
            snapshot = _cached(name, REVISIONS.get(name)) or _cached(name, None)
            if snapshot and _is_ctc(snapshot):
                entries.append(Entry(name, "cached", _size(snapshot), _licence(snapshot)))
        except Exception as error:  # its files can be anything, and each library raises its own errors for a faulty one
            log.info("%s is left out of the list of models: %s", home.name, brief(error))
    if DEFAULT not in {entry.name for entry in entries}:
        entries.append(Entry(DEFAULT, "on the Hub", DEFAULT_BYTES, "apache-2.0"))
    return entries


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _is_ctc(folder: Path) -> bool:
    architectures = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("architectures") or []
    return any(architecture.endswith("ForCTC") for architecture in architectures)


def _licence(folder: Path) -> str:
    licence = getattr(_card(folder), "license", None) or "see its page"
    return printable(licence if isinstance(licence, str) else ", ".join(map(str, licence)))[:LICENCE_CHARACTERS]


def _card(folder: Path) -> Any:
    """Read the metadata of a model card; None if there is no card, or none that can be read."""
    from huggingface_hub import ModelCard

    path = folder / "README.md"
    if not path.is_file():
        return None
    try:
        return ModelCard.load(path, ignore_metadata_errors=True).data
    except Exception:  # cards are written by hand, and three libraries raise their own errors for a faulty one
        return None


@dataclass(frozen=True)
class Measured:
    """Error rates on one data set, in per cent; None where the card does not give the rate."""

    dataset: str
    wer: float | None
    cer: float | None


def measured(folder: Path) -> list[Measured]:
    """Read the results on a model card.

    Parameters
    ----------
    folder : Path
        Of the checkpoint.

    Returns
    -------
    list of Measured
        In the card's order; empty where there is no card, or none that can be read.
    """
    results = getattr(_card(folder), "eval_results", None) or []
    rates: dict[str, dict[str, float]] = {}
    for result in results:
        if isinstance(result.metric_value, int | float) and isinstance(result.dataset_name, str):
            rates.setdefault(result.dataset_name, {})[result.metric_type] = float(result.metric_value)
    return [Measured(name, found.get("wer"), found.get("cer")) for name, found in rates.items()]
