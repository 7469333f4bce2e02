"""The page in a real browser and through its API."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import soundfile
from gradio_client import Client, handle_file
from playwright.sync_api import Page, expect, sync_playwright

from w2vkit.examples import examples

CHROMIUM = shutil.which("chromium")
SAY = examples()[0]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the page as `w2vkit demo` does, with the Hub out of reach."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": os.devnull}
    command = [sys.executable, "-m", "w2vkit", "demo", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        else:
            pytest.fail(f"the page did not come up: {server.stdout.read() if server.stdout else ''}")
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def client(url) -> Client:
    return Client(url, verbose=False)


@pytest.mark.parametrize("clip", examples(), ids=lambda clip: clip.path.name)
def test_a_clip_through_the_api_comes_back_transcribed(client, clip, heard):
    transcript, figure, facts = client.predict(handle_file(str(clip.path)), api_name="/transcribe")
    assert "".join(piece["token"] for piece in transcript) == heard[clip.path.name]
    assert figure["type"] == "plotly" and "times real time" in facts


@pytest.mark.parametrize(("content", "cause"), [(b"", "empty"), (b"<script>alert(1)</script>", "could not be read as audio")])
def test_bad_files_through_the_api_are_one_readable_message(client, tmp_path, content, cause):
    path = tmp_path / "<img src=x onerror=alert(1)>.wav"
    path.write_bytes(content)
    transcript, _, message = client.predict(handle_file(str(path)), api_name="/transcribe")
    assert transcript is None and cause in message and "<" not in message.replace("**", "")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    if not CHROMIUM:
        if os.environ.get("CI"):
            pytest.fail("CI must run the browser tests, and there is no chromium")
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        voice = tmp_path_factory.mktemp("voice") / "voice.wav"
        samples, rate = soundfile.read(SAY.path)
        soundfile.write(voice, samples, rate)
        arguments = [
            "--no-sandbox",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={voice}%noloop",
            "--disable-background-networking",
        ]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, url) -> Iterator[Page]:
    """Open the page; a console error or a request to another host fails the test that made it.

    The player's own remark that a file is no sound is not one: the tests drop such files.
    """
    context = browser.new_context(permissions=["microphone"], viewport={"width": 1200, "height": 1000})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda m: errors.append(m.text) if m.type == "error" and "Waveform load error" not in m.text else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: errors.append(request.url) if _foreign(request.url, url) else None)
    opened.goto(url)
    expect(opened.locator("#transcribe")).to_be_visible(timeout=30_000)
    yield opened
    context.close()
    assert not errors


def test_an_uploaded_file_is_shown_as_words_and_heatmap(page, tmp_path, heard):
    path = tmp_path / "会议 <b>.wav"
    samples, rate = soundfile.read(SAY.path)
    soundfile.write(path, samples, rate)
    page.locator("#source input[type=file]").set_input_files(str(path))
    expect(page.locator("#transcript")).to_contain_text(_words(heard[SAY.path.name]), timeout=30_000)
    expect(page.locator("#heatmap .main-svg").first).to_be_visible(timeout=30_000)
    expect(page.locator("#facts")).to_contain_text("times real time")


def test_an_example_is_one_click(page, heard):
    page.get_by_text(examples()[2].about, exact=True).click()
    expect(page.locator("#transcript")).to_contain_text(_words(heard[examples()[2].path.name]), timeout=30_000)


def test_the_microphone_is_transcribed_when_recording_stops(page):
    page.get_by_label("Record audio").click()
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(4500)
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#facts")).to_contain_text(re.compile(r"[345]\.\d s of sound .* times real time"), timeout=30_000)
    expect(page.locator("#transcript")).to_contain_text(re.compile("[A-Z]{2}"))


def test_a_missing_hub_is_explained_and_a_bad_file_leaves_the_page_working(page, tmp_path, heard):
    expect(page.locator("#notice")).to_contain_text("The small model is standing in")
    expect(page.locator("#notice")).to_contain_text("cannot be reached")
    bad = tmp_path / "bad.wav"
    bad.write_text("not sound")
    page.locator("#source input[type=file]").set_input_files(str(bad))
    expect(page.locator("#facts")).to_contain_text("could not be read as audio", timeout=30_000)
    page.get_by_text(examples()[0].about, exact=True).click()
    expect(page.locator("#transcript")).to_contain_text(_words(heard[SAY.path.name]), timeout=30_000)


def _words(text: str) -> re.Pattern[str]:
    """The words in order; how the page sets the space between them is its own matter."""
    return re.compile(r"\s*".join(map(re.escape, text.split())))


def _foreign(requested: str, url: str) -> bool:
    return not requested.startswith((url, "data:", "blob:", url.replace("http:", "ws:")))
