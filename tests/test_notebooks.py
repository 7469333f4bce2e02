"""The course: what is built is what is written, every notebook runs and passes its own checks, and it moves in JupyterLab."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright

from notebooks.build import FOLDER, MAX_BYTES, execute, figures, read, sources

PASSED, FAILED = "✔", "✘"
CHROMIUM = shutil.which("chromium")
SOURCES = sources()
each = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)

SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # or cells out of sight are not on the page
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},  # no question, no request
}

# Put on the kernel's path: it runs before anything else there, and lets no socket leave the machine.
NO_NETWORK = """
import socket
real = socket.socket.connect
def connect(self, address):
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"the notebooks run without a network, and this one asked for {address}")
    return real(self, address)
socket.socket.connect = connect
"""


def test_every_source_is_built_and_every_build_has_its_source():
    assert SOURCES
    assert {path.stem for path in SOURCES} == {path.stem for path in FOLDER.glob("*.ipynb")}


@each
def test_the_build_is_of_the_source_as_it_is(source):
    built = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(built)
    assert [(c.cell_type, c.source) for c in built.cells] == [(c.cell_type, c.source) for c in read(source).cells]
    assert built.metadata.kernelspec.name == "python3"  # without it JupyterLab stops at a dialog


@each
def test_the_build_can_be_read_where_nothing_runs(source):
    path = source.with_suffix(".ipynb")
    assert path.stat().st_size <= MAX_BYTES
    built = nbformat.read(path, as_version=4)
    check_outputs(built)
    assert all("image/png" in data for data in figures(built))
    assert any("image/png" in o.get("data", {}) for c in built.cells for o in c.get("outputs", []))
    assert not re.search(r"(?<![\w.:/])/(home|root|tmp|work|usr|Users)/", json.dumps([c.get("outputs") for c in built.cells]))


@each
def test_it_runs_without_a_network_and_so_do_its_solutions(source, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(FOLDER.parent)]),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(tmp_path / "hub"),
        "OMP_NUM_THREADS": "2",
    }
    done = execute(source, environment, solutions=True)
    check_outputs(done)
    assert any(PASSED in printed for printed in prints(done)), "a notebook has at least one check"


def check_outputs(notebook: nbformat.NotebookNode) -> None:
    """No warning, no traceback, no check that failed, no widget that nothing could bring back to life."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", f"{cell.source}\n{output.get('evalue')}"
            assert output.get("name") != "stderr", f"{cell.source}\n{output.get('text')}"
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), cell.source
    for printed in prints(notebook):
        assert FAILED not in printed, printed


def prints(notebook: nbformat.NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                yield output.text


@pytest.mark.parametrize("page", [*SOURCES, FOLDER / "README.md"], ids=lambda page: page.stem)
def test_its_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert (FOLDER / link).exists(), link


def test_the_syllabus_names_every_notebook():
    syllabus = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [link for link in re.findall(r"\((\d\d_\w+\.ipynb)\)", syllabus)] == [f"{path.stem}.ipynb" for path in SOURCES]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab on a copy of the course."""
    if not CHROMIUM:
        if os.environ.get("CI"):
            pytest.fail("CI must run the browser tests, and there is no chromium")
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("lab")
    course = shutil.copytree(FOLDER, folder / "course", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name, setting in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(setting))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "PYTHONPATH": str(FOLDER.parent)}
    options = [
        f"--port={port}",
        "--ip=127.0.0.1",
        "--no-browser",
        "--allow-root",
        "--IdentityProvider.token=",
        f"--notebook-dir={course}",
    ]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.3)
        else:
            pytest.fail(f"JupyterLab did not come up: {Path(folder / 'log').read_text()[-2000:]}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(60)


def test_in_jupyterlab_a_slider_moves_a_figure(lab):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(300_000)
        page.goto(f"{lab}/lab/tree/01_first_transcript.ipynb?reset")
        expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible(timeout=120_000)
        # To run cells before the kernel is there opens a dialog that asks for one.
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=300_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        title = page.locator(".js-plotly-plot .gtitle").filter(has_text="frame").first
        expect(title).to_be_attached(timeout=300_000)  # the kernel imports torch first
        before = title.text_content()
        handle = page.locator(".widget-slider .noUi-handle").first
        handle.scroll_into_view_if_needed()
        handle.focus()
        handle.press("ArrowRight")
        expect(title).not_to_have_text(before or "", timeout=300_000)  # the kernel has the other cells to run first
        browser.close()
