"""Where a checkpoint is: in the package, in a folder, in the Hub's cache, or on the Hub."""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from w2vkit.errors import ModelError

DEFAULT = "facebook/wav2vec2-large-960h-lv60-self"
REVISIONS = {DEFAULT: "54074b1c16f4de6a5ad59affb4caa8f2ea03a119"}  # what we tested against; --revision overrides
MINI = "w2v-mini"
PROBE_SECONDS = 4.0  # how long the Hub may take to say that it is there


@dataclass(frozen=True)
class Location:
    """Where a checkpoint will be loaded from.

    Attributes
    ----------
    name : str
        What people call it.
    source : str
        What transformers loads: a folder or a Hub name.
    revision : str or None
        The Hub revision; None for folders.
    offline : bool
        Whether everything is on this machine already.
    notice : str or None
        Why this model is used instead of the default one.
    """

    name: str
    source: str
    revision: str | None = None
    offline: bool = True
    notice: str | None = None


@dataclass(frozen=True)
class Entry:
    """A model that can be named: where it is, its size in bytes (None if unknown) and its licence."""

    name: str
    where: str
    size: int | None
    licence: str


def mini_folder() -> Path:
    """The folder of the bundled checkpoint."""
    return Path(str(files("w2vkit") / "checkpoints" / MINI))


def locate(name: str, revision: str | None = None) -> Location:
    """Find a checkpoint, without downloading it.

    Parameters
    ----------
    name : str
        "auto", "w2v-mini", a folder or a Hub name.
    revision : str, optional
        A commit, branch or tag on the Hub.

    Raises
    ------
    ModelError
        There is no such folder, or the Hub does not have or does not give it.
    """
    if name == MINI:
        return Location(MINI, str(mini_folder()))
    if name == "auto":
        return _default()
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(f"{name} is a folder without config.json. Name the folder that holds the checkpoint's files.")
        return Location(folder.name, str(folder))
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or "\\" in name:
        raise ModelError(f"There is no folder {name}. Give a checkpoint's folder, a Hub name, or {MINI}.")
    revision = revision or REVISIONS.get(name)
    if cached(name, revision):
        return Location(name, name, revision)
    trouble = probe(name, revision)
    if trouble:
        raise ModelError(f"{name} is not on this machine, and {trouble} {MINI} is bundled and needs no download.")
    return Location(name, name, revision, offline=False)


def _default() -> Location:
    revision = REVISIONS[DEFAULT]
    if cached(DEFAULT, revision):
        return Location(DEFAULT, DEFAULT, revision)
    trouble = probe(DEFAULT, revision)
    if not trouble:
        return Location(DEFAULT, DEFAULT, revision, offline=False)
    notice = (
        f"{DEFAULT} is not on this machine, and {trouble} The small bundled model {MINI} is used instead; "
        f"it makes more mistakes. With a connection, the large one (1.3 GB) comes by itself, or by: hf download {DEFAULT}"
    )
    return Location(MINI, str(mini_folder()), notice=notice)


def cached(name: str, revision: str | None) -> bool:
    """Whether the Hub's cache on this machine holds a checkpoint's configuration and safetensors weights."""
    from huggingface_hub import try_to_load_from_cache

    if not isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str):
        return False
    weights = ("model.safetensors", "model.safetensors.index.json")
    return any(isinstance(try_to_load_from_cache(name, file, revision=revision), str) for file in weights)


def probe(name: str, revision: str | None = None) -> str | None:
    """Ask the Hub for a model, briefly.

    Returns
    -------
    str or None
        What is wrong and what helps, as a sentence; None if the model is there.
    """
    import httpx
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        return "downloads are switched off (HF_HUB_OFFLINE=1). Unset it to fetch the model."
    try:
        HfApi().model_info(name, revision=revision, timeout=PROBE_SECONDS)
    except GatedRepoError:
        return "its owner asks for a login. Accept the terms on its page and run: hf auth login."
    except RepositoryNotFoundError:
        return "the Hugging Face Hub has no such model (or a private one: hf auth login). Check the spelling."
    except HFValidationError:
        return "this is not a Hub name. Write it as owner/model."
    except HfHubHTTPError as error:
        return f"the Hugging Face Hub refused it ({error.response.status_code}). Check the revision, or try again later."
    except (httpx.HTTPError, OSError):
        return "the Hugging Face Hub cannot be reached. Check the connection or the proxy, or name a local folder."
    return None


def listing() -> list[Entry]:
    """The models that can be named here: the bundled one, those in the Hub's cache, and the default."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    size = sum(file.stat().st_size for file in mini_folder().glob("*") if file.is_file())
    entries = [Entry(MINI, "bundled", size, "apache-2.0")]
    try:
        repositories = sorted(scan_cache_dir().repos, key=lambda repository: repository.repo_id)
    except CacheNotFound:
        repositories = []
    for repository in repositories:
        if repository.repo_type == "model" and _is_ctc(repository.repo_id):
            entries.append(Entry(repository.repo_id, "cached", repository.size_on_disk, _licence(repository.repo_id)))
    if DEFAULT not in {entry.name for entry in entries}:
        entries.append(Entry(DEFAULT, "on the Hub", 1_262_000_000, "apache-2.0"))
    return entries


def _is_ctc(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, "config.json", revision=REVISIONS.get(name))
    if not isinstance(path, str):
        return False
    architectures = json.loads(Path(path).read_text(encoding="utf-8")).get("architectures") or []
    return any(architecture.endswith("ForCTC") for architecture in architectures)


def _licence(name: str) -> str:
    from huggingface_hub import ModelCard, try_to_load_from_cache

    path = try_to_load_from_cache(name, "README.md", revision=REVISIONS.get(name))
    if not isinstance(path, str):
        return "see its page"
    return str(ModelCard.load(path).data.to_dict().get("license") or "see its page")
