"""The notebooks: builds match their sources, every notebook runs and passes its checks, and figures move in JupyterLab."""

import ast
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
from typing import Any

import nbformat
import numpy as np
import pytest
import soundfile
from figures import parts
from lesson import answer, check, closed, exercise, flite_clips, predict, table
from playwright.sync_api import expect
from support.kernels import forked_kernels

from notebooks.build import FOLDER, MAX_BYTES, badge, execute, figures, installation, joined, read, repository, sources

PASSED, FAILED = "✔", "✘"
SOURCES = sources()
each = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)

SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # otherwise cells out of sight are not in the page
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},  # no dialog and no request for news
}

# Runs first in every kernel. It refuses connections to other machines.
ALONE = """
import socket
real = socket.socket.connect
def connect(self, address):
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"the notebooks run without a network, and this one asked for {address}")
    return real(self, address)
socket.socket.connect = connect
"""


def test_every_notebook_has_a_source_and_a_build():
    assert SOURCES
    assert {path.stem for path in SOURCES} == {path.stem for path in FOLDER.glob("*.ipynb")}


@each
def test_the_build_matches_the_source(source):
    built = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(built)
    assert [(c.cell_type, c.source) for c in built.cells] == [(c.cell_type, c.source) for c in read(source).cells]
    assert built.metadata.kernelspec.name == "python3"  # without it JupyterLab opens a dialog


