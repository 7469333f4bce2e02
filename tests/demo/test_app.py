"""The served page: its queue, the files that it keeps, its log, and MCP."""

import asyncio
import base64
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
import httpx
import pytest
import soundfile
from gradio.route_utils import delete_files_created_by_app
from gradio_client import Client, handle_file
from gradio_client.utils import QueueError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from support.speller import Speller, sound

from w2vkit_demo import app
from w2vkit_demo.server.loaded_models import LoadedModels
from w2vkit_demo.server.model_queue import ModelQueue
from w2vkit_demo.server.service import Service
from w2vkit_demo.tabs import widgets

PATIENCE = 300  # s; the machine may be busy


class Gated(Speller):
    """A speller that waits until its gate is open."""

    notice, stride, device, pass_seconds = None, 320, "cpu", 30.0

    def __init__(self, folder) -> None:
        super().__init__()
        self.folder, self.gate, self.entered = folder, Event(), Event()

    def emit(self, waveforms, *, progress=None):
        self.entered.set()
        assert self.gate.wait(PATIENCE)
        return super().emit(waveforms)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Gated:
    return Gated(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def page(model, tmp_path_factory) -> Iterator[gr.Blocks]:
    """A page that runs one request and lets one wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("kept")))
        patch.setattr(app, "WAITING", 1)
        patch.setitem(widgets.RUN, "concurrency_limit", 1)
        service = Service(LoadedModels(ModelQueue(model)))
        built = app.build(service)
        patch.setattr(app, "build", lambda service: built)
        app.serve(service, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, mcp_server=True)
        yield built
        model.gate.set()
        built.close()
        service.close()


@pytest.fixture(scope="module")
def client(page) -> Client:
    return Client(page.local_url, verbose=False)


@pytest.fixture
def clip(tmp_path) -> Any:
    rate, samples = sound("HELLO THERE")
    soundfile.write(tmp_path / "secret name.wav", samples, rate)
    return handle_file(str(tmp_path / "secret name.wav"))


@pytest.mark.slow
def test_a_request_is_refused_when_the_queue_is_full(client, model, clip):
    running = client.submit(clip, api_name="/transcribe")
    assert model.entered.wait(PATIENCE)
    waiting = client.submit(clip, api_name="/transcribe")
    _wait(lambda: waiting.status().rank == 0)
    with pytest.raises(QueueError, match="ueue is full"):
        client.predict(clip, api_name="/transcribe")
    model.gate.set()
    assert [job.result(PATIENCE)["text"] for job in (running, waiting)] == ["HELLO THERE"] * 2


def test_gradio_deletes_uploads_and_results(page, model, clip):
    model.gate.set()
    calls = f"{page.local_url}gradio_api"
    run = next(number for number, event in page.fns.items() if event.name == "run" and len(event.inputs) == 5)
    with Path(clip["path"]).open("rb") as file:
        (path,) = httpx.post(f"{calls}/upload", files={"files": file}).json()
    data = [{"path": path, "orig_name": "secret name.wav", "meta": {"_type": "gradio.FileData"}}, None, "greedy", "", False]
    httpx.post(f"{calls}/queue/join", json={"data": data, "fn_index": run, "session_hash": "a"}).raise_for_status()
    with httpx.stream("GET", f"{calls}/queue/data?session_hash=a", timeout=PATIENCE) as answer:
        done = next(line for line in answer.iter_lines() if "process_completed" in line)
    assert "HELLO" in done
    assert {"secret name.wav", "sound.wav", "secret name.srt"} <= _kept()
    assert page.delete_cache == (app.SWEEP_SECONDS, app.KEEP_SECONDS)
    delete_files_created_by_app(page, age=None)  # Gradio calls it by that schedule
    assert _kept() <= {Path(clip["path"]).name for clip in widgets.example_clips()}


def test_the_log_holds_sizes_and_times_only(client, model, clip, caplog, capfd):
    model.gate.set()
    with caplog.at_level(logging.INFO, logger="w2vkit_demo"):
        client.predict(clip, api_name="/transcribe")
    assert "1 at once, 0.3 s of sound" in caplog.text
    said = caplog.text + "".join(capfd.readouterr())
    assert "HELLO" not in said and "secret" not in said


@pytest.mark.parametrize(
    ("call", "arguments", "cause"),
    [
        ("transcribe", [5, "", "", "", ""], "argument audio must be an uploaded file, not int"),
        ("transcribe", ["/etc/passwd", "", "", "", ""], "argument audio must be an uploaded file, not str"),
        ("transcribe", [{"path": ["x"]}, "", "", "", ""], "argument audio must be an uploaded file"),
        ("transcribe", [None, 5, "", "", ""], "argument decoder must be a text, not int"),
        ("transcribe", [None, "", {"a": 1}, "", ""], "argument hotwords must be a text, not dict"),
        ("align", [None, ["a"], ""], "argument text must be a text, not list"),
        ("compare", [None, "clean", "x", 1, "", "", "clean", 1, 1, "", "", "", ""], "argument snr_a must be a number, not str"),
        (
            "compare",
            [None, "clean", 1, True, "", "", "clean", 1, 1, "", "", "", ""],
            "speed_a must be a number, not bool",
        ),
        ("compare", [None, "clean", 1, None, "", "", "clean", 1, 1, "", "", "", ""], "argument speed_a must be a number"),
        ("compare", [None, "clean", 1e300, 1, "", "", "clean", 1, 1, "", "", "", ""], "argument snr_a must be a number"),
        ("align", [None, "\n" * 500_000, ""], "argument text must be a text of at most 400000 characters"),
        ("transcribe", [None], "1 arguments are given, 5 are needed: audio, decoder, hotwords"),
        ("transcribe", [None, "", "", "", ""], "argument audio is missing"),
        ("transcribe", [{"path": "a.wav"}, "", "", "", ""], "Argument audio: this file was not uploaded"),
    ],
)
def test_arguments_of_a_wrong_type_are_named(page, call, arguments, cause, capfd, caplog):
    with caplog.at_level(logging.INFO, logger="w2vkit_demo"):
        assert cause in _call(page, call, arguments)
    assert "Traceback" not in "".join(capfd.readouterr()) and "failed after" in caplog.text


def test_an_unexpected_error_is_a_message_and_the_log_names_no_file(page, model, clip, monkeypatch, capfd, caplog):
    def broken(*arguments):
        raise RuntimeError("secret name.wav HELLO")

    monkeypatch.setattr(Service, "transcribe", broken)
    with caplog.at_level(logging.INFO, logger="w2vkit_demo"), Path(clip["path"]).open("rb") as file:
        (path,) = httpx.post(f"{page.local_url}gradio_api/upload", files={"files": file}).json()
        answer = _call(page, "transcribe", [{"path": path, "meta": {"_type": "gradio.FileData"}}, "", "", "", ""])
    assert "failed unexpectedly (RuntimeError)" in answer and "secret" not in answer
    said = caplog.text + "".join(capfd.readouterr())
    assert "transcribe failed after" in said and "RuntimeError" in said
    assert "secret" not in said and "HELLO" not in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("tab", "work", "values"),
    [("transcribe", "transcribe", ["w2v-mini", "greedy", "", False]), ("align", "align", ["HELLO", "w2v-mini"])],
)
def test_an_unexpected_error_is_shown_in_place_of_the_result(page, clip, monkeypatch, tab, work, values):
    """Otherwise the page would say forever that it reads."""

    def broken(*arguments, **options):
        raise RuntimeError("secret name.wav HELLO")

    monkeypatch.setattr(Service, work, broken)
    (run,) = (one.fn for one in page.fns.values() if one.name == "run" and one.fn.__module__ == f"w2vkit_demo.tabs.{tab}")
    *_, shown = run(clip["path"], *values)
    (said,) = (value for value in shown if isinstance(value, str) and value)
    assert "failed unexpectedly (RuntimeError)" in said and "secret" not in said


@pytest.mark.parametrize("address", ["run/%1b[31mred", "call/%1b[31mred", "run/predict"])
@pytest.mark.parametrize("body", [{"data": []}, {"data": [], "fn_index": -1}])
def test_an_unknown_call_is_a_message_and_no_traceback(page, address, body, capfd, caplog):
    """A visitor chooses the name, so that a traceback would bring its control characters to the terminal."""
    with caplog.at_level(logging.INFO):
        answer = httpx.post(f"{page.local_url}gradio_api/{address}", json=body, timeout=PATIENCE)
    assert answer.status_code == 404 and "There is no call of this name" in answer.text
    said = caplog.text + "".join(capfd.readouterr())
    assert "Traceback" not in said and "\x1b[31m" not in said


def test_an_event_can_be_cancelled_twice_at_once(page):
    async def work():
        try:
            while True:
                yield
        finally:
            await asyncio.sleep(0.5)  # the sound is read in steps; an event ends after one

    async def cancel_twice() -> list[int]:
        page.app.iterators["work"] = running = work()
        await anext(running)
        body = {"session_hash": "visit", "fn_index": 0, "event_id": "work"}
        async with httpx.AsyncClient(base_url=page.local_api_url, timeout=PATIENCE) as client:
            answers = await asyncio.gather(*(client.post("cancel", json=body) for _ in range(2)))
        return [answer.status_code for answer in answers]

    assert asyncio.run(cancel_twice()) == [200, 200]


def test_few_visits_are_kept_in_memory(page):
    assert page.app.state_holder.capacity == app.SESSIONS <= 200
    assert page._queue.ANALYTICS_MAX_EVENTS == app.RECORDS <= 200


def _call(page: gr.Blocks, name: str, arguments: list[Any]) -> str:
    """Call an endpoint without Gradio's client, which checks types itself, and give the answer."""
    event = httpx.post(f"{page.local_url}gradio_api/call/{name}", json={"data": arguments}).json()["event_id"]
    return httpx.get(f"{page.local_url}gradio_api/call/{name}/{event}", timeout=PATIENCE).text


def test_a_program_that_speaks_mcp_finds_the_endpoints_and_sends_sound(page, model, clip):
    model.gate.set()
    sound = "data:audio/wav;base64," + base64.b64encode(Path(clip["path"]).read_bytes()).decode()

    async def use() -> tuple[set[str], str]:
        address = f"{page.local_url}gradio_api/mcp/"
        async with streamable_http_client(address) as (reads, writes, _), ClientSession(reads, writes) as session:
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}
            answer = await session.call_tool("transcribe", {"audio": sound})
            return tools, str(answer.content)

    tools, answer = asyncio.run(use())
    assert tools == {"transcribe", "align", "compare", "models"}
    assert "'text': 'HELLO THERE'" in answer


def _kept() -> set[str]:
    """The files in Gradio's cache that are not empty; Gradio leaves an empty one for every file of a call."""
    return {path.name for path in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*") if path.is_file() and path.stat().st_size}


def _wait(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)
