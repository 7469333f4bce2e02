"""The documentation names files that exist, the site builds without warnings and loads nothing from another host, and the
notebooks are pages of it."""

import ast
import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from support import tables

from benchmarks.browser import serve

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINKING = [*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "SECURITY.md", "benchmarks/README.md", "training/README.md"))]
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
UNUSED |= {"http://www.w3.org/1998/Math/MathML", "http://www.w3.org/2000/svg"}  # names of languages, not addresses
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
QUOTED = re.compile(r"""["'`](https?://[\w./@-]+)""")  # in a script; addresses in comments are not loaded


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_the_documentation_names_exists(page):
    named = set(FILE.findall(page.read_text(encoding="utf-8")))
    named = {name for name in named if not name.startswith((*BUILT, *OTHERS)) and name != ".venv"}
    missing = {name for name in named if not any((base / name).exists() for base in BASES)}
    assert not missing


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_the_pages_leads_to_a_file_and_a_heading(page):
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    generated = {ROOT / "docs" / name for name in re.findall(r"[\w./-]+\.md", navigation)}
    generated |= {ROOT / "docs" / "course" / f"{path.stem}.md" for path in NOTEBOOKS}
    broken = []
    for link in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", without_code(page)):
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() and target not in generated:
            broken.append(link)
        elif heading and target.suffix == ".md" and heading not in headings(target):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_desktop_shows_whole_lines_of_code(page):
    blocks = re.findall(r"```.*?```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    # The width is set in stylesheets/extra.css.
    assert [line for block in blocks for line in block.splitlines() if len(line) > 100] == []


def without_code(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    found = re.findall(r"^#+ (.+)$", without_code(page), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in found}


def test_the_python_code_in_the_documentation_imports_existing_names():
    blocks = [
        code for page in PAGES for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    lines = [node for code in blocks for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names: dict[str, object] = {}
    exec(compile(ast.Module([*lines], []), "documentation", "exec"), names)
    assert {"transcribe", "CTCModel", "evaluate"} <= names.keys()


@pytest.mark.slow
def test_the_guide_to_python_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    from w2vkit.examples import examples

    clips = [{"audio": {"bytes": clip.path.read_bytes(), "path": clip.path.name}, "text": clip.text} for clip in examples()]
    tables.parquet(tmp_path / "speech.parquet", clips)
    monkeypatch.chdir(tmp_path)
    guide = (ROOT / "docs" / "guides" / "python.md").read_text(encoding="utf-8")
    exec("".join(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)), {})
    said = capsys.readouterr().out
    assert '"text": "THE"' in said and " --> 00:00:0" in said
    assert all(f"{clip.path.name} {clip.text}" in said for clip in examples())


@pytest.fixture(scope="module")
def course() -> ModuleType:
    """The hook that makes pages of the notebooks."""
    spec = importlib.util.spec_from_file_location("course", ROOT / "docs" / "course.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=300)
    if "could not be fetched" in done.stderr and not os.environ.get("CI"):
        pytest.skip(done.stderr)  # KaTeX comes from the npm registry, once
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
        foreign += [(page.name, url) for code in inline for url in set(QUOTED.findall(code)) - UNUSED]
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
    with serve(site) as served:
        yield served


@pytest.fixture(scope="module")
def unsearched(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The site with nothing to search for, served too: each page reads the index anew, which takes half of its time."""
    folder = tmp_path_factory.mktemp("unsearched") / "site"
    shutil.copytree(site, folder)
    index = folder / "search" / "search_index.json"
    index.write_text(json.dumps(json.loads(index.read_text(encoding="utf-8")) | {"docs": []}), encoding="utf-8")
    with serve(folder) as served:
        yield served


@pytest.fixture
def page(browser: Browser, address: str, unsearched: str) -> Iterator[Page]:
    """A page; a console error or a request to another host fails the test that made it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    here = (address, unsearched, "data:", "blob:")
    context.on("request", lambda request: None if request.url.startswith(here) else errors.append(request.url))
    yield context.new_page()
    context.close()
    assert not errors


@pytest.mark.slow
def test_a_browser_asks_no_other_host_and_search_works(page, address, unsearched):
    for path in ("", "architecture/", "guides/page/", "api/audio/", "project/training/"):
        page.goto(unsearched + path, wait_until="networkidle")
    page.goto(address, wait_until="networkidle")
    for words, found in (("beam_search", "beam"), ("forward-backward occupancy", "course/06_ctc_by_hand/")):
        page.locator("input.md-search__input").click()
        page.locator("input.md-search__input").clear()
        page.keyboard.type(words)
        page.locator(f".md-search-result__link[href*='{found}']").first.wait_for(timeout=30_000)


@pytest.mark.slow
def test_the_pages_of_the_course_work_without_a_kernel(page, unsearched):
    for name in ("", *(f"{path.stem}/" for path in NOTEBOOKS), "glossary/", "teachers/"):
        page.goto(f"{unsearched}course/{name}")
        page.wait_for_function("[...document.querySelectorAll('.arithmatex')].every(one => one.querySelector('.katex'))")
        assert page.locator(".katex-error").all_inner_texts() == []
        assert page.locator("details[open]").count() == 0
        page.wait_for_function("[...document.querySelectorAll('audio[src]')].every(one => one.duration > 0)")
        assert page.evaluate("[...document.images].filter(one => !one.alt.trim() || !one.naturalWidth).length") == 0, name
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            # The script of the theme lays the page out anew.
            page.wait_for_function("width => document.documentElement.scrollWidth === width", arg=width)


@pytest.mark.slow
@pytest.mark.parametrize(("system", "scheme"), [("dark", "slate"), ("light", "default")])
def test_the_pages_follow_the_colours_of_the_system(browser, unsearched, system, scheme):
    context = browser.new_context(color_scheme=system)
    page = context.new_page()
    page.goto(unsearched)
    page.wait_for_function(f"document.body.dataset.mdColorScheme === '{scheme}'")
    context.close()


@pytest.mark.slow
def test_a_closed_answer_opens_and_a_sound_plays(page, unsearched):
    page.goto(f"{unsearched}course/01_first_transcript/")
    answer = page.locator("details", has_text="Open the answer").first
    told = answer.locator("b").first
    assert not told.is_visible()
    answer.locator("summary").click()
    assert told.is_visible()
    page.locator(".nb-output audio").first.evaluate("one => { one.muted = true; return one.play(); }")
    page.wait_for_function("document.querySelector('.nb-output audio').currentTime > 0")


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_a_page_of_a_notebook_holds_its_code_and_outputs_as_they_are(site, notebook):
    page = (site / "course" / notebook.stem / "index.html").read_text(encoding="utf-8")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    shown = [cell for cell in cells if cell["cell_type"] == "code" and "importlib.util" not in "".join(cell["source"])]
    assert len(shown) == sum(cell["cell_type"] == "code" for cell in cells) - 1  # that which installs w2vkit in Colab
    for output in (output for cell in shown for output in cell["outputs"]):
        data = output.get("data", {})
        if output["output_type"] == "stream":
            assert html.escape("".join(output["text"])) in page
        elif "text/html" in data:
            assert "".join(data["text/html"]) in page
        elif "image/png" in data:
            assert "".join(data["image/png"]).strip() in page
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    for cell in shown:
        assert "".join("".join(cell["source"]).split()) in "".join(text.split())
    assert page.count('class="arithmatex"') == page.count("\\(") + page.count("\\[")


@pytest.mark.slow
def test_every_term_of_the_glossary_is_linked_where_it_is_first_used(site, course):
    anchors = set(re.findall(r'<dt id="([^"]+)"', (site / "course" / "glossary" / "index.html").read_text(encoding="utf-8")))
    linked = set()
    for notebook in NOTEBOOKS:
        page = (site / "course" / notebook.stem / "index.html").read_text(encoding="utf-8")
        here = re.findall(r'class="term" href="\.\./glossary/#([^"]+)"', page)
        assert len(here) == len(set(here)) > 3
        linked |= set(here)
    assert linked <= anchors
    assert len(linked) > 0.8 * len(anchors)


def test_links_to_the_glossary_keep_out_of_code_headings_and_solutions(course):
    glossary = [(["Blank", "ε"], "No new letter."), (["Beam search"], "A decoder."), (["Beam"], "A set.")]
    content = (
        "<h2>The blank</h2><p><code>blank</code> <a href='x'>blank</a></p><details><p>Blanks <code>x</code></p></details>"
        "<p>A beam\nsearch drops <em>blanks</em>; blank &lt; ε.</p><p><strong>Sources.</strong> Beam</p>"
    )
    found = course.linked(content, glossary, "../glossary/")
    assert re.findall(r'#([\w-]+)" title="([^"]+)">([^<]+)<', found) == [
        ("beam-search", "A decoder.", "beam\nsearch"),
        ("blank", "No new letter.", "blanks"),
    ]
    assert re.sub(r"<a class=.term.[^>]*>([^<]*)</a>", r"\1", found) == content


def test_the_badges_follow_from_the_address_of_the_repository(course, tmp_path):
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "w2vkit"\n')
    assert course.repository(project) is None
    assert "Colab" not in course.launch(None, "06_ctc_by_hand")
    project.write_text('[project.urls]\nRepository = "https://github.com/someone/w2vkit.git"\n')
    links = re.findall(r'href="([^"]+)">(Open[^<]+)', course.launch(course.repository(project), "06_ctc_by_hand"))
    assert links == [
        ("https://colab.research.google.com/github/someone/w2vkit/blob/main/notebooks/06_ctc_by_hand.ipynb", "Open in Colab"),
        ("https://mybinder.org/v2/gh/someone/w2vkit/main?urlpath=lab/tree/notebooks/06_ctc_by_hand.ipynb", "Open in Binder"),
    ]
    badge = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/x)"
    assert course.prose(f"{badge}\n[next](07_beams_and_words.ipynb)") == "[next](07_beams_and_words.md)"


@pytest.mark.slow
def test_the_slides_are_six_pages(page, address):
    page.goto(f"{address}course/slides.html")
    assert page.locator("section").count() == 6
    assert page.evaluate("document.querySelectorAll('section svg[aria-label] *').length") > 500
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 6
    for link in page.locator("section a").all():
        assert page.request.get(address + "course/" + str(link.get_attribute("href"))).ok


def test_the_tour_and_the_front_name_pages_of_the_course_that_exist():
    tour = (ROOT / "site" / "tour.js").read_text(encoding="utf-8")
    named = re.findall(r'notebook: "(\w+)"', tour)
    assert len(named) == 8 and set(named) <= {path.stem for path in NOTEBOOKS}


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
