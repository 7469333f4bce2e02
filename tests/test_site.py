"""The site with w2v-mini in the browser: its build, and in Chromium what it computes, against Python."""

import base64
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import jiwer
import numpy as np
import pytest
import soundfile
import yaml
from playwright.sync_api import Browser, BrowserContext, FloatRect, Page, ViewportSize, expect
from support import axe

from benchmarks.browser import WORKER, compute, serve
from w2vkit.audio import Waveform, load
from w2vkit.decode import BeamSearch, Hypothesis, greedy, lm
from w2vkit.emissions import Emissions
from w2vkit.examples import examples
from w2vkit.model import CTCModel
from w2vkit_demo.tabs.linked_view import linked_view

ROOT = Path(__file__).parents[1]
PATIENCE = 120_000  # ms; the machine may be busy
FRAME = 0.02  # s
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """The program that builds the site."""
    sys.path.insert(0, str(ROOT / "site"))  # as if it was run as a program
    spec = importlib.util.spec_from_file_location("site_build", ROOT / "site" / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once; what it needs from npm is kept in build/npm."""
    try:
        build.from_npm(*build.RUNTIME)
    except build.SiteError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("site") / "dist"
    docs = tmp_path_factory.mktemp("docs")
    for page in build.DOORS:
        (docs / page).parent.mkdir(exist_ok=True)
        (docs / page).write_text("<!doctype html><title>Documentation</title><!-- front -->")
    build.build(folder, docs)
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serve(site) as served:
        yield served


@pytest.fixture(scope="module")
def browser_arguments() -> list[str]:
    """One process for all pages of a window. So the code of the model's runtime is compiled once, which takes seconds."""
    return ["--process-per-site"]


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    """The window in which all pages are opened."""
    context = browser.new_context(permissions=["microphone"], viewport={"width": 1200, "height": 1000})
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture(scope="module")
def plain(site: Path) -> Iterator[str]:
    """Another address of the site, for `lone`: no service worker comes from there."""
    with serve(site) as served:
        yield served


@pytest.fixture
def lone(context: BrowserContext) -> Iterator[Page]:
    """A page of a browser that has no service workers; one would answer the requests that a test answers."""
    page = context.new_page()
    page.add_init_script("delete Navigator.prototype.serviceWorker")
    yield page
    page.close()


@pytest.fixture(scope="module")
def open_page(context: BrowserContext, address: str) -> Callable[..., tuple[Page, list[str]]]:
    """Open the page and wait for its model; the list gets its console errors, and the window's requests to other hosts."""

    def open_one(
        viewport: ViewportSize | None = None,
        color_scheme: Literal["dark", "light"] | None = None,
        has_touch: bool = False,
    ) -> tuple[Page, list[str]]:
        page = context.new_page()
        if viewport:
            page.set_viewport_size(viewport)
        if has_touch:
            context.new_cdp_session(page).send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        page.emulate_media(color_scheme=color_scheme)
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        here = ("http://127.0.0.1:", "data:", "blob:")
        context.on("request", lambda request: None if request.url.startswith(here) else errors.append(request.url))
        page.goto(address)
        _ready(page)
        return page, errors

    return open_one


@pytest.fixture(scope="module")
def pages() -> dict[str, tuple[Page, list[str]]]:
    """The pages that were opened, by the options of their windows. Tests share them, since the model takes seconds to load."""
    return {}


@pytest.fixture
def page(open_page: Callable[..., tuple[Page, list[str]]], pages: dict, window: dict) -> Iterator[Page]:
    """The page as a visitor finds it, with its model; what goes wrong in its console fails the test that made it."""
    if repr(window) not in pages:
        pages[repr(window)] = open_page(**window)
    page, errors = pages[repr(window)]
    page.get_by_label("With language model").check()
    first = page.locator("#examples button").first
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    errors.clear()
    yield page
    assert not errors


@pytest.fixture(scope="module")
def computed(open_page: Callable[..., tuple[Page, list[str]]], pages: dict) -> list[dict[str, Any]]:
    """What the browser finds in the six clips."""
    pages[repr({})] = open_page()
    return compute(pages[repr({})][0])


@pytest.fixture(scope="module")
def python() -> list[tuple[Emissions, Hypothesis, Hypothesis]]:
    """The emissions of the six clips, and what both decoders find in them."""
    found = CTCModel.load("w2v-mini", device="cpu", dtype="float32").emit([load(clip.path) for clip in examples()])
    search = BeamSearch(language_model=lm.load(lm.BUNDLED))
    return [(emissions, greedy(emissions), search(emissions)) for emissions in found]


def test_the_browser_finds_the_words_times_and_confidences_of_python(computed, python):
    for in_browser, (_, by_greedy, by_beam) in zip(computed, python, strict=True):
        _same(in_browser["greedy"], by_greedy, 0.01)
        _same(in_browser["beam"], by_beam, 0.01)
        # From the emissions of Python, rounded to thousandths, without the rounding of weights.
        _same(in_browser["again"]["greedy"], by_greedy, 0.002)
        _same(in_browser["again"]["beam"], by_beam, 0.002)


def test_a_short_sound_gets_the_silence_that_it_gets_in_python(computed):
    model = CTCModel.load("w2v-mini", device="cpu", dtype="float32")
    seconds = [Waveform(load(clip.path).samples[16_000:32_000]) for clip in examples()]
    for in_browser, emissions in zip(computed, model.emit(seconds), strict=True):
        _same(in_browser["short"], greedy(emissions), 0.03)


def test_the_linked_view_gets_the_data_that_python_would_give(computed, python):
    for clip, in_browser, (emissions, hypothesis, _) in zip(examples(), computed, python, strict=True):
        wanted, found = asdict(linked_view(load(clip.path), emissions, hypothesis)), in_browser["view"]
        for name in ("labels", "blank", "silent", "boundary", "floor", "peak_seconds", "frame_seconds", "start_seconds"):
            assert np.array_equal(found[name], wanted[name]), name
        assert found["seconds"] == pytest.approx(wanted["seconds"], abs=0.001)
        assert [word["shade"] for word in found["words"]] == [word["shade"] for word in wanted["words"]]
        for name, dtype, most in (("matrix", np.uint8, 25), ("peaks", np.int8, 6)):
            mine, python_s = (np.frombuffer(base64.b64decode(one[name]), dtype).astype(int) for one in (found, wanted))
            assert np.abs(mine - python_s).mean() < 1 and np.quantile(np.abs(mine - python_s), 0.99) <= most, name


def test_examples_show_before_the_model_and_what_did_not_load_can_be_tried_again(lone, plain, python, tmp_path):
    program, model, language = "**/runtime/ort.wasm.min.mjs", "**/model/model*", "**/model/language*"
    for late in (program, model, language):
        lone.route(late, lambda route: route.abort())
    lone.goto(plain)
    said, facts, stage = (lone.locator(place) for place in ("#said", "#facts", "#stage"))
    expect(said).to_have_text(python[0][2].text)
    lone.locator("#examples button").nth(3).click()
    lone.get_by_label("Letter by letter").check()
    expect(said).to_have_text(python[3][1].text)
    expect(facts).to_contain_text("computed beforehand")
    expect(stage).to_contain_text("could not be started")
    lone.unroute(program)
    lone.locator("#again").click()
    expect(stage).not_to_contain_text("could not be started")
    expect(stage).to_contain_text("The examples work without it", timeout=PATIENCE)
    expect(lone.locator("#compute")).to_be_hidden()
    lone.unroute(model)
    lone.locator("#again").click()
    expect(stage).to_contain_text("The language model could not be loaded", timeout=PATIENCE)
    lone.locator("#compute").click()
    expect(facts).to_contain_text("times real time", timeout=PATIENCE)
    expect(said).to_have_text(python[3][1].text)
    lone.get_by_label("With language model").check()
    path = tmp_path / "street.wav"
    soundfile.write(path, load(examples()[3].path).samples, 16_000)
    lone.locator("#file").set_input_files(str(path))
    expect(facts).to_contain_text(path.name)
    expect(facts).to_contain_text("Read letter by letter, until the language model is here")
    expect(said).to_have_text(python[3][1].text)
    lone.unroute(language)
    lone.locator("#again").click()
    expect(said).to_have_text(python[3][2].text)
    expect(facts).not_to_contain_text("until")
    _ready(lone)


def test_a_broken_piece_of_the_model_is_fetched_anew(page, context, address):
    broken = page.evaluate("""async () => {
      const [name] = await caches.keys(), cache = await caches.open(name);
      const requests = (await cache.keys()).filter(({ url }) => url.includes("/model/"));
      for (const request of requests) await cache.put(request, new Response("sign in to this network first"));
      return requests.length;
    }""")
    assert broken > 2
    later = context.new_page()
    later.goto(address)
    _ready(later)
    later.close()


def test_what_is_shown_stays_when_the_model_comes(lone, plain):
    _with_worker(lone, plain, "setTimeout(() => (postMessage({ ready: 'model' }), answer()), 1500);")
    lone.evaluate("document.querySelector('#view .lv-word').heard = true")  # as if its sound was playing
    expect(lone.locator("#compute")).to_be_visible()
    assert lone.evaluate("document.querySelector('#view .lv-word').heard")


def test_the_tour_tells_that_a_change_could_not_be_computed(lone, plain):
    failed = "postMessage({ id: data.id, failed: 'out of memory' });"
    _with_worker(lone, plain, "postMessage({ ready: 'model' }); answer();", failed)
    _step(lone, 1)
    _slide(lone, 10)
    expect(lone.locator("#tour .note")).to_contain_text("could not be computed: out of memory")
    _step(lone, 4)
    expect(lone.locator("#tour .note")).to_be_empty()


def test_without_its_facts_the_page_says_what_to_do(lone, plain):
    lone.route("**/about.json", lambda route: route.abort())
    lone.goto(plain)
    expect(lone.locator("#stage")).to_contain_text("Check the connection and reload it")


def test_opened_as_a_file_the_page_says_how_to_serve_it(browser, site):
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    expect(page.locator("#stage")).to_contain_text("python -m http.server")
    page.close()


def test_an_uploaded_file_gives_its_words_by_both_decoders(page, python, tmp_path):
    path = tmp_path / "die Straße <b>.wav"
    samples, rate = soundfile.read(examples()[3].path)
    soundfile.write(path, samples, rate)
    page.locator("#file").set_input_files(str(path))
    expect(page.locator("#facts")).to_contain_text("times real time")
    expect(page.locator("#facts")).to_contain_text(path.name)
    expect(page.locator("#said")).to_have_text(python[3][2].text)
    page.get_by_label("Letter by letter").check()
    expect(page.locator("#said")).to_have_text(python[3][1].text)
    expect(page.locator("#view .lv-word")).to_have_text(python[3][1].text.split())


def test_a_sound_longer_than_a_pass_is_computed_in_windows(page, python, tmp_path):
    path = tmp_path / "long.wav"
    samples = np.concatenate([load(clip.path).samples for clip in (*examples(), *examples()[:2])])  # of three windows
    soundfile.write(path, samples, 16_000)
    page.get_by_label("Letter by letter").check()
    page.locator("#file").set_input_files(str(path))
    expect(page.locator("#facts")).to_contain_text("times real time")
    (wanted,) = CTCModel.load("w2v-mini", device="cpu", dtype="float32").emit([load(path)])
    assert len(samples) > 40 * 16_000
    assert jiwer.wer(greedy(wanted).text, page.locator("#said").inner_text()) < 0.03


@pytest.mark.parametrize(
    ("content", "told"),
    [("text", "could not be read as sound"), ("short", "is too short"), ("silence", "has no sound"), ("long", "minutes")],
)
def test_a_bad_file_gets_one_message_and_the_result_before_stays(page, python, tmp_path, content, told):
    path = tmp_path / f"{content}.wav"
    if content == "text":
        path.write_text("no sound")
    else:
        length = {"short": 400, "silence": 16_000, "long": 16_000 * 601}[content]
        soundfile.write(path, np.zeros(length) if content == "silence" else np.full(length, 0.1), 16_000)
    page.locator("#file").set_input_files(str(path))
    expect(page.locator("#trouble")).to_contain_text(told)
    expect(page.locator("#said")).to_have_text(python[0][2].text)
    expect(page.locator("#facts")).to_contain_text("woman")
    page.locator("#examples button").nth(1).click()
    expect(page.locator("#trouble")).to_be_hidden()


def test_the_microphone_is_heard(page, python):
    page.locator("#record").click()
    expect(page.locator("#record")).to_have_text("Stop and read")
    page.wait_for_timeout(6000)
    page.locator("#record").click()
    expect(page.locator("#facts")).to_contain_text("Your recording")
    expect(page.locator("#facts")).to_contain_text("times real time")
    assert jiwer.wer(python[0][2].text, page.locator("#said").inner_text()) < 0.4  # Chromium plays the file while it starts


def test_two_presses_start_one_recording_and_a_long_one_ends_by_itself(lone, plain, site):
    program = (site / "page.js").read_text(encoding="utf-8").replace("MOST_SECONDS = 600", "MOST_SECONDS = 2")
    lone.route("**/page.js", lambda route: route.fulfill(body=program, content_type="text/javascript"))
    lone.goto(plain)
    _ready(lone)
    lone.evaluate("""() => {
      const devices = navigator.mediaDevices, real = devices.getUserMedia.bind(devices);
      window.calls = 0;
      devices.getUserMedia = options => (window.calls++, real(options));
      const button = document.querySelector("#record");
      button.click();
      button.click();
    }""")
    expect(lone.locator("#facts")).to_contain_text("Your recording. 2.0 s, computed here")
    assert lone.evaluate("window.calls") == 1


def test_the_site_works_offline_after_the_first_visit(context, site, python):
    page = context.new_page()
    with serve(site) as address:
        page.goto(address)
        _ready(page)
        expect(page.locator("#stage")).to_contain_text("also works offline")
    page.goto(address)  # nobody serves it any more
    _ready(page)
    page.locator("#examples button").nth(4).click()
    page.locator("#compute").click()
    expect(page.locator("#facts")).to_contain_text("times real time")
    expect(page.locator("#said")).to_have_text(python[4][2].text)
    page.close()


def test_the_tour_changes_what_it_tells_of(page, python):
    said, clip = page.locator("#tour .whole"), page.locator("#tour .band-text .content")
    text = python[0][1].text
    _step(page, 1)
    expect(page.locator("#tour .more")).to_have_attribute("href", "docs/course/02_sound_as_numbers/index.html")
    expect(said).to_contain_text(text)
    _slide(page, 10)
    _step(page, 3)
    _slide(page, 10)
    expect(page.locator("#tour mark").first).to_be_visible()
    _step(page, 5)
    expect(clip).to_have_text("THE TREES AND")
    page.locator("#tour .control input").check()
    expect(clip).to_have_text("THE TREHS AND")  # an H fills blank frames
    _step(page, 6)
    expect(said).to_contain_text("have to go")
    first = page.locator("#tour button.cell").nth(2)
    first.press("Enter")
    expect(first).to_be_focused()
    expect(first).to_have_attribute("aria-pressed", "true")
    page.get_by_text("Do it for me").click()
    expect(clip).to_have_text("THE TREES AND")
    _step(page, 7)
    _slide(page, 0)
    expect(page.locator("#tour s")).to_have_count(0)
    _slide(page, 100)
    expect(page.locator("#tour s")).to_have_count(len(text.split()))
    _step(page, 8)
    expect(page.locator("#tour mark")).to_have_text("BIRDS")


@pytest.mark.parametrize("window", [{"viewport": {"width": 390, "height": 800}, "has_touch": True}])
def test_a_phone_shows_everything_without_scrolling_sideways(page, window):
    name, course, record, choose = (_box(page, place) for place in (".name", ".top nav a[href*=course]", "#record", "#choose"))
    assert name["x"] + name["width"] + 10 <= course["x"]
    assert record["y"] == choose["y"]
    for number in range(1, 9):
        _step(page, number)
        assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize(
    "window",
    [
        {},
        {"color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 800}, "has_touch": True},
    ],
)
def test_axe_finds_no_accessibility_faults(page):
    assert not axe.faults(page)
    for number in range(1, 9):
        _step(page, number)
        assert not axe.faults(page, "#tour")  # the rest stays as it is


def test_the_decoder_stays_in_its_place_when_the_model_comes(page):
    for button in page.locator("#examples button").all():
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        facts, decoder = _box(page, "#facts"), _box(page, "#decoder")
        assert decoder["y"] < facts["y"] + facts["height"] and facts["x"] + facts["width"] < decoder["x"]


@pytest.mark.parametrize("window", [{}, {"viewport": {"width": 390, "height": 800}, "has_touch": True}])
def test_the_tour_shows_the_frame_that_was_chosen(page, window):
    _step(page, 2)
    board = _box(page, "#tour .board")
    for frame in (0, 12, int(page.locator("#tour .control input").get_attribute("max") or 0)):
        _slide(page, frame)
        chosen = _box(page, "#tour .cell.here")
        assert board["x"] <= chosen["x"] and chosen["x"] + chosen["width"] <= board["x"] + board["width"]


def test_the_documentation_and_the_course_lead_to_the_front(site, build):
    for page in build.DOORS:
        (front,) = re.findall(r'href="([^"]+)"', (site / "docs" / page).read_text())
        assert ((site / "docs" / page).parent / front).resolve() == site / "index.html"


def test_the_model_takes_at_most_25_megabytes(site):
    assert sum(path.stat().st_size for path in (site / "model").iterdir()) < 25e6


def test_a_damaged_archive_is_deleted_and_told(build, tmp_path):
    archive = tmp_path / "some-1.0.0.tgz"
    archive.write_bytes(b"other")
    with pytest.raises(build.SiteError, match="not the file that was published"):
        build.from_npm("some", "1.0.0", "sha512-wrong", cache=tmp_path)
    assert not archive.exists()


def test_without_the_registry_the_message_says_what_to_do(build, tmp_path):
    with pytest.raises(build.SiteError, match=r"could not be fetched.*Connect to the network"):
        build.from_npm("some", "1.0.0", "sha512-wrong", registry="http://127.0.0.1:9", cache=tmp_path)


def test_the_static_space_is_the_site_with_its_configuration(site, tmp_path):
    sys.path.insert(0, str(ROOT / "space"))
    spec = importlib.util.spec_from_file_location("space_build", ROOT / "space" / "build.py")
    assert spec and spec.loader
    space = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(space)
    (tmp_path / ".git").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old.bin").touch()
    space.build_static(tmp_path, site)
    told = yaml.safe_load((tmp_path / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert told["sdk"] == "static" and (tmp_path / told["app_file"]).is_file()
    assert len(told["short_description"]) <= 60
    assert (tmp_path / ".git").is_dir() and not (tmp_path / "model" / "old.bin").exists()
    large = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 1e6]
    stored = (tmp_path / ".gitattributes").read_text()
    assert large and all(f"*{path.suffix} filter=lfs" in stored for path in large)


def test_the_static_space_asks_for_the_site_first(tmp_path):
    code = f"import build, pathlib; build.build_static(pathlib.Path({str(tmp_path)!r}), pathlib.Path({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "space", capture_output=True, text=True)
    assert done.returncode == 1 and "make site" in done.stderr


def _same(found: list[dict], wanted: Hypothesis, tolerance: float) -> None:
    assert [word["text"] for word in found] == wanted.text.split()
    for mine, word in zip(found, wanted.words, strict=True):
        assert mine["confidence"] == pytest.approx(word.confidence, abs=tolerance)
        assert [mine["start"], mine["end"]] == pytest.approx([word.start, word.end], abs=FRAME)


# Graphics processors: the numbers of the first are wrong, the second is lost after it was compared, the third gives zeros then.
GPU = "Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => ({}) } });"
RUNTIME = """import * as ort from "./ort.wasm.min.mjs";
export const env = { wasm: {} };
const faults = [
  (runs, data) => { data[0] -= 1; data[1] = NaN; },
  runs => { if (runs > 2) throw new Error("device lost"); },
  (runs, data) => { if (runs > 1) data.fill(0); },
];
export const InferenceSession = { async create(model) {
  const session = await ort.InferenceSession.create(model), fault = faults.shift();
  let runs = 0;
  return { release() {}, async run(feeds) {
    const result = await session.run(feeds);
    fault(++runs, result.log_probs.data);
    return result;
  } };
} };"""


BY_WEBGPU = (
    """async () => {
  const { decoded } = await import(`${location.href}sound.js`);
"""
    + WORKER
    + """  const sound = await decoded(await (await fetch(about.examples[0].audio)).arrayBuffer());
  const samples = sound.slice(8000, 12000);
  const slow = await ask({ act: "transcribe", samples, decoder: "greedy" });
  await ask({ act: "accelerate", samples });
  const fast = await ask({ act: "transcribe", samples, decoder: "greedy" });
  return [fast.by, Math.max(...slow.logProbs.map((x, i) => Math.abs(Math.exp(x) - Math.exp(fast.logProbs[i]))))];
}"""
)


def test_webgpu_is_used_as_long_as_its_numbers_are_right(lone, plain, site, python):
    worker = (site / "worker.js").read_text(encoding="utf-8")
    lone.route("**/worker.js", lambda route: route.fulfill(body=GPU + worker, content_type="text/javascript"))
    lone.route("**/ort.webgpu.min.mjs", lambda route: route.fulfill(body=RUNTIME, content_type="text/javascript"))
    lone.goto(plain)
    example = 0
    for told, *by in (
        ("cannot be used (its probabilities differ", "WebAssembly"),
        ("computes from now on", "WebGPU", "WebAssembly"),
        ("computes from now on", "WebAssembly"),
    ):
        lone.locator("#webgpu").click()
        expect(lone.locator("#stage")).to_contain_text(told)
        for name in by:
            lone.locator("#examples button").nth(example).click()
            lone.locator("#compute").click()
            expect(lone.locator("#facts")).to_contain_text(f"by {name}")
            expect(lone.locator("#said")).to_have_text(python[example][2].text)
            example += 1
        if told == "computes from now on":
            expect(lone.locator("#stage")).to_contain_text("The graphics processor failed")
        lone.evaluate("document.querySelector('#webgpu').hidden = false")  # as at the next visit, without loading all again


@pytest.mark.nightly
def test_webgpu_gives_the_numbers_of_webassembly(browser, address):
    """SwiftShader, which computes WebGPU on the processor, stands for a graphics processor; it is slow."""
    arguments = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]
    other = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=arguments)
    page = other.new_page()
    page.goto(address)
    expect(page.locator("#view .lv-word").first).to_be_visible()
    if not page.evaluate("async () => Boolean(await navigator.gpu?.requestAdapter())"):
        pytest.skip("this Chromium has no WebGPU")
    by, far = page.evaluate(BY_WEBGPU)
    assert by == "WebGPU" and far < 0.001  # of probabilities
    other.close()


def _with_worker(page: Page, address: str, on_load: str, on_others: str = "") -> None:
    """Open the page with another program in the place of the worker, in which no model is computed."""
    program = f"""onmessage = ({{ data }}) => {{
      const answer = () => postMessage({{ id: data.id, done: null }});
      if (data.act === "load") {{ {on_load} }} else {{ {on_others} }}
    }};"""
    page.route("**/worker.js", lambda route: route.fulfill(body=program, content_type="text/javascript"))
    page.goto(address)
    expect(page.locator("#view .lv-word").first).to_be_visible()


def _box(page: Page, place: str) -> FloatRect:
    """Where an element is."""
    box = page.locator(place).bounding_box()
    assert box
    return box


def _ready(page: Page) -> None:
    expect(page.locator("#loading.done")).to_be_attached(timeout=PATIENCE)


def _step(page: Page, number: int) -> None:
    page.locator("#tour .steps button").nth(number - 1).click()


def _slide(page: Page, value: float) -> None:
    page.locator("#tour .control input").fill(str(value))
