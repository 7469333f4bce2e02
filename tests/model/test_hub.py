"""Download, cache, conversions and refusals: the real client of the Hub against a local imitation of the Hub."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.hub import PULL, StandIn, client_of, commit_of

from w2vkit.cli import main
from w2vkit.errors import ModelError
from w2vkit.examples import examples
from w2vkit.model.hub import DEFAULT, REVISIONS, check, fetch, listing, measured
from w2vkit.pipeline.transcription import transcribe

CLIP = examples()[0].path


@pytest.fixture
def hub(checkpoints, tmp_path) -> Iterator[StandIn]:
    """A Hub with a good model, the pinned revision of the default model with pickles only, and a model without safetensors."""
    good = Path(checkpoints["random-layer"])
    pickled = tmp_path / "pickled"
    shutil.copytree(good, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    server = StandIn(
        {
            "someone/good": {"main": good},
            DEFAULT: {REVISIONS[DEFAULT]: pickled, "main": pickled, PULL: good},
            "someone/pickled": {"main": pickled},
        }
    )
    yield server
    server.shutdown()


@pytest.fixture
def w2vkit(capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command against a Hub, with its own cache; gives its exit status, output and messages."""

    def run(url: str, cache: Path, *arguments: object, **variables: str) -> tuple[int, str, str]:
        with client_of(url, cache, **variables):
            status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_a_hub_model_is_downloaded_once_and_then_works_without_the_hub(hub, tmp_path, checkpoints, w2vkit):
    expected = transcribe(CLIP, checkpoints["random-layer"]).text + "\n"
    *first, told = w2vkit(hub.url, tmp_path / "cache", "transcribe", CLIP, "--model", "someone/good")
    assert first == [0, expected], told
    assert any("model.safetensors" in line for line in hub.asked)
    *away, told = w2vkit("http://127.0.0.1:9", tmp_path / "cache", "transcribe", CLIP, "--model", "someone/good")
    assert away == [0, expected], told
    _, listed, _ = w2vkit("http://127.0.0.1:9", tmp_path / "cache", "models")
    assert re.search(r"someone/good +cached", listed)


@pytest.mark.slow
def test_a_model_is_downloaded_and_checked_by_name(hub, tmp_path, w2vkit):
    """The stand-in states the SHA-256 of every file as its tag, as the Hub does for large ones."""
    command, cache = ("models", "download", "someone/good"), tmp_path / "cache"
    status, _, told = w2vkit(hub.url, cache, *command, "--offline")
    assert status == 1 and "not on this machine" in told and not hub.asked
    status, done, told = w2vkit(hub.url, cache, *command)
    files = len(list(hub.repositories["someone/good"]["main"].iterdir()))
    name, checked = done.strip().split(": ")
    assert status == 0 and name == "someone/good" and checked.startswith(f"{files} files checked, in "), told
    folder = Path(checked.partition(", in ")[2])
    hub.asked.clear()
    status, again, _ = w2vkit(hub.url, cache, *command, "--offline")
    assert (status, again) == (0, done) and not hub.asked
    blob = (folder / "model.safetensors").resolve()
    blob.write_bytes(blob.read_bytes()[:-1] + b"\0\1")
    status, _, told = w2vkit(hub.url, cache, *command, "--offline")
    assert status == 1 and "model.safetensors is missing or damaged" in told
    assert f"Remove {blob} and {folder}," in told
    blob.unlink()
    assert "model.safetensors is missing or damaged" in w2vkit(hub.url, cache, *command)[2]
    shutil.rmtree(folder)
    assert w2vkit(hub.url, cache, *command)[:2] == (0, done)
    assert "without a download" in w2vkit(hub.url, cache, "models", "download", "w2v-mini")[2]


def test_small_files_are_checked_as_git_does(tmp_path):
    data = b"hello world\n"
    blob = tmp_path / "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"  # printf 'hello world\n' | git hash-object --stdin
    blob.write_bytes(data)
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "config.json").symlink_to(blob)
    (tmp_path / "snapshot" / "copy.json").write_bytes(data)
    assert check(tmp_path / "snapshot") == 1
    blob.write_bytes(b"hello World\n")
    with pytest.raises(ModelError, match=r"config\.json is missing or damaged"):
        check(tmp_path / "snapshot")


@pytest.mark.slow
def test_the_default_comes_as_the_bots_safetensors_where_the_revision_holds_a_pickle(hub, tmp_path, checkpoints, w2vkit):
    *done, told = w2vkit(hub.url, tmp_path / "cache", "transcribe", CLIP)
    assert done == [0, transcribe(CLIP, checkpoints["random-layer"]).text + "\n"], told
    assert "w2v-mini" not in told
    assert not any("pytorch_model.bin" in line for line in hub.asked)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("someone/pickled", "without safetensors weights. Choose a checkpoint that has model.safetensors"),
        ("someone/unknown", "the Hub has no such model.*Check the spelling"),
        ("someone/bad name", "not a Hub name|has no such model"),
    ],
)
def test_models_that_the_hub_cannot_give_are_refused(hub, tmp_path, name, cause, w2vkit):
    status, _, told = w2vkit(hub.url, tmp_path / "cache", "transcribe", CLIP, "--model", name)
    assert status == 1 and len(told.strip().splitlines()) == 1
    assert re.search(cause, told), told


