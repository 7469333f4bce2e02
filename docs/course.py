"""Hook of MkDocs: it makes pages of the built notebooks, with their outputs as they are. Nothing is executed.

A page is Markdown: the text of the notebook, its code, and a place for each output. The outputs are put in after MkDocs has
made HTML of the page, so that neither Markdown nor the search reads their pictures and sounds.
"""

import html
import importlib.util
import io
import json
import re
import tarfile
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
PAGES = {f"course/{path.stem}.md": path for path in NOTEBOOKS}
GLOSSARY = Path(__file__).parent / "course" / "glossary.md"
BRANCH = "main"  # the branch that Colab and Binder open
INSTALLATION = "# Installs w2vkit where it is missing"  # a cell that only Colab needs
# Typesets formulas in the browser. Name, version and hash, as of npm.
KATEX = (
    "katex",
    "0.19.1",
    "sha512-jG8uKntjSEcm2EpQOh0XturpPuuC9r3Sq5HLHdsFdWZT27E672SF19QEi+of0/YeOy15lDgRhKvr5614uRrEfA==",
)
KATEX_FILES = re.compile(r"package/dist/(katex\.min\.js|katex\.min\.css|fonts/\w+-\w+\.woff2)")
UNLINKED = ("a", "code", "pre", "h1", "h2", "h3", "h4", "details")  # no links to the glossary in these


def on_config(config: Any) -> Any:
    """Put the notebooks into the navigation, after the front page of the course."""
    course = next(entry["Course"] for entry in config.nav if "Course" in entry)
    course[1:1] = list(PAGES)
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each notebook, and KaTeX."""
    for page, path in PAGES.items():
        files.append(File.generated(config, page, content=markdown(read(path), path.stem)))
    for name, content in katex().items():
        files.append(File.generated(config, f"katex/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Leave out what only those who change the course need."""
    return markdown.partition("\n## How the notebooks are made")[0] if page.file.src_uri == "course/index.md" else markdown


def on_page_content(content: str, page: Any, files: Files, **_: Any) -> str:
    """Link the terms of the glossary, put in the outputs, and load KaTeX where there are formulas."""
    here = page.file.src_uri
    if here == "course/glossary.md":
        return re.sub(r"<dt>(.*?)</dt>", lambda found: f'<dt id="{anchor(found[1])}">{found[1]}</dt>', content)
    if here not in PAGES:
        return content

    def address(uri: str) -> str:
        found = files.get_file_from_path(uri)
        assert found is not None
        return get_relative_url(found.url, page.url)

    content = linked(content, terms(GLOSSARY.read_text(encoding="utf-8")), address("course/glossary.md"))
    cells = read(PAGES[here])["cells"]
    content = re.sub(
        r'<div data-output="(\d+)-(\d+)"></div>', lambda at: output(cells[int(at[1])]["outputs"][int(at[2])]), content
    )
    if "arithmatex" in content:
        scripts = ("katex/katex.min.js", "javascripts/formulas.js")
        content += f'<link rel="stylesheet" href="{address("katex/katex.min.css")}">'
        content += "".join(f'<script src="{address(script)}" defer></script>' for script in scripts)
    return content


def read(path: Path) -> dict[str, Any]:
    """Read a notebook. Sources and texts, which may be lists of lines, become strings."""

    def joined(one: dict[str, Any]) -> dict[str, Any]:
        texts = ("source", "text", "text/html", "text/markdown", "text/plain", "image/png")
        return {key: "".join(value) if key in texts and isinstance(value, list) else value for key, value in one.items()}

    return json.loads(path.read_text(encoding="utf-8"), object_hook=joined)


def markdown(notebook: dict[str, Any], name: str) -> str:
    """Give the Markdown of a notebook's page."""
    parts = []
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            parts.append(prose(cell["source"]))
        elif not cell["source"].startswith(INSTALLATION):
            parts.append(f"````python\n{cell['source']}\n````")
            for place, one in enumerate(cell["outputs"]):
                data = one.get("data", {})
                written = "" if "text/html" in data else data.get("text/markdown")
                parts.append(
                    f'<div class="nb-output" markdown="1">\n\n{written}\n\n</div>'
                    if written
                    else f'<div data-output="{number}-{place}"></div>'
                )
    title, _, rest = parts[0].partition("\n")
    return "\n\n".join([title, launch(repository(), name), rest, *parts[1:]])


def prose(text: str) -> str:
    """Change the text of a notebook into that of a page: its links, its folded parts, and without a badge."""
    text = re.sub(r"^\[!\[Open in Colab\].*\n?", "", text, flags=re.MULTILINE)  # its picture is on another host
    text = text.replace("](README.md", "](index.md").replace("](../docs/", "](../")
    text = re.sub(r"\]\((\d\d_\w+)\.ipynb", r"](\1.md", text)
    return text.replace("<details>", '<details markdown="1">')


