"""The documentation names files that exist, and the site builds without warnings and loads nothing from another host."""

import ast
import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The folders that a name such as `formats.py` or `decode/beam.py` can be relative to.
BASES = (ROOT, ROOT / "w2vkit", ROOT / "demo" / "w2vkit_demo", ROOT / ".github" / "workflows")
FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|yml|txt|cff)))`")
BUILT = ("build/", ".venv/")  # made by commands
OTHERS = ("talks/",)  # example names of user files
# Tags that load what they name, and the attributes that name it. A plain link (<a href>) loads nothing.
LOADING = {"script": ("src",), "link": ("href",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset")}
LOADING |= {"audio": ("src",), "video": ("src", "poster"), "object": ("data",), "embed": ("src",), "use": ("href",)}
# Material's script can load these for features that the site does not use: old browsers, diagrams, a repository's stars.
UNUSED = {
    "https://unpkg.com/resize-observer-polyfill",
    "https://unpkg.com/mermaid@11/dist/mermaid.min.js",
    "https://api.github.com/repos/",
    "https://api.github.com/users/",
}
QUOTED = re.compile(r"""["'`](https?://[\w./@-]+)""")  # in a script; addresses in comments are not loaded


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_the_documentation_names_exists(page):
    named = set(FILE.findall(page.read_text(encoding="utf-8")))
    named = {name for name in named if not name.startswith((*BUILT, *OTHERS)) and name != ".venv"}
    missing = {name for name in named if not any((base / name).exists() for base in BASES)}
    assert not missing


def test_the_python_code_in_the_documentation_imports_existing_names():
    blocks = [
        code for page in PAGES for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    lines = [node for code in blocks for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names: dict[str, object] = {}
    exec(compile(ast.Module([*lines], []), "documentation", "exec"), names)
    assert {"transcribe", "CTCModel", "evaluate"} <= names.keys()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


class Loads(HTMLParser):
    """Collects the addresses that a page loads, and tags that would make Material's script load more."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if not (tag == "link" and given.get("rel") in ("canonical", "next", "prev", "alternate")):
            self.found += [given[name] for name in LOADING.get(tag, ()) if name in given]
        if "mermaid" in given.get("class", "").split() or given.get("data-md-component") == "source":
            self.found.append(f"https://of-the-theme/{tag}")
        self.found += re.findall(r"url\(['\"]?([^)'\"]+)", given.get("style", ""))


@pytest.mark.slow
def test_no_file_of_the_site_loads_from_another_host(site):
    pages, styles, scripts = (sorted(site.rglob(f"*.{ending}")) for ending in ("html", "css", "js"))
    assert len(pages) > 20 and styles and scripts
    foreign = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        parser = Loads()
        parser.feed(text)
        inline = re.findall(r"<script(?![^>]*application/json)[^>]*>(.*?)</script>", text, re.S)
        foreign += [(page.name, url) for url in parser.found if urlsplit(url).netloc]
        foreign += [(page.name, url) for code in inline for url in QUOTED.findall(code)]
    for style in styles:
        text = style.read_text(encoding="utf-8")
        loaded = re.findall(r"url\(\s*['\"]?([^)'\"]+)", text) + re.findall(r"@import\s+['\"]([^'\"]+)", text)
        foreign += [(style.name, url) for url in loaded if urlsplit(url).netloc]
    for script in scripts:
        named = set(QUOTED.findall(script.read_text(encoding="utf-8")))
        foreign += [(script.name, url) for url in named - UNUSED]
    assert foreign == []


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site, served on this machine."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.slow
def test_a_browser_asks_no_other_host_and_search_works(address):
    chromium = shutil.which("chromium")
    if not chromium:
        if os.environ.get("CI"):
            pytest.fail("CI must run the browser tests, and there is no chromium")
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        for path in ("", "architecture/", "guides/page/", "api/audio/", "project/training/"):
            page.goto(address + path, wait_until="networkidle")
        page.goto(address, wait_until="networkidle")
        page.locator("input.md-search__input").click()
        page.keyboard.type("beam_search")
        page.locator(".md-search-result__link").first.wait_for(timeout=30_000)
        browser.close()
    assert errors == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_citation_has_the_version_of_the_package():
    from w2vkit import __version__

    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize("workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda file: file.stem)
def test_every_action_is_pinned_to_a_commit_and_names_its_version(workflow):
    used = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in used)


@pytest.mark.slow
@pytest.mark.parametrize("room", ["audio", "decode", "align", "model", "pipeline", "evaluate"])
def test_the_api_page_of_a_room_shows_its_modules(site, room):
    shown = (site / "api" / room / "index.html").read_text(encoding="utf-8")
    modules = [file.stem for file in (ROOT / "w2vkit" / room).glob("[!_]*.py")]
    assert modules and [name for name in modules if f'id="w2vkit.{room}.{name}"' not in shown] == []


@pytest.mark.slow
def test_no_entry_of_the_api_ends_with_a_dash(site):
    pages = {page.parent.name: page.read_text(encoding="utf-8") for page in (site / "api").rglob("index.html")}
    dash = re.compile(r"\u2013\s*(<div[^>]*>\s*</div>\s*)?</li>")
    assert pages and [name for name, text in pages.items() if dash.search(text)] == []