@pytest.mark.slow
def test_downloads_can_be_switched_off(hub, tmp_path, w2vkit):
    status, _, told = w2vkit(hub.url, tmp_path / "cache", "transcribe", CLIP, "--model", "someone/good", HF_HUB_OFFLINE="1")
    assert status == 1 and "HF_HUB_OFFLINE=1" in told
    assert not hub.asked


def fetch_shares(url: str, cache: Path, name: str, *, stop_at: float = 0.0) -> str:
    """Fetch a model twice: the first download is stopped at a share, the second reports its shares; gives the first error."""

    def stop(share: float) -> None:
        if share >= stop_at:
            raise ModelError("stopped by its caller")

    shares: list[float] = []
    with client_of(url, cache):
        with pytest.raises(ModelError) as told:
            fetch(name, progress=stop)
        fetch(name, progress=shares.append)
    assert shares[-1] == 1 and all(0 <= share <= 1 for share in shares)
    return str(told.value)


@pytest.mark.parametrize("name", ["someone/good", "auto"])
def test_a_download_reports_its_share_and_can_be_stopped(hub, tmp_path, name, capfd):
    assert fetch_shares(hub.url, tmp_path / "cache", name) == "stopped by its caller"
    assert capfd.readouterr().err == ""  # no progress bar of the client


@pytest.fixture
def large_file(hub, tmp_path, checkpoints) -> bytes:
    """The content of more.safetensors of someone/large. The client takes steps of 10 MiB."""
    content = np.random.default_rng(1).bytes(25_000_000)
    folder = tmp_path / "large"
    shutil.copytree(checkpoints["random-layer"], folder)
    (folder / "more.safetensors").write_bytes(content)
    hub.repositories["someone/large"] = {"main": folder}
    return content


def test_a_stopped_download_of_a_large_file_goes_on_where_it_was(hub, tmp_path, large_file):
    assert fetch_shares(hub.url, tmp_path / "cache", "someone/large", stop_at=0.5) == "stopped by its caller"
    assert any("more.safetensors bytes=10485760-" in line for line in hub.asked)
    (found,) = tmp_path.glob("cache/models--*/snapshots/*/more.safetensors")
    assert found.read_bytes() == large_file


def test_a_large_file_that_was_damaged_on_its_way_is_refused_and_downloaded_anew(hub, tmp_path, large_file):
    blobs = tmp_path / "cache" / "models--someone--large" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(large_file).hexdigest()}.part").write_bytes(b"damaged" * 1_000_000)
    told = fetch_shares(hub.url, tmp_path / "cache", "someone/large", stop_at=2.0)
    assert "more.safetensors was damaged on its way. Try again." in told
    (found,) = tmp_path.glob("cache/models--*/snapshots/*/more.safetensors")
    assert found.read_bytes() == large_file


@pytest.mark.slow
def test_a_revision_of_the_default_model_is_used_or_refused(hub, tmp_path, checkpoints, w2vkit):
    status, _, told = w2vkit(hub.url, tmp_path / "cache", "transcribe", CLIP, "--revision", "no-such-revision")
    assert status == 1 and re.search(r"refused it \(404\)\. Check the revision", told), told
    *right, told = w2vkit(hub.url, tmp_path / "cache", "transcribe", CLIP, "--revision", PULL)
    assert right == [0, transcribe(CLIP, checkpoints["random-layer"]).text + "\n"], told


def test_local_models_have_no_revisions(checkpoints):
    for name in ("w2v-mini", checkpoints["random-layer"]):
        with pytest.raises(ModelError, match=r"has no revisions; 'v2' cannot be chosen\. Leave the revision out"):
            fetch(name, "v2")


def test_config_json_is_downloaded_last_so_that_a_killed_download_does_not_look_whole(hub, tmp_path, checkpoints):
    with client_of(hub.url, tmp_path / "cache"):
        fetch("someone/good")
    got = [line.rpartition("/")[2] for line in hub.asked if line.startswith("GET") and "/resolve/" in line]
    assert set(got) == {path.name for path in Path(checkpoints["random-layer"]).iterdir()}
    assert got.index("config.json") == len(got) - 1


def test_unfinished_files_of_killed_downloads_are_removed_unless_another_process_writes_them(hub, tmp_path):
    from filelock import FileLock

    cache = tmp_path / "cache"
    blobs, locks = cache / "models--someone--good" / "blobs", cache / ".locks" / "models--someone--good"
    blobs.mkdir(parents=True)
    locks.mkdir(parents=True)
    left, locked = blobs / f"{'a' * 64}.12345678.incomplete", blobs / f"{'b' * 64}.12345678.incomplete"
    left.touch()
    locked.touch()
    with FileLock(locks / f"{'b' * 64}.lock"), client_of(hub.url, cache):
        fetch("someone/good")
    assert not left.exists() and locked.exists()