@each
def test_the_build_shows_its_figures_without_a_kernel(source):
    path = source.with_suffix(".ipynb")
    assert path.stat().st_size <= MAX_BYTES
    built = nbformat.read(path, as_version=4)
    check_outputs(built)
    assert all("image/png" in data for data in figures(built))
    shown = json.dumps([o.get("data") for c in built.cells for o in c.get("outputs", [])])
    assert "image/png" in shown  # also in a folded picture
    data = [o.get("data", {}) for c in built.cells for o in c.get("outputs", [])]
    assert all("data:image/png" in one["text/html"] for one in data if "w2v-figure" in one.get("text/html", ""))
    for cell in built.cells:
        for output in cell.get("outputs", []):
            assert "image/png" not in output.get("data", {}) or output.metadata.get("alt"), cell.source
    images = re.findall(r"<img [^>]*>", " ".join(str(one.get("text/html", "")) for one in data))
    assert all(re.search(r' alt="[^"]{20,}', image) for image in images)
    assert not re.search(r"(?<![\w.:/])/(home|root|tmp|work|usr|Users)/", json.dumps([c.get("outputs") for c in built.cells]))


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kernels that reach no other machine."""
    hub = str(tmp_path_factory.mktemp("hub"))
    environment = {
        "PYTHONPATH": os.pathsep.join([str(FOLDER.parent), os.environ["PYTHONPATH"]]),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": hub,
        "OMP_NUM_THREADS": "1",
    }
    with forked_kernels(environment, ALONE):
        yield


@pytest.mark.slow
@each
def test_the_notebook_and_its_solutions_run_without_a_network(source, kernels):
    done = execute(source, solutions=True)
    check_outputs(done)
    assert any(PASSED in printed for printed in prints(done)), "a notebook has at least one check"


def test_the_phones_of_the_clips_are_those_of_their_pace():
    data, clips = np.load(FOLDER / "data" / "contrastive.npz"), flite_clips()
    for k, clip in enumerate(clips):
        ends = data[f"ends{k}"]
        seconds = soundfile.info(clip.path).duration
        # 250 ms of silence follow the last phone, which is a pause. Of kal16 the sound is shorter than what flite decided.
        assert ends[-1] + 250 == pytest.approx(1000 * seconds, abs=120), clip.path
        assert len(ends) == len(data[f"phones{k}"])


def test_the_word_borders_of_notebook_08_are_ends_of_phones():
    source = (FOLDER / "08_when_was_it_said.py").read_text(encoding="utf-8")
    borders = ast.literal_eval(re.sub("#.*", "", source.partition("BORDERS = ")[2].partition("\n]")[0]) + "]")
    data = np.load(FOLDER / "data" / "contrastive.npz")
    assert len(borders) == len(flite_clips())
    for k, (clip, row) in enumerate(zip(flite_clips(), borders, strict=True)):
        assert len(row) == len(clip.text.split()) + 1
        assert set(row) <= set(data[f"ends{k}"].tolist()), clip.path


def test_printed_lines_keep_their_order_with_figures():
    line: Any = nbformat.v4.new_output("stream", name="stdout", text="a\n")
    figure: Any = nbformat.v4.new_output("display_data", data={"text/plain": "figure"})
    outputs = joined([line.copy(), line.copy(), figure, line.copy()])
    assert [output.get("text", "figure") for output in outputs] == ["a\na\n", "figure", "a\n"]


def test_the_repository_setting_adds_badges(tmp_path):
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nname = "x"\n')
    assert repository(project) is None
    assert "git clone" not in installation(None)
    project.write_text('[project]\nname = "x"\n[project.urls]\nRepository = "https://github.com/someone/something.git"\n')
    home = repository(project) or ""
    assert home == "https://github.com/someone/something"
    assert "/github/someone/something/blob/main/notebooks/01_first.ipynb" in badge(home, "01_first")
    assert home in installation(home)


def check_outputs(notebook: nbformat.NotebookNode) -> None:
    """Find no warning, no traceback, no failed check and no widget, which would be empty without a kernel."""
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
def test_the_links_of_a_notebook_exist(page):
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
    folder = tmp_path_factory.mktemp("lab")
    course = shutil.copytree(FOLDER, folder / "course", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name, setting in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(setting))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first = Path(__file__).parent / "support" / "start" / "sitecustomize.py"
    (folder / "sitecustomize.py").write_text(first.read_text() + ALONE)
    paths = os.pathsep.join([str(folder), str(FOLDER.parent)])
    environment = os.environ | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "PYTHONPATH": paths}
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


@pytest.mark.slow
def test_in_jupyterlab_a_slider_moves_a_figure(browser, lab):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(300_000)
    page.goto(f"{lab}/lab/tree/06_ctc_by_hand.ipynb?reset")
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible(timeout=120_000)
    # Cells that are run before the kernel has started open a dialog.
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=300_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    title = page.locator(".js-plotly-plot .gtitle").filter(has_text="After").first
    expect(title).to_be_attached(timeout=300_000)  # the kernel imports torch first
    expect(page.locator(".w2v-figure[data-started] svg")).to_be_attached()  # a figure with a script of its own
    before = title.text_content()
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.scroll_into_view_if_needed()
    handle.focus()
    handle.press("ArrowRight")
    expect(title).not_to_have_text(before or "", timeout=300_000)  # the kernel runs the other cells first
    page.close()


def test_an_exercise_tells_what_is_wrong(capsys):
    def double(x: float) -> Any: ...

    exercise(double, ((2,), 4, "Times two."))
    assert "your turn" in capsys.readouterr().out
    exercise(lambda x: x + 2, ((2,), 4, "Times two."), ((3,), 6, "Not plus two."))
    out = capsys.readouterr().out
    assert FAILED in out and "gives 5, but 6 is right" in out and "Not plus two." in out
    exercise(lambda x: x / 0, ((2,), 4, ""))
    assert "ZeroDivisionError" in capsys.readouterr().out
    exercise(lambda x: [x], (([1, 2],), [1, 2], ""))
    assert FAILED in capsys.readouterr().out
    exercise(lambda x: 2 * x, ((2,), 4, ""), ((0.1,), 0.2, ""))
    assert capsys.readouterr().out.startswith(PASSED)


def test_results_are_folded_but_failed_checks_are_not(capsys):
    with closed("Open"):
        table(["a"], [["<b>"]])
        check(True, "good")
        check(False, "bad")
    out = capsys.readouterr().out
    assert f"{FAILED} not yet: bad" in out and PASSED not in out


@each
def test_a_cell_with_an_answer_has_no_open_table(source):
    built = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    for cell in built.cells:
        if cell.cell_type == "code" and re.search(r"^answer\(", cell.source, flags=re.MULTILINE):
            assert not any("text/markdown" in output.get("data", {}) for output in cell.outputs), cell.source


def test_an_answer_is_one_of_the_options():
    with pytest.raises(ValueError, match="none of the options"):
        answer(predict("How many?", "one", "two"), "three", "")


@each
def test_cells_for_the_learner_are_short_and_have_solutions(source):
    if "exercise(" not in (text := source.read_text(encoding="utf-8")):
        pytest.skip("no exercise cells yet")
    cells = read(source).cells
    for cell in cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            assert len(lines) <= 40 and max(map(len, lines)) <= 100, cell.source
    assert "{{solution" not in "".join(cell.source for cell in cells)
    assert 2 <= text.count("\nexercise(") <= 4
    assert text.count("...  # your turn") == text.count("\nexercise(")


def test_a_text_is_cut_into_right_wrong_and_missing_letters():
    assert parts("ACHT", "ACHT") == [("right", "ACHT")]
    assert parts("ACHT", "ACT") == [("right", "AC"), ("missing", "H"), ("right", "T")]
    assert parts("ACHT", "EACHD") == [("wrong", "E"), ("right", "ACH"), ("wrong", "D")]
    assert parts("EINS", "") == [("missing", "EINS")]


PLAYED = {  # what is clicked in the figure of a notebook, and what it then says
    "08_when_was_it_said": ("[data-word] >> nth=2", "Border"),
    "09_how_wrong_is_it": ("text=1000 draws", "1000 draws, the last"),
    "10_evaluate_librispeech": ("[role=button] >> nth=3", "errors in"),
    "11_learning_without_labels": ("text=it is B", "You: "),
    "13_fine_tune_your_own": (".step >> nth=-1", "After 30 steps"),
    "14_streaming_and_long_sound": ("[data-cut='0']", "Cut inside of ONE"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYED)
def test_the_figure_to_play_with_answers_without_a_kernel(browser, name):
    built = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    shown = [output.get("data", {}).get("text/html", "") for cell in built.cells for output in cell.get("outputs", [])]
    (content,) = [page for page in shown if "w2v-figure" in page]
    wrong: list[str] = []
    page = browser.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.set_content(content)
    click, says = PLAYED[name]
    page.locator(click).click()
    expect(page.locator("body")).to_contain_text(says)
    page.close()
    assert not wrong
