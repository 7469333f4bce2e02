"""Measure w2v-mini in a browser: WebAssembly, one thread, in Chromium without a window.

    make site
    python -m benchmarks.browser [SITE]

It prints when the first words of an example appear, when the model is loaded, and how much faster than real time the page
computes the bundled clips.
"""

import argparse
import functools
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

SITE = Path(__file__).parents[1] / "site" / "dist"
PATIENCE = 120_000  # ms
# Starts a worker of the page, loads its model, and makes a function that asks it.
WORKER = """  const about = await (await fetch("about.json")).json(), worker = new Worker("worker.js", { type: "module" });
  const ask = message => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.failed) reject(new Error(data.failed));
      else if (data.done !== undefined) resolve(data.done);
    };
    worker.postMessage({ id: 1, ...message });
  });
  await ask({ act: "load", about });
"""
# Computes the examples by the page's own modules and worker: their words, the data of their views, and the seconds. `again` has
# what its decoders find in the emissions of Python, `short` the words from 1 s to 2 s.
COMPUTE = (
    """async () => {
  const [{ decoded, RATE }, { emissionsOf }, { bytesOf, linkedData }] = await Promise.all(
    ["sound", "words", "pack"].map(name => import(`${location.href}${name}.js`)));
"""
    + WORKER
    + """  const all = [];
  for (const { audio, result } of about.examples) {
    const samples = await decoded(await (await fetch(audio)).arrayBuffer());
    const { logProbs, seconds, words } = await ask({ act: "transcribe", samples, decoder: "greedy" });
    const { words: beam } = await ask({ act: "decode", logProbs, samples: samples.length, decoder: "beam" });
    const view = linkedData(samples, emissionsOf(logProbs, samples.length, about), words);
    const stored = new Int16Array(bytesOf((await (await fetch(result)).json()).log_probs).buffer), again = {};
    for (const decoder of ["greedy", "beam"]) {
      const found = { logProbs: Float32Array.from(stored, x => x / 1000), samples: samples.length };
      again[decoder] = (await ask({ act: "decode", ...found, decoder })).words;
    }
    const { words: short } = await ask({ act: "transcribe", samples: samples.slice(RATE, 2 * RATE), decoder: "greedy" });
    all.push({ short, greedy: words, beam, again, seconds, sound: samples.length / about.input.sample_rate, view });
  }
  worker.terminate();
  return JSON.stringify(all);
}"""
)


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine, and give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def compute(page: Page) -> list[dict[str, Any]]:
    """Compute the bundled clips in a page of the site: for each the words by both decoders, the view and the seconds."""
    return json.loads(page.evaluate(COMPUTE))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("site", nargs="?", type=Path, default=SITE)
    site, chromium = parser.parse_args().site, shutil.which("chromium")
    if not (site / "index.html").is_file() or not chromium:
        sys.exit(f"This needs Chromium, and a site in {site}. Build it with: make site")
    with serve(site) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(address)
        expect(page.locator(".lv-word").first).to_be_visible(timeout=PATIENCE)
        print(f"first words of an example: {time.perf_counter() - start:.2f} s")
        expect(page.locator("#loading.done")).to_be_attached(timeout=PATIENCE)
        print(f"model ready: {time.perf_counter() - start:.1f} s")
        found = compute(page)
        sound, seconds = (sum(clip[name] for clip in found) for name in ("sound", "seconds"))
        print(f"network, {sound:.1f} s of sound: {seconds:.2f} s, {sound / seconds:.1f} times real time")
        browser.close()


if __name__ == "__main__":
    main()
