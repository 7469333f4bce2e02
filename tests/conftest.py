"""Fixtures of all tests: generated sound, tiny random checkpoints, expected texts and the served page."""

import os
import runpy
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from support.checkpoints import make_checkpoint
from support.server import serve_demo

from w2vkit.decode import Hypothesis, Word
from w2vkit.examples import examples

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
START = str(Path(__file__).parent / "support" / "start")  # what runs first in every Python that the tests start
os.environ["PYTHONPATH"] = os.pathsep.join([START, *filter(None, [os.environ.get("PYTHONPATH")])])
runpy.run_path(f"{START}/sitecustomize.py")

EVAL = Path(__file__).parents[2] / "shared" / "speech" / "eval"

EXPECT = 120_000  # ms; what a browser shows may take long, since other tests run at the same time

# Modules whose slow tests take longest. They begin first, so that no process waits for the last of them.
LONGEST = ("test_page", "test_api", "test_notebooks", "test_site", "test_cluster", "test_docs", "test_view_in_browser")
SERVED = ("test_page", "test_api")  # they open the same page


def pytest_configure() -> None:
    """Take Ctrl-C. A shell makes what it runs in the background ignore it, and so would the commands that the tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the slow tests first where several processes run the tests."""
    if not hasattr(config, "workerinput"):
        return

    def rank(item: pytest.Item) -> int:
        if not item.get_closest_marker("slow"):
            return len(LONGEST) + 1
        return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run the tests of a module in one process in `make test`, so that a model, a server or a cluster starts once."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.split("::")[0]
            return "page" if Path(module).stem in SERVED else module

    return ByModule(config, log)


@pytest.fixture(autouse=True)
def torchs_threads() -> Iterator[None]:
    """Give torch the number of threads that the environment names, after a test that chose another.

    The threads of two processes would wait for each other, and all tests after it would take several times as long.
    """
    yield
    if "torch" in sys.modules and (threads := os.environ.get("OMP_NUM_THREADS")):
        sys.modules["torch"].set_num_threads(int(threads))


@pytest.fixture(scope="session")
def eval_folder() -> Path:
    """The folder of real speech beside the checkout. Without it tests are skipped; in CI they fail."""
    if not EVAL.is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI needs the folder of real speech, and it is missing")
        pytest.skip("the folder of real speech is missing")
    return EVAL


@pytest.fixture(scope="session")
def greedy_texts() -> dict[str, str]:
    """The text of each example clip by w2v-mini and greedy decoding."""
    from w2vkit.decode import greedy
    from w2vkit.pipeline.transcription import transcribe

    return {clip.path.name: transcribe(clip.path, "w2v-mini", decode=greedy).text for clip in examples()}


@pytest.fixture(scope="session")
def default_texts() -> dict[str, str]:
    """The text of each example clip by w2v-mini and its default decoder. Page, command line and wheel must give the same."""
    from w2vkit.pipeline.transcription import transcribe

    return {clip.path.name: transcribe(clip.path, "w2v-mini").text for clip in examples()}


@pytest.fixture(scope="session")
def page_url() -> Iterator[str]:
    """The page, served once for all the tests that open it."""
    with serve_demo() as address:
        yield address


@pytest.fixture(scope="module")
def browser_arguments() -> list[str]:
    """Further arguments of Chromium; a module can have its own."""
    return []


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, browser_arguments: list[str]) -> "Iterator[Browser]":
    """Chromium; its microphone hears the first example clip, once. Without it tests are skipped; in CI they fail.

    It ends with the module: as long as Playwright runs, other tests of the process cannot call asyncio.run.
    """
    # The headless shell is Chromium without windows of its own. It takes two thirds of the processor time.
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not chromium:
        if os.environ.get("CI"):
            pytest.fail("CI must run the browser tests, and there is no chromium")
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=EXPECT)
    voice = tmp_path_factory.mktemp("voice") / "voice.wav"
    soundfile.write(voice, *soundfile.read(examples()[0].path))
    arguments = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={voice}%noloop",
        "--disable-background-networking",
        *browser_arguments,
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def window() -> dict[str, Any]:
    """The options of the browser's window; tests change them by parametrize."""
    return {}


@pytest.fixture
def tone() -> np.ndarray:
    """One second of a 440 Hz tone at 16 kHz, half of full scale."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path):
    """Write samples to a sound file and give its path."""

    def writer(name: str, samples: np.ndarray, rate: int = 16_000, **options: Any) -> Path:
        path = tmp_path / name
        soundfile.write(path, samples, rate, **options)
        return path

    return writer


@pytest.fixture
def greeting() -> Hypothesis:
    """A hypothesis with a pause, for the tests of formats."""
    words = (Word("GOOD", 0.1, 0.34, 0.99), Word("DAY", 0.4, 0.62, 0.8), Word("O'NEIL", 1.5, 2.02, 0.4567))
    return Hypothesis("GOOD DAY O'NEIL", words, -1.25)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The models that most tests run on, by name: w2v-mini and a random one of each norm."""
    root = tmp_path_factory.mktemp("checkpoints")
    random = {f"random-{norm}": str(make_checkpoint(root / f"random-{norm}", norm)) for norm in ("layer", "group")}
    return {"w2v-mini": "w2v-mini", **random}
