"""Build the notebooks: run every NN_name.py (py:percent) and save it with its outputs as NN_name.ipynb.

    python notebooks/build.py          # all
    python notebooks/build.py 02 05    # some

Figures are saved as a PNG, drawn by chromium with plotly's script, and also as plotly data if these are small. A figure of
`figures.py` keeps its script and gets a picture, which the script takes away where it runs. The first cell
of every notebook installs w2vkit if it is missing. If `pyproject.toml` has ``Repository`` (the GitHub address) under
``[project.urls]``, that cell fetches w2vkit from there, and a badge above it opens the notebook in Colab.
"""

import base64
import html
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import plotly
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
PLOTLY = "application/vnd.plotly.v1+json"
WIDTH = 800  # pixels of a still figure without a width of its own
MAX_PLOTLY = 60_000  # characters; larger plotly data are dropped, and only the PNG is kept
MAX_BYTES = 1_000_000  # of a built notebook
CELL_SECONDS = 900  # s; the time limit of a cell, high enough for a busy machine
BRANCH = "main"  # the branch that Colab opens
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def sources(chosen: list[str] | None = None) -> list[Path]:
    """Give the sources of the notebooks in order: all, or those whose names start with one of ``chosen``."""
    found = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    return [path for path in found if not chosen or path.name.startswith(tuple(chosen))]


def read(source: Path) -> nbformat.NotebookNode:
    """Read a source as a notebook without outputs. The ids of its cells are the same in every build."""
    notebook: nbformat.NotebookNode = jupytext.read(source, fmt="py:percent")
    home = repository()
    notebook.cells.insert(1, nbformat.v4.new_code_cell(installation(home)))
    if home:
        title, _, text = notebook.cells[0].source.partition("\n")
        notebook.cells[0].source = f"{title}\n\n{badge(home, source.stem)}\n{text}"
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    answers = solutions_of(source)
    for number, cell in enumerate(notebook.cells):
        cell.source = re.sub(r"^\{\{solution (\d+)\}\}$", lambda found: answers[found[1]], cell.source, flags=re.MULTILINE)
        cell["id"], cell.metadata = f"{source.stem[:2]}-{number:02d}", nbformat.NotebookNode()
    return notebook


def solutions_of(source: Path) -> dict[str, str]:
    """Read ``solutions/NN_name.md``: each part under a heading ``## N``, folded, by its number."""
    path = FOLDER / "solutions" / f"{source.stem}.md"
    parts = re.split(r"^## (\d+)\n", path.read_text(encoding="utf-8") if path.exists() else "", flags=re.MULTILINE)[1:]
    return {
        number: f"<details><summary>Solution {number}</summary>\n\n{text.strip()}\n\n</details>"
        for number, text in zip(parts[::2], parts[1::2], strict=True)
    }


def repository(project: Path = FOLDER.parent / "pyproject.toml") -> str | None:
    """Read the address of the repository, ``https://github.com/OWNER/NAME``; None if the project names none."""
    urls = tomllib.loads(project.read_text(encoding="utf-8"))["project"].get("urls", {})
    return urls["Repository"].removesuffix("/").removesuffix(".git") if "Repository" in urls else None


def badge(home: str, name: str) -> str:
    """Give the badge, in Markdown, that opens a notebook of a GitHub repository in Colab."""
    place = home.removeprefix("https://github.com/")
    link = f"https://colab.research.google.com/github/{place}/blob/{BRANCH}/notebooks/{name}.ipynb"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({link})"


def installation(home: str | None) -> str:
    """Give the code of the first cell: it installs w2vkit if it is missing, from the repository or the parent folder."""
    fetch = [f"    !git clone --quiet --depth 1 {home} course", "    %cd -q course/notebooks"] if home else []
    return "\n".join(
        [
            "# Installs w2vkit where it is missing, as in Colab; elsewhere it does nothing.",
            "import importlib.util",
            "",
            'if importlib.util.find_spec("w2vkit") is None:',
            *fetch,
            '    %pip install --quiet "..[notebooks]"',
        ]
    )


