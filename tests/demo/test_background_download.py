"""The page opens with the bundled model, while the large one is downloaded."""

import logging
import re
import shutil
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from support.hub import StandIn
from support.server import serve_demo

from w2vkit.errors import ModelError
from w2vkit.examples import examples
from w2vkit.model.hub import DEFAULT, REVISIONS, UnavailableError
from w2vkit_demo.server import background_download
from w2vkit_demo.server.background_download import BackgroundDownload

PATIENCE = 120_000  # ms; the machine may be busy


class Source:
    """Stands in for `fetch`: each download reports the shares that the test lets come."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.error: ModelError | None = None

    def fetch(self, name: str, *, progress: Callable[[float], None]) -> None:
        while not self.shares or self.shares[-1] < 1:
            if self.error:
                raise self.error
            progress(self.shares[-1] if self.shares else 0.0)
            time.sleep(0.01)


@pytest.fixture
def source(monkeypatch) -> Source:
    source = Source()
    monkeypatch.setattr(background_download, "fetch", source.fetch)
    return source


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_download_can_be_stopped_and_resumed_and_tells_what_has_come(source):
    download = BackgroundDownload("someone/large", 1_262_000_000)
    download.start()
    source.shares.append(0.25)
    until(lambda: download.progress.share == 0.25)
    assert "316 of 1,262 MB" in download.describe()
    download.stop()
    assert (download.progress.state, download.progress.share) == ("stopped", 0.25)
    download.start()
    source.shares.append(0.5)
    until(lambda: download.progress.share == 0.5)
    assert download.progress.seconds_left is not None and "left" in download.describe()
    source.shares.append(1.0)
    until(lambda: download.progress.state == "ready")
    download.stop()
    download.start()
    assert download.progress.state == "ready"


def test_a_failed_download_says_why_and_can_be_tried_again(source):
    source.error = ModelError("The Hub cannot be reached.")
    download = BackgroundDownload("someone/large", 1e9)
    download.start()
    until(lambda: download.progress.state == "failed")
    assert download.describe() == "The Hub cannot be reached."
    with pytest.raises(ModelError, match="cannot be reached"):
        download.wait(lambda share: None)
    source.error = None
    source.shares.append(1.0)
    download.start()
    download.wait(lambda share: None)
    assert download.progress.state == "ready"


def test_visitors_read_that_the_hub_is_out_of_reach_without_advice_for_the_operator(source, caplog):
    source.error = UnavailableError("The Hub cannot be reached. Check the proxy, or name a local folder.")
    download = BackgroundDownload("someone/large", 1e9)
    with caplog.at_level(logging.INFO, logger="w2vkit_demo"):
        download.start()
        until(lambda: download.progress.state == "failed" and bool(caplog.records))
    assert "folder" not in download.describe() and "huggingface.co" in download.describe()
    assert "local folder" in caplog.text  # whoever started the page reads the terminal


@pytest.mark.slow
def test_the_page_opens_before_the_large_model_is_there_and_then_offers_it(browser, checkpoints, tmp_path, default_texts):
    folder = tmp_path / "model"
    shutil.copytree(checkpoints["random-layer"], folder)
    (folder / "more.safetensors").write_bytes(bytes(40_000_000))  # the client keeps what has come in steps of 10 MB
    hub = StandIn({DEFAULT: {REVISIONS[DEFAULT]: folder, "main": folder}})
    hub.bytes_per_second = 1_500_000  # slower than the page starts
    try:
        server = serve_demo(
            HF_ENDPOINT=hub.url, HF_HUB_CACHE=str(tmp_path / "cache"), HF_HUB_DISABLE_XET="1", HF_HUB_OFFLINE="0"
        )
        with server as address:
            page = browser.new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            expect(page.locator("#download-line")).to_contain_text("of 1,262 MB")
            page.locator(".clip-take:visible").first.click()
            expect(page.get_by_text(default_texts[examples()[0].path.name]).first).to_be_attached()
            expect(page.locator("#download-line")).to_contain_text(re.compile(r"[1-9]\d+ of 1,262 MB, about"), timeout=PATIENCE)
            page.locator("#download-stop").click()
            expect(page.locator("#download-line")).to_contain_text("stopped")
            hub.bytes_per_second *= 100
            page.locator("#download-stop").click()
            page.locator("#download-use").click()
            expect(page.locator("#model-box")).to_contain_text(f"Model: {DEFAULT}", timeout=PATIENCE)
            assert any("more.safetensors bytes=" in line for line in hub.asked)  # the second download went on
            page.close()
    finally:
        hub.shutdown()
