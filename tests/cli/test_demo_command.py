"""The command `w2vkit demo`: its options, and the calls that it refuses before a model is loaded."""

import socket
import subprocess
import sys
from typing import Any

import pytest
from support.speller import Speller

import w2vkit_demo.app
from w2vkit.cli import demo as cli_demo
from w2vkit.cli import main
from w2vkit.model.hub import DEFAULT
from w2vkit_demo.server.background_download import BackgroundDownload


@pytest.fixture
def served(monkeypatch) -> dict[str, Any]:
    """The options that the page was served with; empty if it was not served."""

    class Model(Speller):
        notice, folder, stride, device, pass_seconds = None, None, 320, "cpu", 30.0

    asked: dict[str, Any] = {}

    def load(options):
        asked["model"] = options.model
        return Model()

    monkeypatch.setattr(cli_demo, "load_model", load)
    monkeypatch.setattr(BackgroundDownload, "start", lambda download: None)
    monkeypatch.setattr(cli_demo, "_log_to_terminal", lambda: None)
    monkeypatch.setattr(cli_demo, "_hold_little_memory", lambda: None)  # of the process of all tests
    monkeypatch.setattr(w2vkit_demo.app, "serve", lambda service, **options: asked.update(options, service=service))
    return asked


def test_by_default_only_this_machine_is_served(served):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert main(["demo", "--port", str(port)]) == 0
    models = served.pop("service").models
    assert models.background.name == DEFAULT
    first = models.first
    assert (first.name, first.max_seconds) == ("speller", 600)
    assert served == {
        "model": "w2v-mini",
        "max_mb": 50.0,
        "server_name": "127.0.0.1",
        "server_port": port,
        "share": False,
        "auth": None,
        "root_path": None,
    }


def test_options_are_passed_to_the_page(served):
    asked = "--host 0.0.0.0 --port 0 --share --auth ann:a:b --root-path /speech --max-seconds 90 --max-mb 1.5 --model w2v-mini"
    assert main(["demo", *asked.split()]) == 0
    models = served.pop("service").models
    assert models.first.max_seconds == 90 and models.background is None
    assert served == {
        "model": "w2v-mini",
        "max_mb": 1.5,
        "server_name": "0.0.0.0",
        "server_port": 0,
        "share": True,
        "auth": ("ann", "a:b"),
        "root_path": "/speech",
    }


def test_a_taken_port_is_refused_before_a_model_is_loaded(served, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["demo", "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"port {port}" in said and "taken" in said and "--port" in said
    assert not served


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--auth", "ann"], "USER:PASSWORD"),
        (["--auth", ":secret"], "USER:PASSWORD"),
        (["--max-seconds", "0"], "above 0"),
        (["--max-mb", "nan"], "above 0"),
        (["--port", "70000"], "Choose another"),
        (["--host", "256.1.1.1"], "Choose another"),
    ],
)
def test_wrong_calls_are_answered_in_one_line(served, capsys, arguments, cause):
    assert main(["demo", *arguments]) == 1
    said = capsys.readouterr().err
    assert cause in said and len(said.strip().splitlines()) == 1
    assert not served


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("--host 127.0.0.1", True),
        ("--host localhost", True),
        ("--host 127.0.0.1 --no-downloads", False),
        ("--host 127.0.0.1 --share", False),
        ("--host 0.0.0.0", False),
        ("--host 0.0.0.0 --downloads", True),
    ],
)
def test_visitors_of_a_public_page_download_models_only_if_that_is_asked_for(served, asked, allowed):
    assert main(["demo", "--port", "0", *asked.split()]) == 0
    assert served["service"].models.downloads is allowed


def test_the_password_can_come_from_the_environment(served, monkeypatch):
    monkeypatch.setenv("W2VKIT_AUTH", "ann:a:b")
    assert main(["demo", "--port", "0"]) == 0 and served["auth"] == ("ann", "a:b")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no glibc")
def test_freed_memory_between_used_blocks_is_given_back():
    program = """
import time
from pathlib import Path
from w2vkit.cli import demo

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

demo.TRIM_SECONDS = 0.2
blocks = [b"x" * 30_000 + bytes([k % 256]) for k in range(5_000)]
kept = blocks[::100]
before = megabytes()
del blocks
demo._hold_little_memory()
end = time.monotonic() + 60
while megabytes() > before - 100 and time.monotonic() < end:
    time.sleep(0.1)
print(before - megabytes())
"""
    given_back = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert float(given_back) > 100