def execute(source: Path, environment: dict[str, str] | None = None, *, solutions: bool = False) -> nbformat.NotebookNode:
    """Run a source in a new kernel, with still figures; with ``solutions``, then run the solutions of its exercises.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell raised.
    """
    notebook = read(source)
    if solutions:
        notebook.cells += [nbformat.v4.new_code_cell(code) for code in folded(notebook)]
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        store_widget_state=False,  # that of plotly would hold its whole script
        record_timing=False,
    )
    surroundings = os.environ | {"W2VKIT_STATIC": "1"} | (environment or {})
    try:
        client.execute(env=surroundings)
    except RuntimeError as error:
        if "Kernel died before" not in str(error):
            raise
        client.execute(env=surroundings)  # another kernel that started at the same time had taken one of its ports
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    notebook.metadata.language_info = nbformat.from_dict({"name": "python"})
    return notebook


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join successive printed lines. Unlike with ``coalesce_streams``, lines after a figure stay below it."""
    kept: list[nbformat.NotebookNode] = []
    for output in outputs:
        if kept and output.output_type == "stream" and output.get("name") == kept[-1].get("name"):
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def folded(notebook: nbformat.NotebookNode) -> list[str]:
    """Give the solutions of a notebook: the Python code in the folded parts (``<details>``) of its text."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    details = [part for text in texts for part in re.findall(r"<details>.*?</details>", text, flags=re.DOTALL)]
    return [code for part in details for code in re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL)]


def draw(notebooks: list[nbformat.NotebookNode]) -> None:
    """Add a PNG to every figure, drawn in a headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
        for output in (output for notebook in notebooks for output in _drawn(notebook)):
            data, notes = output.data, output.get("metadata", {})
            figure = data[PLOTLY]
            layout = figure["layout"]
            size = {"format": "png", "width": layout.get("width", WIDTH), "height": layout.get("height", 360)}
            url = page.evaluate("([figure, size]) => Plotly.toImage(figure, size)", [figure, size])
            if notes.get("closed"):
                output.data = {"text/html": folded_picture(url, notes["closed"], notes.get("alt", ""))}
                continue
            data["image/png"] = url.partition(",")[2]
            if len(json.dumps(figure)) > MAX_PLOTLY:
                del data[PLOTLY]
        for output in (output for notebook in notebooks for output in _scripted(notebook)):
            still, alt = output.metadata["still"], html.escape(output.metadata["alt"])
            page.set_content(f"<body>{output.data['text/html']}</body>")
            picture = page.locator(".w2v-figure[data-started]").screenshot()
            source = "data:image/png;base64," + base64.b64encode(picture).decode()
            output.data["text/html"] = output.data["text/html"].replace(still, f'<img src="{source}" alt="{alt}">')
            del output.metadata["still"]
        browser.close()


def folded_picture(url: str, title: str, alt: str) -> str:
    """Give the HTML of a picture that is closed until its title is clicked."""
    picture = f'<img src="{url}" alt="{html.escape(alt)}">'
    return f"<details><summary>{html.escape(title)}</summary>{picture}</details>"


def figures(notebook: nbformat.NotebookNode) -> Iterator[dict[str, Any]]:
    """Give the data of every output that is a plotly figure."""
    return (output.data for output in _drawn(notebook))


def _drawn(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if PLOTLY in output.get("data", {}):
                yield output


def _scripted(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """Give the outputs of `figures.play`, which still need a picture."""
    for cell in notebook.cells:
        yield from (output for output in cell.get("outputs", []) if "still" in output.get("metadata", {}))


def main(chosen: list[str]) -> int:
    """Build the chosen notebooks and print their sizes; give 1 if one is too large."""
    built = []
    for source in sources(chosen):
        print(f"running {source.name} ...", flush=True)
        built.append((source.with_suffix(".ipynb"), execute(source)))
    draw([notebook for _, notebook in built])
    large = False
    for path, notebook in built:
        nbformat.write(notebook, path)
        size = path.stat().st_size
        large |= size > MAX_BYTES
        print(f"{path.name}: {size / 1000:.0f} kB" + (f", more than {MAX_BYTES / 1000:.0f} kB" if size > MAX_BYTES else ""))
    return int(large)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
