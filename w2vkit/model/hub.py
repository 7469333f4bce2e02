"""Where a checkpoint is: in the package, in a folder, in the Hub's cache, or on the Hugging Face Hub.

Whatever the source, the result is a folder on this machine with safetensors weights: nothing that is
loaded afterwards touches the network, and no pickle and no code of a repository is ever run.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2vkit.checkpoints import MINI, mini_folder
from w2vkit.errors import ModelError

log = logging.getLogger(__name__)

DEFAULT = "facebook/wav2vec2-large-960h-lv60-self"
REVISIONS = {DEFAULT: "54074b1c16f4de6a5ad59affb4caa8f2ea03a119"}
PROBE_SECONDS = 4.0  # s; how long the Hub may take to say that it is there
NEEDED = ["*.json", "*.txt", "*.safetensors", "README.md"]
# The Hub's own bot offers safetensors of repositories that hold only pickles, as a pull request.
BOT, BOT_TITLE = "SFconvertbot", "Adding `safetensors` variant of this model"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine.

    Attributes
    ----------
    name : str
        What people call it.
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


def fetch(name: str, revision: str | None = None, *, progress: Callable[[float], None] | None = None) -> Checkpoint:
    """Find a checkpoint, and download it if it is only on the Hub (with a progress bar on a terminal).

    Parameters
    ----------
    name : str
        "auto", "w2v-mini", a folder or a Hub name.
    revision : str, optional
        A commit, branch or tag on the Hub.
    progress : callable, optional
        Called, instead of the bar, with the share of the bytes that have come (0 to 1); a ModelError that it raises
        stops the download.

    Raises
    ------
    ModelError
        There is no such folder, or the Hub cannot be reached, or does not have it as safetensors.
    """
    if name == MINI:
        return Checkpoint(MINI, mini_folder())
    if name == "auto":
        try:
            return fetch(DEFAULT)
        except ModelError as error:
            return Checkpoint(MINI, mini_folder(), notice=_stand_in(error))
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(f"{name} is a folder without config.json. Name the folder that holds the checkpoint's files.")
        return Checkpoint(folder.resolve().name, folder)
    owner, _, model = name.partition("/")
    if not owner or not model or "/" in model or "\\" in name or name[0] in "./~":
        raise ModelError(f"There is no folder {name}. Give a checkpoint's folder, a Hub name such as {DEFAULT}, or {MINI}.")
    return Checkpoint(name, _cached(name, revision) or _download(name, revision, progress))


def _stand_in(error: ModelError) -> str:
    return (
        f"{error} Until then the small bundled model {MINI} is used; it gets about every fifth word of clear reading wrong, "
        "and more of other speech. "
        f"The large one (1.3 GB) comes by itself once it can be reached, or by: w2vkit transcribe --model {DEFAULT}"
    )


def _cached(name: str, revision: str | None) -> Path | None:
    """Find a complete snapshot in the Hub's cache: the revision asked for, else the newest."""
    from huggingface_hub import constants

    home = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    if revision:
        ref = home / "refs" / revision
        wanted = ref.read_text().strip() if ref.is_file() else revision
        snapshots = [home / "snapshots" / wanted]
    else:
        snapshots = sorted((home / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
    complete = (path for path in snapshots if (path / "config.json").is_file() and any(path.glob("*.safetensors")))
    return next(complete, None)


def _download(name: str, revision: str | None, progress: Callable[[float], None] | None) -> Path:
    """Download what a checkpoint needs, from the conversion offered by the Hub's bot if it is a pickle itself."""
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    def refuse(why: str) -> ModelError:
        return ModelError(f"{name} is not on this machine, and {why}")

    if constants.HF_HUB_OFFLINE:
        raise refuse("downloads are switched off (HF_HUB_OFFLINE=1). Unset it to fetch the model.")
    pinned = revision or REVISIONS.get(name)
    try:
        siblings = HfApi().model_info(name, revision=pinned, timeout=PROBE_SECONDS).siblings or []
        if not any(file.rfilename.endswith(".safetensors") for file in siblings):
            pinned = _conversion(name)
            if pinned is None:
                raise refuse("the Hub has it without safetensors weights. Choose a checkpoint that has model.safetensors.")
        bar = {"tqdm_class": _reporting(progress)} if progress else {}
        return Path(snapshot_download(name, revision=pinned, allow_patterns=NEEDED, **bar))
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
        # What a failed connection raises belongs to the HTTP client, which huggingface_hub has changed twice.
        raise refuse(
            "the Hugging Face Hub cannot be reached. Check the connection or proxy, or name a local folder."
        ) from error


def _reporting(progress: Callable[[float], None]) -> Any:
    """Make a bar for the Hub client that draws nothing and tells the share of the bytes."""
    from huggingface_hub.utils import tqdm

    class Reporting(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self.bytes = options.get("unit") == "B"  # the other bar counts files
            super().__init__(*args, **options | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.bytes and self.total:
                progress(min(1.0, self.n / self.total))

    return Reporting


def _conversion(name: str) -> str | None:
    """Find the pull request with the Hub bot's safetensors; it holds the whole repository besides."""
    from huggingface_hub import HfApi

    for discussion in HfApi().get_repo_discussions(name, discussion_type="pull_request", author=BOT):
        if discussion.title == BOT_TITLE and discussion.status != "closed":
            log.info("%s has no safetensors; taking the Hub's conversion, pull request %d", name, discussion.num)
            return f"refs/pr/{discussion.num}"
    return None


def listing() -> list[Entry]:
    """List the models that can be named: the bundled one, those in the Hub's cache, and the default."""
    from huggingface_hub import constants

    entries = [Entry(MINI, "bundled", _size(mini_folder()), _licence(mini_folder()))]
    for home in sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*")):
        name = home.name.removeprefix("models--").replace("--", "/", 1)
        snapshot = _cached(name, None)
        if snapshot and _is_ctc(snapshot):
            entries.append(Entry(name, "cached", _size(snapshot), _licence(snapshot)))
    if DEFAULT not in {entry.name for entry in entries}:
        entries.append(Entry(DEFAULT, "on the Hub", 1_262_000_000, "apache-2.0"))
    return entries


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _is_ctc(folder: Path) -> bool:
    architectures = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or []
    return any(architecture.endswith("ForCTC") for architecture in architectures)


def _licence(folder: Path) -> str:
    """Read the licence from the front matter of a model card."""
    card = folder / "README.md"
    lines = card.read_text(encoding="utf-8").splitlines() if card.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines[:200] if line.startswith("license:")]
    return named[0] if named else "see its page"


@dataclass(frozen=True)
class Measured:
    """Results on one data set, in per cent; None where the card does not give the rate."""

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
    from huggingface_hub import ModelCard

    path = folder / "README.md"
    if not path.is_file():
        return []
    try:
        results = ModelCard.load(path, ignore_metadata_errors=True).data.get("eval_results") or []
    except Exception:  # a card is written by hand, and what YAML makes of it belongs to three libraries
        return []
    rates: dict[str, dict[str, float]] = {}
    for result in results:
        if isinstance(result.metric_value, int | float):
            rates.setdefault(result.dataset_name, {})[result.metric_type] = float(result.metric_value)
    return [Measured(name, found.get("wer"), found.get("cer")) for name, found in rates.items()]
