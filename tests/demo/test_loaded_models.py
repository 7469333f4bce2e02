"""The models in memory: at most two, loaded once, and unchanged by a failed or stopped load."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from support.speller import Speller

from w2vkit.errors import ModelError
from w2vkit.model.hub import Entry
from w2vkit_demo.server import loaded_models as module
from w2vkit_demo.server.limits import MAX_DOWNLOAD_BYTES
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.model_queue import ModelQueue


class Named(Speller):
    """A model that has only a name."""

    notice, folder, stride, device, pass_seconds = None, None, 320, "cpu", 30.0

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class Shelf:
    """Local models, and a Hub with one more, "hub/c", which is downloaded in two parts."""

    def __init__(self) -> None:
        self.there = ["w2v-mini", "cached/a", "cached/b", "cached/broken"]
        self.loaded: list[str] = []

    def load(self, name: str) -> Any:
        if name == "cached/broken":
            raise ModelError("cached/broken is damaged. Delete it.")
        self.loaded.append(name)
        return Named(name)

    def fetch(self, name: str, *, progress: Callable[[float], None], max_bytes: float) -> None:
        assert max_bytes == MAX_DOWNLOAD_BYTES
        if name not in [*self.there, "hub/c"]:
            raise ModelError(f"{name} is not on this machine, and the Hub has no such model.")
        if name not in self.there:
            for share in (0.5, 1.0):
                progress(share)
                time.sleep(0.05)
            self.there.append(name)

    def listing(self) -> list[Entry]:
        return [*(Entry(name, "cached", 1, "mit") for name in self.there), Entry("hub/default", "on the Hub", 1, "mit")]


@pytest.fixture
def shelf(monkeypatch) -> Shelf:
    shelf = Shelf()
    monkeypatch.setattr(module, "STEP_SECONDS", 0.01)
    monkeypatch.setattr(module, "listing", shelf.listing)
    monkeypatch.setattr(module, "fetch", shelf.fetch)
    return shelf


@pytest.fixture
def models(shelf) -> LoadedModels:
    first: Any = Named("w2v-mini")
    return LoadedModels(ModelQueue(first, max_seconds=5), shelf.load)


def test_a_model_is_loaded_once_and_two_are_kept(models, shelf):
    assert models.get().name == models.get("w2v-mini").name == "w2v-mini"
    first = models.get("cached/a")
    assert models.get("cached/a") is first and first.max_seconds == 5
    models.get("cached/b")
    assert models.running() == ["w2v-mini", "cached/b"]
    assert models.get("cached/a") is not first
    assert shelf.loaded == ["cached/a", "cached/b", "cached/a"]


def test_requests_cannot_name_what_is_not_on_this_machine(models, shelf, tmp_path):
    for name in ("hub/c", "hub/default", str(tmp_path), "../w2v-mini"):
        with pytest.raises(ModelError, match="does not offer"):
            models.get(name)
    assert not shelf.loaded


def test_load_yields_the_progress_of_a_download_and_then_get_gives_the_model(models, shelf):
    shares = list(models.load("hub/c"))
    assert shares == sorted(shares) and shares[-1] >= 0.5
    assert models.get("hub/c").name == "hub/c" and shelf.loaded == ["hub/c"]
    assert "hub/c" in models.names()


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("hub/unknown", "no such model"),
        ("cached/broken", "damaged"),
        ("/etc/passwd", "does not offer"),
        ("<b>/x", "does not offer"),
        ("..", "does not offer"),
    ],
)
def test_a_failed_load_leaves_what_was_there(models, shelf, name, cause):
    before = models.get("cached/a")
    with pytest.raises(ModelError, match=cause):
        list(models.load(name))
    assert models.get("cached/a") is before and shelf.loaded == ["cached/a"]


def test_a_stopped_download_ends_and_loads_nothing(models, shelf, monkeypatch):
    ended, begun = Event(), Event()

    def fetch(name: str, *, progress, max_bytes) -> None:
        try:
            while True:
                progress(0.1)
                begun.set()
                time.sleep(0.01)
        finally:
            ended.set()

    monkeypatch.setattr(module, "fetch", fetch)
    loading = models.load("hub/c")
    next(loading)
    assert begun.wait(30)
    with pytest.raises(ModelError, match="Another model is being downloaded"):
        list(models.load("hub/other"))
    assert models.get("cached/a").name == "cached/a"  # and the other models can be used meanwhile
    shelf.loaded.clear()
    loading.close()
    assert ended.wait(30) and not shelf.loaded


def test_without_downloads_only_models_on_this_machine_can_be_chosen(models, shelf):
    public = LoadedModels(models.first, shelf.load, downloads=False)
    assert "hub/default" not in public.names() and "cached/a" in public.names()
    with pytest.raises(ModelError, match="does not offer"):
        list(public.load("hub/c"))
    alone = LoadedModels(models.first)
    assert alone.names() == ["w2v-mini"]
    with pytest.raises(ModelError, match="does not offer"):
        alone.get("cached/a")
