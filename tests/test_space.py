"""The Space: its build, its configuration for the Hub, and its start from its folder alone.

It runs with the installed packages; a test checks that they are those of its requirements.txt. With W2VKIT_FRESH=1 it also
runs in a new environment, which takes minutes and a package index.
"""

import ast
import json
import os
import runpy
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest
import yaml
from gradio_client import Client, handle_file
from huggingface_hub import constants
from support.server import serve_demo

from w2vkit.audio import Waveform
from w2vkit.examples import examples
from w2vkit.model.hub import DEFAULT
from w2vkit_demo import strings

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Space, built into a clone of it that has an old module."""
    folder = tmp_path_factory.mktemp("space")
    (folder / ".git").mkdir()
    (folder / "w2vkit").mkdir()
    (folder / "w2vkit" / "old.py").touch()
    _build(folder, "http://127.0.0.1:9")
    return folder


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    return dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())


def test_the_front_matter_is_what_the_hub_asks_for(space, pins):
    _, front, text = (space / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    told = yaml.safe_load(front)
    assert told["sdk"] == "gradio" and told["sdk_version"] == pins["gradio"]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert tuple(map(int, told["python_version"].split("."))) >= tuple(map(int, wanted.removeprefix(">=").split(".")))
    assert (space / told["app_file"]).is_file()
    assert len(told["short_description"]) <= 60 and len(told["emoji"].strip("\ufe0f")) == 1
    assert {told["colorFrom"], told["colorTo"]} <= {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert told["models"] == [DEFAULT]
    assert "preload_from_hub" not in told  # the Hub did not give the commit
    assert told["license"] == "apache-2.0" and "{" not in text


def test_the_model_is_preloaded_from_the_commit_that_has_safetensors(tmp_path):
    commit = "0123456789abcdef0123456789abcdef01234567"

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self):
            known = unquote(self.path).partition("?")[0] == f"/api/models/{DEFAULT}/revision/refs/pr/5"
            answer = json.dumps({"id": DEFAULT, "sha": commit, "siblings": []} if known else {"error": "no"}).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        _build(tmp_path, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    told = yaml.safe_load((tmp_path / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    (line,) = told["preload_from_hub"]
    name, files, revision = line.split()
    assert (name, revision) == (DEFAULT, commit)
    assert {"config.json", "vocab.json", "model.safetensors"} <= set(files.split(",")) and ".bin" not in files


def test_requirements_are_pinned_as_tested_and_meet_every_import(space, pins):
    lines = (space / "requirements.txt").read_text().splitlines()
    asked = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert asked.items() <= pins.items()
    met = {name.lower().replace("-", "_") for name in asked} | {path.stem for path in space.iterdir()}
    belongs = packages_distributions()
    # The page does not need the libraries that read data sets.
    for source in [space / "app.py", *(space / "w2vkit_demo").rglob("*.py")]:
        for module in (
            _imported(source) - set(sys.stdlib_module_names) - {"spaces", "starlette", "fastapi", "gradio_client"}
        ):  # gradio needs the last three
            names = {name.lower().replace("-", "_") for name in belongs.get(module, [module])}
            assert module in met or names & met, f"{source.name} imports {module}"


def test_old_code_is_removed_and_the_clone_is_kept(space):
    assert (space / ".git").is_dir() and not (space / "w2vkit" / "old.py").exists()
    assert not list(space.rglob("__pycache__"))
    large = [path for path in space.rglob("*") if path.is_file() and path.stat().st_size > 1e6]
    stored = [line.split()[0].removeprefix("*") for line in (space / ".gitattributes").read_text().splitlines()]
    assert large and all(path.suffix in stored for path in large)


@pytest.fixture(scope="module")
def python(space, tmp_path_factory) -> str:
    """The Python that runs the Space: this one, or one with only its requirements."""
    if not os.environ.get("W2VKIT_FRESH"):
        return sys.executable
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--requirement", space / "requirements.txt"]
    subprocess.run(install, check=True, timeout=3600)
    return str(install[0])


def test_the_space_starts_from_its_folder_alone_and_transcribes(space, python, default_texts, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    where = [python, "-c", "import w2vkit, w2vkit_demo; print(w2vkit.__file__, w2vkit_demo.__file__, sep=chr(10))"]
    places = subprocess.run(where, cwd=space, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()
    assert all(Path(place).is_relative_to(space) for place in places)
    clip = examples()[0].path
    with serve_demo("app.py", cwd=space, python=python) as url:
        client = Client(url, verbose=False)
        assert client.predict(handle_file(str(clip)), api_name="/transcribe")["text"] == default_texts[clip.name]
        assert [model["name"] for model in client.predict(api_name="/models") if model["running"]] == ["w2v-mini"]
        assert strings.NOTICE in str(client.config["components"])


def test_zero_gpu_is_asked_for_time_by_the_length_of_the_sound(space, monkeypatch):
    lent = []

    def gpu(duration):
        return lambda run: lambda *arguments: lent.append(duration(*arguments)) or run(*arguments)

    # In this process, which has the libraries already. The test above starts the Space in one of its own.
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=gpu))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    app = runpy.run_path(str(space / "app.py"), run_name="app")
    model = app["OneByOne"](app["model"])
    assert [len(model.emit([Waveform(np.zeros(16_000 * n, np.float32))])) for n in (1, 64)] == [1, 1]
    assert lent == [9, 11]


def _build(folder: Path, hub: str) -> None:
    command = [sys.executable, ROOT / "space" / "build.py", folder]
    subprocess.run(command, env=os.environ | {"HF_ENDPOINT": hub}, check=True, timeout=300)


def _imported(source: Path) -> set[str]:
    """The top names of the modules that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found
