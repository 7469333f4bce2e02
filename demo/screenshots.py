"""Take the screenshots of the README with chromium and w2v-mini: ``make screenshots``."""

import functools
import shutil
import socket
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Page, sync_playwright

from w2vkit.model import CTCModel
from w2vkit_demo.app import serve
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.server.service import Service

SITE = Path(__file__).parents[1] / "site" / "dist"
DOCS = Path(__file__).parents[1] / "docs"
WIDTH = 1440  # pixels
TIMEOUT = 300_000  # ms


def transcribe(page: Page) -> None:
    """Save the tab Transcribe with a clip in the linked view and the cursor on a word."""
    page.locator(".clip-take:visible").first.click()
    page.locator("#view .lv-word").nth(1).click()
    _save(page, "h1, #view", "page.png")


def compare(page: Page) -> None:
    """Save the tab Compare with a clip as it is and with noise."""
    page.get_by_role("tab", name="Compare").click()
    page.locator(".clip-take:visible").first.click()
    page.locator("#compare-b .lv-word").first.wait_for()
    _save(page, "#compare-facts, #compare-b", "compare.png")


def site(page: Page) -> None:
    """Save the top of the site, which `make site` has built."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SimpleHTTPRequestHandler, directory=str(SITE))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.locator("#loading.done").wait_for(state="attached")
        _save(page, ".top, .hero, #try", "site.png")
        server.shutdown()


def _save(page: Page, selector: str, name: str) -> None:
    """Save the part of the page that holds the elements of a selector, in its whole width."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)  # until the word was played and the canvases are drawn
    boxes = [box for place in page.locator(selector).all() if (box := place.bounding_box())]
    top, bottom = max(0, min(box["y"] for box in boxes) - 12), max(box["y"] + box["height"] for box in boxes) + 12
    page.screenshot(path=DOCS / name, full_page=True, clip={"x": 0, "y": top, "width": WIDTH, "height": bottom - top})
    print(DOCS / name)


def main() -> None:
    """Serve the page, open it and save the screenshots."""
    chromium = shutil.which("chromium")
    if not chromium:
        sys.exit("chromium was not found. Install it (Debian: apt-get install chromium).")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    service = Service(LoadedModels(ModelQueue(CTCModel.load("w2v-mini"))))
    serve(service, server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.set_default_timeout(TIMEOUT)
        page.goto(f"http://127.0.0.1:{port}/")
        transcribe(page)
        compare(page)
        site(page)
        browser.close()
    service.close()


if __name__ == "__main__":
    main()