def output(one: dict[str, Any]) -> str:
    """Give the HTML of an output."""
    if one["output_type"] == "stream":
        return f'<pre class="nb-output nb-printed">{html.escape(one["text"])}</pre>'
    data = one["data"]
    if "text/html" in data:
        return f'<div class="nb-output">{data["text/html"]}</div>'
    if "image/png" in data:
        alt = html.escape(one["metadata"].get("alt") or data["text/plain"])
        picture = f'<img src="data:image/png;base64,{data["image/png"].strip()}" alt="{alt}">'
        return f'<div class="nb-output">{picture}</div>'
    return f'<pre class="nb-output nb-printed">{html.escape(data["text/plain"])}</pre>'


def repository(project: Path = ROOT / "pyproject.toml") -> str | None:
    """Read ``OWNER/NAME`` of the repository from ``Repository`` under ``[project.urls]``; None if there is none."""
    urls = tomllib.loads(project.read_text(encoding="utf-8"))["project"].get("urls", {})
    return (
        urls["Repository"].removesuffix("/").removesuffix(".git").partition("github.com/")[2] if "Repository" in urls else None
    )


def launch(place: str | None, name: str) -> str:
    """Give the line that says where the notebook runs."""
    run = '<a href="../#run-it">Run it on your machine</a>'
    if place:
        path = f"notebooks/{name}.ipynb"
        colab = f"https://colab.research.google.com/github/{place}/blob/{BRANCH}/{path}"
        binder = f"https://mybinder.org/v2/gh/{place}/{BRANCH}?urlpath=lab/tree/{path}"
        run = f'<a href="{colab}">Open in Colab</a> <a href="{binder}">Open in Binder</a> {run}'
    return f'<p class="launch">{run}</p>'


def terms(text: str) -> list[tuple[list[str], str]]:
    """Read the glossary: the names of each term and what it means, as plain text."""
    found = re.findall(r"^(\S.*)\n:   (.*(?:\n    .*)*)", text, flags=re.MULTILINE)
    return [(names.split(", "), re.sub(r"[`*$]|\s*\[more\]\(.*?\)", "", " ".join(said.split()))) for names, said in found]


def anchor(names: str) -> str:
    """Give the address of a term in the glossary's page, by its first name."""
    return re.sub(r"\W+", "-", names.partition(",")[0].lower()).strip("-")


def linked(content: str, glossary: list[tuple[list[str], str]], address: str) -> str:
    """Link the first use of each term to the glossary; not in code, headings, solutions and sources."""
    content, sources, rest = content.partition("<strong>Sources.")
    waiting = {anchor(names[0]): (_pattern(names), said) for names, said in glossary}
    parts = re.split(r"(<[^>]+>)", content)
    within: list[str] = []  # the open tags from the first one without links on
    for place, part in enumerate(parts):
        tag = re.match(r"<(/?)(\w+)", part)
        if tag is None:
            if not within:
                parts[place] = _with_links(part, waiting, address)
        elif tag[2] in UNLINKED or "arithmatex" in part or (within and tag[2] == within[-1]):
            if tag[1]:
                within.pop()
            else:
                within.append(tag[2])
    return "".join([*parts, sources, rest])


def _pattern(names: list[str]) -> re.Pattern[str]:
    """Find any name of a term, also over the end of a line and in the plural; not the library transformers."""
    words = "|".join(r"\s+".join(map(re.escape, name.split())) for name in names)
    return re.compile(rf"\b(?!transformers\b)(?:{words})s?\b", re.IGNORECASE)


def _with_links(text: str, waiting: dict[str, tuple[re.Pattern[str], str]], address: str) -> str:
    """Link the terms that a text uses, and take them from those that wait for their first use."""
    found = [(use.start(), -use.end(), name) for name, (pattern, _) in waiting.items() if (use := pattern.search(text))]
    done, pieces = 0, []
    for start, end, name in sorted(found):
        if start < done:  # a part of a longer term
            continue
        said = html.escape(waiting.pop(name)[1])
        pieces += [text[done:start], f'<a class="term" href="{address}#{name}" title="{said}">{text[start:-end]}</a>']
        done = -end
    return "".join([*pieces, text[done:]])


def katex() -> dict[str, bytes]:
    """Give the files of KaTeX that the pages load, from npm or an earlier build."""
    npm = _npm()
    try:
        archive = npm.from_npm(*KATEX)
    except npm.SiteError as error:
        raise PluginError(str(error)) from error
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        wanted = {found[1]: member for member in packed if (found := KATEX_FILES.fullmatch(member.name))}
        return {name: file.read() for name, member in wanted.items() if (file := packed.extractfile(member))}


def _npm() -> ModuleType:
    spec = importlib.util.spec_from_file_location("npm", ROOT / "site" / "npm.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
