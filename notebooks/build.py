"""Build the notebooks: run every NN_name.py (py:percent) and save it with its outputs as NN_name.ipynb.

    python notebooks/build.py          # all
    python notebooks/build.py 02 05    # some

A figure is kept as plotly data, where that is small, and as a PNG drawn by chromium from plotly's own script.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import plotly
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
PLOTLY = "application/vnd.plotly.v1+json"
WIDTH = 800  # pixels of a still figure
MAX_PLOTLY = 60_000  # characters of plotly data worth keeping beside the PNG
MAX_BYTES = 1_000_000  # of a built notebook
CELL_SECONDS = 300
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def sources(chosen: list[str] | None = None) -> list[Path]:
    """The notebooks' sources in order; ``chosen`` are the beginnings of their names."""
    found = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    return [path for path in found if not chosen or path.name.startswith(tuple(chosen))]


def read(source: Path) -> nbformat.NotebookNode:
    """Read a source as a notebook without outputs, with names of cells that stay the same from build to build."""
    notebook: nbformat.NotebookNode = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell["id"], cell.metadata = f"{source.stem[:2]}-{number:02d}", nbformat.NotebookNode()
    return notebook


def execute(source: Path, environment: dict[str, str] | None = None, *, solutions: bool = False) -> nbformat.NotebookNode:
    """Run a source in a fresh kernel, with still figures; with ``solutions``, those of the exercises after it.

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
        store_widget_state=False,  # plotly's would hold its whole script
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute(env=os.environ | {"W2VKIT_STATIC": "1"} | (environment or {}))
    notebook.metadata.language_info = nbformat.from_dict({"name": "python"})
    return notebook


def folded(notebook: nbformat.NotebookNode) -> list[str]:
    """The Python code in the folded parts of a notebook's text: the solutions."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    details = [part for text in texts for part in re.findall(r"<details>.*?</details>", text, flags=re.DOTALL)]
    return [code for part in details for code in re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL)]


def draw(notebooks: list[nbformat.NotebookNode]) -> None:
    """Add a PNG to every figure, in one headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
        for data in (data for notebook in notebooks for data in figures(notebook)):
            figure = data[PLOTLY]
            size = {"format": "png", "width": WIDTH, "height": figure["layout"].get("height", 360)}
            url = page.evaluate("([figure, size]) => Plotly.toImage(figure, size)", [figure, size])
            data["image/png"] = url.partition(",")[2]
            if len(json.dumps(figure)) > MAX_PLOTLY:
                del data[PLOTLY]
        browser.close()


def figures(notebook: nbformat.NotebookNode) -> Iterator[dict[str, Any]]:
    """The data of every output that is a plotly figure."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if PLOTLY in output.get("data", {}):
                yield output.data


def main(chosen: list[str]) -> int:
    """Build the chosen notebooks and say how large they are."""
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