def fill_cache(cache: Path, good: Path, *commits: str) -> None:
    """Put snapshots of the default model into a cache, the newest last."""
    for age, name in enumerate(commits):
        folder = cache / f"models--{DEFAULT.replace('/', '--')}" / "snapshots" / name
        shutil.copytree(good, folder)
        os.utime(folder, (1e9 + age, 1e9 + age))


@pytest.fixture
def offline(monkeypatch, tmp_path) -> Path:
    """A Hub that is out of reach, and an empty cache."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_pinned_revision_in_the_cache_comes_before_a_newer_one(offline, checkpoints, caplog):
    fill_cache(offline, Path(checkpoints["random-layer"]), REVISIONS[DEFAULT], "newer")
    for name in (DEFAULT, "auto"):
        assert fetch(name).folder.name == REVISIONS[DEFAULT]
    assert fetch(DEFAULT, "newer").folder.name == "newer"
    assert not caplog.text


def test_another_cached_revision_is_used_with_a_warning_where_the_pinned_one_is_out_of_reach(offline, checkpoints, caplog):
    fill_cache(offline, Path(checkpoints["random-layer"]), "older12", "another")
    assert fetch("auto").folder.name == "another"
    assert re.search(r"tested with \(54074b1\) could not be downloaded\. The cached revision another is used", caplog.text)
    with pytest.raises(ModelError, match="not on this machine"):
        fetch("auto", "third")


def test_the_pinned_revision_is_downloaded_though_another_one_is_cached(hub, tmp_path, checkpoints, caplog):
    good, cache = Path(checkpoints["random-layer"]), tmp_path / "cache"
    fill_cache(cache, good, "another")
    for url in (hub.url, "http://127.0.0.1:9"):  # the second time it is in the cache
        with client_of(url, cache):
            assert fetch(DEFAULT).folder.name == commit_of(good)
    assert "could not be downloaded" not in caplog.text


@pytest.mark.parametrize(
    ("front", "licence"), [("license: mit", "mit"), ("license: [mit, cc0-1.0]", "mit, cc0-1.0"), ("tags: [x]", "see its page")]
)
def test_the_list_of_models_gives_the_licence_of_the_card(offline, checkpoints, front, licence):
    fill_cache(offline, Path(checkpoints["random-layer"]), "one")
    (card,) = offline.glob("*/snapshots/one")
    (card / "README.md").write_text(f"---\n{front}\n---\n")
    assert {entry.name: entry.licence for entry in listing()}[DEFAULT] == licence


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"[]"),
        ("config.json", b"5"),
        ("config.json", b"{"),
        ("config.json", b"\xff\xfe"),
        ("config.json", b'{"architectures": [5]}'),
        ("config.json", b'{"architectures": 5}'),
        ("config.json", b"[" * 100_000),
        ("README.md", b"---\nlicense: \xe9\n---\n"),
        ("README.md", b"---\nlicense: [5, {a: 1}]\n---\n"),
        ("README.md", b"---\nlicense: {a: [1]}\n---\n"),
        ("README.md", b"---\nlicense: " + b"x" * 100_000 + b"\n---\n"),
    ],
)
def test_models_are_listed_beside_damaged_files_in_the_cache(offline, checkpoints, file, content):
    fill_cache(offline, Path(checkpoints["random-layer"]), "one")
    shutil.copytree(next(offline.glob("models--*")), offline / "models--evil--x")
    (offline / "models--evil--x" / "snapshots" / "one" / file).write_bytes(content)
    entries = {entry.name: entry for entry in listing()}
    assert {"w2v-mini", DEFAULT} <= set(entries)
    assert ("evil/x" in entries) == (file == "README.md") and all(len(entry.licence) < 100 for entry in entries.values())


@pytest.mark.parametrize("results", ["5", "[5]", "[{task: 5}]", "[{results: [{dataset: {name: [1]}, metrics: [{value: x}]}]}]"])
def test_a_card_with_odd_results_has_none(tmp_path, results):
    (tmp_path / "README.md").write_text(f"---\nmodel-index:\n- name: x\n  results: {results}\n---\n")
    assert measured(tmp_path) == []


@pytest.mark.parametrize(("limit", "free", "cause"), [(1_000, 10**12, "too large: at most"), (1e12, 10**6, "the disk has")])
def test_a_model_that_is_too_large_is_refused_before_its_download(hub, tmp_path, monkeypatch, limit, free, cause):
    monkeypatch.setattr("w2vkit.model.hub._free_bytes", lambda folder: free)
    cache = tmp_path / "cache"
    with client_of(hub.url, cache), pytest.raises(ModelError, match=cause):
        fetch("someone/good", max_bytes=limit)
    assert not list(cache.glob("models--*/snapshots/*"))
