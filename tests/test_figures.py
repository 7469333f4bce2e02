"""The figures of the notebooks that need no kernel: they start, and answer to clicks, typing and keys."""

from collections.abc import Callable, Iterator
from typing import Any

import figures
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from w2vkit.audio import Waveform
from w2vkit.emissions import Emissions, Vocabulary


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page whose errors fail the test."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert not errors


@pytest.fixture
def opened(page: Page, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Page]:
    """Open what a function of `figures` shows."""

    def show(draw: Callable[..., None], *arguments: Any, **options: Any) -> Page:
        shown: list[str] = []
        monkeypatch.setattr(figures, "display", lambda data, **_: shown.append(data["text/html"]))
        draw(*arguments, **options)
        page.set_content(shown[0])
        expect(page.locator("[data-started] svg")).to_be_visible()
        return page

    return show


def speech() -> tuple[Waveform, Emissions]:
    vocabulary = Vocabulary.of("εAB|", blank="ε")
    log_probs = np.full((10, 4), -5.0, np.float32)
    log_probs[np.arange(10), [0, 1, 1, 0, 3, 2, 2, 0, 2, 0]] = -0.03
    samples = (0.5 * np.sin(np.arange(3200) / 5)).astype(np.float32)
    return Waveform(samples, 16_000), Emissions(log_probs, vocabulary)


@pytest.mark.slow
def test_the_window_moves_to_another_frame(opened):
    page = opened(figures.draw_frames, *speech(), 0.025, 1)
    expect(page.get_by_text("text so far: A")).to_be_visible()
    page.get_by_role("slider", name="frame").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_text("text so far: A BB")).to_be_visible()
    expect(page.get_by_text("frame 9 sees 25 ms")).to_be_visible()


@pytest.mark.slow
def test_the_zoom_shows_and_plays_what_is_seen(opened):
    page = opened(figures.draw_zoom, speech()[0], 0.1, width=20.0)
    expect(page.get_by_text("320 samples in 20.0 ms")).to_be_visible()
    page.get_by_role("button", name="play what you see").click()
    expect(page.get_by_text("50.0 times a second")).to_be_visible()


@pytest.mark.slow
def test_a_path_is_typed_or_clicked(opened):
    page = opened(figures.draw_path, "εHELO␣", "εεεεεεεεε", "HELLO")
    page.get_by_label("9 frames").fill("hheellll ")
    expect(page.get_by_text("blanks out:   HEL ")).to_be_visible()
    page.locator("[data-cell='O8']").click()
    expect(page.get_by_text("that is it")).not_to_be_visible()
    page.locator("[data-cell='ε5']").click()
    expect(page.get_by_text("that is it")).to_be_visible()


@pytest.mark.slow
def test_a_path_through_the_lattice_is_checked_and_counted(opened):
    page = opened(figures.draw_lattice, "εBED", np.full((4, 4), 0.25), ["BEE", "BE"], [1, 3, 4, 5], filled=4)
    expect(page.get_by_text(f"P(BEE) = {1 / 4**4:.6f}")).to_be_visible()  # four frames allow one path
    page.get_by_role("combobox").select_option("BE")
    for state in ("0,0", "1,1", "2,3"):
        page.locator(f"[data-state='{state}']").click()
    page.locator("[data-state='3,0']").click()
    expect(page.get_by_text("Not allowed")).to_be_visible()
    page.locator("[data-state='3,3']").click()
    expect(page.get_by_text("found: 1 of 15 paths")).to_be_visible()  # as notebook 05 counts them
    page.get_by_role("button", name="fill").click()
    expect(page.get_by_text(f"P(BE) = {15 / 4**4:.6f}")).to_be_visible(timeout=10_000)


def test_the_tree_grows_and_drops_prefixes(opened):
    history = [{"A": (0.0, 0.6), "": (0.3, 0.0), "B": (0.0, 0.1)}, {"AB": (0.0, 0.4), "A": (0.2, 0.1), "B": (0.05, 0.0)}]
    page = opened(figures.draw_tree, history, 2, 0)
    expect(page.get_by_text("the best is “A”")).to_be_visible()
    page.get_by_role("slider", name="after frame").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("2 prefixes of 3; the best is “AB”")).to_be_visible()


def test_data_of_a_figure_cannot_end_its_script(opened):
    page = opened(figures.draw_path, ["ε", "A"], "εA", "</script><b>")
    expect(page.get_by_text("wanted: </script><b>")).to_be_visible()


def test_a_cut_is_moved_and_gets_context(opened):
    words = [("A", 0.0, 0.1), ("B", 0.1, 0.2)]
    cuts = [(0.05, "inside of A", True), (0.1, "between A and B", False)]
    readings = {0.0: [("B", "", "B"), ("AB", "A", "B")], 0.1: [("A B", "A B", "A B"), ("A B", "A B", "A B")]}
    page = opened(figures.draw_cuts, speech()[0], words, cuts, readings, 0)
    expect(page.get_by_text("Cut inside of A, 0.05 s, context 0 s: 2 wrong characters")).to_be_visible()
    expect(page.locator(".missing")).to_have_text("A ")
    page.locator("[data-cut='1']").click()
    expect(page.get_by_text("Cut between A and B, 0.10 s, context 0 s: 1 wrong characters")).to_be_visible()
    page.get_by_role("combobox").select_option("0.1 s")
    expect(page.get_by_text("context 0.1 s: 0 wrong characters")).to_be_visible()


def test_a_word_without_any_edit_is_right():
    assert figures.edits("ONE TWO", "ONE TWO") == 0
    assert figures.edits("ONE TWO", "ONTWO") == 2
    assert figures.edits("ONE", "") == 3
