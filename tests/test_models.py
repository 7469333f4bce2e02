"""The models of a server: two in memory, one by one, and a failed or stopped load changes nothing."""

from threading import Event

import pytest
from spoken import Speller
from w2vkit_demo import models as module
from w2vkit_demo.models import Models
from w2vkit_demo.shared import Shared

from w2vkit.errors import ModelError
from w2vkit.hub import Checkpoint, Entry


class Named(Speller):
    """A model of some name."""

    notice, folder, stride, device, pass_seconds = None, None, 320, "cpu", 30.0

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@pytest.fixture
def loaded(monkeypatch) -> list[str]:
    """What was loaded, in order; "cached/a", "cached/b" and "cached/broken" are on this machine, "hub/c" comes in two parts."""
    names, there = list[str](), ["w2v-mini", "cached/a", "cached/b", "cached/broken"]

    def load(name: str) -> Named:
        if name == "cached/broken":
            raise ModelError("cached/broken is damaged. Delete it.")
        names.append(name)
        return Named(name)

    def fetch(name: str, *, progress) -> Checkpoint:
        if name not in there and name != "hub/c":
            raise ModelError(f"{name} is not on this machine, and the Hub has no such model.")
        for share in (0.5, 1.0) if name == "hub/c" else ():
            progress(share)
            Event().wait(0.05)
        there.append(name)
        return Checkpoint(name, None)  # pyright: ignore[reportArgumentType]

    listing = lambda: [*(Entry(n, "cached", 1, "mit") for n in there), Entry("hub/default", "on the Hub", 1, "mit")]  # noqa: E731
    monkeypatch.setattr(module, "STEP_SECONDS", 0.01)
    monkeypatch.setattr(module, "listing", listing)
    monkeypatch.setattr(module, "fetch", fetch)
    names.append(load)  # pyright: ignore[reportArgumentType]
    return names


@pytest.fixture
def models(loaded) -> Models:
    return Models(Shared(Named("w2v-mini"), max_seconds=5), loaded.pop())  # pyright: ignore[reportArgumentType]


def test_a_model_is_loaded_once_and_two_are_kept(models, loaded):
    assert models.get().name == models.get("w2v-mini").name == "w2v-mini"
    first = models.get("cached/a")
    assert models.get("cached/a") is first and first.max_seconds == 5
    models.get("cached/b")
    assert models.running() == ["w2v-mini", "cached/b"]
    assert models.get("cached/a") is not first
    assert loaded == ["cached/a", "cached/b", "cached/a"]


def test_requests_cannot_name_what_is_not_on_this_machine(models, loaded, tmp_path):
    for name in ("hub/c", "hub/default", str(tmp_path), "../w2v-mini"):
        with pytest.raises(ModelError, match="Choose|choose"):
            models.get(name)
    assert not loaded


def test_a_download_tells_its_share_and_then_the_model_is_there(models, loaded):
    shares = list(models.load("hub/c"))
    assert shares == sorted(shares) and shares[-1] >= 0.5
    assert models.get("hub/c").name == "hub/c" and loaded == ["hub/c"]
    assert "hub/c" in models.names()


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("hub/unknown", "no such model"),
        ("cached/broken", "damaged"),
        ("/etc/passwd", "to choose here"),
        ("<b>/x", "to choose here"),
        ("..", "to choose here"),
    ],
)
def test_a_failed_load_leaves_what_was_there(models, loaded, name, cause):
    before = models.get("cached/a")
    with pytest.raises(ModelError, match=cause):
        list(models.load(name))
    assert models.get("cached/a") is before and loaded == ["cached/a"]


def test_a_stopped_download_ends_and_loads_nothing(models, loaded, monkeypatch):
    ended, begun = Event(), Event()

    def fetch(name: str, *, progress) -> None:
        try:
            while True:
                progress(0.1)
                begun.set()
                Event().wait(0.01)
        finally:
            ended.set()

    monkeypatch.setattr(module, "fetch", fetch)
    loading = models.load("hub/c")
    next(loading)
    assert begun.wait(30)
    loading.close()
    assert ended.wait(30) and not loaded


def test_strangers_may_choose_but_not_fill_the_disk(models, loaded):
    public = Models(models.first, models._load, downloads=False)
    assert "hub/default" not in public.names() and "cached/a" in public.names()
    with pytest.raises(ModelError, match="to choose here"):
        list(public.load("hub/c"))
    alone = Models(models.first)
    assert alone.names() == ["w2v-mini"]
    with pytest.raises(ModelError, match="Choose|choose"):
        alone.get("cached/a")
